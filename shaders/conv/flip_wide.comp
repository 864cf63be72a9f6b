// conv_flip_wide: conv_flip in blocks of 8 x 8 channels: an invocation loads eight rows of a block and stores its
// eight columns; for CPU drivers, where the width of a load costs nothing
// w (K,R,S,C/G) f32   t (C,R,S,K/G) f32
// grid linear over G*K/G/8*R*S*C/G/8   spec WG   push conv.glsl   needs K/G % 8 == 0 and C/G % 8 == 0
#version 460
#extension GL_GOOGLE_include_directive : require
#define WIDE
#include "index.glsl"
#include "conv.glsl"
#include "pack.glsl"

layout(set = 0, binding = 0, std430) readonly buffer W { u64vec4 w[]; };
layout(set = 0, binding = 1, std430) writeonly buffer T { u64vec4 t[]; };

void main() {
    int i = int(linear_index()), c8 = g.c / g.groups / 8, k8 = g.k / g.groups / 8, taps = g.r * g.s;
    if (i >= g.groups * c8 * k8 * taps) return;
    int c = i % c8, tap = i / c8 % taps, k = i / (c8 * taps) % k8, group = i / (c8 * taps * k8);
    pack row[8];
    [[unroll]] for (int j = 0; j < 8; j++)
        row[j] = pack_values(w[(((group * k8 + k) * 8 + j) * taps + tap) * c8 + c]);
    [[unroll]] for (int j = 0; j < 8; j++)
        t[(((group * c8 + c) * 8 + j) * taps + tap) * k8 + k] =
            u64vec4(pack_two(row[0].v[j], row[1].v[j]), pack_two(row[2].v[j], row[3].v[j]),
                    pack_two(row[4].v[j], row[5].v[j]), pack_two(row[6].v[j], row[7].v[j]));
}
