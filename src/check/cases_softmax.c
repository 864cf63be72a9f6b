// cases_softmax.c: short and long rows, scores far apart, labels that count and that do not.
#include "check/case.h"

static const struct hone_cross_entropy_attrs hard = {0}, smooth = {.smoothing = 0.1f};
static const struct hone_cross_entropy_attrs focal = {.gamma = 2},
                                             focal_smooth = {.smoothing = 0.1f, .gamma = 0.5f};

// exp of a driver may be 3 + 2 |x| units off.
#define SOFTMAX(title, lo_, hi_, ...)                                                              \
    {                                                                                              \
        .op = &hone_op_softmax, .name = title, .input_count = 1,                                   \
        .in = {{.desc = OP_F32(__VA_ARGS__), .lo = lo_, .hi = hi_, .grad = true}}, .tolerance = {  \
            .c = 16                                                                                \
        }                                                                                          \
    }
#define SOFTMAX_BWD(title, length, ...)                                                            \
    {                                                                                              \
        .op = &hone_op_softmax_bwd, .name = title, .input_count = 2,                               \
        .in = {{.desc = OP_F32(__VA_ARGS__)}, {.desc = OP_F32(__VA_ARGS__), .lo = 0, .hi = 0.1}},  \
        .tolerance = {                                                                             \
            .reduction = length                                                                    \
        }                                                                                          \
    }
#define SCORES(rows, classes, label_lo, label_hi, spread, wanted)                                  \
    {.desc = OP_F32(rows, classes), .values = VALUES_NORMAL, .hi = spread, .grad = wanted},        \
        {.desc = OP_I32(rows), .values = VALUES_INTEGERS, .lo = label_lo, .hi = label_hi}, {       \
        .desc = OP_F32(classes), .values = VALUES_POSITIVE                                         \
    }
#define LOSS(title, at, rows, classes, lo_, hi_, spread)                                           \
    {                                                                                              \
        .op = &hone_op_cross_entropy, .name = title, .attrs = at, .input_count = 3,                \
        .in = {SCORES(rows, classes, lo_, hi_, spread, true)}, .tolerance = {                      \
            .c = 16,                                                                               \
            .scale = 1 + 3 * (spread)                                                              \
        }                                                                                          \
    }
#define LOSS_BWD(title, at, rows, classes, lo_, hi_, spread)                                       \
    {                                                                                              \
        .op = &hone_op_cross_entropy_bwd, .name = title, .attrs = at, .input_count = 4,            \
        .in = {{.desc = OP_F32(1), .values = VALUES_POSITIVE},                                     \
               SCORES(rows, classes, lo_, hi_, spread, false)},                                    \
        .tolerance = {                                                                             \
            .c = 16,                                                                               \
            .scale = 1                                                                             \
        }                                                                                          \
    }

const struct hone_case hone_cases_softmax[] = {
    SOFTMAX("one column", 0, 0, 5, 1),
    SOFTMAX("few columns", 0, 0, 67, 5),
    SOFTMAX("long rows, far apart", -90, 90, 3, 149),
    SOFTMAX("four axes", 0, 0, 2, 3, 5, 7),
    SOFTMAX_BWD("few columns", 5, 67, 5),
    SOFTMAX_BWD("long rows", 149, 3, 149),
    LOSS("hard labels", &hard, 7, 5, 0, 5, 1),
    LOSS("some ignored", &smooth, 71, 5, -2, 5, 1),
    LOSS("none counts", &smooth, 7, 5, -3, 0, 1),
    LOSS("many classes, far apart", &smooth, 3, 149, 0, 149, 40),
    LOSS("focal", &focal, 7, 5, 0, 5, 1),
    LOSS("focal, some ignored", &focal_smooth, 71, 5, -2, 5, 1),
    LOSS("focal, far apart", &focal, 3, 149, 0, 149, 40),
    LOSS_BWD("hard labels", &hard, 7, 5, 0, 5, 1),
    LOSS_BWD("some ignored", &smooth, 71, 5, -2, 5, 1),
    LOSS_BWD("none counts", &smooth, 7, 5, -3, 0, 1),
    LOSS_BWD("many classes, far apart", &smooth, 3, 149, 0, 149, 40),
    LOSS_BWD("focal", &focal, 7, 5, 0, 5, 1),
    LOSS_BWD("focal, some ignored", &focal_smooth, 71, 5, -2, 5, 1),
    LOSS_BWD("focal, far apart", &focal, 3, 149, 0, 149, 40),
    // More columns and more rows than loops of Mesa 22.3 have rounds
    {.op = &hone_op_softmax,
     .name = "very long rows",
     .input_count = 1,
     .in = {{.desc = OP_F32(3, 70001), .values = VALUES_NORMAL}},
     .tolerance = {.c = 16, .reduction = 70001},
     .large = true},
    {.op = &hone_op_softmax_bwd,
     .name = "very long rows",
     .input_count = 2,
     .in = {{.desc = OP_F32(3, 140003)}, {.desc = OP_F32(3, 140003), .lo = 0, .hi = 1e-4}},
     .tolerance = {.reduction = 140003},
     .large = true},
    {.op = &hone_op_cross_entropy,
     .name = "very many classes",
     .attrs = &smooth,
     .input_count = 3,
     .in = {SCORES(3, 70001, -1, 70001, 1, false)},
     .tolerance = {.c = 16, .reduction = 70001, .scale = 4},
     .large = true},
    {.op = &hone_op_cross_entropy,
     .name = "very many rows",
     .attrs = &smooth,
     .input_count = 3,
     .in = {SCORES(140003, 2, -1, 2, 1, false)},
     .tolerance = {.reduction = 140003, .scale = 4},
     .large = true},
    {.op = &hone_op_cross_entropy_bwd,
     .name = "very many classes",
     .attrs = &smooth,
     .input_count = 4,
     .in = {{.desc = OP_F32(1), .values = VALUES_POSITIVE}, SCORES(3, 70001, 0, 70001, 1, false)},
     .tolerance = {.c = 16, .reduction = 70001},
     .large = true},
    {.op = &hone_op_cross_entropy_bwd,
     .name = "very many rows",
     .attrs = &smooth,
     .input_count = 4,
     .in = {{.desc = OP_F32(1), .values = VALUES_POSITIVE}, SCORES(140003, 2, -1, 2, 1, false)},
     .tolerance = {.c = 16, .reduction = 140003},
     .large = true},
    {.op = NULL},
};
