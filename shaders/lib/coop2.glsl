// coop2.glsl: products that a whole workgroup works on, C (BM,BN) += A (BM,BK) B (BK,BN) in fp32, with operands that
// lie in memory as boxes of tensors: what sticks out of the tensor reads as 0 and is not written. Two ways:
//   -DCOOP=0  plain loops, any device, eight pairs of sums an invocation at most: proof of boxes and kernels where no
//             matrix unit is
//   -DCOOP=2  VK_NV_cooperative_matrix2: matrices of the workgroup, tensor layouts; the driver stages the operands
// A box has four axes; those that an operand lacks come first, with a size of 1 (FLAT: two axes are enough). A box is
// read in row-major order (rows), or with its last axis as the rows (columns), or with its two last axes swapped.
// spec WG BM BN BK   -DELEM: 1 f16, 2 bf16
#ifndef HONE_COOP2_GLSL
#define HONE_COOP2_GLSL
#extension GL_EXT_control_flow_attributes : require
#include "half.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint WG = 128;
layout(constant_id = 1) const uint BM = 64;
layout(constant_id = 2) const uint BN = 64;
layout(constant_id = 3) const uint BK = 32;
// The pixels of a tile, or of a step of a weight gradient: TN images, TH rows, TW columns.
layout(constant_id = 4) const int TN = 1;
layout(constant_id = 5) const int TH = 1;
layout(constant_id = 6) const int TW = 64;
layout(constant_id = 7) const uint FLAT = 0;

// Places are elements; base is a multiple of 8 in 16 bits, of 4 in f32.
struct box {
    int base;
    ivec4 size, stride, first, span;
};

// A box of rows and columns.
box box_of(int base, ivec2 size, int stride, ivec2 first, ivec2 span) {
    return box(base, ivec4(1, 1, size), ivec4(0, 0, stride, 1), ivec4(0, 0, first), ivec4(1, 1, span));
}

float rounded(float v) {
#if ELEM == 1
    return hone_f16_unpack(hone_f16_pack(vec2(v))).x;
#else
    return hone_bf16_unpack(hone_bf16_pack(vec2(v))).x;
#endif
}

#if COOP == 0

#define ELEMENT uint
#define PLACES  (BM * BN / WG / 2)
struct coop_sums {
    vec2 v[8];
};

coop_sums coop_zero() {
    coop_sums c;
    for (int i = 0; i < 8; i++) c.v[i] = vec2(0.0);
    return c;
}

// Where element i of the box lies, -1 outside the tensor.
int box_place(box t, uint i) {
    ivec4 at = ivec4(int(i) / t.span.w / t.span.z / t.span.y, int(i) / t.span.w / t.span.z % t.span.y,
                     int(i) / t.span.w % t.span.z, int(i) % t.span.w) +
               t.first;
    if (any(lessThan(at, ivec4(0))) || any(greaterThanEqual(at, t.size))) return -1;
    return t.base + at.x * t.stride.x + at.y * t.stride.y + at.z * t.stride.z + at.w * t.stride.w;
}

float element(uint word, int place) {
#if ELEM == 1
    return hone_f16_unpack(word)[place & 1];
#else
    return hone_bf16_unpack(word)[place & 1];
#endif
}

#define READ(to, buffer_, t, i)                                                                                        \
    {                                                                                                                  \
        int place_ = box_place(t, i);                                                                                  \
        to = place_ < 0 ? 0.0 : element(buffer_[max(place_, 0) / 2], place_);                                          \
    }
#define A_rows(buffer_, t, row, k, to)       READ(to, buffer_, t, (row) * BK + (k))
#define A_columns(buffer_, t, row, k, to)    READ(to, buffer_, t, (k) * BM + (row))
#define B_rows(buffer_, t, k, column, to)    READ(to, buffer_, t, (k) * BN + (column))
#define B_matrix(buffer_, t, k, column, to)  READ(to, buffer_, t, (k) * BN + (column))
#define B_swapped(buffer_, t, k, column, to) READ(to, buffer_, t, (column) * BK + (k))

#define COOP_STEP(sums, a_way, a_buffer, a_box, b_way, b_buffer, b_box)                                                \
    [[dont_unroll]] for (uint e_ = 0; e_ < PLACES; e_++) {                                                             \
        uint at_ = (e_ * WG + gl_LocalInvocationID.x) * 2;                                                             \
        [[dont_unroll]] for (uint k_ = 0; k_ < BK; k_++) {                                                             \
            float a_, b0_, b1_;                                                                                        \
            A_##a_way(a_buffer, a_box, at_ / BN, k_, a_);                                                              \
            B_##b_way(b_buffer, b_box, k_, at_ % BN, b0_);                                                             \
            B_##b_way(b_buffer, b_box, k_, at_ % BN + 1, b1_);                                                         \
            sums.v[e_] = fma(vec2(a_), vec2(b0_, b1_), sums.v[e_]);                                                    \
        }                                                                                                              \
    }

#define COOP_EACH(sums, function)                                                                                      \
    [[dont_unroll]] for (uint e_ = 0; e_ < PLACES; e_++) {                                                             \
        uint at_ = (e_ * WG + gl_LocalInvocationID.x) * 2;                                                             \
        sums.v[e_] = vec2(function(at_ / BN, at_ % BN, sums.v[e_].x), function(at_ / BN, at_ % BN + 1, sums.v[e_].y)); \
    }

uint pack(vec2 v) {
#if ELEM == 1
    return hone_f16_pack(v);
#else
    return hone_bf16_pack(v);
#endif
}

// sums += a tile of ELEM, which may be stored to right after
#define COOP_ADD16(sums, buffer_, t)                                                                                   \
    [[dont_unroll]] for (uint e_ = 0; e_ < PLACES; e_++) {                                                             \
        int place_ = box_place(t, (e_ * WG + gl_LocalInvocationID.x) * 2);                                             \
        if (place_ >= 0)                                                                                               \
            sums.v[e_] += vec2(element(buffer_[place_ / 2], 0), element(buffer_[place_ / 2], 1));                      \
    }
#define COOP_STORE16(sums, buffer_, t)                                                                                 \
    [[dont_unroll]] for (uint e_ = 0; e_ < PLACES; e_++) {                                                             \
        int place_ = box_place(t, (e_ * WG + gl_LocalInvocationID.x) * 2);                                             \
        if (place_ >= 0) buffer_[place_ / 2] = pack(sums.v[e_]);                                                       \
    }
#define COOP_STORE32(sums, buffer_, t)                                                                                 \
    [[dont_unroll]] for (uint e_ = 0; e_ < PLACES; e_++) {                                                             \
        int place_ = box_place(t, (e_ * WG + gl_LocalInvocationID.x) * 2);                                             \
        if (place_ >= 0) {                                                                                             \
            buffer_[place_] = sums.v[e_].x;                                                                            \
            buffer_[place_ + 1] = sums.v[e_].y;                                                                        \
        }                                                                                                              \
    }
#define COOP_STORE32_MATRIX COOP_STORE32

#else

#extension GL_KHR_cooperative_matrix : require
#extension GL_NV_cooperative_matrix2 : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_EXT_shader_16bit_storage : require
#pragma use_vulkan_memory_model
#if ELEM == 1
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#define ELEMENT float16_t
#else
#extension GL_EXT_bfloat16 : require
#define ELEMENT bfloat16_t
#endif
#define coop_sums  coopmat<float, gl_ScopeWorkgroup, BM, BN, gl_MatrixUseAccumulator>
#define coop_short coopmat<ELEMENT, gl_ScopeWorkgroup, BM, BN, gl_MatrixUseAccumulator>
#define coop_a     coopmat<ELEMENT, gl_ScopeWorkgroup, BM, BK, gl_MatrixUseA>
#define coop_b     coopmat<ELEMENT, gl_ScopeWorkgroup, BK, BN, gl_MatrixUseB>

coop_sums coop_zero() { return coop_sums(0.0); }

#define LAYOUT4(t)                                                                                                     \
    sliceTensorLayoutNV(                                                                                               \
        setTensorLayoutStrideNV(                                                                                       \
            setTensorLayoutDimensionNV(createTensorLayoutNV(4, gl_CooperativeMatrixClampModeConstantNV), t.size.x,     \
                                       t.size.y, t.size.z, t.size.w),                                                  \
            t.stride.x, t.stride.y, t.stride.z, t.stride.w),                                                           \
        t.first.x, t.span.x, t.first.y, t.span.y, t.first.z, t.span.z, t.first.w, t.span.w)
#define LAYOUT2(t)                                                                                                     \
    sliceTensorLayoutNV(setTensorLayoutStrideNV(                                                                       \
                            setTensorLayoutDimensionNV(                                                                \
                                createTensorLayoutNV(2, gl_CooperativeMatrixClampModeConstantNV), t.size.z, t.size.w), \
                            t.stride.z, t.stride.w),                                                                   \
                        t.first.z, t.span.z, t.first.w, t.span.w)

#define LOAD_matrix(m, buffer_, t)  coopMatLoadTensorNV(m, buffer_, t.base, LAYOUT2(t));
#define LOAD_swapped(m, buffer_, t)                                                                                    \
    coopMatLoadTensorNV(m, buffer_, t.base, LAYOUT2(t), createTensorViewNV(2, false, 1, 0));
#define LOAD_rows(m, buffer_, t)                                                                                       \
    if (FLAT != 0) {                                                                                                   \
        LOAD_matrix(m, buffer_, t)                                                                                     \
    } else                                                                                                             \
        coopMatLoadTensorNV(m, buffer_, t.base, LAYOUT4(t));
#define LOAD_columns(m, buffer_, t)                                                                                    \
    if (FLAT != 0) {                                                                                                   \
        LOAD_swapped(m, buffer_, t)                                                                                    \
    } else                                                                                                             \
        coopMatLoadTensorNV(m, buffer_, t.base, LAYOUT4(t), createTensorViewNV(4, false, 3, 0, 1, 2));

#define COOP_STEP(sums, a_way, a_buffer, a_box, b_way, b_buffer, b_box)                                                \
    {                                                                                                                  \
        coop_a a_;                                                                                                     \
        coop_b b_;                                                                                                     \
        LOAD_##a_way(a_, a_buffer, a_box) LOAD_##b_way(b_, b_buffer, b_box) sums = coopMatMulAdd(a_, b_, sums);        \
    }

#define COOP_EACH(sums, function) coopMatPerElementNV(sums, sums, function);

#define COOP_ADD16(sums, buffer_, t)                                                                                   \
    {                                                                                                                  \
        coop_short short_ = coop_short(0.0);                                                                           \
        LOAD_rows(short_, buffer_, t) sums += coop_sums(short_);                                                       \
        barrier();                                                                                                     \
    }

#define COOP_STORE32_MATRIX(sums, buffer_, t) coopMatStoreTensorNV(sums, buffer_, t.base, LAYOUT2(t));
#define COOP_STORE32(sums, buffer_, t)                                                                                 \
    if (FLAT != 0) {                                                                                                   \
        COOP_STORE32_MATRIX(sums, buffer_, t)                                                                          \
    } else                                                                                                             \
        coopMatStoreTensorNV(sums, buffer_, t.base, LAYOUT4(t));
// Sums are rounded before: the conversion has nothing left to choose.
#define COOP_STORE16(sums, buffer_, t)                                                                                 \
    {                                                                                                                  \
        coop_short short_ = coop_short(sums);                                                                          \
        COOP_STORE32(short_, buffer_, t)                                                                               \
    }

#endif
#endif
