// norm_apply_bwd: dx = gamma invstd (dy - dbeta / M - (x - mean) invstd dgamma / M)
// dy x (M,C) f32   gamma mean invstd dgamma dbeta (C) f32   dx (M,C) f32
// grid linear over groups*C   spec WG   push rows c groups 1/M   as norm_apply; dx may be dy or x
#version 460
#extension GL_GOOGLE_include_directive : require
#include "alias.glsl"
#include "index.glsl"
#include "width.glsl"

ALIASED layout(set = 0, binding = 0, std430) readonly buffer Dy { V dy[]; };
ALIASED layout(set = 0, binding = 1, std430) readonly buffer X { V x[]; };
layout(set = 0, binding = 2, std430) readonly buffer Gamma { V gamma[]; };
layout(set = 0, binding = 3, std430) readonly buffer Mean { V mean[]; };
layout(set = 0, binding = 4, std430) readonly buffer Invstd { V invstd[]; };
layout(set = 0, binding = 5, std430) readonly buffer Dgamma { V dgamma[]; };
layout(set = 0, binding = 6, std430) readonly buffer Dbeta { V dbeta[]; };
ALIASED layout(set = 0, binding = 7, std430) writeonly buffer Dx { V dx[]; };
layout(push_constant) uniform Push { uint rows, c, groups; float share; };

void main() {
    uint i = linear_index(), channel = i % c;
    if (i >= groups * c) return;
    V scale = gamma[channel] * invstd[channel], center = mean[channel];
    V level = dbeta[channel] * share, slope = invstd[channel] * dgamma[channel] * share;
    for (; i < rows * c; i += groups * c) dx[i] = scale * ((dy[i] - level) - (x[i] - center) * slope);
}
