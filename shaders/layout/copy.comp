// copy: out[to_offset + at . to] = in[from_offset + at . from] for every `at` of a box of four axes
// in, out T, which is uint or uvec4: words of any dtype
// grid linear over count, the elements of the box   spec WG RANK   push count, size of axes 1 to 3, steps `from` and
//   `to` along axes 0 to 3, offsets; all in units of T   any size
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"

layout(constant_id = 1) const uint RANK = 1;
#include "walk.glsl"

layout(set = 0, binding = 0, std430) readonly buffer X { T x[]; };
layout(set = 0, binding = 1, std430) writeonly buffer Y { T y[]; };
layout(push_constant) uniform Push {
    uint count, size1, size2, size3;
    uint from0, from1, from2, from3, to0, to1, to2, to3;
    uint from_offset, to_offset;
};

void main() {
    uint i = linear_index();
    if (i >= count) return;
    uvec4 at = walk(i, size1, size2, size3);
    y[to_offset + walk_dot(at, to0, to1, to2, to3)] =
        x[from_offset + walk_dot(at, from0, from1, from2, from3)];
}
