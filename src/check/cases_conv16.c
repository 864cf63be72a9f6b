// cases_conv16.c: convolution, its gradients and matrix products on f16 and bf16: y and dx in the
// type of the operands, dw in f32. Odd counts, where a 32-bit word holds two pixels' channels.
#include "check/case.h"

#define ATTRS(...) (&(const struct hone_conv2d_attrs){__VA_ARGS__})
// x (N,H,W,C), w (K,R,S,CG), y (N,P,Q,K), all of TYPE
#define GEOMETRY(type, name_, n, h, w, c, k, r, s, cg, p, q, ...)                                  \
    {.op = &hone_op_conv2d,                                                                        \
     .name = name_,                                                                                \
     .attrs = ATTRS(__VA_ARGS__),                                                                  \
     .input_count = 2,                                                                             \
     .in = {{.desc = OP_DESC(type, n, h, w, c)}, {.desc = OP_DESC(type, k, r, s, cg)}},            \
     .tolerance = {.reduction = (r) * (s) * (cg)},                                                 \
     .large = true},                                                                               \
        {.op = &hone_op_conv2d_bwd_x,                                                              \
         .name = name_,                                                                            \
         .attrs = ATTRS(__VA_ARGS__, .in_h = h, .in_w = w),                                        \
         .input_count = 2,                                                                         \
         .in = {{.desc = OP_DESC(type, n, p, q, k)}, {.desc = OP_DESC(type, k, r, s, cg)}},        \
         .tolerance = {.reduction = (r) * (s) * (k)},                                              \
         .large = true},                                                                           \
    {                                                                                              \
        .op = &hone_op_conv2d_bwd_w, .name = name_,                                                \
        .attrs = ATTRS(__VA_ARGS__, .filter_h = r, .filter_w = s), .input_count = 2,               \
        .in = {{.desc = OP_DESC(type, n, p, q, k)}, {.desc = OP_DESC(type, n, h, w, c)}},          \
        .tolerance = {.reduction = (n) * (p) * (q)}, .large = true                                 \
    }
#define BOTH(name_, ...)                                                                           \
    GEOMETRY(HONE_F16, "f16, " name_, __VA_ARGS__), GEOMETRY(HONE_BF16, "bf16, " name_, __VA_ARGS__)
#define SAME      .stride = {1, 1}, .dilation = {1, 1}, .pad = {1, 1, 1, 1}
#define HALVED    .stride = {2, 2}, .dilation = {1, 1}, .pad = {1, 1, 1, 1}
#define POINTWISE .stride = {1, 1}, .dilation = {1, 1}, .pad = {0, 0, 0, 0}

#define CONV_ACT(type, name_, k, ...)                                                              \
    {                                                                                              \
        .op = &hone_op_conv2d, .name = name_,                                                      \
        .attrs = ATTRS(SAME, .groups = 1, .act = {__VA_ARGS__}), .input_count = 3,                 \
        .in = {{.desc = OP_DESC(type, 1, 5, 6, 4)},                                                \
               {.desc = OP_DESC(type, k, 3, 3, 4)},                                                \
               {.desc = OP_F32(k)}},                                                               \
        .tolerance = {.c = 8, .reduction = 36, .scale = 4}, .large = true                          \
    }

#define CONV_ACT8(type, name_, ...)                                                                \
    {                                                                                              \
        .op = &hone_op_conv2d, .name = name_,                                                      \
        .attrs = ATTRS(SAME, .groups = 1, .act = {__VA_ARGS__}), .input_count = 3,                 \
        .in = {{.desc = OP_DESC(type, 2, 7, 5, 16)},                                               \
               {.desc = OP_DESC(type, 24, 3, 3, 16)},                                              \
               {.desc = OP_F32(24)}},                                                              \
        .tolerance = {.c = 8, .reduction = 144, .scale = 4}, .large = true                         \
    }

// With something added: y = relu(conv(x, w) + b + r), dx + r.
#define SUMS(type, name_, n, h, w, c, k, r, s, cg, p, q, ...)                                      \
    {.op = &hone_op_conv2d,                                                                        \
     .name = name_,                                                                                \
     .attrs = ATTRS(__VA_ARGS__, .act = {.kind = HONE_ACT_RELU}),                                  \
     .input_count = 4,                                                                             \
     .in = {{.desc = OP_DESC(type, n, h, w, c)},                                                   \
            {.desc = OP_DESC(type, k, r, s, cg)},                                                  \
            {.desc = OP_F32(k)},                                                                   \
            {.desc = OP_DESC(type, n, p, q, k)}},                                                  \
     .tolerance = {.reduction = (r) * (s) * (cg) + 2},                                             \
     .large = true},                                                                               \
    {                                                                                              \
        .op = &hone_op_conv2d_bwd_x, .name = name_,                                                \
        .attrs = ATTRS(__VA_ARGS__, .in_h = h, .in_w = w), .input_count = 3,                       \
        .in = {{.desc = OP_DESC(type, n, p, q, k)},                                                \
               {.desc = OP_DESC(type, k, r, s, cg)},                                               \
               {.desc = OP_DESC(type, n, h, w, c)}},                                               \
        .tolerance = {.reduction = (r) * (s) * (k) + 1}, .large = true                             \
    }
#define BOTH_SUMS(name_, ...)                                                                      \
    SUMS(HONE_F16, "f16, sum, " name_, __VA_ARGS__),                                               \
        SUMS(HONE_BF16, "bf16, sum, " name_, __VA_ARGS__)

// Statistics of y: of the sums, or of what was rounded to 16 bits.
#define STATS(type, name_, tolerance_, n, h, w, ci, k, r, s, cg, p, q, ...)                        \
    {                                                                                              \
        .op = &hone_op_conv2d_stats, .name = name_,                                                \
        .attrs = &(const struct hone_conv2d_stats_attrs){{__VA_ARGS__}, 1e-3f, 0.1f},              \
        .input_count = 5,                                                                          \
        .in = {{.desc = OP_DESC(type, n, h, w, ci)},                                               \
               {.desc = OP_DESC(type, k, r, s, cg)},                                               \
               {.desc = OP_F32(k)},                                                                \
               {.desc = OP_F32(k)},                                                                \
               {.desc = OP_F32(k), .values = VALUES_POSITIVE}},                                    \
        .tolerance = tolerance_, .large = true                                                     \
    }
#define ROUNDED(eps)                                                                               \
    { .c = (eps) / 0x1p-23 }

const struct hone_case hone_cases_conv16[] = {
    BOTH("3x3, odd sizes", 2, 9, 7, 8, 12, 3, 3, 8, 9, 7, SAME, .groups = 1),
    BOTH("3x3, stride 2", 2, 9, 7, 8, 20, 3, 3, 8, 5, 4, HALVED, .groups = 1),
    BOTH("no channel count divides by 4", 1, 7, 5, 7, 5, 3, 3, 7, 7, 5, SAME, .groups = 1),
    BOTH("three channels in", 2, 11, 9, 3, 16, 3, 3, 3, 6, 5, HALVED, .groups = 1),
    BOTH("stem 7x7", 1, 33, 31, 3, 20, 7, 7, 3, 17, 16, .stride = {2, 2}, .dilation = {1, 1},
         .pad = {3, 3, 3, 3}, .groups = 1),
    BOTH("patches of 4x4", 2, 13, 12, 3, 24, 4, 4, 3, 3, 3, .stride = {4, 4}, .dilation = {1, 1},
         .groups = 1),
    BOTH("patches of 8x8", 1, 16, 24, 3, 40, 8, 8, 3, 2, 3, .stride = {8, 8}, .dilation = {1, 1},
         .groups = 1),
    BOTH("groups of two and three channels", 3, 5, 5, 10, 15, 3, 3, 2, 5, 5, SAME, .groups = 5),
    BOTH("two groups of eight", 1, 6, 6, 16, 16, 3, 3, 8, 6, 6, SAME, .groups = 2),
    BOTH("groups of four", 2, 9, 11, 16, 32, 3, 3, 4, 9, 11, SAME, .groups = 4),
    BOTH("groups of eight, stride 2", 1, 11, 13, 24, 24, 3, 3, 8, 6, 7, HALVED, .groups = 3),
    BOTH("groups of sixteen", 1, 9, 10, 32, 32, 3, 3, 16, 9, 10, SAME, .groups = 2),
    BOTH("depthwise 3x3", 2, 7, 9, 12, 12, 3, 3, 1, 7, 9, SAME, .groups = 12),
    BOTH("depthwise 3x3, stride 2", 2, 9, 8, 8, 8, 3, 3, 1, 5, 4, HALVED, .groups = 8),
    BOTH("depthwise 5x5, stride 2", 1, 9, 7, 20, 20, 5, 5, 1, 5, 4, .stride = {2, 2},
         .dilation = {1, 1}, .pad = {2, 2, 2, 2}, .groups = 20),
    BOTH("depthwise, odd channels", 1, 6, 5, 7, 7, 3, 3, 1, 6, 5, SAME, .groups = 7),
    BOTH("depthwise, many slices", 2, 57, 59, 20, 20, 3, 3, 1, 57, 59, SAME, .groups = 20),
    BOTH("1x1", 3, 5, 5, 16, 24, 1, 1, 16, 5, 5, POINTWISE, .groups = 1),
    BOTH("1x1, wide, ragged tiles", 2, 13, 11, 72, 136, 1, 1, 72, 13, 11, POINTWISE, .groups = 1),
    BOTH("3x3, several tiles", 2, 17, 15, 36, 68, 3, 3, 36, 17, 15, SAME, .groups = 1),
    // Multiples of eight channels: matrix units.
    BOTH("eights, 3x3, odd sizes", 2, 9, 7, 24, 40, 3, 3, 24, 9, 7, SAME, .groups = 1),
    BOTH("eights, 3x3, stride 2, asymmetric", 1, 10, 10, 16, 24, 3, 3, 16, 5, 5, .stride = {2, 2},
         .dilation = {1, 1}, .pad = {0, 0, 1, 1}, .groups = 1),
    BOTH("eights, stride 4: pixels without a tap", 1, 7, 6, 8, 16, 2, 2, 8, 2, 2, .stride = {4, 4},
         .dilation = {1, 1}, .groups = 1),
    BOTH("eights, 3x5, two groups, dilated", 1, 11, 13, 32, 48, 3, 5, 16, 5, 12, .stride = {2, 1},
         .dilation = {2, 1}, .pad = {0, 1, 2, 2}, .groups = 2),
    BOTH("eights, 1x1, stride 2", 2, 6, 7, 40, 16, 1, 1, 40, 3, 4, .stride = {2, 2},
         .dilation = {1, 1}, .groups = 1),
    BOTH("eights, 1x1, padded", 1, 4, 4, 8, 8, 1, 1, 8, 6, 6, .stride = {1, 1}, .dilation = {1, 1},
         .pad = {1, 1, 1, 1}, .groups = 1),
    BOTH("eights, 3x3, several tiles", 2, 13, 11, 72, 136, 3, 3, 72, 13, 11, SAME, .groups = 1),
    BOTH("eights, 3x3, many slices", 2, 31, 29, 8, 16, 3, 3, 8, 31, 29, SAME, .groups = 1),
    BOTH_SUMS("3x3, odd filters", 1, 7, 5, 8, 5, 3, 3, 8, 7, 5, SAME, .groups = 1),
    BOTH_SUMS("stem", 2, 17, 21, 3, 20, 3, 3, 3, 9, 11, HALVED, .groups = 1),
    BOTH_SUMS("3x3, several tiles", 2, 17, 15, 36, 68, 3, 3, 36, 17, 15, SAME, .groups = 1),
    BOTH_SUMS("groups of eight", 2, 9, 11, 16, 16, 3, 3, 8, 9, 11, SAME, .groups = 2),
    BOTH_SUMS("1x1, wide", 1, 7, 7, 1036, 132, 1, 1, 1036, 7, 7, POINTWISE, .groups = 1),
    BOTH_SUMS("eights, 3x3, stride 2", 2, 13, 11, 72, 136, 3, 3, 72, 7, 6, HALVED, .groups = 1),
    STATS(HONE_F16, "f16, statistics", ROUNDED(0x1p-10), 2, 17, 15, 36, 68, 3, 3, 36, 17, 15, SAME,
          .groups = 1),
    STATS(HONE_BF16, "bf16, statistics, groups", ROUNDED(0x1p-7), 2, 16, 16, 24, 24, 3, 3, 8, 16,
          16, SAME, .groups = 3),
    STATS(HONE_F16, "f16, statistics, depthwise, whole strips", ROUNDED(0x1p-10), 2, 28, 30, 24, 24,
          3, 3, 1, 28, 30, SAME, .groups = 24),
    STATS(HONE_F16, "f16, statistics, stem", ROUNDED(0x1p-10), 2, 32, 33, 3, 40, 7, 7, 3, 16, 16,
          .stride = {2, 2}, .dilation = {1, 1}, .pad = {3, 3, 3, 2}, .groups = 1),
    STATS(HONE_BF16, "bf16, statistics", ROUNDED(0x1p-7), 2, 17, 15, 40, 72, 1, 1, 40, 17, 15,
          POINTWISE, .groups = 1),
    CONV_ACT8(HONE_F16, "f16, eights, bias, silu", .kind = HONE_ACT_SILU),
    CONV_ACT8(HONE_BF16, "bf16, eights, bias, hard sigmoid", .kind = HONE_ACT_HARD_SIGMOID,
              .a = 0.01f, .b = 0.5f),
    CONV_ACT(HONE_F16, "f16, bias, silu", 8, .kind = HONE_ACT_SILU),
    CONV_ACT(HONE_BF16, "bf16, bias, relu, odd filters", 7, .kind = HONE_ACT_RELU),
    {.op = NULL},
};

#define MATMUL_ATTRS(...) (&(const struct hone_matmul_attrs){__VA_ARGS__})
#define PRODUCT(type, name_, a0, a1, b0, b1, k, ...)                                               \
    {                                                                                              \
        .op = &hone_op_matmul, .name = name_, .attrs = MATMUL_ATTRS(__VA_ARGS__),                  \
        .input_count = 2,                                                                          \
        .in = {{.desc = OP_DESC(type, a0, a1)}, {.desc = OP_DESC(type, b0, b1)}},                  \
        .tolerance = {.reduction = k}, .large = true                                               \
    }
#define PRODUCTS(type, text)                                                                       \
    PRODUCT(type, text ", plain", 5, 8, 8, 12, 8, .trans_a = 0),                                   \
        PRODUCT(type, text ", b transposed", 5, 8, 12, 8, 8, .trans_b = 1),                        \
        PRODUCT(type, text ", a transposed", 8, 12, 8, 20, 8, .trans_a = 1),                       \
        PRODUCT(type, text ", both transposed", 8, 12, 20, 8, 8, .trans_a = 1, .trans_b = 1),      \
        PRODUCT(type, text ", odd", 3, 7, 7, 5, 7, .trans_a = 0),                                  \
        PRODUCT(type, text ", odd, b transposed", 3, 7, 5, 7, 7, .trans_b = 1),                    \
        PRODUCT(type, text ", odd, a transposed", 7, 3, 7, 5, 7, .trans_a = 1),                    \
        PRODUCT(type, text ", odd, both transposed", 7, 3, 5, 7, 7, .trans_a = 1, .trans_b = 1),   \
        PRODUCT(type, text ", to f32", 5, 8, 12, 8, 8, .trans_b = 1, .wide = 1),                   \
        PRODUCT(type, text ", odd, to f32", 3, 7, 7, 5, 7, .wide = 1),                             \
        PRODUCT(type, text ", a transposed, to f32", 37, 12, 37, 20, 37, .trans_a = 1, .wide = 1), \
        PRODUCT(type, text ", eights", 70, 264, 264, 136, 264, .trans_a = 0),                      \
        PRODUCT(type, text ", eights, few rows", 24, 72, 136, 72, 72, .trans_b = 1),               \
        PRODUCT(type, text ", eights, b transposed", 67, 264, 136, 264, 264, .trans_b = 1),        \
        PRODUCT(type, text ", eights, a transposed", 1000, 72, 1000, 136, 1000, .trans_a = 1,      \
                .wide = 1),                                                                        \
        PRODUCT(type, text ", eights, both transposed", 72, 48, 40, 72, 72, .trans_a = 1,          \
                .trans_b = 1),                                                                     \
        PRODUCT(type, text ", eights, to f32", 67, 72, 72, 40, 72, .wide = 1),                     \
        PRODUCT(type, text ", large", 67, 256, 131, 256, 256, .trans_b = 1),                       \
        PRODUCT(type, text ", large, a transposed", 1000, 68, 1000, 132, 1000, .trans_a = 1)

const struct hone_case hone_cases_matmul16[] = {
    PRODUCTS(HONE_F16, "f16"),
    PRODUCTS(HONE_BF16, "bf16"),
    {.op = &hone_op_matmul,
     .name = "f16, linear, bias, relu, to f32",
     .attrs = MATMUL_ATTRS(.trans_b = 1, .wide = 1, .act = {.kind = HONE_ACT_RELU}),
     .input_count = 3,
     .in = {{.desc = OP_F16(5, 8)}, {.desc = OP_F16(3, 8)}, {.desc = OP_F32(3)}},
     .tolerance = {.c = 8, .reduction = 8, .scale = 4},
     .large = true},
    {.op = NULL},
};
