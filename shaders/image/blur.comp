// image_blur: y = seven Gaussian taps along an axis, mirrored beyond the edges
// x, y (N,H,W,3) f32   plan (N,32) f32: column 13 is the deviation in pixels; below 0.05 nothing happens
// grid linear over N*H*W   spec WG   push n h w axis (1: along H, 2: along W)
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"

layout(set = 0, binding = 0, std430) readonly buffer X { float x[]; };
layout(set = 0, binding = 1, std430) readonly buffer Plan { float plan[]; };
layout(set = 0, binding = 2, std430) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push { uint n, h, w, axis; };

// The picture and its mirror image take turns; a short side is walked more than once.
uint mirror(int at, int size) {
    int period = 2 * size, folded = (at + 4 * period) % period;
    return uint(folded < size ? folded : period - 1 - folded);
}

void main() {
    uint i = linear_index();
    if (i >= n * h * w) return;
    uint column = i % w, row = i / w % h, picture = i / (w * h);
    float sigma = plan[picture * 32 + 13];
    vec3 sum = vec3(x[i * 3], x[i * 3 + 1], x[i * 3 + 2]);
    if (sigma >= 0.05) {
        float total = 1.0;
        for (int k = 1; k <= 3; k++) {
            float weight = exp(-float(k * k) / (2.0 * sigma * sigma));
            total += 2.0 * weight;
            for (int side = -1; side <= 1; side += 2) {
                uint at = axis == 1 ? i - row * w + mirror(int(row) + side * k, int(h)) * w
                                    : i - column + mirror(int(column) + side * k, int(w));
                sum += weight * vec3(x[at * 3], x[at * 3 + 1], x[at * 3 + 2]);
            }
        }
        sum /= total;
    }
    y[i * 3] = sum.x;
    y[i * 3 + 1] = sum.y;
    y[i * 3 + 2] = sum.z;
}
