// softmax: y = exp(x - max x) / sum exp(x - max x) over each row
// x (rows,columns) f32   y (rows,columns) f32
// grid linear over rows*LANES   spec WG LANES   push rows columns   any size; y may be x
#version 460
#extension GL_GOOGLE_include_directive : require
#include "alias.glsl"
#include "index.glsl"
#include "row_lanes.glsl"

ALIASED layout(set = 0, binding = 0, std430) readonly buffer X { float x[]; };
ALIASED layout(set = 0, binding = 1, std430) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push { uint rows, columns; };

void main() {
    // Invocations past the end repeat the last row and write nothing: all must meet at the barriers.
    uint row = min(row_index(), rows - 1), base = row * columns;
    float top = x[base], sum = 0.0;
    for (uint i = row_lane(); i < columns; i += LANES) top = max(top, x[base + i]);
    top = row_max(top);
    for (uint i = row_lane(); i < columns; i += LANES) sum += exp(x[base + i] - top);
    sum = row_sum(sum);
    if (row_index() >= rows) return;
    for (uint i = row_lane(); i < columns; i += LANES) y[base + i] = exp(x[base + i] - top) / sum;
}
