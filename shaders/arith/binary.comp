// binary: y = a + b, a b, a - b or a / b (KIND 0 to 3), with broadcasting
// a, b, y T, which is float or vec4 (then the last axis of a and b is dense), with ELEM four elements in 16 bits;
// y (count) row-major
// grid linear over count   spec WG KIND RANK
// push count, size of axes 1 to 3 of y, steps of a and of b along axes 0 to 3
// Sizes and steps in units of T; a step of 0 repeats. y may be an operand that has no such step.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "alias.glsl"
#include "index.glsl"
#include "elem.glsl"

layout(constant_id = 1) const uint KIND = 0;
layout(constant_id = 2) const uint RANK = 1;
#include "walk.glsl"

ALIASED layout(set = 0, binding = 0, std430) readonly buffer A { LOADED(T) a[]; };
ALIASED layout(set = 0, binding = 1, std430) readonly buffer B { LOADED(T) b[]; };
ALIASED layout(set = 0, binding = 2, std430) writeonly buffer Y { STORED(T) y[]; };
layout(push_constant) uniform Push { uint count, size1, size2, size3, a0, a1, a2, a3, b0, b1, b2, b3; };

void main() {
    uint i = linear_index();
    if (i >= count) return;
    uvec4 at = walk(i, size1, size2, size3);
    T va = LOAD(a[walk_dot(at, a0, a1, a2, a3)]);
    T vb = LOAD(b[walk_dot(at, b0, b1, b2, b3)]);
    y[i] = STORE(KIND == 0 ? va + vb : KIND == 1 ? va * vb : KIND == 2 ? va - vb : va / vb);
}
