// winograd_input: V[r][s] = (B' x B)[r][s] of each 4x4 patch of x; patches overlap by two pixels
// x (N,H,W,C) f32   v f32, T the tiles of winograd.glsl: BLOCK 0: (T,16,C), a convolution of
//   16 groups; else (16,ceil(T/BLOCK),C/4,BLOCK,4), for lanes that own a tile each; what lies past T is not written
// grid linear over T*C/4   spec WG BLOCK   push conv.glsl   needs C % 4 == 0
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"
#include "winograd.glsl"

layout(constant_id = 1) const int BLOCK = 0;
layout(set = 0, binding = 0, std430) readonly buffer X { vec4 x[]; };
layout(set = 0, binding = 1, std430) writeonly buffer V { vec4 v[]; };

void main() {
    int c4 = g.c / 4, i = int(linear_index()), tiles = tile_count();
    if (i >= tiles * c4) return;
    int t = i / c4, c = i - t * c4, line = t / tile_columns(), tx = t - line * tile_columns();
    int n = line / tile_rows(), ty = line - n * tile_rows();
    int top = 2 * ty - g.pad_h, left = 2 * tx - g.pad_w;
    vec4 rows[16]; // B' x, row by row
    [[unroll]] for (int s = 0; s < 4; s++) {
        vec4 d[4];
        int w = left + s, wc = min(max(w, 0), g.w - 1);
        [[unroll]] for (int r = 0; r < 4; r++) {
            int h = top + r;
            vec4 value = x[((n * g.h + min(max(h, 0), g.h - 1)) * g.w + wc) * c4 + c];
            d[r] = h >= 0 && h < g.h && w >= 0 && w < g.w ? value : vec4(0.0);
        }
        rows[s] = d[0] - d[2];
        rows[4 + s] = d[1] + d[2];
        rows[8 + s] = d[2] - d[1];
        rows[12 + s] = d[1] - d[3];
    }
    int step = c4, at = t * 16 * c4 + c; // from one position to the next, and of the first
    if (BLOCK != 0) {
        step = (tiles + BLOCK - 1) / max(BLOCK, 1) * c4 * BLOCK;
        at = (t / max(BLOCK, 1) * c4 + c) * BLOCK + t % max(BLOCK, 1);
    }
    [[unroll]] for (int r = 0; r < 4; r++) {
        vec4 a = rows[r * 4], b = rows[r * 4 + 1], e = rows[r * 4 + 2], f = rows[r * 4 + 3];
        v[r * 4 * step + at] = a - e;
        v[(r * 4 + 1) * step + at] = b + e;
        v[(r * 4 + 2) * step + at] = e - b;
        v[(r * 4 + 3) * step + at] = b - f;
    }
}
