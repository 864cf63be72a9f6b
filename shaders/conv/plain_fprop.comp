// conv_plain_fprop: y = act(conv(x, w) + b), one output an invocation; the row that runs anywhere
// x (N,H,W,C) f32   w (K,R,S,C/G) f32   b (K) f32 (any buffer when BIAS = 0)   y (N,P,Q,K) f32
// grid linear over N*P*Q*K   spec WG ACT BIAS   push conv.glsl   any size, groups and dilation
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"
#include "conv.glsl"

layout(constant_id = 1) const uint ACT = 0;
layout(constant_id = 2) const uint BIAS = 0;
layout(set = 0, binding = 0, std430) readonly buffer X { float x[]; };
layout(set = 0, binding = 1, std430) readonly buffer W { float w[]; };
layout(set = 0, binding = 2, std430) readonly buffer B { float b[]; };
layout(set = 0, binding = 3, std430) writeonly buffer Y { float y[]; };

void main() {
    int i = int(linear_index());
    if (i >= g.n * g.p * g.q * g.k) return;
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
                [[unroll]] for (int u = 0; u < 8; u++) sum = fma(x[xi + c + u], w[wi + c + u], sum);
            for (; c < cg; c++) sum = fma(x[xi + c], w[wi + c], sum);
        }
    }
    if (BIAS != 0) sum += b[k];
    y[i] = conv_act(sum, ACT);
}
