// norm_finish_stats: joins the slices of norm_stats to the statistics of the batch, in order
// part (slices,2,C)   mean (C)   var (C)   new_mean (C)   new_var (C)   batch_mean (C)   batch_invstd (C), all f32
// grid linear over C*MERGE   spec WG MERGE   push c slices slice_rows rows eps momentum
// new_* may be mean and var themselves
#version 460
#extension GL_GOOGLE_include_directive : require
#include "alias.glsl"
#include "width.glsl"
#include "merge.glsl"

layout(set = 0, binding = 0, std430) readonly buffer Part { V part[]; };
ALIASED layout(set = 0, binding = 1, std430) readonly buffer Mean { V mean[]; };
ALIASED layout(set = 0, binding = 2, std430) readonly buffer Var { V var[]; };
ALIASED layout(set = 0, binding = 3, std430) writeonly buffer NewMean { V new_mean[]; };
ALIASED layout(set = 0, binding = 4, std430) writeonly buffer NewVar { V new_var[]; };
layout(set = 0, binding = 5, std430) writeonly buffer BatchMean { V batch_mean[]; };
layout(set = 0, binding = 6, std430) writeonly buffer BatchInvstd { V batch_invstd[]; };
layout(push_constant) uniform Push { uint c, slices, slice_rows, rows; float eps, momentum; };

void main() {
    // Invocations past the end repeat the last channel and write nothing: all must meet at the barriers.
    uint i = min(merge_channel(), c - 1);
    V origin = part[i], offset = V(0.0), squares = V(0.0);
    for (uint s = merge_first(); s < slices; s += MERGE) {
        float count = float(min(slice_rows, rows - s * slice_rows));
        offset += count * (part[s * 2 * c + i] - origin);
    }
    V center = origin + merged(offset) / float(rows);
    for (uint s = merge_first(); s < slices; s += MERGE) {
        float count = float(min(slice_rows, rows - s * slice_rows));
        V distance = part[s * 2 * c + i] - center;
        squares += part[(s * 2 + 1) * c + i] + count * distance * distance;
    }
    squares = merged(squares);
    if (merge_channel() >= c || merge_first() != 0) return;
    batch_mean[i] = center;
    batch_invstd[i] = 1.0 / sqrt(squares / float(rows) + eps);
    new_mean[i] = (1.0 - momentum) * mean[i] + momentum * center;
    new_var[i] = (1.0 - momentum) * var[i] + momentum * (squares / float(rows - 1));
}
