// channels.glsl: WIDTH neighbouring channels that an invocation works on together, as one type for 1, 2, 4 and 8 of
// them. STORED is their form in a buffer: eight go as four 64-bit words, because a CPU driver loads lane by lane and
// takes eight floats in little more time than four.
#if WIDTH == 1
#define LANES float
#define LANE(v, e) v
#elif WIDTH == 2
#define LANES vec2
#define LANE(v, e) v[e]
#elif WIDTH == 4
#define LANES vec4
#define LANE(v, e) v[e]
#else
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#define LANES mat2x4
#define LANE(v, e) v[(e) / 4][(e) % 4]
#endif

#if WIDTH == 8
#define STORED u64vec4
LANES lanes_of(STORED v) {
    return LANES(vec4(uintBitsToFloat(unpackUint2x32(v.x)), uintBitsToFloat(unpackUint2x32(v.y))),
                 vec4(uintBitsToFloat(unpackUint2x32(v.z)), uintBitsToFloat(unpackUint2x32(v.w))));
}
STORED stored(LANES v) {
    uvec4 a = floatBitsToUint(v[0]), b = floatBitsToUint(v[1]);
    return u64vec4(packUint2x32(a.xy), packUint2x32(a.zw), packUint2x32(b.xy), packUint2x32(b.zw));
}
LANES lanes_fma(LANES a, LANES b, LANES c) { return LANES(fma(a[0], b[0], c[0]), fma(a[1], b[1], c[1])); }
#else
#define STORED LANES
#define lanes_of(v) (v)
#define stored(v) (v)
#define lanes_fma(a, b, c) fma(a, b, c)
#endif
