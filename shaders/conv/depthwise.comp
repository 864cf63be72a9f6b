// conv_depthwise_fprop, conv_depthwise_dgrad (-DDGRAD): depthwise convolution and its input gradient, G = C = K
// An invocation owns four channels and a block of TP x TQ pixels of dst, and walks `run` blocks along the row; a row of
// the window of src is loaded once for all taps. Filter, stride and padding are constants: nothing is decided at run
// time.
// fprop: src x (N,H,W,C)    w (C,R,S,1)   b (C) or any buffer   dst y (N,P,Q,C) = act(conv(x, w) + b)
// dgrad: src dy (N,P,Q,C)   w (C,R,S,1)   b any buffer          dst dx (N,H,W,C)
// grid linear over N * ceil(rows/TP) * ceil(columns/(TQ run)) * C/4   spec WG TP TQ R S SH SW DH DW PH PW ACT BIAS
// push conv.glsl with run in slice_len   needs C % 4 == 0; dgrad: TP % SH == 0, TQ % SW == 0
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
layout(constant_id = 9) const int PH = 1; // pad_h, pad_w
layout(constant_id = 10) const int PW = 1;
layout(constant_id = 11) const uint ACT = 0;
layout(constant_id = 12) const uint BIAS = 0;

layout(set = 0, binding = 0, std430) readonly buffer Src { vec4 src[]; };
layout(set = 0, binding = 1, std430) readonly buffer W { vec4 w[]; };
layout(set = 0, binding = 2, std430) readonly buffer B { vec4 b[]; };
layout(set = 0, binding = 3, std430) writeonly buffer Dst { vec4 dst[]; };

// The window of src that a block of dst needs: its origin for block (y0, x0), its size, and the place of
// tap t of the block's i-th row or column in it; -1 where that tap does not exist.
#ifdef DGRAD
const int LOW_H = (PH - (R - 1) * DH + 64 * SH) / SH - 64; // rounded down
const int LOW_W = (PW - (S - 1) * DW + 64 * SW) / SW - 64;
const int WH = (TP - 1 + PH) / SH - LOW_H + 1;
const int WW = (TQ - 1 + PW) / SW - LOW_W + 1;
int origin_h(int y0) { return y0 / SH + LOW_H; }
int origin_w(int x0) { return x0 / SW + LOW_W; }
int place(int i, int t, int pad, int dilation, int stride, int low) {
    int at = i + pad - t * dilation - low * stride;
    return at % stride == 0 ? at / stride : -1;
}
int place_h(int i, int r) { return place(i, r, PH, DH, SH, LOW_H); }
int place_w(int j, int s) { return place(j, s, PW, DW, SW, LOW_W); }
#else
const int WH = (TP - 1) * SH + (R - 1) * DH + 1;
const int WW = (TQ - 1) * SW + (S - 1) * DW + 1;
int origin_h(int y0) { return y0 * SH - PH; }
int origin_w(int x0) { return x0 * SW - PW; }
int place_h(int i, int r) { return i * SH + r * DH; }
int place_w(int j, int s) { return j * SW + s * DW; }
#endif

vec4 taps[R * S];

void block(int n, int y0, int x0, int c, int c4, ivec2 src_size, ivec2 dst_size) {
    vec4 acc[TP * TQ];
    [[unroll]] for (int i = 0; i < TP * TQ; i++) acc[i] = vec4(0.0);
    if (BIAS != 0) {
        vec4 bias = b[c];
        [[unroll]] for (int i = 0; i < TP * TQ; i++) acc[i] = bias;
    }
    [[unroll]] for (int wi = 0; wi < WH; wi++) {
        int h = origin_h(y0) + wi;
        bool row_inside = h >= 0 && h < src_size.x;
        int row_at = (n * src_size.x + min(max(h, 0), src_size.x - 1)) * src_size.y;
        vec4 row[WW];
        [[unroll]] for (int wj = 0; wj < WW; wj++) {
            int v = origin_w(x0) + wj;
            bool inside = row_inside && v >= 0 && v < src_size.y;
            vec4 value = src[(row_at + min(max(v, 0), src_size.y - 1)) * c4 + c];
            row[wj] = inside ? value : vec4(0.0);
        }
        [[unroll]] for (int i = 0; i < TP; i++)
            [[unroll]] for (int r = 0; r < R; r++)
                if (place_h(i, r) == wi)
                    [[unroll]] for (int j = 0; j < TQ; j++)
                        [[unroll]] for (int s = 0; s < S; s++)
                            if (place_w(j, s) >= 0)
                                acc[i * TQ + j] = fma(row[max(place_w(j, s), 0)], taps[r * S + s], acc[i * TQ + j]);
    }
    [[unroll]] for (int i = 0; i < TP; i++)
        [[unroll]] for (int j = 0; j < TQ; j++)
            if (y0 + i < dst_size.x && x0 + j < dst_size.y) {
                vec4 v = acc[i * TQ + j];
                if (ACT != 0) v = vec4(conv_act(v.x, ACT), conv_act(v.y, ACT), conv_act(v.z, ACT), conv_act(v.w, ACT));
                dst[((n * dst_size.x + y0 + i) * dst_size.y + x0 + j) * c4 + c] = v;
            }
}

void main() {
#ifdef DGRAD
    ivec2 src_size = ivec2(g.p, g.q), dst_size = ivec2(g.h, g.w);
#else
    ivec2 src_size = ivec2(g.h, g.w), dst_size = ivec2(g.p, g.q);
#endif
    int run_len = TQ * g.slice_len, c4 = g.c / 4;
    int runs = (dst_size.y + run_len - 1) / run_len, bands = (dst_size.x + TP - 1) / TP;
    int i = int(linear_index());
    if (i >= g.n * bands * runs * c4) return;
    int at = i / c4, c = i - at * c4, t = at / runs, run = at - t * runs, n = t / bands, band = t - n * bands;

    vec4 flat_w[R * S]; // four filters of R S taps each, one behind the other
    [[unroll]] for (int k = 0; k < R * S; k++) flat_w[k] = w[c * (R * S) + k];
    [[unroll]] for (int k = 0; k < R * S; k++)
        [[unroll]] for (int e = 0; e < 4; e++) taps[k][e] = flat_w[(e * R * S + k) / 4][(e * R * S + k) % 4];

    int end = min((run + 1) * run_len, dst_size.y);
    for (int x0 = run * run_len; x0 < end; x0 += TQ) block(n, band * TP, x0, c, c4, src_size, dst_size);
}
