// width.glsl: V is what an invocation handles of a tensor whose last axis is channels: four of them (-DWIDTH=4,
// sizes in push constants count fours) or one. Code between #includes is written once for both. Tensors of pictures
// are read with LOAD and written with STORE (elem.glsl); in 16 bits WIDTH is 4.
#ifndef HONE_WIDTH_GLSL
#define HONE_WIDTH_GLSL
#include "elem.glsl"

#if WIDTH == 4
#define V                vec4
#define IV               ivec4
#define V_GREATER(a, b)  greaterThan(a, b)
#define V_EQUAL(a, b)    equal(a, b)
#define V_OR(a, b)       bvec4(uvec4(a) | uvec4(b))
#define V_SUM(v)         dot(v, vec4(1.0))
#else
#define V                float
#define IV               int
#define V_GREATER(a, b)  ((a) > (b))
#define V_EQUAL(a, b)    ((a) == (b))
#define V_OR(a, b)       ((a) || (b))
#define V_SUM(v)         (v)
#endif

#endif
