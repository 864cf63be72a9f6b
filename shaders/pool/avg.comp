// pool_avg: the mean of each window; padding counts as zeros where count_pad is 1
// x (N,H,W,C) ELEM   y (N,P,Q,C) ELEM
// grid linear over N*P*Q*C   spec WG R S STRIDE_H STRIDE_W   push pool.glsl   C % WIDTH == 0, else any size
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"
#include "width.glsl"
#include "pool.glsl"

layout(set = 0, binding = 0, std430) readonly buffer X { LOADED(V) x[]; };
layout(set = 0, binding = 1, std430) writeonly buffer Y { STORED(V) y[]; };

void main() {
    int i = int(linear_index());
    if (i >= g.n * g.p * g.q * g.c) return;
    int c = i % g.c, q = i / g.c % g.q, p = i / (g.c * g.q) % g.p, n = i / (g.c * g.q * g.p);
    int top = p * STRIDE_H - g.pad_h, left = q * STRIDE_W - g.pad_w;
    V sum = V(0.0);
    for (int r = 0; r < R; r++)
        for (int s = 0; s < S; s++) {
            int h = top + r, w = left + s;
            V value = LOAD(x[((n * g.h + clamp(h, 0, g.h - 1)) * g.w + clamp(w, 0, g.w - 1)) * g.c + c]);
            sum += inside(h, g.h) && inside(w, g.w) ? value : V(0.0);
        }
    y[i] = STORE(sum / window_divisor(top, left));
}
