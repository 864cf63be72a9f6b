// cases_attention.c: attention of one tensor and of three, heads in fours and odd ones, more and
// fewer keys than queries, values wider than keys, more rows than a workgroup has, scores far
// apart, heads in sixteens as matrix units take them, something added to the scores, for all
// pictures or by windows; and products of batches, each way round.
#include "check/case.h"

static const struct hone_attention_attrs usual = {0.35f}, steep = {3};
static const struct hone_batch_matmul_attrs way[4] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}};

#define DATA(t, ...)                                                                               \
    { .desc = OP_DESC(t, __VA_ARGS__), .values = VALUES_NORMAL, .grad = true }
#define PACKED(title, at, b, n, h, d)                                                              \
    {                                                                                              \
        .op = &hone_op_attention, .name = title, .attrs = at, .input_count = 1,                    \
        .in = {DATA(HONE_F32, b, n, 3, h, d)}, .tolerance = {.c = 16, .reduction = n},             \
        .grad_tolerance = 1e-5                                                                     \
    }
#define THREE(title, at, b, n, m, h, d)                                                            \
    {                                                                                              \
        .op = &hone_op_attention, .name = title, .attrs = at, .input_count = 3,                    \
        .in = {DATA(HONE_F32, b, n, h, d), DATA(HONE_F32, b, m, h, d),                             \
               DATA(HONE_F32, b, m, h, d)},                                                        \
        .tolerance = {.c = 16, .reduction = m}, .grad_tolerance = 1e-5                             \
    }

// Gradients, with sums of exponentials that are above every score.
#define LSE(b, h, n)                                                                               \
    { .desc = OP_F32(b, h, n), .lo = 3, .hi = 4 }
#define ROW(t, ...)                                                                                \
    { .desc = OP_DESC(t, __VA_ARGS__) }
#define PACKED_BWD(title, t, b, n, h, d)                                                           \
    {                                                                                              \
        .op = &hone_op_attention_packed_bwd, .name = title, .attrs = &usual, .input_count = 4,     \
        .in = {ROW(t, b, n, h, d), ROW(t, b, n, h, d), LSE(b, h, n), ROW(t, b, n, 3, h, d)},       \
        .tolerance = {.c = 16, .reduction = n}, .large = t != HONE_F32                             \
    }
#define THREE_BWD(title, t, b, n, m, h, d)                                                         \
    {                                                                                              \
        .op = &hone_op_attention_bwd, .name = title, .attrs = &usual, .input_count = 6,            \
        .in = {ROW(t, b, n, h, d), ROW(t, b, n, h, d), LSE(b, h, n),                               \
               ROW(t, b, n, h, d), ROW(t, b, m, h, d), ROW(t, b, m, h, d)},                        \
        .tolerance = {.c = 16, .reduction = m}, .large = t != HONE_F32                             \
    }
#define THREE16(title, t, at, b, n, m, h, d)                                                       \
    {                                                                                              \
        .op = &hone_op_attention, .name = title, .attrs = at, .input_count = 3,                    \
        .in = {ROW(t, b, n, h, d), ROW(t, b, m, h, d), ROW(t, b, m, h, d)},                        \
        .tolerance = {.c = 16, .reduction = m}, .large = true                                      \
    }
#define PACKED16(title, t, b, n, h, d)                                                             \
    {                                                                                              \
        .op = &hone_op_attention, .name = title, .attrs = &usual, .input_count = 1,                \
        .in = {ROW(t, b, n, 3, h, d)}, .tolerance = {.c = 16, .reduction = n}, .large = true       \
    }
// With a bias; of `...`: heads, queries, keys, perhaps windows before them.
#define BIASED(title, t, b, n, m, h, d, e, ...)                                                    \
    {                                                                                              \
        .op = &hone_op_attention, .name = title, .attrs = &usual, .input_count = 4,                \
        .in = {DATA(t, b, n, h, d), DATA(t, b, m, h, d), DATA(t, b, m, h, e),                      \
               DATA(HONE_F32, __VA_ARGS__)},                                                       \
        .tolerance = {.c = 16, .reduction = m}, .grad_tolerance = 1e-5, .large = t != HONE_F32     \
    }
#define PACKED_BIASED(title, b, n, h, d, ...)                                                      \
    {                                                                                              \
        .op = &hone_op_attention, .name = title, .attrs = &usual, .input_count = 4,                \
        .in = {DATA(HONE_F32, b, n, 3, h, d), OP_ABSENT, OP_ABSENT, DATA(HONE_F32, __VA_ARGS__)},  \
        .tolerance = {.c = 16, .reduction = n}, .grad_tolerance = 1e-5                             \
    }
#define BIASED_BWD(title, o, t, b, n, m, h, d, e, ...)                                             \
    {                                                                                              \
        .op = &hone_op_attention_##o, .name = title, .attrs = &usual, .input_count = 7,            \
        .in = {ROW(t, b, n, h, e),        ROW(t, b, n, h, e), LSE(b, h, n),                        \
               ROW(t, b, n, h, d),        ROW(t, b, m, h, d), ROW(t, b, m, h, e),                  \
               ROW(HONE_F32, __VA_ARGS__)},                                                        \
        .tolerance = {.c = 16, .reduction = (m) * (b)}, .large = t != HONE_F32                     \
    }
#define PRODUCT(title, w, a, b, length)                                                            \
    {                                                                                              \
        .op = &hone_op_batch_matmul, .name = title, .attrs = &way[w], .input_count = 2,            \
        .in = {a, b}, .tolerance = {                                                               \
            .reduction = length                                                                    \
        }                                                                                          \
    }
#define F(...)                                                                                     \
    { .desc = OP_F32(__VA_ARGS__), .grad = true }

const struct hone_case hone_cases_attention[] = {
    PACKED("packed", &usual, 2, 11, 3, 8),
    PACKED("packed, odd heads", &usual, 2, 7, 3, 5),
    PACKED("packed, more rows than a workgroup", &usual, 1, 131, 2, 16),
    PACKED("packed, heads of 64 as in ViT", &usual, 1, 19, 1, 64),
    PACKED("packed, steep", &steep, 1, 37, 1, 4),
    PACKED("one token", &usual, 2, 1, 2, 4),
    THREE("more queries", &usual, 2, 13, 5, 2, 8),
    THREE("more keys, odd heads", &usual, 1, 5, 17, 3, 3),
    PACKED16("f16", HONE_F16, 2, 37, 2, 8),
    PACKED16("bf16", HONE_BF16, 2, 37, 2, 8),
    PACKED16("f16, heads of 64", HONE_F16, 2, 37, 3, 64),
    PACKED16("f16, heads of 32", HONE_F16, 2, 131, 1, 32),
    THREE16("f16, more keys", HONE_F16, &usual, 1, 3, 99, 2, 128),
    THREE16("bf16, steep", HONE_BF16, &steep, 1, 33, 49, 2, 16),
    PACKED_BWD("packed", HONE_F32, 2, 11, 3, 8),
    PACKED_BWD("packed, odd heads", HONE_F32, 2, 7, 3, 5),
    PACKED_BWD("packed, more rows than a workgroup", HONE_F32, 1, 131, 2, 16),
    PACKED_BWD("packed, heads of 32 as in Swin", HONE_F32, 1, 19, 1, 32),
    PACKED_BWD("packed, heads of 64 as in ViT", HONE_F32, 1, 19, 1, 64),
    PACKED_BWD("packed, f16", HONE_F16, 2, 37, 2, 8),
    PACKED_BWD("packed, bf16", HONE_BF16, 2, 37, 2, 8),
    THREE_BWD("more queries", HONE_F32, 2, 13, 5, 2, 8),
    THREE_BWD("more keys, odd heads", HONE_F32, 1, 5, 17, 3, 3),
    THREE_BWD("f16", HONE_F16, 1, 19, 7, 2, 4),
    PACKED_BWD("f16, heads of 64", HONE_F16, 2, 37, 3, 64),
    THREE_BWD("f16, heads of 96, fewer keys", HONE_F16, 2, 70, 5, 1, 96),
    THREE_BWD("f16, heads of 128, more keys", HONE_F16, 1, 3, 99, 2, 128),
    THREE_BWD("bf16, heads of 16, more keys", HONE_BF16, 1, 33, 49, 2, 16),
    BIASED("bias", HONE_F32, 3, 13, 7, 2, 8, 8, 2, 13, 7),
    BIASED("bias, values wider, odd", HONE_F32, 2, 5, 11, 3, 3, 5, 3, 5, 11),
    BIASED("values wider, in parts", HONE_F32, 1, 9, 9, 2, 8, 132, 2, 9, 9),
    BIASED("bias by windows, as in Swin", HONE_F32, 6, 16, 16, 2, 24, 24, 3, 2, 16, 16),
    BIASED("bias, more rows than a workgroup", HONE_F32, 2, 67, 71, 1, 8, 32, 1, 67, 71),
    BIASED("bias, f16", HONE_F16, 4, 19, 37, 2, 8, 16, 2, 2, 19, 37),
    BIASED("bias, bf16", HONE_BF16, 2, 19, 37, 2, 8, 16, 2, 19, 37),
    PACKED_BIASED("packed, bias", 2, 11, 3, 8, 3, 11, 11),
    PACKED_BIASED("packed, bias by windows, odd heads", 4, 7, 2, 5, 2, 2, 7, 7),
    BIASED_BWD("bias", bwd, HONE_F32, 3, 13, 7, 2, 8, 8, 2, 13, 7),
    BIASED_BWD("bias by windows, values wider", bwd, HONE_F32, 6, 19, 23, 2, 8, 12, 3, 2, 19, 23),
    BIASED_BWD("bias, odd heads", bwd, HONE_F32, 2, 5, 17, 3, 3, 7, 3, 5, 17),
    BIASED_BWD("values wider, in parts", bwd, HONE_F32, 1, 9, 9, 2, 8, 132, 2, 9, 9),
    BIASED_BWD("bias, f16", bwd, HONE_F16, 4, 19, 7, 2, 8, 16, 2, 2, 19, 7),
    {.op = &hone_op_attention_packed_bwd,
     .name = "packed, bias by windows",
     .attrs = &usual,
     .input_count = 5,
     .in = {ROW(HONE_F32, 4, 17, 2, 8), ROW(HONE_F32, 4, 17, 2, 8), LSE(4, 2, 17),
            ROW(HONE_F32, 4, 17, 3, 2, 8), ROW(HONE_F32, 2, 2, 17, 17)},
     .tolerance = {.c = 16, .reduction = 17}},
    BIASED_BWD("bias", bwd_bias, HONE_F32, 3, 13, 7, 2, 8, 8, 2, 13, 7),
    BIASED_BWD("by windows, values wider", bwd_bias, HONE_F32, 6, 19, 23, 2, 8, 12, 3, 2, 19, 23),
    BIASED_BWD("odd heads", bwd_bias, HONE_F32, 2, 5, 17, 3, 3, 7, 3, 5, 17),
    BIASED_BWD("more rows than a workgroup", bwd_bias, HONE_F32, 2, 67, 71, 1, 8, 32, 1, 67, 71),
    BIASED_BWD("many pictures", bwd_bias, HONE_F32, 70, 4, 4, 3, 32, 32, 2, 3, 4, 4),
    BIASED_BWD("f16", bwd_bias, HONE_F16, 4, 19, 7, 2, 8, 16, 2, 2, 19, 7),
    BIASED_BWD("bf16", bwd_bias, HONE_BF16, 4, 19, 7, 2, 8, 16, 2, 19, 7),
    {.op = &hone_op_attention_bwd_bias,
     .name = "packed",
     .attrs = &usual,
     .input_count = 7,
     .in = {ROW(HONE_F32, 4, 17, 2, 8), ROW(HONE_F32, 4, 17, 2, 8), LSE(4, 2, 17),
            ROW(HONE_F32, 4, 17, 3, 2, 8), OP_ABSENT, OP_ABSENT, ROW(HONE_F32, 2, 17, 17)},
     .tolerance = {.c = 16, .reduction = 68}},
    PRODUCT("vectors", 0, F(3, 7, 8), F(3, 8, 12), 8),
    PRODUCT("odd", 0, F(2, 3, 5, 7), F(2, 3, 7, 11), 7),
    PRODUCT("b turned", 1, F(5, 9, 16), F(5, 13, 16), 16),
    PRODUCT("a turned", 2, F(3, 8, 9), F(3, 8, 20), 8),
    PRODUCT("both turned", 3, F(2, 5, 7), F(2, 9, 5), 5),
    PRODUCT("many small", 0, F(70, 3, 4), F(70, 4, 4), 4),
    PRODUCT("larger than a tile", 1, F(2, 67, 72), F(2, 71, 72), 72),
    {.op = NULL},
};
