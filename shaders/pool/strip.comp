// pool_max_strip (-DMAX), pool_avg_strip: the largest element or the mean of each window, for GPUs
// An invocation makes TQ neighbours of a row, 16 bytes of channels each: a column that their windows share is read
// once. Filter and stride are constants, so that all is unrolled.
// x (N,H,W,C) ELEM   y (N,P,Q,C) ELEM   MAX: index (N,P,Q,C) i32: r S + s of the first largest; padding never wins
// grid linear over N*P*ceil(Q/TQ)*C/channels   spec WG R S STRIDE_H STRIDE_W TQ   push pool.glsl, c in 16 bytes
// needs C % 4 == 0, in 16 bits C % 8 == 0
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "index.glsl"
#include "vecs.glsl"
#include "nan.glsl"
#include "pool.glsl"

layout(constant_id = 5) const int TQ = 2;
layout(set = 0, binding = 0, std430) readonly buffer X { VECS_STORED x[]; };
layout(set = 0, binding = 1, std430) writeonly buffer Y { VECS_STORED y[]; };
#ifdef MAX
layout(set = 0, binding = 2, std430) writeonly buffer Index { ivec4 index[]; };
#define OUTSIDE uintBitsToFloat(0xff800000u) // minus infinity
ivec4 where[TQ * VECS];
#else
#define OUTSIDE 0.0
#endif
vec4 found[TQ * VECS];

// Element `value` of tap (r, s) of the j-th window.
void take(int j, int r, int s, vecs value) {
    [[unroll]] for (int i = 0; i < VECS; i++) {
        vec4 v = value.v[i];
#ifdef MAX
        bvec4 better = bvec4(uvec4(greaterThan(v, found[j * VECS + i])) | uvec4(is_nan(v)));
        where[j * VECS + i] = mix(where[j * VECS + i], ivec4(r * S + s), better);
        found[j * VECS + i] = mix(found[j * VECS + i], v, better);
#else
        found[j * VECS + i] += v;
#endif
    }
}

void main() {
    int strips = (g.q + TQ - 1) / TQ, i = int(linear_index());
    if (i >= g.n * g.p * strips * g.c) return;
    int t = i / g.c, c = i - t * g.c, row = t / strips, q0 = (t - row * strips) * TQ, n = row / g.p, p = row - n * g.p;
    int top = p * STRIDE_H - g.pad_h, left = q0 * STRIDE_W - g.pad_w;
    [[unroll]] for (int j = 0; j < TQ; j++)
        [[unroll]] for (int k = 0; k < VECS; k++) {
            found[j * VECS + k] = vec4(OUTSIDE);
#ifdef MAX
            where[j * VECS + k] = ivec4(max(-top, 0) * S + max(-(left + j * STRIDE_W), 0));
#endif
        }
    [[unroll]] for (int r = 0; r < R; r++) {
        bool row_inside = inside(top + r, g.h);
        int line = (n * g.h + clamp(top + r, 0, g.h - 1)) * g.w;
        [[unroll]] for (int k = 0; k < (TQ - 1) * STRIDE_W + S; k++) {
            int w = left + k;
            vecs value = vecs_of(x[(line + clamp(w, 0, g.w - 1)) * g.c + c]);
            if (!row_inside || !inside(w, g.w))
                [[unroll]] for (int e = 0; e < VECS; e++) value.v[e] = vec4(OUTSIDE);
            [[unroll]] for (int j = 0; j < TQ; j++) {
                const int s = k - j * STRIDE_W;
                if (s >= 0 && s < S) take(j, r, s, value);
            }
        }
    }
    [[unroll]] for (int j = 0; j < TQ; j++) {
        if (q0 + j >= g.q) break;
        int to = (row * g.q + q0 + j) * g.c + c;
        vecs result;
        [[unroll]] for (int k = 0; k < VECS; k++) {
            result.v[k] = found[j * VECS + k];
#ifdef MAX
            index[to * VECS + k] = where[j * VECS + k];
#else
            result.v[k] /= window_divisor(top, left + j * STRIDE_W);
#endif
        }
        y[to] = vecs_stored(result);
    }
}
