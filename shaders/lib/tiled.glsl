// tiled.glsl: the matrix product at the heart of the tiled bodies: BM x BN results a workgroup, TM x TN an invocation,
// BK steps of the contraction at a time through shared memory. Shared rows are steps of the contraction, so that an
// invocation reads vec4s of neighbouring results; one vec4 of skew a row keeps transposed writes apart.
// The including shader fills ra and rb from global memory while the product of the step before runs.
#extension GL_EXT_control_flow_attributes : require

layout(local_size_x_id = 0) in; // (BM / TM) (BN / TN)
layout(constant_id = 1) const uint BM = 64;
layout(constant_id = 2) const uint BN = 64;
layout(constant_id = 3) const uint BK = 16;
layout(constant_id = 4) const uint TM = 4;
layout(constant_id = 5) const uint TN = 4;
const uint TX = BN / TN, TY = BM / TM, WG = TX * TY;
const uint ROW_A = BM / 4 + 1, ROW_B = BN / 4 + 1; // vec4s
shared vec4 sa[BK * ROW_A];
shared vec4 sb[BK * ROW_B];

const uint NA = (BM * BK / 4 + WG - 1) / WG, NB = (BN * BK / 4 + WG - 1) / WG; // vec4s an invocation loads
vec4 ra[NA], rb[NB];
vec4 acc[TM * TN / 4];
uint tile_lid() { return gl_LocalInvocationID.x; }
uint tile_tx() { return gl_LocalInvocationID.x % TX; }
uint tile_ty() { return gl_LocalInvocationID.x / TX; }

// Which vec4 of A or B an invocation loads as its i-th. Along the contraction ("deep"): row of the tile, and step / 4.
// Along the results ("flat"): step, and result / 4.
const uint DEEP = BK / 4;
uint deep_row(uint i) { return (tile_lid() + i * WG) / DEEP; }
uint deep_quad() { return tile_lid() % DEEP; } // WG is a multiple of DEEP
uint flat_step(uint i, uint width) { return (tile_lid() + i * WG) / (width / 4); }
uint flat_quad(uint width) { return tile_lid() % (width / 4); } // and of width / 4

void put_deep_a() {
    [[unroll]] for (uint i = 0; i < NA; i++) {
        uint row = deep_row(i), k = deep_quad() * 4;
        if (BM * DEEP % WG != 0 && row >= BM) continue;
        [[unroll]] for (uint e = 0; e < 4; e++) sa[(k + e) * ROW_A + row / 4][row % 4] = ra[i][e];
    }
}

void put_deep_b() {
    [[unroll]] for (uint i = 0; i < NB; i++) {
        uint row = deep_row(i), k = deep_quad() * 4;
        if (BN * DEEP % WG != 0 && row >= BN) continue;
        [[unroll]] for (uint e = 0; e < 4; e++) sb[(k + e) * ROW_B + row / 4][row % 4] = rb[i][e];
    }
}

void put_flat_a() {
    [[unroll]] for (uint i = 0; i < NA; i++)
        if (BM * DEEP % WG == 0 || flat_step(i, BM) < BK) sa[flat_step(i, BM) * ROW_A + flat_quad(BM)] = ra[i];
}

void put_flat_b() {
    [[unroll]] for (uint i = 0; i < NB; i++)
        if (BN * DEEP % WG == 0 || flat_step(i, BN) < BK) sb[flat_step(i, BN) * ROW_B + flat_quad(BN)] = rb[i];
}

// acc += the product of what lies in shared memory. Row i of acc: TN / 4 vec4s.
void multiply() {
    [[unroll]] for (uint k = 0; k < BK; k++) {
        vec4 b[TN / 4];
        [[unroll]] for (uint j = 0; j < TN / 4; j++) b[j] = sb[k * ROW_B + j * TX + tile_tx()];
        [[unroll]] for (uint i = 0; i < TM / 4; i++) {
            vec4 a = sa[k * ROW_A + i * TY + tile_ty()];
            [[unroll]] for (uint e = 0; e < 4; e++)
                [[unroll]] for (uint j = 0; j < TN / 4; j++) {
                    uint o = (i * 4 + e) * (TN / 4) + j;
                    acc[o] = fma(vec4(a[e]), b[j], acc[o]);
                }
        }
    }
}

// Where the results of acc[(i * 4 + e) * (TN / 4) + j] lie in the tile: four neighbours of one row.
uint tile_row(uint i, uint e) { return (i * TY + tile_ty()) * 4 + e; }
uint tile_column(uint j) { return (j * TX + tile_tx()) * 4; }
