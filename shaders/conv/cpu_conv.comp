// conv_cpu_fprop, conv_cpu_dgrad (-DDGRAD): convolution and its input gradient as implicit GEMM for CPU drivers;
// with _any (-DANY): one channel at a time instead of four, for stems and odd channel counts; _wide (-DWIDE): eight
// A subgroup is a workgroup. Rows of the product are pixels of dst: a lane loads PACK of one pixel's channels,
// MA pixels a lane, and its values go to the others by shuffles; columns are channels of dst, NL consecutive ones a
// lane; accumulators stay in registers; no shared memory, no barrier.
// fprop: src x (N,H,W,C)    w (K,R,S,C/G)   b (K) or any buffer   dst y (N,P,Q,K) = act(conv(x, w) + b + r)
// dgrad: src dy (N,P,Q,K)   w (C,R,S,K/G) by conv_flip            dst dx (N,H,W,C), + r; pixels of one remainder modulo
//   the stride form a class, whose taps are the same for all: nothing is multiplied by inserted zeros.
//   conv_cpu_dgrad_direct (-DDIRECT) takes w (K,R,S,C/G) as it is
// r as dst, or any buffer (ADD 0); dst may be r
// fprop -DBATCH: groups lie one after the other: x (G,Q,C/G)   y (G,Q,K/G); no bias
// fprop -DANY -DSTATS: also part (pixel tiles,2,K) f32: means of a tile's pixels and squared distances from them
// grid (ceil(dst channels/G / (L NL)) * G, pixel tiles, pixel tiles / 65,535 * classes)   push conv.glsl
// spec L MA NL VEC BROADCAST TAPS MASK ACT BIAS ADD. TAPS 0: 1x1 filter. MASK 0: no pixel of src lies outside. VEC:
//   width of stores
// needs src channels/G % PACK == 0, dst channels % VEC == 0, subgroups of exactly L lanes; DIRECT: NL % PACK == 0 and
//   dst channels/G % PACK == 0
#version 460
#extension GL_GOOGLE_include_directive : require

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint L = 8;
layout(constant_id = 1) const uint MA = 1;
layout(constant_id = 2) const uint NL = 4;
layout(constant_id = 3) const uint VEC = 1;
layout(constant_id = 4) const uint BROADCAST = 0;
layout(constant_id = 5) const uint TAPS = 1;
layout(constant_id = 6) const uint MASK = 1;
layout(constant_id = 7) const uint ACT = 0;
layout(constant_id = 8) const uint BIAS = 0;
layout(constant_id = 9) const uint ADD = 0;
#include "alias.glsl"
#include "lanes.glsl"
#include "conv.glsl"
#include "axis.glsl"
#include "pack.glsl"

layout(set = 0, binding = 0, std430) readonly buffer Src { PACK_T src[]; };
layout(set = 0, binding = 1, std430) readonly buffer W { PACK_T w[]; };
layout(set = 0, binding = 2, std430) readonly buffer B { float b[]; };
ALIASED layout(set = 0, binding = 3, std430) readonly buffer R { float r1[]; };
ALIASED layout(set = 0, binding = 3, std430) readonly buffer R2 { vec2 r2[]; };
ALIASED layout(set = 0, binding = 3, std430) readonly buffer R4 { vec4 r4[]; };
ALIASED layout(set = 0, binding = 4, std430) writeonly buffer Dst { float dst[]; };
ALIASED layout(set = 0, binding = 4, std430) writeonly buffer Dst2 { vec2 dst2[]; };
ALIASED layout(set = 0, binding = 4, std430) writeonly buffer Dst4 { vec4 dst4[]; };
#ifdef WIDE
ALIASED layout(set = 0, binding = 3, std430) readonly buffer R8 { u64vec4 r8[]; };
ALIASED layout(set = 0, binding = 4, std430) writeonly buffer Dst8 { u64vec4 dst8[]; };
#endif

float acc[MA * L * NL];
#ifdef DIRECT
int filter_step; // from one filter to the next; compilers do not take a division out of a loop
#endif

// The filters of NL columns for PACK channels from c on.
void load_w(int column[NL], int c, out pack wv[NL]) {
#ifdef DIRECT
    // w (K,R,S,C/G) as it is: PACK filters, each with columns side by side
    [[unroll]] for (uint j = 0; j < NL; j += PACK)
        [[unroll]] for (int e = 0; e < PACK; e++) {
            pack row = pack_values(w[column[j] + (c * PACK + e) * filter_step]);
            [[unroll]] for (int u = 0; u < PACK; u++) wv[j + u].v[e] = row.v[u];
        }
#else
    [[unroll]] for (uint j = 0; j < NL; j++) wv[j] = pack_values(w[column[j] + c]);
#endif
}

// acc += src[rows at row + c] * w[columns at column, c], c < count; rows outside src count as zeros
void accumulate(int row[MA], bool inside[MA], int column[NL], int count) {
    for (int c = 0; c < count; c++) {
        pack wv[NL];
        load_w(column, c, wv);
        [[unroll]] for (uint i = 0; i < MA; i++) {
            PACK_T loaded = src[row[i] + c];
            if (MASK != 0) loaded = inside[i] ? loaded : PACK_T(0);
            pack a = pack_values(loaded);
            [[unroll]] for (uint l = 0; l < L; l++)
                [[unroll]] for (uint e = 0; e < PACK; e++) {
                    float v = lane_value(a.v[e], l);
                    [[unroll]] for (uint j = 0; j < NL; j++) {
                        uint o = (i * L + l) * NL + j;
                        acc[o] = fma(v, wv[j].v[e], acc[o]);
                    }
                }
        }
    }
}

// The first element of a group's channels of a pixel of src; where dst is concerned, groups are pixels.
#ifdef BATCH
#define SRC_ELEMENT(pixel) ((group * src_w + (pixel)) * src_cg)
#else
#define SRC_ELEMENT(pixel) ((pixel) * src_c + group * src_cg)
#endif

// v[j] to v[j + VEC - 1] += r[o] to r[o + VEC - 1]
void add_r(inout float v[NL], uint j, int o) {
#ifdef WIDE
    if (VEC == 8) {
        pack eight = pack_values(r8[o >> 3]);
        [[unroll]] for (uint e = 0; e < 8; e++) v[(j + e) % NL] += eight.v[e];
    } else
#endif
    if (VEC == 4) {
        vec4 four = r4[o >> 2];
        [[unroll]] for (uint e = 0; e < 4; e++) v[(j + e) % NL] += four[e];
    } else if (VEC == 2) {
        vec2 two = r2[o >> 1];
        [[unroll]] for (uint e = 0; e < 2; e++) v[(j + e) % NL] += two[e];
    } else {
        v[j] += r1[o];
    }
}

void store(int pixel, uint row, int channel, int channels, int group_end) {
    float v[NL];
    [[unroll]] for (uint j = 0; j < NL; j++) {
        v[j] = acc[row * NL + j];
        if (BIAS != 0) v[j] += b[min(channel + int(j), group_end - 1)];
    }
    [[unroll]] for (uint j = 0; j < NL; j += VEC) {
        int o = pixel * channels + channel + int(j);
        if (channel + int(j) >= group_end) continue;
        if (ADD != 0) add_r(v, j, o);
        [[unroll]] for (uint e = 0; e < VEC; e++) v[(j + e) % NL] = conv_act(v[(j + e) % NL], ACT);
#ifdef WIDE
        if (VEC == 8)
            dst8[o >> 3] =
                u64vec4(pack_two(v[j], v[(j + 1) % NL]), pack_two(v[(j + 2) % NL], v[(j + 3) % NL]),
                        pack_two(v[(j + 4) % NL], v[(j + 5) % NL]), pack_two(v[(j + 6) % NL], v[(j + 7) % NL]));
        else
#endif
        if (VEC == 4) dst4[o >> 2] = vec4(v[j], v[(j + 1) % NL], v[(j + 2) % NL], v[(j + 3) % NL]);
        else if (VEC == 2) dst2[o >> 1] = vec2(v[j], v[(j + 1) % NL]);
        else dst[o] = v[j];
    }
}

#ifdef STATS
layout(set = 0, binding = 5, std430) writeonly buffer Stats { float stats1[]; };
layout(set = 0, binding = 5, std430) writeonly buffer Stats2 { vec2 stats2[]; };
layout(set = 0, binding = 5, std430) writeonly buffer Stats4 { vec4 stats4[]; };

void put_stats(float v[NL], int o, int left) {
    [[unroll]] for (uint j = 0; j < NL; j += VEC) {
        int at = o + int(j);
        if (int(j) >= left) continue;
        if (VEC == 4) stats4[at >> 2] = vec4(v[j], v[(j + 1) % NL], v[(j + 2) % NL], v[(j + 3) % NL]);
        else if (VEC == 2) stats2[at >> 1] = vec2(v[j], v[(j + 1) % NL]);
        else stats1[at] = v[j];
    }
}

// A lane has all pixels of its columns: no lane needs another. Distances are from the first pixel: squares keep their
// digits where the mean is large.
float stats_sum[NL], stats_squares[NL];

void begin_stats() {
    [[unroll]] for (uint j = 0; j < NL; j++) stats_sum[j] = stats_squares[j] = 0.0;
}

void count_in(uint row) {
    [[unroll]] for (uint j = 0; j < NL; j++) {
        float d = acc[row * NL + j] - acc[j];
        stats_sum[j] += d;
        stats_squares[j] = fma(d, d, stats_squares[j]);
    }
}

void leave_stats(int m0, int pixels, int channel, int channels, int group_end) {
    int count = min(int(MA * L), pixels - m0), tile = m0 / int(MA * L);
    float mean[NL];
    [[unroll]] for (uint j = 0; j < NL; j++) {
        float share = stats_sum[j] / float(count);
        stats_squares[j] = max(fma(-stats_sum[j], share, stats_squares[j]), 0.0);
        mean[j] = acc[j] + share;
        if (BIAS != 0) mean[j] += b[min(channel + int(j), group_end - 1)];
    }
    put_stats(mean, tile * 2 * channels + channel, group_end - channel);
    put_stats(stats_squares, (tile * 2 + 1) * channels + channel, group_end - channel);
}
#else
void begin_stats() {}
void count_in(uint row) {}
void leave_stats(int m0, int pixels, int channel, int channels, int group_end) {}
#endif

void main() {
#ifdef DGRAD
    int src_h = g.p, src_w = g.q, src_c = g.k, dst_h = g.h, dst_w = g.w, dst_c = g.c;
    int classes = g.stride_h * g.stride_w;
#else
    int src_h = g.h, src_w = g.w, src_c = g.c, dst_h = g.p, dst_w = g.q, dst_c = g.k;
    int classes = 1;
#endif
    int lane = int(gl_SubgroupInvocationID);
    int src_cg = src_c / g.groups, dst_cg = dst_c / g.groups, quads = src_cg / PACK;
    int tiles = (dst_cg + int(L * NL) - 1) / int(L * NL);
    int group = int(gl_WorkGroupID.x) / tiles, cls = int(gl_WorkGroupID.z) % classes;
    int first = (int(gl_WorkGroupID.x) - group * tiles) * int(L * NL) + lane * int(NL);
    axis ay = axis_of(cls / g.stride_w, dst_h, g.r, g.stride_h, g.pad_h, g.dilation_h);
    axis ax = axis_of(cls % g.stride_w, dst_w, g.s, g.stride_w, g.pad_w, g.dilation_w);
    int pixels = g.n * ay.count * ax.count;
    int m0 = (int(gl_WorkGroupID.z) / classes * int(gl_NumWorkGroups.y) + int(gl_WorkGroupID.y)) * int(MA * L);

    int column0[NL], column[NL];
    [[unroll]] for (uint j = 0; j < NL; j++)
#ifdef DIRECT
        column0[j] = group * src_cg * g.r * g.s * dst_cg / PACK + min(first + int(j), dst_cg - PACK) / PACK;
    const int tap_step = dst_cg / PACK;
    filter_step = g.r * g.s * tap_step;
#else
        column0[j] = (group * dst_cg + min(first + int(j), dst_cg - 1)) * g.r * g.s * quads;
    const int tap_step = quads;
#endif
    int row[MA], image[MA], y[MA], x[MA], out_pixel[MA];
    bool inside[MA];
    [[unroll]] for (uint i = 0; i < MA; i++) {
        int m = max(min(m0 + int(i * L) + lane, pixels - 1), 0);
        int t = m / max(ax.count, 1);
        int ix = m - t * ax.count, n = t / max(ay.count, 1), iy = t - n * ay.count;
        y[i] = iy * ay.mul;
        x[i] = ix * ax.mul;
        image[i] = n * src_h;
        out_pixel[i] = (n * dst_h + ay.first + iy * ay.step) * dst_w + ax.first + ix * ax.step;
        inside[i] = true;
    }
    [[unroll]] for (uint i = 0; i < MA * L * NL; i++) acc[i] = 0.0;

    if (TAPS == 0) {
        [[unroll]] for (uint i = 0; i < MA; i++)
            row[i] = SRC_ELEMENT((image[i] + y[i]) * src_w + x[i]) / PACK;
        accumulate(row, inside, column0, quads);
    } else {
        for (int r = ay.tap0; r < g.r; r += ay.tap_step) {
            int dy = tap_offset(ay, r, g.stride_h, g.pad_h, g.dilation_h);
            for (int s = ax.tap0; s < g.s; s += ax.tap_step) {
                int dx = tap_offset(ax, s, g.stride_w, g.pad_w, g.dilation_w);
                [[unroll]] for (uint i = 0; i < MA; i++) {
                    int h = y[i] + dy, v = x[i] + dx;
                    inside[i] = h >= 0 && h < src_h && v >= 0 && v < src_w;
                    h = min(max(h, 0), src_h - 1);
                    v = min(max(v, 0), src_w - 1);
                    row[i] = SRC_ELEMENT((image[i] + h) * src_w + v) / PACK;
                }
                [[unroll]] for (uint j = 0; j < NL; j++) column[j] = column0[j] + (r * g.s + s) * tap_step;
                accumulate(row, inside, column, quads);
            }
        }
    }

#ifdef BATCH
    int group_end = dst_cg, channel = first;
    [[unroll]] for (uint i = 0; i < MA; i++) out_pixel[i] += group * dst_w;
    dst_c = dst_cg;
#else
    int group_end = (group + 1) * dst_cg, channel = group * dst_cg + first;
#endif
    begin_stats();
    [[unroll]] for (uint i = 0; i < MA; i++)
        [[unroll]] for (uint l = 0; l < L; l++)
            if (m0 + int(i * L + l) < pixels) {
                int pixel = lane_value(out_pixel[i], l);
                store(pixel, i * L + l, channel, dst_c, group_end);
                count_in(i * L + l);
            }
    if (m0 < pixels) leave_stats(m0, pixels, channel, dst_c, group_end);
}
