// act_bwd: dx = dy f'(saved), where saved is x or y by kind
// dy, saved, dx (count) T, which is float or vec4; with ELEM four elements in 16 bits
// grid linear over count   spec WG KIND   push count a b   any size; dx may be dy
#version 460
#extension GL_GOOGLE_include_directive : require
#include "alias.glsl"
#include "index.glsl"
#include "act.glsl"
#include "elem.glsl"

layout(constant_id = 1) const uint KIND = 1;
ALIASED layout(set = 0, binding = 0, std430) readonly buffer DY { LOADED(T) dy[]; };
layout(set = 0, binding = 1, std430) readonly buffer Saved { LOADED(T) saved[]; };
ALIASED layout(set = 0, binding = 2, std430) writeonly buffer DX { STORED(T) dx[]; };
layout(push_constant) uniform Push { uint count; float a, b; };

void main() {
    uint i = linear_index();
    if (i < count) dx[i] = STORE(LOAD(dy[i]) * hone_act_slope(KIND, a, b, LOAD(saved[i])));
}
