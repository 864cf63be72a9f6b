// op_case.c: see op_case.h.
#include "check/case.h"

#include <math.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "exec/elements.h"

static const struct hone_case *const families[] = {
#define HONE_CASE_ENTRY(family) hone_cases_##family,
    HONE_CASE_FAMILIES(HONE_CASE_ENTRY)};

const struct hone_case *hone_case_at(int i) {
    // NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers
    for (size_t f = 0; f < sizeof families / sizeof *families; f++)
        for (const struct hone_case *at = families[f]; at->op; at++)
            if (i-- == 0) return at;
    return NULL;
}

const char *hone_case_label(const struct hone_case *test, char text[128]) {
    snprintf(text, 128, "%s (%s)", test->op->name, test->name);
    return text;
}

enum { CASE_SEED = 0x5eed };

// Uniform in [lo, hi), or in [-1, 1) where both are 0.
static double uniform(const struct hone_case_input *input, uint64_t stream, uint64_t counter) {
    double lo = input->lo, hi = input->hi;
    if (lo == 0 && hi == 0) {
        lo = -1;
        hi = 1;
    }
    return lo + (hi - lo) * hone_rng_f32(CASE_SEED, stream, counter);
}

static double smooth(const struct hone_case_input *input, uint64_t stream, uint64_t element) {
    for (uint64_t draw = 0;; draw++) {
        double value = uniform(input, stream, element * 64 + draw);
        if (fabs(value - round(value * 2) / 2) >= 0.05) return value;
    }
}

static hone_status fill_distinct(const struct hone_case_input *input, uint64_t stream,
                                 int64_t count, double *out) {
    uint32_t *order = hone_calloc((size_t)count, sizeof *order, "the values of a check");
    if (!order) return HONE_OUT_OF_MEMORY;
    hone_rng_permutation(CASE_SEED, stream, order, (uint32_t)count);
    double lo = input->lo, hi = input->hi;
    if (lo == 0 && hi == 0) {
        lo = -1;
        hi = 1;
    }
    for (int64_t i = 0; i < count; i++)
        out[i] = lo + (hi - lo) * ((double)order[i] + 0.3) / (double)count;
    hone_free(order);
    return HONE_OK;
}

hone_status hone_case_fill(const struct hone_case_input *input, uint64_t salt, double *const *in,
                           double *out) {
    int64_t count = hone_desc_elements(&input->desc);
    if (input->fill) {
        input->fill(in, out, count);
    } else if (input->values == VALUES_DISTINCT) {
        HONE_TRY(fill_distinct(input, salt, count, out));
    } else {
        for (int64_t i = 0; i < count; i++) {
            uint64_t at = (uint64_t)i;
            switch (input->values) {
            case VALUES_UNIFORM: out[i] = uniform(input, salt, at); break;
            case VALUES_SMOOTH: out[i] = smooth(input, salt, at); break;
            case VALUES_NORMAL:
                out[i] = input->lo +
                         (input->hi == 0 ? 1 : input->hi) * hone_rng_normal(CASE_SEED, salt, at);
                break;
            case VALUES_POSITIVE: out[i] = 0.5 + 1.5 * hone_rng_f32(CASE_SEED, salt, at); break;
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
    return HONE_OK;
}

static double *elements(const struct hone_desc *desc) {
    int64_t count = hone_desc_elements(desc);
    double *values = hone_calloc((size_t)count, sizeof *values, "the values of a check");
    for (int64_t i = 0; values && i < count; i++) values[i] = NAN;
    return values;
}

hone_status hone_case_shapes(struct hone_case_eval *eval, const struct hone_case *test) {
    *eval = (struct hone_case_eval){.test = test};
    eval->args =
        (struct hone_infer_args){test->attrs, test->input_count, eval->in_desc, eval->out_desc};
    for (int i = 0; i < test->input_count; i++) eval->in_desc[i] = test->in[i].desc;
    char label[128];
    return hone_fail_context(test->op->infer(&eval->args), "%s", hone_case_label(test, label));
}

hone_status hone_case_init(struct hone_case_eval *eval, const struct hone_case *test) {
    HONE_TRY(hone_case_shapes(eval, test));
    for (int i = 0; i < test->input_count; i++) {
        if (test->in[i].desc.rank < 0) continue;
        eval->in[i] = elements(&test->in[i].desc);
        if (!eval->in[i]) return HONE_OUT_OF_MEMORY;
        HONE_TRY(hone_case_fill(&test->in[i], (uint64_t)i + 1, eval->in, eval->in[i]));
    }
    for (int i = 0; i < test->op->outputs; i++) {
        eval->out[i] = elements(&eval->out_desc[i]);
        if (!eval->out[i]) return HONE_OUT_OF_MEMORY;
    }
    return HONE_OK;
}

void hone_case_ref(struct hone_case_eval *eval) {
    struct hone_ref_args args = {.attrs = eval->test->attrs,
                                 .input_count = eval->test->input_count,
                                 .in_desc = eval->in_desc,
                                 .in = (const double *const *)eval->in,
                                 .out_desc = eval->out_desc,
                                 .out = eval->out};
    eval->test->op->ref(&args);
}

void hone_case_deinit(struct hone_case_eval *eval) {
    for (int i = 0; i < HONE_CASE_INPUTS; i++) hone_free(eval->in[i]);
    for (int i = 0; i < HONE_OP_MAX_OUTPUTS; i++) hone_free(eval->out[i]);
    *eval = (struct hone_case_eval){0};
}
