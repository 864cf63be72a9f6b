// image_normalize: y = pixel scale[c] + shift[c]
// x (N,H,W,3) u8, four to a word   y (N,H,W,3) f32, WIDTH elements an invocation
// grid linear over count   spec WG   push count scale[3] shift[3]   count = N*H*W*3 / WIDTH
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"
#include "width.glsl"

layout(set = 0, binding = 0, std430) readonly buffer X { uint x[]; };
layout(set = 0, binding = 1, std430) writeonly buffer Y { V y[]; };
layout(push_constant) uniform Push { uint count; float r, g, b, r0, g0, b0; };

void main() {
    uint i = linear_index();
    if (i >= count) return;
    // Channel of the first element: 4 i mod 3 = i mod 3.
    uint c = i % 3;
    vec3 scale = c == 0 ? vec3(r, g, b) : c == 1 ? vec3(g, b, r) : vec3(b, r, g);
    vec3 shift = c == 0 ? vec3(r0, g0, b0) : c == 1 ? vec3(g0, b0, r0) : vec3(b0, r0, g0);
#if WIDTH == 4
    uint word = x[i];
    vec4 pixels = vec4(word & 255, word >> 8 & 255, word >> 16 & 255, word >> 24);
    y[i] = pixels * vec4(scale, scale.x) + vec4(shift, shift.x);
#else
    y[i] = float(x[i / 4] >> 8 * (i % 4) & 255) * scale.x + shift.x;
#endif
}
