// conv_stem: convolution of pictures with few channels, where implicit GEMM would have a short, unaligned contraction
// A workgroup makes TP x TQ pixels by BN channels, an invocation 8 neighbours of a row by 4 channels. The patch of the
// picture that they read lies in shared memory, beside ROWS rows of the filters at a time; the columns under the 8
// pixels are in registers while all taps of a row use them.
// x (N,H,W,C) ELEM   w (K,R,S,C) ELEM   b (K) f32 or any   y (N,P,Q,K) OUT = act(conv(x, w) + b + r)
// r as y, or any buffer (ADD 0); y may be r
// -DSTATS: also part (tiles of pixels,2,K) f32: mean of a tile and squared distances from it; TP divides P, TQ Q
// grid (N * ceil(P/TP) * ceil(Q/TQ) * ceil(K/BN), folded in x y), channels fastest
// spec WG TP TQ BN ROWS R S C SH SW DH DW VEC_OUT ACT BIAS ADD   push conv.glsl   fp32 accumulate
// WG = TP TQ/8 BN/4; TQ % 8 == 0, BN % 4 == 0; VEC_OUT: K % 4 == 0, as 16-bit y needs. Any subgroup size
#version 460
#extension GL_GOOGLE_include_directive : require
#include "alias.glsl"
#include "conv.glsl"
#include "elem.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const int TP = 8;
layout(constant_id = 2) const int TQ = 16;
layout(constant_id = 3) const uint BN = 64;
layout(constant_id = 4) const int ROWS = 1;
layout(constant_id = 5) const int R = 7;
layout(constant_id = 6) const int S = 7;
layout(constant_id = 7) const int C = 3;
layout(constant_id = 8) const int SH = 2;
layout(constant_id = 9) const int SW = 2;
layout(constant_id = 10) const int DH = 1;
layout(constant_id = 11) const int DW = 1;
layout(constant_id = 12) const uint VEC_OUT = 1;
layout(constant_id = 13) const uint ACT = 0;
layout(constant_id = 14) const uint BIAS = 0;
layout(constant_id = 15) const uint ADD = 0;
layout(set = 0, binding = 0, std430) readonly buffer X { E x[]; };
layout(set = 0, binding = 1, std430) readonly buffer W { E w[]; };
layout(set = 0, binding = 2, std430) readonly buffer B { float b[]; };
ALIASED layout(set = 0, binding = 3, std430) readonly buffer R_ { O r[]; };
ALIASED layout(set = 0, binding = 3, std430) readonly buffer R4 { O4 r4[]; };
ALIASED layout(set = 0, binding = 4, std430) writeonly buffer Dst { O dst[]; };
ALIASED layout(set = 0, binding = 4, std430) writeonly buffer Dst4 { O4 dst4[]; };

int dst_c() { return g.k; }
#include "finish.glsl"
#include "patch.glsl"

const uint TX = BN / 4, TY = uint(TP * TQ) / 8, FILTER_LINE = TX + 1; // a vec4 of skew keeps transposed writes apart
const int WG = int(TX * TY), STAGED = ROWS * S * C;                   // taps and channels of the rows in shared memory
shared vec4 filters[uint(STAGED) * FILTER_LINE];
vec4 acc[8];

// Filter rows from r0 on, of the channels from k0 on.
void load_filters(int k0, int r0, int lid) {
    int filter_ = R * S * C, first = r0 * S * C;
    for (int i = lid; i < int(BN) * STAGED; i += WG) {
        int k = i / STAGED, f = i - k * STAGED;
        bool inside = k0 + k < g.k && first + f < filter_;
        int o = inside ? (k0 + k) * filter_ + first + f : 0;
        float v = E_AT(w, o);
        filters[uint(f) * FILTER_LINE + uint(k) / 4][k % 4] = inside ? v : 0.0;
    }
}

// One filter row, the staged-th of those in shared memory.
void add_row(int row, int column, int r, int staged, uint tx) {
    for (int c = 0; c < C; c++) {
        vec4 window[PATCH_WINDOW(8)];
        int at = patch_at(c, row, column, r);
        [[unroll]] for (int i = 0; i < PATCH_WINDOW(8); i++) window[i] = patch_[at + i];
        [[unroll]] for (int s = 0; s < S; s++) {
            vec4 f = filters[uint((staged * S + s) * C + c) * FILTER_LINE + tx];
            [[unroll]] for (int j = 0; j < 8; j++) acc[j] = fma(vec4(PATCH_AT(window, j, s)), f, acc[j]);
        }
    }
}

#ifdef STATS
// What tiled_stats.glsl asks for: a tile has BM rows, an invocation TM of them by TN columns, and none is outside.
const uint BM = uint(TP * TQ), TM = 8, TN = 4;
uint tile_tx() { return gl_LocalInvocationID.x % TX; }
uint tile_ty() { return gl_LocalInvocationID.x / TX; }
uint tile_row(uint i, uint e) { return 0; }
uint tile_column(uint j) { return tile_tx() * 4; }
int m0, n0, group, dst_cg;
#define sa patch_
#include "tiled_stats.glsl"
#endif

void main() {
    int lid = int(gl_LocalInvocationID.x), tiles_k = (g.k + int(BN) - 1) / int(BN);
    int tiles_p = (g.p + TP - 1) / TP, tiles_q = (g.q + TQ - 1) / TQ;
    int index = int(gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x);
    int tile = index / tiles_k, k0 = (index - tile * tiles_k) * int(BN);
    int t = tile / tiles_q, x0 = (tile - t * tiles_q) * TQ, n = t / tiles_p, y0 = (t - n * tiles_p) * TP;
    if (n >= g.n) return;
    uint tx = uint(lid) % TX, run = uint(lid) / TX;
    int row = int(run) / (TQ / 8), column = int(run) % (TQ / 8) * 8;
    [[unroll]] for (int j = 0; j < 8; j++) acc[j] = vec4(0.0);
    load_patch(n, y0, x0, lid, WG);
    for (int r0 = 0; r0 < R; r0 += ROWS) {
        if (r0 > 0) barrier(); // the rows before have been read
        load_filters(k0, r0, lid);
        barrier();
        for (int r = 0; r < ROWS; r++)
            if (r0 + r < R) add_row(row, column, r0 + r, r, tx);
    }
#ifdef STATS
    m0 = tile * int(BM);
    n0 = k0;
    group = 0;
    dst_cg = g.k;
#endif
    int channel = k0 + int(tx) * 4, p = y0 + row;
    [[unroll]] for (int j = 0; j < 8; j++) {
        int q = x0 + column + j;
        if (p < g.p && q < g.q && channel < g.k)
            write_four(acc[j], channel, ((n * g.p + p) * g.q + q) * g.k + channel, g.k - channel);
    }
#ifdef STATS
    leave_stats(m0 + int(BM));
#endif
}
