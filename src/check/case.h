// case.h: one table of operator cases for all who compare: tests of ref against central
// differences, every kernel row on a device against ref (run.h), in tests and in `hone doctor`.
//
// A family adds its cases in cases_<family>.c as an array that ends with {.op = NULL} and names it
// in HONE_CASE_FAMILIES below. Sizes should be odd, prime and larger than one workgroup somewhere;
// a case for each row's fits() too, since a row that no case reaches fails ops_device.
#ifndef HONE_CHECK_CASE_H
#define HONE_CHECK_CASE_H

#include "ops/ops.h"

// How the elements of an input are made. All are deterministic and are rounded to
// the element type.
enum hone_case_values {
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

enum { HONE_CASE_INPUTS = 20 };
struct hone_case_input {
    struct hone_desc desc; // rank -1: absent
    enum hone_case_values values;
    double lo, hi;
    bool grad; // its gradient is compared with central differences
    // Fills `out` in another way; in[] holds the inputs before this one. NULL: by `values`.
    void (*fill)(double *const *in, double *out, int64_t count);
};

// bound on |device - ref| of an element = c eps sqrt(reduction) scale; eps = 2^-23, or for outputs
// in 16 bits theirs, once and without the root: sums are made in f32 and rounded at the end
struct hone_case_tolerance {
    double c;         // 0: 4
    double reduction; // length of the longest sum behind an element; 0: 1
    double scale;     // 0: the largest |ref| of that output
    bool exact;       // equal bit for bit: copies, masks, indices
    bool nan;         // NaN where ref has NaN, and nowhere else
};

struct hone_case {
    const struct hone_op *op;
    const char *name; // what is special: "odd channels", "stride 2, padding"
    const void *attrs;
    int input_count;
    struct hone_case_input in[HONE_CASE_INPUTS];
    struct hone_case_tolerance tolerance;
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

// Each is `extern const struct hone_case hone_cases_<family>[];`
#define HONE_CASE_FAMILIES(X)                                                                      \
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
    X(layer_norm)                                                                                  \
    X(attention)                                                                                   \
    X(gather)                                                                                      \
    X(pool)                                                                                        \
    X(resize)                                                                                      \
    X(data16)                                                                                      \
    X(softmax)                                                                                     \
    X(image)
#define HONE_CASE_DECLARE(family) extern const struct hone_case hone_cases_##family[];
HONE_CASE_FAMILIES(HONE_CASE_DECLARE)

// All cases, family after family: the i-th, or NULL past the end.
const struct hone_case *hone_case_at(int i);
// "conv2d (odd channels)"
const char *hone_case_label(const struct hone_case *test, char text[128]);

// A case with its inputs made, shapes inferred and reference evaluated.
struct hone_case_eval {
    const struct hone_case *test;
    struct hone_infer_args args; // attrs and descs
    struct hone_desc in_desc[HONE_CASE_INPUTS], out_desc[HONE_OP_MAX_OUTPUTS];
    double *in[HONE_CASE_INPUTS]; // NULL where absent
    double *out[HONE_OP_MAX_OUTPUTS];
};
// Shapes and descs only: in and out stay NULL. `eval` must not move, args points into it.
hone_status hone_case_shapes(struct hone_case_eval *eval, const struct hone_case *test);
// And inputs; out is NaN. Deinit after a failure, too.
hone_status hone_case_init(struct hone_case_eval *eval, const struct hone_case *test);
void hone_case_ref(struct hone_case_eval *eval); // evaluates op->ref into out
void hone_case_deinit(struct hone_case_eval *eval);

// The elements of one input, by its desc and `values`. Different `salt`, different numbers.
hone_status hone_case_fill(const struct hone_case_input *input, uint64_t salt, double *const *in,
                           double *out);

#endif
