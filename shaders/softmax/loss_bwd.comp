// loss_bwd: dlogits = dloss / W (softmax (hard + s / C sum w) - hard [c = label] - s / C w), hard = (1 - s) w[label];
// with gamma times q^gamma, q = 1 - softmax[label], plus
// dloss / W L gamma q^(gamma-1) softmax[label] (softmax - [c = label]), L the row's loss without the factor
// dloss (1) f32   logits (N,C) f32   labels (N) i32   weights (C) f32   total (2) f32: W, sum w   dlogits (N,C) f32
// grid linear over N*LANES   spec WG LANES   push rows columns smoothing gamma   any size; dlogits may be logits
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
layout(push_constant) uniform Push { uint rows, columns; float smoothing, gamma; };

void main() {
    uint row = min(row_index(), rows - 1), base = row * columns;
    float top = x[base], sum = 0.0;
    for (uint i = row_lane(); i < columns; i += LANES) top = max(top, x[base + i]);
    top = row_max(top);
    for (uint i = row_lane(); i < columns; i += LANES) sum += exp(x[base + i] - top);
    sum = row_sum(sum);
    int label = labels[row];
    float rest = 0.0, smooth_ = 0.0, log_sum = log(sum); // what the focal loss needs more
    if (gamma > 0.0) {
        for (uint i = row_lane(); i < columns; i += LANES) {
            rest += int(i) == label ? 0.0 : exp(x[base + i] - top);
            smooth_ += weights[i] * (log_sum - (x[base + i] - top));
        }
        rest = row_sum(rest);
        smooth_ = row_sum(smooth_);
    }
    if (row_index() >= rows) return;
    bool counts = label >= 0 && label < int(columns) && total.x > 0.0;
    float hard = counts ? (1.0 - smoothing) * weights[label] : 0.0, share = smoothing / float(columns);
    float scale = counts ? dloss / total.x : 0.0, level = (hard + share * total.y) / sum;
    float focus = 1.0, bend = 0.0, at = counts ? x[base + label] - top : 0.0;
    if (gamma > 0.0) {
        float doubt = max(rest / sum, 1e-20);
        focus = pow(doubt, gamma);
        bend = (hard * (log_sum - at) + share * smooth_) * gamma * (focus / doubt) * exp(at) / sum;
    }
    for (uint i = row_lane(); i < columns; i += LANES) {
        float target = share * weights[i] + (int(i) == label ? hard : 0.0);
        float e = exp(x[base + i] - top), slope = e * level - target;
        if (gamma > 0.0) slope = focus * slope + bend * (e / sum - (int(i) == label ? 1.0 : 0.0));
        dx[base + i] = counts ? scale * slope : 0.0;
    }
}
