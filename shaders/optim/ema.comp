// ema: e' = e + hyper[3] (w - e)
// e, w, e' (count) vec4   hyper (4): the last is the share of w
// grid linear over count   spec WG   push count   e' may be e
#version 460
#extension GL_GOOGLE_include_directive : require
#include "alias.glsl"
#include "index.glsl"

ALIASED layout(set = 0, binding = 0, std430) readonly buffer E { vec4 e[]; };
layout(set = 0, binding = 1, std430) readonly buffer W { vec4 w[]; };
layout(set = 0, binding = 2, std430) readonly buffer Hyper { float hyper[4]; };
ALIASED layout(set = 0, binding = 3, std430) writeonly buffer E1 { vec4 e1[]; };
layout(push_constant) uniform Push { uint count; };

void main() {
    uint i = linear_index();
    if (i >= count) return;
    vec4 mean = e[i];
    e1[i] = mean + hyper[3] * (w[i] - mean);
}
