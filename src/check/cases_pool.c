// cases_pool.c: windows that overlap, leave gaps and hang over the edge on one side; channels in
// fours and not.
#include <math.h>

#include "check/case.h"

static const struct hone_pool_attrs plain = {.kernel = {2, 2}, .stride = {2, 2}, .count_pad = 1};
// The windows of torchvision's ResNet and of ceil_mode: 3x3, stride 2.
static const struct hone_pool_attrs stem = {
    .kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1}};
static const struct hone_pool_attrs ceil_mode = {
    .kernel = {3, 3}, .stride = {2, 2}, .pad = {0, 0, 1, 1}};
static const struct hone_pool_attrs mixed = {
    .kernel = {3, 2}, .stride = {1, 3}, .pad = {2, 0, 1, 1}, .count_pad = 1};

static const struct hone_pool_attrs wide = {
    .kernel = {5, 5}, .stride = {1, 1}, .pad = {2, 2, 2, 2}, .in_h = 7, .in_w = 6};

// A NaN in some windows: it wins.
static void fill_nan(double *const *in, double *out, int64_t count) {
    (void)in;
    for (int64_t i = 0; i < count; i++) out[i] = i % 41 == 7 ? (double)NAN : (double)(i * 5 % 37);
}

#define MAX(title, at, ...)                                                                        \
    {                                                                                              \
        .op = &hone_op_max_pool, .name = title, .attrs = at, .input_count = 1,                     \
        .in = {{.desc = OP_F32(__VA_ARGS__), .values = VALUES_DISTINCT, .grad = true}},            \
        .tolerance = {                                                                             \
            .exact = true                                                                          \
        }                                                                                          \
    }
#define AVG(title, at, ...)                                                                        \
    {                                                                                              \
        .op = &hone_op_avg_pool, .name = title, .attrs = at, .input_count = 1,                     \
        .in = {{.desc = OP_F32(__VA_ARGS__), .grad = true}}, .tolerance = {                        \
            .reduction = 9                                                                         \
        }                                                                                          \
    }
#define GLOBAL(title, big, length, ...)                                                            \
    {                                                                                              \
        .op = &hone_op_global_avg_pool, .name = title, .input_count = 1,                           \
        .in = {{.desc = OP_F32(__VA_ARGS__), .values = VALUES_NORMAL, .grad = !(big)}},            \
        .tolerance = {.reduction = length}, .large = big                                           \
    }
#define BWD(name_)                                                                                 \
    {                                                                                              \
        .kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1}, .in_h = 9, .in_w = 11,            \
        .count_pad = name_                                                                         \
    }

static const struct hone_pool_attrs back = BWD(0), back_pad = BWD(1);

const struct hone_case hone_cases_pool[] = {
    MAX("2x2", &plain, 2, 6, 4, 4),
    MAX("3x3, stride 2, padding", &stem, 2, 9, 11, 8),
    MAX("odd channels, ceil mode", &ceil_mode, 1, 6, 8, 5),
    MAX("5x5, stride 1", &wide, 1, 7, 6, 4),
    {.op = &hone_op_max_pool,
     .name = "NaN",
     .attrs = &stem,
     .input_count = 1,
     .in = {{.desc = OP_F32(2, 9, 11, 8), .fill = fill_nan}},
     .tolerance = {.exact = true, .nan = true},
     .large = true},
    MAX("windows with gaps", &mixed, 2, 5, 7, 3),
    {.op = &hone_op_max_pool_bwd,
     .name = "fours",
     .attrs = &back,
     .input_count = 2,
     .in = {{.desc = OP_F32(2, 5, 6, 8)},
            {.desc = OP_I32(2, 5, 6, 8), .values = VALUES_INTEGERS, .lo = 0, .hi = 9}},
     .tolerance = {.reduction = 4}},
    {.op = &hone_op_max_pool_bwd,
     .name = "odd channels",
     .attrs = &back,
     .input_count = 2,
     .in = {{.desc = OP_F32(3, 5, 6, 7)},
            {.desc = OP_I32(3, 5, 6, 7), .values = VALUES_INTEGERS, .lo = 0, .hi = 9}},
     .tolerance = {.reduction = 4}},
    {.op = &hone_op_max_pool_bwd,
     .name = "5x5, stride 1",
     .attrs = &wide,
     .input_count = 2,
     .in = {{.desc = OP_F32(1, 7, 6, 4)},
            {.desc = OP_I32(1, 7, 6, 4), .values = VALUES_INTEGERS, .lo = 0, .hi = 25}},
     .tolerance = {.reduction = 25}},
    AVG("5x5, stride 1", &wide, 1, 7, 6, 4),
    AVG("2x2", &plain, 2, 6, 4, 4),
    AVG("padding not counted", &stem, 2, 9, 11, 8),
    AVG("odd channels, ceil mode", &ceil_mode, 1, 6, 8, 5),
    AVG("padding counted, gaps", &mixed, 2, 5, 7, 3),
    {.op = &hone_op_avg_pool_bwd,
     .name = "fours, padding counted",
     .attrs = &back_pad,
     .input_count = 1,
     .in = {{.desc = OP_F32(2, 5, 6, 8)}},
     .tolerance = {.reduction = 4}},
    {.op = &hone_op_avg_pool_bwd,
     .name = "odd channels",
     .attrs = &back,
     .input_count = 1,
     .in = {{.desc = OP_F32(3, 5, 6, 7)}},
     .tolerance = {.reduction = 4}},
    {.op = &hone_op_avg_pool_bwd,
     .name = "5x5, stride 1",
     .attrs = &wide,
     .input_count = 1,
     .in = {{.desc = OP_F32(1, 7, 6, 4)}},
     .tolerance = {.reduction = 25}},
    GLOBAL("odd channels", false, 35, 2, 7, 5, 5),
    GLOBAL("fours", false, 49, 3, 7, 7, 12),
    GLOBAL("few channels, many rows", true, 7921, 2, 89, 89, 4),
    GLOBAL("one channel, many rows", true, 7921, 1, 89, 89, 1),
    {.op = NULL},
};
