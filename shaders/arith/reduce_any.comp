// reduce_any: y = sum of x over up to two axes that lie anywhere, one invocation for each sum
// x f32 dense   y (count) f32
// grid linear over count   spec WG   push count, size of the inner kept axis, steps of the kept axes, sizes and steps
//   of the summed axes (outer, inner)   any size
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"

layout(set = 0, binding = 0, std430) readonly buffer X { float x[]; };
layout(set = 0, binding = 1, std430) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push {
    uint count, keep_size, keep_step0, keep_step1, sum_size0, sum_size1, sum_step0, sum_step1;
};

void main() {
    uint i = linear_index();
    if (i >= count) return;
    uint base = i / keep_size * keep_step0 + i % keep_size * keep_step1;
    float sum = 0.0;
    for (uint r0 = 0; r0 < sum_size0; r0++) {
        float part = 0.0;
        uint at = base + r0 * sum_step0;
        for (uint r1 = 0; r1 < sum_size1; r1++, at += sum_step1) part += x[at];
        sum += part;
    }
    y[i] = sum;
}
