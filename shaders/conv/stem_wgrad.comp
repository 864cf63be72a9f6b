// conv_stem_wgrad: part of dw of a convolution of pictures with few channels
// A workgroup owns BK filters. Block by block of TP x TQ output pixels, it takes the patch of the picture and dy into
// shared memory. An invocation owns the S taps of one filter row r and input channel c, of 4 filters, and every Z-th
// row of the block; four pixels at a time, it holds the columns under them and their dy in registers. At the end the
// Z sums are added in order.
// dy (N,P,Q,K) ELEM   x (N,H,W,C) ELEM   part (slices, K,R,S,C) f32: slice first_slice + y is the sum over blocks
//   [y slice_len, ...) of N * ceil(P/TP) * ceil(Q/TQ); conv_wgrad_sum adds the slices in order
// grid (ceil(K/BK), slices)   spec WG TP TQ BK Z R S C SH SW DH DW VEC_A   push conv.glsl   fp32 accumulate
// WG = BK/4 R C Z; TQ % 4 == 0, BK % 4 == 0; where Z > 1, R S C <= TP TQ. VEC_A: K % 4 == 0. Any subgroup size
#version 460
#extension GL_GOOGLE_include_directive : require
#include "conv.glsl"
#include "elem.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const int TP = 4;
layout(constant_id = 2) const int TQ = 16;
layout(constant_id = 3) const int BK = 32;
layout(constant_id = 4) const int Z = 1;
layout(constant_id = 5) const int R = 7;
layout(constant_id = 6) const int S = 7;
layout(constant_id = 7) const int C = 3;
layout(constant_id = 8) const int SH = 2;
layout(constant_id = 9) const int SW = 2;
layout(constant_id = 10) const int DH = 1;
layout(constant_id = 11) const int DW = 1;
layout(constant_id = 12) const uint VEC_A = 1;
layout(set = 0, binding = 0, std430) readonly buffer DY { E dy[]; };
layout(set = 0, binding = 0, std430) readonly buffer DY4 { E4 dy4[]; };
layout(set = 0, binding = 1, std430) readonly buffer X { E x[]; };
layout(set = 0, binding = 2, std430) writeonly buffer Part { float part[]; };
#include "patch.glsl"

const int QUADS = BK / 4, WG = QUADS * R * C * Z;
shared vec4 gradients[TP * TQ * QUADS]; // of the block, quads fastest
vec4 acc[S];

void load_gradients(int n, int y0, int x0, int k0, int lid) {
    for (int i = lid; i < TP * TQ * QUADS; i += WG) {
        int pixel = i / QUADS, p = y0 + pixel / TQ, q = x0 + pixel % TQ, k = k0 + (i - pixel * QUADS) * 4;
        bool inside = p < g.p && q < g.q && k < g.k;
        int o = inside ? ((n * g.p + p) * g.q + q) * g.k + k : 0;
        vec4 v;
        if (VEC_A != 0) v = elem_vec4(dy4[o >> 2]);
        else
            [[unroll]] for (int e = 0; e < 4; e++) {
                int last = inside ? g.k - 1 - k : 0;
                float one = E_AT(dy, o + min(e, last));
                v[e] = one;
            }
        gradients[i] = inside ? v : vec4(0.0);
    }
}

void add_row(int row, int r, int c, int quad) {
    for (int column = 0; column < TQ; column += 4) {
        vec4 window[PATCH_WINDOW(4)];
        int at = patch_at(c, row, column, r);
        [[unroll]] for (int i = 0; i < PATCH_WINDOW(4); i++) window[i] = patch_[at + i];
        [[unroll]] for (int j = 0; j < 4; j++) {
            vec4 d = gradients[(row * TQ + column + j) * QUADS + quad];
            [[unroll]] for (int s = 0; s < S; s++) acc[s] = fma(vec4(PATCH_AT(window, j, s)), d, acc[s]);
        }
    }
}

void main() {
    int lid = int(gl_LocalInvocationID.x), quad = lid % QUADS, t = lid / QUADS, c = t % C, r = t / C % R;
    int z = t / (R * C), k0 = int(gl_WorkGroupID.x) * BK, slice = int(gl_WorkGroupID.y);
    int blocks_p = (g.p + TP - 1) / TP, blocks_q = (g.q + TQ - 1) / TQ;
    int begin = slice * g.slice_len, end = min(begin + g.slice_len, g.n * blocks_p * blocks_q);
    [[unroll]] for (int s = 0; s < S; s++) acc[s] = vec4(0.0);
    for (int block = begin; block < end; block++) {
        int at = block / blocks_q, x0 = (block - at * blocks_q) * TQ, n = at / blocks_p, y0 = (at - n * blocks_p) * TP;
        barrier(); // the block before has been read
        load_patch(n, y0, x0, lid, WG);
        load_gradients(n, y0, x0, k0, lid);
        barrier();
        for (int row = z; row < TP; row += Z) add_row(row, r, c, quad);
    }
    for (int turn = 1; turn < Z; turn++) {
        barrier();
        if (z == turn)
            [[unroll]] for (int s = 0; s < S; s++) gradients[((r * C + c) * S + s) * QUADS + quad] = acc[s];
        barrier();
        if (z == 0)
            [[unroll]] for (int s = 0; s < S; s++) acc[s] += gradients[((r * C + c) * S + s) * QUADS + quad];
    }
    if (z != 0) return;
    [[unroll]] for (int e = 0; e < 4; e++) {
        int k = k0 + quad * 4 + e;
        if (k >= g.k) continue;
        int to = (g.first_slice + slice) * g.k + k;
        [[unroll]] for (int s = 0; s < S; s++) part[((to * R + r) * S + s) * C + c] = acc[s][e];
    }
}
