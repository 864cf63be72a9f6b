// bench_fma: y[i] = sum of twelve chains of x <- a x + b, the yardstick of arithmetic
// y (invocations) f32   192 fused multiply-adds a trip: twelve independent chains hide the latency
// of a multiply-add and fit into sixteen registers
// grid linear over the invocations   spec WG   push trips a b   trips < 65,536
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"

layout(set = 0, binding = 0, std430) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push { uint trips; float a; float b; };

#define TWELVE(f) f(x0) f(x1) f(x2) f(x3) f(x4) f(x5) f(x6) f(x7) f(x8) f(x9) f(x10) f(x11)
#define START(x) float x = start += 1.0;
#define STEP(x) x = fma(x, a, b);
#define SUM(x) sum += x;

void main() {
    uint i = linear_index();
    float start = float(i & 255u), sum = 0.0;
    TWELVE(START)
    for (uint t = 0; t < trips; t++) {
        TWELVE(STEP)
        TWELVE(STEP)
        TWELVE(STEP)
        TWELVE(STEP)
        TWELVE(STEP)
        TWELVE(STEP)
        TWELVE(STEP)
        TWELVE(STEP)
        TWELVE(STEP)
        TWELVE(STEP)
        TWELVE(STEP)
        TWELVE(STEP)
        TWELVE(STEP)
        TWELVE(STEP)
        TWELVE(STEP)
        TWELVE(STEP)
    }
    TWELVE(SUM)
    y[i] = sum;
}
