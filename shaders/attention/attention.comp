// attention and its gradients, a row an invocation: nothing of size N x M is kept
//   WAY 0  y = sum_j p_ij v_j, lse_i = log sum_j exp(s_ij), p = exp(s - lse), s_ij = scale q_i k_j + bias_ij
//   WAY 1  dq_i = scale sum_j ds_ij k_j, ds = p (dp - delta_i), dp_ij = dy_i v_j, delta_i = dy_i y_i
//   WAY 2  dk_j = scale sum_i ds_ij q_i
//   WAY 3  dv_j = sum_i p_ij dy_i
// WAY 0 keeps its sums by an online softmax. Own rows A, B and other rows P, Q by way: 0: q - k v; 1: q dy k v;
// 2: k v q dy; 3: k - q dy. A and P have D numbers a head, B and Q have DV. Row r of head h of picture z of an operand:
// ((z rows + r) stride + offset + h D), in V.
// lse, delta (batch,heads,queries) f32   bias (period,heads,queries,keys) f32, of picture z % period, where BIAS is 1
// grid (ceil(rows / WG), heads parts, batch)   spec WG D TILE DV R BIAS   D DV R and push count in V
// An invocation makes R numbers of a row, all or a part of its D or DV, in registers.
// MODE 0: other rows are read by every invocation. 1: TILE of them at a time through shared memory. 2: a subgroup is
// a workgroup of TILE lanes, which each read one and spread it
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "width.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint D = 16;
layout(constant_id = 2) const uint TILE = 8;
layout(constant_id = 3) const uint DV = 16;
layout(constant_id = 4) const uint R = 16;
layout(constant_id = 5) const uint BIAS = 0;
#if MODE == 2
layout(constant_id = 6) const uint BROADCAST = 0;
#include "lanes.glsl"
#endif

layout(set = 0, binding = 0, std430) readonly buffer A { LOADED(V) a[]; };
layout(set = 0, binding = 1, std430) readonly buffer B { LOADED(V) b[]; };
layout(set = 0, binding = 2, std430) readonly buffer P { LOADED(V) p[]; };
layout(set = 0, binding = 3, std430) readonly buffer Q { LOADED(V) q[]; };
layout(set = 0, binding = 4, std430) buffer Lse { float lse[]; };
layout(set = 0, binding = 5, std430) readonly buffer Delta { float delta[]; };
layout(set = 0, binding = 6, std430) writeonly buffer Out { STORED(V) result[]; };
layout(set = 0, binding = 7, std430) readonly buffer Bias { float bias[]; };
layout(push_constant) uniform Push {
    uint rows, others, heads;
    uint stride_a, at_a, stride_b, at_b, stride_p, at_p, stride_q, at_q, stride_out, at_out;
    float scale;
    uint period, bias_row, bias_other; // how far apart the numbers of own rows are, and those of other rows
};

#define USES_B (WAY == 1 || WAY == 2)
#if USES_B
#define WIDTH_RESULT D
#define WIDEST       (D > DV ? D : DV)
#else
#define WIDTH_RESULT DV
#define WIDEST       D
#endif
#if WIDTH == 4
#define V_DOT(x, y) dot(x, y)
#else
#define V_DOT(x, y) ((x) * (y))
#endif

#if MODE == 1
shared V tile_p[TILE * D];
shared V tile_q[TILE * DV];
#define OTHER_P(j, d) tile_p[(j) * D + (d)]
#define OTHER_Q(j, d) tile_q[(j) * DV + (d)]
#else
#define OTHER_P(j, d) LOAD(p[base_p + (j) * stride_p + (d)])
#define OTHER_Q(j, d) LOAD(q[base_q + (j) * stride_q + (d)])
#endif

// MODE 0, for what others have no registers for, reads its own rows again and again.
#if MODE == 0
uint at_own_a, at_own_b;
V acc[R];
#define OWN_A(d) LOAD(a[at_own_a + (d)])
#define OWN_B(d) LOAD(b[at_own_b + (d)])
#else
V own_a[D], own_b[DV], acc[R];
#define OWN_A(d) own_a[d]
#define OWN_B(d) own_b[d]
#endif
float top = -3.4e38, total = 0.0, own_lse, own_delta;
uint base_p, base_q, base_lse, base_bias, from; // `from`: the first number of this part of the result

#define AT_ONCE 8

#if USES_B
#define SUMMED(j) OTHER_P(j, from + d)
#else
#define SUMMED(j) OTHER_Q(j, from + d)
#endif

float scored(float product, uint index) {
    return BIAS != 0 ? scale * product + bias[base_bias + index * bias_other] : scale * product;
}

// Sums so far are relative to the largest s: a larger one makes them smaller.
void raise_top(float s) {
    if (WAY != 0 || s <= top) return;
    float shrink = exp(top - s);
    total *= shrink;
    [[unroll]] for (uint d = 0; d < R; d++) acc[d] *= shrink;
    top = s;
}

// How much of other row j goes into the sum, by s and dp.
float weight(uint j, float s, float dp) {
#if WAY == 1
    return scale * exp(s - own_lse) * (dp - own_delta);
#elif WAY == 2
    return scale * exp(s - lse[base_lse + j]) * (dp - delta[base_lse + j]);
#elif WAY == 3
    return exp(s - lse[base_lse + j]);
#else
    float e = exp(s - top);
    total += e;
    return e;
#endif
}

#if MODE == 2
// The next TILE other rows, or as many as are left.
void add_tile(uint first) {
    uint mine = min(first + gl_SubgroupInvocationID, others - 1);
    float s[TILE], dp[TILE];
    [[unroll]] for (uint l = 0; l < TILE; l++) s[l] = dp[l] = 0.0;
    [[unroll]] for (uint d = 0; d < WIDEST; d++) {
        if (d < D) {
            V k = OTHER_P(mine, d);
            [[unroll]] for (uint l = 0; l < TILE; l++) s[l] += V_DOT(OWN_A(d), lane_value(k, l));
        }
        if (USES_B && d < DV) {
            V v = OTHER_Q(mine, d);
            [[unroll]] for (uint l = 0; l < TILE; l++) dp[l] += V_DOT(OWN_B(d), lane_value(v, l));
        }
    }
    [[unroll]] for (uint l = 0; l < TILE; l++) s[l] = scored(s[l], min(first + l, others - 1));
    float peak = s[0];
    [[unroll]] for (uint l = 1; l < TILE; l++) peak = max(peak, s[l]); // the last is repeated past the end
    raise_top(peak);
    [[unroll]] for (uint l = 0; l < TILE; l++) s[l] = first + l < others ? weight(first + l, s[l], dp[l]) : 0.0;
    [[unroll]] for (uint d = 0; d < R; d++) {
        V v = SUMMED(mine);
        [[unroll]] for (uint l = 0; l < TILE; l++) acc[d] += s[l] * lane_value(v, l);
    }
}
#else
// Products of the numbers at d of own rows and of the other row at j.
void add_products(uint j, uint d, inout float s, inout float dp) {
    if (D == WIDEST || d < D) s += V_DOT(OWN_A(d), OTHER_P(j, d));
    if (USES_B && (DV == WIDEST || d < DV)) dp += V_DOT(OWN_B(d), OTHER_Q(j, d));
}

// Other row `index`, which lies at j of the tile or of the tensor.
void add_other(uint j, uint index) {
    float s = 0.0, dp = 0.0;
#if MODE == 0
    // Of long rows a few at a time: compilers load what is unrolled at once, Intel's into registers that it lacks.
    if (D > AT_ONCE && D % AT_ONCE == 0 && (!USES_B || DV == D)) {
        [[dont_unroll]] for (uint d = 0; d < D; d += AT_ONCE)
            [[unroll]] for (uint i = 0; i < AT_ONCE; i++) add_products(j, d + i, s, dp);
    } else
#endif
    {
        [[unroll]] for (uint d = 0; d < WIDEST; d++) add_products(j, d, s, dp);
    }
    s = scored(s, index);
    raise_top(s);
    float w = weight(index, s, dp);
    [[unroll]] for (uint d = 0; d < R; d++) acc[d] += w * SUMMED(j);
}
#endif

#if MODE == 1
void add_tile(uint first) {
    uint count = min(TILE, others - first);
    barrier(); // the tile before has been read
    for (uint i = gl_LocalInvocationID.x; i < count * D; i += gl_WorkGroupSize.x) {
        uint j = i / D, d = i - j * D;
        tile_p[i] = LOAD(p[base_p + (first + j) * stride_p + d]);
    }
    for (uint i = gl_LocalInvocationID.x; i < count * DV; i += gl_WorkGroupSize.x) {
        uint j = i / DV, d = i - j * DV;
        tile_q[i] = LOAD(q[base_q + (first + j) * stride_q + d]);
    }
    barrier();
    for (uint j = 0; j < count; j++) add_other(j, first + j);
}
#endif

void main() {
    uint parts = WIDTH_RESULT / R, head = gl_WorkGroupID.y / parts, picture = gl_WorkGroupID.z;
    uint plane = picture * heads + head;
    from = (gl_WorkGroupID.y - head * parts) * R;
#if MODE == 2
    uint lane = gl_SubgroupInvocationID;
#else
    uint lane = gl_LocalInvocationID.x;
#endif
    // Invocations past the end repeat the last row and write nothing: all meet at barriers and shuffles.
    uint row = gl_WorkGroupID.x * gl_WorkGroupSize.x + lane, r = min(row, rows - 1), own = picture * rows + r;
    base_p = picture * others * stride_p + at_p + head * D;
    base_q = picture * others * stride_q + at_q + head * DV;
    base_lse = plane * others;
    base_bias = (picture % period * heads + head) * rows * others + r * bias_row;
    [[unroll]] for (uint d = 0; d < R; d++) acc[d] = V(0.0);
#if MODE == 0
    at_own_a = own * stride_a + at_a + head * D;
    at_own_b = own * stride_b + at_b + head * DV;
#else
    [[unroll]] for (uint d = 0; d < D; d++) own_a[d] = LOAD(a[own * stride_a + at_a + head * D + d]);
    [[unroll]] for (uint d = 0; d < DV; d++)
        own_b[d] = USES_B ? LOAD(b[own * stride_b + at_b + head * DV + d]) : V(0.0);
#endif
#if WAY == 1
    own_lse = lse[plane * rows + r];
    own_delta = delta[plane * rows + r];
#endif
#if MODE == 0
    for (uint j = 0; j < others; j++) add_other(j, j);
#else
    for (uint first = 0; first < others; first += TILE) add_tile(first);
#endif
    if (row >= rows) return;
    float factor = WAY == 0 ? 1.0 / total : 1.0;
    uint base_out = own * stride_out + at_out + head * WIDTH_RESULT + from;
    [[unroll]] for (uint d = 0; d < R; d++) result[base_out + d] = STORE(acc[d] * factor);
#if WAY == 0
    if (from == 0) lse[plane * rows + r] = top + log(total);
#endif
}
