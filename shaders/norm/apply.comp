// norm_apply: y = gamma (x - mean) invstd + beta
// x (M,C) f32   gamma beta mean (C) f32   spread (C) f32: the variance (FROZEN 1) or invstd   y (M,C) f32
// grid linear over groups*C   spec WG FROZEN   push rows c groups eps   an invocation takes every groups-th row of its
// channels, so that the parameters are read once for several rows; y may be x
#version 460
#extension GL_GOOGLE_include_directive : require
#include "alias.glsl"
#include "index.glsl"
#include "width.glsl"

layout(constant_id = 1) const uint FROZEN = 0;
ALIASED layout(set = 0, binding = 0, std430) readonly buffer X { V x[]; };
layout(set = 0, binding = 1, std430) readonly buffer Gamma { V gamma[]; };
layout(set = 0, binding = 2, std430) readonly buffer Beta { V beta[]; };
layout(set = 0, binding = 3, std430) readonly buffer Mean { V mean[]; };
layout(set = 0, binding = 4, std430) readonly buffer Spread { V spread[]; };
ALIASED layout(set = 0, binding = 5, std430) writeonly buffer Y { V y[]; };
layout(push_constant) uniform Push { uint rows, c, groups; float eps; };

void main() {
    uint i = linear_index(), channel = i % c;
    if (i >= groups * c) return;
    V scale = gamma[channel] * (FROZEN != 0 ? 1.0 / sqrt(spread[channel] + eps) : spread[channel]);
    V center = mean[channel], shift = beta[channel];
    for (; i < rows * c; i += groups * c) y[i] = (x[i] - center) * scale + shift;
}
