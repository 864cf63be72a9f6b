// conv_coop_fprop, conv_coop_dgrad (-DDGRAD): convolution and its input gradient as implicit GEMM with cooperative
// matrices, 16-bit in, fp32 sums; lib/coop.glsl has the product, -DCOOP says on which matrices
// Rows of the product are pixels of dst, columns its channels, the contraction runs over taps and channels of src,
// eight of which lie in a uvec4.
// fprop: src x (N,H,W,C) ELEM  w (K,R,S,C/G) ELEM  b (K) f32 or any buffer  dst y (N,P,Q,K) = act(conv(x, w) + b + r)
// dgrad: src dy (N,P,Q,K) ELEM  w (C,R,S,K/G) by conv_flip   dst dx (N,H,W,C), + r; classes of pixels:
//   lib/axis.glsl
// r as dst, or any buffer (ADD 0); dst may be r
// grid (ceil(dst channels/G / BN) * G, pixel tiles, pixel tiles / 65,535 * classes)   push conv.glsl
// spec of lib/coop.glsl, then TAPS MASK ACT BIAS OUT32 ADD. TAPS 0: 1x1 filter. MASK 0: no pixel of src is outside.
//   OUT32: dst is f32, else ELEM
// needs channels/G of src and dst % 8 == 0, BM and BN multiples of WG / (BK / 8); ragged edges are masked
#version 460
#extension GL_GOOGLE_include_directive : require
#include "alias.glsl"
#include "coop.glsl"
#include "conv.glsl"
#include "axis.glsl"

layout(constant_id = 10) const uint TAPS = 1;
layout(constant_id = 11) const uint MASK = 1;
layout(constant_id = 12) const uint ACT = 0;
layout(constant_id = 13) const uint BIAS = 0;
layout(constant_id = 14) const uint OUT32 = 0;
layout(constant_id = 15) const uint ADD = 0;

layout(set = 0, binding = 0, std430) readonly buffer Src { uvec4 src[]; };
layout(set = 0, binding = 1, std430) readonly buffer W { uvec4 w[]; };
layout(set = 0, binding = 2, std430) readonly buffer B { float b[]; };
ALIASED layout(set = 0, binding = 3, std430) readonly buffer R { uvec4 r[]; };
ALIASED layout(set = 0, binding = 4, std430) writeonly buffer Dst { uvec4 dst[]; };

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

// An invocation fetches the same octet of every LINES-th row: COLUMN is where it is in a step.
const uint LINES = WG / (BK / 8), A_LINES = BM / LINES, B_LINES = BN / LINES;
uvec4 a_part[A_LINES], b_part[B_LINES];
int a_image[A_LINES], a_y[A_LINES], a_x[A_LINES]; // rows of src before the picture; pixel without its tap
int b_row[B_LINES];                               // of w, in octets
axis ay, ax;
int group, pixels, first_pixel, first_channel;
int tap_r, tap_s, octet; // this invocation's place in the contraction: tap and octet of channels
int src_octets;          // of one group

// Goes on by this many octets of the contraction.
void advance(int count) {
    octet += count;
    if (TAPS == 0) return;
    while (octet >= src_octets) {
        octet -= src_octets;
        tap_s += ax.tap_step;
        if (tap_s >= g.s) {
            tap_s = ax.tap0;
            tap_r += ay.tap_step;
        }
        if (tap_r >= g.r) return;
    }
}

int tile_begin() {
    int classes = 1;
#ifdef DGRAD
    classes = g.stride_h * g.stride_w;
#endif
    int channels = DST_C / g.groups, tiles = (channels + int(BN) - 1) / int(BN);
    int cls = int(gl_WorkGroupID.z) % classes;
    group = int(gl_WorkGroupID.x) / tiles;
    first_channel = (int(gl_WorkGroupID.x) - group * tiles) * int(BN);
    first_pixel = (int(gl_WorkGroupID.z) / classes * int(gl_NumWorkGroups.y) + int(gl_WorkGroupID.y)) * int(BM);
    ay = axis_of(cls / g.stride_w, DST_H, g.r, g.stride_h, g.pad_h, g.dilation_h);
    ax = axis_of(cls % g.stride_w, DST_W, g.s, g.stride_w, g.pad_w, g.dilation_w);
    pixels = g.n * ay.count * ax.count;
    src_octets = SRC_C / g.groups / 8;

    int line = int(gl_LocalInvocationID.x / (BK / 8));
    [[unroll]] for (int i = 0; i < A_LINES; i++) {
        int m = max(min(first_pixel + line + i * int(LINES), pixels - 1), 0);
        int t = m / max(ax.count, 1), n = t / max(ay.count, 1);
        a_x[i] = (m - t * ax.count) * ax.mul;
        a_y[i] = (t - n * ay.count) * ay.mul;
        a_image[i] = n * SRC_H;
    }
    [[unroll]] for (int i = 0; i < B_LINES; i++)
        b_row[i] = (group * channels + min(first_channel + line + i * int(LINES), channels - 1)) * g.r * g.s *
                   src_octets;
    tap_r = ay.tap0;
    tap_s = ax.tap0;
    octet = 0;
    int depth = src_octets;
    if (TAPS != 0) depth *= ay.taps * ax.taps;
    if (depth == 0 || first_pixel >= pixels) return 0;
    advance(int(gl_LocalInvocationID.x % (BK / 8)));
    return (depth + int(BK / 8) - 1) / int(BK / 8);
}

void tile_fetch(int step) {
    bool valid = TAPS == 0 ? octet < src_octets : tap_r < g.r;
    int dy = 0, dx = 0, column = octet;
    if (TAPS != 0) {
        dy = tap_offset(ay, tap_r, g.stride_h, g.pad_h, g.dilation_h);
        dx = tap_offset(ax, tap_s, g.stride_w, g.pad_w, g.dilation_w);
        column += (tap_r * g.s + tap_s) * src_octets;
    }
    [[unroll]] for (int i = 0; i < A_LINES; i++) {
        int y = a_y[i] + dy, x = a_x[i] + dx;
        bool inside = valid;
        if (MASK != 0) inside = inside && y >= 0 && y < SRC_H && x >= 0 && x < SRC_W;
        a_part[i] = uvec4(0);
        if (inside)
            a_part[i] = src[((a_image[i] + y) * SRC_W + x) * (SRC_C / 8) + group * src_octets + octet];
    }
    [[unroll]] for (int i = 0; i < B_LINES; i++) {
        b_part[i] = uvec4(0);
        if (valid) b_part[i] = w[b_row[i] + column];
    }
    advance(int(BK / 8));
}

void tile_put() {
    uint line = gl_LocalInvocationID.x / (BK / 8), column = gl_LocalInvocationID.x % (BK / 8);
    [[unroll]] for (uint i = 0; i < A_LINES; i++) stage[(line + i * LINES) * ROW + column] = a_part[i];
    [[unroll]] for (uint i = 0; i < B_LINES; i++) stage[(BM + line + i * LINES) * ROW + column] = b_part[i];
}

float finished(float v, int channel) {
    if (BIAS != 0) v += b[channel];
    return conv_act(v, ACT);
}

void tile_finish(uint row, uint column, vec4 v0, vec4 v1) {
    int m = first_pixel + int(row), channel = first_channel + int(column), channels = DST_C / g.groups;
    if (m >= pixels || channel >= channels) return;
    int pixel = m;
#ifdef DGRAD
    int t = m / ax.count, n = t / ay.count;
    pixel = (n * DST_H + ay.first + (t - n * ay.count) * ay.step) * DST_W + ax.first + (m - t * ax.count) * ax.step;
#endif
    channel += group * channels;
    int at = (pixel * DST_C + channel) / 8;
    if (ADD != 0 && OUT32 != 0) {
        v0 += uintBitsToFloat(r[at * 2]);
        v1 += uintBitsToFloat(r[at * 2 + 1]);
    } else if (ADD != 0) {
        v0 += vec4(coop_unpack(r[at].x), coop_unpack(r[at].y));
        v1 += vec4(coop_unpack(r[at].z), coop_unpack(r[at].w));
    }
    [[unroll]] for (int e = 0; e < 4; e++) {
        v0[e] = finished(v0[e], channel + e);
        v1[e] = finished(v1[e], channel + 4 + e);
    }
    if (OUT32 != 0) {
        dst[at * 2] = floatBitsToUint(v0);
        dst[at * 2 + 1] = floatBitsToUint(v1);
    } else {
        dst[at] = uvec4(coop_pack(v0.xy), coop_pack(v0.zw), coop_pack(v1.xy), coop_pack(v1.zw));
    }
}
