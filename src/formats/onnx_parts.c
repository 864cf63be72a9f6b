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
    bool image = false, planes = true; // planes: of one channel each, in whatever order they lie
    *like = NULL;
    for (size_t k = 0; k < node->n_input; k++) {
        HONE_TRY(hone_onnx_input(im, node, k, true, &x));
        if (x->state == HONE_ONNX_CONST) continue;
        HONE_TRY(hone_onnx_input_value(im, node, k, &x));
        if (!*like) *rank = hone_onnx_rank(im, x);
        *like = x;
        if (hone_onnx_rank(im, x) != *rank)
            return hone_fail(HONE_INVALID, "its inputs differ in rank");
        image |= *rank == 4 && hone_onnx_is(x, hone_onnx_image, 4);
        planes &= *rank == 4 && hone_onnx_dim(im, x, 1) == 1;
    }
    *perm = image || planes ? hone_onnx_image : hone_onnx_plain;
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

// x, `times` over along axis j in memory.
static hone_value tile_axis(struct hone_onnx_import *im, const char *name, hone_value x, int j,
                            int64_t times) {
    const struct hone_concat_attrs along = {.axis = j};
    hone_value parts[HONE_LAUNCH_DISPATCHES], y = x;
    for (int64_t done = 1; done < times && im->graph->status == HONE_OK;) {
        int count = 1;
        parts[0] = y;
        for (; count < hone_op_concat.inputs_max && done < times; done++) parts[count++] = x;
        y = hone_graph_emit(im->graph, &hone_op_concat, name, &along, parts, count);
    }
    return y;
}

hone_status hone_onnx_tile(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    enum { TIMES_MOST = 1024 };
    struct hone_onnx_tensor *x;
    const struct hone_onnx_const *times;
    HONE_TRY(hone_onnx_input_value(im, node, 0, &x));
    HONE_TRY(hone_onnx_input_const(im, node, 1, true, "repeats", &times));
    HONE_TRY(hone_onnx_settle(im, x));
    int rank = hone_onnx_rank(im, x);
    if (!times->i || times->count != rank)
        return hone_fail(HONE_INVALID, "%lld repeats of rank %d", (long long)times->count, rank);
    hone_value y = x->value;
    for (int i = 0; i < rank; i++) {
        bool batch = x->perm[i] == 0 || hone_onnx_const_mark(times, i) != HONE_MARK_NONE;
        if (times->i[i] < 1 || times->i[i] > (batch ? 1 : TIMES_MOST))
            return hone_fail(HONE_UNSUPPORTED, "axis %d is repeated %lld times; %s", i,
                             (long long)times->i[i],
                             batch ? "the batch stays as it is" : "1 to 1024 are supported");
        y = tile_axis(im, hone_onnx_node_name(node), y, x->perm[i], times->i[i]);
    }
    return hone_onnx_define(im, node, y, x->perm);
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

// What is taken of an axis: elements begin, begin + step, ..., `count` of them; step 0: the whole.
// `span` elements from `low` on hold them; back: from the far end.
struct parts_cut {
    int64_t low, span, count, step;
    bool back;
};

static hone_status parts_cut_of(int64_t axis, int64_t size, int64_t begin, int64_t end,
                                int64_t step, struct parts_cut *out) {
    bool back = step < 0;
    if (step == 0 || step == INT64_MIN)
        return hone_fail(HONE_INVALID, "a step of %lld", (long long)step);
    if (begin < 0) begin = begin < -size ? (back ? -1 : 0) : begin + size;
    if (end < 0) end = end < -size ? (back ? -1 : 0) : end + size;
    if (begin > size - back) begin = size - back;
    if (end > size) end = size;
    int64_t low = back ? end + 1 : begin, span = back ? begin - end : end - begin;
    if (span < 1) return hone_fail(HONE_INVALID, "an empty slice of axis %lld", (long long)axis);
    if (back) step = -step;
    if (step > span) step = span;
    int64_t count = (span + step - 1) / step;
    // With what lies behind the last one, where there is something.
    if (!back) span = count * step < size - low ? count * step : size - low;
    *out = (struct parts_cut){low, span, count, step, back};
    return HONE_OK;
}

// Every step-th element along axis j of a value, from the first on: the first of each group.
static hone_value parts_every(struct hone_onnx_import *im, const char *name, hone_value value,
                              int j, int64_t count, int64_t step) {
    struct hone_desc desc = *hone_graph_desc(im->graph, value);
    struct hone_shape_attrs groups = {.rank = desc.rank + 1}, back = {.rank = desc.rank};
    struct hone_slice_attrs first = {{0}, {0}};
    struct hone_pad_attrs fill = {.value = 0};
    fill.after[j] = (int32_t)(count * step) - desc.dim[j];
    if (fill.after[j] > 0) value = HONE_EMIT(im->graph, &hone_op_pad, name, &fill, value);
    desc.dim[j] = (int32_t)count;
    for (int i = 1; i < desc.rank; i++) {
        groups.dim[i + (i > j)] = desc.dim[i];
        back.dim[i] = desc.dim[i];
    }
    groups.dim[j + 1] = (int32_t)step;
    first.size[j + 1] = 1;
    value = hone_onnx_emit_reshape(im, name, &groups, value);
    value = HONE_EMIT(im->graph, &hone_op_slice, name, &first, value);
    return hone_onnx_emit_reshape(im, name, &back, value);
}

hone_status hone_onnx_slice(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x;
    HONE_TRY(hone_onnx_input_value(im, node, 0, &x));
    HONE_TRY(hone_onnx_settle(im, x));
    int64_t starts[HONE_ONNX_NUMBERS_MOST], ends[HONE_ONNX_NUMBERS_MOST],
        axes[HONE_ONNX_NUMBERS_MOST], steps[HONE_ONNX_NUMBERS_MOST];
    int count, end_count, axis_count, step_count, rank = hone_onnx_rank(im, x);
    HONE_TRY(hone_onnx_numbers(im, node, 1, "starts", starts, &count));
    HONE_TRY(hone_onnx_numbers(im, node, 2, "ends", ends, &end_count));
    HONE_TRY(hone_onnx_numbers(im, node, 3, "axes", axes, &axis_count));
    HONE_TRY(hone_onnx_numbers(im, node, 4, "steps", steps, &step_count));
    if (end_count != count || (axis_count && axis_count != count) ||
        (step_count && step_count != count))
        return hone_fail(HONE_INVALID, "its lists differ in length");
    const char *name = hone_onnx_node_name(node);
    struct hone_slice_attrs attrs = {{0}, {0}};
    struct hone_flip_attrs turn = {0};
    struct parts_cut cut[HONE_MAX_RANK] = {{0}}; // by the value's axes
    bool all = true;
    for (int k = 0; k < count; k++) {
        int64_t axis = axis_count ? axes[k] : k, size, step = step_count ? steps[k] : 1;
        if (axis < 0) axis += rank;
        if (axis < 0 || axis >= rank)
            return hone_fail(HONE_INVALID, "axis %lld of rank %d", (long long)axis, rank);
        size = hone_onnx_dim(im, x, (int)axis);
        int j = x->perm[axis];
        if (starts[k] == 0 && ends[k] >= size && step == 1) continue;
        if (j == 0) return hone_fail(HONE_UNSUPPORTED, "a slice of the batch, which stays whole");
        HONE_TRY(parts_cut_of(axis, size, starts[k], ends[k], step, &cut[j]));
        attrs.begin[j] = (int32_t)cut[j].low;
        if (cut[j].span < size) attrs.size[j] = (int32_t)cut[j].span;
        all &= cut[j].span == size;
        turn.axes |= cut[j].back ? 1 << j : 0;
    }
    hone_value y = all ? x->value : HONE_EMIT(im->graph, &hone_op_slice, name, &attrs, x->value);
    if (turn.axes) y = HONE_EMIT(im->graph, &hone_op_flip, name, &turn, y);
    HONE_TRY(hone_graph_status(im->graph));
    for (int j = 1; j < rank; j++) {
        if (cut[j].step < 2) continue;
        if (rank == HONE_MAX_RANK)
            return hone_fail(HONE_UNSUPPORTED, "steps along tensors of rank %d", rank);
        y = parts_every(im, name, y, j, cut[j].count, cut[j].step);
        HONE_TRY(hone_graph_status(im->graph));
    }
    if (y == x->value) return hone_onnx_alias(im, node, x);
    return hone_onnx_define(im, node, y, x->perm);
}

// One element after another, where places do not follow one another.
static hone_status parts_choose(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                                const struct hone_onnx_tensor *x, int axis,
                                const struct hone_onnx_const *index, hone_value *out) {
    hone_value parts[HONE_LAUNCH_DISPATCHES];
    int64_t size = hone_onnx_dim(im, x, axis);
    if (index->count > HONE_LAUNCH_DISPATCHES)
        return hone_fail(HONE_UNSUPPORTED, "%lld places that do not follow one another; at most %d",
                         (long long)index->count, HONE_LAUNCH_DISPATCHES);
    for (int64_t k = 0; k < index->count; k++) {
        int64_t at;
        HONE_TRY(hone_onnx_const_place(index, k, size, &at));
        parts[k] = parts_take(im, node, x, axis, at, 1);
    }
    const struct hone_concat_attrs along = {.axis = x->perm[axis]};
    *out = hone_graph_emit(im->graph, &hone_op_concat, hone_onnx_node_name(node), &along, parts,
                           (int)index->count);
    return hone_graph_status(im->graph);
}

// Rows (N L) at places that are computed from the batch: at one picture they are all, in order, as
// PyTorch's exporter says a view. *done is false where they are others.
static hone_status parts_of_batch(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                                  struct hone_onnx_tensor *x, bool *done) {
    struct hone_onnx_tensor *t;
    *done = false;
    HONE_TRY(hone_onnx_input(im, node, 1, true, &t));
    const struct hone_onnx_const *index = &t->constant;
    if (t->state != HONE_ONNX_CONST || !index->i || !hone_onnx_const_marked(index) ||
        hone_onnx_rank(im, x) != 1 || index->rank < 1 || index->rank > HONE_MAX_RANK ||
        index->dim[0] != 1 || index->count != hone_onnx_dim(im, x, 0))
        return HONE_OK;
    for (int64_t k = 0; k < index->count; k++)
        if (index->i[k] != k) return HONE_OK;
    *done = true;
    return hone_onnx_reshape_to(im, node, x, index->rank, index->dim, 0);
}

// Elements at constant places: a part of the axis, or one without the axis.
hone_status hone_onnx_gather(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x;
    const struct hone_onnx_const *index;
    int axis;
    bool done, follow = true;
    HONE_TRY(hone_onnx_input_value(im, node, 0, &x));
    HONE_TRY(hone_onnx_settle(im, x));
    HONE_TRY(parts_of_batch(im, node, x, &done));
    if (done) return HONE_OK;
    HONE_TRY(hone_onnx_input_const(im, node, 1, true, "the places", &index));
    HONE_TRY(parts_axis(im, x, hone_onnx_attr_int(node, "axis", 0), &axis));
    int64_t size = hone_onnx_dim(im, x, axis);
    if (!index->i || index->rank > 1 || index->count < 1)
        return hone_fail(HONE_UNSUPPORTED, "its places must be a list of integers");
    int64_t begin, place;
    HONE_TRY(hone_onnx_const_place(index, 0, size, &begin));
    for (int64_t k = 1; k < index->count; k++) {
        HONE_TRY(hone_onnx_const_place(index, k, size, &place));
        follow &= place == begin + k;
    }
    struct hone_onnx_tensor part = *x;
    if (!follow) {
        HONE_TRY(parts_choose(im, node, x, axis, index, &part.value));
        return hone_onnx_define(im, node, part.value, part.perm);
    }
    part.value = parts_take(im, node, x, axis, begin, index->count);
    HONE_TRY(hone_graph_status(im->graph));
    if (index->rank == 1) return hone_onnx_define(im, node, part.value, part.perm);
    return hone_onnx_drop_axis(im, node, &part, axis);
}

hone_status hone_onnx_split(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x;
    int64_t sizes[HONE_ONNX_NUMBERS_MOST];
    int count, axis, outputs = (int)node->n_output;
    HONE_TRY(hone_onnx_input_value(im, node, 0, &x));
    HONE_TRY(parts_axis(im, x, hone_onnx_attr_int(node, "axis", 0), &axis));
    HONE_TRY(hone_onnx_numbers(im, node, 1, "split", sizes, &count));
    HONE_TRY(hone_onnx_settle(im, x));
    int64_t size = hone_onnx_dim(im, x, axis), at = 0;
    if (node->n_output < 1 || node->n_output > HONE_ONNX_NUMBERS_MOST ||
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
