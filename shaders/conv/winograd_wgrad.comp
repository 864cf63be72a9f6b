// winograd_wgrad: dw = G' U G of each filter, U the sum of its slices in order: the transform of filters backwards
// u (slices,16,K,C) f32   dw (K,3,3,C) f32
// grid linear over K*C/4   spec WG   push K C/4 slices   needs C % 4 == 0
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "index.glsl"

layout(push_constant) uniform Push { int k, c4, slices; } g;
layout(set = 0, binding = 0, std430) readonly buffer U { vec4 u[]; };
layout(set = 0, binding = 1, std430) writeonly buffer DW { vec4 dw[]; };

void main() {
    int i = int(linear_index()), filters = g.k * g.c4;
    if (i >= filters) return;
    vec4 sum[16];
    [[unroll]] for (int t = 0; t < 16; t++) sum[t] = u[t * filters + i];
    for (int s = 1; s < g.slices; s++)
        [[unroll]] for (int t = 0; t < 16; t++) sum[t] += u[(s * 16 + t) * filters + i];
    vec4 rows[12]; // G' u: three rows of four
    [[unroll]] for (int s = 0; s < 4; s++) {
        vec4 ends = 0.5 * (sum[4 + s] + sum[8 + s]);
        rows[s] = sum[s] + ends;
        rows[4 + s] = 0.5 * (sum[4 + s] - sum[8 + s]);
        rows[8 + s] = ends + sum[12 + s];
    }
    int k = i / g.c4, to = k * 9 * g.c4 + i - k * g.c4;
    [[unroll]] for (int r = 0; r < 3; r++) {
        vec4 ends = 0.5 * (rows[r * 4 + 1] + rows[r * 4 + 2]);
        dw[to + 3 * r * g.c4] = rows[r * 4] + ends;
        dw[to + (3 * r + 1) * g.c4] = 0.5 * (rows[r * 4 + 1] - rows[r * 4 + 2]);
        dw[to + (3 * r + 2) * g.c4] = ends + rows[r * 4 + 3];
    }
}
