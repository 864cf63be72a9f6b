// loss_weights: total = (sum of the weights of the labels, sum of all class weights)
// labels (N) i32   weights (C) f32   total (2) f32
// grid 1   spec WG LANES (= WG)   push rows columns
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"
#include "row_lanes.glsl"

layout(set = 0, binding = 0, std430) readonly buffer Labels { int labels[]; };
layout(set = 0, binding = 1, std430) readonly buffer Weights { float weights[]; };
layout(set = 0, binding = 2, std430) writeonly buffer Total { vec2 total; };
layout(push_constant) uniform Push { uint rows, columns; };

void main() {
    vec2 sum = vec2(0.0);
    for (uint i = row_lane(); i < rows; i += LANES) {
        int label = labels[i];
        if (label >= 0 && label < int(columns)) sum.x += weights[label];
    }
    for (uint i = row_lane(); i < columns; i += LANES) sum.y += weights[i];
    sum = vec2(row_sum(sum.x), row_sum(sum.y));
    if (row_lane() == 0) total = sum;
}
