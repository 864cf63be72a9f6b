// norm_scale_bwd: dx = dy gamma / sqrt(var + eps), the gradient through fixed statistics
// dy (M,C) f32   gamma var (C) f32   dx (M,C) f32
// grid linear over groups*C   spec WG   push rows c groups eps   as norm_apply; dx may be dy
#version 460
#extension GL_GOOGLE_include_directive : require
#include "alias.glsl"
#include "index.glsl"
#include "width.glsl"

ALIASED layout(set = 0, binding = 0, std430) readonly buffer Dy { V dy[]; };
layout(set = 0, binding = 1, std430) readonly buffer Gamma { V gamma[]; };
layout(set = 0, binding = 2, std430) readonly buffer Var { V var[]; };
ALIASED layout(set = 0, binding = 3, std430) writeonly buffer Dx { V dx[]; };
layout(push_constant) uniform Push { uint rows, c, groups; float eps; };

void main() {
    uint i = linear_index(), channel = i % c;
    if (i >= groups * c) return;
    V scale = gamma[channel] / sqrt(var[channel] + eps);
    for (; i < rows * c; i += groups * c) dx[i] = dy[i] * scale;
}
