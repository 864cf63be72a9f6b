// coop.glsl: the product of cooperative-matrix kernels: a workgroup makes a tile of BM rows by BN columns, a subgroup
// WM by WN of it in matrices of MM x NN x KK, from steps of BK along the contraction.
// The shader that includes this says what the operands are:
//   int tile_begin()            places itself; returns the number of steps
//   void tile_fetch(int step)   reads this invocation's part of the step into registers
//   void tile_put()             writes that part to `stage`: row i of A at i * ROW, column j of B at (BM + j) * ROW, 8
//                               elements a uvec4 along the contraction
//   void tile_finish(uint row, uint column, vec4 v0, vec4 v1)   8 neighbours of a finished row
// While a step is multiplied, the next one is on its way. Rows of `stage` are skewed by 8 elements, so that lanes that
// read down a column meet different banks. The finished tile goes through `stage` a strip of MM rows at a time.
// spec WG BM BN BK WM WN SG MM NN KK   needs WG = BM/WM * BN/WN * SG, full subgroups of SG (COOP=0: of any size)
#extension GL_EXT_control_flow_attributes : require

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint WG = 128;
layout(constant_id = 1) const uint BM = 64;
layout(constant_id = 2) const uint BN = 64;
layout(constant_id = 3) const uint BK = 32;
layout(constant_id = 4) const uint WM = 32;
layout(constant_id = 5) const uint WN = 32;
layout(constant_id = 6) const uint SG = 32;
layout(constant_id = 7) const uint MM = 16;
layout(constant_id = 8) const uint NN = 16;
layout(constant_id = 9) const uint KK = 16;

const uint ROW = BK / 8 + 1;
const uint TM = WM / MM, TN = WN / NN;
const uint STRIP_ROW = WN / 4 + 1;
const uint STRIP = MM * STRIP_ROW;
const uint INPUTS = (BM + BN) * ROW, STRIPS = BM / WM * (BN / WN) * STRIP;
shared uvec4 stage[INPUTS > STRIPS ? INPUTS : STRIPS];
#include "coop_matrix.glsl"

int tile_begin();
void tile_fetch(int step);
void tile_put();
void tile_finish(uint row, uint column, vec4 v0, vec4 v1);

void main() {
    uint row0 = coop_subgroup() / (BN / WN) * WM, column0 = coop_subgroup() % (BN / WN) * WN;
    int steps = tile_begin();
    coop_acc_t acc[TM * TN];
    COOP_UNROLL for (uint i = 0; i < TM * TN; i++) acc[i] = coop_zero();
    if (steps > 0) tile_fetch(0);
    for (int step = 0; step < steps; step++) {
        barrier();
        tile_put();
        barrier();
        if (step + 1 < steps) tile_fetch(step + 1);
        COOP_UNROLL for (uint k = 0; k < BK; k += KK) {
            coop_a_t a[TM];
            COOP_UNROLL for (uint i = 0; i < TM; i++) a[i] = coop_a((row0 + i * MM) * ROW + k / 8, ROW);
            COOP_UNROLL for (uint j = 0; j < TN; j++) {
                coop_b_t b = coop_b((BM + column0 + j * NN) * ROW + k / 8, ROW);
                COOP_UNROLL for (uint i = 0; i < TM; i++)
                    acc[i * TN + j] = coop_multiply_add(a[i], b, acc[i * TN + j]);
            }
        }
    }
    uint strip = coop_subgroup() * STRIP;
    COOP_UNROLL for (uint i = 0; i < TM; i++) {
        barrier();
        COOP_UNROLL for (uint j = 0; j < TN; j++) coop_store(acc[i * TN + j], strip + j * NN / 4, STRIP_ROW);
        barrier();
        for (uint piece = coop_lane(); piece < MM * WN / 8; piece += SG) {
            uint row = piece / (WN / 8), column = piece % (WN / 8) * 8, at = strip + row * STRIP_ROW + column / 4;
            tile_finish(row0 + i * MM + row, column0 + column, uintBitsToFloat(stage[at]),
                        uintBitsToFloat(stage[at + 1]));
        }
    }
}
