// resize_bwd: dx = the sum over the outputs that read this element of their dy by its share
// dy (N,P,Q,C) ELEM   dx (N,H,W,C) ELEM
// grid linear over N*H*W*C   spec WG   push resize.glsl   C % WIDTH == 0, else any size
// gathers: no atomics
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"
#include "width.glsl"
#include "resize.glsl"

layout(set = 0, binding = 0, std430) readonly buffer Dy { LOADED(V) dy[]; };
layout(set = 0, binding = 1, std430) writeonly buffer Dx { STORED(V) dx[]; };

void main() {
    int i = int(linear_index());
    if (i >= g.n * g.h * g.w * g.c) return;
    int c = i % g.c, w = i / g.c % g.w, h = i / (g.c * g.w) % g.h, n = i / (g.c * g.w * g.h);
    ivec2 ps = readers_of(h, g.step_h, g.offset_h, g.h, g.p), qs = readers_of(w, g.step_w, g.offset_w, g.w, g.q);
    V sum = V(0.0);
    for (int p = ps.x; p <= ps.y; p++) {
        float share = share_of(taps_of(p, g.step_h, g.offset_h, g.h), h);
        for (int q = qs.x; q <= qs.y && share != 0.0; q++)
            sum += LOAD(dy[((n * g.p + p) * g.q + q) * g.c + c]) *
                   (share * share_of(taps_of(q, g.step_w, g.offset_w, g.w), w));
    }
    dx[i] = STORE(sum);
}
