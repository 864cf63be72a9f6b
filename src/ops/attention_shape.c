// attention_shape.c: see attention_shape.h.
#include "ops/attention_shape.h"

#include <math.h>

struct hone_attention_shape hone_attention_shape_of(const struct hone_desc *in, int count,
                                                    int first) {
    const struct hone_desc *q = &in[first];
    struct hone_attention_shape s = {.packed = count < first + 3 || in[first + 1].rank < 0};
    s.batch = q->dim[0];
    s.queries = q->dim[1];
    s.keys = s.packed ? s.queries : in[first + 1].dim[1];
    s.heads = q->dim[q->rank - 2];
    s.width = s.value_width = q->dim[q->rank - 1];
    if (!s.packed) s.value_width = in[first + 2].dim[3];
    int64_t token = s.heads * s.width;
    for (int i = 0; i < 3; i++)
        s.part[i] = s.packed ? (struct hone_attention_part){first, 3 * token, i * token}
                             : (struct hone_attention_part){
                                   first + i, i == 2 ? s.heads * s.value_width : token, 0};
    s.bias = first + (count < first + 3 ? 1 : 3);
    if (s.bias >= count || in[s.bias].rank < 0) s.bias = -1;
    s.period = s.bias >= 0 && in[s.bias].rank == 4 ? in[s.bias].dim[0] : 1;
    return s;
}

static hone_status expect_bias(const struct hone_infer_args *args, int first) {
    struct hone_attention_shape s = hone_attention_shape_of(args->in, args->input_count, first);
    if (s.bias < 0) return HONE_OK;
    const struct hone_desc *bias = &args->in[s.bias];
    int rank = bias->rank == 3 ? 3 : 4;
    HONE_TRY(hone_op_expect_f32(args, s.bias, "bias", rank));
    HONE_TRY(hone_op_expect_dim(args, s.bias, "bias", rank - 3, s.heads, "the heads"));
    HONE_TRY(hone_op_expect_dim(args, s.bias, "bias", rank - 2, s.queries, "the queries"));
    HONE_TRY(hone_op_expect_dim(args, s.bias, "bias", rank - 1, s.keys, "the keys"));
    if (s.batch % s.period)
        return hone_fail(HONE_INVALID, "a bias of %lld pictures, which %lld are no multiple of",
                         (long long)s.period, (long long)s.batch);
    return HONE_OK;
}

hone_status hone_attention_expect(const struct hone_infer_args *args, int first) {
    static const char *const names[] = {"q", "k", "v"};
    const struct hone_attention_attrs *attrs = args->attrs;
    if (!(attrs->scale > 0))
        return hone_fail(HONE_INVALID, "scale is %g; it must be above 0", (double)attrs->scale);
    const struct hone_desc *in = args->in;
    bool three = args->input_count >= first + 3 && hone_op_has(args, first + 1) &&
                 hone_op_has(args, first + 2);
    if (!three && in[first].rank == 4)
        return hone_fail(HONE_INVALID, "q without k and v, or all in one tensor");
    if (!three) {
        HONE_TRY(hone_op_expect_data(args, first, "qkv", 5));
        HONE_TRY(hone_op_expect_dim(args, first, "qkv", 2, 3, "query, key and value"));
        for (int i = first + 1; i < first + 3 && args->input_count >= first + 3; i++)
            if (hone_op_has(args, i))
                return hone_fail(HONE_INVALID, "k or v beside all in one tensor");
    } else {
        for (int i = 0; i < 3; i++) HONE_TRY(hone_op_expect_data(args, first + i, names[i], 4));
        for (int i = 1; i < 3; i++) {
            HONE_TRY(hone_op_expect_one_dtype(args, first + i, names[i], first, "q"));
            for (int axis = 0; axis < 3 + (i == 1); axis++)
                HONE_TRY(hone_op_expect_dim(args, first + i, names[i], axis,
                                            in[first + (axis == 1 ? 1 : 0)].dim[axis],
                                            axis == 1 ? "the keys" : "as in q"));
        }
    }
    struct hone_attention_shape s = hone_attention_shape_of(in, args->input_count, first);
    int64_t most = s.width > s.value_width ? s.width : s.value_width;
    if (most > HONE_ATTENTION_HEAD_MOST)
        return hone_fail(HONE_UNSUPPORTED, "heads of %lld numbers; at most %d", (long long)most,
                         HONE_ATTENTION_HEAD_MOST);
    return expect_bias(args, first);
}

struct hone_desc hone_attention_y(const struct hone_attention_shape *s, enum hone_dtype dtype) {
    return hone_desc_make(dtype, 4, (int32_t)s->batch, (int32_t)s->queries, (int32_t)s->heads,
                          (int32_t)s->value_width);
}

struct hone_desc hone_attention_lse(const struct hone_attention_shape *s) {
    return hone_desc_make(HONE_F32, 3, (int32_t)s->batch, (int32_t)s->heads, (int32_t)s->queries,
                          0);
}

hone_status hone_attention_expect_gradient(const struct hone_infer_args *args) {
    HONE_TRY(hone_attention_expect(args, 3));
    struct hone_attention_shape s = hone_attention_shape_of(args->in, args->input_count, 3);
    const struct hone_desc y = hone_attention_y(&s, args->in[3].dtype),
                           lse = hone_attention_lse(&s);
    HONE_TRY(hone_op_expect_data(args, 0, "dy", 4));
    HONE_TRY(hone_op_expect_same(args, 1, "y", 0, "dy"));
    HONE_TRY(hone_op_expect_f32(args, 2, "lse", 3));
    if (!hone_desc_equal(&args->in[0], &y)) return hone_op_fail_dims("not dy", &args->in[0], &y);
    if (!hone_desc_equal(&args->in[2], &lse))
        return hone_op_fail_dims("not lse", &args->in[2], &lse);
    return HONE_OK;
}

struct hone_cost hone_attention_cost(const struct hone_infer_args *args, int first, int outputs,
                                     double products, double value_products) {
    struct hone_attention_shape s = hone_attention_shape_of(args->in, args->input_count, first);
    double pairs = (double)(s.batch * s.heads) * (double)s.queries * (double)s.keys;
    double numbers = products * (double)s.width + value_products * (double)s.value_width;
    return (struct hone_cost){.flops = 2 * pairs * numbers, .bytes = hone_op_bytes(args, outputs)};
}

// ---- The reference ----

const double *hone_attention_row(const struct hone_ref_args *args,
                                 const struct hone_attention_shape *s, int part,
                                 const struct hone_attention_pair *at) {
    const struct hone_attention_part *p = &s->part[part];
    int64_t row =
        part == 0 ? at->picture * s->queries + at->query : at->picture * s->keys + at->key;
    return args->in[p->input] + row * p->stride + p->offset +
           at->head * (part == 2 ? s->value_width : s->width);
}

int64_t hone_attention_token(const struct hone_attention_shape *s,
                             const struct hone_attention_pair *at) {
    return ((at->picture * s->queries + at->query) * s->heads + at->head) * s->value_width;
}

int64_t hone_attention_line(const struct hone_attention_shape *s,
                            const struct hone_attention_pair *at) {
    return (at->picture * s->heads + at->head) * s->queries + at->query;
}

int64_t hone_attention_place(const struct hone_attention_shape *s,
                             const struct hone_attention_pair *at) {
    int64_t plane = at->picture % s->period * s->heads + at->head;
    return (plane * s->queries + at->query) * s->keys + at->key;
}

double hone_attention_dot(const double *a, const double *b, int64_t count) {
    double sum = 0;
    for (int64_t d = 0; d < count; d++) sum += a[d] * b[d];
    return sum;
}

double hone_attention_score(const struct hone_ref_args *args, const struct hone_attention_shape *s,
                            const struct hone_attention_pair *at) {
    double scale = (double)((const struct hone_attention_attrs *)args->attrs)->scale;
    double added = s->bias < 0 ? 0 : args->in[s->bias][hone_attention_place(s, at)];
    return scale * hone_attention_dot(hone_attention_row(args, s, 0, at),
                                      hone_attention_row(args, s, 1, at), s->width) +
           added;
}

double hone_attention_weight(const struct hone_ref_args *args, const struct hone_attention_shape *s,
                             const struct hone_attention_pair *at, double *ds) {
    int64_t token = hone_attention_token(s, at);
    const double *dy = args->in[0] + token, *y = args->in[1] + token;
    double lse = args->in[2][hone_attention_line(s, at)];
    double p = exp(hone_attention_score(args, s, at) - lse);
    double dp = hone_attention_dot(dy, hone_attention_row(args, s, 2, at), s->value_width);
    *ds = p * (dp - hone_attention_dot(dy, y, s->value_width));
    return p;
}
