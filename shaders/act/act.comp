// act: y = f(x)
// x, y (count) T, which is float or vec4; with ELEM four elements in 16 bits
// grid linear over count   spec WG KIND   push count a b   any size; y may be x
#version 460
#extension GL_GOOGLE_include_directive : require
#include "alias.glsl"
#include "index.glsl"
#include "act.glsl"
#include "elem.glsl"

layout(constant_id = 1) const uint KIND = 1;
ALIASED layout(set = 0, binding = 0, std430) readonly buffer X { LOADED(T) x[]; };
ALIASED layout(set = 0, binding = 1, std430) writeonly buffer Y { STORED(T) y[]; };
layout(push_constant) uniform Push { uint count; float a, b; };

void main() {
    uint i = linear_index();
    if (i < count) y[i] = STORE(hone_act(KIND, a, b, LOAD(x[i])));
}
