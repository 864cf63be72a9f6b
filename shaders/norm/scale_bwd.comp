// norm_scale_bwd: dx = dy gamma / sqrt(var + eps), the gradient through fixed statistics
// dy (M,C) ELEM   gamma var (C) f32   dx (M,C) ELEM, may be dy
// grid (chunks of rows, blocks of LANES channels)   spec WG LANES   push norm.glsl, eps
#version 460
#extension GL_GOOGLE_include_directive : require
#include "alias.glsl"
#include "width.glsl"
#include "norm.glsl"

ALIASED layout(set = 0, binding = 0, std430) readonly buffer Dy { LOADED(V) dy[]; };
layout(set = 0, binding = 1, std430) readonly buffer Gamma { V gamma[]; };
layout(set = 0, binding = 2, std430) readonly buffer Var { V var[]; };
ALIASED layout(set = 0, binding = 3, std430) writeonly buffer Dx { STORED(V) dx[]; };

void main() {
    uint channel = norm_channel();
    if (channel >= norm.c) return;
    V scale = gamma[channel] / sqrt(var[channel] + norm.number);
    uint end = norm_end(), step = norm_step();
    for (uint i = norm_begin(channel); i < end; i += step) dx[i] = STORE(LOAD(dy[i]) * scale);
}
