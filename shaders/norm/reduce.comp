// norm_stats, norm_sums: sums over rows in slices, the first of two passes; deterministic, no atomics
// STATS: x (M,C) ELEM                       part (slices,2,C): mean of a slice, squared distances from it
// else:  dy x (M,C) ELEM   mean (C) f32     part (slices,2,C): sum dz, sum dz (x - mean), dz = dy act'
//        MASK 0: act' = 1; 1: by saved (M,C) ELEM, the result of act; 2: by z = (x - mean) gamma invstd + beta, made
//        again from gamma invstd beta (C) f32. KEEP 1: dz (M,C) ELEM is written too; it may be dy or saved
//        Buffers that MASK and KEEP do not use may be any
// grid (groups of slices, blocks of channels) as norm.glsl   spec WG LANES STRIPS MERGE [ACT MASK KEEP]
// push rows c slice_rows [act_a act_b]
// MERGE 1: a workgroup adds its rows up in shared memory (WG / LANES is a power of two, STRIPS 1) and a slice is a
// workgroup's; MERGE 0: a slice is an invocation's. C % WIDTH == 0, any M
#version 460
#extension GL_GOOGLE_include_directive : require
#include "alias.glsl"
#include "width.glsl"
#include "act.glsl"
#include "norm.glsl"

layout(constant_id = 3) const uint MERGE = 0;
#ifdef STATS
layout(set = 0, binding = 0, std430) readonly buffer X { LOADED(V) x[]; };
layout(set = 0, binding = 1, std430) writeonly buffer Part { V part[]; };
layout(push_constant) uniform Push { uint rows, c, slice_rows; };
#else
layout(constant_id = 4) const uint ACT = 0;
layout(constant_id = 5) const uint MASK = 0;
layout(constant_id = 6) const uint KEEP = 0;
ALIASED layout(set = 0, binding = 0, std430) readonly buffer Dy { LOADED(V) dy[]; };
ALIASED layout(set = 0, binding = 1, std430) readonly buffer X { LOADED(V) x[]; };
layout(set = 0, binding = 2, std430) readonly buffer Mean { V mean[]; };
layout(set = 0, binding = 3, std430) readonly buffer Gamma { V gamma[]; };
layout(set = 0, binding = 4, std430) readonly buffer Invstd { V invstd[]; };
layout(set = 0, binding = 5, std430) readonly buffer Beta { V beta[]; };
ALIASED layout(set = 0, binding = 6, std430) readonly buffer Saved { LOADED(V) saved[]; };
layout(set = 0, binding = 7, std430) writeonly buffer Part { V part[]; };
ALIASED layout(set = 0, binding = 8, std430) writeonly buffer Dz { STORED(V) dz[]; };
layout(push_constant) uniform Push { uint rows, c, slice_rows; float act_a, act_b; };
#endif

shared V sums[gl_WorkGroupSize.x], squares[gl_WorkGroupSize.x];

V a[STRIPS], b[STRIPS], origin[STRIPS];

// Sums over rows [row, end) in steps of `step`; `begin` is the first row of the slice. Distances are from a number of
// the data's size: the squares keep their digits when the mean is large.
void add_rows(uint channel, uint begin, uint row, uint end, uint step) {
#ifndef STATS
    V scale[STRIPS], shift[STRIPS];
#endif
    EACH_STRIP {
        uint k = min(channel + u * LANES, c - 1);
#ifdef STATS
        origin[u] = LOAD(x[begin * c + k]);
#else
        origin[u] = mean[k];
        if (MASK == 2) {
            scale[u] = gamma[k] * invstd[k];
            shift[u] = beta[k];
        }
#endif
    }
    for (; row < end; row += step) {
        EACH_STRIP {
            uint i = row * c + channel + u * LANES;
            if (channel + u * LANES < c) {
                V distance = LOAD(x[i]) - origin[u];
#ifdef STATS
                a[u] += distance;
                b[u] += distance * distance;
#else
                V slope = LOAD(dy[i]);
                if (MASK == 1) slope *= hone_act_slope(ACT, act_a, act_b, LOAD(saved[i]));
                if (MASK == 2) slope *= hone_act_slope_at(ACT, act_a, act_b, distance * scale[u] + shift[u]);
                if (KEEP != 0) dz[i] = STORE(slope);
                a[u] += slope;
                b[u] += slope * distance;
#endif
            }
        }
    }
}

void main() {
    uint id = gl_LocalInvocationID.x, channel = norm_channel();
    uint slice = MERGE != 0 ? gl_WorkGroupID.x : gl_WorkGroupID.x * norm_rows() + norm_row();
    uint begin = slice * slice_rows, end = min(begin + slice_rows, rows);
    EACH_STRIP a[u] = b[u] = origin[u] = V(0.0);
    if (begin < rows)
        add_rows(channel, begin, begin + (MERGE != 0 ? norm_row() : 0), end, MERGE != 0 ? norm_rows() : 1);
    if (MERGE != 0) {
        sums[id] = a[0];
        squares[id] = b[0];
        for (uint half_ = norm_rows() / 2; half_ > 0; half_ /= 2) {
            barrier();
            if (norm_row() < half_) {
                sums[id] += sums[id + half_ * LANES];
                squares[id] += squares[id + half_ * LANES];
            }
        }
        if (norm_row() != 0) return;
        a[0] = sums[id];
        b[0] = squares[id];
    }
    if (begin >= rows) return;
    EACH_STRIP {
        uint at = slice * 2 * c + channel + u * LANES;
        if (channel + u * LANES < c) {
#ifdef STATS
            float count = float(end - begin);
            part[at] = origin[u] + a[u] / count;
            part[at + c] = max(b[u] - a[u] * (a[u] / count), V(0.0));
#else
            part[at] = a[u];
            part[at + c] = b[u];
#endif
        }
    }
}
