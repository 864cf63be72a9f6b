// op_case.h: one table of operator cases for all rings: ref against central differences
// (tests/ops/test_ref.c) and every kernel row on the device against ref (tests/ops/test_device.c).
//
// A family adds its cases in tests/support/cases_<family>.c as an array that ends with {.op = NULL}
// and names it in OP_CASE_FAMILIES below. Sizes should be odd, prime and larger than one workgroup
// somewhere; a case for each row's fits() too, since a row that no case reaches fails test_device.
#ifndef HONE_TESTS_OP_CASE_H
#define HONE_TESTS_OP_CASE_H

#include "ops/ops.h"

// How the elements of an input are made. All are deterministic and are rounded to
// the element type.
enum op_values {
    VALUES_UNIFORM,  // in [lo, hi); lo = hi = 0 means [-1, 1)
    VALUES_SMOOTH,   // the same, but 0.05 or more away from each multiple of 1/2: no kink of relu,
                     // relu6, hard_*
    VALUES_NORMAL,   // mean lo, deviation hi (0, 0: standard)
    VALUES_POSITIVE, // in [0.5, 2)
    VALUES_DISTINCT, // all different, evenly spaced in [lo, hi) in random order: pooling, argmax
    VALUES_INTEGERS, // whole numbers lo <= v < hi: labels, indices, u8 pixels
    VALUES_ZERO,
    VALUES_CLOCK, // i32 (2): {seed, step} = {lo, hi}
};

enum { OP_CASE_INPUTS = 20 };
struct op_input {
    struct hone_desc desc; // rank -1: absent
    enum op_values values;
    double lo, hi;
    bool grad; // its gradient is compared with central differences
    // Fills `out` in another way; in[] holds the inputs before this one. NULL: by `values`.
    void (*fill)(double *const *in, double *out, int64_t count);
};

// bound on |device - ref| of an element = c eps sqrt(reduction) scale; eps = 2^-23, or for outputs
// in 16 bits theirs, once and without the root: sums are made in f32 and rounded at the end
struct op_tolerance {
    double c;         // 0: 4
    double reduction; // length of the longest sum behind an element; 0: 1
    double scale;     // 0: the largest |ref| of that output
    bool exact;       // equal bit for bit: copies, masks, indices
    bool nan;         // NaN where ref has NaN, and nowhere else
};

struct op_case {
    const struct hone_op *op;
    const char *name; // what is special: "odd channels", "stride 2, padding"
    const void *attrs;
    int input_count;
    struct op_input in[OP_CASE_INPUTS];
    struct op_tolerance tolerance;
    uint32_t loss_outputs; // bits of the outputs that carry a gradient; 0: output 0 only
    double grad_tolerance; // relative, of central differences; 0: 1e-6
    bool large;            // too slow for central differences; device only
};

#define OP_F32(...)  OP_DESC(HONE_F32, __VA_ARGS__)
#define OP_F16(...)  OP_DESC(HONE_F16, __VA_ARGS__)
#define OP_BF16(...) OP_DESC(HONE_BF16, __VA_ARGS__)
#define OP_I32(...)  OP_DESC(HONE_I32, __VA_ARGS__)
#define OP_U8(...)   OP_DESC(HONE_U8, __VA_ARGS__)
#define OP_DESC(t, ...)                                                                            \
    {                                                                                              \
        .dtype = t, .rank = sizeof((int[]){__VA_ARGS__}) / sizeof(int), .dim = { __VA_ARGS__ }     \
    }
#define OP_ABSENT                                                                                  \
    {                                                                                              \
        .desc = {.rank = -1 }                                                                      \
    }
#define OP_SCALAR                                                                                  \
    { .dtype = HONE_F32, .rank = 0 }

// Each is `extern const struct op_case op_cases_<family>[];`
#define OP_CASE_FAMILIES(X)                                                                        \
    X(cast)                                                                                        \
    X(act)                                                                                         \
    X(arith)                                                                                       \
    X(layout)                                                                                      \
    X(random)                                                                                      \
    X(optim)                                                                                       \
    X(conv)                                                                                        \
    X(conv16)                                                                                      \
    X(matmul)                                                                                      \
    X(matmul16)                                                                                    \
    X(norm)                                                                                        \
    X(pool)                                                                                        \
    X(data16)                                                                                      \
    X(softmax)                                                                                     \
    X(image)
#define OP_CASE_DECLARE(family) extern const struct op_case op_cases_##family[];
OP_CASE_FAMILIES(OP_CASE_DECLARE)

// All cases, family after family: the i-th, or NULL past the end.
const struct op_case *op_case_at(int i);

// A case with its inputs made, shapes inferred and reference evaluated.
struct op_eval {
    const struct op_case *test;
    struct hone_infer_args args; // attrs and descs
    struct hone_desc in_desc[OP_CASE_INPUTS], out_desc[HONE_OP_MAX_OUTPUTS];
    double *in[OP_CASE_INPUTS]; // NULL where absent
    double *out[HONE_OP_MAX_OUTPUTS];
};
// Fails the running test where infer fails.
void op_eval_init(struct op_eval *eval, const struct op_case *test);
void op_eval_ref(struct op_eval *eval); // evaluates op->ref into out
void op_eval_deinit(struct op_eval *eval);
// "conv2d (odd channels)"
const char *op_case_label(const struct op_case *test, char text[128]);

// The elements of one input, by its desc and `values`. Different `salt`, different numbers.
void op_values_fill(const struct op_input *input, uint64_t salt, double *const *in, double *out);

#endif
