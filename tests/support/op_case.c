// op_case.c: see op_case.h.
#include "support/op_case.h"

#include <math.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "exec/internal.h"
#include "support/support.h"

static const struct op_case *const families[] = {
#define OP_CASE_ENTRY(family) op_cases_##family,
    OP_CASE_FAMILIES(OP_CASE_ENTRY)};

const struct op_case *op_case_at(int i) {
    for (size_t f = 0; f < sizeof families / sizeof *families; f++)
        for (const struct op_case *at = families[f]; at->op; at++)
            if (i-- == 0) return at;
    return NULL;
}

const char *op_case_label(const struct op_case *test, char text[128]) {
    snprintf(text, 128, "%s (%s)", test->op->name, test->name);
    return text;
}

enum { OP_VALUES_SEED = 0x5eed };

// Uniform in [lo, hi), or in [-1, 1) where both are 0.
static double uniform(const struct op_input *input, uint64_t stream, uint64_t counter) {
    double lo = input->lo, hi = input->hi;
    if (lo == 0 && hi == 0) {
        lo = -1;
        hi = 1;
    }
    return lo + (hi - lo) * hone_rng_f32(OP_VALUES_SEED, stream, counter);
}

static double smooth(const struct op_input *input, uint64_t stream, uint64_t element) {
    for (uint64_t draw = 0;; draw++) {
        double value = uniform(input, stream, element * 64 + draw);
        if (fabs(value - round(value * 2) / 2) >= 0.05) return value;
    }
}

static void fill_distinct(const struct op_input *input, uint64_t stream, int64_t count,
                          double *out) {
    uint32_t *order = hone_calloc((size_t)count, sizeof *order, "test values");
    assert_non_null(order);
    hone_rng_permutation(OP_VALUES_SEED, stream, order, (uint32_t)count);
    double lo = input->lo, hi = input->hi;
    if (lo == 0 && hi == 0) {
        lo = -1;
        hi = 1;
    }
    for (int64_t i = 0; i < count; i++)
        out[i] = lo + (hi - lo) * ((double)order[i] + 0.3) / (double)count;
    hone_free(order);
}

void op_values_fill(const struct op_input *input, uint64_t salt, double *const *in, double *out) {
    int64_t count = hone_desc_elements(&input->desc);
    if (input->fill) {
        input->fill(in, out, count);
    } else if (input->values == VALUES_DISTINCT) {
        fill_distinct(input, salt, count, out);
    } else {
        for (int64_t i = 0; i < count; i++) {
            uint64_t at = (uint64_t)i;
            switch (input->values) {
            case VALUES_UNIFORM: out[i] = uniform(input, salt, at); break;
            case VALUES_SMOOTH: out[i] = smooth(input, salt, at); break;
            case VALUES_NORMAL:
                out[i] = input->lo + (input->hi == 0 ? 1 : input->hi) *
                                         hone_rng_normal(OP_VALUES_SEED, salt, at);
                break;
            case VALUES_POSITIVE:
                out[i] = 0.5 + 1.5 * hone_rng_f32(OP_VALUES_SEED, salt, at);
                break;
            case VALUES_INTEGERS: out[i] = floor(uniform(input, salt, at)); break;
            case VALUES_CLOCK: out[i] = i == 0 ? input->lo : input->hi; break;
            case VALUES_DISTINCT:
            case VALUES_ZERO: out[i] = 0; break;
            }
        }
    }
    if (input->desc.dtype == HONE_F32)
        for (int64_t i = 0; i < count; i++) out[i] = (double)(float)out[i];
    hone_elements_round(input->desc.dtype, out, count);
}

static double *elements(const struct hone_desc *desc) {
    int64_t count = hone_desc_elements(desc);
    double *values = hone_calloc((size_t)count, sizeof *values, "test values");
    assert_non_null(values);
    for (int64_t i = 0; i < count; i++) values[i] = NAN;
    return values;
}

void op_eval_init(struct op_eval *eval, const struct op_case *test) {
    *eval = (struct op_eval){.test = test};
    eval->args =
        (struct hone_infer_args){test->attrs, test->input_count, eval->in_desc, eval->out_desc};
    for (int i = 0; i < test->input_count; i++) {
        eval->in_desc[i] = test->in[i].desc;
        if (test->in[i].desc.rank < 0) continue;
        eval->in[i] = elements(&test->in[i].desc);
        struct op_input input = test->in[i];
        op_values_fill(&input, (uint64_t)i + 1, eval->in, eval->in[i]);
    }
    char label[128];
    hone_status status = test->op->infer(&eval->args);
    if (status != HONE_OK)
        fail_msg("%s: infer: %s", op_case_label(test, label), hone_error_message());
    for (int i = 0; i < test->op->outputs; i++) eval->out[i] = elements(&eval->out_desc[i]);
}

void op_eval_ref(struct op_eval *eval) {
    struct hone_ref_args args = {.attrs = eval->test->attrs,
                                 .input_count = eval->test->input_count,
                                 .in_desc = eval->in_desc,
                                 .in = (const double *const *)eval->in,
                                 .out_desc = eval->out_desc,
                                 .out = eval->out};
    eval->test->op->ref(&args);
}

void op_eval_deinit(struct op_eval *eval) {
    for (int i = 0; i < OP_CASE_INPUTS; i++) hone_free(eval->in[i]);
    for (int i = 0; i < HONE_OP_MAX_OUTPUTS; i++) hone_free(eval->out[i]);
}
