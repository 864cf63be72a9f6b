// cases_layer_norm.c: layer norm: rows in fours and odd ones, shorter and longer than a workgroup,
// a mean far from zero, one slice of rows and many.
#include "check/case.h"

static const struct hone_layer_norm_attrs usual = {1e-5f}, large_eps = {0.1f};

#define PARAM(channels)                                                                            \
    { .desc = OP_F32(channels), .grad = true }
#define FORWARD(title, at, channels, ...)                                                          \
    {                                                                                              \
        .op = &hone_op_layer_norm, .name = title, .attrs = at, .input_count = 3,                   \
        .in = {{.desc = OP_F32(__VA_ARGS__), .values = VALUES_NORMAL, .grad = true},               \
               PARAM(channels),                                                                    \
               PARAM(channels)},                                                                   \
        .tolerance = {                                                                             \
            .c = 8,                                                                                \
            .reduction = channels                                                                  \
        }                                                                                          \
    }
#define BACKWARD(title, channels, rows)                                                            \
    {                                                                                              \
        .op = &hone_op_layer_norm_bwd, .name = title, .attrs = &usual, .input_count = 5,           \
        .in = {{.desc = OP_F32(rows, channels)},                                                   \
               {.desc = OP_F32(rows, channels), .values = VALUES_NORMAL},                          \
               {.desc = OP_F32(channels)},                                                         \
               {.desc = OP_F32(rows)},                                                             \
               {.desc = OP_F32(rows), .values = VALUES_POSITIVE}},                                 \
        .tolerance = {                                                                             \
            .c = 8,                                                                                \
            .reduction = rows                                                                      \
        }                                                                                          \
    }

const struct hone_case hone_cases_layer_norm[] = {
    FORWARD("tokens, vectors", &usual, 12, 2, 7, 12),
    FORWARD("tokens, odd", &usual, 13, 3, 5, 13),
    FORWARD("a picture", &large_eps, 8, 2, 3, 5, 8),
    FORWARD("a row", &usual, 97, 97),
    FORWARD("long rows, vectors", &usual, 768, 3, 768),
    FORWARD("long rows, odd", &usual, 1151, 2, 1151),
    {.op = &hone_op_layer_norm,
     .name = "a mean far from zero",
     .attrs = &usual,
     .input_count = 3,
     .in = {{.desc = OP_F32(5, 64), .values = VALUES_NORMAL, .lo = 100, .hi = 1},
            {.desc = OP_F32(64)},
            {.desc = OP_F32(64)}},
     .tolerance = {.c = 1600}}, // of numbers near 100 when y is near 3
    BACKWARD("one slice", 12, 7),
    BACKWARD("odd rows", 13, 11),
    BACKWARD("slices, vectors", 20, 1531),
    BACKWARD("slices, odd", 7, 1531),
    BACKWARD("long rows", 772, 37),
    {.op = NULL},
};
