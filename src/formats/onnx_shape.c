// onnx_shape.c: operators that move or rename elements, and Shape. Moving axes costs nothing here:
// the tensor notes the new order (onnx_import.h). The batch stays the first axis and stays open.
#include "formats/onnx_import.h"

#include <string.h>

hone_status hone_onnx_identity(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x;
    HONE_TRY(hone_onnx_input_value(im, node, 0, &x));
    return hone_onnx_alias(im, node, x);
}

hone_status hone_onnx_cast(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    int64_t to = hone_onnx_attr_int(node, "to", 0);
    if (to != HONE_ONNX_FLOAT && to != HONE_ONNX_FLOAT16 && to != HONE_ONNX_DOUBLE &&
        to != HONE_ONNX_BFLOAT16)
        return hone_fail(HONE_UNSUPPORTED, "an activation cannot be cast to type %lld",
                         (long long)to);
    return hone_onnx_identity(im, node);
}

hone_status hone_onnx_shape(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x, *y;
    HONE_TRY(hone_onnx_input(im, node, 0, true, &x));
    HONE_TRY(hone_onnx_whole(x));
    bool constant = x->state == HONE_ONNX_CONST;
    int rank = constant ? x->constant.rank : hone_onnx_rank(im, x);
    int64_t begin = hone_onnx_attr_int(node, "start", 0),
            end = hone_onnx_attr_int(node, "end", rank);
    if (begin < 0) begin += rank;
    if (end < 0) end += rank;
    if (begin < 0) begin = 0;
    if (end > rank) end = rank;
    int64_t count = end > begin ? end - begin : 0;
    int64_t *dims = hone_onnx_store_alloc(&im->store, count, sizeof *dims);
    uint8_t *marks = hone_onnx_store_alloc(&im->store, count, 1);
    if (!dims || !marks) return im->store.status;
    for (int64_t i = 0; i < count; i++) {
        int axis = (int)(begin + i);
        dims[i] = constant ? x->constant.dim[axis] : hone_onnx_dim(im, x, axis);
        marks[i] = !constant && axis == 0 ? HONE_MARK_BATCH : HONE_MARK_NONE;
    }
    y = node->n_output ? hone_onnx_name(im, node->output[0]) : NULL;
    if (!y || y->state != HONE_ONNX_UNSET)
        return hone_fail(HONE_INVALID, "it has no output of its own");
    y->state = HONE_ONNX_CONST;
    y->constant = (struct hone_onnx_const){
        .rank = 1, .dim = {count}, .count = count, .i = dims, .marks = marks};
    return HONE_OK;
}

// ---- Reshape and its kin
// ------------------------------------------------------------------------------------

// True when reading the value in ONNX order or in ir order gives the same elements.
static bool shape_in_order(struct hone_onnx_import *im, const struct hone_onnx_tensor *x) {
    int last = 0;
    for (int i = 1; i < hone_onnx_rank(im, x); i++) {
        if (hone_onnx_dim(im, x, i) == 1) continue;
        if (x->perm[i] < last) return false;
        last = x->perm[i];
    }
    return true;
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
    if (!shape_in_order(im, x)) HONE_TRY(hone_onnx_arrange(im, x, hone_onnx_plain));
    // (N,C,1,1) is what pictures of one pixel look like: in ir's order at once.
    bool pixel = rank == 4 && dim[2] == 1 && dim[3] == 1;
    struct hone_shape_attrs attrs = {.rank = rank};
    for (int i = 1; i < rank; i++) attrs.dim[i] = (int32_t)(pixel ? (i == 3 ? dim[1] : 1) : dim[i]);
    hone_value y =
        HONE_EMIT(im->graph, &hone_op_reshape, hone_onnx_node_name(node), &attrs, x->value);
    return hone_onnx_define(im, node, y, pixel ? hone_onnx_image : hone_onnx_plain);
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
    HONE_TRY(hone_onnx_input(im, node, 0, true, &x));
    if (!x->groups) HONE_TRY(hone_onnx_input_value(im, node, 0, &x));
    HONE_TRY(hone_onnx_input(im, node, 1, true, &shape));
    const struct hone_onnx_const *c = &shape->constant;
    if (shape->state != HONE_ONNX_CONST || !c->i)
        return hone_fail(HONE_UNSUPPORTED, "its shape '%s' must be constant integers", shape->name);
    if (x->groups) return hone_onnx_shuffle_join(im, node, x, c);
    if (hone_onnx_shuffle_splits(im, x, c)) return hone_onnx_shuffle_split(im, node, x, c);
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

// ---- Order of axes
// ------------------------------------------------------------------------------------------

hone_status hone_onnx_transpose(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x;
    HONE_TRY(hone_onnx_input(im, node, 0, true, &x));
    if (x->groups) return hone_onnx_shuffle_swap(im, node, x);
    HONE_TRY(hone_onnx_input_value(im, node, 0, &x));
    int rank = hone_onnx_rank(im, x);
    int32_t perm[HONE_MAX_RANK];
    HONE_TRY(hone_onnx_attr_sizes(node, "perm", (size_t)rank, 0, rank - 1, -1, perm));
    int8_t order[HONE_MAX_RANK] = {0, 1, 2, 3, 4, 5};
    unsigned seen = 0;
    for (int i = 0; i < rank; i++) {
        if (perm[i] < 0) perm[i] = rank - 1 - i; // no perm: reversed
        order[i] = x->perm[perm[i]];
        seen |= 1u << perm[i];
    }
    if (seen != (1u << rank) - 1) return hone_fail(HONE_INVALID, "perm names an axis twice");
    if (perm[0] != 0) return hone_fail(HONE_UNSUPPORTED, "the batch must stay the first axis");
    HONE_TRY(hone_onnx_alias(im, node, x));
    memcpy(hone_onnx_name(im, node->output[0])->perm, order, sizeof order);
    return HONE_OK;
}
