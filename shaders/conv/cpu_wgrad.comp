// conv_cpu_wgrad: part of dw of y = conv(x, w) as implicit GEMM for CPU drivers: dw = dy^T x over output pixels;
// conv_cpu_wgrad_wide (-DWIDE) loads eight channels at once instead of four; conv_cpu_wgrad_any (-DANY) reads x one
// channel at a time, for stems and odd channel counts
// A subgroup is a workgroup. PX pixels at a time, as many as a lane loads channels: rows of the product (output
// channels k) come from MA loads a lane, spread by shuffles; columns (filter taps and input channels f = (r, s, c), NC
// consecutive ones a lane) from one load a pixel and PACK columns. SWAP exchanges the roles: for few f and many k.
// dy (N,P,Q,K) f32   x (N,H,W,C) f32   part (slices, K,R,S,C/G) f32: slice first_slice + z / G is the sum of slice_len
//   chunks of 32 pixels of an output row; conv_wgrad_sum adds the slices in order
// grid (ceil(rows / (L MA)), ceil(columns / (L NC)), slices * G)   spec L MA NC BROADCAST SWAP MASK EVEN   push
//   conv.glsl
// needs C/G, NC, L % PACK == 0 and K/G % PX == 0, or with _any any C and K and SWAP = 0; subgroups of exactly L lanes;
// MASK 0: no tap lies outside x; EVEN 1: K/G % 4 == 0 (_any)
#version 460
#extension GL_GOOGLE_include_directive : require

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint L = 8;
layout(constant_id = 1) const uint MA = 1;
layout(constant_id = 2) const uint NC = 4;
layout(constant_id = 3) const uint BROADCAST = 0;
layout(constant_id = 4) const uint SWAP = 0;
layout(constant_id = 5) const uint MASK = 1;
layout(constant_id = 6) const uint EVEN = 1;
#include "lanes.glsl"
#include "conv.glsl"
#include "pack.glsl"

#ifdef ANY
const int PX = 4;
layout(set = 0, binding = 0, std430) readonly buffer DY { vec4 dy[]; };
layout(set = 0, binding = 0, std430) readonly buffer DY1 { float dy1[]; };
#else
const int PX = PACK; // pixels at a time, and rows a load
layout(set = 0, binding = 0, std430) readonly buffer DY { PACK_T dy[]; };
#endif
layout(set = 0, binding = 1, std430) readonly buffer X { PACK_T x[]; };
layout(set = 0, binding = 2, std430) writeonly buffer Part { float part[]; };
layout(set = 0, binding = 2, std430) writeonly buffer Part4 { vec4 part4[]; };

const int CHUNK = 32;
const uint LPP = L / PX; // lanes a pixel, in a row load

// PACK consecutive f = (r, s, c) of x, as the place of their first element for output pixel (0, 0)
struct taps {
    int h, w, c;
};

taps taps_of(int f, int cg, int group) {
    int tap = f / cg, r = tap / g.s;
    return taps(r * g.dilation_h - g.pad_h, (tap - r * g.s) * g.dilation_w - g.pad_w, group * cg + f - tap * cg);
}

PACK_T load_x(taps t, int n, int p, int q) {
    int h = p * g.stride_h + t.h, w = q * g.stride_w + t.w;
    if (MASK == 0) return x[(((n * g.h + h) * g.w + w) * g.c + t.c) / PACK];
    bool inside = h >= 0 && h < g.h && w >= 0 && w < g.w;
    h = min(max(h, 0), g.h - 1);
    w = min(max(w, 0), g.w - 1);
    PACK_T v = x[(((n * g.h + h) * g.w + w) * g.c + t.c) / PACK];
    return inside ? v : PACK_T(0);
}

// PX rows of pixel (line, q), from k on; k <= last where K is odd
float[PX] load_rows(taps t, int k, int last, int line, int n, int p, int q) {
    float v[PX];
#ifdef ANY
    int at = (line * g.q + q) * g.k;
    if (EVEN != 0) {
        vec4 loaded = dy[(at + k) >> 2];
        [[unroll]] for (int e = 0; e < PX; e++) v[e] = loaded[e];
    } else {
        [[unroll]] for (int e = 0; e < PX; e++) v[e] = dy1[at + min(k + e, last)];
    }
#else
    PACK_T loaded = SWAP != 0 ? load_x(t, n, p, q) : dy[((line * g.q + q) * g.k + k) / PACK];
    v = pack_values(loaded).v;
#endif
    return v;
}

void main() {
    int lane = int(gl_SubgroupInvocationID);
    int cg = g.c / g.groups, kg = g.k / g.groups, fs = g.r * g.s * cg;
    int slice = int(gl_WorkGroupID.z) / g.groups, group = int(gl_WorkGroupID.z) - slice * g.groups;
    int rows = SWAP != 0 ? fs : kg, columns = SWAP != 0 ? kg : fs;
    int row0 = int(gl_WorkGroupID.x * L * MA), column0 = int((gl_WorkGroupID.y * L + lane) * NC);
    int dq = lane / int(LPP);

    taps rt[MA], ct[NC]; // of x
    int rk[MA], ck[NC];  // of dy
    [[unroll]] for (uint i = 0; i < MA; i++) {
        int row = row0 + int(i * L) + (lane - dq * int(LPP)) * PX;
        row = EVEN != 0 ? min(row, rows - PX) : row;
        rk[i] = group * kg + row;
        rt[i] = taps_of(row, cg, group);
    }
    [[unroll]] for (uint j = 0; j < NC; j += PACK) {
        int column = min(column0 + int(j), columns - PACK);
        ck[j] = group * kg + column;
        ct[j] = taps_of(column, cg, group);
    }
    float acc[MA * L * NC];
    [[unroll]] for (uint i = 0; i < MA * L * NC; i++) acc[i] = 0.0;

    int row_chunks = (g.q + CHUNK - 1) / CHUNK;
    int end = min((slice + 1) * g.slice_len, g.n * g.p * row_chunks);
    for (int chunk = slice * g.slice_len; chunk < end; chunk++) {
        int line = chunk / row_chunks, q_first = (chunk - line * row_chunks) * CHUNK;
        int n = line / g.p, p = line - n * g.p, q_end = min(q_first + CHUNK, g.q);
        for (int q = q_first; q < q_end; q += PX) {
            float b[PX * NC];
            [[unroll]] for (uint e = 0; e < PX; e++)
                [[unroll]] for (uint j = 0; j < NC; j += PACK) {
                    int qe = min(q + int(e), g.q - 1);
#ifdef ANY
                    b[e * NC + j] = load_x(ct[j], n, p, qe);
#else
                    PACK_T loaded = SWAP != 0 ? dy[((line * g.q + qe) * g.k + ck[j]) / PACK] : load_x(ct[j], n, p, qe);
                    pack v = pack_values(loaded);
                    [[unroll]] for (uint u = 0; u < PACK; u++) b[e * NC + j + u] = v.v[u];
#endif
                }
            [[unroll]] for (uint i = 0; i < MA; i++) {
                int qa = min(q + dq, g.q - 1);
                float a[PX] = load_rows(rt[i], rk[i], (group + 1) * kg - 1, line, n, p, qa);
                [[unroll]] for (int e = 0; e < PX; e++) a[e] = q + dq < g.q ? a[e] : 0.0;
                [[unroll]] for (uint l = 0; l < L; l++)
                    [[unroll]] for (uint e = 0; e < PX; e++) {
                        float v = lane_value(a[l % PX], e * LPP + l / PX);
                        [[unroll]] for (uint j = 0; j < NC; j++) {
                            uint o = (i * L + l) * NC + j;
                            acc[o] = fma(v, b[e * NC + j], acc[o]);
                        }
                    }
            }
        }
    }

    int base = (g.first_slice + slice) * g.k * fs + group * kg * fs;
    const uint vec = PACK == 1 ? 1 : 4;
    [[unroll]] for (uint i = 0; i < MA * L; i++)
        [[unroll]] for (uint j = 0; j < NC; j += vec) {
            int row = row0 + int(i), column = column0 + int(j);
            if (row >= rows || column >= columns) continue;
            const uint o = i * NC + j, all = MA * L * NC;
            if (PACK == 1) {
                part[base + row * fs + column] = acc[o];
            } else if (SWAP == 0) {
                part4[(base + row * fs + column) >> 2] =
                    vec4(acc[o], acc[(o + 1) % all], acc[(o + 2) % all], acc[(o + 3) % all]);
            } else {
                [[unroll]] for (int e = 0; e < vec; e++) part[base + (column + e) * fs + row] = acc[(o + e) % all];
            }
        }
}
