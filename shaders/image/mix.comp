// image_mix: each picture mixed with the one at the same place from the other end of the batch, of src/ops/mix.c
// x, y (N,H,W,3) f32   mix (8) f32: keep, y0 x0 y1 x1
// grid linear over N*H*W   spec WG   push n h w   any size
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"

layout(set = 0, binding = 0, std430) readonly buffer X { float x[]; };
layout(set = 0, binding = 1, std430) readonly buffer Mix { float how[]; };
layout(set = 0, binding = 2, std430) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push { uint n, h, w; };

void main() {
    uint i = linear_index();
    if (i >= n * h * w) return;
    uint picture = i / (w * h), other = i + (n - 1 - picture) * (w * h) - picture * (w * h);
    float row = float(i / w % h), column = float(i % w), keep = how[0];
    bool boxed = row >= how[1] && column >= how[2] && row < how[3] && column < how[4];
    for (uint c = 0; c < 3; c++) {
        float theirs = x[other * 3 + c];
        y[i * 3 + c] = boxed ? theirs : keep * x[i * 3 + c] + (1.0 - keep) * theirs;
    }
}
