// norm_scale_bwd: dx = dy act' gamma / sqrt(var + eps), the gradient through fixed statistics
// dy (M,C) ELEM   gamma var (C) f32   saved (M,C) ELEM: what act' takes, or any buffer (ACT 0)
// dx (M,C) ELEM, may be dy or saved
// grid (chunks of rows, blocks of channels) as norm.glsl   spec WG LANES STRIPS ACT
// push rows c chunk act_a act_b eps
#version 460
#extension GL_GOOGLE_include_directive : require
#include "alias.glsl"
#include "width.glsl"
#include "act.glsl"
#include "norm.glsl"

layout(constant_id = 3) const uint ACT = 0;
ALIASED layout(set = 0, binding = 0, std430) readonly buffer Dy { LOADED(V) dy[]; };
layout(set = 0, binding = 1, std430) readonly buffer Gamma { V gamma[]; };
layout(set = 0, binding = 2, std430) readonly buffer Var { V var[]; };
ALIASED layout(set = 0, binding = 3, std430) readonly buffer Saved { LOADED(V) saved[]; };
ALIASED layout(set = 0, binding = 4, std430) writeonly buffer Dx { STORED(V) dx[]; };
layout(push_constant) uniform Push { uint rows, c, chunk; float act_a, act_b, eps; };

void main() {
    uint channel = norm_channel(), end = min((gl_WorkGroupID.x + 1) * chunk, rows);
    V scale[STRIPS];
    EACH_STRIP {
        uint k = min(channel + u * LANES, c - 1);
        scale[u] = gamma[k] / sqrt(var[k] + eps);
    }
    for (uint row = gl_WorkGroupID.x * chunk + norm_row(); row < end; row += norm_rows())
        EACH_STRIP {
            uint i = row * c + channel + u * LANES;
            if (channel + u * LANES < c) {
                V dz = LOAD(dy[i]);
                if (ACT != 0) dz *= hone_act_slope(ACT, act_a, act_b, LOAD(saved[i]));
                dx[i] = STORE(dz * scale[u]);
            }
        }
}
