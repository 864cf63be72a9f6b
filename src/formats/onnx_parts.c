// onnx_parts.c: operators that put tensors together and take them apart, along any axis but the
// batch.
#include "formats/onnx_import.h"
#include "ops/row.h"

#include <string.h>

// ---- Together
// -----------------------------------------------------------------------------------------------

// All inputs in one order of axes, that of a picture if any is one.
static hone_status concat_arrange(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                                  int *rank, const int8_t **perm, struct hone_onnx_tensor **like) {
    struct hone_onnx_tensor *x;
    *perm = hone_onnx_plain;
    *like = NULL;
    for (size_t k = 0; k < node->n_input; k++) {
        HONE_TRY(hone_onnx_input(im, node, k, true, &x));
        if (x->state == HONE_ONNX_CONST) continue;
        HONE_TRY(hone_onnx_input_value(im, node, k, &x));
        if (!*like) *rank = hone_onnx_rank(im, x);
        *like = x;
        if (hone_onnx_rank(im, x) != *rank)
            return hone_fail(HONE_INVALID, "its inputs differ in rank");
        if (*rank == 4 && hone_onnx_is(x, hone_onnx_image, 4)) *perm = hone_onnx_image;
    }
    for (size_t k = 0; k < node->n_input; k++) {
        HONE_TRY(hone_onnx_input(im, node, k, true, &x));
        if (x->state == HONE_ONNX_NODE) HONE_TRY(hone_onnx_arrange(im, x, *perm));
    }
    return *like ? HONE_OK : hone_fail(HONE_UNSUPPORTED, "all its inputs are constant");
}

// The tensor that an Expand only repeats over the batch, whose name the parameter should have.
static struct hone_onnx_tensor *concat_source(struct hone_onnx_import *im,
                                              struct hone_onnx_tensor *c) {
    if (c->writer == UINT32_MAX) return c;
    const HoneOnnx__Node *node = im->file.model->graph->node[c->writer];
    if (strcmp(hone_onnx_text(node->op_type), "Expand") != 0 || node->n_input < 1) return c;
    struct hone_onnx_tensor *from = hone_onnx_name(im, node->input[0]);
    bool same = from && from->state == HONE_ONNX_CONST && from->constant.rank == c->constant.rank &&
                from->constant.count == c->constant.count;
    return same ? from : c;
}

// Constants beside one activation: they are repeated over the batch.
static hone_status concat_constant(struct hone_onnx_import *im, struct hone_onnx_tensor *c,
                                   const struct hone_desc *x, int axis, hone_value *out) {
    const struct hone_onnx_const *k = &c->constant;
    bool fits = k->f && !hone_onnx_const_marked(k) && k->rank == x->rank && k->dim[0] == 1;
    struct hone_desc desc = *x;
    for (int i = 0; fits && i < x->rank; i++) {
        fits = i == 0 || i == axis || k->dim[i] == x->dim[i];
        desc.dim[i] = (int32_t)k->dim[i];
    }
    if (!fits || k->dim[axis] < 1)
        return hone_fail(HONE_UNSUPPORTED, "constant '%s' does not fit the others", c->name);
    return hone_onnx_param(im, c, HONE_PARAM_TERM, HONE_LAYOUT_SAME, desc, NULL, out);
}

hone_status hone_onnx_concat(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    if (node->n_input < 1 || node->n_input > INT16_MAX)
        return hone_fail(HONE_INVALID, "%zu inputs", node->n_input);
    int rank = 0;
    const int8_t *perm;
    struct hone_onnx_tensor *like;
    HONE_TRY(concat_arrange(im, node, &rank, &perm, &like));
    int64_t axis = hone_onnx_attr_int(node, "axis", 1);
    if (axis < 0) axis += rank;
    if (axis < 1 || axis >= rank)
        return hone_fail(HONE_UNSUPPORTED, "axis %lld of rank %d", (long long)axis, rank);
    // What the operator cannot take at once is put together before it.
    hone_value inputs[HONE_LAUNCH_DISPATCHES], y = HONE_NO_VALUE;
    struct hone_concat_attrs attrs = {.axis = perm[axis]};
    int count = 0;
    for (size_t k = 0; k < node->n_input; k++) {
        struct hone_onnx_tensor *x = hone_onnx_name(im, node->input[k]);
        inputs[count] = x->value;
        if (x->state == HONE_ONNX_CONST) {
            if (perm != hone_onnx_plain)
                return hone_fail(HONE_UNSUPPORTED, "a constant beside pictures");
            HONE_TRY(concat_constant(im, concat_source(im, x),
                                     hone_graph_desc(im->graph, like->value), (int)axis,
                                     &inputs[count]));
        }
        count++;
        if (count < hone_op_concat.inputs_max && k + 1 < node->n_input) continue;
        y = hone_graph_emit(im->graph, &hone_op_concat, hone_onnx_node_name(node), &attrs, inputs,
                            count);
        inputs[0] = y;
        count = 1;
    }
    return hone_onnx_define(im, node, y, perm);
}

// ---- Apart
// --------------------------------------------------------------------------------------------------

// An axis of x as the file counts it, which may not be the batch.
static hone_status parts_axis(const struct hone_onnx_import *im, const struct hone_onnx_tensor *x,
                              int64_t axis, int *out) {
    int rank = hone_onnx_rank(im, x);
    if (axis < 0) axis += rank;
    if (axis < 0 || axis >= rank || x->perm[axis] == 0)
        return hone_fail(HONE_UNSUPPORTED, "axis %lld of rank %d: the batch stays whole",
                         (long long)axis, rank);
    *out = (int)axis;
    return HONE_OK;
}

// Elements [begin, begin + size) of ONNX axis `axis`.
static hone_value parts_take(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                             const struct hone_onnx_tensor *x, int axis, int64_t begin,
                             int64_t size) {
    struct hone_slice_attrs attrs = {{0}, {0}};
    attrs.begin[x->perm[axis]] = (int32_t)begin;
    attrs.size[x->perm[axis]] = (int32_t)size;
    return HONE_EMIT(im->graph, &hone_op_slice, hone_onnx_node_name(node), &attrs, x->value);
}

hone_status hone_onnx_slice(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x;
    HONE_TRY(hone_onnx_input_value(im, node, 0, &x));
    HONE_TRY(hone_onnx_settle(im, x));
    int64_t starts[HONE_ONNX_MAX_RANK * 2], ends[HONE_ONNX_MAX_RANK * 2],
        axes[HONE_ONNX_MAX_RANK * 2], steps[HONE_ONNX_MAX_RANK * 2];
    int count, end_count, axis_count, step_count, rank = hone_onnx_rank(im, x);
    HONE_TRY(hone_onnx_numbers(im, node, 1, "starts", starts, &count));
    HONE_TRY(hone_onnx_numbers(im, node, 2, "ends", ends, &end_count));
    HONE_TRY(hone_onnx_numbers(im, node, 3, "axes", axes, &axis_count));
    HONE_TRY(hone_onnx_numbers(im, node, 4, "steps", steps, &step_count));
    if (end_count != count || (axis_count && axis_count != count) ||
        (step_count && step_count != count))
        return hone_fail(HONE_INVALID, "its lists differ in length");
    struct hone_slice_attrs attrs = {{0}, {0}};
    for (int k = 0; k < count; k++) {
        int64_t axis = axis_count ? axes[k] : k, begin = starts[k], end = ends[k];
        if (axis < 0) axis += rank;
        if (axis < 0 || axis >= rank || x->perm[axis] == 0 || (step_count && steps[k] != 1))
            return hone_fail(HONE_UNSUPPORTED, "slices of the batch and steps are not supported");
        int64_t size = hone_onnx_dim(im, x, (int)axis);
        if (begin < 0) begin = begin < -size ? 0 : begin + size;
        if (end < 0) end = end < -size ? 0 : end + size;
        if (end > size) end = size;
        if (begin >= end)
            return hone_fail(HONE_INVALID, "an empty slice of axis %lld", (long long)axis);
        attrs.begin[x->perm[axis]] = (int32_t)begin;
        attrs.size[x->perm[axis]] = (int32_t)(end - begin);
    }
    hone_value y =
        HONE_EMIT(im->graph, &hone_op_slice, hone_onnx_node_name(node), &attrs, x->value);
    return hone_onnx_define(im, node, y, x->perm);
}

// Elements at constant places, one after another: a part of the axis, or one without the axis.
hone_status hone_onnx_gather(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x;
    const struct hone_onnx_const *index;
    int axis;
    HONE_TRY(hone_onnx_input_value(im, node, 0, &x));
    HONE_TRY(hone_onnx_input_const(im, node, 1, true, "the places", &index));
    HONE_TRY(parts_axis(im, x, hone_onnx_attr_int(node, "axis", 0), &axis));
    HONE_TRY(hone_onnx_settle(im, x));
    int64_t size = hone_onnx_dim(im, x, axis);
    if (!index->i || index->rank > 1 || index->count < 1)
        return hone_fail(HONE_UNSUPPORTED, "its places must be a list of integers");
    int64_t begin = index->i[0] < 0 ? index->i[0] + size : index->i[0];
    for (int64_t k = 1; k < index->count; k++)
        if (index->i[k] != index->i[0] + k)
            return hone_fail(HONE_UNSUPPORTED, "its places must follow one another");
    if (begin < 0 || begin + index->count > size)
        return hone_fail(HONE_INVALID, "places %lld to %lld of %lld", (long long)begin,
                         (long long)(begin + index->count - 1), (long long)size);
    struct hone_onnx_tensor part = *x;
    part.value = parts_take(im, node, x, axis, begin, index->count);
    HONE_TRY(hone_graph_status(im->graph));
    if (index->rank == 1) return hone_onnx_define(im, node, part.value, part.perm);
    return hone_onnx_drop_axis(im, node, &part, axis);
}

hone_status hone_onnx_split(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x;
    int64_t sizes[HONE_ONNX_MAX_RANK * 2];
    int count, axis, outputs = (int)node->n_output;
    HONE_TRY(hone_onnx_input_value(im, node, 0, &x));
    HONE_TRY(parts_axis(im, x, hone_onnx_attr_int(node, "axis", 0), &axis));
    HONE_TRY(hone_onnx_numbers(im, node, 1, "split", sizes, &count));
    HONE_TRY(hone_onnx_settle(im, x));
    int64_t size = hone_onnx_dim(im, x, axis), at = 0;
    if (node->n_output < 1 || node->n_output > HONE_ONNX_MAX_RANK * 2 ||
        (count && count != outputs))
        return hone_fail(HONE_UNSUPPORTED, "%d sizes for %zu parts", count, node->n_output);
    for (int k = 0; k < outputs; k++) {
        int64_t each = (size + outputs - 1) / outputs; // the last may be smaller
        int64_t part = count ? sizes[k] : each < size - at ? each : size - at;
        if (part < 1 || part > size - at || (k + 1 == outputs && at + part != size))
            return hone_fail(HONE_INVALID, "its parts do not make up %lld", (long long)size);
        hone_value y = parts_take(im, node, x, axis, at, part);
        HONE_TRY(hone_onnx_define_output(im, node, (size_t)k, y, x->perm));
        at += part;
    }
    return HONE_OK;
}
