// resize: y = x seen at P x Q points, the nearest element or bilinear between four
// x (N,H,W,C) ELEM   y (N,P,Q,C) ELEM
// grid linear over N*P*Q*C   spec WG   push resize.glsl   C % WIDTH == 0, else any size
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"
#include "width.glsl"
#include "resize.glsl"

layout(set = 0, binding = 0, std430) readonly buffer X { LOADED(V) x[]; };
layout(set = 0, binding = 1, std430) writeonly buffer Y { STORED(V) y[]; };

V at(int n, int h, int w, int c) {
    return LOAD(x[((n * g.h + h) * g.w + w) * g.c + c]);
}

void main() {
    int i = int(linear_index());
    if (i >= g.n * g.p * g.q * g.c) return;
    int c = i % g.c, q = i / g.c % g.q, p = i / (g.c * g.q) % g.p, n = i / (g.c * g.q * g.p);
    Taps v = taps_of(p, g.step_h, g.offset_h, g.h), u = taps_of(q, g.step_w, g.offset_w, g.w);
    V value = at(n, v.a, u.a, c);
    if (g.linear != 0) {
        V above = mix(value, at(n, v.a, u.b, c), u.f);
        V below = mix(at(n, v.b, u.a, c), at(n, v.b, u.b, c), u.f);
        value = mix(above, below, v.f);
    }
    y[i] = STORE(value);
}
