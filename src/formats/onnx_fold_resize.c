// onnx_fold_resize.c: Resize of constants, as tables of positions are brought to another grid: axis
// by axis, the weights of onnx_resize.h times what is there. All filters, each with its attributes.
#include "formats/onnx_fold.h"
#include "formats/onnx_resize.h"

#include <math.h>
#include <string.h>

// The axes that the sizes or scales are of.
static hone_status resize_axes(const struct hone_onnx_fold_args *a, int64_t count,
                               int axis[HONE_ONNX_MAX_RANK]) {
    int rank = a->in[0]->rank;
    const HoneOnnx__Attribute *axes = hone_onnx_attr(a->node, "axes");
    if (count != (axes ? (int64_t)axes->n_ints : rank))
        return hone_fail(HONE_INVALID, "%lld sizes of rank %d", (long long)count, rank);
    for (int64_t k = 0; k < count; k++) {
        int64_t at = axes ? axes->ints[k] : k;
        if (at < 0) at += rank;
        if (at < 0 || at >= rank) return hone_fail(HONE_INVALID, "a wrong axis");
        axis[k] = (int)at;
    }
    return HONE_OK;
}

// out (front,to,behind) = matrix (to,from) of shares times x (front,from,behind); out starts at 0.
static void resize_apply(const float *matrix, int32_t from, int32_t to, int64_t front,
                         int64_t behind, const float *x, float *out) {
    for (int32_t o = 0; o < to; o++)
        for (int32_t i = 0; i < from; i++) {
            float share = matrix[(int64_t)o * from + i];
            for (int64_t z = 0; z < front && share != 0; z++)
                for (int64_t e = 0; e < behind; e++)
                    out[(z * to + o) * behind + e] += share * x[(z * from + i) * behind + e];
        }
}

// x with axis `d` of out->dim[d] places in place of its own; shapes are those on the way.
static hone_status resize_axis(const struct hone_onnx_fold_args *a,
                               const struct hone_onnx_resize *modes, int d, double scale,
                               struct hone_onnx_const *x, int32_t to) {
    int32_t from = (int32_t)x->dim[d];
    int64_t front = 1, behind = 1;
    for (int i = 0; i < x->rank; i++)
        if (i != d) *(i < d ? &front : &behind) *= x->dim[i];
    const float *before = x->f;
    x->dim[d] = to;
    HONE_TRY(hone_onnx_const_measure(x));
    float *matrix = hone_onnx_store_alloc(a->store, (int64_t)from * to, sizeof *matrix);
    float *after = matrix ? hone_onnx_store_alloc(a->store, x->count, sizeof *after) : NULL;
    if (!after) return hone_onnx_store_failure(a->store);
    hone_onnx_resize_matrix(modes, from, to, scale, matrix);
    resize_apply(matrix, from, to, front, behind, before, after);
    x->f = after;
    return HONE_OK;
}

hone_status hone_onnx_fold_resize(const struct hone_onnx_fold_args *a) {
    HONE_TRY(hone_onnx_fold_need(a, 1));
    bool old = strcmp(a->node->op_type, "Upsample") == 0 || a->opset < 11;
    const struct hone_onnx_const *list[2] = {NULL, NULL}; // scales, sizes
    for (int k = old ? 1 : 2, i = 0; k < a->input_count && i < 2; k++, i++)
        if (a->in[k] && a->in[k]->count > 0) list[i] = a->in[k];
    struct hone_onnx_resize modes;
    HONE_TRY(hone_onnx_resize_modes(a->node, old, &modes));
    const struct hone_onnx_const *by = list[0] ? list[0] : list[1];
    if (!list[0] == !list[1] || !a->in[0]->f || (list[1] && !list[1]->i) || a->in[0]->count == 0)
        return hone_fail(HONE_INVALID, "it needs floats, and sizes or scales");
    if (hone_onnx_const_marked(by) && by->marks[0] != HONE_MARK_BATCH)
        return hone_fail(HONE_UNSUPPORTED, "its sizes depend on the batch size");
    int axis[HONE_ONNX_MAX_RANK];
    if (by->count > HONE_ONNX_MAX_RANK) return hone_fail(HONE_INVALID, "too many sizes");
    HONE_TRY(resize_axes(a, by->count, axis));
    struct hone_onnx_const x = *a->in[0];
    x.source = NULL; // other numbers than the file's
    x.places = NULL;
    x.block = NULL;
    for (int64_t k = 0; k < by->count; k++) {
        double in = (double)x.dim[axis[k]], given = hone_onnx_const_number(by, k);
        double out = list[1] ? given : floor(in * given);
        if (!(out >= 1 && out <= 1 << 20))
            return hone_fail(HONE_INVALID, "from %g places to %g", in, out);
        double scale = list[1] ? out / in : given; // 1.1 moves places, though 7 stay 7
        if (scale != 1) HONE_TRY(resize_axis(a, &modes, axis[k], scale, &x, (int32_t)out));
    }
    *a->out = x;
    return HONE_OK;
}
