// conv_tiled_wgrad: part of dw of y = conv(x, w) as implicit GEMM through shared memory: rows are output channels k,
// columns filter taps and input channels f = (r, s, c), the contraction runs over the output pixels of a slice
// dy (N,P,Q,K) ELEM   x (N,H,W,C) ELEM   part (slices, K,R,S,C/G) f32: slice first_slice + z / G is the sum over output
//   pixels [z / G slice_len, ...) of N*P*Q; conv_wgrad_sum adds the slices in order
// grid (row tiles * column tiles, folded in x y; groups * slices)   spec WG BM BN BK TM TN (tiled.glsl) VEC_A VEC_B
//   VEC_OUT TAPS   push conv.glsl   fp32 accumulate
// VEC_A: K/G % 4 == 0. VEC_B: C/G % 4 == 0. VEC_OUT: R*S*C/G % 4 == 0. TAPS 0: output pixel i reads input pixel i alone
#version 460
#extension GL_GOOGLE_include_directive : require
#include "conv.glsl"
#include "elem.glsl"
#include "tiled.glsl"

layout(constant_id = 6) const uint VEC_A = 0;
layout(constant_id = 7) const uint VEC_B = 0;
layout(constant_id = 8) const uint VEC_OUT = 0;
layout(constant_id = 9) const uint TAPS = 1;
layout(set = 0, binding = 0, std430) readonly buffer DY { E dy[]; };
layout(set = 0, binding = 0, std430) readonly buffer DY4 { E4 dy4[]; };
layout(set = 0, binding = 1, std430) readonly buffer X { E x[]; };
layout(set = 0, binding = 1, std430) readonly buffer X4 { E4 x4[]; };
layout(set = 0, binding = 2, std430) writeonly buffer Part { float part[]; };
layout(set = 0, binding = 2, std430) writeonly buffer Part4 { vec4 part4[]; };

const uint WIDE = VEC_B != 0 ? 1 : 4; // columns with a tap of their own among the four that an invocation loads
int tap_y[WIDE], tap_x[WIDE], tap_c[WIDE];
int group, cg, kg, filter_; // channels a group, R*S*C/G
int m0, n0, end;            // first row and column of the tile; end of the slice

void locate_columns() {
    [[unroll]] for (uint e = 0; e < WIDE; e++) {
        uint f = uint(min(n0 + int(flat_quad(BN) * 4 + e), filter_ - (VEC_B != 0 ? 4 : 1)));
        uint tap = f / uint(cg), r = tap / uint(g.s);
        tap_y[e] = int(r) * g.dilation_h - g.pad_h;
        tap_x[e] = int(tap - r * uint(g.s)) * g.dilation_w - g.pad_w;
        tap_c[e] = group * cg + int(f - tap * uint(cg));
    }
}

void load_a(int p0) {
    int row = m0 + int(flat_quad(BM)) * 4;
    [[unroll]] for (uint i = 0; i < NA; i++) {
        int pixel = p0 + int(flat_step(i, BM)), at = min(pixel, end - 1) * g.k + group * kg;
        if (VEC_A != 0) {
            vec4 v = elem_vec4(dy4[(at + min(row, kg - 4)) >> 2]);
            ra[i] = pixel < end ? v : vec4(0.0);
        } else {
            [[unroll]] for (uint e = 0; e < 4; e++) {
                int o = at + min(row + int(e), kg - 1);
                float v = E_AT(dy, o);
                ra[i][e] = pixel < end ? v : 0.0;
            }
        }
    }
}

void load_b(int p0) {
    [[unroll]] for (uint i = 0; i < NB; i++) {
        int pixel = p0 + int(flat_step(i, BN)), image = 0, y = 0, x_ = pixel;
        if (TAPS != 0) {
            uint t = uint(pixel) / uint(g.q), n = t / uint(g.p);
            image = int(n) * g.h;
            y = int(t - n * uint(g.p)) * g.stride_h;
            x_ = (pixel - int(t * uint(g.q))) * g.stride_w;
        }
        [[unroll]] for (uint e = 0; e < WIDE; e++) {
            int h = y + tap_y[e], v = x_ + tap_x[e], o;
            bool inside = pixel < end;
            if (TAPS == 0) o = pixel * g.c + tap_c[e];
            else {
                inside = inside && h >= 0 && h < g.h && v >= 0 && v < g.w;
                o = ((image + h) * g.w + v) * g.c + tap_c[e];
            }
            if (!inside) o = tap_c[e];
            if (VEC_B != 0) {
                vec4 four = elem_vec4(x4[o >> 2]);
                rb[i] = inside ? four : vec4(0.0);
            } else {
                float one = E_AT(x, o);
                rb[i][e] = inside ? one : 0.0;
            }
        }
    }
}

void store_tile(int slice) {
    [[unroll]] for (uint i = 0; i < TM / 4; i++)
        [[unroll]] for (uint e = 0; e < 4; e++) {
            int row = m0 + int(tile_row(i, e));
            if (row >= kg) continue;
            int base = ((g.first_slice + slice) * g.k + group * kg + row) * filter_;
            [[unroll]] for (uint j = 0; j < TN / 4; j++) {
                int column = n0 + int(tile_column(j));
                if (column >= filter_) continue;
                vec4 v = acc[(i * 4 + e) * (TN / 4) + j];
                if (VEC_OUT != 0) part4[(base + column) >> 2] = v;
                else
                    [[unroll]] for (int d = 0; d < 4; d++)
                        if (column + d < filter_) part[base + column + d] = v[d];
            }
        }
}

void main() {
    int slice = int(gl_WorkGroupID.z) / g.groups;
    group = int(gl_WorkGroupID.z) % g.groups;
    cg = g.c / g.groups;
    kg = g.k / g.groups;
    filter_ = g.r * g.s * cg;
    int tiles_n = (filter_ + int(BN) - 1) / int(BN);
    int tile = int(gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x);
    m0 = tile / tiles_n * int(BM);
    n0 = tile % tiles_n * int(BN);
    if (m0 >= kg) return;
    int begin = slice * g.slice_len;
    end = min(begin + g.slice_len, g.n * g.p * g.q);
    locate_columns();
    [[unroll]] for (uint i = 0; i < TM * TN / 4; i++) acc[i] = vec4(0.0);
    load_a(begin);
    load_b(begin);
    for (int p0 = begin; p0 < end; p0 += int(BK)) {
        barrier(); // the step before has been read
        put_flat_a();
        put_flat_b();
        barrier();
        if (p0 + int(BK) < end) {
            load_a(p0 + int(BK));
            load_b(p0 + int(BK));
        }
        multiply();
    }
    store_tile(slice);
}
