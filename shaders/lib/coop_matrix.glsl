// coop_matrix.glsl: products of small matrices that a subgroup works on together, A (MM,KK) B (KK,NN) + C in fp32, with
// A and B read from `stage` in shared memory. Two ways to the same operations:
//   -DCOOP=0  plain loops over shared memory, any device: lane l of SG holds elements l, l + SG, ..., eight at most.
//             This proves the logic of the kernels where no matrix unit is
//   -DCOOP=1  VK_KHR_cooperative_matrix
// `stage` is declared before; places and strides (`row`) count its uvec4. Rows of A and columns of B are contiguous
// along K. Within a subgroup, coop_barrier() stands between what some wrote to `stage` and others read, and the
// other way round.
// -DELEM: 1 f16, 2 bf16
#ifndef HONE_COOP_MATRIX_GLSL
#define HONE_COOP_MATRIX_GLSL
#include "half.glsl"

// Two elements of a word.
#if ELEM == 1
uint coop_pack(vec2 v) { return hone_f16_pack(v); }
vec2 coop_unpack(uint word) { return hone_f16_unpack(word); }
#else
uint coop_pack(vec2 v) { return hone_bf16_pack(v); }
vec2 coop_unpack(uint word) { return hone_bf16_unpack(word); }
#endif

#if COOP == 0

#define COOP_UNROLL [[dont_unroll]]
const uint ELEMENTS = MM * NN / SG;
struct coop_in {
    uint place, row;
};
#define coop_a_t coop_in
#define coop_b_t coop_in
struct coop_acc_t {
    float v[8]; // ELEMENTS or more: arrays with a size of their own can't be assigned
};

uint coop_subgroup() { return gl_LocalInvocationID.x / SG; }
uint coop_lane() { return gl_LocalInvocationID.x % SG; }
void coop_barrier() { barrier(); }
coop_a_t coop_a(uint place, uint row) { return coop_in(place, row); }
coop_b_t coop_b(uint place, uint row) { return coop_in(place, row); }

coop_acc_t coop_zero() {
    return coop_acc_t(float[8](0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0));
}

coop_acc_t coop_multiply_add(coop_a_t a, coop_b_t b, coop_acc_t c) {
    for (uint e = 0; e < ELEMENTS; e++) {
        uint at = e * SG + coop_lane(), row = a.place + at / NN * a.row, column = b.place + at % NN * b.row;
        for (uint k = 0; k < KK / 8; k++)
            for (uint w = 0; w < 4; w++) {
                vec2 x = coop_unpack(stage[row + k][w]), y = coop_unpack(stage[column + k][w]);
                c.v[e] = fma(x.y, y.y, fma(x.x, y.x, c.v[e]));
            }
    }
    return c;
}

void coop_store(coop_acc_t c, uint place, uint stride) {
    for (uint e = 0; e < ELEMENTS; e++) {
        uint at = e * SG + coop_lane(), column = at % NN;
        stage[place + at / NN * stride + column / 4][column % 4] = floatBitsToUint(c.v[e]);
    }
}

coop_acc_t coop_load(uint place, uint stride) {
    coop_acc_t c = coop_zero();
    for (uint e = 0; e < ELEMENTS; e++) {
        uint at = e * SG + coop_lane(), column = at % NN;
        c.v[e] = uintBitsToFloat(stage[place + at / NN * stride + column / 4][column % 4]);
    }
    return c;
}

coop_acc_t coop_multiply(coop_acc_t c, coop_acc_t by) {
    for (uint e = 0; e < ELEMENTS; e++) c.v[e] *= by.v[e];
    return c;
}

#else

#define COOP_UNROLL [[unroll]]
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#pragma use_vulkan_memory_model
#if ELEM == 1
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#define coop_in_t float16_t
#else
#extension GL_EXT_bfloat16 : require
#define coop_in_t bfloat16_t
#endif
#define coop_a_t   coopmat<coop_in_t, gl_ScopeSubgroup, MM, KK, gl_MatrixUseA>
#define coop_b_t   coopmat<coop_in_t, gl_ScopeSubgroup, KK, NN, gl_MatrixUseB>
#define coop_acc_t coopmat<float, gl_ScopeSubgroup, MM, NN, gl_MatrixUseAccumulator>

uint coop_subgroup() { return gl_SubgroupID; }
uint coop_lane() { return gl_SubgroupInvocationID; }

void coop_barrier() { subgroupBarrier(); }

coop_a_t coop_a(uint place, uint row) {
    coop_a_t a;
    coopMatLoad(a, stage, place, row, gl_CooperativeMatrixLayoutRowMajor);
    return a;
}

coop_b_t coop_b(uint place, uint row) {
    coop_b_t b;
    coopMatLoad(b, stage, place, row, gl_CooperativeMatrixLayoutColumnMajor);
    return b;
}

coop_acc_t coop_zero() { return coop_acc_t(0.0); }
coop_acc_t coop_multiply_add(coop_a_t a, coop_b_t b, coop_acc_t c) { return coopMatMulAdd(a, b, c); }

void coop_store(coop_acc_t c, uint place, uint stride) {
    coopMatStore(c, stage, place, stride, gl_CooperativeMatrixLayoutRowMajor);
}

coop_acc_t coop_load(uint place, uint stride) {
    coop_acc_t c;
    coopMatLoad(c, stage, place, stride, gl_CooperativeMatrixLayoutRowMajor);
    return c;
}

// Element by element.
coop_acc_t coop_multiply(coop_acc_t c, coop_acc_t by) { return c * by; }

#endif
#endif
