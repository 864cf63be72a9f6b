// loss_sum: loss = sum of the rows' losses / sum of their weights; 0 when no row counts
// part (N,2) f32 of loss_rows   loss (1) f32
// grid 1   spec WG LANES (= WG)   push rows
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"
#include "row_lanes.glsl"

layout(set = 0, binding = 0, std430) readonly buffer Part { vec2 part[]; };
layout(set = 0, binding = 1, std430) writeonly buffer Loss { float loss; };
layout(push_constant) uniform Push { uint rows; };

void main() {
    vec2 sum = vec2(0.0);
    for (uint i = row_lane(); i < rows; i += LANES) sum += part[i];
    sum = vec2(row_sum(sum.x), row_sum(sum.y));
    if (row_lane() == 0) loss = sum.y > 0.0 ? sum.x / sum.y : 0.0;
}
