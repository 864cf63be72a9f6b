// pool_max_bwd_block (-DMAX), pool_avg_bwd_block: dx = the sum of dy of those windows whose largest element this is, or
// of this element's shares of dy, for GPUs
// An invocation makes a block of STRIDE_H x STRIDE_W elements of dx, 16 bytes of channels each, which the same windows
// hold: they are read once, and gathered without atomics. Filter and stride are constants, so that all is unrolled.
// dy (N,P,Q,C) ELEM   MAX: index (N,P,Q,C) i32   dx (N,H,W,C) ELEM
// grid linear over N * blocks down * blocks across * C/channels; blocks begin where h + pad_h, w + pad_w are multiples
//   of the stride   spec WG R S STRIDE_H STRIDE_W   push pool.glsl, c in 16 bytes
// needs C % 4 == 0, in 16 bits C % 8 == 0
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "index.glsl"
#include "vecs.glsl"
#include "pool.glsl"

layout(set = 0, binding = 0, std430) readonly buffer Dy { VECS_STORED dy[]; };
#ifdef MAX
layout(set = 0, binding = 1, std430) readonly buffer Index { ivec4 index[]; };
layout(set = 0, binding = 2, std430) writeonly buffer Dx { VECS_STORED dx[]; };
#else
layout(set = 0, binding = 1, std430) writeonly buffer Dx { VECS_STORED dx[]; };
#endif

const int BACK_H = (R - 1) / STRIDE_H, BACK_W = (S - 1) / STRIDE_W; // windows before the block's own
vec4 sum[STRIDE_H * STRIDE_W * VECS];

// Adds window (p, q), `down` and `across` before the block's own.
void take(int at, int p, int q, int down, int across) {
    vecs value = vecs_of(dy[at]);
#ifndef MAX
    float share = 1.0 / window_divisor(p * STRIDE_H - g.pad_h, q * STRIDE_W - g.pad_w);
#endif
    [[unroll]] for (int k = 0; k < VECS; k++) {
#ifdef MAX
        ivec4 where = index[at * VECS + k];
#endif
        [[unroll]] for (int i = 0; i < STRIDE_H; i++)
            [[unroll]] for (int j = 0; j < STRIDE_W; j++) {
                const int r = i + down * STRIDE_H, s = j + across * STRIDE_W, o = (i * STRIDE_W + j) * VECS + k;
                if (r >= R || s >= S) continue;
#ifdef MAX
                sum[o] += mix(vec4(0.0), value.v[k], equal(where, ivec4(r * S + s)));
#else
                sum[o] += value.v[k] * share;
#endif
            }
    }
}

void main() {
    int first_h = g.pad_h / STRIDE_H, first_w = g.pad_w / STRIDE_W;
    int down = (g.h - 1 + g.pad_h) / STRIDE_H - first_h + 1, across = (g.w - 1 + g.pad_w) / STRIDE_W - first_w + 1;
    int i = int(linear_index());
    if (i >= g.n * down * across * g.c) return;
    int t = i / g.c, c = i - t * g.c, row = t / across, n = row / down;
    int own_p = row - n * down + first_h, own_q = t - row * across + first_w;
    [[unroll]] for (int k = 0; k < STRIDE_H * STRIDE_W * VECS; k++) sum[k] = vec4(0.0);
    [[unroll]] for (int a = BACK_H; a >= 0; a--)
        [[unroll]] for (int b = BACK_W; b >= 0; b--) {
            int p = own_p - a, q = own_q - b;
            if (inside(p, g.p) && inside(q, g.q)) take(((n * g.p + p) * g.q + q) * g.c + c, p, q, a, b);
        }
    [[unroll]] for (int y = 0; y < STRIDE_H; y++)
        [[unroll]] for (int x = 0; x < STRIDE_W; x++) {
            int h = own_p * STRIDE_H + y - g.pad_h, w = own_q * STRIDE_W + x - g.pad_w;
            if (!inside(h, g.h) || !inside(w, g.w)) continue;
            vecs result;
            [[unroll]] for (int k = 0; k < VECS; k++) result.v[k] = sum[(y * STRIDE_W + x) * VECS + k];
            dx[((n * g.h + h) * g.w + w) * g.c + c] = vecs_stored(result);
        }
}
