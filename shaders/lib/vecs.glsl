// vecs.glsl: 16 bytes of neighbouring channels, what a lane of a GPU loads at once, as VECS vec4s of f32: four
// channels in f32, eight in 16 bits (elem.glsl).
#ifndef HONE_VECS_GLSL
#define HONE_VECS_GLSL
#include "elem.glsl"

struct vecs {
#if ELEM == 0
    vec4 v[1];
#else
    vec4 v[2];
#endif
};

#if ELEM == 0
const int VECS = 1;
#define VECS_STORED vec4
vecs vecs_of(vec4 stored) { return vecs(vec4[1](stored)); }
vec4 vecs_stored(vecs a) { return a.v[0]; }
#else
const int VECS = 2;
#define VECS_STORED uvec4
vecs vecs_of(uvec4 stored) { return vecs(vec4[2](elem_vec4(stored.xy), elem_vec4(stored.zw))); }
uvec4 vecs_stored(vecs a) { return uvec4(out_vec4(a.v[0]), out_vec4(a.v[1])); }
#endif

#endif
