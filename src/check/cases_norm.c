// cases_norm.c: batch norm: channels that are and are not multiples of four, few and many rows, one
// slice and many, a mean far from zero.
#include "check/case.h"

static const struct hone_batch_norm_attrs usual = {.eps = 1e-5f, .momentum = 0.1f};
static const struct hone_batch_norm_attrs other = {.eps = 1e-3f, .momentum = 1.0f};

#define CHANNELS(c, kind)                                                                          \
    { .desc = OP_F32(c), .values = kind }
#define PARAM(c, kind)                                                                             \
    { .desc = OP_F32(c), .values = kind, .grad = true }
#define ROWS(...)                                                                                  \
    { .desc = OP_F32(__VA_ARGS__), .values = VALUES_NORMAL }
#define ROWS_GRAD(...)                                                                             \
    { .desc = OP_F32(__VA_ARGS__), .values = VALUES_NORMAL, .grad = true }

#define FROZEN(title, at, c, ...)                                                                  \
    {                                                                                              \
        .op = &hone_op_batch_norm, .name = title, .attrs = at, .input_count = 5, .in = {           \
            ROWS_GRAD(__VA_ARGS__),                                                                \
            PARAM(c, VALUES_UNIFORM),                                                              \
            PARAM(c, VALUES_UNIFORM),                                                              \
            CHANNELS(c, VALUES_UNIFORM),                                                           \
            CHANNELS(c, VALUES_POSITIVE)                                                           \
        }                                                                                          \
    }
#define BWD_X(title, at, c, ...)                                                                   \
    {                                                                                              \
        .op = &hone_op_batch_norm_bwd_x, .name = title, .attrs = at, .input_count = 3, .in = {     \
            ROWS(__VA_ARGS__),                                                                     \
            CHANNELS(c, VALUES_UNIFORM),                                                           \
            CHANNELS(c, VALUES_POSITIVE)                                                           \
        }                                                                                          \
    }
#define APPLY(title, act_, rows, c, residual)                                                      \
    {                                                                                              \
        .op = &hone_op_batch_norm_apply, .name = title, .attrs = &fused[act_], .input_count = 6,   \
        .in = {                                                                                    \
            rows,                                                                                  \
            CHANNELS(c, VALUES_UNIFORM),                                                           \
            CHANNELS(c, VALUES_UNIFORM),                                                           \
            CHANNELS(c, VALUES_UNIFORM),                                                           \
            CHANNELS(c, VALUES_POSITIVE),                                                          \
            residual                                                                               \
        }                                                                                          \
    }
#define BWD_X_ACT(title, act_, c, ...)                                                             \
    {                                                                                              \
        .op = &hone_op_batch_norm_bwd_x, .name = title, .attrs = &fused[act_], .input_count = 4,   \
        .in = {                                                                                    \
            ROWS(__VA_ARGS__),                                                                     \
            CHANNELS(c, VALUES_UNIFORM),                                                           \
            CHANNELS(c, VALUES_POSITIVE),                                                          \
            ROWS(__VA_ARGS__)                                                                      \
        }                                                                                          \
    }
#define BWD_P(title, at, length, c, ...)                                                           \
    {                                                                                              \
        .op = &hone_op_batch_norm_bwd_p, .name = title, .attrs = at, .input_count = 4,             \
        .in = {ROWS(__VA_ARGS__), ROWS(__VA_ARGS__), CHANNELS(c, VALUES_UNIFORM),                  \
               CHANNELS(c, VALUES_POSITIVE)},                                                      \
        .tolerance = {                                                                             \
            .reduction = length                                                                    \
        }                                                                                          \
    }
#define TRAIN(title, at, big, length, c, rows)                                                     \
    {                                                                                              \
        .op = &hone_op_batch_norm_train, .name = title, .attrs = at, .input_count = 5,             \
        .in = {rows, PARAM(c, VALUES_UNIFORM), PARAM(c, VALUES_UNIFORM),                           \
               CHANNELS(c, VALUES_UNIFORM), CHANNELS(c, VALUES_POSITIVE)},                         \
        .tolerance = {.reduction = length}, .large = big                                           \
    }
#define TRAIN_BWD(title, big, length, c, ...)                                                      \
    {                                                                                              \
        .op = &hone_op_batch_norm_train_bwd, .name = title, .attrs = &usual, .input_count = 5,     \
        .in = {ROWS(__VA_ARGS__), ROWS(__VA_ARGS__), CHANNELS(c, VALUES_UNIFORM),                  \
               CHANNELS(c, VALUES_UNIFORM), CHANNELS(c, VALUES_POSITIVE)},                         \
        .tolerance = {.reduction = length}, .large = big                                           \
    }

// With an activation, by the names below, and perhaps a sum before it.
#define FUSED(operator_, title, act_, big, length, rows, c, residual)                              \
    {                                                                                              \
        .op = &hone_op_##operator_, .name = title, .attrs = &fused[act_], .input_count = 6,        \
        .in = {rows,                                                                               \
               PARAM(c, VALUES_UNIFORM),                                                           \
               PARAM(c, VALUES_UNIFORM),                                                           \
               CHANNELS(c, VALUES_UNIFORM),                                                        \
               CHANNELS(c, VALUES_POSITIVE),                                                       \
               residual},                                                                          \
        .tolerance = {.reduction = length}, .large = big                                           \
    }
#define FUSED_BWD(title, act_, big, length, c, beta, y, ...)                                       \
    {                                                                                              \
        .op = &hone_op_batch_norm_train_bwd, .name = title, .attrs = &fused[act_],                 \
        .input_count = 7,                                                                          \
        .in = {ROWS(__VA_ARGS__),                                                                  \
               ROWS(__VA_ARGS__),                                                                  \
               CHANNELS(c, VALUES_UNIFORM),                                                        \
               CHANNELS(c, VALUES_UNIFORM),                                                        \
               CHANNELS(c, VALUES_POSITIVE),                                                       \
               beta,                                                                               \
               y},                                                                                 \
        .tolerance = {.reduction = length}, .large = big                                           \
    }
#define RESIDUAL_BWD(title, act_, big, length, c, ...)                                             \
    {                                                                                              \
        .op = &hone_op_batch_norm_residual_bwd, .name = title, .attrs = &fused[act_],              \
        .input_count = 6,                                                                          \
        .in = {ROWS(__VA_ARGS__),                                                                  \
               ROWS(__VA_ARGS__),                                                                  \
               CHANNELS(c, VALUES_UNIFORM),                                                        \
               CHANNELS(c, VALUES_UNIFORM),                                                        \
               CHANNELS(c, VALUES_POSITIVE),                                                       \
               ROWS(__VA_ARGS__)},                                                                 \
        .tolerance = {.reduction = length}, .large = big                                           \
    }
#define SIGMOIDS(...)                                                                              \
    { .desc = OP_F32(__VA_ARGS__), .values = VALUES_UNIFORM, .lo = 0.01, .hi = 0.99 }

enum { NONE, RELU, CLIP, SIGMOID, HARD, SILU, SWISH, FUSED_ACTS };
#define FUSED_ATTRS(kind_, ...)                                                                    \
    {                                                                                              \
        .eps = 1e-5f, .momentum = 0.1f, .act = { kind_, __VA_ARGS__ }                              \
    }
static const struct hone_batch_norm_attrs fused[FUSED_ACTS] = {
    [NONE] = FUSED_ATTRS(HONE_ACT_NONE, 0, 0),
    [RELU] = FUSED_ATTRS(HONE_ACT_RELU, 0, 0),
    [CLIP] = FUSED_ATTRS(HONE_ACT_CLIP, -0.25f, 0.5f),
    [SIGMOID] = FUSED_ATTRS(HONE_ACT_SIGMOID, 0, 0),
    [HARD] = FUSED_ATTRS(HONE_ACT_HARD_SIGMOID, 0.5f, 0.25f),
    [SILU] = FUSED_ATTRS(HONE_ACT_SILU, 0, 0),
    [SWISH] = FUSED_ATTRS(HONE_ACT_HARD_SWISH, 0, 0),
};

// The mean 1000 deviations away: digits that x itself has lost are no fault of the sums.
#define FAR_ROWS                                                                                   \
    { .desc = OP_F32(4, 9, 7, 8), .values = VALUES_NORMAL, .lo = 100, .hi = 0.1 }

const struct hone_case hone_cases_norm[] = {
    FROZEN("odd channels", &usual, 5, 2, 3, 3, 5),
    FROZEN("matrix", &other, 12, 7, 12),
    FROZEN("odd rows", &usual, 24, 3, 7, 5, 24),
    BWD_X("odd channels", &usual, 7, 2, 3, 3, 7),
    BWD_X("fours", &other, 8, 3, 5, 7, 8),
    APPLY("odd channels", NONE, ROWS(2, 3, 3, 7), 7, OP_ABSENT),
    APPLY("relu6, fours", CLIP, ROWS(3, 5, 4, 8), 8, OP_ABSENT),
    APPLY("relu of a sum", RELU, ROWS(3, 5, 4, 8), 8, ROWS(3, 5, 4, 8)),
    BWD_X_ACT("relu, odd channels", RELU, 7, 2, 3, 3, 7),
    BWD_X_ACT("relu6, fours", CLIP, 8, 3, 5, 7, 8),
    BWD_X_ACT("silu, fours", SILU, 8, 3, 5, 7, 8),
    BWD_P("odd channels", &usual, 18, 7, 2, 3, 3, 7),
    BWD_P("fours", &other, 105, 8, 3, 5, 7, 8),
    BWD_P("many rows", &usual, 2209, 36, 1, 47, 47, 36),
    TRAIN("odd channels", &usual, false, 18, 5, ROWS_GRAD(2, 3, 3, 5)),
    TRAIN("two rows", &other, false, 2, 8, ROWS_GRAD(2, 8)),
    TRAIN("fours", &usual, false, 60, 8, ROWS_GRAD(3, 5, 4, 8)),
    TRAIN("many rows", &usual, true, 11163, 24, ROWS(3, 61, 61, 24)),
    TRAIN("many channels", &usual, true, 45, 1284, ROWS(5, 3, 3, 1284)),
    TRAIN("odd channels, many rows", &usual, true, 8978, 67, ROWS(2, 67, 67, 67)),
    TRAIN("a million rows", &usual, true, 1e6, 4, ROWS(1, 1009, 997, 4)),
    // Rounding of the mean, 100 eps, is multiplied by the inverse deviation, 10.
    TRAIN("far mean", &usual, true, 1e4, 8, FAR_ROWS),
    TRAIN_BWD("odd channels", false, 18, 5, 2, 3, 3, 5),
    TRAIN_BWD("fours", false, 60, 8, 3, 5, 4, 8),
    TRAIN_BWD("many rows", true, 11163, 24, 3, 61, 61, 24),
    TRAIN_BWD("many channels", true, 45, 1284, 5, 3, 3, 1284),
    TRAIN_BWD("odd channels, many rows", true, 8978, 67, 2, 67, 67, 67),
    FUSED(batch_norm, "relu", RELU, false, 1, ROWS_GRAD(2, 3, 3, 5), 5, OP_ABSENT),
    FUSED(batch_norm, "relu of a sum", RELU, false, 1, ROWS_GRAD(3, 5, 4, 8), 8,
          ROWS_GRAD(3, 5, 4, 8)),
    FUSED(batch_norm, "silu of a sum", SILU, false, 1, ROWS_GRAD(2, 3, 3, 5), 5,
          ROWS_GRAD(2, 3, 3, 5)),
    FUSED(batch_norm, "sum", NONE, false, 1, ROWS_GRAD(5, 12), 12, ROWS_GRAD(5, 12)),
    FUSED(batch_norm_train, "relu6", CLIP, false, 18, ROWS_GRAD(2, 3, 3, 5), 5, OP_ABSENT),
    FUSED(batch_norm_train, "silu", SILU, false, 60, ROWS_GRAD(3, 5, 4, 8), 8, OP_ABSENT),
    FUSED(batch_norm_train, "hard sigmoid", HARD, false, 60, ROWS_GRAD(3, 5, 4, 8), 8, OP_ABSENT),
    FUSED(batch_norm_train, "sum", NONE, false, 18, ROWS_GRAD(2, 3, 3, 5), 5,
          ROWS_GRAD(2, 3, 3, 5)),
    FUSED(batch_norm_train, "relu of a sum", RELU, false, 60, ROWS_GRAD(3, 5, 4, 8), 8,
          ROWS_GRAD(3, 5, 4, 8)),
    FUSED(batch_norm_train, "sigmoid of a sum", SIGMOID, false, 18, ROWS_GRAD(2, 3, 3, 5), 5,
          ROWS_GRAD(2, 3, 3, 5)),
    FUSED(batch_norm_train, "hard swish of a sum", SWISH, true, 60, ROWS(3, 5, 4, 8), 8,
          ROWS(3, 5, 4, 8)),
    FUSED(batch_norm_train, "relu of a sum, many rows", RELU, true, 11163, ROWS(3, 61, 61, 24), 24,
          ROWS(3, 61, 61, 24)),
    FUSED_BWD("relu6 by y", CLIP, false, 18, 5, OP_ABSENT, ROWS(2, 3, 3, 5), 2, 3, 3, 5),
    FUSED_BWD("sigmoid by y", SIGMOID, false, 60, 8, OP_ABSENT, SIGMOIDS(3, 5, 4, 8), 3, 5, 4, 8),
    FUSED_BWD("relu again", RELU, false, 18, 5, CHANNELS(5, VALUES_UNIFORM), OP_ABSENT, 2, 3, 3, 5),
    FUSED_BWD("relu6 again", CLIP, false, 60, 8, CHANNELS(8, VALUES_UNIFORM), OP_ABSENT, 3, 5, 4,
              8),
    FUSED_BWD("silu again", SILU, false, 60, 8, CHANNELS(8, VALUES_UNIFORM), OP_ABSENT, 3, 5, 4, 8),
    FUSED_BWD("hard sigmoid again", HARD, false, 18, 5, CHANNELS(5, VALUES_UNIFORM), OP_ABSENT, 2,
              3, 3, 5),
    FUSED_BWD("hard swish again, many rows", SWISH, true, 11163, 24, CHANNELS(24, VALUES_UNIFORM),
              OP_ABSENT, 3, 61, 61, 24),
    FUSED_BWD("relu by y, odd channels, many rows", RELU, true, 8978, 67, OP_ABSENT,
              ROWS(2, 67, 67, 67), 2, 67, 67, 67),
    RESIDUAL_BWD("relu, odd channels", RELU, false, 18, 5, 2, 3, 3, 5),
    RESIDUAL_BWD("relu6, fours", CLIP, false, 60, 8, 3, 5, 4, 8),
    RESIDUAL_BWD("relu, many rows", RELU, true, 11163, 24, 3, 61, 61, 24),
    RESIDUAL_BWD("relu, many channels", RELU, true, 45, 1284, 5, 3, 3, 1284),
    {.op = NULL},
};
