// conv_plain_wgrad: part of dw of y = conv(x, w), one element of dw and one slice an invocation; any device
// dy (N,P,Q,K) ELEM   x (N,H,W,C) ELEM   part (slices, K,R,S,C/G) f32: slice first_slice + z is the sum
//   over output pixels [z slice_len, ...) of N*P*Q; conv_wgrad_sum adds the slices in order
// grid (linear over K*R*S*C/G folded in x y, slices in z)   spec WG   push conv.glsl   any size
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"
#include "conv.glsl"
#include "elem.glsl"

layout(set = 0, binding = 0, std430) readonly buffer DY { E dy[]; };
layout(set = 0, binding = 1, std430) readonly buffer X { E x[]; };
layout(set = 0, binding = 2, std430) writeonly buffer Part { float part[]; };

void main() {
    int i = int(linear_index()), slice = int(gl_WorkGroupID.z);
    int cg = g.c / g.groups, count = g.k * g.r * g.s * cg;
    if (i >= count) return;
    int c = i % cg, s = i / cg % g.s, r = i / (cg * g.s) % g.r, k = i / (cg * g.s * g.r);
    int group = k / (g.k / g.groups);
    int end = min((slice + 1) * g.slice_len, g.n * g.p * g.q);
    float sum = 0.0;
    for (int m = slice * g.slice_len; m < end; m++) {
        int q = m % g.q, p = m / g.q % g.p, n = m / (g.q * g.p);
        int h = p * g.stride_h - g.pad_h + r * g.dilation_h;
        int w = q * g.stride_w - g.pad_w + s * g.dilation_w;
        if (h < 0 || h >= g.h || w < 0 || w >= g.w) continue;
        sum = fma(E_AT(dy, m * g.k + k), E_AT(x, ((n * g.h + h) * g.w + w) * g.c + group * cg + c), sum);
    }
    part[(g.first_slice + slice) * count + i] = sum;
}
