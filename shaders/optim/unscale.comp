// unscale: g' = g / scale, 0 where g is no finite number; flag of an invocation: it met such a number
// g, g' (count) vec4   scaler (8): the first is the scale, a power of two   flags (threads) u32
// grid linear over threads <= count   spec WG   push count threads   g' may be g
#version 460
#extension GL_GOOGLE_include_directive : require
#include "alias.glsl"
#include "index.glsl"

ALIASED layout(set = 0, binding = 0, std430) readonly buffer G { vec4 g[]; };
layout(set = 0, binding = 1, std430) readonly buffer Scaler { float scaler[8]; };
ALIASED layout(set = 0, binding = 2, std430) writeonly buffer G1 { vec4 g1[]; };
layout(set = 0, binding = 3, std430) writeonly buffer Flags { uint flags[]; };
layout(push_constant) uniform Push { uint count, threads; };

void main() {
    uint id = linear_index(), found = 0;
    if (id >= threads) return;
    float inverse = 1 / scaler[0];
    for (uint i = id; i < count; i += threads) {
        vec4 x = g[i];
        // By the bits: compilers may assume that no number is infinite or none.
        bvec4 bad = greaterThanEqual(floatBitsToUint(x) & 0x7f800000u, uvec4(0x7f800000u));
        g1[i] = mix(x * inverse, vec4(0), bad);
        found |= uint(any(bad));
    }
    flags[id] = found;
}
