// pool_avg: the mean of each window; padding counts as zeros where count_pad is 1
// x (N,H,W,C) f32   y (N,P,Q,C) f32
// grid linear over N*P*Q*C   spec WG   push pool.glsl   C % WIDTH == 0, else any size
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"
#include "width.glsl"
#include "pool.glsl"

layout(set = 0, binding = 0, std430) readonly buffer X { V x[]; };
layout(set = 0, binding = 1, std430) writeonly buffer Y { V y[]; };

void main() {
    int i = int(linear_index());
    if (i >= g.n * g.p * g.q * g.c) return;
    int c = i % g.c, q = i / g.c % g.q, p = i / (g.c * g.q) % g.p, n = i / (g.c * g.q * g.p);
    int top = p * g.stride_h - g.pad_h, left = q * g.stride_w - g.pad_w;
    int h1 = min(top + g.r, g.h), w1 = min(left + g.s, g.w);
    V sum = V(0.0);
    for (int h = max(top, 0); h < h1; h++)
        for (int w = max(left, 0); w < w1; w++) sum += x[((n * g.h + h) * g.w + w) * g.c + c];
    y[i] = sum / window_divisor(top, left);
}
