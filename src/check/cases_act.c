// cases_act.c: each kind of activation by vectors and by elements, and both ends of exp().
#include "check/case.h"

#include <math.h>

#define ATTRS(...) (&(const struct hone_act_attrs){__VA_ARGS__})

// A kind on a multiple of four elements and on a prime number of them; smooth values over [-8, 8).
#define BOTH(name_, ...)                                                                           \
    {.op = &hone_op_act,                                                                           \
     .name = name_ ", vectors",                                                                    \
     .attrs = ATTRS(__VA_ARGS__),                                                                  \
     .input_count = 1,                                                                             \
     .in =                                                                                         \
         {{.desc = OP_F32(3, 5, 7, 8), .values = VALUES_SMOOTH, .lo = -8, .hi = 8, .grad = true}}, \
     .tolerance = {.c = 16}},                                                                      \
    {                                                                                              \
        .op = &hone_op_act, .name = name_ ", 131 elements", .attrs = ATTRS(__VA_ARGS__),           \
        .input_count = 1,                                                                          \
        .in = {{.desc = OP_F32(131), .values = VALUES_SMOOTH, .lo = -8, .hi = 8, .grad = true}},   \
        .tolerance = {                                                                             \
            .c = 16                                                                                \
        }                                                                                          \
    }

// Of [lo, hi), where the function is smooth.
#define POWER(name_, lo_, hi_, ...)                                                                \
    {                                                                                              \
        .op = &hone_op_act, .name = name_, .attrs = ATTRS(__VA_ARGS__), .input_count = 1,          \
        .in = {{.desc = OP_F32(131), .lo = lo_, .hi = hi_, .grad = true}}, .tolerance = {          \
            .c = 16                                                                                \
        }                                                                                          \
    }

// act_bwd: values of `saved` over [lo, hi).
#define BACKWARD(name_, lo_, hi_, ...)                                                             \
    {.op = &hone_op_act_bwd,                                                                       \
     .name = name_ ", vectors",                                                                    \
     .attrs = ATTRS(__VA_ARGS__),                                                                  \
     .input_count = 2,                                                                             \
     .in = {{.desc = OP_F32(5, 76)},                                                               \
            {.desc = OP_F32(5, 76), .values = VALUES_SMOOTH, .lo = lo_, .hi = hi_}},               \
     .tolerance = {.c = 16}},                                                                      \
    {                                                                                              \
        .op = &hone_op_act_bwd, .name = name_ ", 131 elements", .attrs = ATTRS(__VA_ARGS__),       \
        .input_count = 2,                                                                          \
        .in = {{.desc = OP_F32(131)},                                                              \
               {.desc = OP_F32(131), .values = VALUES_SMOOTH, .lo = lo_, .hi = hi_}},              \
        .tolerance = {                                                                             \
            .c = 16                                                                                \
        }                                                                                          \
    }

// NaN stays NaN: every fifth element.
static void fill_nan(double *const *in, double *out, int64_t count) {
    (void)in;
    for (int64_t i = 0; i < count; i++) out[i] = i % 5 == 3 ? (double)NAN : (double)(i % 17 - 8);
}
#define DIVERGED(name_, ...)                                                                       \
    {.op = &hone_op_act,                                                                           \
     .name = name_ " of NaN, vectors",                                                             \
     .attrs = ATTRS(__VA_ARGS__),                                                                  \
     .input_count = 1,                                                                             \
     .in = {{.desc = OP_F32(136), .fill = fill_nan}},                                              \
     .tolerance = {.c = 16, .nan = true},                                                          \
     .large = true},                                                                               \
    {                                                                                              \
        .op = &hone_op_act, .name = name_ " of NaN, 131 elements", .attrs = ATTRS(__VA_ARGS__),    \
        .input_count = 1, .in = {{.desc = OP_F32(131), .fill = fill_nan}},                         \
        .tolerance = {.c = 16, .nan = true}, .large = true                                         \
    }

const struct hone_case hone_cases_act[] = {
    BOTH("none", HONE_ACT_NONE, 0, 0),
    BOTH("relu", HONE_ACT_RELU, 0, 0),
    BOTH("relu6", HONE_ACT_CLIP, 0, 6),
    BOTH("clip", HONE_ACT_CLIP, -1.5f, 2),
    BOTH("sigmoid", HONE_ACT_SIGMOID, 0, 0),
    BOTH("hard_sigmoid", HONE_ACT_HARD_SIGMOID, 0.2f, 0.5f),
    BOTH("hard_sigmoid of MobileNetV3", HONE_ACT_HARD_SIGMOID, 1 / 6.f, 0.5f),
    BOTH("silu", HONE_ACT_SILU, 0, 0),
    BOTH("hard_swish", HONE_ACT_HARD_SWISH, 0, 0),
    BOTH("gelu", HONE_ACT_GELU, 0, 0),
    BOTH("gelu_tanh", HONE_ACT_GELU_TANH, 0, 0),
    BOTH("tanh", HONE_ACT_TANH, 0, 0),
    BOTH("erf", HONE_ACT_ERF, 0, 0),
    POWER("exp", -8, 4, HONE_ACT_EXP, 0, 0),
    POWER("log", 0.05, 8, HONE_ACT_LOG, 0, 0),
    POWER("sqrt", 0.05, 8, HONE_ACT_SQRT, 0, 0),
    POWER("squares", -8, 8, HONE_ACT_POW, 2, 0),
    POWER("cubes", -4, 4, HONE_ACT_POW, 3, 0),
    POWER("reciprocals", 0.25, 8, HONE_ACT_POW, -1, 0),
    POWER("powers of 0.7", 0.05, 8, HONE_ACT_POW, 0.7f, 0),
    {.op = &hone_op_act,
     .name = "gelu, ends of exp",
     .attrs = ATTRS(HONE_ACT_GELU, 0, 0),
     .input_count = 1,
     .in = {{.desc = OP_F32(64), .lo = -200, .hi = 200}},
     .tolerance = {.c = 16}},
    {.op = &hone_op_act,
     .name = "gelu_tanh, ends of exp",
     .attrs = ATTRS(HONE_ACT_GELU_TANH, 0, 0),
     .input_count = 1,
     .in = {{.desc = OP_F32(64), .lo = -200, .hi = 200}},
     .tolerance = {.c = 16}},
    {.op = &hone_op_act,
     .name = "sigmoid, ends of exp",
     .attrs = ATTRS(HONE_ACT_SIGMOID, 0, 0),
     .input_count = 1,
     .in = {{.desc = OP_F32(64), .lo = -200, .hi = 200}},
     .tolerance = {.c = 16}},
    {.op = &hone_op_act,
     .name = "silu, ends of exp",
     .attrs = ATTRS(HONE_ACT_SILU, 0, 0),
     .input_count = 1,
     .in = {{.desc = OP_F32(64), .lo = -80, .hi = 200}},
     .tolerance = {.c = 16}},
    {.op = &hone_op_act,
     .name = "relu, a scalar",
     .attrs = ATTRS(HONE_ACT_RELU, 0, 0),
     .input_count = 1,
     .in = {{.desc = OP_SCALAR, .values = VALUES_POSITIVE, .grad = true}}},
    BACKWARD("relu", -1, 1, HONE_ACT_RELU, 0, 0),
    BACKWARD("relu6", -1, 7, HONE_ACT_CLIP, 0, 6),
    BACKWARD("sigmoid", 0, 1, HONE_ACT_SIGMOID, 0, 0),
    BACKWARD("hard_sigmoid", -1, 2, HONE_ACT_HARD_SIGMOID, 0.2f, 0.5f),
    BACKWARD("silu", -8, 8, HONE_ACT_SILU, 0, 0),
    BACKWARD("gelu", -8, 8, HONE_ACT_GELU, 0, 0),
    BACKWARD("gelu_tanh", -8, 8, HONE_ACT_GELU_TANH, 0, 0),
    BACKWARD("tanh", -1, 1, HONE_ACT_TANH, 0, 0),
    BACKWARD("erf", -4, 4, HONE_ACT_ERF, 0, 0),
    BACKWARD("exp", 0, 4, HONE_ACT_EXP, 0, 0),
    BACKWARD("log", 0.1, 4, HONE_ACT_LOG, 0, 0),
    BACKWARD("sqrt", 0.1, 4, HONE_ACT_SQRT, 0, 0),
    BACKWARD("pow", 0.1, 4, HONE_ACT_POW, 1.5f, 0),
    BACKWARD("hard_swish", -5, 5, HONE_ACT_HARD_SWISH, 0, 0),
    DIVERGED("relu", HONE_ACT_RELU, 0, 0),
    DIVERGED("relu6", HONE_ACT_CLIP, 0, 6),
    DIVERGED("sigmoid", HONE_ACT_SIGMOID, 0, 0),
    DIVERGED("hard_sigmoid", HONE_ACT_HARD_SIGMOID, 0.2f, 0.5f),
    DIVERGED("silu", HONE_ACT_SILU, 0, 0),
    DIVERGED("gelu", HONE_ACT_GELU, 0, 0),
    DIVERGED("gelu_tanh", HONE_ACT_GELU_TANH, 0, 0),
    DIVERGED("exp", HONE_ACT_EXP, 0, 0),
    DIVERGED("hard_swish", HONE_ACT_HARD_SWISH, 0, 0),
    {.op = NULL},
};
