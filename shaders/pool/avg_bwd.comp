// pool_avg_bwd: dx = the sum of this element's shares of dy
// dy (N,P,Q,C) ELEM   dx (N,H,W,C) ELEM
// grid linear over N*H*W*C   spec WG R S STRIDE_H STRIDE_W   push pool.glsl   C % WIDTH == 0, else any size
// gathers: no atomics
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"
#include "width.glsl"
#include "pool.glsl"

layout(set = 0, binding = 0, std430) readonly buffer Dy { LOADED(V) dy[]; };
layout(set = 0, binding = 1, std430) writeonly buffer Dx { STORED(V) dx[]; };

void main() {
    int i = int(linear_index());
    if (i >= g.n * g.h * g.w * g.c) return;
    int c = i % g.c, w = i / g.c % g.w, h = i / (g.c * g.w) % g.h, n = i / (g.c * g.w * g.h);
    ivec2 ps = windows_of(h, g.pad_h, R, STRIDE_H, g.p), qs = windows_of(w, g.pad_w, S, STRIDE_W, g.q);
    V sum = V(0.0);
    // Bounds that vary, not unrolled: a CPU driver would load what is masked off.
    for (int p = ps.x; p <= ps.y; p++)
        for (int q = qs.x; q <= qs.y; q++)
            sum += LOAD(dy[((n * g.p + p) * g.q + q) * g.c + c]) /
                   window_divisor(p * STRIDE_H - g.pad_h, q * STRIDE_W - g.pad_w);
    dx[i] = STORE(sum);
}
