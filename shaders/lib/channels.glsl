// channels.glsl: WIDTH neighbouring channels that an invocation works on together, as one type for 1, 2, 4 and 8 of
// them. STORED is their form in a buffer: eight go as four 64-bit words, because a CPU driver loads lane by lane and
// takes eight floats in little more time than four. In 16 bits (-DELEM=1 f16, 2 bf16) a word holds two channels and
// WIDTH is 2 or 4; STORED32 is the form of f32 parameters and sums beside them.
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

#ifndef ELEM
#define ELEM 0
#endif
#if ELEM == 0
#define STORED32 STORED
#define lanes_of32 lanes_of
#define stored32 stored
#else
#include "half.glsl"
#define STORED32 LANES
#define lanes_of32(v) (v)
#define stored32(v) (v)
#if ELEM == 1
#define half_pack hone_f16_pack
#define half_unpack hone_f16_unpack
#else
#define half_pack hone_bf16_pack
#define half_unpack hone_bf16_unpack
#endif
#endif

#if ELEM != 0
#if WIDTH == 2
#define STORED uint
vec2 lanes_of(uint v) { return half_unpack(v); }
uint stored(vec2 v) { return half_pack(v); }
#else
#define STORED uvec2
vec4 lanes_of(uvec2 v) { return vec4(half_unpack(v.x), half_unpack(v.y)); }
uvec2 stored(vec4 v) { return uvec2(half_pack(v.xy), half_pack(v.zw)); }
#endif
#define lanes_fma(a, b, c) fma(a, b, c)
#elif WIDTH == 8
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
