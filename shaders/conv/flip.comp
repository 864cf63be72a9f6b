// conv_flip: weights for dgrad: t[g C/G + c][r][s][k] = w[g K/G + k][r][s][c], so that dgrad reads both factors along K
// w (K,R,S,C/G) ELEM   t (C,R,S,K/G) ELEM
// grid linear over C*R*S*ceil(K/G/4), 16-bit: over the words of t   spec WG   push conv.glsl   any size
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"
#include "conv.glsl"
#include "elem.glsl"

layout(set = 0, binding = 0, std430) readonly buffer W { E w[]; };
layout(set = 0, binding = 1, std430) writeonly buffer T { O t[]; };

int w_index(int group, int c, int tap, int k) {
    int cg = g.c / g.groups, kg = g.k / g.groups;
    return ((group * kg + k) * g.r * g.s + tap) * cg + c;
}

#if OUT == 0
void main() {
    int i = int(linear_index()), cg = g.c / g.groups, kg = g.k / g.groups, k4 = (kg + 3) / 4;
    if (i >= g.c * g.r * g.s * k4) return;
    // c runs fastest, so that neighbours read neighbours
    int c = i % cg, k = i / cg % k4 * 4, tap = i / (cg * k4) % (g.r * g.s), group = i / (cg * k4 * g.r * g.s);
    [[unroll]] for (int j = 0; j < 4; j++)
        if (k + j < kg) t[((group * cg + c) * g.r * g.s + tap) * kg + k + j] = w[w_index(group, c, tap, k + j)];
}
#else
float t_at(int i) {
    int cg = g.c / g.groups, kg = g.k / g.groups;
    int k = i % kg, tap = i / kg % (g.r * g.s), c = i / (kg * g.r * g.s);
    int from = w_index(c / cg, c % cg, tap, k);
    return E_AT(w, from);
}

void main() {
    int i = int(linear_index()) * 2, count = g.c * g.r * g.s * (g.k / g.groups);
    if (i < count) t[i >> 1] = out_pack(vec2(t_at(i), i + 1 < count ? t_at(i + 1) : 0.0));
}
#endif
