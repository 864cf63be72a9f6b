// conv_wgrad_sum: dw = sum of the slices, in their order: the same bits every run
// part (slices, count) f32   dw (count) OUT
// grid linear over ceil(count / OUT_WIDTH)   spec WG   push count slices   any size
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"
#include "elem.glsl"

layout(set = 0, binding = 0, std430) readonly buffer Part { float part[]; };
layout(set = 0, binding = 1, std430) writeonly buffer DW { O dw[]; };
layout(push_constant) uniform Push { uint count, slices; };

void main() {
    uint i = linear_index() * OUT_WIDTH;
    if (i >= count) return;
#if OUT == 0
    float sum = 0.0;
    for (uint j = 0; j < slices; j++) sum += part[j * count + i];
    dw[i] = sum;
#else
    vec2 sum = vec2(0.0);
    uint next = min(i + 1, count - 1);
    for (uint j = 0; j < slices; j++) sum += vec2(part[j * count + i], part[j * count + next]);
    dw[i >> 1] = out_pack(sum);
#endif
}
