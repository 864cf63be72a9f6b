// fill: y[i] = value
// y (count) f32
// grid linear over count   spec WG   push count value   any size
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"

layout(set = 0, binding = 0, std430) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push { uint count; float value; };

void main() {
    uint i = linear_index();
    if (i < count) y[i] = value;
}
