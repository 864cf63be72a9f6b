// channels.glsl: WIDTH neighbouring channels that an invocation works on together, as one type for 1, 2 and 4 of them.
#if WIDTH == 1
#define LANES float
#define LANE(v, e) v
#elif WIDTH == 2
#define LANES vec2
#define LANE(v, e) v[e]
#else
#define LANES vec4
#define LANE(v, e) v[e]
#endif
