// attention_bias: the gradient of what is added to the scores of attention, summed over its pictures z = b + n period
//   dbias_ij = sum_z ds_ij, ds = p (dy_i v_j - delta_i), p = exp(scale q_i k_j + bias_ij - lse_i)
// q (batch,rows,heads,D), k (batch,others,heads,D), v (batch,others,heads,DV), dy (batch,rows,heads,DV) ELEM, each from
// picture first length period on; strides and offsets of attention.comp, in V   lse, delta (batch,heads,rows) f32
// bias (period,heads,rows,others) f32   result (slices,period,heads,rows,others) f32, a slice of length period pictures
// grid (ceil(rows / WG), heads ceil(others / TILE), period slices)   spec WG D TILE DV, the widths in V
// An invocation owns TILE pairs of one query. MODE 0: keys are read by every invocation. 1: through shared memory.
// 2: a subgroup is a workgroup of TILE lanes, which each read a key and spread it
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "width.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint D = 16;
layout(constant_id = 2) const uint TILE = 8;
layout(constant_id = 3) const uint DV = 16;
#if MODE == 2
layout(constant_id = 4) const uint BROADCAST = 0;
#include "lanes.glsl"
#endif

layout(set = 0, binding = 0, std430) readonly buffer Q { LOADED(V) q[]; };
layout(set = 0, binding = 1, std430) readonly buffer K { LOADED(V) k[]; };
layout(set = 0, binding = 2, std430) readonly buffer Values { LOADED(V) v[]; };
layout(set = 0, binding = 3, std430) readonly buffer Dy { LOADED(V) dy[]; };
layout(set = 0, binding = 4, std430) readonly buffer Lse { float lse[]; };
layout(set = 0, binding = 5, std430) readonly buffer Delta { float delta[]; };
layout(set = 0, binding = 6, std430) readonly buffer Bias { float bias[]; };
layout(set = 0, binding = 7, std430) writeonly buffer Out { float result[]; };
layout(push_constant) uniform Push {
    uint rows, others, heads, batch;
    uint stride_q, at_q, stride_k, at_k, stride_v, at_v;
    float scale;
    uint period, length, first; // first: the slice that q, k, v and dy begin with
};

#if WIDTH == 4
#define V_DOT(x, y) dot(x, y)
#else
#define V_DOT(x, y) ((x) * (y))
#endif

uint base_q, base_k, base_v, base_dy; // of this query; of the tile's first key

#if MODE == 1
shared V tile_k[TILE * D];
shared V tile_v[TILE * DV];
#define KEY(l, d)   tile_k[(l) * D + (d)]
#define VALUE(l, d) tile_v[(l) * DV + (d)]
#elif MODE == 2
#define KEY(l, d)   lane_value(mine_k, l)
#define VALUE(l, d) lane_value(mine_v, l)
#else
#define KEY(l, d)   LOAD(k[base_k + min(l, count - 1) * stride_k + (d)])
#define VALUE(l, d) LOAD(v[base_v + min(l, count - 1) * stride_v + (d)])
#endif

float s[TILE], dp[TILE], sum[TILE];

// The products of this query with `count` keys and values: s = q k, dp = dy v.
void multiply(uint count) {
#if MODE == 1
    barrier(); // the tile before has been read
    for (uint i = gl_LocalInvocationID.x; i < count * D; i += gl_WorkGroupSize.x)
        tile_k[i] = LOAD(k[base_k + i / D * stride_k + i % D]);
    for (uint i = gl_LocalInvocationID.x; i < count * DV; i += gl_WorkGroupSize.x)
        tile_v[i] = LOAD(v[base_v + i / DV * stride_v + i % DV]);
    barrier();
#elif MODE == 2
    uint mine = min(gl_SubgroupInvocationID, count - 1);
#endif
    [[unroll]] for (uint l = 0; l < TILE; l++) s[l] = dp[l] = 0.0;
    [[dont_unroll]] for (uint d = 0; d < D; d++) {
        V own = LOAD(q[base_q + d]);
#if MODE == 2
        V mine_k = LOAD(k[base_k + mine * stride_k + d]);
#endif
        [[unroll]] for (uint l = 0; l < TILE; l++) s[l] += V_DOT(own, KEY(l, d));
    }
    [[dont_unroll]] for (uint d = 0; d < DV; d++) {
        V own = LOAD(dy[base_dy + d]);
#if MODE == 2
        V mine_v = LOAD(v[base_v + mine * stride_v + d]);
#endif
        [[unroll]] for (uint l = 0; l < TILE; l++) dp[l] += V_DOT(own, VALUE(l, d));
    }
}

void main() {
#if MODE == 2
    uint lane = gl_SubgroupInvocationID;
#else
    uint lane = gl_LocalInvocationID.x;
#endif
    uint tiles = (others + TILE - 1) / TILE, head = gl_WorkGroupID.y / tiles;
    uint key = (gl_WorkGroupID.y - head * tiles) * TILE, count = min(TILE, others - key);
    uint slice = gl_WorkGroupID.z / period, place = gl_WorkGroupID.z - slice * period;
    // Invocations past the end repeat the last query and write nothing: all meet at barriers and shuffles.
    uint row = gl_WorkGroupID.x * gl_WorkGroupSize.x + lane, r = min(row, rows - 1);
    uint pairs = ((place * heads + head) * rows + r) * others + key;
    float added[TILE];
    [[unroll]] for (uint l = 0; l < TILE; l++) {
        added[l] = bias[pairs + min(l, count - 1)];
        sum[l] = 0.0;
    }
    for (uint t = 0; t < length; t++) {
        uint z = (slice * length + t) * period + place, picture = first * length * period + z;
        if (picture >= batch) break;
        base_q = (z * rows + r) * stride_q + at_q + head * D;
        base_k = (z * others + key) * stride_k + at_k + head * D;
        base_v = (z * others + key) * stride_v + at_v + head * DV;
        base_dy = ((z * rows + r) * heads + head) * DV;
        multiply(count);
        uint at = (picture * heads + head) * rows + r;
        float own_lse = lse[at], own_delta = delta[at];
        [[unroll]] for (uint l = 0; l < TILE; l++)
            sum[l] += exp(scale * s[l] + added[l] - own_lse) * (dp[l] - own_delta);
    }
    if (row >= rows) return;
    uint out_base = (first + slice) * period * heads * rows * others + pairs;
    [[unroll]] for (uint l = 0; l < TILE; l++)
        if (l < count) result[out_base + l] = sum[l];
}
