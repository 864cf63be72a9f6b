// conv_tiled_fprop, conv_tiled_dgrad (-DDGRAD): convolution and its input gradient as implicit GEMM through shared
// memory, for GPUs without matrix units: rows are pixels of dst, columns its channels, the contraction runs over the
// taps and channels of src, flat
// fprop: src x (N,H,W,C) ELEM   w (K,R,S,C/G) ELEM   b (K) f32 or any   dst y (N,P,Q,K) OUT = act(conv(x, w) + b + r)
// dgrad: src dy (N,P,Q,K) ELEM   w (K,R,S,C/G) ELEM   b (C) f32 or any   dst dx (N,H,W,C) OUT, + r; pixels by class
// fprop -DBATCH: groups lie one after the other: x (G,Q,C/G)   y (G,Q,K/G); no bias
// r as dst, or any buffer (ADD 0); dst may be r
// SPLIT 1: dst (slices, ...) f32 gets partial sums of slice_len steps each; conv_split_sum adds them, bias, r and
//   activation
// fprop -DSTATS: also part (row tiles,2,K) f32: means of the tile's rows and squared distances from them; SPLIT 0
// grid (row tiles * column tiles, folded in x y; classes * groups * slices), columns fastest: neighbours share pixels
// spec WG BM BN BK TM TN (tiled.glsl) VEC_A VEC_B VEC_OUT TAPS ACT BIAS SPLIT ADD   push conv.glsl   fp32 accumulate
// VEC_A: src channels/G % 4 == 0. VEC_B: R*S*C/G % 4 == 0, dgrad: C/G % 4 == 0. VEC_OUT: dst channels/G % 4 == 0
// TAPS 0: 1x1 filter, nothing outside, dgrad also: stride 1. 2: src channels/G % BK == 0. 1: others. +4: dgrad with a
// stride. 16-bit dst needs VEC_OUT 1. Any subgroup size
#version 460
#extension GL_GOOGLE_include_directive : require
#include "alias.glsl"
#include "conv.glsl"
#include "elem.glsl"
#include "tiled.glsl"

layout(constant_id = 6) const uint VEC_A = 0;
layout(constant_id = 7) const uint VEC_B = 0;
layout(constant_id = 8) const uint VEC_OUT = 0;
layout(constant_id = 9) const uint TAPS = 1;
const bool POINTS = TAPS == 0, UNIFORM_TAP = (TAPS & 3) == 2;
#define STRIDED (TAPS >= 4)
layout(constant_id = 10) const uint ACT = 0;
layout(constant_id = 11) const uint BIAS = 0;
layout(constant_id = 12) const uint SPLIT = 0;
layout(constant_id = 13) const uint ADD = 0;
#include "axis.glsl"
layout(set = 0, binding = 0, std430) readonly buffer Src { E src[]; };
layout(set = 0, binding = 0, std430) readonly buffer Src4 { E4 src4[]; };
layout(set = 0, binding = 1, std430) readonly buffer W { E w[]; };
layout(set = 0, binding = 1, std430) readonly buffer W4 { E4 w4[]; };
layout(set = 0, binding = 2, std430) readonly buffer B { float b[]; };
ALIASED layout(set = 0, binding = 3, std430) readonly buffer R { O r[]; };
ALIASED layout(set = 0, binding = 3, std430) readonly buffer R4 { O4 r4[]; };
ALIASED layout(set = 0, binding = 4, std430) writeonly buffer Dst { O dst[]; };
ALIASED layout(set = 0, binding = 4, std430) writeonly buffer Dst4 { O4 dst4[]; };
layout(set = 0, binding = 4, std430) writeonly buffer Part { float part[]; };
layout(set = 0, binding = 4, std430) writeonly buffer Part4 { vec4 part4[]; };

#ifdef DGRAD
int src_h() { return g.p; }
int src_w() { return g.q; }
int src_c() { return g.k; }
int dst_h() { return g.h; }
int dst_w() { return g.w; }
int dst_c() { return g.c; }
#else
int src_h() { return g.h; }
int src_w() { return g.w; }
int src_c() { return g.c; }
int dst_h() { return g.p; }
int dst_w() { return g.q; }
int dst_c() { return g.k; }
#endif

axis ay, ax;
int group, src_cg, dst_cg, depth; // channels a group, steps of the contraction
// The first element of this group's channels of a pixel.
#ifdef BATCH
int src_element(int pixel) { return (group * src_w() + pixel) * src_cg; }
int dst_element(int pixel) { return (group * dst_w() + pixel) * dst_cg; }
#else
int src_element(int pixel) { return pixel * src_c() + group * src_cg; }
int dst_element(int pixel) { return pixel * dst_c() + group * dst_cg; }
#endif
int m0, n0;                       // first row and column of the tile

// The pixels whose rows this invocation loads, as source coordinates of tap offset 0.
int row_image[NA], row_y[NA], row_x[NA];

struct pixel {
    int n, y, x;
};

pixel pixel_of(int m) {
    uint t = uint(m) / uint(ax.count), n = t / uint(ay.count);
    return pixel(int(n), int(t - n * uint(ay.count)), m - int(t * uint(ax.count)));
}

void locate_rows(int rows) {
    [[unroll]] for (uint i = 0; i < NA; i++) {
        pixel p = pixel_of(min(m0 + int(deep_row(i)), rows - 1));
        row_image[i] = p.n * src_h();
        row_y[i] = p.y * ay.mul;
        row_x[i] = p.x * ax.mul;
    }
}

// Step k of the contraction: a tap and a channel of src.
struct spot {
    int r, s, c; // r >= R: past the end
};

// Step k0 + offset; k0 is uniform, and with UNIFORM_TAP so is the tap.
spot spot_of(int k0, int offset) {
    int k = k0 + offset;
    if (POINTS) return spot(k < depth ? 0 : 1, 0, k);
    uint t = uint(UNIFORM_TAP ? k0 : k) / uint(src_cg), r = t / uint(ax.taps);
    return spot(k < depth ? ay.tap0 + int(r) * ay.tap_step : g.r,
                ax.tap0 + int(t - r * uint(ax.taps)) * ax.tap_step, k - int(t * uint(src_cg)));
}

// Element of src for row i and a spot; inside says whether there is one.
int src_index(uint i, spot at, out bool inside) {
    int y = row_y[i], x = row_x[i];
    inside = at.r < g.r;
    if (!POINTS) {
        y += tap_offset(ay, at.r, g.stride_h, g.pad_h, g.dilation_h);
        x += tap_offset(ax, at.s, g.stride_w, g.pad_w, g.dilation_w);
        inside = inside && y >= 0 && y < src_h() && x >= 0 && x < src_w();
    }
    return inside ? src_element((row_image[i] + y) * src_w() + x) + at.c : 0;
}

void load_a(int k0) {
    int offset = int(deep_quad()) * 4;
    bool inside;
    if (VEC_A != 0) {
        spot at = spot_of(k0, offset);
        [[unroll]] for (uint i = 0; i < NA; i++) {
            vec4 v = elem_vec4(src4[src_index(i, at, inside) >> 2]);
            ra[i] = inside ? v : vec4(0.0);
        }
    } else {
        [[unroll]] for (uint e = 0; e < 4; e++) {
            spot at = spot_of(k0, offset + int(e));
            [[unroll]] for (uint i = 0; i < NA; i++) {
                int o = src_index(i, at, inside);
                float v = E_AT(src, o);
                ra[i][e] = inside ? v : 0.0;
            }
        }
    }
}

#ifdef DGRAD
// w[k][r][s][c]: neighbours in c are neighbouring columns
void load_b(int k0) {
    int column = n0 + int(flat_quad(BN)) * 4;
    [[unroll]] for (uint i = 0; i < NB; i++) {
        spot at = spot_of(k0, int(flat_step(i, BN)));
        bool inside = at.r < g.r;
        int row = inside ? ((group * src_cg + at.c) * g.r + at.r) * g.s + at.s : 0;
        if (VEC_B != 0) {
            vec4 v = elem_vec4(w4[(row * dst_cg + min(column, dst_cg - 4)) >> 2]);
            rb[i] = inside ? v : vec4(0.0);
        } else {
            [[unroll]] for (uint e = 0; e < 4; e++) {
                int o = row * dst_cg + min(column + int(e), dst_cg - 1);
                float v = E_AT(w, o);
                rb[i][e] = inside ? v : 0.0;
            }
        }
    }
}
#else
// w[k][(r, s, c)]: the contraction is flat here too
void load_b(int k0) {
    int k = k0 + int(deep_quad()) * 4;
    [[unroll]] for (uint i = 0; i < NB; i++) {
        int row = (group * dst_cg + min(n0 + int(deep_row(i)), dst_cg - 1)) * depth;
        if (VEC_B != 0) {
            vec4 v = elem_vec4(w4[(row + min(k, depth - 4)) >> 2]);
            rb[i] = k < depth ? v : vec4(0.0);
        } else {
            [[unroll]] for (uint e = 0; e < 4; e++) {
                int o = row + min(k + int(e), depth - 1);
                float v = E_AT(w, o);
                rb[i][e] = k + int(e) < depth ? v : 0.0;
            }
        }
    }
}
#endif

#include "finish.glsl"

// Four results of dst pixel `at` from channel `column` of the group on.
void store_four(int at, int column, int slice_base, vec4 v) {
    int channel = group * dst_cg + column, o = dst_element(at) + column;
    if (SPLIT != 0) {
        if (VEC_OUT != 0) part4[(slice_base + o) >> 2] = v;
        else
            [[unroll]] for (int e = 0; e < 4; e++)
                if (column + e < dst_cg) part[slice_base + o + e] = v[e];
        return;
    }
    write_four(v, channel, o, dst_cg - column);
}

void store_tile(int rows, int slice) {
    int slice_base = slice * g.n * dst_h() * dst_w() * dst_c();
    [[unroll]] for (uint i = 0; i < TM / 4; i++)
        [[unroll]] for (uint e = 0; e < 4; e++) {
            int m = m0 + int(tile_row(i, e));
            if (m >= rows) continue;
            pixel p = pixel_of(m);
            int at = (p.n * dst_h() + ay.first + p.y * ay.step) * dst_w() + ax.first + p.x * ax.step;
            [[unroll]] for (uint j = 0; j < TN / 4; j++) {
                int column = n0 + int(tile_column(j));
                if (column < dst_cg) store_four(at, column, slice_base, acc[(i * 4 + e) * (TN / 4) + j]);
            }
        }
}

#ifdef STATS
#include "tiled_stats.glsl"
#endif

void main() {
#ifdef DGRAD
    int classes = g.stride_h * g.stride_w;
#else
    int classes = 1;
#endif
    int z = int(gl_WorkGroupID.z), cls = z % classes, slice = z / classes / g.groups;
    group = z / classes % g.groups;
    src_cg = src_c() / g.groups;
    dst_cg = dst_c() / g.groups;
    ay = axis_of(cls / g.stride_w, dst_h(), g.r, g.stride_h, g.pad_h, g.dilation_h);
    ax = axis_of(cls % g.stride_w, dst_w(), g.s, g.stride_w, g.pad_w, g.dilation_w);
    depth = ay.taps * ax.taps * src_cg;
    int rows = g.n * ay.count * ax.count;
    int tiles_n = (dst_cg + int(BN) - 1) / int(BN);
    int tile = int(gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x);
    m0 = tile / tiles_n * int(BM);
    n0 = tile % tiles_n * int(BN);
    if (m0 >= rows) return;
    int begin = 0, end = depth;
    if (SPLIT != 0) {
        begin = slice * g.slice_len;
        end = min(begin + g.slice_len, depth);
    }
    locate_rows(rows);
    [[unroll]] for (uint i = 0; i < TM * TN / 4; i++) acc[i] = vec4(0.0);
    if (begin < end) {
        load_a(begin);
        load_b(begin);
    }
    for (int k0 = begin; k0 < end; k0 += int(BK)) {
        barrier(); // the step before has been read
        put_deep_a();
#ifdef DGRAD
        put_flat_b();
#else
        put_deep_b();
#endif
        barrier();
        if (k0 + int(BK) < end) {
            load_a(k0 + int(BK));
            load_b(k0 + int(BK));
        }
        multiply();
    }
    store_tile(rows, slice);
#ifdef STATS
    leave_stats(rows);
#endif
}
