// conv_flip: weights for dgrad: t[g C/G + c][r][s][k] = w[g K/G + k][r][s][c], so that dgrad reads both factors along K
// w (K,R,S,C/G) f32   t (C,R,S,K/G) f32
// grid linear over C*R*S*ceil(K/G/4)   spec WG   push conv.glsl   any size
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"
#include "conv.glsl"

layout(set = 0, binding = 0, std430) readonly buffer W { float w[]; };
layout(set = 0, binding = 1, std430) writeonly buffer T { float t[]; };

void main() {
    int i = int(linear_index()), cg = g.c / g.groups, kg = g.k / g.groups, k4 = (kg + 3) / 4;
    if (i >= g.c * g.r * g.s * k4) return;
    // c runs fastest, so that neighbours read neighbours
    int c = i % cg, k = i / cg % k4 * 4, tap = i / (cg * k4) % (g.r * g.s), group = i / (cg * k4 * g.r * g.s);
    [[unroll]] for (int j = 0; j < 4; j++)
        if (k + j < kg)
            t[((group * cg + c) * g.r * g.s + tap) * kg + k + j] =
                w[((group * kg + k + j) * g.r * g.s + tap) * cg + c];
}
