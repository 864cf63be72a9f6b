// conv_cpu_wgrad: part of dw of y = conv(x, w) as implicit GEMM for CPU drivers: dw = dy^T x over output pixels;
// conv_cpu_wgrad_any (-DANY): x is read one channel at a time, for stems and odd channel counts
// A subgroup is a workgroup. Four pixels at a time: rows of the product (output channels k) come from one load of 4
// values a lane, spread by shuffles; columns (filter taps and input channels f = (r, s, c), NC consecutive ones a
// lane) from one load a pixel. SWAP exchanges the roles: for few f and many k.
// dy (N,P,Q,K) f32   x (N,H,W,C) f32   part (slices, K,R,S,C/G) f32: slice first_slice + z / G is the sum of slice_len
//   chunks of 32 pixels of an output row; conv_wgrad_sum adds the slices in order
// grid (ceil(rows / (L MA)), ceil(columns / (L NC)), slices * G)   spec L MA NC BROADCAST SWAP MASK   push conv.glsl
// needs C/G % 4 == 0 and NC % 4 == 0 (_any: SWAP = 0 instead), K/G % 4 == 0, subgroups of exactly L lanes; MASK 0: no
// tap lies outside x
#version 460
#extension GL_GOOGLE_include_directive : require

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint L = 8;
layout(constant_id = 1) const uint MA = 1;
layout(constant_id = 2) const uint NC = 4;
layout(constant_id = 3) const uint BROADCAST = 0;
layout(constant_id = 4) const uint SWAP = 0;
layout(constant_id = 5) const uint MASK = 1;
#include "lanes.glsl"
#include "conv.glsl"

layout(set = 0, binding = 0, std430) readonly buffer DY { vec4 dy[]; };
#ifdef ANY
#define QUAD float
const int PACK = 1; // channels of x a load
#else
#define QUAD vec4
const int PACK = 4;
#endif
layout(set = 0, binding = 1, std430) readonly buffer X { QUAD x[]; };
layout(set = 0, binding = 2, std430) writeonly buffer Part { float part[]; };
layout(set = 0, binding = 2, std430) writeonly buffer Part4 { vec4 part4[]; };

const int CHUNK = 32;
const uint LPP = L / 4; // lanes a pixel, in a row load

// PACK consecutive f = (r, s, c) of x, as the place of their first element for output pixel (0, 0)
struct taps {
    int h, w, c;
};

taps taps_of(int f, int cg, int group) {
    int tap = f / cg, r = tap / g.s;
    return taps(r * g.dilation_h - g.pad_h, (tap - r * g.s) * g.dilation_w - g.pad_w, group * cg + f - tap * cg);
}

QUAD load_x(taps t, int n, int p, int q) {
    int h = p * g.stride_h + t.h, w = q * g.stride_w + t.w;
    if (MASK == 0) return x[(((n * g.h + h) * g.w + w) * g.c + t.c) / PACK];
    bool inside = h >= 0 && h < g.h && w >= 0 && w < g.w;
    h = min(max(h, 0), g.h - 1);
    w = min(max(w, 0), g.w - 1);
    QUAD v = x[(((n * g.h + h) * g.w + w) * g.c + t.c) / PACK];
    return inside ? v : QUAD(0.0);
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
        int row = min(row0 + int(i * L) + (lane - dq * int(LPP)) * 4, rows - 4);
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
        for (int q = q_first; q < q_end; q += 4) {
            float b[4 * NC];
            [[unroll]] for (uint e = 0; e < 4; e++)
                [[unroll]] for (uint j = 0; j < NC; j += PACK) {
                    int qe = min(q + int(e), g.q - 1);
#ifdef ANY
                    b[e * NC + j] = load_x(ct[j], n, p, qe);
#else
                    vec4 v = SWAP != 0 ? dy[((line * g.q + qe) * g.k + ck[j]) >> 2] : load_x(ct[j], n, p, qe);
                    [[unroll]] for (uint u = 0; u < 4; u++) b[e * NC + j + u] = v[u];
#endif
                }
            [[unroll]] for (uint i = 0; i < MA; i++) {
                int qa = min(q + dq, g.q - 1);
#ifdef ANY
                vec4 a = dy[((line * g.q + qa) * g.k + rk[i]) >> 2];
#else
                vec4 a = SWAP != 0 ? load_x(rt[i], n, p, qa) : dy[((line * g.q + qa) * g.k + rk[i]) >> 2];
#endif
                a = q + dq < g.q ? a : vec4(0.0);
                [[unroll]] for (uint l = 0; l < L; l++)
                    [[unroll]] for (uint e = 0; e < 4; e++) {
                        float v = lane_value(a[l % 4], e * LPP + l / 4);
                        [[unroll]] for (uint j = 0; j < NC; j++) {
                            uint o = (i * L + l) * NC + j;
                            acc[o] = fma(v, b[e * NC + j], acc[o]);
                        }
                    }
            }
        }
    }

    int base = (g.first_slice + slice) * g.k * fs + group * kg * fs;
    [[unroll]] for (uint i = 0; i < MA * L; i++)
        [[unroll]] for (uint j = 0; j < NC; j += PACK) {
            int row = row0 + int(i), column = column0 + int(j);
            if (row >= rows || column >= columns) continue;
            const uint o = i * NC + j, all = MA * L * NC;
            if (PACK == 1) {
                part[base + row * fs + column] = acc[o];
            } else if (SWAP == 0) {
                part4[(base + row * fs + column) >> 2] =
                    vec4(acc[o], acc[(o + 1) % all], acc[(o + 2) % all], acc[(o + 3) % all]);
            } else {
                [[unroll]] for (int e = 0; e < PACK; e++) part[base + (column + e) * fs + row] = acc[o + e];
            }
        }
}
