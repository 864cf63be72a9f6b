// norm_apply_bwd: dx = gamma invstd (dz - dbeta / M - (x - mean) invstd dgamma / M), dz = dy act'
// dy x (M,C) ELEM   gamma mean invstd dgamma dbeta (C) f32   beta (C) f32 (MASK 2)   saved (M,C) ELEM (MASK 1)
// dx (M,C) ELEM, may be dy or x   MASK as norm/reduce.comp; buffers that it does not read may be any
// grid (chunks of rows, blocks of LANES channels)   spec WG LANES ACT MASK   push norm.glsl, 1/M
#version 460
#extension GL_GOOGLE_include_directive : require
#include "alias.glsl"
#include "width.glsl"
#include "act.glsl"
#include "norm.glsl"

layout(constant_id = 2) const uint ACT = 0;
layout(constant_id = 3) const uint MASK = 0;
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

void main() {
    uint channel = norm_channel();
    if (channel >= norm.c) return;
    V scale = gamma[channel] * invstd[channel], center = mean[channel], shift = V(0.0);
    if (MASK == 2) shift = beta[channel];
    V level = dbeta[channel] * norm.number, slope = invstd[channel] * dgamma[channel] * norm.number;
    uint end = norm_end(), step = norm_step();
    for (uint i = norm_begin(channel); i < end; i += step) {
        V distance = LOAD(x[i]) - center, dz = LOAD(dy[i]);
        if (MASK == 1) dz *= hone_act_slope(ACT, norm.act_a, norm.act_b, LOAD(saved[i]));
        if (MASK == 2) dz *= hone_act_slope_at(ACT, norm.act_a, norm.act_b, distance * scale + shift);
        dx[i] = STORE(scale * ((dz - level) - distance * slope));
    }
}
