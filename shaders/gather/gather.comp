// gather: y = the elements of x at these places
// x (elements) f32   index (count) T of f32, whole numbers   y (count) T
// grid linear over count   spec WG   push count elements   count in units of T: float or vec4
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"

layout(set = 0, binding = 0, std430) readonly buffer X { float x[]; };
layout(set = 0, binding = 1, std430) readonly buffer Index { T index[]; };
layout(set = 0, binding = 2, std430) writeonly buffer Y { T y[]; };
layout(push_constant) uniform Push { uint count, elements; };

float at(float place) {
    return x[min(uint(place), elements - 1)];
}

void main() {
    uint i = linear_index();
    if (i >= count) return;
    T place = index[i];
#if VEC
    y[i] = vec4(at(place.x), at(place.y), at(place.z), at(place.w));
#else
    y[i] = at(place);
#endif
}
