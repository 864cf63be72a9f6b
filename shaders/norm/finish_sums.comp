// norm_finish_sums: joins the slices of norm_sums to dgamma and dbeta, in order
// part (slices,2,C) f32   spread (C) f32: the variance (FROZEN 1) or invstd   dgamma (C) f32   dbeta (C) f32
// grid linear over C*MERGE   spec WG MERGE FROZEN   push c slices eps
#version 460
#extension GL_GOOGLE_include_directive : require
#include "width.glsl"
#include "merge.glsl"

layout(constant_id = 2) const uint FROZEN = 0;
layout(set = 0, binding = 0, std430) readonly buffer Part { V part[]; };
layout(set = 0, binding = 1, std430) readonly buffer Spread { V spread[]; };
layout(set = 0, binding = 2, std430) writeonly buffer Dgamma { V dgamma[]; };
layout(set = 0, binding = 3, std430) writeonly buffer Dbeta { V dbeta[]; };
layout(push_constant) uniform Push { uint c, slices; float eps; };

void main() {
    uint i = min(merge_channel(), c - 1);
    V sum = V(0.0), weighted = V(0.0);
    for (uint s = merge_first(); s < slices; s += MERGE) {
        sum += part[s * 2 * c + i];
        weighted += part[(s * 2 + 1) * c + i];
    }
    sum = merged(sum);
    weighted = merged(weighted);
    if (merge_channel() >= c || merge_first() != 0) return;
    dgamma[i] = weighted * (FROZEN != 0 ? 1.0 / sqrt(spread[i] + eps) : spread[i]);
    dbeta[i] = sum;
}
