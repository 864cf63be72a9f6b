// conv_grouped_fprop, conv_grouped_dgrad (-DDGRAD): convolution in narrow groups and its input gradient, where tiles of
// implicit GEMM would be mostly empty
// An invocation makes four channels of one group, of TQ neighbours of a row of dst. For each filter row and four
// channels of src, the columns under them lie in registers while all taps of the row use them. QUADS neighbours of a
// workgroup work on neighbouring channels, whose loads make whole lines, the others on other strips, which share
// filters. No shared memory, no barrier.
// fprop: src x (N,H,W,C) ELEM    w (K,R,S,C/G) ELEM   b (K) f32 or any   dst y (N,P,Q,K) OUT = act(conv(x, w) + b + r)
// dgrad: src dy (N,P,Q,K) ELEM   w (K,R,S,C/G) ELEM   b any              dst dx (N,H,W,C) OUT, + r
// r as dst, or any buffer (ADD 0); dst may be r
// fprop -DSTATS: also part (N*P*Q/(WG/QUADS*TQ),2,K) f32: mean of a workgroup's pixels and squared distances from it
//   TQ divides Q, WG/QUADS divides N*P*Q/TQ, WG is a power of two up to 64
// grid linear over (dst channels/4/QUADS) * N * dst rows * ceil(dst columns/TQ) * QUADS
// spec WG QUADS TQ S SW DW PW ACT BIAS ADD   push conv.glsl   fp32 accumulate
// needs C/G % 4 == 0, K/G % 4 == 0, dst channels/4 % QUADS == 0; dgrad: TQ % SW == 0
#version 460
#extension GL_GOOGLE_include_directive : require
#include "alias.glsl"
#include "index.glsl"
#include "conv.glsl"
#include "elem.glsl"

layout(constant_id = 1) const int QUADS = 4;
layout(constant_id = 2) const int TQ = 4;
layout(constant_id = 3) const int S = 3;
layout(constant_id = 4) const int SW = 1;
layout(constant_id = 5) const int DW = 1;
layout(constant_id = 6) const int PW = 1;
layout(constant_id = 7) const uint ACT = 0;
layout(constant_id = 8) const uint BIAS = 0;
layout(constant_id = 9) const uint ADD = 0;
const uint VEC_OUT = 1;
#include "window.glsl"
layout(set = 0, binding = 0, std430) readonly buffer Src4 { E4 src4[]; };
layout(set = 0, binding = 1, std430) readonly buffer W4 { E4 w4[]; };
layout(set = 0, binding = 2, std430) readonly buffer B { float b[]; };
ALIASED layout(set = 0, binding = 3, std430) readonly buffer R_ { O r[]; };
ALIASED layout(set = 0, binding = 3, std430) readonly buffer R4 { O4 r4[]; };
ALIASED layout(set = 0, binding = 4, std430) writeonly buffer Dst { O dst[]; };
ALIASED layout(set = 0, binding = 4, std430) writeonly buffer Dst4 { O4 dst4[]; };

#ifdef DGRAD
int src_h() { return g.p; }
int src_w() { return g.q; }
int src_c() { return g.k; }
int dst_h() { return g.h; }
int dst_w() { return g.w; }
int dst_c() { return g.c; }
// The row of src that filter row r takes for row y of dst, -1: none.
int src_row(int y, int r) {
    int at = y + g.pad_h - r * g.dilation_h, row = at / g.stride_h;
    return at >= 0 && row * g.stride_h == at && row < g.p ? row : -1;
}
#else
int src_h() { return g.h; }
int src_w() { return g.w; }
int src_c() { return g.c; }
int dst_h() { return g.p; }
int dst_w() { return g.q; }
int dst_c() { return g.k; }
int src_row(int y, int r) {
    int row = y * g.stride_h - g.pad_h + r * g.dilation_h;
    return row >= 0 && row < g.h ? row : -1;
}
#endif
#include "finish.glsl"

vec4 acc[TQ];

// The four weights that join channel `channel` of dst, the first of four, and channel src_first + e of src, for each of
// the four of dst (fprop: one after the other; dgrad: neighbours).
void add_tap(int s, vec4 window[WW], int r, int channel, int src_first) {
    int cg = g.c / g.groups;
    [[unroll]] for (int e = 0; e < 4; e++) {
#ifdef DGRAD
        vec4 f = elem_vec4(w4[((((src_first + e) * g.r + r) * g.s + s) * cg + channel % cg) >> 2]);
#else
        vec4 f = elem_vec4(w4[((((channel + e) * g.r + r) * g.s + s) * cg + src_first % cg) >> 2]);
#endif
        [[unroll]] for (int j = 0; j < TQ; j++) {
            const int at = place_w(j, s);
            if (at < 0) continue;
#ifdef DGRAD
            acc[j] = fma(vec4(window[max(at, 0)][e]), f, acc[j]);
#else
            [[unroll]] for (int c = 0; c < 4; c++) acc[j][e] = fma(window[max(at, 0)][c], f[c], acc[j][e]);
#endif
        }
    }
}

#ifdef STATS
layout(set = 0, binding = 5, std430) writeonly buffer Stats4 { vec4 stats4[]; };
shared vec4 sums[64];

// The sum of v over the invocations that have this one's channels, to each of them.
vec4 over_strips(vec4 v) {
    int lid = int(gl_LocalInvocationID.x);
    for (int half_ = int(gl_WorkGroupSize.x) / 2; half_ >= QUADS; half_ /= 2) {
        barrier();
        if (lid >= half_ && lid < 2 * half_) sums[lid - half_] = v;
        barrier();
        if (lid < half_) v += sums[lid];
    }
    barrier();
    if (lid < QUADS) sums[lid] = v;
    barrier();
    return sums[lid % QUADS];
}

// In two passes over registers, so that no digit is lost where the mean is large.
void leave_stats(int part, int channel) {
    vec4 sum = vec4(0.0), squares = vec4(0.0);
    [[unroll]] for (int j = 0; j < TQ; j++) sum += acc[j];
    vec4 mean = over_strips(sum) / float(int(gl_WorkGroupSize.x) / QUADS * TQ);
    [[unroll]] for (int j = 0; j < TQ; j++) squares += (acc[j] - mean) * (acc[j] - mean);
    squares = over_strips(squares);
    if (int(gl_LocalInvocationID.x) >= QUADS) return;
    if (BIAS != 0)
        [[unroll]] for (int e = 0; e < 4; e++) mean[e] += b[channel + e];
    stats4[(part * 2 * dst_c() + channel) >> 2] = mean;
    stats4[((part * 2 + 1) * dst_c() + channel) >> 2] = squares;
}
#endif

void main() {
    int strips = (dst_w() + TQ - 1) / TQ, rows = g.n * dst_h(), i = int(linear_index());
    if (i >= dst_c() / 4 * rows * strips) return;
    int quad = i % QUADS, t = i / QUADS, block = t / (rows * strips);
    t -= block * rows * strips;
    int row = t / strips, x0 = (t - row * strips) * TQ, n = row / dst_h(), y = row - n * dst_h();
    int channel = (block * QUADS + quad) * 4, src_cg = src_c() / g.groups;
    int first = channel / (dst_c() / g.groups) * src_cg; // channel of src of the group
    [[unroll]] for (int j = 0; j < TQ; j++) acc[j] = vec4(0.0);
    for (int r = 0; r < g.r; r++) {
        int from = src_row(y, r);
        if (from < 0) continue;
        int line = (n * src_h() + from) * src_w();
        for (int c = first; c < first + src_cg; c += 4) {
            vec4 window[WW];
            [[unroll]] for (int k = 0; k < WW; k++) {
                int v = origin_w(x0) + k;
                vec4 value = elem_vec4(src4[((line + clamp(v, 0, src_w() - 1)) * src_c() + c) >> 2]);
                window[k] = v >= 0 && v < src_w() ? value : vec4(0.0);
            }
            [[unroll]] for (int s = 0; s < S; s++) add_tap(s, window, r, channel, c);
        }
    }
    [[unroll]] for (int j = 0; j < TQ; j++)
        if (x0 + j < dst_w()) write_four(acc[j], channel, (row * dst_w() + x0 + j) * dst_c() + channel, 4);
#ifdef STATS
    leave_stats(t / (int(gl_WorkGroupSize.x) / QUADS), channel);
#endif
}
