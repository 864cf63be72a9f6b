// cast: y = x in another floating-point type, rounded to nearest even
// x (count) ELEM   y (count) OUT
// grid linear over ceil(count / 2), with -DVEC=1 over count / 4   spec WG   push count   any size; VEC: count % 4 == 0
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"
#include "elem.glsl"

layout(push_constant) uniform Push { uint count; };

#ifdef VEC
layout(set = 0, binding = 0, std430) readonly buffer X { E4 x[]; };
layout(set = 0, binding = 1, std430) writeonly buffer Y { O4 y[]; };

void main() {
    uint i = linear_index();
    if (4 * i < count) y[i] = out_vec4(elem_vec4(x[i]));
}
#else
layout(set = 0, binding = 0, std430) readonly buffer X { E x[]; };
layout(set = 0, binding = 1, std430) writeonly buffer Y { O y[]; };

void main() {
    uint i = linear_index();
    if (2 * i >= count) return;
    bool both = 2 * i + 1 < count;
#if ELEM == 0
    vec2 v = vec2(x[2 * i], both ? x[2 * i + 1] : 0.0);
#else
    vec2 v = elem_unpack(x[i]);
#endif
#if OUT == 0
    y[2 * i] = v.x;
    if (both) y[2 * i + 1] = v.y;
#else
    y[i] = out_pack(both ? v : vec2(v.x, 0.0));
#endif
}
#endif
