// cases_random.c: dropout, whose numbers must be those of base/rng.h to the bit: a single wrong one
// flips an element.
#include "check/case.h"

#define DROPOUT(name_, desc_, seed, step, ...)                                                     \
    {                                                                                              \
        .op = &hone_op_dropout, .name = name_,                                                     \
        .attrs = &(const struct hone_dropout_attrs){__VA_ARGS__}, .input_count = 2, .in = {        \
            {.desc = desc_, .values = VALUES_POSITIVE, .grad = true},                              \
            {.desc = OP_I32(2), .values = VALUES_CLOCK, .lo = seed, .hi = step}                    \
        }                                                                                          \
    }

const struct hone_case hone_cases_random[] = {
    DROPOUT("vectors", OP_F32(37, 40), 1, 0, .rate = 0.2f, .salt = 5),
    DROPOUT("odd size", OP_F32(7, 11, 13), 12345, 678, .rate = 0.5f, .salt = 9),
    DROPOUT("negative seed and salt", OP_F32(131), -7, 3, .rate = 0.75f, .salt = -1),
    DROPOUT("rate 0", OP_F32(64), 3, 2, .rate = 0, .salt = 0),
    DROPOUT("pictures, vectors", OP_F32(37, 5, 8), 1, 0, .rate = 0.3f, .salt = 5, .pictures = 1),
    DROPOUT("pictures, odd size", OP_F32(11, 7, 3), 9, 4, .rate = 0.5f, .salt = 2, .pictures = 1),
    {.op = NULL},
};
