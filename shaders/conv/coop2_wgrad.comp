// conv_coop2_wgrad: part of dw of y = conv(x, w) on matrices of the whole workgroup, 16-bit in, fp32 sums;
// lib/coop2.glsl has the product and its boxes, -DCOOP says on which matrices
// Rows of the product are channels k of dy, columns channels of x at one tap; the contraction runs over output pixels
// in blocks of TN images by TH rows by TW columns, BK pixels.
// dy (N,P,Q,K) ELEM   x (N,H,W,C) ELEM   part (slices, K,R,S,C/G) f32: slice first_slice + z / G is the sum of
//   slice_len blocks; conv_wgrad_sum adds the slices in order
// grid (ceil(K/G / BM), ceil(C/G / BN) R S, slices * G)   push conv.glsl   spec of lib/coop2.glsl
// needs C/G % 8 == 0, K/G % 8 == 0, TN TH TW = BK; TN = 1 where a stride does not divide H
#version 460
#extension GL_GOOGLE_include_directive : require
#include "coop2.glsl"
#include "conv.glsl"

layout(set = 0, binding = 0, std430) readonly buffer DY { ELEMENT dy[]; };
layout(set = 0, binding = 1, std430) readonly buffer X { ELEMENT x[]; };
layout(set = 0, binding = 2, std430) writeonly buffer Part { float part[]; };

void main() {
    int cg = g.c / g.groups, kg = g.k / g.groups, taps = g.r * g.s;
    int columns = (cg + int(BN) - 1) / int(BN), slice = int(gl_WorkGroupID.z) / g.groups;
    int group = int(gl_WorkGroupID.z) - slice * g.groups, tap = int(gl_WorkGroupID.y) / columns;
    int k0 = int(gl_WorkGroupID.x * BM), c0 = (int(gl_WorkGroupID.y) - tap * columns) * int(BN);
    int wide = (g.q + TW - 1) / TW, high = (g.p + TH - 1) / TH, blocks = wide * high * ((g.n + TN - 1) / TN);
    int first = slice * g.slice_len, end = min(first + g.slice_len, blocks);

    ivec2 mul = ivec2(g.stride_h, g.stride_w);
    ivec2 offset = ivec2(tap / g.s * g.dilation_h - g.pad_h, tap % g.s * g.dilation_w - g.pad_w);
    ivec2 rest = ivec2((offset.x % mul.x + mul.x) % mul.x, (offset.y % mul.y + mul.y) % mul.y);
    ivec2 size = max((ivec2(g.h, g.w) - rest + mul - 1) / mul, ivec2(0)), whole = (offset - rest) / mul;
    box of_x = box((rest.x * g.w + rest.y) * g.c + group * cg, ivec4(g.n, size, cg),
                   ivec4(g.h * g.w * g.c, mul.x * g.w * g.c, mul.y * g.c, 1), ivec4(0, 0, 0, c0),
                   ivec4(TN, TH, TW, BN));
    box of_dy = box(group * kg, ivec4(g.n, g.p, g.q, kg), ivec4(g.p * g.q * g.k, g.q * g.k, g.k, 1),
                    ivec4(0, 0, 0, k0), ivec4(TN, TH, TW, BM));
    coop_sums sums = coop_zero();
    for (int at = first; at < end; at++) {
        of_dy.first.xyz = ivec3(at / wide / high * TN, at / wide % high * TH, at % wide * TW);
        of_x.first.xyz = of_dy.first.xyz + ivec3(0, whole);
        COOP_STEP(sums, columns, dy, of_dy, rows, x, of_x)
    }
    box result = box_of((((g.first_slice + slice) * g.k + group * kg) * taps + tap) * cg, ivec2(kg, cg), taps * cg,
                        ivec2(k0, c0), ivec2(BM, BN));
    COOP_STORE32_MATRIX(sums, part, result)
}
