// loss_bwd: dlogits = dloss / W (softmax (hard + s / C sum w) - hard [c = label] - s / C w), hard = (1 - s) w[label]
// dloss (1) f32   logits (N,C) f32   labels (N) i32   weights (C) f32   total (2) f32: W, sum w   dlogits (N,C) f32
// grid linear over N*LANES   spec WG LANES   push rows columns smoothing   any size; dlogits may be logits
#version 460
#extension GL_GOOGLE_include_directive : require
#include "alias.glsl"
#include "index.glsl"
#include "row_lanes.glsl"

layout(set = 0, binding = 0, std430) readonly buffer Dloss { float dloss; };
ALIASED layout(set = 0, binding = 1, std430) readonly buffer Logits { float x[]; };
layout(set = 0, binding = 2, std430) readonly buffer Labels { int labels[]; };
layout(set = 0, binding = 3, std430) readonly buffer Weights { float weights[]; };
layout(set = 0, binding = 4, std430) readonly buffer Total { vec2 total; };
ALIASED layout(set = 0, binding = 5, std430) writeonly buffer Dlogits { float dx[]; };
layout(push_constant) uniform Push { uint rows, columns; float smoothing; };

void main() {
    uint row = min(row_index(), rows - 1), base = row * columns;
    float top = x[base], sum = 0.0;
    for (uint i = row_lane(); i < columns; i += LANES) top = max(top, x[base + i]);
    top = row_max(top);
    for (uint i = row_lane(); i < columns; i += LANES) sum += exp(x[base + i] - top);
    sum = row_sum(sum);
    if (row_index() >= rows) return;
    int label = labels[row];
    bool counts = label >= 0 && label < int(columns) && total.x > 0.0;
    float hard = counts ? (1.0 - smoothing) * weights[label] : 0.0, share = smoothing / float(columns);
    float scale = counts ? dloss / total.x : 0.0, level = (hard + share * total.y) / sum;
    for (uint i = row_lane(); i < columns; i += LANES) {
        float target = share * weights[i] + (int(i) == label ? hard : 0.0);
        dx[base + i] = counts ? scale * (exp(x[base + i] - top) * level - target) : 0.0;
    }
}
