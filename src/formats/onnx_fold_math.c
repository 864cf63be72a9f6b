// onnx_fold_math.c: arithmetic on constants.
#include "formats/onnx_fold.h"

#include <math.h>
#include <string.h>

hone_status hone_onnx_fold_cast(const struct hone_onnx_fold_args *a) {
    HONE_TRY(hone_onnx_fold_need(a, 1));
    const struct hone_onnx_const *data = a->in[0];
    int64_t to = hone_onnx_attr_int(a->node, "to", 0);
    bool real = to == HONE_ONNX_FLOAT || to == HONE_ONNX_DOUBLE || to == HONE_ONNX_FLOAT16 ||
                to == HONE_ONNX_BFLOAT16;
    if (!real && to != HONE_ONNX_INT64 && to != HONE_ONNX_INT32 && to != HONE_ONNX_BOOL)
        return hone_fail(HONE_UNSUPPORTED, "a cast to type %lld", (long long)to);
    if (real == (data->f != NULL) && to != HONE_ONNX_BOOL) {
        *a->out = *data;
        return HONE_OK;
    }
    a->out->rank = data->rank;
    memcpy(a->out->dim, data->dim, sizeof data->dim);
    float *f;
    int64_t *i;
    uint8_t *m;
    HONE_TRY(hone_onnx_fold_alloc(a, real, data->marks != NULL, &f, &i, &m));
    for (int64_t k = 0; k < data->count; k++) {
        if (f) {
            f[k] = (float)data->i[k];
        } else {
            double value = data->f ? trunc((double)data->f[k]) : (double)data->i[k];
            if (to == HONE_ONNX_BOOL) value = hone_onnx_const_number(data, k) != 0;
            if (!(fabs(value) <= 0x1p53)) return hone_fail(HONE_INVALID, "a cast of %g", value);
            i[k] = (int64_t)value;
        }
        if (m) m[k] = data->marks[k];
    }
    return HONE_OK;
}

// ---- Two operands
// -------------------------------------------------------------------------------------------

// Both values and the result; integers stay below 2^53 so that nothing overflows.
static hone_status fold_number(char op, bool real, double x, double y, double *out) {
    double value = 0;
    if ((op == '/' || op == '%') && y == 0 && !real)
        return hone_fail(HONE_INVALID, "a division by zero");
    switch (op) {
    case '+': value = x + y; break;
    case '-': value = x - y; break;
    case '*': value = x * y; break;
    case '/': value = real ? x / y : trunc(x / y); break;
    case '^': value = pow(x, y); break;
    case '<': value = x < y ? x : y; break;
    case '>': value = x > y ? x : y; break;
    default: // the remainder, with the sign of y
        value = fmod(x, y);
        if (value != 0 && (value < 0) != (y < 0)) value += y;
    }
    if (!real && !(fabs(value) <= 0x1p53)) return hone_fail(HONE_INVALID, "%g is too large", value);
    *out = value;
    return HONE_OK;
}

// Multiples of the batch add up, and a quotient of two depends on it no more.
static enum hone_onnx_mark fold_mark(char op, enum hone_onnx_mark x, enum hone_onnx_mark y,
                                     double xv, double yv) {
    bool bx = x == HONE_MARK_BATCH, by = y == HONE_MARK_BATCH;
    if (x == HONE_MARK_MIXED || y == HONE_MARK_MIXED) return HONE_MARK_MIXED;
    if (!bx && !by) return HONE_MARK_NONE;
    bool neutral = (op == '+' || op == '-') && ((bx && !by && yv == 0) || (op == '+' && xv == 0));
    if (neutral || (op == '*' && bx != by)) return HONE_MARK_BATCH;
    if (op == '/' && bx && by) return HONE_MARK_NONE;
    if (op == '/' && bx && fmod(xv, yv) == 0) return HONE_MARK_BATCH;
    bool alike = op == '+' || op == '-' || op == '<' || op == '>'; // of multiples, is one
    return bx && by && alike ? HONE_MARK_BATCH : HONE_MARK_MIXED;
}

hone_status hone_onnx_fold_binary(const struct hone_onnx_fold_args *a) {
    static const char *const names[] = {"Add", "Sub", "Mul", "Div", "Mod", "Pow", "Min", "Max"};
    HONE_TRY(hone_onnx_fold_need(a, 2));
    int n = 0;
    while (strcmp(names[n], a->node->op_type) != 0) n++;
    char op = "+-*/%^<>"[n];
    if (a->input_count > 2) return hone_fail(HONE_UNSUPPORTED, "more than two constants");
    const struct hone_onnx_const *x = a->in[0], *y = a->in[1];
    bool real = x->f != NULL;
    if (real != (y->f != NULL) && op != '^')
        return hone_fail(HONE_INVALID, "its inputs differ in type");
    HONE_TRY(hone_onnx_fold_broadcast(x, y, a->out));
    float *f;
    int64_t *i;
    uint8_t *m;
    HONE_TRY(hone_onnx_fold_alloc(a, real, x->marks || y->marks, &f, &i, &m));
    int64_t along[HONE_ONNX_MAX_RANK] = {0};
    for (int64_t k = 0; k < a->out->count; k++) {
        int64_t kx = hone_onnx_fold_offset(x, a->out->rank, along),
                ky = hone_onnx_fold_offset(y, a->out->rank, along);
        double xv = hone_onnx_const_number(x, kx), yv = hone_onnx_const_number(y, ky), value;
        HONE_TRY(fold_number(op, real, xv, yv, &value));
        if (f)
            f[k] = (float)value;
        else
            i[k] = (int64_t)value;
        if (m)
            m[k] = (uint8_t)fold_mark(op, hone_onnx_const_mark(x, kx), hone_onnx_const_mark(y, ky),
                                      xv, yv);
        hone_onnx_fold_next(a->out, along);
    }
    return HONE_OK;
}
hone_status hone_onnx_fold_compare(const struct hone_onnx_fold_args *a) {
    static const char *const names[] = {"Equal",          "Less", "Greater", "LessOrEqual",
                                        "GreaterOrEqual", "And",  "Or"};
    HONE_TRY(hone_onnx_fold_need(a, 2));
    const struct hone_onnx_const *x = a->in[0], *y = a->in[1];
    int n = 0;
    while (strcmp(names[n], a->node->op_type) != 0) n++;
    HONE_TRY(hone_onnx_fold_broadcast(x, y, a->out));
    float *f;
    int64_t *i, along[HONE_ONNX_MAX_RANK] = {0};
    uint8_t *m;
    HONE_TRY(hone_onnx_fold_alloc(a, false, false, &f, &i, &m));
    for (int64_t k = 0; k < a->out->count; k++) {
        int64_t kx = hone_onnx_fold_offset(x, a->out->rank, along);
        int64_t ky = hone_onnx_fold_offset(y, a->out->rank, along);
        double v = hone_onnx_const_number(x, kx), w = hone_onnx_const_number(y, ky);
        bool open = hone_onnx_const_mark(x, kx) || hone_onnx_const_mark(y, ky);
        if (open && n > 0) return hone_fail(HONE_UNSUPPORTED, "it depends on the batch size");
        const bool is[] = {v == w && !open,  v<w, v> w,       v <= w, v >= w,
                           v != 0 && w != 0, v != 0 || w != 0}; // the batch equals no constant
        i[k] = is[n];
        hone_onnx_fold_next(a->out, along);
    }
    return HONE_OK;
}

// ---- One operand
// --------------------------------------------------------------------------------------------

static double negate(double x) {
    return -x;
}
static double is_zero(double x) {
    return x == 0;
}
static double invert(double x) {
    return 1 / x;
}
static double above_zero(double x) {
    return x < 0 ? 0 : x;
}
static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

hone_status hone_onnx_fold_unary(const struct hone_onnx_fold_args *a) {
    static const struct {
        const char *name;
        double (*fn)(double);
    } table[] = {
        {"Abs", fabs},          {"Ceil", ceil},       {"Cos", cos},    {"Exp", exp},
        {"Floor", floor},       {"Log", log},         {"Neg", negate}, {"Not", is_zero},
        {"Reciprocal", invert}, {"Relu", above_zero}, {"Round", rint}, {"Sigmoid", sigmoid},
        {"Sin", sin},           {"Sqrt", sqrt},       {"Tanh", tanh},
    };
    HONE_TRY(hone_onnx_fold_need(a, 1));
    size_t n = 0;
    while (strcmp(table[n].name, a->node->op_type) != 0) n++;
    double (*fn)(double) = table[n].fn;
    const struct hone_onnx_const *x = a->in[0];
    a->out->rank = x->rank;
    memcpy(a->out->dim, x->dim, sizeof x->dim);
    float *f;
    int64_t *i;
    uint8_t *m;
    HONE_TRY(hone_onnx_fold_alloc(a, x->f != NULL, x->marks != NULL, &f, &i, &m));
    for (int64_t k = 0; k < x->count; k++) {
        double value = hone_onnx_const_number(x, k);
        if (!f && !(fabs(value) <= 0x1p53))
            return hone_fail(HONE_INVALID, "%g is too large", value);
        if (f)
            f[k] = (float)fn(value);
        else
            i[k] = (int64_t)fn(value);
        bool kept = fn(value) == value; // a whole number, rounded
        if (m) m[k] = kept || !x->marks[k] ? x->marks[k] : HONE_MARK_MIXED;
    }
    return HONE_OK;
}
// Bounds are inputs, or attributes before opset 11; an absent one bounds nothing.
hone_status hone_onnx_fold_clip(const struct hone_onnx_fold_args *a) {
    HONE_TRY(hone_onnx_fold_need(a, 1));
    const struct hone_onnx_const *x = a->in[0];
    double bound[2] = {(double)hone_onnx_attr_float(a->node, "min", -INFINITY),
                       (double)hone_onnx_attr_float(a->node, "max", INFINITY)};
    for (int k = 1; k < 3 && k < a->input_count; k++) {
        if (a->in[k] && a->in[k]->count != 1)
            return hone_fail(HONE_INVALID, "its bounds are lists");
        if (a->in[k]) bound[k - 1] = hone_onnx_const_number(a->in[k], 0);
    }
    a->out->rank = x->rank;
    memcpy(a->out->dim, x->dim, sizeof x->dim);
    float *f;
    int64_t *i;
    uint8_t *m;
    HONE_TRY(hone_onnx_fold_alloc(a, x->f != NULL, x->marks != NULL, &f, &i, &m));
    for (int64_t k = 0; k < x->count; k++) {
        double was = hone_onnx_const_number(x, k), value = fmin(fmax(was, bound[0]), bound[1]);
        if (f)
            f[k] = (float)value;
        else
            i[k] = (int64_t)value;
        if (m) m[k] = x->marks[k] ? HONE_MARK_MIXED : HONE_MARK_NONE;
    }
    return HONE_OK;
}

// Of weights that are standardised with statistics of their own.
hone_status hone_onnx_fold_batch_norm(const struct hone_onnx_fold_args *a) {
    HONE_TRY(hone_onnx_fold_need(a, 5));
    const struct hone_onnx_const *x = a->in[0];
    int64_t behind = 1, channels = x->rank > 1 ? x->dim[1] : 0;
    for (int d = 2; d < x->rank; d++) behind *= x->dim[d];
    bool fits = x->f && !hone_onnx_attr_int(a->node, "training_mode", 0);
    for (int k = 1; k < 5; k++) fits = fits && a->in[k]->f && a->in[k]->count == channels;
    if (!fits) return hone_fail(HONE_UNSUPPORTED, "a norm of constants that is not plain");
    double eps = (double)hone_onnx_attr_float(a->node, "epsilon", 1e-5f);
    a->out->rank = x->rank;
    memcpy(a->out->dim, x->dim, sizeof x->dim);
    float *f;
    int64_t *i;
    uint8_t *m;
    HONE_TRY(hone_onnx_fold_alloc(a, true, false, &f, &i, &m));
    for (int64_t k = 0; k < x->count; k++) {
        int64_t c = k / behind % channels;
        double scale = (double)a->in[1]->f[c] / sqrt((double)a->in[4]->f[c] + eps);
        f[k] = (float)(((double)x->f[k] - (double)a->in[3]->f[c]) * scale + (double)a->in[2]->f[c]);
    }
    return HONE_OK;
}

// The result so far and the next number of a sum, product, largest or least.
static double reduce_step(char op, double sum, double x) {
    switch (op) {
    case '*': return sum * x;
    case '>': return x > sum ? x : sum;
    case '<': return x < sum ? x : sum;
    default: return sum + x;
    }
}

// Result k, into whichever of f and i the constant has; whole numbers only as far as a double
// counts them.
static hone_status put(float *f, int64_t *i, int64_t k, double value) {
    if (!f && !(fabs(value) <= 0x1p53)) return hone_fail(HONE_INVALID, "%g is too large", value);
    if (f)
        f[k] = (float)value;
    else
        i[k] = (int64_t)value;
    return HONE_OK;
}

// Over axes in input 1 or an attribute; over all where none are named.
hone_status hone_onnx_fold_reduce(const struct hone_onnx_fold_args *a) {
    HONE_TRY(hone_onnx_fold_need(a, 1));
    const struct hone_onnx_const *x = a->in[0];
    const char *kind = a->node->op_type + strlen("Reduce");
    bool mean = strcmp(kind, "Mean") == 0, gone[HONE_ONNX_MAX_RANK] = {false};
    char op = strcmp(kind, "Prod") == 0  ? '*'
              : strcmp(kind, "Max") == 0 ? '>'
              : strcmp(kind, "Min") == 0 ? '<'
                                         : '+';
    struct hone_onnx_fold_list axes;
    HONE_TRY(hone_onnx_fold_list(a, 1, "axes", &axes));
    if (hone_onnx_const_marked(x) && op != '*')
        return hone_fail(HONE_UNSUPPORTED, "it depends on the batch size");
    if (x->count == 0 || (mean && !x->f)) return hone_fail(HONE_UNSUPPORTED, "of no floats");
    for (int d = 0; d < x->rank; d++) gone[d] = axes.count == 0;
    for (int64_t k = 0; k < axes.count; k++) {
        int64_t axis = axes.data[k] < 0 ? axes.data[k] + x->rank : axes.data[k];
        if (axis < 0 || axis >= x->rank) return hone_fail(HONE_INVALID, "a wrong axis");
        gone[axis] = true;
    }
    struct hone_onnx_const kept = {.rank = x->rank}; // the result with all axes
    for (int d = 0; d < x->rank; d++) kept.dim[d] = gone[d] ? 1 : x->dim[d];
    for (int d = 0; d < x->rank; d++)
        if (!gone[d] || hone_onnx_attr_int(a->node, "keepdims", 1))
            a->out->dim[a->out->rank++] = kept.dim[d];
    float *f;
    int64_t *i, along[HONE_ONNX_MAX_RANK] = {0};
    uint8_t *m;
    HONE_TRY(hone_onnx_fold_alloc(a, x->f != NULL, x->marks != NULL, &f, &i, &m));
    double *sum = hone_onnx_store_alloc(a->store, a->out->count, sizeof *sum);
    uint8_t *begun = hone_onnx_store_alloc(a->store, a->out->count, 1);
    if (!sum || !begun) return hone_onnx_store_failure(a->store);
    for (int64_t k = 0; k < x->count; k++) {
        int64_t to = hone_onnx_fold_offset(&kept, x->rank, along);
        double value = hone_onnx_const_number(x, k);
        sum[to] = begun[to] ? reduce_step(op, sum[to], value) : value;
        begun[to] = 1;
        enum hone_onnx_mark mark = hone_onnx_const_mark(x, k);
        if (mark != HONE_MARK_NONE) // a product with two of them is no multiple
            m[to] = (uint8_t)(m[to] == HONE_MARK_NONE ? mark : HONE_MARK_MIXED);
        hone_onnx_fold_next(x, along);
    }
    for (int64_t k = 0; k < a->out->count; k++) {
        double value = mean ? sum[k] * (double)a->out->count / (double)x->count : sum[k];
        HONE_TRY(put(f, i, k, value));
    }
    return HONE_OK;
}

hone_status hone_onnx_fold_cumsum(const struct hone_onnx_fold_args *a) {
    HONE_TRY(hone_onnx_fold_need(a, 2));
    const struct hone_onnx_const *x = a->in[0];
    int64_t axis = a->in[1]->i && a->in[1]->count == 1 ? a->in[1]->i[0] : INT64_MAX, behind = 1;
    if (axis < 0) axis += x->rank;
    if (axis < 0 || axis >= x->rank) return hone_fail(HONE_INVALID, "a wrong axis");
    if (hone_onnx_attr_int(a->node, "exclusive", 0) || hone_onnx_attr_int(a->node, "reverse", 0) ||
        hone_onnx_const_marked(x))
        return hone_fail(HONE_UNSUPPORTED, "only plain sums of constants are supported");
    for (int d = (int)axis + 1; d < x->rank; d++) behind *= x->dim[d];
    a->out->rank = x->rank;
    memcpy(a->out->dim, x->dim, sizeof x->dim);
    float *f;
    int64_t *i;
    uint8_t *m;
    HONE_TRY(hone_onnx_fold_alloc(a, x->f != NULL, false, &f, &i, &m));
    for (int64_t k = 0; k < x->count; k++) {
        bool first = k / behind % x->dim[axis] == 0;
        double sum = hone_onnx_const_number(x, k);
        if (!first) sum += hone_onnx_const_number(a->out, k - behind);
        HONE_TRY(put(f, i, k, sum));
    }
    return HONE_OK;
}
