// softmax_bwd: dx = y (dy - sum dy y) over each row
// dy y (rows,columns) f32   dx (rows,columns) f32
// grid linear over rows*LANES   spec WG LANES   push rows columns   any size; dx may be dy or y
#version 460
#extension GL_GOOGLE_include_directive : require
#include "alias.glsl"
#include "index.glsl"
#include "row_lanes.glsl"

ALIASED layout(set = 0, binding = 0, std430) readonly buffer Dy { float dy[]; };
ALIASED layout(set = 0, binding = 1, std430) readonly buffer Y { float y[]; };
ALIASED layout(set = 0, binding = 2, std430) writeonly buffer Dx { float dx[]; };
layout(push_constant) uniform Push { uint rows, columns; };

void main() {
    uint row = min(row_index(), rows - 1), base = row * columns;
    float sum = 0.0;
    for (uint i = row_lane(); i < columns; i += LANES) sum += dy[base + i] * y[base + i];
    sum = row_sum(sum);
    if (row_index() >= rows) return;
    for (uint i = row_lane(); i < columns; i += LANES) dx[base + i] = y[base + i] * (dy[base + i] - sum);
}
