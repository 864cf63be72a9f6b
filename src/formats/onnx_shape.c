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
    bool constant = x->state == HONE_ONNX_CONST;
    int rank = constant ? x->constant.rank : hone_onnx_rank(im, x) - x->joined;
    int64_t begin = hone_onnx_attr_int(node, "start", 0),
            end = hone_onnx_attr_int(node, "end", rank);
    if (begin < 0) begin += rank;
    if (end < 0) end += rank;
    if (begin < 0) begin = 0;
    if (end > rank) end = rank;
    int64_t count = end > begin ? end - begin : 0;
    int64_t *dims = hone_onnx_store_alloc(&im->store, count, sizeof *dims);
    uint8_t *marks = hone_onnx_store_alloc(&im->store, count, 1);
    if (!dims || !marks) return hone_onnx_store_failure(&im->store);
    for (int64_t i = 0; i < count; i++) {
        int axis = (int)(begin + i) + (!constant && x->joined);
        dims[i] = constant ? x->constant.dim[axis] : hone_onnx_dim(im, x, axis);
        marks[i] = !constant && x->perm[axis] == 0 ? HONE_MARK_BATCH : HONE_MARK_NONE;
        if (!constant && x->joined && axis == 1) dims[i] *= hone_onnx_dim(im, x, 0);
    }
    y = node->n_output ? hone_onnx_name(im, node->output[0]) : NULL;
    if (!y || y->state != HONE_ONNX_UNSET)
        return hone_fail(HONE_INVALID, "it has no output of its own");
    y->state = HONE_ONNX_CONST;
    y->constant = (struct hone_onnx_const){
        .rank = 1, .dim = {count}, .count = count, .i = dims, .marks = marks};
    return HONE_OK;
}

// Axes of size 1 are repeated by adding zeros, whose shape they take.
hone_status hone_onnx_expand(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x, *shape;
    HONE_TRY(hone_onnx_input_value(im, node, 0, &x));
    HONE_TRY(hone_onnx_input(im, node, 1, true, &shape));
    HONE_TRY(hone_onnx_settle(im, x));
    const struct hone_onnx_const *c = &shape->constant;
    int rank = hone_onnx_rank(im, x);
    if (shape->state != HONE_ONNX_CONST || !c->i || c->count > rank)
        return hone_fail(HONE_UNSUPPORTED, "its shape '%s' must be constant, of %d dimensions",
                         shape->name, rank);
    struct hone_desc desc = {.dtype = HONE_F32, .rank = rank};
    bool same = true;
    for (int i = 0; i < rank; i++) {
        int64_t at = i - (rank - c->count), have = hone_onnx_dim(im, x, i);
        int64_t want = at < 0 || x->perm[i] == 0 || c->i[at] == 1 ? have : c->i[at];
        if (hone_onnx_const_mark(c, at < 0 ? 0 : at) == HONE_MARK_MIXED || want < 1 ||
            want > INT32_MAX || (have != 1 && have != want))
            return hone_fail(HONE_INVALID, "%lld cannot become %lld along axis %d", (long long)have,
                             (long long)want, i);
        desc.dim[x->perm[i]] = have == want ? 1 : (int32_t)want;
        same &= have == want;
    }
    if (same) return hone_onnx_alias(im, node, x);
    while (desc.rank > 1 && desc.dim[0] == 1) {
        memmove(desc.dim, desc.dim + 1, (size_t)--desc.rank * sizeof *desc.dim);
        desc.dim[desc.rank] = 0;
    }
    if (!hone_desc_valid(&desc)) return hone_fail(HONE_UNSUPPORTED, "2^31 elements or more");
    hone_value zeros;
    float *data = hone_onnx_store_alloc(&im->store, hone_desc_elements(&desc), sizeof *data);
    if (!data) return hone_onnx_store_failure(&im->store);
    HONE_TRY(hone_onnx_param(im, shape, HONE_PARAM_CONSTANT, HONE_LAYOUT_SAME, desc, data, &zeros));
    hone_value y =
        HONE_EMIT(im->graph, &hone_op_add, hone_onnx_node_name(node), NULL, x->value, zeros);
    return hone_onnx_define(im, node, y, x->perm);
}

// ---- Order of axes
// ------------------------------------------------------------------------------------------

hone_status hone_onnx_transpose(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x;
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
    HONE_TRY(hone_onnx_alias(im, node, x));
    memcpy(hone_onnx_name(im, node->output[0])->perm, order, sizeof order);
    return HONE_OK;
}
