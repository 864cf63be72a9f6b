// conv_depthwise_wgrad: part of dw of a depthwise convolution, G = C = K
// An invocation owns four channels, all taps of their filters, and a slice of the bands of TP output rows; it walks a
// band in blocks of TP x TQ pixels, whose window of x is loaded once for all taps.
// dy (N,P,Q,C) f32   x (N,H,W,C) f32   part (slices, C,R,S,1) f32: slice first_slice + i is the sum of slice_len of
//   the N*ceil(P/TP) bands; conv_wgrad_sum adds the slices in order
// grid linear over slices * C/4   spec WG TP TQ R S SH SW DH DW   push conv.glsl   needs C % 4 == 0
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"
#include "conv.glsl"

layout(constant_id = 1) const int TP = 4;
layout(constant_id = 2) const int TQ = 4;
layout(constant_id = 3) const int R = 3;
layout(constant_id = 4) const int S = 3;
layout(constant_id = 5) const int SH = 1;
layout(constant_id = 6) const int SW = 1;
layout(constant_id = 7) const int DH = 1;
layout(constant_id = 8) const int DW = 1;

layout(set = 0, binding = 0, std430) readonly buffer DY { vec4 dy[]; };
layout(set = 0, binding = 1, std430) readonly buffer X { vec4 x[]; };
layout(set = 0, binding = 2, std430) writeonly buffer Part { vec4 part[]; };

const int WH = (TP - 1) * SH + (R - 1) * DH + 1;
const int WW = (TQ - 1) * SW + (S - 1) * DW + 1;

void main() {
    int index = int(linear_index()), c4 = g.c / 4, slice = index / c4, c = index - slice * c4;
    int bands = (g.p + TP - 1) / TP, first = slice * g.slice_len, end = min(first + g.slice_len, g.n * bands);
    if (first >= end) return;
    vec4 acc[R * S];
    [[unroll]] for (int i = 0; i < R * S; i++) acc[i] = vec4(0.0);

    for (int band = first; band < end; band++) {
        int n = band / bands, p0 = (band - n * bands) * TP;
        for (int q0 = 0; q0 < g.q; q0 += TQ) {
            vec4 d[TP * TQ];
            [[unroll]] for (int i = 0; i < TP; i++)
                [[unroll]] for (int j = 0; j < TQ; j++) {
                    vec4 value = dy[((n * g.p + min(p0 + i, g.p - 1)) * g.q + min(q0 + j, g.q - 1)) * c4 + c];
                    d[i * TQ + j] = p0 + i < g.p && q0 + j < g.q ? value : vec4(0.0);
                }
            [[unroll]] for (int wi = 0; wi < WH; wi++) {
                int h = p0 * SH - g.pad_h + wi;
                bool row_inside = h >= 0 && h < g.h;
                int row_at = (n * g.h + min(max(h, 0), g.h - 1)) * g.w;
                vec4 row[WW];
                [[unroll]] for (int wj = 0; wj < WW; wj++) {
                    int v = q0 * SW - g.pad_w + wj;
                    vec4 value = x[(row_at + min(max(v, 0), g.w - 1)) * c4 + c];
                    row[wj] = row_inside && v >= 0 && v < g.w ? value : vec4(0.0);
                }
                [[unroll]] for (int i = 0; i < TP; i++)
                    [[unroll]] for (int r = 0; r < R; r++)
                        if (i * SH + r * DH == wi)
                            [[unroll]] for (int j = 0; j < TQ; j++)
                                [[unroll]] for (int s = 0; s < S; s++)
                                    acc[r * S + s] = fma(d[i * TQ + j], row[j * SW + s * DW], acc[r * S + s]);
            }
        }
    }
    // four filters of R S taps each, one behind the other
    [[unroll]] for (int k = 0; k < R * S; k++) {
        vec4 v;
        [[unroll]] for (int e = 0; e < 4; e++) v[e] = acc[(k * 4 + e) % (R * S)][(k * 4 + e) / (R * S)];
        part[((g.first_slice + slice) * c4 + c) * R * S + k] = v;
    }
}
