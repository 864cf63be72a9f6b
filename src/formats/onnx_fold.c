// onnx_fold.c: operators on constants. Files compute shapes and paddings with them (Shape, Gather,
// Concat, ...); sizes are known at import, the batch is not, so that each integer carries a mark
// that says whether it is a multiple of the batch. A mark survives what only moves elements, sums
// and multiples; anything else makes it "mixed", which nothing may depend on. Here: the table, what
// the files beside this one share, and what makes or renames a constant.
#include "formats/onnx_fold.h"

#include <string.h>

hone_status hone_onnx_fold_alloc(const struct hone_onnx_fold_args *a, bool real, bool marks,
                                 float **f, int64_t **i, uint8_t **m) {
    HONE_TRY(hone_onnx_const_measure(a->out));
    *f = NULL;
    *i = NULL;
    *m = NULL;
    void *data = hone_onnx_store_alloc(a->store, a->out->count, real ? sizeof **f : sizeof **i);
    if (!data) return hone_onnx_store_failure(a->store);
    if (real)
        a->out->f = *f = data;
    else
        a->out->i = *i = data;
    if (!marks) return HONE_OK;
    a->out->marks = *m = hone_onnx_store_alloc(a->store, a->out->count, 1);
    return *m ? HONE_OK : hone_onnx_store_failure(a->store);
}

void hone_onnx_fold_move(const struct hone_onnx_fold_copy *c, int64_t to, int64_t from) {
    if (c->f)
        c->f[to] = c->src->f[from];
    else
        c->i[to] = c->src->i[from];
    if (c->m) c->m[to] = (uint8_t)hone_onnx_const_mark(c->src, from);
    if (c->p) c->p[to] = c->src->places ? c->src->places[from] : (int32_t)from;
}

hone_status hone_onnx_fold_places(const struct hone_onnx_fold_args *a,
                                  struct hone_onnx_fold_copy *c) {
    if (!c->src->source || c->src->count > HONE_ONNX_PLACES || a->out->count > HONE_ONNX_PLACES)
        return HONE_OK;
    c->p = hone_onnx_store_alloc(a->store, a->out->count, sizeof *c->p);
    if (!c->p) return hone_onnx_store_failure(a->store);
    a->out->source = c->src->source;
    a->out->places = c->p;
    return HONE_OK;
}

hone_status hone_onnx_fold_copy_init(const struct hone_onnx_fold_args *a,
                                     const struct hone_onnx_const *src,
                                     struct hone_onnx_fold_copy *c) {
    *c = (struct hone_onnx_fold_copy){.src = src};
    HONE_TRY(hone_onnx_fold_alloc(a, src->f != NULL, src->marks != NULL, &c->f, &c->i, &c->m));
    return src->places ? hone_onnx_fold_places(a, c) : HONE_OK;
}

hone_status hone_onnx_fold_need(const struct hone_onnx_fold_args *a, int count) {
    for (int k = 0; k < count; k++)
        if (k >= a->input_count || !a->in[k])
            return hone_fail(HONE_INVALID, "input %d is missing", k);
    return HONE_OK;
}

hone_status hone_onnx_fold_list(const struct hone_onnx_fold_args *a, int k, const char *name,
                                struct hone_onnx_fold_list *out) {
    *out = (struct hone_onnx_fold_list){0};
    const HoneOnnx__Attribute *attr = hone_onnx_attr(a->node, name);
    if (k < a->input_count && a->in[k]) {
        if (!a->in[k]->i) return hone_fail(HONE_INVALID, "%s are not integers", name);
        if (hone_onnx_const_marked(a->in[k]))
            return hone_fail(HONE_UNSUPPORTED, "%s depend on the batch size", name);
        *out = (struct hone_onnx_fold_list){a->in[k]->i, a->in[k]->count};
    } else if (attr) {
        *out = (struct hone_onnx_fold_list){attr->ints, (int64_t)attr->n_ints};
    }
    return HONE_OK;
}

hone_status hone_onnx_fold_axis(const struct hone_onnx_fold_args *a, int64_t fallback, int rank,
                                int *out) {
    int64_t axis = hone_onnx_attr_int(a->node, "axis", fallback);
    if (axis < -rank || axis >= rank)
        return hone_fail(HONE_INVALID, "axis %lld of rank %d", (long long)axis, rank);
    *out = (int)(axis < 0 ? axis + rank : axis);
    return HONE_OK;
}

void hone_onnx_fold_next(const struct hone_onnx_const *of, int64_t *along) {
    for (int d = of->rank - 1; d >= 0 && ++along[d] == of->dim[d]; d--) along[d] = 0;
}

hone_status hone_onnx_fold_broadcast(const struct hone_onnx_const *x,
                                     const struct hone_onnx_const *y, struct hone_onnx_const *out) {
    out->rank = x->rank > y->rank ? x->rank : y->rank;
    for (int d = 0; d < out->rank; d++) {
        int dx = d - (out->rank - x->rank), dy = d - (out->rank - y->rank);
        int64_t sx = dx < 0 ? 1 : x->dim[dx], sy = dy < 0 ? 1 : y->dim[dy];
        if (sx != sy && sx != 1 && sy != 1)
            return hone_fail(HONE_INVALID, "shapes do not fit: %lld and %lld", (long long)sx,
                             (long long)sy);
        out->dim[d] = sx == 1 ? sy : sx;
    }
    return HONE_OK;
}

int64_t hone_onnx_fold_offset(const struct hone_onnx_const *src, int rank, const int64_t *along) {
    int64_t offset = 0;
    for (int d = 0; d < src->rank; d++)
        offset = offset * src->dim[d] + (src->dim[d] == 1 ? 0 : along[d + rank - src->rank]);
    return offset;
}

static hone_status fold_identity(const struct hone_onnx_fold_args *a) {
    HONE_TRY(hone_onnx_fold_need(a, 1));
    *a->out = *a->in[0];
    return HONE_OK;
}

static hone_status fold_constant(const struct hone_onnx_fold_args *a) {
    const HoneOnnx__Attribute *attr = hone_onnx_attr(a->node, "value");
    struct hone_onnx_const *out = a->out;
    if (attr && attr->t) return hone_onnx_const_read(a->store, attr->t, false, out);
    if ((attr = hone_onnx_attr(a->node, "value_float"))) {
        out->f = &attr->f;
    } else if ((attr = hone_onnx_attr(a->node, "value_int"))) {
        out->i = &attr->i;
    } else if ((attr = hone_onnx_attr(a->node, "value_floats")) && attr->n_floats) {
        out->f = attr->floats;
        out->rank = 1;
        out->dim[0] = (int64_t)attr->n_floats;
    } else if ((attr = hone_onnx_attr(a->node, "value_ints")) && attr->n_ints) {
        out->i = attr->ints;
        out->rank = 1;
        out->dim[0] = (int64_t)attr->n_ints;
    } else {
        return hone_fail(HONE_UNSUPPORTED, "a constant that is no tensor of numbers");
    }
    return hone_onnx_const_measure(out);
}

// For each picture of the batch: the same for every one, so that one is made.
static hone_status fold_constant_of_shape(const struct hone_onnx_fold_args *a) {
    HONE_TRY(hone_onnx_fold_need(a, 1));
    struct hone_onnx_fold_list shape;
    const struct hone_onnx_const *sizes = a->in[0];
    bool batch = sizes->i && sizes->count > 1 && sizes->i[0] == 1 &&
                 hone_onnx_const_mark(sizes, 0) == HONE_MARK_BATCH;
    for (int64_t k = 1; k < sizes->count && batch; k++)
        batch = hone_onnx_const_mark(sizes, k) == HONE_MARK_NONE;
    if (batch)
        shape = (struct hone_onnx_fold_list){sizes->i, sizes->count};
    else
        HONE_TRY(hone_onnx_fold_list(a, 0, "its sizes", &shape));
    if (shape.count > HONE_ONNX_MAX_RANK) return hone_fail(HONE_UNSUPPORTED, "too many dimensions");
    a->out->rank = (int)shape.count;
    for (int d = 0; d < a->out->rank; d++) a->out->dim[d] = shape.data[d];
    struct hone_onnx_const value = {.count = 0};
    const HoneOnnx__Attribute *attr = hone_onnx_attr(a->node, "value");
    if (attr && attr->t) HONE_TRY(hone_onnx_const_read(a->store, attr->t, false, &value));
    if (attr && value.count != 1) return hone_fail(HONE_INVALID, "its value is not one number");
    float *f;
    int64_t *i;
    uint8_t *m;
    HONE_TRY(hone_onnx_fold_alloc(a, !attr || value.f, false, &f, &i, &m));
    for (int64_t k = 0; attr && k < a->out->count; k++) {
        if (f)
            f[k] = value.f[0];
        else
            i[k] = value.i[0];
    }
    return HONE_OK;
}

// ---- Shapes
// ------------------------------------------------------------------------------------------------

static hone_status fold_unsqueeze(const struct hone_onnx_fold_args *a) {
    HONE_TRY(hone_onnx_fold_need(a, 1));
    struct hone_onnx_fold_list axes;
    HONE_TRY(hone_onnx_fold_list(a, 1, "axes", &axes));
    int rank = a->in[0]->rank +
               (int)(axes.count > HONE_ONNX_MAX_RANK ? HONE_ONNX_MAX_RANK + 1 : axes.count);
    if (rank > HONE_ONNX_MAX_RANK) return hone_fail(HONE_UNSUPPORTED, "too many dimensions");
    bool is_new[HONE_ONNX_MAX_RANK] = {false};
    for (int64_t k = 0; k < axes.count; k++) {
        int64_t axis = axes.data[k] < 0 ? axes.data[k] + rank : axes.data[k];
        if (axis < 0 || axis >= rank || is_new[axis])
            return hone_fail(HONE_INVALID, "a wrong axis");
        is_new[axis] = true;
    }
    *a->out = *a->in[0];
    a->out->rank = rank;
    for (int d = 0, from = 0; d < rank; d++) a->out->dim[d] = is_new[d] ? 1 : a->in[0]->dim[from++];
    return HONE_OK;
}

static hone_status fold_squeeze(const struct hone_onnx_fold_args *a) {
    HONE_TRY(hone_onnx_fold_need(a, 1));
    struct hone_onnx_fold_list axes;
    HONE_TRY(hone_onnx_fold_list(a, 1, "axes", &axes));
    int rank = a->in[0]->rank;
    bool gone[HONE_ONNX_MAX_RANK] = {false};
    for (int d = 0; d < rank; d++) gone[d] = axes.count == 0 && a->in[0]->dim[d] == 1;
    for (int64_t k = 0; k < axes.count; k++) {
        int64_t axis = axes.data[k] < 0 ? axes.data[k] + rank : axes.data[k];
        if (axis < 0 || axis >= rank || a->in[0]->dim[axis] != 1)
            return hone_fail(HONE_INVALID, "axis %lld is not of size 1", (long long)axes.data[k]);
        gone[axis] = true;
    }
    *a->out = *a->in[0];
    a->out->rank = 0;
    for (int d = 0; d < rank; d++)
        if (!gone[d]) a->out->dim[a->out->rank++] = a->in[0]->dim[d];
    return HONE_OK;
}

static hone_status fold_reshape(const struct hone_onnx_fold_args *a) {
    HONE_TRY(hone_onnx_fold_need(a, 2));
    struct hone_onnx_fold_list shape;
    HONE_TRY(hone_onnx_fold_list(a, 1, "its sizes", &shape));
    const struct hone_onnx_const *data = a->in[0];
    if (shape.count > HONE_ONNX_MAX_RANK) return hone_fail(HONE_UNSUPPORTED, "too many dimensions");
    *a->out = *data;
    a->out->rank = (int)shape.count;
    int open = -1;
    for (int d = 0; d < a->out->rank; d++) {
        int64_t size = shape.data[d];
        if (size == 0 && !hone_onnx_attr_int(a->node, "allowzero", 0))
            size = d < data->rank ? data->dim[d] : 0;
        if (size == -1) {
            if (open >= 0) return hone_fail(HONE_INVALID, "two sizes of -1");
            open = d;
            size = 1;
        }
        a->out->dim[d] = size;
    }
    HONE_TRY(hone_onnx_const_measure(a->out));
    if (open >= 0 && a->out->count > 0) a->out->dim[open] = data->count / a->out->count;
    HONE_TRY(hone_onnx_const_measure(a->out));
    if (a->out->count != data->count)
        return hone_fail(HONE_INVALID, "%lld elements cannot become %lld", (long long)data->count,
                         (long long)a->out->count);
    return HONE_OK;
}

hone_onnx_fold_fn hone_onnx_fold_find(const char *op_type) {
    static const struct {
        const char *name;
        hone_onnx_fold_fn fn;
    } table[] = {
        {"Abs", hone_onnx_fold_unary},
        {"Add", hone_onnx_fold_binary},
        {"And", hone_onnx_fold_compare},
        {"BatchNormalization", hone_onnx_fold_batch_norm},
        {"Cast", hone_onnx_fold_cast},
        {"Ceil", hone_onnx_fold_unary},
        {"Clip", hone_onnx_fold_clip},
        {"Concat", hone_onnx_fold_concat},
        {"Constant", fold_constant},
        {"ConstantOfShape", fold_constant_of_shape},
        {"Cos", hone_onnx_fold_unary},
        {"CumSum", hone_onnx_fold_cumsum},
        {"DequantizeLinear", hone_onnx_fold_dequantize},
        {"Div", hone_onnx_fold_binary},
        {"Equal", hone_onnx_fold_compare},
        {"Exp", hone_onnx_fold_unary},
        {"Expand", hone_onnx_fold_expand},
        {"Floor", hone_onnx_fold_unary},
        {"Gather", hone_onnx_fold_gather},
        {"Greater", hone_onnx_fold_compare},
        {"GreaterOrEqual", hone_onnx_fold_compare},
        {"Identity", fold_identity},
        {"Less", hone_onnx_fold_compare},
        {"LessOrEqual", hone_onnx_fold_compare},
        {"Log", hone_onnx_fold_unary},
        {"Max", hone_onnx_fold_binary},
        {"Min", hone_onnx_fold_binary},
        {"Mod", hone_onnx_fold_binary},
        {"Mul", hone_onnx_fold_binary},
        {"Neg", hone_onnx_fold_unary},
        {"Not", hone_onnx_fold_unary},
        {"Or", hone_onnx_fold_compare},
        {"Pow", hone_onnx_fold_binary},
        {"QuantizeLinear", hone_onnx_fold_quantize},
        {"Range", hone_onnx_fold_range},
        {"Reciprocal", hone_onnx_fold_unary},
        {"ReduceMax", hone_onnx_fold_reduce},
        {"ReduceMean", hone_onnx_fold_reduce},
        {"ReduceMin", hone_onnx_fold_reduce},
        {"ReduceProd", hone_onnx_fold_reduce},
        {"ReduceSum", hone_onnx_fold_reduce},
        {"Relu", hone_onnx_fold_unary},
        {"Reshape", fold_reshape},
        {"Resize", hone_onnx_fold_resize},
        {"Round", hone_onnx_fold_unary},
        {"ScatterND", hone_onnx_fold_scatter_nd},
        {"Sigmoid", hone_onnx_fold_unary},
        {"Sin", hone_onnx_fold_unary},
        {"Slice", hone_onnx_fold_slice},
        {"Sqrt", hone_onnx_fold_unary},
        {"Squeeze", fold_squeeze},
        {"Sub", hone_onnx_fold_binary},
        {"Tanh", hone_onnx_fold_unary},
        {"Tile", hone_onnx_fold_tile},
        {"Transpose", hone_onnx_fold_transpose},
        {"Unsqueeze", fold_unsqueeze},
        {"Upsample", hone_onnx_fold_resize},
        {"Where", hone_onnx_fold_where},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].name, op_type) == 0) return table[i].fn;
    return NULL;
}
