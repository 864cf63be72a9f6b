// conv_plain_fprop: y = act(conv(x, w) + b + r), one word of the output an invocation; the row that runs anywhere
// x (N,H,W,C) ELEM   w (K,R,S,C/G) ELEM   b (K) f32 (any buffer when BIAS = 0)   fp32 accumulate
// r (N,P,Q,K) OUT (any buffer when ADD = 0)   y (N,P,Q,K) OUT, may be r
// -DBATCH: G products of matrices: x (G,Q,C/G)   w (G,K/G,C/G)   y (G,Q,K/G); no bias, no r
// grid linear over ceil(N*P*Q*K / OUT_WIDTH)   spec WG ACT BIAS ADD   push conv.glsl   any size, groups and dilation
#version 460
#extension GL_GOOGLE_include_directive : require
#include "alias.glsl"
#include "index.glsl"
#include "conv.glsl"
#include "elem.glsl"

layout(constant_id = 1) const uint ACT = 0;
layout(constant_id = 2) const uint BIAS = 0;
layout(constant_id = 3) const uint ADD = 0;
layout(set = 0, binding = 0, std430) readonly buffer X { E x[]; };
layout(set = 0, binding = 1, std430) readonly buffer W { E w[]; };
layout(set = 0, binding = 2, std430) readonly buffer B { float b[]; };
ALIASED layout(set = 0, binding = 3, std430) readonly buffer R { O r_[]; };
ALIASED layout(set = 0, binding = 4, std430) writeonly buffer Y { O y[]; };

#ifdef BATCH
float output_at(int i) {
    int kg = g.k / g.groups, cg = g.c / g.groups, row = i / kg, group = row / g.q;
    int xi = row * cg, wi = (group * kg + i - row * kg) * cg;
    float sum = 0.0;
    for (int c = 0; c < cg; c++) sum = fma(E_AT(x, xi + c), E_AT(w, wi + c), sum);
    return sum;
}
#else
float output_at(int i) {
    int k = i % g.k, q = i / g.k % g.q, p = i / (g.k * g.q) % g.p, n = i / (g.k * g.q * g.p);
    int cg = g.c / g.groups, group = k / (g.k / g.groups);
    float sum = 0.0;
    for (int r = 0; r < g.r; r++) {
        int h = p * g.stride_h - g.pad_h + r * g.dilation_h;
        for (int s = 0; s < g.s; s++) {
            int w_ = q * g.stride_w - g.pad_w + s * g.dilation_w;
            if (h < 0 || h >= g.h || w_ < 0 || w_ >= g.w) continue;
            int xi = ((n * g.h + h) * g.w + w_) * g.c + group * cg;
            int wi = ((k * g.r + r) * g.s + s) * cg;
            int c = 0;
            for (; c + 8 <= cg; c += 8)
                [[unroll]] for (int u = 0; u < 8; u++) sum = fma(E_AT(x, xi + c + u), E_AT(w, wi + c + u), sum);
            for (; c < cg; c++) sum = fma(E_AT(x, xi + c), E_AT(w, wi + c), sum);
        }
    }
    if (BIAS != 0) sum += b[k];
    if (ADD != 0) sum += O_AT(r_, i);
    return conv_act(sum, ACT);
}
#endif

void main() {
    int i = int(linear_index()) * OUT_WIDTH, count = g.n * g.p * g.q * g.k;
    if (i >= count) return;
#if OUT == 0
    y[i] = output_at(i);
#else
    y[i >> 1] = out_pack(vec2(output_at(i), i + 1 < count ? output_at(i + 1) : 0.0));
#endif
}
