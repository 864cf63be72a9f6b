// conv_depthwise_fprop, conv_depthwise_dgrad (-DDGRAD): depthwise convolution and its input gradient, G = C = K
// An invocation owns WIDTH channels (-DWIDTH=1, 2, 4, 8) and a strip of dst, TQ columns wide, up to slice_len rows
// high. It walks down the rows of src, loads each once, and adds it to every row of dst that is still open; the oldest
// is then complete and stored, and the others move up. Filter and stride are constants; the loop body is short on
// purpose: a block of 4x4 pixels written out took Mesa 25 up to 13 seconds to compile. src, w, r and dst are f32 or,
// with -DELEM, 16-bit (channels.glsl).
// ALONG exchanges rows and columns in all this (R S SH ... come exchanged too): it walks along TQ rows, whose next
// elements a CPU fetches ahead; down a column, each step would be a miss.
// fprop: src x (N,H,W,C)    w (C,R,S,1)   b (C) or any buffer   dst y (N,P,Q,C) = act(conv(x, w) + b + r)
// dgrad: src dy (N,P,Q,C)   w (C,R,S,1)   b any buffer          dst dx (N,H,W,C) = ... + r
// r as dst, or any buffer (ADD 0); dst may be r
// fprop -DSTATS: also part (N * dst columns/TQ,2,C) f32: mean of a strip and squared distances from it; strips are of
// whole rows, TQ divides the columns
// grid linear over N * ceil(dst rows/slice_len) * ceil(dst columns/TQ) * C/WIDTH
// spec WG TQ R S SH SW DH DW PH PW ACT BIAS ALONG ADD   push conv.glsl   needs C % WIDTH == 0; dgrad: TQ % SW == 0
#version 460
#extension GL_GOOGLE_include_directive : require
#include "alias.glsl"
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
layout(constant_id = 8) const int PH = 1; // pad_h, pad_w
layout(constant_id = 9) const int PW = 1;
layout(constant_id = 10) const uint ACT = 0;
layout(constant_id = 11) const uint BIAS = 0;
layout(constant_id = 12) const uint ALONG = 0;
layout(constant_id = 13) const uint ADD = 0;

layout(set = 0, binding = 0, std430) readonly buffer Src { STORED src[]; };
layout(set = 0, binding = 1, std430) readonly buffer W { STORED w[]; };
layout(set = 0, binding = 2, std430) readonly buffer B { STORED32 b[]; };
ALIASED layout(set = 0, binding = 3, std430) readonly buffer R_ { STORED r[]; };
ALIASED layout(set = 0, binding = 4, std430) writeonly buffer Dst { STORED dst[]; };

// A step reads IN rows of src from row step * IN + in0 on. Open row d of dst takes the u-th of them by tap
// tap_h(u, d), if that is >= 0. Then OUT rows of dst are complete: rows step * OUT + out0 to that + OUT - 1.
#include "window.glsl"
#ifdef DGRAD
const int IN = 1, OUT = SH;
const int OPEN = (R - 1) * DH + 1 > SH ? (R - 1) * DH + 1 : SH;
const int FIRST_DONE = 0; // open row d is row d of dst from step * OUT - PH on
int tap_h(int u, int d) { return d % DH == 0 && d / DH < R ? d / DH : -1; }
#else
const int IN = SH, OUT = 1;
const int OPEN = (R - 1) * DH / SH + 1; // open row d is row step - d of dst
const int FIRST_DONE = OPEN - 1;
int tap_h(int u, int d) { return (d * SH + u) % DH == 0 && (d * SH + u) / DH < R ? (d * SH + u) / DH : -1; }
#endif

#ifdef STATS
layout(set = 0, binding = 5, std430) writeonly buffer Stats { STORED stats[]; };
LANES origin, sum, squares; // distances are from the first value: the squares keep their digits where the mean is large
bool begun;

void begin_stats() {
    origin = sum = squares = LANES(0.0);
    begun = false;
}

void count_in(LANES v) {
    if (!begun) origin = v;
    begun = true;
    LANES d = v - origin;
    sum += d;
    squares = lanes_fma(d, d, squares);
}

void leave_stats(int at, int cw, int c, float count) {
    LANES share = sum / count;
    stats[at * 2 * cw + c] = stored(origin + share);
    LANES rest = lanes_fma(-1.0 * sum, share, squares);
    [[unroll]] for (int e = 0; e < WIDTH; e++) LANE(rest, e) = max(LANE(rest, e), 0.0);
    stats[(at * 2 + 1) * cw + c] = stored(rest);
}
#else
void begin_stats() {}
void count_in(LANES v) {}
void leave_stats(int at, int cw, int c, float count) {}
#endif

// Element (i down, j across) of picture n of that size.
int element(int n, int i, int j, ivec2 size) {
    return ALONG != 0 ? (n * size.y + j) * size.x + i : (n * size.x + i) * size.y + j;
}
int tap(int i, int j) { return ALONG != 0 ? j * R + i : i * S + j; }

LANES activate(LANES v) {
    if (ACT != 0)
        [[unroll]] for (int e = 0; e < WIDTH; e++) LANE(v, e) = conv_act(LANE(v, e), ACT);
    return v;
}

void main() {
#ifdef DGRAD
    ivec2 src_size = ivec2(g.p, g.q), dst_size = ivec2(g.h, g.w);
#else
    ivec2 src_size = ivec2(g.h, g.w), dst_size = ivec2(g.p, g.q);
#endif
    if (ALONG != 0) {
        src_size = src_size.yx;
        dst_size = dst_size.yx;
    }
    int cw = g.c / WIDTH, blocks = (dst_size.y + TQ - 1) / TQ, bands = (dst_size.x + g.slice_len - 1) / g.slice_len;
    int index = int(linear_index());
    if (index >= g.n * bands * blocks * cw) return;
    int at = index / cw, c = index - at * cw, t = at / blocks, x0 = (at - t * blocks) * TQ;
    int n = t / bands, y0 = (t - n * bands) * g.slice_len, y1 = min(y0 + g.slice_len, dst_size.x);

    LANES flat_w[R * S], taps[R * S]; // in memory: WIDTH filters of R S taps each, one behind the other
    [[unroll]] for (int k = 0; k < R * S; k++) flat_w[k] = lanes_of(w[c * (R * S) + k]);
    [[unroll]] for (int k = 0; k < R * S; k++)
        [[unroll]] for (int e = 0; e < WIDTH; e++)
            LANE(taps[k], e) = LANE(flat_w[(e * R * S + k) / WIDTH], (e * R * S + k) % WIDTH);
    LANES bias = LANES(0.0);
    if (BIAS != 0) bias = lanes_of32(b[c]);

    begin_stats();
    LANES acc[OPEN * TQ];
    [[unroll]] for (int i = 0; i < OPEN * TQ; i++) acc[i] = bias;
#ifdef DGRAD
    int first = (y0 + PH - (R - 1) * DH + 64 * SH) / SH - 64, last = (y1 - 1 + PH) / SH;
#else
    int first = y0, last = y1 - 1 + FIRST_DONE;
#endif
    for (int step = first; step <= last; step++) {
        [[unroll]] for (int u = 0; u < IN; u++) {
#ifdef DGRAD
            int h = step;
#else
            int h = step * SH - PH + u;
#endif
            bool row_inside = h >= 0 && h < src_size.x;
            int h_at = min(max(h, 0), src_size.x - 1);
            LANES row[WW];
            [[unroll]] for (int k = 0; k < WW; k++) {
                int v = origin_w(x0) + k;
                LANES value = lanes_of(src[element(n, h_at, min(max(v, 0), src_size.y - 1), src_size) * cw + c]);
                row[k] = row_inside && v >= 0 && v < src_size.y ? value : LANES(0.0);
            }
            [[unroll]] for (int d = 0; d < OPEN; d++)
                if (tap_h(u, d) >= 0)
                    [[unroll]] for (int j = 0; j < TQ; j++)
                        [[unroll]] for (int s = 0; s < S; s++)
                            if (place_w(j, s) >= 0)
                                acc[d * TQ + j] =
                                    lanes_fma(row[max(place_w(j, s), 0)], taps[tap(max(tap_h(u, d), 0), s)],
                                              acc[d * TQ + j]);
        }
        [[unroll]] for (int o = 0; o < OUT; o++) {
#ifdef DGRAD
            int y = step * SH - PH + o;
#else
            int y = step - FIRST_DONE;
#endif
            [[unroll]] for (int j = 0; j < TQ; j++)
                if (y >= y0 && y < y1 && x0 + j < dst_size.y) {
                    int to = element(n, y, x0 + j, dst_size) * cw + c;
                    LANES value = acc[(FIRST_DONE + o) * TQ + j];
                    if (ADD != 0) value += lanes_of(r[to]);
                    count_in(value);
                    dst[to] = stored(activate(value));
                }
        }
#ifdef DGRAD
        [[unroll]] for (int i = 0; i < OPEN * TQ; i++)
            acc[i] = i < (OPEN - OUT) * TQ ? acc[min(i + OUT * TQ, OPEN * TQ - 1)] : bias;
#else
        [[unroll]] for (int i = OPEN * TQ - 1; i >= 0; i--) acc[i] = i >= TQ ? acc[max(i - TQ, 0)] : bias;
#endif
    }
    leave_stats(at, cw, c, float(TQ * dst_size.x));
}
