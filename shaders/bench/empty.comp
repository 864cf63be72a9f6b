// bench_empty: nothing, the yardstick of a dispatch
// x (1) u32, bound and not used
// grid 1   spec WG
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"

layout(set = 0, binding = 0, std430) readonly buffer X { uint x[]; };

void main() {
    uint unused = x[0];
}
