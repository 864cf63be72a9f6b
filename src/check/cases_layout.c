// cases_layout.c: copies that keep every bit: runs of vectors, odd lengths, each axis, both ends.
#include "check/case.h"

#define COPY(op_, name_, x, ...)                                                                   \
    {                                                                                              \
        .op = &hone_op_##op_, .name = name_, .attrs = __VA_ARGS__, .input_count = 1,               \
        .in = {{.desc = x, .grad = true}}, .tolerance = {                                          \
            .exact = true                                                                          \
        }                                                                                          \
    }
#define SHAPE(...)                                                                                 \
    (&(const struct hone_shape_attrs){.rank = sizeof((int[]){__VA_ARGS__}) / sizeof(int),          \
                                      .dim = {__VA_ARGS__}})
#define PERM(...)   (&(const struct hone_permute_attrs){{__VA_ARGS__}})
#define FLIP(...)   (&(const struct hone_flip_attrs){__VA_ARGS__})
#define SLICE(...)  (&(const struct hone_slice_attrs){__VA_ARGS__})
#define PADDED(...) (&(const struct hone_pad_attrs){__VA_ARGS__})
#define WINDOW(...) (&(const struct hone_view_attrs){__VA_ARGS__})
#define CONCAT(name_, axis_, count_, ...)                                                          \
    {                                                                                              \
        .op = &hone_op_concat, .name = name_, .attrs = &(const struct hone_concat_attrs){axis_},   \
        .input_count = count_, .in = {__VA_ARGS__}, .tolerance = {                                 \
            .exact = true                                                                          \
        }                                                                                          \
    }
#define X(...)                                                                                     \
    { .desc = OP_F32(__VA_ARGS__), .grad = true }

const struct hone_case hone_cases_layout[] = {
    COPY(reshape, "flatten", OP_F32(3, 5, 7, 4), SHAPE(0, -1)),
    COPY(reshape, "split", OP_F32(6, 35), SHAPE(2, 3, 5, 7)),
    COPY(reshape, "to six axes", OP_F32(4, 9, 20), SHAPE(0, 3, 3, 2, 2, 5)),
    COPY(reshape, "to a scalar", OP_F32(1, 1), SHAPE(1)),
    COPY(view, "a matrix in a slab", OP_F32(256), WINDOW(.offset = 64, .rank = 2, .dim = {7, 11})),
    COPY(view, "the whole slab", OP_F32(128), WINDOW(.rank = 1, .dim = {128})),
    {.op = &hone_op_pack,
     .name = "three sizes",
     .input_count = 3,
     .in = {X(7, 11), X(64), X(3)},
     .tolerance = {.exact = true}},
    {.op = &hone_op_pack,
     .name = "one scalar",
     .input_count = 1,
     .in = {{.desc = OP_SCALAR, .grad = true}},
     .tolerance = {.exact = true}},
    COPY(permute, "NHWC to NCHW", OP_F32(2, 5, 7, 3), PERM(0, 3, 1, 2)),
    COPY(permute, "NCHW to NHWC", OP_F32(2, 3, 5, 7), PERM(0, 2, 3, 1)),
    COPY(permute, "transpose", OP_F32(13, 17), PERM(1, 0)),
    COPY(permute, "moves rows, vectors", OP_F32(3, 5, 8), PERM(1, 0, 2)),
    COPY(permute, "all four reversed", OP_F32(2, 3, 5, 4), PERM(3, 2, 1, 0)),
    COPY(permute, "windows of a picture", OP_F32(2, 3, 4, 2, 5, 8), PERM(0, 1, 3, 2, 4, 5)),
    COPY(permute, "five axes, three move", OP_F32(3, 5, 3, 2, 7), PERM(0, 3, 1, 2, 4)),
    COPY(permute, "identity", OP_F32(3, 5, 4), PERM(0, 1, 2)),
    {.op = &hone_op_permute,
     .name = "i32",
     .attrs = PERM(1, 0),
     .input_count = 1,
     .in = {{.desc = OP_I32(5, 7), .values = VALUES_INTEGERS, .lo = -1000, .hi = 1000}},
     .tolerance = {.exact = true}},
    COPY(flip, "pictures left to right", OP_F32(2, 5, 7, 3), FLIP(1 << 2)),
    COPY(flip, "pictures both ways, vectors", OP_F32(2, 5, 7, 8), FLIP(1 << 1 | 1 << 2)),
    COPY(flip, "every axis", OP_F32(3, 5, 2, 7), FLIP(15)),
    COPY(flip, "first and last of three", OP_F32(3, 5, 7), FLIP(1 << 0 | 1 << 2)),
    COPY(flip, "none", OP_F32(3, 5), FLIP(0)),
    CONCAT("channels, vectors", 3, 3, X(2, 3, 5, 8), X(2, 3, 5, 4), X(2, 3, 5, 12)),
    CONCAT("channels, odd", 3, 2, X(2, 3, 5, 3), X(2, 3, 5, 5)),
    CONCAT("channels, some by vectors", 3, 3, X(2, 3, 5, 8), X(2, 3, 5, 3), X(2, 3, 5, 5)),
    CONCAT("rows", 1, 2, X(2, 3, 5), X(2, 4, 5)),
    CONCAT("batch", 0, 2, X(3, 7), X(2, 7)),
    CONCAT("a token for each picture, vectors", 1, 2, X(1, 1, 8), X(3, 5, 8)),
    CONCAT("a token for each picture, behind, odd", 1, 2, X(3, 5, 7), X(1, 2, 7)),
    CONCAT("one input", 1, 1, X(3, 7)),
    CONCAT("sixteen inputs", 1, 16, X(3, 1), X(3, 2), X(3, 3), X(3, 4), X(3, 5), X(3, 6), X(3, 7),
           X(3, 8), X(3, 9), X(3, 1), X(3, 2), X(3, 3), X(3, 4), X(3, 5), X(3, 6), X(3, 7)),
    COPY(slice, "channels, vectors", OP_F32(3, 5, 7, 12),
         SLICE(.begin = {0, 0, 0, 4}, .size = {0, 0, 0, 8})),
    COPY(slice, "channels, odd", OP_F32(3, 5, 7, 11),
         SLICE(.begin = {0, 0, 0, 3}, .size = {0, 0, 0, 5})),
    COPY(slice, "a box", OP_F32(3, 5, 7, 4), SLICE(.begin = {1, 2, 3, 1}, .size = {1, 2, 0, 2})),
    COPY(slice, "one of three, five axes", OP_F32(2, 5, 3, 2, 8),
         SLICE(.begin = {0, 0, 1}, .size = {0, 0, 1})),
    COPY(slice, "one element", OP_F32(131), SLICE(.begin = {130})),
    COPY(slice, "rows, vectors", OP_F32(5, 8), SLICE(.begin = {2}, .size = {2})),
    COPY(pad, "rows and columns, vectors", OP_F32(2, 5, 7, 4),
         PADDED(.before = {0, 1, 2, 0}, .after = {0, 3, 0, 0})),
    COPY(pad, "odd channels, a value", OP_F32(2, 5, 7, 3),
         PADDED(.before = {0, 1, 1, 0}, .after = {0, 1, 1, 0}, .value = -1.5f)),
    COPY(pad, "channels, vectors", OP_F32(3, 7, 4),
         PADDED(.before = {0, 0, 4}, .after = {0, 0, 8})),
    COPY(pad, "channels to a multiple of four", OP_F32(3, 7, 3), PADDED(.after = {0, 0, 1})),
    COPY(pad, "the first axis", OP_F32(5, 3), PADDED(.before = {2}, .after = {1}, .value = 7)),
    COPY(pad, "six axes, vectors", OP_F32(2, 3, 2, 3, 5, 4),
         PADDED(.before = {0, 1, 0, 0, 2}, .after = {0, 0, 0, 0, 1})),
    COPY(pad, "outside and inside", OP_F32(2, 3, 5, 7),
         PADDED(.before = {1, 0, 0, 2}, .after = {1, 0, 0, 1})),
    COPY(pad, "nothing", OP_F32(67), PADDED(.value = 0)),
    {.op = NULL},
};
