// pad: y = x inside a border of `value`
// x, y four axes, T, which is uint or uvec4: words of any dtype (the last axis counts them)
// grid linear over count, the elements of y   spec WG   push count, sizes of y, sizes of x, corner of x in y, value
// any size
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"

const uint RANK = 4;
#include "walk.glsl"

layout(set = 0, binding = 0, std430) readonly buffer X { T x[]; };
layout(set = 0, binding = 1, std430) writeonly buffer Y { T y[]; };
layout(push_constant) uniform Push {
    uint count, y0, y1, y2, y3, x0, x1, x2, x3, before0, before1, before2, before3;
    uint value;
};

void main() {
    uint i = linear_index();
    if (i >= count) return;
    // In front of x the differences wrap round to large numbers: one comparison an axis finds both borders.
    uvec4 at = walk(i, y1, y2, y3) - uvec4(before0, before1, before2, before3);
    T result = T(value);
    if (all(lessThan(at, uvec4(x0, x1, x2, x3)))) result = x[((at.x * x1 + at.y) * x2 + at.z) * x3 + at.w];
    y[i] = result;
}
