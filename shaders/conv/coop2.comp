// conv_coop2_fprop, conv_coop2_dgrad (-DDGRAD): convolution and its input gradient as implicit GEMM on matrices of the
// whole workgroup, 16-bit in, fp32 sums; lib/coop2.glsl has the product and its boxes, -DCOOP says on which matrices
// Rows of the product are TN images by TH rows by TW columns of dst, columns are channels, the contraction runs over
// taps and channels of src: for one tap, the rows are a box of src, one for each remainder modulo the stride.
// fprop: src x (N,H,W,C) ELEM  w (K,R,S,C/G) ELEM  b (K) f32 or any buffer  dst y (N,P,Q,K) = act(conv(x, w) + b + r)
// dgrad: src dy (N,P,Q,K) ELEM  w as above   dst dx (N,H,W,C), + r; classes of pixels: lib/axis.glsl
// r as dst, ELEM, or any buffer (ADD 0); dst may be r
// grid (ceil(dst channels/G / BN) * G, tiles, tiles / 65,535 * classes)   push conv.glsl
// spec of lib/coop2.glsl, then ACT BIAS OUT32 ADD. FLAT: one row of pixels, 1x1 filter. OUT32: dst is f32, else ELEM,
//   and without ADD
// needs channels/G of src and dst % 8 == 0, TN TH TW = BM; TN = 1 where a stride does not divide H
#version 460
#extension GL_GOOGLE_include_directive : require
#include "alias.glsl"
#include "coop2.glsl"
#include "conv.glsl"
#include "axis.glsl"

layout(constant_id = 8) const uint ACT = 0;
layout(constant_id = 9) const uint BIAS = 0;
layout(constant_id = 10) const uint OUT32 = 0;
layout(constant_id = 11) const uint ADD = 0;

layout(set = 0, binding = 0, std430) readonly buffer Src { ELEMENT src[]; };
layout(set = 0, binding = 1, std430) readonly buffer W { ELEMENT w[]; };
layout(set = 0, binding = 2, std430) readonly buffer B { float b[]; };
ALIASED layout(set = 0, binding = 3, std430) readonly buffer R { ELEMENT r_[]; };
ALIASED layout(set = 0, binding = 4, std430) writeonly buffer Dst { ELEMENT dst[]; };
layout(set = 0, binding = 4, std430) writeonly buffer Dst32 { float dst32[]; };

#ifdef DGRAD
#define SRC_H g.p
#define SRC_W g.q
#define SRC_C g.k
#define DST_H g.h
#define DST_W g.w
#define DST_C g.c
#else
#define SRC_H g.h
#define SRC_W g.w
#define SRC_C g.c
#define DST_H g.p
#define DST_W g.q
#define DST_C g.k
#endif

int group, first_channel, channels; // of dst: the first of this tile, all of the group

// BIAS, ACT and rounding, on an element.
float finished(const in uint row, const in uint column, const in float v) {
    int channel = first_channel + int(column);
    if (channel >= channels) return 0.0;
    float x = v;
    if (BIAS != 0) x += b[group * channels + channel];
    x = conv_act(x, ACT);
    return OUT32 != 0 ? x : rounded(x);
}

// The rows of src under a tap: every mul-th row and column from a first one.
box src_box(ivec3 tile, ivec2 mul, ivec2 offset, int c0) {
    ivec2 rest = ivec2(((offset.x % mul.x) + mul.x) % mul.x, ((offset.y % mul.y) + mul.y) % mul.y);
    ivec2 size = max((ivec2(SRC_H, SRC_W) - rest + mul - 1) / mul, ivec2(0)), whole = (offset - rest) / mul;
    int depth = SRC_C / g.groups;
    return box((rest.x * SRC_W + rest.y) * SRC_C + group * depth, ivec4(g.n, size, depth),
               ivec4(SRC_H * SRC_W * SRC_C, mul.x * SRC_W * SRC_C, mul.y * SRC_C, 1),
               ivec4(tile.x, tile.yz + whole, c0), ivec4(TN, TH, TW, BK));
}

void main() {
    int classes = 1;
#ifdef DGRAD
    classes = g.stride_h * g.stride_w;
#endif
    channels = DST_C / g.groups;
    int columns = (channels + int(BN) - 1) / int(BN), cls = int(gl_WorkGroupID.z) % classes;
    group = int(gl_WorkGroupID.x) / columns;
    first_channel = (int(gl_WorkGroupID.x) - group * columns) * int(BN);
    axis ay = axis_of(cls / g.stride_w, DST_H, g.r, g.stride_h, g.pad_h, g.dilation_h);
    axis ax = axis_of(cls % g.stride_w, DST_W, g.s, g.stride_w, g.pad_w, g.dilation_w);
    int wide = (ax.count + TW - 1) / TW, high = (ay.count + TH - 1) / TH;
    int at = int(gl_WorkGroupID.z) / classes * int(gl_NumWorkGroups.y) + int(gl_WorkGroupID.y);
    if (at >= wide * high * ((g.n + TN - 1) / TN)) return;
    ivec3 tile = ivec3(at / wide / high * TN, at / wide % high * TH, at % wide * TW);

    int taps = g.r * g.s, depth = SRC_C / g.groups;
    coop_sums sums = coop_zero();
    for (int r = ay.tap0; r < g.r; r += ay.tap_step)
        for (int s = ax.tap0; s < g.s; s += ax.tap_step) {
            ivec2 offset = ivec2(tap_offset(ay, r, g.stride_h, g.pad_h, g.dilation_h),
                                 tap_offset(ax, s, g.stride_w, g.pad_w, g.dilation_w));
            int tap = r * g.s + s;
            for (int c0 = 0; c0 < depth; c0 += int(BK)) {
                box rows = src_box(tile, ivec2(ay.mul, ax.mul), offset, c0);
#ifdef DGRAD
                box filters = box_of((group * depth * taps + tap) * channels, ivec2(depth, channels), taps * channels,
                                     ivec2(c0, first_channel), ivec2(BK, BN));
                COOP_STEP(sums, rows, src, rows, matrix, w, filters)
#else
                box filters = box_of((group * channels * taps + tap) * depth, ivec2(channels, depth), taps * depth,
                                     ivec2(first_channel, c0), ivec2(BN, BK));
                COOP_STEP(sums, rows, src, rows, swapped, w, filters)
#endif
            }
        }
    box result = box((ay.first * DST_W + ax.first) * DST_C + group * channels, ivec4(g.n, ay.count, ax.count, channels),
                     ivec4(DST_H * DST_W * DST_C, ay.step * DST_W * DST_C, ax.step * DST_C, 1),
                     ivec4(tile, first_channel), ivec4(TN, TH, TW, BN));
    if (ADD != 0) COOP_ADD16(sums, r_, result)
    COOP_EACH(sums, finished)
    if (OUT32 != 0) {
        COOP_STORE32(sums, dst32, result)
    } else {
        COOP_STORE16(sums, dst, result)
    }
}
