// attention_coop: attention and its gradients (ways and operands of attention.comp) with cooperative matrices, 16-bit
// in, fp32 sums; -DCOOP says on which matrices (lib/coop_matrix.glsl)
// A subgroup owns MM rows: it keeps them as matrices and adds up MM x D of the result, while the workgroup takes BN
// other rows at a time through shared memory. Products s (and dp) of the two go to a slot of shared memory; there
// lanes, each with a part of one row, turn them into weights, which return as 16-bit matrices and multiply the other
// rows.
// A, B, P, Q, Out ELEM, eight to a uvec4; strides and places in these   lse, delta (batch,heads,queries) f32
// grid (ceil(rows / (WG / SG * MM)), heads, batch)   spec WG BN D SG MM NN KK   push as attention.comp
// needs SG % MM == 0, BN a multiple of NN, KK and 8 SG / MM, D of NN, KK and 16; full subgroups of SG (COOP=0: of any)
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint WG = 128;
layout(constant_id = 1) const uint BN = 32;
layout(constant_id = 2) const uint D = 64;
layout(constant_id = 3) const uint SG = 32;
layout(constant_id = 4) const uint MM = 16;
layout(constant_id = 5) const uint NN = 16;
layout(constant_id = 6) const uint KK = 16;

layout(set = 0, binding = 0, std430) readonly buffer A { uvec4 a[]; };
layout(set = 0, binding = 1, std430) readonly buffer B { uvec4 b[]; };
layout(set = 0, binding = 2, std430) readonly buffer P { uvec4 p[]; };
layout(set = 0, binding = 3, std430) readonly buffer Q { uvec4 q[]; };
layout(set = 0, binding = 4, std430) buffer Lse { float lse[]; };
layout(set = 0, binding = 5, std430) readonly buffer Delta { float delta[]; };
layout(set = 0, binding = 6, std430) writeonly buffer Out { uvec4 result[]; };
layout(push_constant) uniform Push {
    uint rows, others, heads;
    uint stride_a, at_a, stride_b, at_b, stride_p, at_p, stride_q, at_q, stride_out, at_out;
    float scale;
};

#define USES_B  (WAY == 1 || WAY == 2)
#define BY_KEYS (WAY == 2 || WAY == 3)
const uint OCTETS = D / 8, BM = WG / SG * MM;
const uint SIDES = USES_B ? 2 : 1;

// Places in `stage`, of which rows are skewed by eight elements: P and, where it is multiplied, Q by rows; what the
// weights are multiplied with turned, so that columns are contiguous; a slot for each subgroup, which holds products in
// fp32, or weights and factors. Own rows are there first, or, where loops read them again and again, beside it all.
const uint ROW = OCTETS + 1, TURNED_ROW = BN / 8 + 1, PRODUCT_ROW = BN / 4 + 1, RESULT_ROW = NN / 4 + 1;
const uint P_AT = 0, Q_AT = BN * ROW, TURNED_AT = SIDES * BN * ROW, SLOTS_AT = TURNED_AT + D * TURNED_ROW;
const uint FACTORS = MM * TURNED_ROW, RESULTS = MM * RESULT_ROW;
const uint PRODUCTS_END = MM * PRODUCT_ROW, FACTORS_END = FACTORS + MM * NN / 4;
const uint SLOT_LEAST = PRODUCTS_END > FACTORS_END ? PRODUCTS_END : FACTORS_END;
const uint SLOT = SLOT_LEAST > RESULTS ? SLOT_LEAST : RESULTS;
const uint TILES = SLOTS_AT + WG / SG * SLOT, OWN = SIDES * BM * ROW;
const uint OWN_AT = COOP == 0 ? TILES : 0;
shared uvec4 stage[COOP == 0 ? TILES + OWN : TILES > OWN ? TILES : OWN];
shared vec2 far[BN];      // lse and delta of the other rows
shared float lane_of[WG]; // a number of each lane, for the others of its row
#include "coop_matrix.glsl"

// A lane works on PART columns of one row of its subgroup's.
const uint PARTS = SG / MM, PART = BN / PARTS;
coop_a_t own_a[D / KK], own_b[D / KK];
coop_acc_t acc[D / NN];
float weights[PART], top = -3.4e38, total = 0.0, own_lse, own_delta;
uint head, picture, slot, lanes_at, lane_row, lane_part;

#define OWN_PUT(own, stride, at, side)                                                                                 \
    for (uint i = gl_LocalInvocationID.x; i < BM * OCTETS; i += WG) {                                                  \
        uint row = i / OCTETS, o = i - row * OCTETS, r = min(gl_WorkGroupID.x * BM + row, rows - 1);                   \
        stage[OWN_AT + ((side) * BM + row) * ROW + o] = own[(picture * rows + r) * stride + at + head * OCTETS + o];   \
    }

// Two neighbours among the other rows, eight columns of them: by rows, and turned into eight words.
#define TILE_PUT(other, stride, at, plain, turned, place)                                                              \
    for (uint i = gl_LocalInvocationID.x; i < BN / 2 * OCTETS; i += WG) {                                              \
        uint pair = i / 2 % (BN / 2), o = i / BN * 2 + i % 2, r = first + pair * 2;                                    \
        uint from = (picture * others + r) * stride + at + head * OCTETS + o;                                          \
        uvec4 x = r < others ? other[from] : uvec4(0), y = r + 1 < others ? other[from + stride] : uvec4(0);           \
        if (plain) {                                                                                                   \
            stage[(place) + pair * 2 * ROW + o] = x;                                                                   \
            stage[(place) + (pair * 2 + 1) * ROW + o] = y;                                                             \
        }                                                                                                              \
        if (turned) turn(pair, o * 8, x, y);                                                                           \
    }

void turn(uint pair, uint column, uvec4 x, uvec4 y) {
    uint at = TURNED_AT + column * TURNED_ROW + pair / 4;
    [[unroll]] for (uint w = 0; w < 4; w++) {
        stage[at + w * 2 * TURNED_ROW][pair % 4] = (x[w] & 0xffffu) | y[w] << 16;
        stage[at + (w * 2 + 1) * TURNED_ROW][pair % 4] = x[w] >> 16 | (y[w] & 0xffff0000u);
    }
}

void put_tile(uint first) {
    TILE_PUT(p, stride_p, at_p, true, USES_B, P_AT)
    TILE_PUT(q, stride_q, at_q, USES_B, !USES_B, Q_AT)
#if BY_KEYS
    uint plane = (picture * heads + head) * others;
    for (uint i = gl_LocalInvocationID.x; i < BN; i += WG) {
        uint at = plane + min(first + i, others - 1);
        far[i] = vec2(lse[at], USES_B ? delta[at] : 0.0);
    }
#endif
}

// Products of own rows and those at `place`, into the slot.
#define PRODUCTS(own, place)                                                                                           \
    COOP_UNROLL for (uint j = 0; j < BN / NN; j++) {                                                                   \
        coop_acc_t s = coop_zero();                                                                                    \
        COOP_UNROLL for (uint k = 0; k < D / KK; k++)                                                                  \
            s = coop_multiply_add(own[k], coop_b((place) + j * NN * ROW + k * KK / 8, ROW), s);                        \
        coop_store(s, slot + j * NN / 4, PRODUCT_ROW);                                                                 \
    }                                                                                                                  \
    coop_barrier();

// Products i to i + 3 of this lane's.
vec4 products(uint i) {
    return uintBitsToFloat(stage[slot + lane_row * PRODUCT_ROW + (lane_part * PART + i) / 4]);
}

// Sums so far are relative to the largest s of their row; new ones make them smaller by the factor that is returned.
float raise_top() {
    float peak = top;
    COOP_UNROLL for (uint i = 0; i < PART; i++) peak = max(peak, weights[i]);
    lane_of[lanes_at + lane_part * MM + lane_row] = peak;
    coop_barrier();
    for (uint i = 0; i < PARTS; i++) peak = max(peak, lane_of[lanes_at + i * MM + lane_row]);
    float shrink = exp(top - peak);
    top = peak;
    return shrink;
}

// Rounds as the device does: what is stored for others to read rounds as half.glsl, in ten times the instructions.
uint weight_pack(uint i) {
#if ELEM == 1
    return packHalf2x16(vec2(weights[i], weights[i + 1]));
#else
    return coop_pack(vec2(weights[i], weights[i + 1]));
#endif
}

// From products to weights in the slot; what lies past the end weighs nothing.
void weigh(uint first) {
    uint left = others - first, column = lane_part * PART;
    COOP_UNROLL for (uint i = 0; i < PART; i += 4) {
        vec4 s = scale * products(i);
        COOP_UNROLL for (uint e = 0; e < 4; e++) weights[i + e] = column + i + e < left ? s[e] : -3.4e38;
    }
#if WAY == 0
    float shrink = raise_top();
    total *= shrink;
    COOP_UNROLL for (uint i = 0; i < PART; i++) {
        weights[i] = exp(weights[i] - top);
        total += weights[i];
    }
    for (uint i = lane_part; i < NN / 4; i += PARTS)
        stage[slot + FACTORS + lane_row * NN / 4 + i] = floatBitsToUint(vec4(shrink));
#else
    COOP_UNROLL for (uint i = 0; i < PART; i++)
        weights[i] = exp(weights[i] - (BY_KEYS ? far[column + i].x : own_lse));
    coop_barrier();
#endif
#if USES_B
    PRODUCTS(own_b, Q_AT)
    COOP_UNROLL for (uint i = 0; i < PART; i += 4) {
        vec4 dp = products(i);
        COOP_UNROLL for (uint e = 0; e < 4; e++)
            weights[i + e] *= scale * (dp[e] - (BY_KEYS ? far[column + i + e].y : own_delta));
    }
    coop_barrier();
#endif
    COOP_UNROLL for (uint i = 0; i < PART; i += 8)
        stage[slot + lane_row * TURNED_ROW + (column + i) / 8] =
            uvec4(weight_pack(i), weight_pack(i + 2), weight_pack(i + 4), weight_pack(i + 6));
    coop_barrier();
}

void add_tile(uint first) {
    barrier(); // the tile before has been read
    put_tile(first);
    barrier();
    PRODUCTS(own_a, P_AT)
    weigh(first);
#if WAY == 0
    coop_acc_t factors = coop_load(slot + FACTORS, NN / 4);
    COOP_UNROLL for (uint i = 0; i < D / NN; i++) acc[i] = coop_multiply(acc[i], factors);
#endif
    COOP_UNROLL for (uint k = 0; k < BN / KK; k++) {
        coop_a_t w = coop_a(slot + k * KK / 8, TURNED_ROW);
        COOP_UNROLL for (uint i = 0; i < D / NN; i++)
            acc[i] = coop_multiply_add(w, coop_b(TURNED_AT + i * NN * TURNED_ROW + k * KK / 8, TURNED_ROW), acc[i]);
    }
}

// The sum of a row's weights, in the order of its parts.
float total_of(uint row) {
    float sum = 0.0;
    for (uint i = 0; i < PARTS; i++) sum += lane_of[lanes_at + i * MM + row];
    return sum;
}

void main() {
    head = gl_WorkGroupID.y;
    picture = gl_WorkGroupID.z;
    slot = SLOTS_AT + coop_subgroup() * SLOT;
    lanes_at = coop_subgroup() * SG;
    lane_row = coop_lane() % MM;
    lane_part = coop_lane() / MM;
    uint row0 = gl_WorkGroupID.x * BM + coop_subgroup() * MM, plane = (picture * heads + head) * rows;
    OWN_PUT(a, stride_a, at_a, 0)
#if USES_B
    OWN_PUT(b, stride_b, at_b, 1)
#endif
    barrier();
    uint own = OWN_AT + coop_subgroup() * MM * ROW;
    COOP_UNROLL for (uint k = 0; k < D / KK; k++) {
        own_a[k] = coop_a(own + k * KK / 8, ROW);
#if USES_B
        own_b[k] = coop_a(own + BM * ROW + k * KK / 8, ROW);
#endif
    }
    COOP_UNROLL for (uint i = 0; i < D / NN; i++) acc[i] = coop_zero();
#if WAY == 1
    own_lse = lse[plane + min(row0 + lane_row, rows - 1)];
    own_delta = delta[plane + min(row0 + lane_row, rows - 1)];
#endif
    for (uint first = 0; first < others; first += BN) add_tile(first);
    lane_of[lanes_at + lane_part * MM + lane_row] = total;
    COOP_UNROLL for (uint i = 0; i < D / NN; i++) {
        coop_barrier();
        coop_store(acc[i], slot, RESULT_ROW);
        coop_barrier();
        for (uint piece = coop_lane(); piece < MM * NN / 8; piece += SG) {
            uint row = piece / (NN / 8), o = piece % (NN / 8), r = row0 + row, at = slot + row * RESULT_ROW + o * 2;
            float factor = WAY == 0 ? 1.0 / total_of(row) : 1.0;
            vec4 x = uintBitsToFloat(stage[at]) * factor, y = uintBitsToFloat(stage[at + 1]) * factor;
            if (r < rows)
                result[(picture * rows + r) * stride_out + at_out + head * OCTETS + i * NN / 8 + o] =
                    uvec4(coop_pack(x.xy), coop_pack(x.zw), coop_pack(y.xy), coop_pack(y.zw));
        }
    }
#if WAY == 0
    if (lane_part == 0 && row0 + lane_row < rows) lse[plane + row0 + lane_row] = top + log(total_of(lane_row));
#endif
}
