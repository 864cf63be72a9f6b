// conv_grouped_wgrad: part of dw of a convolution in narrow groups
// An invocation owns the S taps of one filter row that join four input channels of a group and four output channels
// of it, and a slice of the output rows, along which it goes TQ pixels at a time: the columns under them and their dy
// lie in registers while all taps use them. Neighbours work on neighbouring channels. No shared memory, no barrier.
// dy (N,P,Q,K) ELEM   x (N,H,W,C) ELEM   part (slices, K,R,S,C/G) f32: slice first_slice + i is the sum of picture
//   i / bands over band i % bands of slice_len rows; conv_wgrad_sum adds the slices in order
// grid linear over N * ceil(P/slice_len) * R * K/G/4 * C/4   spec WG TQ S SW DW   push conv.glsl   fp32 accumulate
// needs C/G % 4 == 0, K/G % 4 == 0
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"
#include "conv.glsl"
#include "elem.glsl"

layout(constant_id = 1) const int TQ = 4;
layout(constant_id = 2) const int S = 3;
layout(constant_id = 3) const int SW = 1;
layout(constant_id = 4) const int DW = 1;
layout(set = 0, binding = 0, std430) readonly buffer DY4 { E4 dy4[]; };
layout(set = 0, binding = 1, std430) readonly buffer X4 { E4 x4[]; };
layout(set = 0, binding = 2, std430) writeonly buffer Part4 { vec4 part4[]; };

const int WW = (TQ - 1) * SW + (S - 1) * DW + 1;
vec4 acc[S * 4]; // tap s, output channel e: four input channels

void add_strip(int dy_line, int x_line, int q0, int k, int c) {
    vec4 d[TQ], window[WW];
    [[unroll]] for (int j = 0; j < TQ; j++) {
        vec4 value = elem_vec4(dy4[((dy_line + min(q0 + j, g.q - 1)) * g.k + k) >> 2]);
        d[j] = q0 + j < g.q ? value : vec4(0.0);
    }
    [[unroll]] for (int i = 0; i < WW; i++) {
        int v = q0 * SW - g.pad_w + i;
        vec4 value = elem_vec4(x4[((x_line + clamp(v, 0, g.w - 1)) * g.c + c) >> 2]);
        window[i] = v >= 0 && v < g.w ? value : vec4(0.0);
    }
    [[unroll]] for (int j = 0; j < TQ; j++)
        [[unroll]] for (int s = 0; s < S; s++)
            [[unroll]] for (int e = 0; e < 4; e++)
                acc[s * 4 + e] = fma(vec4(d[j][e]), window[j * SW + s * DW], acc[s * 4 + e]);
}

void main() {
    int cg = g.c / g.groups, kg = g.k / g.groups, across = g.c / 4, bands = (g.p + g.slice_len - 1) / g.slice_len;
    int i = int(linear_index()), t = i / across, c = (i - t * across) * 4, u = t / (kg / 4);
    int k = c / cg * kg + (t - u * (kg / 4)) * 4, slice = u / g.r, r = u - slice * g.r, n = slice / bands;
    if (n >= g.n) return;
    int p0 = (slice - n * bands) * g.slice_len, p1 = min(p0 + g.slice_len, g.p);
    [[unroll]] for (int a = 0; a < S * 4; a++) acc[a] = vec4(0.0);
    for (int p = p0; p < p1; p++) {
        int h = p * g.stride_h - g.pad_h + r * g.dilation_h;
        if (h < 0 || h >= g.h) continue;
        for (int q0 = 0; q0 < g.q; q0 += TQ) add_strip((n * g.p + p) * g.q, (n * g.h + h) * g.w, q0, k, c);
    }
    [[unroll]] for (int s = 0; s < S; s++)
        [[unroll]] for (int e = 0; e < 4; e++) {
            int filter_ = ((g.first_slice + slice) * g.k + k + e) * g.r + r;
            part4[((filter_ * S + s) * cg + c % cg) >> 2] = acc[s * 4 + e];
        }
}
