// conv_coop_wgrad: part of dw of y = conv(x, w) with cooperative matrices, 16-bit in, fp32 sums; lib/coop.glsl has the
// product, -DCOOP says on which matrices
// Rows of the product are channels k of dy, columns taps and channels f = (r, s, c) of x, the contraction runs over
// output pixels. Both operands come with their channels contiguous: an invocation takes eight channels of two pixels
// and turns them into eight words, one for each row of `stage`.
// dy (N,P,Q,K) ELEM   x (N,H,W,C) ELEM   part (slices, K,R,S,C/G) f32: slice first_slice + z / G is the sum of
//   slice_len output pixels; conv_wgrad_sum adds the slices in order
// grid (ceil(K/G / BM), ceil(R S C/G / BN), slices * G)   push conv.glsl
// spec of lib/coop.glsl, then MASK FLAT. MASK 0: no tap lies outside x. FLAT: pixel i of y belongs to pixel i of x
// needs C/G % 8 == 0, K/G % 8 == 0, BM BK / 16 and BN BK / 16 multiples of WG, BM and BN of 32
#version 460
#extension GL_GOOGLE_include_directive : require
#include "coop.glsl"
#include "conv.glsl"

layout(constant_id = 10) const uint MASK = 1;
layout(constant_id = 11) const uint FLAT = 0;

layout(set = 0, binding = 0, std430) readonly buffer DY { uvec4 dy[]; };
layout(set = 0, binding = 1, std430) readonly buffer X { uvec4 x[]; };
layout(set = 0, binding = 2, std430) writeonly buffer Part { vec4 part[]; };

// Units of two pixels by eight channels. Four neighbouring invocations read 64 bytes of a pixel; the others have other
// pixels, whose words lie in other banks.
const uint PAIRS = BK / 2, NEAR = 4;
const uint A_UNITS = BM * BK / 16 / WG, B_UNITS = BN * BK / 16 / WG;
uvec4 a_part[A_UNITS * 2], b_part[B_UNITS * 2];
int group, slice, cg, kg, fs, first_pixel, end_pixel;

uint pair_of(uint unit) { return unit / NEAR % PAIRS; }
uint octet_of(uint unit) { return unit / (NEAR * PAIRS) * NEAR + unit % NEAR; }

int tile_begin() {
    cg = g.c / g.groups;
    kg = g.k / g.groups;
    fs = g.r * g.s * cg;
    slice = int(gl_WorkGroupID.z) / g.groups;
    group = int(gl_WorkGroupID.z) - slice * g.groups;
    first_pixel = slice * g.slice_len;
    end_pixel = min(first_pixel + g.slice_len, g.n * g.p * g.q);
    return (end_pixel - first_pixel + int(BK) - 1) / int(BK);
}

// The octet at f of x under output pixel `pixel`.
uvec4 fetch_x(int pixel, int r, int s, int c) {
    int octets = g.c / 8, at = (group * cg + c) / 8;
    if (FLAT != 0) return x[pixel * octets + at];
    int t = pixel / g.q, n = t / g.p;
    int h = (t - n * g.p) * g.stride_h - g.pad_h + r * g.dilation_h;
    int v = (pixel - t * g.q) * g.stride_w - g.pad_w + s * g.dilation_w;
    if (MASK != 0 && (h < 0 || h >= g.h || v < 0 || v >= g.w)) return uvec4(0);
    return x[((n * g.h + h) * g.w + v) * octets + at];
}

void tile_fetch(int step) {
    int start = first_pixel + step * int(BK);
    [[unroll]] for (uint i = 0; i < A_UNITS; i++) {
        uint unit = gl_LocalInvocationID.x + i * WG;
        int k = min(int(gl_WorkGroupID.x * BM + octet_of(unit) * 8), kg - 8) + group * kg;
        [[unroll]] for (int e = 0; e < 2; e++) {
            int pixel = start + int(pair_of(unit)) * 2 + e;
            a_part[i * 2 + e] = uvec4(0);
            if (pixel < end_pixel) a_part[i * 2 + e] = dy[(pixel * g.k + k) / 8];
        }
    }
    [[unroll]] for (uint i = 0; i < B_UNITS; i++) {
        uint unit = gl_LocalInvocationID.x + i * WG;
        int f = min(int(gl_WorkGroupID.y * BN + octet_of(unit) * 8), fs - 8);
        int tap = f / cg, r = tap / g.s;
        [[unroll]] for (int e = 0; e < 2; e++) {
            int pixel = start + int(pair_of(unit)) * 2 + e;
            b_part[i * 2 + e] = uvec4(0);
            if (pixel < end_pixel) b_part[i * 2 + e] = fetch_x(pixel, r, tap - r * g.s, f - tap * cg);
        }
    }
}

// Eight channels of two pixels: word j holds channel j of both.
void put(uint row0, uint unit, uvec4 first, uvec4 second) {
    uint at = pair_of(unit), row = (row0 + octet_of(unit) * 8) * ROW + at / 4;
    [[unroll]] for (uint w = 0; w < 4; w++) {
        stage[row + w * 2 * ROW][at % 4] = (first[w] & 0xffffu) | second[w] << 16;
        stage[row + (w * 2 + 1) * ROW][at % 4] = first[w] >> 16 | (second[w] & 0xffff0000u);
    }
}

void tile_put() {
    [[unroll]] for (uint i = 0; i < A_UNITS; i++)
        put(0, gl_LocalInvocationID.x + i * WG, a_part[i * 2], a_part[i * 2 + 1]);
    [[unroll]] for (uint i = 0; i < B_UNITS; i++)
        put(BM, gl_LocalInvocationID.x + i * WG, b_part[i * 2], b_part[i * 2 + 1]);
}

void tile_finish(uint row, uint column, vec4 v0, vec4 v1) {
    int k = int(gl_WorkGroupID.x * BM + row), f = int(gl_WorkGroupID.y * BN + column);
    if (k >= kg || f >= fs) return;
    int at = ((g.first_slice + slice) * g.k + group * kg + k) * (fs / 4) + f / 4;
    part[at] = v0;
    part[at + 1] = v1;
}
