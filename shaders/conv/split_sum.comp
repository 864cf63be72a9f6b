// conv_split_sum: dst = act(sum of the slices in their order + bias + r): the second pass of a split contraction
// part (slices, count) f32   b (channels) f32 (any buffer when BIAS = 0)   dst (count) OUT; the last axis is channels
// r (count) OUT (any buffer when ADD = 0); dst may be r
// grid linear over ceil(count / 4)   spec WG ACT BIAS ADD   push count slices channels act_a act_b
// 16-bit dst: count may be anything, the last word is written whole
#version 460
#extension GL_GOOGLE_include_directive : require
#include "alias.glsl"
#include "index.glsl"
#include "act.glsl"
#include "elem.glsl"

layout(constant_id = 1) const uint ACT = 0;
layout(constant_id = 2) const uint BIAS = 0;
layout(constant_id = 3) const uint ADD = 0;
layout(set = 0, binding = 0, std430) readonly buffer Part { float part[]; };
layout(set = 0, binding = 1, std430) readonly buffer B { float b[]; };
ALIASED layout(set = 0, binding = 2, std430) readonly buffer R { O r[]; };
ALIASED layout(set = 0, binding = 3, std430) writeonly buffer Dst { O dst[]; };
layout(push_constant) uniform Push { uint count, slices, channels; float act_a, act_b; };

void main() {
    uint i = linear_index() * 4;
    if (i >= count) return;
    vec4 sum = vec4(0.0);
    uint last = count - 1;
    for (uint j = 0; j < slices; j++) {
        uint at = j * count;
        sum += vec4(part[at + i], part[at + min(i + 1, last)], part[at + min(i + 2, last)],
                    part[at + min(i + 3, last)]);
    }
    if (BIAS != 0)
        sum += vec4(b[i % channels], b[(i + 1) % channels], b[(i + 2) % channels], b[(i + 3) % channels]);
    if (ADD != 0)
        sum += vec4(O_AT(r, i), O_AT(r, min(i + 1, last)), O_AT(r, min(i + 2, last)), O_AT(r, min(i + 3, last)));
    sum = hone_act(ACT, act_a, act_b, sum);
#if OUT == 0
    dst[i] = sum.x;
    if (i + 1 < count) dst[i + 1] = sum.y;
    if (i + 2 < count) dst[i + 2] = sum.z;
    if (i + 3 < count) dst[i + 3] = sum.w;
#else
    dst[i >> 1] = out_pack(sum.xy);
    if (i + 2 < count) dst[(i >> 1) + 1] = out_pack(sum.zw);
#endif
}
