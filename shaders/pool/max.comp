// pool_max: the largest element of each window and where it is
// x (N,H,W,C) f32   y (N,P,Q,C) f32   index (N,P,Q,C) i32: r S + s of the first largest; padding never wins
// grid linear over N*P*Q*C   spec WG   push pool.glsl   C % WIDTH == 0, else any size
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"
#include "width.glsl"
#include "pool.glsl"

layout(set = 0, binding = 0, std430) readonly buffer X { V x[]; };
layout(set = 0, binding = 1, std430) writeonly buffer Y { V y[]; };
layout(set = 0, binding = 2, std430) writeonly buffer Index { IV index[]; };

void main() {
    int i = int(linear_index());
    if (i >= g.n * g.p * g.q * g.c) return;
    int c = i % g.c, q = i / g.c % g.q, p = i / (g.c * g.q) % g.p, n = i / (g.c * g.q * g.p);
    int top = p * g.stride_h - g.pad_h, left = q * g.stride_w - g.pad_w;
    int h0 = max(top, 0), w0 = max(left, 0), h1 = min(top + g.r, g.h), w1 = min(left + g.s, g.w);
    V best = x[((n * g.h + h0) * g.w + w0) * g.c + c];
    IV where = IV((h0 - top) * g.s + (w0 - left));
    for (int h = h0; h < h1; h++)
        for (int w = w0; w < w1; w++) {
            V value = x[((n * g.h + h) * g.w + w) * g.c + c];
            where = mix(where, IV((h - top) * g.s + (w - left)), V_OR(V_GREATER(value, best), isnan(value)));
            best = mix(best, value, V_OR(V_GREATER(value, best), isnan(value)));
        }
    y[i] = best;
    index[i] = where;
}
