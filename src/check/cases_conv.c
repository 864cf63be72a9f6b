// cases_conv.c: convolution, its gradients and matrix products. Odd sizes, both sides of every
// tile, each kind of padding, strides that leave pixels without a tap, groups, and shapes that only
// the plain rows take.
#include "check/case.h"

#include <math.h>

// One geometry and the three operators on it: x (N,H,W,C), w (K,R,S,CG), y (N,P,Q,K).
#define ATTRS(...) (&(const struct hone_conv2d_attrs){__VA_ARGS__})
#define GEOMETRY(name_, n, h, w, c, k, r, s, cg, p, q, big, ...)                                   \
    {.op = &hone_op_conv2d,                                                                        \
     .name = name_,                                                                                \
     .attrs = ATTRS(__VA_ARGS__),                                                                  \
     .input_count = 2,                                                                             \
     .in = {{.desc = OP_F32(n, h, w, c), .grad = true},                                            \
            {.desc = OP_F32(k, r, s, cg), .grad = true}},                                          \
     .tolerance = {.reduction = (r) * (s) * (cg)},                                                 \
     .large = big},                                                                                \
        {.op = &hone_op_conv2d_bwd_x,                                                              \
         .name = name_,                                                                            \
         .attrs = ATTRS(__VA_ARGS__, .in_h = h, .in_w = w),                                        \
         .input_count = 2,                                                                         \
         .in = {{.desc = OP_F32(n, p, q, k)}, {.desc = OP_F32(k, r, s, cg)}},                      \
         .tolerance = {.reduction = (r) * (s) * (k)},                                              \
         .large = big},                                                                            \
    {                                                                                              \
        .op = &hone_op_conv2d_bwd_w, .name = name_,                                                \
        .attrs = ATTRS(__VA_ARGS__, .filter_h = r, .filter_w = s), .input_count = 2,               \
        .in = {{.desc = OP_F32(n, p, q, k)}, {.desc = OP_F32(n, h, w, c)}},                        \
        .tolerance = {.reduction = (n) * (p) * (q)}, .large = big                                  \
    }
#define STRIDE(a, b)    .stride = {a, b}
#define PAD(t, l, b, r) .pad = {t, l, b, r}
#define PLAIN_STEPS     STRIDE(1, 1), .dilation = {1, 1}

#define BIAS(n)                                                                                    \
    { .desc = OP_F32(n), .grad = true }
#define CONV_ACT(name_, ...)                                                                       \
    {                                                                                              \
        .op = &hone_op_conv2d, .name = name_,                                                      \
        .attrs = ATTRS(PLAIN_STEPS, PAD(1, 1, 1, 1), .groups = 1, .act = {__VA_ARGS__}),           \
        .input_count = 3,                                                                          \
        .in = {{.desc = OP_F32(1, 5, 6, 4), .grad = true},                                         \
               {.desc = OP_F32(8, 3, 3, 4), .grad = true},                                         \
               BIAS(8)},                                                                           \
        .tolerance = {.c = 8, .reduction = 36, .scale = 4}, .grad_tolerance = 1e-5                 \
    }

// The same with something added: y = act(conv(x, w) + b + r), dx + r.
#define SUMS(name_, n, h, w, ci, k, r, s, cg, p, q, big, kind_, ...)                               \
    {.op = &hone_op_conv2d,                                                                        \
     .name = name_,                                                                                \
     .attrs = ATTRS(__VA_ARGS__, .act = {.kind = kind_, .a = -1, .b = 1}),                         \
     .input_count = 4,                                                                             \
     .in = {{.desc = OP_F32(n, h, w, ci), .grad = true},                                           \
            {.desc = OP_F32(k, r, s, cg), .grad = true},                                           \
            BIAS(k),                                                                               \
            {.desc = OP_F32(n, p, q, k), .grad = true}},                                           \
     .tolerance = {.c = 8, .reduction = (r) * (s) * (cg) + 2, .scale = 4},                         \
     .grad_tolerance = 1e-5,                                                                       \
     .large = big},                                                                                \
    {                                                                                              \
        .op = &hone_op_conv2d_bwd_x, .name = name_,                                                \
        .attrs = ATTRS(__VA_ARGS__, .in_h = h, .in_w = w), .input_count = 3,                       \
        .in = {{.desc = OP_F32(n, p, q, k)},                                                       \
               {.desc = OP_F32(k, r, s, cg)},                                                      \
               {.desc = OP_F32(n, h, w, ci)}},                                                     \
        .tolerance = {.reduction = (r) * (s) * (k) + 1}, .large = big                              \
    }

// Statistics of the result; x lies around `mean`.
#define STATS(name_, n, h, w, c, k, r, s, cg, p, q, big, x_, ...)                                  \
    {                                                                                              \
        .op = &hone_op_conv2d_stats, .name = name_,                                                \
        .attrs = &(const struct hone_conv2d_stats_attrs){{__VA_ARGS__}, 1e-5f, 0.1f},              \
        .input_count = 5,                                                                          \
        .in = {x_,                                                                                 \
               {.desc = OP_F32(k, r, s, cg)},                                                      \
               {.desc = OP_F32(k)},                                                                \
               {.desc = OP_F32(k)},                                                                \
               {.desc = OP_F32(k), .values = VALUES_POSITIVE}},                                    \
        .tolerance = {.reduction = (double)(n) * (p) * (q) + (r) * (s) * (cg)}, .large = big       \
    }
#define UNIFORM(...)                                                                               \
    { .desc = OP_F32(__VA_ARGS__) }

// NaN in one channel of every fourth pixel: the epilogues keep it.
static void fill_nan(double *const *in, double *out, int64_t count) {
    (void)in;
    for (int64_t i = 0; i < count; i++) out[i] = i % 32 == 11 ? (double)NAN : (double)(i % 7 - 3);
}
#define CONV_NAN(name_, k, r, groups_, ...)                                                        \
    {                                                                                              \
        .op = &hone_op_conv2d, .name = name_,                                                      \
        .attrs = ATTRS(PLAIN_STEPS, .groups = groups_, .act = {__VA_ARGS__}), .input_count = 2,    \
        .in = {{.desc = OP_F32(2, 5, 5, 8), .fill = fill_nan},                                     \
               {.desc = OP_F32(k, r, r, 8 / (groups_))}},                                          \
        .tolerance = {.reduction = 72, .nan = true}, .large = true                                 \
    }

const struct hone_case hone_cases_conv[] = {
    GEOMETRY("3x3, odd sizes", 2, 9, 7, 8, 12, 3, 3, 8, 9, 7, false, PLAIN_STEPS, PAD(1, 1, 1, 1),
             .groups = 1),
    GEOMETRY("3x3, stride 2", 2, 9, 7, 8, 20, 3, 3, 8, 5, 4, false, STRIDE(2, 2),
             .dilation = {1, 1}, PAD(1, 1, 1, 1), .groups = 1),
    GEOMETRY("3x3, stride 2, asymmetric padding", 1, 10, 10, 4, 8, 3, 3, 4, 5, 5, false,
             STRIDE(2, 2), .dilation = {1, 1}, PAD(0, 0, 1, 1), .groups = 1),
    GEOMETRY("no channel count divides by 4", 1, 7, 6, 7, 5, 3, 3, 7, 7, 6, false, PLAIN_STEPS,
             PAD(1, 1, 1, 1), .groups = 1),
    GEOMETRY("three channels in", 2, 11, 9, 3, 16, 3, 3, 3, 6, 5, false, STRIDE(2, 2),
             .dilation = {1, 1}, PAD(1, 1, 1, 1), .groups = 1),
    GEOMETRY("1x1", 3, 5, 5, 16, 24, 1, 1, 16, 5, 5, false, PLAIN_STEPS, PAD(0, 0, 0, 0),
             .groups = 1),
    GEOMETRY("1x1, odd filters", 1, 5, 7, 16, 5, 1, 1, 16, 5, 7, false, PLAIN_STEPS,
             PAD(0, 0, 0, 0), .groups = 1),
    GEOMETRY("1x1, stride 2", 2, 6, 7, 8, 12, 1, 1, 8, 3, 4, false, STRIDE(2, 2),
             .dilation = {1, 1}, PAD(0, 0, 0, 0), .groups = 1),
    GEOMETRY("1x1, padded", 1, 4, 4, 8, 8, 1, 1, 8, 6, 6, false, PLAIN_STEPS, PAD(1, 1, 1, 1),
             .groups = 1),
    GEOMETRY("3x5, two groups, dilated, mixed strides", 1, 11, 13, 16, 24, 3, 5, 8, 5, 12, false,
             STRIDE(2, 1), .dilation = {2, 1}, PAD(0, 1, 2, 2), .groups = 2),
    GEOMETRY("2x2, stride 4: pixels without a tap", 1, 6, 6, 8, 8, 2, 2, 8, 2, 2, false,
             STRIDE(4, 4), .dilation = {1, 1}, PAD(0, 0, 0, 0), .groups = 1),
    GEOMETRY("5x5, stride 3, dilated", 1, 17, 19, 4, 4, 5, 5, 4, 5, 5, false, STRIDE(3, 3),
             .dilation = {2, 2}, PAD(2, 2, 2, 2), .groups = 1),
    GEOMETRY("groups of two and three channels", 2, 6, 6, 10, 15, 3, 3, 2, 6, 6, false, PLAIN_STEPS,
             PAD(1, 1, 1, 1), .groups = 5),
    GEOMETRY("groups of four", 2, 9, 11, 16, 32, 3, 3, 4, 9, 11, true, PLAIN_STEPS, PAD(1, 1, 1, 1),
             .groups = 4),
    GEOMETRY("groups of eight, stride 2", 1, 11, 13, 24, 24, 3, 3, 8, 6, 7, true, STRIDE(2, 2),
             .dilation = {1, 1}, PAD(1, 1, 1, 1), .groups = 3),
    GEOMETRY("groups of 24 and 20, 5x4, dilated", 1, 12, 13, 48, 40, 5, 4, 24, 12, 11, true,
             STRIDE(1, 1), .dilation = {1, 2}, PAD(2, 2, 2, 2), .groups = 2),
    GEOMETRY("groups of 32, many rows", 3, 37, 16, 64, 64, 3, 3, 32, 37, 16, true, PLAIN_STEPS,
             PAD(1, 1, 1, 1), .groups = 2),
    GEOMETRY("groups of four, 1x1", 2, 5, 9, 12, 12, 1, 1, 4, 5, 9, true, PLAIN_STEPS,
             PAD(0, 0, 0, 0), .groups = 3),
    GEOMETRY("depthwise 3x3", 2, 7, 9, 12, 12, 3, 3, 1, 7, 9, false, PLAIN_STEPS, PAD(1, 1, 1, 1),
             .groups = 12),
    GEOMETRY("depthwise 3x3, stride 2", 2, 9, 8, 8, 8, 3, 3, 1, 5, 4, false, STRIDE(2, 2),
             .dilation = {1, 1}, PAD(1, 1, 1, 1), .groups = 8),
    GEOMETRY("depthwise 3x3, stride 2, asymmetric padding", 1, 10, 8, 8, 8, 3, 3, 1, 5, 4, false,
             STRIDE(2, 2), .dilation = {1, 1}, PAD(0, 0, 1, 1), .groups = 8),
    GEOMETRY("depthwise 5x5", 1, 7, 6, 4, 4, 5, 5, 1, 7, 6, false, PLAIN_STEPS, PAD(2, 2, 2, 2),
             .groups = 4),
    GEOMETRY("depthwise 5x5, stride 2", 1, 9, 7, 8, 8, 5, 5, 1, 5, 4, false, STRIDE(2, 2),
             .dilation = {1, 1}, PAD(2, 2, 2, 2), .groups = 8),
    GEOMETRY("depthwise 3x3, dilated", 1, 9, 8, 8, 8, 3, 3, 1, 9, 8, false, STRIDE(1, 1),
             .dilation = {2, 2}, PAD(2, 2, 2, 2), .groups = 8),
    GEOMETRY("depthwise, odd channels", 1, 6, 5, 7, 7, 3, 3, 1, 6, 5, false, PLAIN_STEPS,
             PAD(1, 1, 1, 1), .groups = 7),
    GEOMETRY("depthwise, two filters a channel", 1, 6, 5, 8, 16, 3, 3, 1, 6, 5, false, PLAIN_STEPS,
             PAD(1, 1, 1, 1), .groups = 8),
    GEOMETRY("many slices", 2, 41, 37, 8, 68, 3, 3, 8, 41, 37, true, PLAIN_STEPS, PAD(1, 1, 1, 1),
             .groups = 1),
    GEOMETRY("1x1, many slices, ragged tiles", 2, 31, 33, 36, 100, 1, 1, 36, 31, 33, true,
             PLAIN_STEPS, PAD(0, 0, 0, 0), .groups = 1),
    GEOMETRY("1x1, wide", 1, 7, 7, 132, 260, 1, 1, 132, 7, 7, true, PLAIN_STEPS, PAD(0, 0, 0, 0),
             .groups = 1),
    GEOMETRY("stem", 2, 65, 63, 3, 32, 3, 3, 3, 33, 32, true, STRIDE(2, 2), .dilation = {1, 1},
             PAD(1, 1, 1, 1), .groups = 1),
    GEOMETRY("stem 7x7", 1, 65, 63, 3, 20, 7, 7, 3, 33, 32, true, STRIDE(2, 2), .dilation = {1, 1},
             PAD(3, 3, 3, 3), .groups = 1),
    GEOMETRY("stem, whole tiles", 2, 32, 33, 3, 64, 3, 3, 3, 16, 16, true, STRIDE(2, 2),
             .dilation = {1, 1}, PAD(1, 1, 1, 0), .groups = 1),
    GEOMETRY("stem, one channel, dilated", 1, 37, 41, 1, 7, 5, 4, 1, 37, 35, true, STRIDE(1, 1),
             .dilation = {1, 2}, PAD(2, 0, 2, 0), .groups = 1),
    GEOMETRY("stem, two channels, mixed strides", 2, 19, 45, 2, 12, 2, 5, 2, 18, 23, true,
             STRIDE(1, 2), .dilation = {1, 1}, PAD(0, 2, 0, 2), .groups = 1),
    GEOMETRY("patches of 4x4", 2, 21, 28, 3, 24, 4, 4, 3, 5, 7, false, STRIDE(4, 4),
             .dilation = {1, 1}, PAD(0, 0, 0, 0), .groups = 1),
    GEOMETRY("patches of 2x2, overlapping rows", 1, 9, 10, 8, 12, 3, 2, 8, 5, 5, false,
             STRIDE(2, 2), .dilation = {1, 1}, PAD(1, 0, 1, 0), .groups = 1),
    GEOMETRY("depthwise, many slices", 2, 57, 59, 20, 20, 3, 3, 1, 57, 59, true, PLAIN_STEPS,
             PAD(1, 1, 1, 1), .groups = 20),
    GEOMETRY("depthwise, many slices, stride 2", 3, 61, 57, 36, 36, 3, 3, 1, 31, 29, true,
             STRIDE(2, 2), .dilation = {1, 1}, PAD(1, 1, 1, 1), .groups = 36),
    GEOMETRY("3x3, wide, odd sizes", 3, 9, 13, 36, 44, 3, 3, 36, 9, 13, true, PLAIN_STEPS,
             PAD(1, 1, 1, 1), .groups = 1),
    GEOMETRY("3x3, wide, no padding", 3, 10, 15, 40, 132, 3, 3, 40, 8, 13, true, PLAIN_STEPS,
             PAD(0, 0, 0, 0), .groups = 1),
    GEOMETRY("3x3, wide, asymmetric padding", 2, 16, 9, 260, 32, 3, 3, 260, 16, 12, true,
             PLAIN_STEPS, PAD(0, 2, 2, 3), .groups = 1),
    GEOMETRY("3x3, wide, many pictures", 9, 20, 20, 32, 32, 3, 3, 32, 20, 20, true, PLAIN_STEPS,
             PAD(1, 1, 1, 1), .groups = 1),
    GEOMETRY("3x3, very wide", 2, 11, 12, 164, 240, 3, 3, 164, 11, 12, true, PLAIN_STEPS,
             PAD(1, 1, 1, 1), .groups = 1),
    GEOMETRY("3x3, very wide, small pictures", 4, 3, 3, 192, 384, 3, 3, 192, 3, 3, true,
             PLAIN_STEPS, PAD(1, 1, 1, 1), .groups = 1),
    {.op = &hone_op_conv2d,
     .name = "3x3, very wide, bias, relu6",
     .attrs = ATTRS(PLAIN_STEPS, PAD(2, 0, 0, 1), .groups = 1,
                    .act = {.kind = HONE_ACT_CLIP, .a = 0, .b = 6}),
     .input_count = 3,
     .in = {{.desc = OP_F32(1, 16, 17, 192)},
            {.desc = OP_F32(192, 3, 3, 192)},
            {.desc = OP_F32(192)}},
     .tolerance = {.reduction = 1728},
     .large = true},
    {.op = &hone_op_conv2d,
     .name = "3x3, wide, bias, relu6",
     .attrs = ATTRS(PLAIN_STEPS, PAD(1, 1, 1, 1), .groups = 1,
                    .act = {.kind = HONE_ACT_CLIP, .a = 0, .b = 6}),
     .input_count = 3,
     .in = {{.desc = OP_F32(2, 11, 12, 32)}, {.desc = OP_F32(40, 3, 3, 32)}, {.desc = OP_F32(40)}},
     .tolerance = {.reduction = 288},
     .large = true},
    CONV_ACT("bias", .kind = HONE_ACT_NONE),
    CONV_ACT("bias, sigmoid", .kind = HONE_ACT_SIGMOID),
    CONV_ACT("bias, silu", .kind = HONE_ACT_SILU),
    CONV_ACT("bias, hard sigmoid", .kind = HONE_ACT_HARD_SIGMOID, .a = 0.01f, .b = 0.5f),
    {.op = &hone_op_conv2d,
     .name = "bias, relu",
     .attrs = ATTRS(PLAIN_STEPS, PAD(0, 0, 0, 0), .groups = 1, .act = {.kind = HONE_ACT_RELU}),
     .input_count = 3,
     .in = {{.desc = OP_F32(2, 5, 5, 8)}, {.desc = OP_F32(7, 1, 1, 8)}, {.desc = OP_F32(7)}},
     .tolerance = {.reduction = 8},
     .large = true},
    {.op = &hone_op_conv2d,
     .name = "depthwise, bias, relu6",
     .attrs = ATTRS(PLAIN_STEPS, PAD(1, 1, 1, 1), .groups = 8,
                    .act = {.kind = HONE_ACT_CLIP, .a = 0, .b = 6}),
     .input_count = 3,
     .in = {{.desc = OP_F32(2, 9, 5, 8), .lo = -4, .hi = 4},
            {.desc = OP_F32(8, 3, 3, 1)},
            {.desc = OP_F32(8)}},
     .tolerance = {.reduction = 9},
     .large = true},
    {.op = &hone_op_conv2d,
     .name = "bias, hard swish",
     .attrs =
         ATTRS(PLAIN_STEPS, PAD(1, 1, 1, 1), .groups = 1, .act = {.kind = HONE_ACT_HARD_SWISH}),
     .input_count = 3,
     .in = {{.desc = OP_F32(2, 9, 5, 3), .lo = -4, .hi = 4},
            {.desc = OP_F32(8, 3, 3, 3)},
            {.desc = OP_F32(8)}},
     .tolerance = {.reduction = 27},
     .large = true},
    SUMS("sum, 3x3, odd sizes", 2, 9, 7, 8, 12, 3, 3, 8, 9, 7, false, HONE_ACT_SILU, PLAIN_STEPS,
         PAD(1, 1, 1, 1), .groups = 1),
    SUMS("sum, no channel count divides by 4", 1, 7, 6, 7, 5, 3, 3, 7, 4, 3, false, HONE_ACT_NONE,
         STRIDE(2, 2), .dilation = {1, 1}, PAD(1, 1, 1, 1), .groups = 1),
    SUMS("sum, 1x1, odd filters", 1, 5, 7, 16, 6, 1, 1, 16, 5, 7, false, HONE_ACT_SIGMOID,
         PLAIN_STEPS, PAD(0, 0, 0, 0), .groups = 1),
    SUMS("sum, two groups, strided", 1, 11, 13, 16, 24, 3, 5, 8, 5, 12, false, HONE_ACT_NONE,
         STRIDE(2, 1), .dilation = {2, 1}, PAD(0, 1, 2, 2), .groups = 2),
    SUMS("sum, depthwise of 8", 2, 9, 8, 8, 8, 3, 3, 1, 5, 4, false, HONE_ACT_NONE, STRIDE(2, 2),
         .dilation = {1, 1}, PAD(1, 1, 1, 1), .groups = 8),
    SUMS("sum, depthwise of 12", 2, 7, 9, 12, 12, 3, 3, 1, 7, 9, true, HONE_ACT_CLIP, PLAIN_STEPS,
         PAD(1, 1, 1, 1), .groups = 12),
    SUMS("sum, depthwise of 7", 1, 6, 5, 7, 7, 3, 3, 1, 6, 5, true, HONE_ACT_RELU, PLAIN_STEPS,
         PAD(1, 1, 1, 1), .groups = 7),
    SUMS("sum, depthwise of 10", 1, 6, 5, 10, 10, 5, 5, 1, 6, 5, true, HONE_ACT_RELU, PLAIN_STEPS,
         PAD(2, 2, 2, 2), .groups = 10),
    SUMS("sum, stem", 2, 17, 21, 3, 20, 3, 3, 3, 9, 11, true, HONE_ACT_SILU, STRIDE(2, 2),
         .dilation = {1, 1}, PAD(1, 1, 1, 1), .groups = 1),
    SUMS("sum, stem, odd filters", 1, 17, 21, 3, 7, 5, 5, 3, 9, 11, true, HONE_ACT_NONE,
         STRIDE(2, 2), .dilation = {1, 1}, PAD(2, 2, 2, 2), .groups = 1),
    SUMS("sum, 1x1, ragged tiles", 2, 31, 33, 40, 104, 1, 1, 40, 31, 33, true, HONE_ACT_RELU,
         PLAIN_STEPS, PAD(0, 0, 0, 0), .groups = 1),
    SUMS("sum, 1x1, wide", 1, 7, 7, 1032, 260, 1, 1, 1032, 7, 7, true, HONE_ACT_RELU, PLAIN_STEPS,
         PAD(0, 0, 0, 0), .groups = 1),
    SUMS("sum, 3x3, wide", 3, 17, 15, 36, 44, 3, 3, 36, 17, 15, true, HONE_ACT_RELU, PLAIN_STEPS,
         PAD(1, 1, 1, 1), .groups = 1),
    SUMS("sum, 3x3, very wide", 2, 17, 16, 200, 208, 3, 3, 200, 17, 16, true, HONE_ACT_RELU,
         PLAIN_STEPS, PAD(1, 1, 1, 1), .groups = 1),
    STATS("few", 2, 5, 5, 8, 12, 3, 3, 8, 5, 5, false, UNIFORM(2, 5, 5, 8), PLAIN_STEPS,
          PAD(1, 1, 1, 1), .groups = 1),
    STATS("odd channels", 2, 7, 9, 3, 7, 3, 3, 3, 4, 5, false, UNIFORM(2, 7, 9, 3), STRIDE(2, 2),
          .dilation = {1, 1}, PAD(1, 1, 1, 1), .groups = 1),
    STATS("stem, whole tiles", 3, 64, 65, 3, 40, 7, 7, 3, 32, 32, true, UNIFORM(3, 64, 65, 3),
          STRIDE(2, 2), .dilation = {1, 1}, PAD(3, 3, 3, 2), .groups = 1),
    STATS("1x1, ragged tiles, many parts", 3, 31, 33, 16, 100, 1, 1, 16, 31, 33, true,
          UNIFORM(3, 31, 33, 16), PLAIN_STEPS, PAD(0, 0, 0, 0), .groups = 1),
    STATS("1x1, many parts", 2, 56, 56, 24, 40, 1, 1, 24, 56, 56, true, UNIFORM(2, 56, 56, 24),
          PLAIN_STEPS, PAD(0, 0, 0, 0), .groups = 1),
    STATS("two groups", 2, 11, 13, 16, 24, 3, 5, 8, 5, 12, true, UNIFORM(2, 11, 13, 16),
          STRIDE(2, 1), .dilation = {2, 1}, PAD(0, 1, 2, 2), .groups = 2),
    STATS("groups of four, whole strips", 2, 16, 16, 16, 16, 3, 3, 4, 16, 16, true,
          UNIFORM(2, 16, 16, 16), PLAIN_STEPS, PAD(1, 1, 1, 1), .groups = 4),
    STATS("groups of four, ragged", 2, 11, 13, 16, 16, 3, 3, 4, 11, 13, true,
          UNIFORM(2, 11, 13, 16), PLAIN_STEPS, PAD(1, 1, 1, 1), .groups = 4),
    STATS("3x3, wide", 3, 17, 15, 40, 44, 3, 3, 40, 17, 15, true, UNIFORM(3, 17, 15, 40),
          PLAIN_STEPS, PAD(1, 1, 1, 1), .groups = 1),
    STATS("3x3, very wide", 2, 17, 16, 200, 208, 3, 3, 200, 17, 16, true, UNIFORM(2, 17, 16, 200),
          PLAIN_STEPS, PAD(1, 1, 1, 1), .groups = 1),
    STATS("depthwise of 12, odd rows", 2, 7, 9, 12, 12, 3, 3, 1, 7, 9, false, UNIFORM(2, 7, 9, 12),
          PLAIN_STEPS, PAD(1, 1, 1, 1), .groups = 12),
    STATS("depthwise of 24, whole strips", 3, 28, 30, 24, 24, 3, 3, 1, 28, 30, true,
          UNIFORM(3, 28, 30, 24), PLAIN_STEPS, PAD(1, 1, 1, 1), .groups = 24),
    STATS("depthwise of 6, whole strips", 3, 8, 9, 6, 6, 3, 3, 1, 8, 9, true, UNIFORM(3, 8, 9, 6),
          PLAIN_STEPS, PAD(1, 1, 1, 1), .groups = 6),
    STATS("depthwise of 7, stride 2", 2, 12, 9, 7, 7, 3, 3, 1, 6, 5, true, UNIFORM(2, 12, 9, 7),
          STRIDE(2, 2), .dilation = {1, 1}, PAD(1, 1, 1, 1), .groups = 7),
    // y around 100 or more with deviations of a tenth: what y itself has lost is multiplied by ten.
    {.op = &hone_op_conv2d_stats,
     .name = "far mean",
     .attrs = &(const struct hone_conv2d_stats_attrs){{PLAIN_STEPS, .groups = 1}, 1e-5f, 0.1f},
     .input_count = 5,
     .in = {{.desc = OP_F32(4, 19, 17, 8), .values = VALUES_NORMAL, .lo = 100, .hi = 0.1},
            {.desc = OP_F32(40, 1, 1, 8)},
            OP_ABSENT,
            {.desc = OP_F32(40)},
            {.desc = OP_F32(40), .values = VALUES_POSITIVE}},
     .tolerance = {.c = 64, .reduction = 1300},
     .large = true},
    {.op = &hone_op_conv2d_stats,
     .name = "far mean, depthwise",
     .attrs = &(const struct hone_conv2d_stats_attrs){{PLAIN_STEPS, .groups = 16}, 1e-5f, 0.1f},
     .input_count = 5,
     .in = {{.desc = OP_F32(4, 18, 18, 16), .values = VALUES_NORMAL, .lo = 100, .hi = 0.1},
            {.desc = OP_F32(16, 3, 3, 1)},
            OP_ABSENT,
            {.desc = OP_F32(16)},
            {.desc = OP_F32(16), .values = VALUES_POSITIVE}},
     .tolerance = {.c = 64, .reduction = 1024},
     .large = true},
    CONV_NAN("NaN, relu", 8, 1, 1, .kind = HONE_ACT_RELU),
    CONV_NAN("NaN, relu6", 12, 1, 1, .kind = HONE_ACT_CLIP, .a = 0, .b = 6),
    CONV_NAN("NaN, depthwise, relu6", 8, 3, 8, .kind = HONE_ACT_CLIP, .a = 0, .b = 6),
    {.op = NULL},
};

// a and b as they are stored: a0 x a1, b0 x b1; k is the inner size.
#define MATMUL_ATTRS(...) (&(const struct hone_matmul_attrs){__VA_ARGS__})
#define PRODUCT(name_, a0, a1, b0, b1, k, big, ...)                                                \
    {                                                                                              \
        .op = &hone_op_matmul, .name = name_, .attrs = MATMUL_ATTRS(__VA_ARGS__),                  \
        .input_count = 2,                                                                          \
        .in = {{.desc = OP_F32(a0, a1), .grad = true}, {.desc = OP_F32(b0, b1), .grad = true}},    \
        .tolerance = {.reduction = k}, .large = big                                                \
    }
#define PRODUCT_BIAS(name_, a0, a1, b0, b1, n, k, ...)                                             \
    {                                                                                              \
        .op = &hone_op_matmul, .name = name_, .attrs = MATMUL_ATTRS(__VA_ARGS__),                  \
        .input_count = 3,                                                                          \
        .in = {{.desc = OP_F32(a0, a1), .grad = true},                                             \
               {.desc = OP_F32(b0, b1), .grad = true},                                             \
               BIAS(n)},                                                                           \
        .tolerance = {                                                                             \
            .c = 8,                                                                                \
            .reduction = k,                                                                        \
            .scale = 4                                                                             \
        }                                                                                          \
    }

const struct hone_case hone_cases_matmul[] = {
    PRODUCT("plain", 5, 8, 8, 12, 8, false, .trans_a = 0),
    PRODUCT("b transposed", 5, 8, 12, 8, 8, false, .trans_b = 1),
    PRODUCT("a transposed", 8, 12, 8, 20, 8, false, .trans_a = 1),
    PRODUCT("both transposed", 8, 12, 20, 8, 8, false, .trans_a = 1, .trans_b = 1),
    PRODUCT("odd sizes", 3, 7, 7, 5, 7, false, .trans_a = 0),
    PRODUCT("odd sizes, b transposed", 3, 7, 5, 7, 7, false, .trans_b = 1),
    PRODUCT("odd sizes, a transposed", 7, 3, 7, 5, 7, false, .trans_a = 1),
    PRODUCT("odd sizes, both transposed", 7, 3, 5, 7, 7, false, .trans_a = 1, .trans_b = 1),
    {.op = &hone_op_matmul,
     .name = "tokens, bias",
     .attrs = MATMUL_ATTRS(.trans_b = 1),
     .input_count = 3,
     .in = {{.desc = OP_F32(2, 5, 8), .grad = true},
            {.desc = OP_F32(12, 8), .grad = true},
            BIAS(12)},
     .tolerance = {.c = 8, .reduction = 8, .scale = 4}},
    PRODUCT("one row", 1, 64, 10, 64, 64, false, .trans_b = 1),
    PRODUCT("large, b transposed", 67, 256, 131, 256, 256, true, .trans_b = 1),
    PRODUCT("large", 67, 256, 256, 131, 256, true, .trans_a = 0),
    PRODUCT("large, a transposed", 1000, 68, 1000, 132, 1000, true, .trans_a = 1),
    PRODUCT_BIAS("linear, bias", 5, 8, 3, 8, 3, 8, .trans_b = 1),
    PRODUCT_BIAS("bias", 5, 8, 8, 4, 4, 8, .trans_a = 0),
    PRODUCT_BIAS("a transposed, bias, sigmoid", 8, 5, 8, 4, 4, 8, .trans_a = 1,
                 .act = {.kind = HONE_ACT_SIGMOID}),
    PRODUCT_BIAS("linear, bias, silu", 5, 8, 12, 8, 12, 8, .trans_b = 1,
                 .act = {.kind = HONE_ACT_SILU}),
    {.op = NULL},
};
