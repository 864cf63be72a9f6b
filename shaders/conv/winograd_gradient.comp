// winograd_gradient: M[r][s] = (A dy A')[r][s] of each tile of 2x2 pixels of dy; pixels past its edge count as zeros
// dy (N,P,Q,K) f32   m (T,16,K) f32, T the tiles of winograd.glsl: a convolution of 16 groups
// grid linear over T*K/4   spec WG   push conv.glsl   needs K % 4 == 0
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"
#include "winograd.glsl"

layout(set = 0, binding = 0, std430) readonly buffer DY { vec4 dy[]; };
layout(set = 0, binding = 1, std430) writeonly buffer M { vec4 m[]; };

void main() {
    int k4 = g.k / 4, i = int(linear_index());
    if (i >= tile_count() * k4) return;
    int t = i / k4, k = i - t * k4, line = t / tile_columns(), q = 2 * (t - line * tile_columns());
    int n = line / tile_rows(), p = 2 * (line - n * tile_rows());
    int at = ((n * g.p + p) * g.q + q) * k4 + k, right = q + 1 < g.q ? k4 : 0, below = p + 1 < g.p ? g.q * k4 : 0;
    vec4 a = dy[at], b = dy[at + right], c = dy[at + below], d = dy[at + below + right];
    if (right == 0) b = d = vec4(0.0);
    if (below == 0) c = d = vec4(0.0);
    vec4 left[4], other[4]; // A dy, the two columns
    left[0] = a;
    left[1] = a + c;
    left[2] = a - c;
    left[3] = -c;
    other[0] = b;
    other[1] = b + d;
    other[2] = b - d;
    other[3] = -d;
    [[unroll]] for (int r = 0; r < 4; r++) {
        int to = (t * 16 + 4 * r) * k4 + k;
        m[to] = left[r];
        m[to + k4] = left[r] + other[r];
        m[to + 2 * k4] = left[r] - other[r];
        m[to + 3 * k4] = -other[r];
    }
}
