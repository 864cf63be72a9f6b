// winograd_output: y = act(A' M A + b + r), the four pixels of each tile
// m (T,16,K) f32, T the tiles of winograd.glsl   b (K) or any buffer
// r (N,P,Q,K) f32 or any buffer (ADD 0)   y (N,P,Q,K) f32, may be r
// grid linear over T*K/4   spec WG ACT BIAS ADD   push conv.glsl   needs K % 4 == 0
#version 460
#extension GL_GOOGLE_include_directive : require
#include "alias.glsl"
#include "index.glsl"
#include "winograd.glsl"

layout(constant_id = 1) const uint ACT = 0;
layout(constant_id = 2) const uint BIAS = 0;
layout(constant_id = 3) const uint ADD = 0;
layout(set = 0, binding = 0, std430) readonly buffer M { vec4 m[]; };
layout(set = 0, binding = 1, std430) readonly buffer B { vec4 b[]; };
ALIASED layout(set = 0, binding = 2, std430) readonly buffer R { vec4 r[]; };
ALIASED layout(set = 0, binding = 3, std430) writeonly buffer Y { vec4 y[]; };

void main() {
    int k4 = g.k / 4, i = int(linear_index());
    if (i >= tile_count() * k4) return;
    int t = i / k4, k = i - t * k4, line = t / tile_columns(), q = 2 * (t - line * tile_columns());
    int n = line / tile_rows(), p = 2 * (line - n * tile_rows());
    vec4 bias = vec4(0.0), top[4], bottom[4];
    if (BIAS != 0) bias = b[k];
    [[unroll]] for (int s = 0; s < 4; s++) {
        vec4 m0 = m[(t * 16 + s) * k4 + k], m1 = m[(t * 16 + 4 + s) * k4 + k];
        vec4 m2 = m[(t * 16 + 8 + s) * k4 + k], m3 = m[(t * 16 + 12 + s) * k4 + k];
        top[s] = m0 + m1 + m2;
        bottom[s] = m1 - m2 - m3;
    }
    vec4 pixel[4];
    pixel[0] = top[0] + top[1] + top[2];
    pixel[1] = top[1] - top[2] - top[3];
    pixel[2] = bottom[0] + bottom[1] + bottom[2];
    pixel[3] = bottom[1] - bottom[2] - bottom[3];
    [[unroll]] for (int d = 0; d < 4; d++) {
        if (p + d / 2 >= g.p || q + d % 2 >= g.q) continue;
        int at = ((n * g.p + p + d / 2) * g.q + q + d % 2) * k4 + k;
        vec4 value = pixel[d] + bias;
        if (ADD != 0) value += r[at];
        y[at] = hone_act(ACT, g.act_a, g.act_b, value);
    }
}
