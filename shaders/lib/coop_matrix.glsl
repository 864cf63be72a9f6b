// coop_matrix.glsl: products of small matrices that a subgroup works on together, A (MM,KK) B (KK,NN) + C in fp32, with
// A and B read from `stage` in shared memory. Two ways to the same operations:
//   -DCOOP=0  plain loops over shared memory, any device: lane l of SG holds elements l, l + SG, ..., eight at most.
//             This proves the logic of the kernels where no matrix unit is
//   -DCOOP=1  VK_KHR_cooperative_matrix
// `stage` is declared before; places and strides count its uvec4. Rows of A and columns of B are contiguous along K.
// -DELEM: 1 f16, 2 bf16
#ifndef HONE_COOP_MATRIX_GLSL
#define HONE_COOP_MATRIX_GLSL
#include "half.glsl"

#if COOP == 0

#define COOP_UNROLL [[dont_unroll]]
const uint ELEMENTS = MM * NN / SG;
#define coop_a_t uint
#define coop_b_t uint
struct coop_acc_t {
    float v[8]; // ELEMENTS or more: arrays with a size of their own can't be assigned
};

uint coop_subgroup() { return gl_LocalInvocationID.x / SG; }
uint coop_lane() { return gl_LocalInvocationID.x % SG; }
coop_a_t coop_a(uint place) { return place; }
coop_b_t coop_b(uint place) { return place; }

coop_acc_t coop_zero() {
    return coop_acc_t(float[8](0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0));
}

vec2 coop_pair(uint word) {
#if ELEM == 1
    return hone_f16_unpack(word);
#else
    return hone_bf16_unpack(word);
#endif
}

coop_acc_t coop_multiply_add(coop_a_t a, coop_b_t b, coop_acc_t c) {
    for (uint e = 0; e < ELEMENTS; e++) {
        uint at = e * SG + coop_lane(), row = a + at / NN * ROW, column = b + at % NN * ROW;
        for (uint k = 0; k < KK / 8; k++)
            for (uint w = 0; w < 4; w++) {
                vec2 x = coop_pair(stage[row + k][w]), y = coop_pair(stage[column + k][w]);
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

coop_a_t coop_a(uint place) {
    coop_a_t a;
    coopMatLoad(a, stage, place, ROW, gl_CooperativeMatrixLayoutRowMajor);
    return a;
}

coop_b_t coop_b(uint place) {
    coop_b_t b;
    coopMatLoad(b, stage, place, ROW, gl_CooperativeMatrixLayoutColumnMajor);
    return b;
}

coop_acc_t coop_zero() { return coop_acc_t(0.0); }
coop_acc_t coop_multiply_add(coop_a_t a, coop_b_t b, coop_acc_t c) { return coopMatMulAdd(a, b, c); }

void coop_store(coop_acc_t c, uint place, uint stride) {
    coopMatStore(c, stage, place, stride, gl_CooperativeMatrixLayoutRowMajor);
}

#endif
#endif
