// loss_rows: each row's share of the loss before the division by the sum of weights, and its weight
// logits (N,C) f32   labels (N) i32   weights (C) f32
// part (N,2) f32: loss, weight; both 0 where the label is not a class
// grid linear over N*LANES   spec WG LANES   push rows columns smoothing gamma   any size
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"
#include "row_lanes.glsl"

layout(set = 0, binding = 0, std430) readonly buffer Logits { float x[]; };
layout(set = 0, binding = 1, std430) readonly buffer Labels { int labels[]; };
layout(set = 0, binding = 2, std430) readonly buffer Weights { float weights[]; };
layout(set = 0, binding = 3, std430) writeonly buffer Part { vec2 part[]; };
layout(push_constant) uniform Push { uint rows, columns; float smoothing, gamma; };

void main() {
    uint row = min(row_index(), rows - 1), base = row * columns;
    float top = x[base], sum = 0.0, smooth_ = 0.0;
    for (uint i = row_lane(); i < columns; i += LANES) top = max(top, x[base + i]);
    top = row_max(top);
    for (uint i = row_lane(); i < columns; i += LANES) sum += exp(x[base + i] - top);
    float log_sum = log(row_sum(sum));
    for (uint i = row_lane(); i < columns; i += LANES) smooth_ += weights[i] * (log_sum - (x[base + i] - top));
    smooth_ = row_sum(smooth_);
    int label = labels[row];
    float rest = 0.0; // of the other classes: 1 - p[label] without cancellation
    if (gamma > 0.0) {
        for (uint i = row_lane(); i < columns; i += LANES) rest += int(i) == label ? 0.0 : exp(x[base + i] - top);
        rest = row_sum(rest);
    }
    if (row_index() >= rows || row_lane() != 0) return;
    if (label < 0 || label >= int(columns)) {
        part[row] = vec2(0.0);
        return;
    }
    float hard = weights[label] * (log_sum - (x[base + label] - top));
    float focus = gamma > 0.0 ? pow(max(rest * exp(-log_sum), 1e-20), gamma) : 1.0;
    part[row] = vec2(focus * ((1.0 - smoothing) * hard + smoothing / float(columns) * smooth_), weights[label]);
}
