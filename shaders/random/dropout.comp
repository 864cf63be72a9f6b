// dropout: y = x keep where u >= rate, else 0; u is number i / share of the stream (salt, step) with key seed
// x, y (count) f32; VEC = 1: read and written as vec4   clock (2) i32 = seed, step
// grid linear over ceil(count / 4): one Philox block, four elements, an invocation   spec WG
// push count rate keep salt share   VEC = 1 needs count % 4 == 0; y may be x
#version 460
#extension GL_GOOGLE_include_directive : require
#include "alias.glsl"
#include "index.glsl"
#include "rng.glsl"

#if VEC
ALIASED layout(set = 0, binding = 0, std430) readonly buffer X { vec4 x[]; };
ALIASED layout(set = 0, binding = 2, std430) writeonly buffer Y { vec4 y[]; };
#else
ALIASED layout(set = 0, binding = 0, std430) readonly buffer X { float x[]; };
ALIASED layout(set = 0, binding = 2, std430) writeonly buffer Y { float y[]; };
#endif
layout(set = 0, binding = 1, std430) readonly buffer Clock { int clock[]; };
layout(push_constant) uniform Push { uint count; float rate, keep; int salt; uint share; };

void main() {
    uint block = linear_index();
    if (block * 4 >= count) return;
    uvec2 key = uvec2(uint(clock[0]), 0), stream = uvec2(uint(salt), uint(clock[1]));
    vec4 u;
    if (share == 1) u = vec4(hone_rng_block(key, stream, uvec2(block, 0)) >> 8) * 5.9604644775390625e-8;
    else
        for (uint k = 0; k < 4; k++) u[k] = hone_rng_f32(key, stream, uvec2((block * 4 + k) / share, 0));
    bvec4 kept = greaterThanEqual(u, vec4(rate));
#if VEC
    y[block] = mix(vec4(0.0), x[block] * keep, kept);
#else
    uint end = min(count - block * 4, 4);
    for (uint k = 0; k < end; k++) y[block * 4 + k] = kept[k] ? x[block * 4 + k] * keep : 0.0;
#endif
}
