// norm_stats, norm_sums: sums over rows in slices, the first of two passes; deterministic, no atomics
// STATS: x (M,C) ELEM                      part (slices,2,C): mean of a slice, squared distances from it
// else:  dy x (M,C) ELEM   mean (C) f32     part (slices,2,C): sum dz, sum dz (x - mean), dz = dy act'
//        MASK 0: act' = 1; 1: by saved (M,C) ELEM, the result of act; 2: by z = (x - mean) gamma invstd + beta, made
//        again from gamma invstd beta (C) f32. KEEP 1: dz (M,C) ELEM is written too; it may be dy or saved
//        Buffers that MASK and KEEP do not use may be any
// grid (groups of slices, blocks of LANES channels)   spec WG LANES MERGE [ACT MASK KEEP]
// push rows c slice_rows [act a b]
// A workgroup is LANES channels by WG / LANES rows. MERGE 1: it adds its rows up in shared memory (WG / LANES is a
// power of two) and a slice is a workgroup's; MERGE 0: a slice is an invocation's. C % WIDTH == 0, any M
#version 460
#extension GL_GOOGLE_include_directive : require
#include "alias.glsl"
#include "width.glsl"
#include "act.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint LANES = 1;
layout(constant_id = 2) const uint MERGE = 0;
#ifdef STATS
layout(set = 0, binding = 0, std430) readonly buffer X { LOADED(V) x[]; };
layout(set = 0, binding = 1, std430) writeonly buffer Part { V part[]; };
layout(push_constant) uniform Push { uint rows, c, slice_rows; };
#else
layout(constant_id = 3) const uint ACT = 0;
layout(constant_id = 4) const uint MASK = 0;
layout(constant_id = 5) const uint KEEP = 0;
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

void main() {
    uint id = gl_LocalInvocationID.x, row_lanes = gl_WorkGroupSize.x / LANES;
    uint lane = id % LANES, row_lane = id / LANES, channel = gl_WorkGroupID.y * LANES + lane;
    uint slice = MERGE != 0 ? gl_WorkGroupID.x : gl_WorkGroupID.x * row_lanes + row_lane;
    uint begin = slice * slice_rows, end = min(begin + slice_rows, rows);
    bool inside = channel < c && begin < rows;
    uint first = (begin + (MERGE != 0 ? row_lane : 0)) * c + channel, step = MERGE != 0 ? row_lanes * c : c;
    // Distances from a number of the data's size: the squares keep their digits when the mean is large.
    V a = V(0.0), b = V(0.0), origin = V(0.0);
    if (inside) {
#ifdef STATS
        origin = LOAD(x[begin * c + channel]);
#else
        origin = mean[channel];
        V scale = V(0.0), shift = V(0.0);
        if (MASK == 2) {
            scale = gamma[channel] * invstd[channel];
            shift = beta[channel];
        }
#endif
        for (uint i = first; i < end * c; i += step) {
            V distance = LOAD(x[i]) - origin;
#ifdef STATS
            a += distance;
            b += distance * distance;
#else
            V slope = LOAD(dy[i]);
            if (MASK == 1) slope *= hone_act_slope(ACT, act_a, act_b, LOAD(saved[i]));
            if (MASK == 2) slope *= hone_act_slope_at(ACT, act_a, act_b, distance * scale + shift);
            if (KEEP != 0) dz[i] = STORE(slope);
            a += slope;
            b += slope * distance;
#endif
        }
    }
    if (MERGE != 0) {
        sums[id] = a;
        squares[id] = b;
        for (uint half_ = row_lanes / 2; half_ > 0; half_ /= 2) {
            barrier();
            if (row_lane < half_) {
                sums[id] += sums[id + half_ * LANES];
                squares[id] += squares[id + half_ * LANES];
            }
        }
        if (row_lane != 0) return;
        a = sums[id];
        b = squares[id];
    }
    if (!inside) return;
    uint at = slice * 2 * c + channel;
#ifdef STATS
    float count = float(end - begin);
    part[at] = origin + a / count;
    part[at + c] = max(b - a * (a / count), V(0.0));
#else
    part[at] = a;
    part[at + c] = b;
#endif
}
