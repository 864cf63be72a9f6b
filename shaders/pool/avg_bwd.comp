// pool_avg_bwd: dx = the sum of this element's shares of dy
// dy (N,P,Q,C) f32   dx (N,H,W,C) f32
// grid linear over N*H*W*C   spec WG   push pool.glsl   gathers: no atomics; C % WIDTH == 0, else any size
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"
#include "width.glsl"
#include "pool.glsl"

layout(set = 0, binding = 0, std430) readonly buffer Dy { V dy[]; };
layout(set = 0, binding = 1, std430) writeonly buffer Dx { V dx[]; };

void main() {
    int i = int(linear_index());
    if (i >= g.n * g.h * g.w * g.c) return;
    int c = i % g.c, w = i / g.c % g.w, h = i / (g.c * g.w) % g.h, n = i / (g.c * g.w * g.h);
    ivec2 ps = windows_of(h, g.pad_h, g.r, g.stride_h, g.p), qs = windows_of(w, g.pad_w, g.s, g.stride_w, g.q);
    V sum = V(0.0);
    for (int p = ps.x; p <= ps.y; p++)
        for (int q = qs.x; q <= qs.y; q++)
            sum += dy[((n * g.p + p) * g.q + q) * g.c + c] /
                   window_divisor(p * g.stride_h - g.pad_h, q * g.stride_w - g.pad_w);
    dx[i] = sum;
}
