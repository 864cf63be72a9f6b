// norm_apply: y = act(gamma (x - mean) invstd + beta + r)
// x (M,C) ELEM   gamma beta mean (C) f32   spread (C) f32: the variance (FROZEN 1) or invstd
// r (M,C) ELEM, or any buffer (RESIDUAL 0)   y (M,C) ELEM, may be x or r
// grid (chunks of rows, blocks of LANES channels)   spec WG LANES FROZEN RESIDUAL ACT   push norm.glsl, eps
// A workgroup is LANES channels by WG / LANES rows and walks down its chunk, which is one run of memory.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "alias.glsl"
#include "width.glsl"
#include "act.glsl"
#include "norm.glsl"

layout(constant_id = 2) const uint FROZEN = 0;
layout(constant_id = 3) const uint RESIDUAL = 0;
layout(constant_id = 4) const uint ACT = 0;
ALIASED layout(set = 0, binding = 0, std430) readonly buffer X { LOADED(V) x[]; };
layout(set = 0, binding = 1, std430) readonly buffer Gamma { V gamma[]; };
layout(set = 0, binding = 2, std430) readonly buffer Beta { V beta[]; };
layout(set = 0, binding = 3, std430) readonly buffer Mean { V mean[]; };
layout(set = 0, binding = 4, std430) readonly buffer Spread { V spread[]; };
ALIASED layout(set = 0, binding = 5, std430) readonly buffer R { LOADED(V) r[]; };
ALIASED layout(set = 0, binding = 6, std430) writeonly buffer Y { STORED(V) y[]; };

void main() {
    uint channel = norm_channel();
    if (channel >= norm.c) return;
    V scale = gamma[channel] * (FROZEN != 0 ? 1.0 / sqrt(spread[channel] + norm.number) : spread[channel]);
    V center = mean[channel], shift = beta[channel];
    uint end = norm_end(), step = norm_step();
    for (uint i = norm_begin(channel); i < end; i += step) {
        V z = (LOAD(x[i]) - center) * scale + shift;
        if (RESIDUAL != 0) z += LOAD(r[i]);
        y[i] = STORE(hone_act(ACT, norm.act_a, norm.act_b, z));
    }
}
