// norm_apply_bwd: dx = gamma invstd (dz - dbeta / M - (x - mean) invstd dgamma / M), dz = dy act'
// dy x (M,C) ELEM   gamma mean invstd dgamma dbeta (C) f32   beta (C) f32 (MASK 2)   saved (M,C) ELEM (MASK 1)
// dx (M,C) ELEM, may be dy or x   MASK as norm/reduce.comp; buffers that it does not read may be any
// grid (chunks of rows, blocks of channels) as norm.glsl   spec WG LANES STRIPS ACT MASK
// push rows c chunk act_a act_b 1/M
#version 460
#extension GL_GOOGLE_include_directive : require
#include "alias.glsl"
#include "width.glsl"
#include "act.glsl"
#include "norm.glsl"

layout(constant_id = 3) const uint ACT = 0;
layout(constant_id = 4) const uint MASK = 0;
ALIASED layout(set = 0, binding = 0, std430) readonly buffer Dy { LOADED(V) dy[]; };
ALIASED layout(set = 0, binding = 1, std430) readonly buffer X { LOADED(V) x[]; };
layout(set = 0, binding = 2, std430) readonly buffer Gamma { V gamma[]; };
layout(set = 0, binding = 3, std430) readonly buffer Mean { V mean[]; };
layout(set = 0, binding = 4, std430) readonly buffer Invstd { V invstd[]; };
layout(set = 0, binding = 5, std430) readonly buffer Beta { V beta[]; };
ALIASED layout(set = 0, binding = 6, std430) readonly buffer Saved { LOADED(V) saved[]; };
layout(set = 0, binding = 7, std430) readonly buffer Dgamma { V dgamma[]; };
layout(set = 0, binding = 8, std430) readonly buffer Dbeta { V dbeta[]; };
ALIASED layout(set = 0, binding = 9, std430) writeonly buffer Dx { STORED(V) dx[]; };
layout(push_constant) uniform Push { uint rows, c, chunk; float act_a, act_b, share; };

void main() {
    uint channel = norm_channel(), end = min((gl_WorkGroupID.x + 1) * chunk, rows);
    V scale[STRIPS], center[STRIPS], shift[STRIPS], level[STRIPS], slope[STRIPS];
    EACH_STRIP {
        uint k = min(channel + u * LANES, c - 1);
        scale[u] = gamma[k] * invstd[k];
        center[u] = mean[k];
        shift[u] = V(0.0);
        if (MASK == 2) shift[u] = beta[k];
        level[u] = dbeta[k] * share;
        slope[u] = invstd[k] * dgamma[k] * share;
    }
    for (uint row = gl_WorkGroupID.x * chunk + norm_row(); row < end; row += norm_rows()) {
        uint i = row * c + channel;
        EACH_STRIP {
            if (channel + u * LANES < c) {
                V distance = LOAD(x[i + u * LANES]) - center[u], dz = LOAD(dy[i + u * LANES]);
                if (MASK == 1) dz *= hone_act_slope(ACT, act_a, act_b, LOAD(saved[i + u * LANES]));
                if (MASK == 2) dz *= hone_act_slope_at(ACT, act_a, act_b, distance * scale[u] + shift[u]);
                dx[i + u * LANES] = STORE(scale[u] * ((dz - level[u]) - distance * slope[u]));
            }
        }
    }
}
