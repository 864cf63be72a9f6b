// scale: y = alpha x
// x, y (count) T, which is float or vec4, ELEM
// grid linear over count   spec WG   push count alpha   any size; y may be x
#version 460
#extension GL_GOOGLE_include_directive : require
#include "alias.glsl"
#include "index.glsl"
#include "elem.glsl"

ALIASED layout(set = 0, binding = 0, std430) readonly buffer X { LOADED(T) x[]; };
ALIASED layout(set = 0, binding = 1, std430) writeonly buffer Y { STORED(T) y[]; };
layout(push_constant) uniform Push { uint count; float alpha; };

void main() {
    uint i = linear_index();
    if (i < count) y[i] = STORE(alpha * LOAD(x[i]));
}
