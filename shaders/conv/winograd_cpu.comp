// conv_winograd_cpu: y = act(A' M A + b + r), M[r][s] = V[r][s] U[r][s] over channels: Winograd's products and the
// output transform in one, for CPU drivers. A subgroup is a workgroup: rows are tiles, a lane loads the channels of MA
// of them by fours and its values go to the others by shuffles; columns are output channels, NL consecutive ones a
// lane. A product stays in registers and is added to the four pixels of its tile, so that M is never stored.
// v (16,tile blocks,C/4,L MA,4) f32   u (16,channel blocks,C,L NL) f32   b (K) or any buffer
// r (N,P,Q,K) f32 or any buffer (ADD 0)   y (N,P,Q,K) f32, may be r
// grid (channel blocks, tile blocks, rest)   spec L MA NL BROADCAST ACT BIAS ADD   push conv.glsl
// needs C % 4 == 0, K % NL == 0, subgroups of exactly L lanes
#version 460
#extension GL_GOOGLE_include_directive : require

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint L = 8;
layout(constant_id = 1) const uint MA = 1;
layout(constant_id = 2) const uint NL = 4;
layout(constant_id = 3) const uint BROADCAST = 0;
layout(constant_id = 4) const uint ACT = 0;
layout(constant_id = 5) const uint BIAS = 0;
layout(constant_id = 6) const uint ADD = 0;
#include "alias.glsl"
#include "lanes.glsl"
#include "winograd.glsl"

layout(set = 0, binding = 0, std430) readonly buffer V { vec4 v[]; };
layout(set = 0, binding = 1, std430) readonly buffer U { vec4 u[]; };
layout(set = 0, binding = 2, std430) readonly buffer B { vec4 b[]; };
ALIASED layout(set = 0, binding = 3, std430) readonly buffer R { vec4 r_[]; };
ALIASED layout(set = 0, binding = 4, std430) writeonly buffer Y { vec4 y[]; };

float acc[MA * L * NL];
float pixels[4 * MA * L * NL];

void main() {
    int lane = int(gl_SubgroupInvocationID), c4 = g.c / 4, k4 = g.k / 4, tiles = tile_count();
    int column = int(gl_WorkGroupID.x * L + lane) * int(NL / 4);
    int t0 = int(gl_WorkGroupID.z * gl_NumWorkGroups.y + gl_WorkGroupID.y) * int(MA * L);
    if (t0 >= tiles) return;
    int channel_blocks = (g.k + int(L * NL) - 1) / int(L * NL); // the grid may be a part of it
    int tile_blocks = (tiles + int(MA * L) - 1) / int(MA * L), block = t0 / int(MA * L);
    [[unroll]] for (uint i = 0; i < 4 * MA * L * NL; i++) pixels[i] = 0.0;

    for (int position = 0; position < 16; position++) {
        [[unroll]] for (uint i = 0; i < MA * L * NL; i++) acc[i] = 0.0;
        int v0 = (position * tile_blocks + block) * c4 * int(MA * L) + lane;
        int channel_block = position * channel_blocks + int(gl_WorkGroupID.x);
        int u0 = (channel_block * g.c * int(L) + lane) * int(NL / 4);
        for (int c = 0; c < c4; c++) {
            vec4 w[NL]; // NL columns of four channels
            [[unroll]] for (uint e = 0; e < 4; e++)
                [[unroll]] for (uint j = 0; j < NL / 4; j++) w[e * (NL / 4) + j] = u[u0 + int(e * (L * NL / 4) + j)];
            u0 += int(L * NL);
            [[unroll]] for (uint i = 0; i < MA; i++) {
                vec4 a = v[v0 + int(i * L)];
                [[unroll]] for (uint l = 0; l < L; l++)
                    [[unroll]] for (uint e = 0; e < 4; e++) {
                        float value = lane_value(a[e], l);
                        [[unroll]] for (uint j = 0; j < NL; j++) {
                            uint o = (i * L + l) * NL + j;
                            acc[o] = fma(value, w[e * (NL / 4) + j / 4][j % 4], acc[o]);
                        }
                    }
            }
            v0 += int(MA * L);
        }
        // A' = (1 1 1 0; 0 1 -1 -1)
        int r = position / 4, s = position % 4;
        float r0 = r < 3 ? 1.0 : 0.0, r1 = r == 0 ? 0.0 : r == 1 ? 1.0 : -1.0;
        float s0 = s < 3 ? 1.0 : 0.0, s1 = s == 0 ? 0.0 : s == 1 ? 1.0 : -1.0;
        [[unroll]] for (uint i = 0; i < MA * L * NL; i++) {
            pixels[4 * i] = fma(r0 * s0, acc[i], pixels[4 * i]);
            pixels[4 * i + 1] = fma(r0 * s1, acc[i], pixels[4 * i + 1]);
            pixels[4 * i + 2] = fma(r1 * s0, acc[i], pixels[4 * i + 2]);
            pixels[4 * i + 3] = fma(r1 * s1, acc[i], pixels[4 * i + 3]);
        }
    }

    [[unroll]] for (uint i = 0; i < MA * L; i++) {
        int t = t0 + int(i);
        if (t >= tiles) continue;
        int line = t / tile_columns(), q = 2 * (t - line * tile_columns());
        int n = line / tile_rows(), p = 2 * (line - n * tile_rows());
        [[unroll]] for (uint d = 0; d < 4; d++) {
            if (p + int(d / 2) >= g.p || q + int(d % 2) >= g.q) continue;
            int at = ((n * g.p + p + int(d / 2)) * g.q + q + int(d % 2)) * k4 + column;
            [[unroll]] for (uint j = 0; j < NL / 4; j++) {
                if (column + int(j) >= k4) continue;
                vec4 value;
                [[unroll]] for (uint e = 0; e < 4; e++) value[e] = pixels[4 * (i * NL + 4 * j + e) + d];
                if (BIAS != 0) value += b[column + int(j)];
                if (ADD != 0) value += r_[at + int(j)];
                y[at + int(j)] = hone_act(ACT, g.act_a, g.act_b, value);
            }
        }
    }
}
