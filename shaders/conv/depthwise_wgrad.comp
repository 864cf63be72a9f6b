// conv_depthwise_wgrad: part of dw of a depthwise convolution, G = C = K
// An invocation owns WIDTH channels (-DWIDTH=1, 2, 4, 8), all taps of their filters, and a slice of the output rows,
// which it walks down in strips of TQ columns: a step loads SH rows of x and one of dy, and pairs them with the rows
// of dy before it that share a tap. ALONG exchanges rows and columns (and R S SH ...): it walks along TQ rows.
// dy (N,P,Q,C)   x (N,H,W,C), f32 or by -DELEM   part (slices, C,R,S,1) f32: slice first_slice + i is the sum of
//   picture i / bands over band i % bands of slice_len rows; conv_wgrad_sum adds the slices in order
// grid linear over N * ceil(P/slice_len) * C/WIDTH   spec WG TQ R S SH SW DH DW ALONG   push conv.glsl
// needs C % WIDTH == 0
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"
#include "conv.glsl"
#include "channels.glsl"

layout(constant_id = 1) const int TQ = 4;
layout(constant_id = 2) const int R = 3;
layout(constant_id = 3) const int S = 3;
layout(constant_id = 4) const int SH = 1;
layout(constant_id = 5) const int SW = 1;
layout(constant_id = 6) const int DH = 1;
layout(constant_id = 7) const int DW = 1;
layout(constant_id = 8) const uint ALONG = 0;

layout(set = 0, binding = 0, std430) readonly buffer DY { STORED dy[]; };
layout(set = 0, binding = 1, std430) readonly buffer X { STORED x[]; };
layout(set = 0, binding = 2, std430) writeonly buffer Part { STORED32 part[]; };

const int OPEN = (R - 1) * DH / SH + 1; // rows of dy in registers; the d-th is row step - d
const int WW = (TQ - 1) * SW + (S - 1) * DW + 1;

// The tap that joins the u-th row of x of a step and the d-th row of dy, or -1.
int tap_h(int u, int d) { return (d * SH + u) % DH == 0 && (d * SH + u) / DH < R ? (d * SH + u) / DH : -1; }

// Element (i down, j across) of picture n of that size.
int element(int n, int i, int j, ivec2 size) {
    return ALONG != 0 ? (n * size.y + j) * size.x + i : (n * size.x + i) * size.y + j;
}
int tap(int i, int j) { return ALONG != 0 ? j * R + i : i * S + j; }

void main() {
    int bands = (g.p + g.slice_len - 1) / g.slice_len, index = int(linear_index()), cw = g.c / WIDTH;
    int slice = index / cw, c = index - slice * cw, n = slice / bands;
    if (n >= g.n) return;
    int p0 = (slice - n * bands) * g.slice_len, p1 = min(p0 + g.slice_len, g.p);
    ivec2 dy_size = ivec2(g.p, g.q), x_size = ivec2(g.h, g.w), pad = ivec2(g.pad_h, g.pad_w);
    ivec2 begin = ivec2(p0, 0), end = ivec2(p1, g.q);
    if (ALONG != 0) {
        dy_size = dy_size.yx;
        x_size = x_size.yx;
        pad = pad.yx;
        begin = begin.yx;
        end = end.yx;
    }
    LANES acc[R * S];
    [[unroll]] for (int i = 0; i < R * S; i++) acc[i] = LANES(0.0);

    for (int q0 = begin.y; q0 < end.y; q0 += TQ) {
        LANES d[OPEN * TQ];
        [[unroll]] for (int i = 0; i < OPEN * TQ; i++) d[i] = LANES(0.0);
        for (int step = begin.x; step < end.x + OPEN - 1; step++) {
            [[unroll]] for (int i = OPEN * TQ - 1; i >= TQ; i--) d[i] = d[i - TQ];
            [[unroll]] for (int j = 0; j < TQ; j++) {
                int at = element(n, min(step, dy_size.x - 1), min(q0 + j, dy_size.y - 1), dy_size);
                LANES value = lanes_of(dy[at * cw + c]);
                d[j] = step < end.x && q0 + j < end.y ? value : LANES(0.0);
            }
            [[unroll]] for (int u = 0; u < SH; u++) {
                int h = step * SH - pad.x + u, h_at = min(max(h, 0), x_size.x - 1);
                bool row_inside = h >= 0 && h < x_size.x;
                LANES row[WW];
                [[unroll]] for (int k = 0; k < WW; k++) {
                    int v = q0 * SW - pad.y + k, at = element(n, h_at, min(max(v, 0), x_size.y - 1), x_size);
                    LANES value = lanes_of(x[at * cw + c]);
                    row[k] = row_inside && v >= 0 && v < x_size.y ? value : LANES(0.0);
                }
                [[unroll]] for (int i = 0; i < OPEN; i++)
                    if (tap_h(u, i) >= 0)
                        [[unroll]] for (int j = 0; j < TQ; j++)
                            [[unroll]] for (int s = 0; s < S; s++) {
                                const int t = tap(max(tap_h(u, i), 0), s);
                                acc[t] = lanes_fma(d[i * TQ + j], row[j * SW + s * DW], acc[t]);
                            }
            }
        }
    }
    // WIDTH filters of R S taps each, one behind the other
    [[unroll]] for (int k = 0; k < R * S; k++) {
        LANES v;
        [[unroll]] for (int e = 0; e < WIDTH; e++)
            LANE(v, e) = LANE(acc[(k * WIDTH + e) % (R * S)], (k * WIDTH + e) / (R * S));
        part[((g.first_slice + slice) * cw + c) * R * S + k] = stored32(v);
    }
}
