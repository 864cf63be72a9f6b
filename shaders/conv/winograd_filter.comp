// winograd_filter: U[r][s] = (G w G')[r][s] of each 3x3 filter
// w (K,3,3,C) f32   FLIP 1: turned by half a turn, for input gradients
// u f32: TRANSPOSE 0: (16,K,C), one filter and four channels an invocation; 1: (16,C,K), four filters, four channels,
//   for CPU drivers; 2: (16,C,K), four filters and one channel, for GPUs, where 1 takes too many registers
//   BLOCK: the last axis, I, in blocks: (16,ceil(I/BLOCK),K or C,BLOCK); what lies past I is not written
// grid linear over K*C/4, TRANSPOSE 1: K*C/16   spec WG FLIP TRANSPOSE BLOCK   push conv.glsl
// needs C % 4 == 0, BLOCK % 4 == 0; TRANSPOSE: K % 4 == 0
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"
#include "conv.glsl"

layout(constant_id = 1) const uint FLIP = 0;
layout(constant_id = 2) const uint TRANSPOSE = 0;
layout(constant_id = 3) const int BLOCK = 0;
layout(set = 0, binding = 0, std430) readonly buffer W { vec4 w[]; };
layout(set = 0, binding = 0, std430) readonly buffer W1 { float w1[]; };
layout(set = 0, binding = 1, std430) writeonly buffer U { vec4 u[]; };

// Tap t of filter k, channels 4 c on; with TRANSPOSE 2 of filters 4 k on, channel c.
vec4 tap_of(int t, int k, int c) {
    if (FLIP != 0) t = 8 - t;
    if (TRANSPOSE != 2) return w[(k * 9 + t) * (g.c / 4) + c];
    vec4 v;
    [[unroll]] for (int j = 0; j < 4; j++) v[j] = w1[((4 * k + j) * 9 + t) * g.c + c];
    return v;
}

// result[4 r + s], of what tap_of() says
void transform(int k, int c, out vec4 result[16]) {
    vec4 rows[12]; // G w: four rows of three
    [[unroll]] for (int s = 0; s < 3; s++) {
        vec4 f[3];
        [[unroll]] for (int r = 0; r < 3; r++) f[r] = tap_of(r * 3 + s, k, c);
        vec4 ends = 0.5 * (f[0] + f[2]), middle = 0.5 * f[1];
        rows[s] = f[0];
        rows[3 + s] = ends + middle;
        rows[6 + s] = ends - middle;
        rows[9 + s] = f[2];
    }
    [[unroll]] for (int r = 0; r < 4; r++) {
        vec4 ends = 0.5 * (rows[r * 3] + rows[r * 3 + 2]), middle = 0.5 * rows[r * 3 + 1];
        result[r * 4] = rows[r * 3];
        result[r * 4 + 1] = ends + middle;
        result[r * 4 + 2] = ends - middle;
        result[r * 4 + 3] = rows[r * 3 + 2];
    }
}

// Where fours lie: row `o` of `rows`, column 4 i of 4 i4; and from one position to the next.
int place(int o, int rows, int i, int i4) {
    const int b4 = max(BLOCK / 4, 1);
    return BLOCK == 0 ? o * i4 + i : (i / b4 * rows + o) * b4 + i % b4;
}
int position_step(int rows, int i4) {
    const int b4 = max(BLOCK / 4, 1);
    return BLOCK == 0 ? rows * i4 : (i4 + b4 - 1) / b4 * b4 * rows;
}

void main() {
    int c4 = g.c / 4, k4 = g.k / 4, at = int(linear_index());
    vec4 result[16];
    if (TRANSPOSE == 0) {
        if (at >= g.k * c4) return;
        int k = at / c4, c = at - k * c4;
        transform(k, c, result);
        [[unroll]] for (int i = 0; i < 16; i++) u[i * position_step(g.k, c4) + place(k, g.k, c, c4)] = result[i];
    } else if (TRANSPOSE == 1) {
        if (at >= k4 * c4) return;
        int c = at / k4, k = at - c * k4; // neighbours write neighbours
        vec4 turned[64];
        [[unroll]] for (int j = 0; j < 4; j++) {
            transform(4 * k + j, c, result);
            [[unroll]] for (int i = 0; i < 16; i++)
                [[unroll]] for (int e = 0; e < 4; e++) turned[i * 4 + e][j] = result[i][e];
        }
        [[unroll]] for (int i = 0; i < 16; i++)
            [[unroll]] for (int e = 0; e < 4; e++)
                u[i * position_step(g.c, k4) + place(4 * c + e, g.c, k, k4)] = turned[i * 4 + e];
    } else {
        if (at >= k4 * g.c) return;
        int k = at / g.c, c = at - k * g.c; // neighbours read neighbours
        transform(k, c, result);
        [[unroll]] for (int i = 0; i < 16; i++) u[i * position_step(g.c, k4) + place(c, g.c, k, k4)] = result[i];
    }
}
