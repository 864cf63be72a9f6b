// cases_optim.c: the updates with decay, frozen segments and both forms of momentum; counts with
// skipped rows.
#include "check/case.h"

#include <math.h>

#define SLAB(n)                                                                                    \
    { .desc = OP_F32(n), .values = VALUES_NORMAL }

// A factor on the rate of 1, 0 (frozen) or 0.1, and a decay that skips some.
static void fill_segments(double *const *in, double *out, int64_t count) {
    (void)in;
    static const double factor[] = {1, 0, 0.1}, decay[] = {0.05, 0, 1e-4, 0.05};
    for (int64_t i = 0; i < count; i += 2) {
        out[i] = factor[i / 2 % 3];
        out[i + 1] = decay[i / 2 % 4];
    }
}
static void fill_hyper(double *const *in, double *out, int64_t count) {
    (void)in;
    for (int64_t i = 0; i < count; i++) out[i] = 0;
    out[0] = 0.02;      // learning rate
    out[1] = 1 - 0.729; // 0.9^3
    out[2] = 1 - 0.997003;
    out[3] = 0.02; // share of the new weights in their average
}
#define SEGMENTS(n)                                                                                \
    { .desc = OP_F32((n) / HONE_PACK_ALIGN, 2), .fill = fill_segments }
#define HYPER                                                                                      \
    { .desc = OP_F32(4), .fill = fill_hyper }

#define SGD(name_, n, ...)                                                                         \
    {                                                                                              \
        .op = &hone_op_sgd, .name = name_, .attrs = &(const struct hone_sgd_attrs){__VA_ARGS__},   \
        .input_count = 5, .in = {                                                                  \
            SLAB(n),                                                                               \
            SLAB(n),                                                                               \
            SLAB(n),                                                                               \
            SEGMENTS(n),                                                                           \
            HYPER                                                                                  \
        }                                                                                          \
    }
#define ADAMW(name_, n, ...)                                                                       \
    {                                                                                              \
        .op = &hone_op_adamw, .name = name_,                                                       \
        .attrs = &(const struct hone_adamw_attrs){__VA_ARGS__}, .input_count = 6,                  \
        .in = {SLAB(n),     SLAB(n), SLAB(n), {.desc = OP_F32(n), .values = VALUES_POSITIVE},      \
               SEGMENTS(n), HYPER},                                                                \
        .tolerance = {                                                                             \
            .c = 8                                                                                 \
        }                                                                                          \
    }
// A step that unscale leaves out.
static void fill_left_out(double *const *in, double *out, int64_t count) {
    fill_hyper(in, out, count);
    out[0] = -1;
    out[3] = 0;
}
#define LEFT_OUT                                                                                   \
    { .desc = OP_F32(4), .fill = fill_left_out }

// Gradients of a loss scaled by 1024, finite but for the last in every other case.
static void fill_scaled(double *const *in, double *out, int64_t count) {
    (void)in;
    for (int64_t i = 0; i < count; i++) out[i] = (double)(i * 37 % 101 - 50) * 20.48;
}
static void fill_infinite(double *const *in, double *out, int64_t count) {
    fill_scaled(in, out, count);
    out[count - 1] = (double)INFINITY;
}
static void fill_no_number(double *const *in, double *out, int64_t count) {
    fill_scaled(in, out, count);
    out[count / 2] = (double)NAN;
}
static void fill_scaler(double *const *in, double *out, int64_t count) {
    static const double values[] = {1024, 6, 0.1, 0.001, 3};
    (void)in;
    for (int64_t i = 0; i < count; i++) out[i] = i < 5 ? values[i] : 0;
}
static void fill_first(double *const *in, double *out, int64_t count) {
    (void)in;
    for (int64_t i = 0; i < count; i++) out[i] = i ? 0 : 1;
}
#define UNSCALE(name_, n, slab_, scaler_, interval_)                                               \
    {                                                                                              \
        .op = &hone_op_unscale, .name = name_,                                                     \
        .attrs = &(const struct hone_unscale_attrs){0.9f, 0.999f, interval_}, .input_count = 3,    \
        .in = {                                                                                    \
            {.desc = OP_F32(n), .fill = slab_},                                                    \
            {.desc = OP_F32(8), .fill = scaler_},                                                  \
            HYPER                                                                                  \
        }                                                                                          \
    }

#define EMA(name_, n)                                                                              \
    {                                                                                              \
        .op = &hone_op_ema, .name = name_, .input_count = 3, .in = { SLAB(n), SLAB(n), HYPER }     \
    }
#define STATS(name_, n, c, lowest)                                                                 \
    {                                                                                              \
        .op = &hone_op_train_stats, .name = name_, .input_count = 4, .in = {                       \
            {.desc = OP_F32(4), .values = VALUES_INTEGERS, .hi = 1000},                            \
            {.desc = OP_F32(1), .values = VALUES_POSITIVE},                                        \
            {.desc = OP_F32(n, c), .values = VALUES_DISTINCT},                                     \
            {.desc = OP_I32(n), .values = VALUES_INTEGERS, .lo = lowest, .hi = c}                  \
        }                                                                                          \
    }

// Rows of 45 logits with NaN in the last class and in class 3 n of row n; labels of both kinds.
static void fill_nan(double *const *in, double *out, int64_t count) {
    (void)in;
    for (int64_t i = 0; i < count; i++)
        out[i] = i % 45 == 3 * (i / 45) || i % 45 == 44 ? (double)NAN : (double)(i % 13);
}
static void fill_third(double *const *in, double *out, int64_t count) {
    (void)in;
    for (int64_t i = 0; i < count; i++) out[i] = i % 3 ? 44 : (double)(3 * (i % 17));
}

const struct hone_case hone_cases_optim[] = {
    SGD("momentum", 832, .momentum = 0.9f),
    SGD("nesterov", 832, .momentum = 0.9f, .nesterov = 1),
    SGD("plain", 64, .momentum = 0),
    ADAMW("usual", 832, .beta1 = 0.9f, .beta2 = 0.999f, .eps = 1e-8f),
    ADAMW("large eps", 192, .beta1 = 0.8f, .beta2 = 0.9f, .eps = 0.1f),
    {.op = &hone_op_sgd,
     .name = "left out",
     .attrs = &(const struct hone_sgd_attrs){.momentum = 0.9f},
     .input_count = 5,
     .in = {SLAB(192), SLAB(192), SLAB(192), SEGMENTS(192), LEFT_OUT}},
    {.op = &hone_op_adamw,
     .name = "left out",
     .attrs = &(const struct hone_adamw_attrs){0.9f, 0.999f, 1e-8f},
     .input_count = 6,
     .in = {SLAB(192),
            SLAB(192),
            SLAB(192),
            {.desc = OP_F32(192), .values = VALUES_POSITIVE},
            SEGMENTS(192),
            LEFT_OUT}},
    UNSCALE("finite", 832, fill_scaled, fill_scaler, 2000),
    UNSCALE("the scale doubles", 64, fill_scaled, fill_scaler, 7),
    UNSCALE("infinite", 832, fill_infinite, fill_scaler, 2000),
    UNSCALE("no number", 192, fill_no_number, fill_scaler, 7),
    UNSCALE("the first step, at the least scale", 192, fill_no_number, fill_first, 2000),
    UNSCALE("the first step", 192, fill_scaled, fill_first, 2000),
    UNSCALE("more vectors than flags", 80000, fill_infinite, fill_scaler, 2000),
    EMA("usual", 832),
    EMA("one segment", 64),
    STATS("some rows skipped", 67, 5, -2),
    STATS("two classes", 131, 2, 0),
    STATS("one row", 1, 7, 0),
    STATS("many classes", 37, 1001, -9),
    STATS("more rows than loops have rounds", 140003, 2, -1),
    STATS("more classes than loops have rounds", 5, 70001, -1),
    {.op = &hone_op_train_stats,
     .name = "NaN is the largest",
     .input_count = 4,
     .in = {{.desc = OP_F32(4), .values = VALUES_INTEGERS, .hi = 1000},
            {.desc = OP_F32(1), .values = VALUES_POSITIVE},
            {.desc = OP_F32(67, 45), .fill = fill_nan},
            {.desc = OP_I32(67), .fill = fill_third}}},
    {.op = NULL},
};
