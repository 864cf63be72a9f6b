// conv_wgrad_sum: dw = sum of the slices, in their order: the same bits every run
// part (slices, count) f32   dw (count) f32
// grid linear over count   spec WG   push count slices   any size
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"

layout(set = 0, binding = 0, std430) readonly buffer Part { float part[]; };
layout(set = 0, binding = 1, std430) writeonly buffer DW { float dw[]; };
layout(push_constant) uniform Push { uint count, slices; };

void main() {
    uint i = linear_index();
    if (i >= count) return;
    float sum = 0.0;
    for (uint j = 0; j < slices; j++) sum += part[j * count + i];
    dw[i] = sum;
}
