// onnx_quantize.c: QuantizeLinear and DequantizeLinear, in pairs around what runs on integers
// elsewhere. Constants become the numbers that the file computes with. Of activations hone keeps
// the range, which may stand for an activation that the quantiser took away, and drops the
// rounding: gradients pass as they do where nets are trained to be quantised.
#include "formats/onnx_fold.h"
#include "formats/onnx_import.h"

#include <math.h>
#include <string.h>

// The integers of a type; false where it is none that is known.
static bool quantize_range(int type, int64_t *least, int64_t *most) {
    static const struct {
        int type;
        int64_t least, most;
    } table[] = {{0, 0, UINT8_MAX}, // no zero point
                 {HONE_ONNX_UINT8, 0, UINT8_MAX},
                 {HONE_ONNX_INT8, INT8_MIN, INT8_MAX},
                 {HONE_ONNX_UINT16, 0, UINT16_MAX},
                 {HONE_ONNX_INT16, INT16_MIN, INT16_MAX}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].type == type) {
            *least = table[i].least;
            *most = table[i].most;
            return true;
        }
    return false;
}

// Of QuantizeLinear: its zero point's type, or what an attribute says.
static hone_status quantize_bounds(const HoneOnnx__Node *node, const struct hone_onnx_const *zero,
                                   int64_t *least, int64_t *most) {
    if (zero && !zero->type)
        return hone_fail(HONE_UNSUPPORTED, "its zero point is computed, so that its type is "
                                           "unknown; export it as a constant");
    int type = zero ? zero->type : (int)hone_onnx_attr_int(node, "output_dtype", 0);
    if (quantize_range(type, least, most) && (!zero || zero->i)) return HONE_OK;
    return hone_fail(HONE_UNSUPPORTED, "integers of type %d are not supported; 8 and 16 bits are",
                     type);
}

// ---- Constants
// --------------------------------------------------------------------------------------------

// One scale and zero point, or one for each along an axis: that of element k.
struct quantize_steps {
    const struct hone_onnx_const *scale, *zero;
    int64_t behind, many;
};

static double step_zero(const struct quantize_steps *s, int64_t k, double *scale) {
    int64_t c = s->many == 1 ? 0 : k / s->behind % s->many;
    *scale = (double)s->scale->f[c];
    return s->zero ? (double)s->zero->i[c] : 0;
}

static hone_status quantize_steps(const struct hone_onnx_fold_args *a, struct quantize_steps *out) {
    HONE_TRY(hone_onnx_fold_need(a, 2));
    const struct hone_onnx_const *x = a->in[0], *scale = a->in[1];
    const struct hone_onnx_const *zero = a->input_count > 2 ? a->in[2] : NULL;
    int axis = 0;
    int64_t behind = 1, many = scale->count;
    if (many != 1) HONE_TRY(hone_onnx_fold_axis(a, 1, x->rank, &axis));
    for (int d = axis + 1; d < x->rank; d++) behind *= x->dim[d];
    if (!scale->f || scale->rank > 1 || (many != 1 && many != x->dim[axis]) ||
        (zero && (!zero->i || zero->count != many)))
        return hone_fail(HONE_UNSUPPORTED, "only one scale, or one along an axis, is supported");
    *out = (struct quantize_steps){scale, zero, behind, many};
    a->out->rank = x->rank;
    memcpy(a->out->dim, x->dim, sizeof x->dim);
    return HONE_OK;
}

// (x - zero) scale
hone_status hone_onnx_fold_dequantize(const struct hone_onnx_fold_args *a) {
    struct quantize_steps steps;
    float *f;
    int64_t *i;
    uint8_t *m;
    HONE_TRY(quantize_steps(a, &steps));
    const struct hone_onnx_const *x = a->in[0];
    if (!x->i) return hone_fail(HONE_INVALID, "it is of no integers");
    HONE_TRY(hone_onnx_fold_alloc(a, true, false, &f, &i, &m));
    for (int64_t k = 0; k < x->count; k++) {
        double scale, zero = step_zero(&steps, k, &scale);
        f[k] = (float)(((double)x->i[k] - zero) * scale);
    }
    return HONE_OK;
}

// x / scale, rounded to even, + zero, within the type
hone_status hone_onnx_fold_quantize(const struct hone_onnx_fold_args *a) {
    struct quantize_steps steps;
    int64_t least, most, *i;
    float *f;
    uint8_t *m;
    HONE_TRY(quantize_steps(a, &steps));
    HONE_TRY(quantize_bounds(a->node, steps.zero, &least, &most));
    const struct hone_onnx_const *x = a->in[0];
    if (!x->f) return hone_fail(HONE_INVALID, "it is of no floats");
    HONE_TRY(hone_onnx_fold_alloc(a, false, false, &f, &i, &m));
    for (int64_t k = 0; k < x->count; k++) {
        double scale, zero = step_zero(&steps, k, &scale);
        double value = rint((double)x->f[k] / scale) + zero;
        i[k] = value >= (double)most ? most : value > (double)least ? (int64_t)value : least;
    }
    return HONE_OK;
}

// ---- Activations
// --------------------------------------------------------------------------------------------

hone_status hone_onnx_quantize(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x;
    const struct hone_onnx_const *scale, *zero;
    int64_t least, most;
    HONE_TRY(hone_onnx_input_value(im, node, 0, &x));
    HONE_TRY(hone_onnx_input_const(im, node, 1, true, "scale", &scale));
    HONE_TRY(hone_onnx_input_const(im, node, 2, false, "zero point", &zero));
    HONE_TRY(quantize_bounds(node, zero, &least, &most));
    if (!scale->f || scale->count != 1 || !(scale->f[0] > 0) || (zero && zero->count != 1))
        return hone_fail(HONE_UNSUPPORTED, "an activation is quantised with one scale above 0, not "
                                           "with one for each channel");
    if (!im->quantized)
        HONE_TRY(hone_model_warn(im->model,
                                 "the file is quantised ('%s' and others): its activations keep "
                                 "their ranges and are not rounded; what hone trains and writes is "
                                 "in floats",
                                 hone_onnx_node_name(node)));
    im->quantized = true;
    int64_t middle = zero ? zero->i[0] : 0;
    HONE_TRY(hone_onnx_settle(im, x));
    return hone_onnx_act_within(im, node, x, (float)(least - middle) * scale->f[0],
                                (float)(most - middle) * scale->f[0]);
}
