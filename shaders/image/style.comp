// image_style: colours, noise and erasing, then y = t scale[c] + shift[c], of src/ops/style.c
// x (N,H,W,3) f32 in [0, 1]   plan (N,32) f32   y (N,H,W,3) f32; y may be x
// grid linear over N*H*W   spec WG   push n h w scale[3] shift[3]
#version 460
#extension GL_GOOGLE_include_directive : require
#include "alias.glsl"
#include "index.glsl"
#include "rng.glsl"

ALIASED layout(set = 0, binding = 0, std430) readonly buffer X { float x[]; };
layout(set = 0, binding = 1, std430) readonly buffer Plan { float plan[]; };
ALIASED layout(set = 0, binding = 2, std430) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push { uint n, h, w; float r, g, b, r0, g0, b0; };

void main() {
    uint i = linear_index();
    if (i >= n * h * w) return;
    uint column = i % w, row = i / w % h, k = i / (w * h) * 32;
    vec3 t = vec3(x[i * 3], x[i * 3 + 1], x[i * 3 + 2]);
    t = clamp((t - 0.5) * plan[k + 9] + (0.5 + plan[k + 8]), 0.0, 1.0);
    float gamma = plan[k + 10], even = plan[k + 11], turn = plan[k + 12], sigma = plan[k + 14];
    if (gamma != 1.0)
        for (int c = 0; c < 3; c++) t[c] = t[c] > 0.0 ? pow(t[c], gamma) : 0.0;
    if (even != 1.0 || turn != 0.0) {
        float luma = dot(t, vec3(0.299, 0.587, 0.114)), cb = 0.564 * (t.b - luma), cr = 0.713 * (t.r - luma);
        float red = luma + (turn * cb + even * cr) / 0.713, blue = luma + (even * cb - turn * cr) / 0.564;
        t = clamp(vec3(red, (luma - 0.299 * red - 0.114 * blue) / 0.587, blue), 0.0, 1.0);
    }
    if (sigma > 0.0) {
        uvec2 seed = uvec2(uint(plan[k + 15]), 0), counter = uvec2((row * w + column) * 4, 0);
        for (uint c = 0; c < 3; c++)
            t[c] = clamp(t[c] + sigma * hone_rng_normal(seed, uvec2(0), uvec2(counter.x + c, 0)), 0.0, 1.0);
    }
    t = t * vec3(r, g, b) + vec3(r0, g0, b0);
    // Pixel centres against edges in 256ths: whole numbers.
    uint px = (2 * column + 1) * 128, py = (2 * row + 1) * 128;
    bool inside = px >= uint(plan[k + 17]) * w && px < uint(plan[k + 19]) * w && py >= uint(plan[k + 18]) * h &&
                  py < uint(plan[k + 20]) * h;
    if (inside) t = vec3(0.0);
    y[i * 3] = t.x;
    y[i * 3 + 1] = t.y;
    y[i * 3 + 2] = t.z;
}
