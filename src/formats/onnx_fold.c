// onnx_fold.c: operators on constants. Files compute shapes and paddings with them (Shape, Gather,
// Concat, ...); sizes are known at import, the batch is not, so that each integer carries a mark
// that says whether it is the batch. A mark survives what only moves elements, and adding 0 or
// multiplying by 1; anything else makes it "mixed", which nothing may depend on.
#include "formats/onnx_const.h"

#include <math.h>
#include <string.h>

// Small tensors only: weights never go through arithmetic whose result is larger than what came in.
static hone_status fold_alloc(const struct hone_onnx_fold_args *a, bool real, bool marks, float **f,
                              int64_t **i, uint8_t **m) {
    HONE_TRY(hone_onnx_const_measure(a->out));
    *f = NULL;
    *i = NULL;
    *m = NULL;
    void *data = hone_onnx_store_alloc(a->store, a->out->count, real ? sizeof **f : sizeof **i);
    if (!data) return a->store->status;
    if (real)
        a->out->f = *f = data;
    else
        a->out->i = *i = data;
    if (!marks) return HONE_OK;
    a->out->marks = *m = hone_onnx_store_alloc(a->store, a->out->count, 1);
    return *m ? HONE_OK : a->store->status;
}

// Copies element src[from] to out[to].
struct fold_copy {
    const struct hone_onnx_const *src;
    float *f;
    int64_t *i;
    uint8_t *m;
};
static void fold_move(const struct fold_copy *c, int64_t to, int64_t from) {
    if (c->f)
        c->f[to] = c->src->f[from];
    else
        c->i[to] = c->src->i[from];
    if (c->m) c->m[to] = (uint8_t)hone_onnx_const_mark(c->src, from);
}
static hone_status fold_copy_init(const struct hone_onnx_fold_args *a,
                                  const struct hone_onnx_const *src, struct fold_copy *c) {
    c->src = src;
    return fold_alloc(a, src->f != NULL, src->marks != NULL, &c->f, &c->i, &c->m);
}

static hone_status fold_need(const struct hone_onnx_fold_args *a, int count) {
    for (int k = 0; k < count; k++)
        if (k >= a->input_count || !a->in[k])
            return hone_fail(HONE_INVALID, "input %d is missing", k);
    return HONE_OK;
}

// Integers of input k, or of attribute `name` in files of an older opset. count 0 where both are
// absent.
struct fold_list {
    const int64_t *data;
    int64_t count;
};
static hone_status fold_list(const struct hone_onnx_fold_args *a, int k, const char *name,
                             struct fold_list *out) {
    *out = (struct fold_list){0};
    const HoneOnnx__Attribute *attr = hone_onnx_attr(a->node, name);
    if (k < a->input_count && a->in[k]) {
        if (!a->in[k]->i) return hone_fail(HONE_INVALID, "%s are not integers", name);
        if (hone_onnx_const_marked(a->in[k]))
            return hone_fail(HONE_UNSUPPORTED, "%s depend on the batch size", name);
        *out = (struct fold_list){a->in[k]->i, a->in[k]->count};
    } else if (attr) {
        *out = (struct fold_list){attr->ints, (int64_t)attr->n_ints};
    }
    return HONE_OK;
}

static hone_status fold_identity(const struct hone_onnx_fold_args *a) {
    HONE_TRY(fold_need(a, 1));
    *a->out = *a->in[0];
    return HONE_OK;
}

static hone_status fold_constant(const struct hone_onnx_fold_args *a) {
    const HoneOnnx__Attribute *attr = hone_onnx_attr(a->node, "value");
    struct hone_onnx_const *out = a->out;
    if (attr && attr->t) return hone_onnx_const_read(a->store, attr->t, out);
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

static hone_status fold_constant_of_shape(const struct hone_onnx_fold_args *a) {
    HONE_TRY(fold_need(a, 1));
    struct fold_list shape;
    HONE_TRY(fold_list(a, 0, "its sizes", &shape));
    if (shape.count > HONE_ONNX_MAX_RANK) return hone_fail(HONE_UNSUPPORTED, "too many dimensions");
    a->out->rank = (int)shape.count;
    for (int d = 0; d < a->out->rank; d++) a->out->dim[d] = shape.data[d];
    struct hone_onnx_const value = {.count = 0};
    const HoneOnnx__Attribute *attr = hone_onnx_attr(a->node, "value");
    if (attr && attr->t) HONE_TRY(hone_onnx_const_read(a->store, attr->t, &value));
    if (attr && value.count != 1) return hone_fail(HONE_INVALID, "its value is not one number");
    float *f;
    int64_t *i;
    uint8_t *m;
    HONE_TRY(fold_alloc(a, !attr || value.f, false, &f, &i, &m));
    for (int64_t k = 0; attr && k < a->out->count; k++) {
        if (f)
            f[k] = value.f[0];
        else
            i[k] = value.i[0];
    }
    return HONE_OK;
}

static hone_status fold_gather(const struct hone_onnx_fold_args *a) {
    HONE_TRY(fold_need(a, 2));
    const struct hone_onnx_const *data = a->in[0], *index = a->in[1];
    int64_t axis = hone_onnx_attr_int(a->node, "axis", 0);
    if (data->rank != 1 || (axis != 0 && axis != -1) || !index->i)
        return hone_fail(HONE_UNSUPPORTED, "only elements of a list can be gathered");
    a->out->rank = index->rank;
    memcpy(a->out->dim, index->dim, sizeof index->dim);
    struct fold_copy copy;
    HONE_TRY(fold_copy_init(a, data, &copy));
    for (int64_t k = 0; k < index->count; k++) {
        int64_t at = index->i[k] < 0 ? index->i[k] + data->count : index->i[k];
        if (at < 0 || at >= data->count)
            return hone_fail(HONE_INVALID, "element %lld of a list of %lld", (long long)index->i[k],
                             (long long)data->count);
        fold_move(&copy, k, at);
    }
    return HONE_OK;
}

static int64_t clamp(int64_t value, int64_t least, int64_t most) {
    return value < least ? least : value > most ? most : value;
}

// Along the first axis, any step: what files do to shapes and to (n,2) tables of paddings.
static hone_status fold_slice(const struct hone_onnx_fold_args *a) {
    HONE_TRY(fold_need(a, 1));
    struct fold_list starts, ends, axes, steps;
    HONE_TRY(fold_list(a, 1, "starts", &starts));
    HONE_TRY(fold_list(a, 2, "ends", &ends));
    HONE_TRY(fold_list(a, 3, "axes", &axes));
    HONE_TRY(fold_list(a, 4, "steps", &steps));
    const struct hone_onnx_const *data = a->in[0];
    int64_t axis = axes.count ? axes.data[0] : 0, step = steps.count ? steps.data[0] : 1;
    bool first = axis == 0 || axis == -data->rank;
    if (data->rank < 1 || starts.count != 1 || ends.count != 1 || axes.count > 1 || !first ||
        step == 0 || step < -INT32_MAX || step > INT32_MAX)
        return hone_fail(HONE_UNSUPPORTED, "only the first axis of a constant can be sliced");
    int64_t size = data->dim[0], start = starts.data[0], end = ends.data[0];
    if (start < 0) start = start < -size ? -1 : start + size;
    if (end < 0) end = end < -size ? -1 : end + size;
    start = step > 0 ? clamp(start, 0, size) : clamp(start, -1, size - 1);
    end = step > 0 ? clamp(end, 0, size) : clamp(end, -1, size - 1);
    int64_t count = step > 0 ? (end - start + step - 1) / step : (start - end - step - 1) / -step;
    if (count < 0) count = 0;
    a->out->rank = data->rank;
    memcpy(a->out->dim, data->dim, sizeof data->dim);
    a->out->dim[0] = count;
    struct fold_copy copy;
    HONE_TRY(fold_copy_init(a, data, &copy));
    int64_t row = size ? data->count / size : 0;
    for (int64_t k = 0; k < count; k++)
        for (int64_t e = 0; e < row; e++)
            fold_move(&copy, k * row + e, (start + k * step) * row + e);
    return HONE_OK;
}

// Lists end to end.
static hone_status fold_concat(const struct hone_onnx_fold_args *a) {
    HONE_TRY(fold_need(a, a->input_count ? a->input_count : 1));
    int64_t axis = hone_onnx_attr_int(a->node, "axis", 0), total = 0;
    bool real = a->in[0]->f != NULL;
    for (int k = 0; k < a->input_count; k++) {
        if (a->in[k]->rank != 1 || (axis != 0 && axis != -1) || (a->in[k]->f != NULL) != real)
            return hone_fail(HONE_UNSUPPORTED, "only lists can be concatenated as constants");
        total += a->in[k]->count;
    }
    a->out->rank = 1;
    a->out->dim[0] = total;
    struct fold_copy copy;
    HONE_TRY(fold_alloc(a, real, true, &copy.f, &copy.i, &copy.m));
    int64_t at = 0;
    for (int k = 0; k < a->input_count; k++) {
        copy.src = a->in[k];
        for (int64_t e = 0; e < a->in[k]->count; e++) fold_move(&copy, at++, e);
    }
    return HONE_OK;
}

static hone_status fold_unsqueeze(const struct hone_onnx_fold_args *a) {
    HONE_TRY(fold_need(a, 1));
    struct fold_list axes;
    HONE_TRY(fold_list(a, 1, "axes", &axes));
    int rank = a->in[0]->rank + (int)clamp(axes.count, 0, HONE_ONNX_MAX_RANK + 1);
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
    HONE_TRY(fold_need(a, 1));
    struct fold_list axes;
    HONE_TRY(fold_list(a, 1, "axes", &axes));
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
    HONE_TRY(fold_need(a, 2));
    struct fold_list shape;
    HONE_TRY(fold_list(a, 1, "its sizes", &shape));
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

static hone_status fold_transpose(const struct hone_onnx_fold_args *a) {
    HONE_TRY(fold_need(a, 1));
    const struct hone_onnx_const *data = a->in[0];
    int rank = data->rank;
    int32_t perm[HONE_ONNX_MAX_RANK];
    HONE_TRY(hone_onnx_attr_sizes(a->node, "perm", (size_t)rank, 0, rank - 1, -1, perm));
    int64_t stride[HONE_ONNX_MAX_RANK], along[HONE_ONNX_MAX_RANK] = {0};
    for (int64_t d = rank - 1, s = 1; d >= 0; s *= data->dim[d], d--) stride[d] = s;
    a->out->rank = rank;
    bool seen[HONE_ONNX_MAX_RANK] = {false};
    for (int d = 0; d < rank; d++) {
        if (perm[d] < 0) perm[d] = rank - 1 - d;
        if (seen[perm[d]]) return hone_fail(HONE_INVALID, "perm names an axis twice");
        seen[perm[d]] = true;
        a->out->dim[d] = data->dim[perm[d]];
    }
    struct fold_copy copy;
    HONE_TRY(fold_copy_init(a, data, &copy));
    for (int64_t k = 0; k < a->out->count; k++) {
        int64_t from = 0;
        for (int d = 0; d < rank; d++) from += along[d] * stride[perm[d]];
        fold_move(&copy, k, from);
        for (int d = rank - 1; d >= 0 && ++along[d] == a->out->dim[d]; d--) along[d] = 0;
    }
    return HONE_OK;
}

static hone_status fold_cast(const struct hone_onnx_fold_args *a) {
    HONE_TRY(fold_need(a, 1));
    const struct hone_onnx_const *data = a->in[0];
    int64_t to = hone_onnx_attr_int(a->node, "to", 0);
    bool real = to == HONE_ONNX_FLOAT || to == HONE_ONNX_DOUBLE || to == HONE_ONNX_FLOAT16 ||
                to == HONE_ONNX_BFLOAT16;
    if (!real && to != HONE_ONNX_INT64 && to != HONE_ONNX_INT32 && to != HONE_ONNX_BOOL)
        return hone_fail(HONE_UNSUPPORTED, "a cast to type %lld", (long long)to);
    if (real == (data->f != NULL)) return fold_identity(a);
    a->out->rank = data->rank;
    memcpy(a->out->dim, data->dim, sizeof data->dim);
    float *f;
    int64_t *i;
    uint8_t *m;
    HONE_TRY(fold_alloc(a, real, data->marks != NULL, &f, &i, &m));
    for (int64_t k = 0; k < data->count; k++) {
        if (f) {
            f[k] = (float)data->i[k];
        } else {
            double value = trunc((double)data->f[k]);
            if (!(fabs(value) <= 0x1p53)) return hone_fail(HONE_INVALID, "a cast of %g", value);
            i[k] = (int64_t)value;
        }
        if (m) m[k] = data->marks[k];
    }
    return HONE_OK;
}

// ---- Arithmetic
// -------------------------------------------------------------------------------------------

// Both values and the result; integers stay below 2^53 so that nothing overflows.
static hone_status fold_number(char op, bool real, double x, double y, double *out) {
    double value = op == '+' ? x + y : op == '-' ? x - y : op == '*' ? x * y : 0;
    if (op == '/') {
        if (y == 0 && !real) return hone_fail(HONE_INVALID, "a division by zero");
        value = real ? x / y : trunc(x / y);
    }
    if (!real && !(fabs(value) <= 0x1p53)) return hone_fail(HONE_INVALID, "%g is too large", value);
    *out = value;
    return HONE_OK;
}

static enum hone_onnx_mark fold_mark(char op, enum hone_onnx_mark x, enum hone_onnx_mark y,
                                     double xv, double yv) {
    if (x == HONE_MARK_NONE && y == HONE_MARK_NONE) return HONE_MARK_NONE;
    double neutral = op == '*' || op == '/' ? 1 : 0;
    if (x == HONE_MARK_BATCH && y == HONE_MARK_NONE && yv == neutral) return HONE_MARK_BATCH;
    bool commutes = op == '*' || op == '+';
    if (commutes && y == HONE_MARK_BATCH && x == HONE_MARK_NONE && xv == neutral)
        return HONE_MARK_BATCH;
    return HONE_MARK_MIXED;
}

static hone_status fold_broadcast(const struct hone_onnx_const *x, const struct hone_onnx_const *y,
                                  struct hone_onnx_const *out) {
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

// Offset of the element of `src` that broadcasts to position `along` of a tensor of `rank`.
static int64_t fold_offset(const struct hone_onnx_const *src, int rank, const int64_t *along) {
    int64_t offset = 0;
    for (int d = 0; d < src->rank; d++)
        offset = offset * src->dim[d] + (src->dim[d] == 1 ? 0 : along[d + rank - src->rank]);
    return offset;
}

static hone_status fold_binary(const struct hone_onnx_fold_args *a, char op) {
    HONE_TRY(fold_need(a, 2));
    const struct hone_onnx_const *x = a->in[0], *y = a->in[1];
    bool real = x->f != NULL;
    if (real != (y->f != NULL)) return hone_fail(HONE_INVALID, "its inputs differ in type");
    HONE_TRY(fold_broadcast(x, y, a->out));
    float *f;
    int64_t *i;
    uint8_t *m;
    HONE_TRY(fold_alloc(a, real, x->marks || y->marks, &f, &i, &m));
    int64_t along[HONE_ONNX_MAX_RANK] = {0};
    for (int64_t k = 0; k < a->out->count; k++) {
        int64_t kx = fold_offset(x, a->out->rank, along), ky = fold_offset(y, a->out->rank, along);
        double xv = hone_onnx_const_number(x, kx), yv = hone_onnx_const_number(y, ky), value;
        HONE_TRY(fold_number(op, real, xv, yv, &value));
        if (f)
            f[k] = (float)value;
        else
            i[k] = (int64_t)value;
        if (m)
            m[k] = (uint8_t)fold_mark(op, hone_onnx_const_mark(x, kx), hone_onnx_const_mark(y, ky),
                                      xv, yv);
        for (int d = a->out->rank - 1; d >= 0 && ++along[d] == a->out->dim[d]; d--) along[d] = 0;
    }
    return HONE_OK;
}
static hone_status fold_add(const struct hone_onnx_fold_args *a) {
    return fold_binary(a, '+');
}
static hone_status fold_sub(const struct hone_onnx_fold_args *a) {
    return fold_binary(a, '-');
}
static hone_status fold_mul(const struct hone_onnx_fold_args *a) {
    return fold_binary(a, '*');
}
static hone_status fold_div(const struct hone_onnx_fold_args *a) {
    return fold_binary(a, '/');
}

static hone_status fold_unary(const struct hone_onnx_fold_args *a, double (*fn)(double)) {
    HONE_TRY(fold_need(a, 1));
    const struct hone_onnx_const *x = a->in[0];
    a->out->rank = x->rank;
    memcpy(a->out->dim, x->dim, sizeof x->dim);
    float *f;
    int64_t *i;
    uint8_t *m;
    HONE_TRY(fold_alloc(a, x->f != NULL, x->marks != NULL, &f, &i, &m));
    for (int64_t k = 0; k < x->count; k++) {
        double value = hone_onnx_const_number(x, k);
        if (!f && !(fabs(value) <= 0x1p53))
            return hone_fail(HONE_INVALID, "%g is too large", value);
        if (f)
            f[k] = (float)fn(value);
        else
            i[k] = (int64_t)fn(value);
        if (m) m[k] = x->marks[k] ? HONE_MARK_MIXED : HONE_MARK_NONE;
    }
    return HONE_OK;
}
static double negate(double x) {
    return -x;
}
static hone_status fold_neg(const struct hone_onnx_fold_args *a) {
    return fold_unary(a, negate);
}
static hone_status fold_floor(const struct hone_onnx_fold_args *a) {
    return fold_unary(a, floor);
}
static hone_status fold_ceil(const struct hone_onnx_fold_args *a) {
    return fold_unary(a, ceil);
}

// What exporters compute the sizes of an Expand with. The batch equals no constant.
static hone_status fold_equal(const struct hone_onnx_fold_args *a) {
    HONE_TRY(fold_need(a, 2));
    const struct hone_onnx_const *x = a->in[0], *y = a->in[1];
    HONE_TRY(fold_broadcast(x, y, a->out));
    float *f;
    int64_t *i, along[HONE_ONNX_MAX_RANK] = {0};
    uint8_t *m;
    HONE_TRY(fold_alloc(a, false, false, &f, &i, &m));
    for (int64_t k = 0; k < a->out->count; k++) {
        int64_t kx = fold_offset(x, a->out->rank, along), ky = fold_offset(y, a->out->rank, along);
        bool open = hone_onnx_const_mark(x, kx) || hone_onnx_const_mark(y, ky);
        i[k] = !open && hone_onnx_const_number(x, kx) == hone_onnx_const_number(y, ky);
        for (int d = a->out->rank - 1; d >= 0 && ++along[d] == a->out->dim[d]; d--) along[d] = 0;
    }
    return HONE_OK;
}

static hone_status fold_where(const struct hone_onnx_fold_args *a) {
    HONE_TRY(fold_need(a, 3));
    const struct hone_onnx_const *c = a->in[0], *x = a->in[1], *y = a->in[2];
    bool same = c->i && (x->f != NULL) == (y->f != NULL);
    for (int k = 1; k < 3; k++)
        same = same && a->in[k]->rank == c->rank && a->in[k]->count == c->count;
    if (!same) return hone_fail(HONE_UNSUPPORTED, "a choice among constants of different shapes");
    a->out->rank = c->rank;
    memcpy(a->out->dim, c->dim, sizeof c->dim);
    struct fold_copy copy = {.src = x};
    HONE_TRY(fold_alloc(a, x->f != NULL, x->marks || y->marks, &copy.f, &copy.i, &copy.m));
    for (int64_t k = 0; k < c->count; k++) {
        copy.src = c->i[k] ? x : y;
        fold_move(&copy, k, k);
    }
    return HONE_OK;
}

// To the batch a constant is not repeated: whoever takes it does that.
static hone_status fold_expand(const struct hone_onnx_fold_args *a) {
    HONE_TRY(fold_need(a, 2));
    const struct hone_onnx_const *x = a->in[0], *shape = a->in[1];
    struct hone_onnx_const to = {.rank = (int)shape->count};
    if (!shape->i || shape->count > HONE_ONNX_MAX_RANK)
        return hone_fail(HONE_UNSUPPORTED, "its shape is no list of a few integers");
    for (int d = 0; d < to.rank; d++) {
        enum hone_onnx_mark mark = hone_onnx_const_mark(shape, d);
        if (mark == HONE_MARK_MIXED || (mark == HONE_MARK_BATCH && d > 0))
            return hone_fail(HONE_UNSUPPORTED, "its shape depends on the batch size");
        to.dim[d] = mark == HONE_MARK_BATCH ? 1 : shape->i[d];
    }
    HONE_TRY(fold_broadcast(x, &to, a->out));
    struct fold_copy copy;
    HONE_TRY(fold_copy_init(a, x, &copy));
    int64_t along[HONE_ONNX_MAX_RANK] = {0};
    for (int64_t k = 0; k < a->out->count; k++) {
        fold_move(&copy, k, fold_offset(x, a->out->rank, along));
        for (int d = a->out->rank - 1; d >= 0 && ++along[d] == a->out->dim[d]; d--) along[d] = 0;
    }
    return HONE_OK;
}

hone_onnx_fold_fn hone_onnx_fold_find(const char *op_type) {
    static const struct {
        const char *name;
        hone_onnx_fold_fn fn;
    } table[] = {
        {"Add", fold_add},
        {"Cast", fold_cast},
        {"Ceil", fold_ceil},
        {"Concat", fold_concat},
        {"Constant", fold_constant},
        {"ConstantOfShape", fold_constant_of_shape},
        {"Div", fold_div},
        {"Equal", fold_equal},
        {"Expand", fold_expand},
        {"Floor", fold_floor},
        {"Gather", fold_gather},
        {"Identity", fold_identity},
        {"Mul", fold_mul},
        {"Neg", fold_neg},
        {"Reshape", fold_reshape},
        {"Slice", fold_slice},
        {"Squeeze", fold_squeeze},
        {"Sub", fold_sub},
        {"Transpose", fold_transpose},
        {"Unsqueeze", fold_unsqueeze},
        {"Where", fold_where},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].name, op_type) == 0) return table[i].fn;
    return NULL;
}
