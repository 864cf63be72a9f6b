// pool_max: the largest element of each window and where it is
// x (N,H,W,C) ELEM   y (N,P,Q,C) ELEM   index (N,P,Q,C) i32: r S + s of the first largest; padding never wins
// grid linear over N*P*Q*C   spec WG R S STRIDE_H STRIDE_W   push pool.glsl   C % WIDTH == 0, else any size
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"
#include "width.glsl"
#include "nan.glsl"
#include "pool.glsl"

layout(set = 0, binding = 0, std430) readonly buffer X { LOADED(V) x[]; };
layout(set = 0, binding = 1, std430) writeonly buffer Y { STORED(V) y[]; };
layout(set = 0, binding = 2, std430) writeonly buffer Index { IV index[]; };

void main() {
    int i = int(linear_index());
    if (i >= g.n * g.p * g.q * g.c) return;
    int c = i % g.c, q = i / g.c % g.q, p = i / (g.c * g.q) % g.p, n = i / (g.c * g.q * g.p);
    int top = p * STRIDE_H - g.pad_h, left = q * STRIDE_W - g.pad_w;
    V best = V(uintBitsToFloat(0xff800000u)); // minus infinity
    IV where = IV(max(-top, 0) * S + max(-left, 0));
    for (int r = 0; r < R; r++)
        for (int s = 0; s < S; s++) {
            int h = top + r, w = left + s;
            V value = LOAD(x[((n * g.h + clamp(h, 0, g.h - 1)) * g.w + clamp(w, 0, g.w - 1)) * g.c + c]);
            if (!inside(h, g.h) || !inside(w, g.w)) value = V(uintBitsToFloat(0xff800000u));
            where = mix(where, IV(r * S + s), V_OR(V_GREATER(value, best), is_nan(value)));
            best = mix(best, value, V_OR(V_GREATER(value, best), is_nan(value)));
        }
    y[i] = STORE(best);
    index[i] = where;
}
