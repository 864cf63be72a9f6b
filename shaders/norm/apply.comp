// norm_apply: y = act(gamma (x - mean) invstd + beta + r)
// x (M,C) ELEM   gamma beta mean (C) f32   spread (C) f32: the variance (FROZEN 1) or invstd
// r (M,C) ELEM, or any buffer (RESIDUAL 0)   y (M,C) ELEM, may be x or r
// grid (chunks of rows, blocks of channels) as norm.glsl   spec WG LANES STRIPS FROZEN RESIDUAL ACT
// push rows c chunk act_a act_b eps
#version 460
#extension GL_GOOGLE_include_directive : require
#include "alias.glsl"
#include "width.glsl"
#include "act.glsl"
#include "norm.glsl"

layout(constant_id = 3) const uint FROZEN = 0;
layout(constant_id = 4) const uint RESIDUAL = 0;
layout(constant_id = 5) const uint ACT = 0;
ALIASED layout(set = 0, binding = 0, std430) readonly buffer X { LOADED(V) x[]; };
layout(set = 0, binding = 1, std430) readonly buffer Gamma { V gamma[]; };
layout(set = 0, binding = 2, std430) readonly buffer Beta { V beta[]; };
layout(set = 0, binding = 3, std430) readonly buffer Mean { V mean[]; };
layout(set = 0, binding = 4, std430) readonly buffer Spread { V spread[]; };
ALIASED layout(set = 0, binding = 5, std430) readonly buffer R { LOADED(V) r[]; };
ALIASED layout(set = 0, binding = 6, std430) writeonly buffer Y { STORED(V) y[]; };
layout(push_constant) uniform Push { uint rows, c, chunk; float act_a, act_b, number; };

void main() {
    uint channel = norm_channel(), end = min((gl_WorkGroupID.x + 1) * chunk, rows);
    V scale[STRIPS], center[STRIPS], shift[STRIPS];
    EACH_STRIP {
        uint k = min(channel + u * LANES, c - 1);
        scale[u] = gamma[k] * (FROZEN != 0 ? 1.0 / sqrt(spread[k] + number) : spread[k]);
        center[u] = mean[k];
        shift[u] = beta[k];
    }
    for (uint row = gl_WorkGroupID.x * chunk + norm_row(); row < end; row += norm_rows()) {
        uint i = row * c + channel;
        EACH_STRIP {
            if (channel + u * LANES < c) {
                V z = (LOAD(x[i + u * LANES]) - center[u]) * scale[u] + shift[u];
                if (RESIDUAL != 0) z += LOAD(r[i + u * LANES]);
                y[i + u * LANES] = STORE(hone_act(ACT, act_a, act_b, z));
            }
        }
    }
}
