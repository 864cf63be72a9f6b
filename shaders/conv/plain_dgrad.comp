// conv_plain_dgrad: dx of y = conv(x, w), one word of dx an invocation; the row that runs anywhere
// dy (N,P,Q,K) ELEM   w (K,R,S,C/G) ELEM   b (C) f32 (any buffer when BIAS = 0)   fp32 accumulate
// r (N,H,W,C) OUT (any buffer when ADD = 0): another gradient, which is added   dx (N,H,W,C) OUT, may be r
// Bias and activation serve matmul: dx = act(dy w + b).
// grid linear over ceil(N*H*W*C / OUT_WIDTH)   spec WG ACT BIAS ADD   push conv.glsl   any size, groups and dilation
#version 460
#extension GL_GOOGLE_include_directive : require
#include "alias.glsl"
#include "index.glsl"
#include "conv.glsl"
#include "elem.glsl"

layout(constant_id = 1) const uint ACT = 0;
layout(constant_id = 2) const uint BIAS = 0;
layout(constant_id = 3) const uint ADD = 0;
layout(set = 0, binding = 0, std430) readonly buffer DY { E dy[]; };
layout(set = 0, binding = 1, std430) readonly buffer W { E w[]; };
layout(set = 0, binding = 2, std430) readonly buffer B { float b[]; };
ALIASED layout(set = 0, binding = 3, std430) readonly buffer R { O r_[]; };
ALIASED layout(set = 0, binding = 4, std430) writeonly buffer DX { O dx[]; };

float output_at(int i) {
    int c = i % g.c, x = i / g.c % g.w, y = i / (g.c * g.w) % g.h, n = i / (g.c * g.w * g.h);
    int cg = g.c / g.groups, kg = g.k / g.groups, group = c / cg;
    int step_k = g.r * g.s * cg;
    float sum = 0.0;
    for (int r = 0; r < g.r; r++) {
        int top = y + g.pad_h - r * g.dilation_h; // p * stride
        for (int s = 0; s < g.s; s++) {
            int left = x + g.pad_w - s * g.dilation_w;
            int p = top / g.stride_h, q = left / g.stride_w;
            if (top < 0 || left < 0 || p >= g.p || q >= g.q) continue;
            if (p * g.stride_h != top || q * g.stride_w != left) continue;
            int di = ((n * g.p + p) * g.q + q) * g.k + group * kg;
            int wi = ((group * kg * g.r + r) * g.s + s) * cg + c - group * cg;
            int k = 0;
            for (; k + 8 <= kg; k += 8)
                [[unroll]] for (int u = 0; u < 8; u++)
                    sum = fma(E_AT(dy, di + k + u), E_AT(w, wi + (k + u) * step_k), sum);
            for (; k < kg; k++) sum = fma(E_AT(dy, di + k), E_AT(w, wi + k * step_k), sum);
        }
    }
    if (BIAS != 0) sum += b[c];
    if (ADD != 0) sum += O_AT(r_, i);
    return conv_act(sum, ACT);
}

void main() {
    int i = int(linear_index()) * OUT_WIDTH, count = g.n * g.h * g.w * g.c;
    if (i >= count) return;
#if OUT == 0
    dx[i] = output_at(i);
#else
    dx[i >> 1] = out_pack(vec2(output_at(i), i + 1 < count ? output_at(i + 1) : 0.0));
#endif
}
