// bench_copy: y = x, the yardstick of memory bandwidth
// x, y (count) vec4
// grid linear over count   spec WG   push count   any size
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"

layout(set = 0, binding = 0, std430) readonly buffer X { vec4 x[]; };
layout(set = 0, binding = 1, std430) writeonly buffer Y { vec4 y[]; };
layout(push_constant) uniform Push { uint count; };

void main() {
    uint i = linear_index();
    if (i < count) y[i] = x[i];
}
