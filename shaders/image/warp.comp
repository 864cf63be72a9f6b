// image_warp: y = bilinear(x, plan) scale[c] + shift[c], mirrored beyond the edges
// x (N,H,W,3) u8, four to a word   plan (N,32) f32, the first eight of src/ops/augment.c   y (N,H,W,3) f32
// grid linear over N*H*W   spec WG   push n h w scale[3] shift[3]   any size
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"

layout(set = 0, binding = 0, std430) readonly buffer X { uint x[]; };
layout(set = 0, binding = 1, std430) readonly buffer Plan { float m[]; };
layout(set = 0, binding = 2, std430) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push { uint n, h, w; float r, g, b, r0, g0, b0; };

// A whole coordinate folded into [0, size): the picture and its mirror image take turns.
uint mirror(float at, uint size) {
    float period = 2.0 * float(size), folded = at - period * floor(at / period);
    if (folded >= float(size)) folded = period - 1.0 - folded;
    return folded > 0.0 ? min(uint(folded), size - 1) : 0u; // a NaN is not above 0
}

vec3 pixel(uint base, uint row, uint column) {
    uint at = (base + row * w + column) * 3;
    uint low = x[at / 4], high = x[(at + 2) / 4], shift = 8 * (at % 4);
    uint word = shift == 0 ? low : low >> shift | high << (32 - shift);
    return vec3(word & 255, word >> 8 & 255, word >> 16 & 255);
}

void main() {
    uint i = linear_index();
    if (i >= n * h * w) return;
    uint column = i % w, row = i / w % h, picture = i / (w * h), k = picture * 32, base = picture * h * w;
    float width = float(w), height = float(h);
    // In pixels about the centre, so that identity and flips are exact.
    float px = float(column) + 0.5 - 0.5 * width, py = float(row) + 0.5 - 0.5 * height;
    float u = m[k] * px + m[k + 1] * py * (width / height), v = m[k + 3] * px * (height / width) + m[k + 4] * py;
    float far = 1.0 + m[k + 6] * (px / width) + m[k + 7] * (py / height);
    if (far != 1.0) {
        u /= far;
        v /= far;
    }
    u += m[k + 2] * width + (0.5 * width - 0.5);
    v += m[k + 5] * height + (0.5 * height - 0.5);
    float u0 = floor(u), v0 = floor(v), fu = u - u0, fv = v - v0;
    uint w0 = mirror(u0, w), w1 = mirror(u0 + 1.0, w), h0 = mirror(v0, h), h1 = mirror(v0 + 1.0, h);
    vec3 top = mix(pixel(base, h0, w0), pixel(base, h0, w1), fu);
    vec3 low = mix(pixel(base, h1, w0), pixel(base, h1, w1), fu);
    vec3 value = mix(top, low, fv) * vec3(r, g, b) + vec3(r0, g0, b0);
    y[i * 3] = value.x;
    y[i * 3 + 1] = value.y;
    y[i * 3 + 2] = value.z;
}
