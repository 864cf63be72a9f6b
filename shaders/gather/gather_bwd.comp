// gather_bwd: dx = the sum of dy over the outputs that took this element, in the order of `order`
// dy (count) f32   order (count) f32   start (elements + 1) f32   dx (elements) f32
// grid linear over elements   spec WG   push elements count
// gathers: no atomics
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"

layout(set = 0, binding = 0, std430) readonly buffer Dy { float dy[]; };
layout(set = 0, binding = 1, std430) readonly buffer Order { float order[]; };
layout(set = 0, binding = 2, std430) readonly buffer Start { float start[]; };
layout(set = 0, binding = 3, std430) writeonly buffer Dx { float dx[]; };
layout(push_constant) uniform Push { uint elements, count; };

void main() {
    uint i = linear_index();
    if (i >= elements) return;
    uint end = min(uint(start[i + 1]), count);
    float sum = 0.0;
    for (uint k = uint(start[i]); k < end; k++) sum += dy[min(uint(order[k]), count - 1)];
    dx[i] = sum;
}
