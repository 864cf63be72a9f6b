// onnx_reshape.c: Reshape and its kin. Whatever only splits axes or joins neighbours keeps the
// order that the value has in memory: (N,C,H,W) to (N,C,HW) stays (N,HW,C) there and moves nothing,
// the shuffle of channels (Zhang, Zhou, Lin, Sun 2017) moves channels only. The batch stays the
// first axis and stays open.
#include "formats/onnx_import.h"

#include <string.h>

// Neighbouring axes of the file's shape that become neighbouring axes of the new one: old[0..] of
// these sizes, axes of size 1 left out, hold as many elements as the new ones from `begin` to
// `end`.
struct reshape_run {
    int old[HONE_MAX_RANK], old_count;
    int begin, end;
    int place; // of the first in memory
};

// The shortest runs, in the file's order. Elements a picture are the same before and after.
static int reshape_runs(const struct hone_onnx_import *im, const struct hone_onnx_tensor *x,
                        int rank, const int64_t *dim, struct reshape_run run[HONE_MAX_RANK]) {
    int count = 0, to = 1, have = hone_onnx_rank(im, x);
    for (int from = 1; from < have; from++) {
        int64_t old = hone_onnx_dim(im, x, from), new = 1;
        if (old == 1) continue;
        struct reshape_run r = {.old = {from}, .old_count = 1, .begin = to, .place = x->perm[from]};
        while (old != new) {
            if (new < old) {
                new *= dim[to++];
                continue;
            }
            int64_t size = hone_onnx_dim(im, x, ++from);
            old *= size;
            if (size == 1) continue;
            if (x->perm[from] < r.place) r.place = x->perm[from];
            r.old[r.old_count++] = from;
        }
        r.end = to;
        run[count++] = r;
    }
    if (count == 0) run[count++] = (struct reshape_run){.begin = 1};
    run[count - 1].end = rank; // what is left is of size 1
    return count;
}

// Sorts runs by their place in memory; where the axes of one do not stand there as the file has
// them, x is put into an order in which they do.
static hone_status reshape_arrange(struct hone_onnx_import *im, struct hone_onnx_tensor *x,
                                   struct reshape_run *run, int count) {
    for (int a = 1; a < count; a++)
        for (int b = a; b > 0 && run[b].place < run[b - 1].place; b--) {
            struct reshape_run swap = run[b];
            run[b] = run[b - 1];
            run[b - 1] = swap;
        }
    int8_t order[HONE_MAX_RANK] = {0};
    int rank = hone_onnx_rank(im, x), at = 1, last = 0;
    bool in_order = true;
    for (int i = 1; i < rank && i < HONE_MAX_RANK; i++)
        if (hone_onnx_dim(im, x, i) == 1) order[i] = (int8_t)at++;
    for (int r = 0; r < count; r++)
        for (int i = 0; i < run[r].old_count; i++) {
            int place = x->perm[run[r].old[i]];
            in_order &= place > last;
            last = place;
            order[run[r].old[i]] = (int8_t)at++;
        }
    return in_order ? HONE_OK : hone_onnx_arrange(im, x, order);
}

hone_status hone_onnx_reshape_to(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                                 struct hone_onnx_tensor *x, int rank, const int64_t *dim) {
    if (rank < 1 || rank > HONE_MAX_RANK)
        return hone_fail(HONE_UNSUPPORTED, "tensors of rank %d are not supported", rank);
    HONE_TRY(hone_onnx_settle(im, x));
    bool same = rank == hone_onnx_rank(im, x);
    int64_t have = 1, want = 1;
    for (int i = 1; i < hone_onnx_rank(im, x); i++) have *= hone_onnx_dim(im, x, i);
    for (int i = 1; i < rank; i++) {
        if (same && dim[i] != hone_onnx_dim(im, x, i)) same = false;
        if (dim[i] < 1 || dim[i] > INT32_MAX || (want *= dim[i]) > INT32_MAX)
            return hone_fail(HONE_INVALID, "a dimension of %lld", (long long)dim[i]);
    }
    if (same) return hone_onnx_alias(im, node, x);
    if (have != want)
        return hone_fail(HONE_INVALID, "%lld elements a picture cannot become %lld",
                         (long long)have, (long long)want);
    struct reshape_run run[HONE_MAX_RANK];
    int count = reshape_runs(im, x, rank, dim, run);
    HONE_TRY(reshape_arrange(im, x, run, count));
    struct hone_shape_attrs attrs = {.rank = rank};
    int8_t perm[HONE_MAX_RANK] = {0};
    int at = 1;
    for (int r = 0; r < count; r++)
        for (int j = run[r].begin; j < run[r].end; j++) {
            attrs.dim[at] = (int32_t)dim[j];
            perm[j] = (int8_t)at++;
        }
    if (rank == 4 && dim[2] == 1 && dim[3] == 1) { // what pictures of one pixel look like
        attrs = (struct hone_shape_attrs){.rank = 4, .dim = {0, 1, 1, (int32_t)dim[1]}};
        memcpy(perm, hone_onnx_image, sizeof perm);
    }
    hone_value y =
        HONE_EMIT(im->graph, &hone_op_reshape, hone_onnx_node_name(node), &attrs, x->value);
    return hone_onnx_define(im, node, y, perm);
}

hone_status hone_onnx_drop_axis(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                                const struct hone_onnx_tensor *x, int axis) {
    const struct hone_desc *desc = hone_graph_desc(im->graph, x->value);
    int gone = x->perm[axis], rank = desc->rank;
    struct hone_shape_attrs attrs = {.rank = rank - 1};
    int8_t perm[HONE_MAX_RANK] = {0};
    for (int j = 1; j < rank; j++)
        if (j != gone) attrs.dim[j - (j > gone)] = desc->dim[j];
    for (int i = 0, at = 0; i < rank; i++)
        if (i != axis) perm[at++] = (int8_t)(x->perm[i] - (x->perm[i] > gone));
    hone_value y =
        HONE_EMIT(im->graph, &hone_op_reshape, hone_onnx_node_name(node), &attrs, x->value);
    return hone_onnx_define(im, node, y, perm);
}

hone_status hone_onnx_flatten(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x;
    HONE_TRY(hone_onnx_input_value(im, node, 0, &x));
    int64_t axis = hone_onnx_attr_int(node, "axis", 1);
    if (axis < 0) axis += hone_onnx_rank(im, x);
    if (axis != 1)
        return hone_fail(HONE_UNSUPPORTED, "axis %lld would mix the batch", (long long)axis);
    int64_t dim[2] = {0, 1};
    for (int i = 1; i < hone_onnx_rank(im, x); i++) dim[1] *= hone_onnx_dim(im, x, i);
    return hone_onnx_reshape_to(im, node, x, 2, dim);
}

// Is the first size the batch? A file exported for a fixed batch (usually 1) says it in numbers.
static bool reshape_keeps_batch(const struct hone_onnx_import *im, int64_t size,
                                enum hone_onnx_mark mark, bool zero_copies) {
    if (mark == HONE_MARK_BATCH) return true;
    if (mark != HONE_MARK_NONE) return false;
    return (size == 0 && zero_copies) || size == -1 || size == 1 ||
           (im->file_batch && size == im->file_batch);
}

hone_status hone_onnx_reshape(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x, *shape;
    HONE_TRY(hone_onnx_input_value(im, node, 0, &x));
    HONE_TRY(hone_onnx_input(im, node, 1, true, &shape));
    const struct hone_onnx_const *c = &shape->constant;
    if (shape->state != HONE_ONNX_CONST || !c->i)
        return hone_fail(HONE_UNSUPPORTED, "its shape '%s' must be constant integers", shape->name);
    if (c->count < 1 || c->count > HONE_MAX_RANK)
        return hone_fail(HONE_UNSUPPORTED, "tensors of rank %lld are not supported",
                         (long long)c->count);
    bool zero_copies = !hone_onnx_attr_int(node, "allowzero", 0);
    if (!reshape_keeps_batch(im, c->i[0], hone_onnx_const_mark(c, 0), zero_copies))
        return hone_fail(HONE_UNSUPPORTED, "its first dimension must stay the batch");
    int rank = hone_onnx_rank(im, x), open = -1;
    int64_t dim[HONE_MAX_RANK] = {0}, have = 1, given = 1;
    for (int i = 1; i < rank; i++) have *= hone_onnx_dim(im, x, i);
    for (int i = 1; i < c->count; i++) {
        if (hone_onnx_const_mark(c, i) != HONE_MARK_NONE)
            return hone_fail(HONE_UNSUPPORTED, "dimension %d depends on the batch size", i);
        dim[i] = c->i[i] == 0 && zero_copies && i < rank ? hone_onnx_dim(im, x, i) : c->i[i];
        if (dim[i] == -1) {
            if (open >= 0) return hone_fail(HONE_INVALID, "two dimensions of -1");
            open = i;
        } else if (dim[i] < 1 || dim[i] > INT32_MAX || (given *= dim[i]) > INT32_MAX) {
            return hone_fail(HONE_INVALID, "a dimension of %lld", (long long)dim[i]);
        }
    }
    if (open >= 0) dim[open] = have / given;
    return hone_onnx_reshape_to(im, node, x, (int)c->count, dim);
}

// Marks the axes that a list names, for squeeze (rank of x) and unsqueeze (rank of the result).
static hone_status shape_axes(struct hone_onnx_import *im, const HoneOnnx__Node *node, int rank,
                              const int64_t *axes, int count, bool *named) {
    (void)im;
    for (int k = 0; k < count; k++) {
        int64_t axis = axes[k] < 0 ? axes[k] + rank : axes[k];
        if (axis < 0 || axis >= rank || named[axis])
            return hone_fail(HONE_INVALID, "axis %lld of %s is wrong", (long long)axes[k],
                             hone_onnx_text(node->op_type));
        if (axis == 0) return hone_fail(HONE_UNSUPPORTED, "the batch cannot be squeezed or moved");
        named[axis] = true;
    }
    return HONE_OK;
}

hone_status hone_onnx_squeeze(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x;
    HONE_TRY(hone_onnx_input_value(im, node, 0, &x));
    int64_t axes[HONE_ONNX_MAX_RANK * 2], dim[HONE_MAX_RANK] = {0};
    int count, rank = hone_onnx_rank(im, x), left = 0;
    bool gone[HONE_MAX_RANK] = {false};
    HONE_TRY(hone_onnx_numbers(im, node, 1, "axes", axes, &count));
    if (count == 1 && x->perm[0] != 0) { // in front of the batch
        int64_t axis = axes[0] < 0 ? axes[0] + rank : axes[0];
        bool fits = axis >= 0 && axis < rank && hone_onnx_dim(im, x, (int)axis) == 1;
        HONE_TRY(hone_onnx_settle(im, x));
        if (fits && x->perm[axis] != 0) return hone_onnx_drop_axis(im, node, x, (int)axis);
    }
    HONE_TRY(shape_axes(im, node, rank, axes, count, gone));
    for (int i = 0; i < rank; i++) {
        int64_t size = hone_onnx_dim(im, x, i);
        if (gone[i] && size != 1)
            return hone_fail(HONE_INVALID, "axis %d of size %lld cannot go", i, (long long)size);
        if (gone[i] || (count == 0 && i > 0 && size == 1)) continue;
        dim[left++] = size;
    }
    return hone_onnx_reshape_to(im, node, x, left, dim);
}

hone_status hone_onnx_unsqueeze(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x;
    HONE_TRY(hone_onnx_input_value(im, node, 0, &x));
    int64_t axes[HONE_ONNX_MAX_RANK * 2], dim[HONE_MAX_RANK] = {0};
    int count;
    HONE_TRY(hone_onnx_numbers(im, node, 1, "axes", axes, &count));
    int rank = hone_onnx_rank(im, x) + count;
    if (rank > HONE_MAX_RANK)
        return hone_fail(HONE_UNSUPPORTED, "tensors of rank %d are not supported", rank);
    bool is_new[HONE_MAX_RANK] = {false};
    HONE_TRY(shape_axes(im, node, rank, axes, count, is_new));
    for (int i = 0, from = 0; i < rank; i++) dim[i] = is_new[i] ? 1 : hone_onnx_dim(im, x, from++);
    return hone_onnx_reshape_to(im, node, x, rank, dim);
}
