// cases_arith.c: every pattern of broadcasting and of sums: same shape, channels, a factor for each
// picture and channel, repeats in the middle, at both ends, and down to a scalar.
#include "check/case.h"

// add, sub, mul and div of the same operands, both differentiated; div by what is not near 0.
#define BINARY(name_, a, b)                                                                        \
    {.op = &hone_op_add,                                                                           \
     .name = name_,                                                                                \
     .input_count = 2,                                                                             \
     .in = {{.desc = a, .grad = true}, {.desc = b, .grad = true}}},                                \
        {.op = &hone_op_sub,                                                                       \
         .name = name_,                                                                            \
         .input_count = 2,                                                                         \
         .in = {{.desc = a, .grad = true}, {.desc = b, .grad = true}}},                            \
        {.op = &hone_op_mul,                                                                       \
         .name = name_,                                                                            \
         .input_count = 2,                                                                         \
         .in = {{.desc = a, .grad = true}, {.desc = b, .grad = true}}},                            \
    {                                                                                              \
        .op = &hone_op_div, .name = name_, .input_count = 2, .in = {                               \
            {.desc = a, .grad = true},                                                             \
            {.desc = b, .values = VALUES_POSITIVE, .grad = true}                                   \
        }                                                                                          \
    }

#define SHAPE(...)                                                                                 \
    (&(const struct hone_shape_attrs){.rank = sizeof((int[]){__VA_ARGS__}) / sizeof(int),          \
                                      .dim = {__VA_ARGS__}})
// Sums of `length` elements each.
#define REDUCE(name_, x, shape, length)                                                            \
    {                                                                                              \
        .op = &hone_op_reduce_to, .name = name_, .attrs = shape, .input_count = 1,                 \
        .in = {{.desc = x, .grad = true}}, .tolerance = {                                          \
            .reduction = length                                                                    \
        }                                                                                          \
    }
#define BROADCAST(name_, x, shape, length)                                                         \
    {                                                                                              \
        .op = &hone_op_broadcast_to, .name = name_, .attrs = shape, .input_count = 1,              \
        .in = {{.desc = x, .grad = true}}, .tolerance = {                                          \
            .exact = true                                                                          \
        }                                                                                          \
    }
#define LARGE(name_, x, shape, length)                                                             \
    {                                                                                              \
        .op = &hone_op_reduce_to, .name = name_, .attrs = shape, .input_count = 1,                 \
        .in = {{.desc = x}}, .tolerance = {.reduction = length}, .large = true                     \
    }

static const struct hone_shape_attrs to_scalar = {.rank = 0};

const struct hone_case hone_cases_arith[] = {
    BINARY("same shape, vectors", OP_F32(3, 5, 7, 8), OP_F32(3, 5, 7, 8)),
    BINARY("same shape, 127 elements", OP_F32(127), OP_F32(127)),
    BINARY("channels", OP_F32(3, 5, 7, 12), OP_F32(12)),
    BINARY("channels, odd", OP_F32(3, 5, 7, 11), OP_F32(11)),
    BINARY("channels of the left", OP_F32(8), OP_F32(13, 8)),
    BINARY("a factor a picture and channel", OP_F32(3, 5, 7, 8), OP_F32(3, 1, 1, 8)),
    BINARY("a factor a picture and channel, odd", OP_F32(3, 5, 7, 5), OP_F32(3, 1, 1, 5)),
    BINARY("a factor a pixel", OP_F32(2, 5, 7, 8), OP_F32(2, 5, 7, 1)),
    BINARY("rows and columns", OP_F32(3, 1, 7, 1), OP_F32(1, 5, 1, 4)),
    BINARY("repeats in the middle, vectors", OP_F32(3, 5, 7, 8), OP_F32(3, 1, 7, 8)),
    BINARY("repeats at both ends", OP_F32(3, 5, 7, 4), OP_F32(1, 5, 7, 1)),
    BINARY("four axes left", OP_F32(3, 1, 5, 4), OP_F32(1, 2, 5, 4)),
    BINARY("four axes, alternating, vectors", OP_F32(2, 3, 5, 8), OP_F32(2, 1, 5, 8)),
    BINARY("six axes", OP_F32(2, 3, 2, 5, 3, 4), OP_F32(2, 5, 1, 4)),
    BINARY("a scalar", OP_F32(3, 37), OP_SCALAR),
    BINARY("two scalars", OP_SCALAR, OP_SCALAR),
    BINARY("more than one workgroup row", OP_F32(257, 33), OP_F32(33)),
    {.op = &hone_op_scale,
     .name = "vectors",
     .attrs = &(const struct hone_scale_attrs){-0.37f},
     .input_count = 1,
     .in = {{.desc = OP_F32(3, 5, 7, 8), .grad = true}}},
    {.op = &hone_op_scale,
     .name = "67 elements",
     .attrs = &(const struct hone_scale_attrs){3},
     .input_count = 1,
     .in = {{.desc = OP_F32(67), .grad = true}}},
    {.op = &hone_op_scale,
     .name = "alpha 1 copies",
     .attrs = &(const struct hone_scale_attrs){1},
     .input_count = 1,
     .in = {{.desc = OP_F32(5, 13), .grad = true}},
     .tolerance = {.exact = true}},
    {.op = &hone_op_fill,
     .name = "a scalar",
     .attrs = &(const struct hone_fill_attrs){.value = 1.25f},
     .tolerance = {.exact = true}},
    {.op = &hone_op_fill,
     .name = "odd shape",
     .attrs = &(const struct hone_fill_attrs){.value = -3, .rank = 3, .dim = {3, 7, 11}},
     .tolerance = {.exact = true}},
    REDUCE("channels", OP_F32(3, 5, 7, 8), SHAPE(8), 105),
    REDUCE("channels, odd", OP_F32(3, 5, 7, 5), SHAPE(5), 105),
    REDUCE("channels, kept axes", OP_F32(3, 5, 7, 8), SHAPE(1, 1, 1, 8), 105),
    REDUCE("a picture", OP_F32(3, 5, 7, 8), SHAPE(3, 1, 1, 8), 35),
    REDUCE("a picture, odd", OP_F32(3, 5, 7, 3), SHAPE(3, 1, 1, 3), 35),
    REDUCE("last axis", OP_F32(3, 5, 7, 8), SHAPE(3, 5, 7, 1), 8),
    REDUCE("to a scalar", OP_F32(3, 5, 7, 8), &to_scalar, 840),
    REDUCE("to one", OP_F32(131), SHAPE(1), 131),
    REDUCE("nothing to sum", OP_F32(3, 8), SHAPE(3, 8), 1),
    REDUCE("drops a 1", OP_F32(1, 3, 7), SHAPE(3, 7), 1),
    REDUCE("first and third", OP_F32(3, 5, 7, 4), SHAPE(5, 1, 4), 21),
    REDUCE("second and fourth", OP_F32(3, 5, 7, 4), SHAPE(3, 1, 7, 1), 20),
    REDUCE("six axes, first and third", OP_F32(3, 2, 5, 1, 3, 4), SHAPE(1, 2, 1, 1, 3, 4), 15),
    REDUCE("first and last", OP_F32(3, 5, 7, 4), SHAPE(1, 5, 7, 1), 12),
    LARGE("channels, several passes", OP_F32(2, 61, 67, 16), SHAPE(16), 8174),
    LARGE("channels, several passes, odd", OP_F32(2, 61, 67, 3), SHAPE(3), 8174),
    LARGE("a scalar, several passes", OP_F32(300007), SHAPE(1), 300007),
    LARGE("pictures, several passes", OP_F32(3, 53, 47, 4), SHAPE(3, 1, 1, 4), 2491),
    LARGE("more sums than a grid axis is long", OP_F32(2, 1048573), SHAPE(1048573), 2),
    LARGE("two sums, each of several passes", OP_F32(67, 3, 10007), SHAPE(3, 1), 670469),
    LARGE("two sums, outer long", OP_F32(4001, 1, 7, 8), SHAPE(7, 1), 32008),
    BROADCAST("channels", OP_F32(8), SHAPE(3, 5, 7, 8), 0),
    BROADCAST("channels, odd", OP_F32(5), SHAPE(3, 7, 5), 0),
    BROADCAST("a picture", OP_F32(3, 1, 1, 8), SHAPE(3, 5, 7, 8), 0),
    BROADCAST("a pixel", OP_F32(3, 5, 7, 1), SHAPE(3, 5, 7, 4), 0),
    BROADCAST("a scalar", OP_SCALAR, SHAPE(5, 13), 0),
    BROADCAST("alternating", OP_F32(5, 1, 4), SHAPE(3, 5, 7, 4), 0),
    BROADCAST("alternating, odd", OP_F32(3, 1, 7, 1), SHAPE(3, 5, 7, 3), 0),
    BROADCAST("six axes", OP_F32(2, 1, 1, 5, 4), SHAPE(3, 2, 3, 2, 5, 4), 0),
    BROADCAST("nothing to repeat", OP_F32(3, 5), SHAPE(3, 5), 0),
    {.op = NULL},
};
