// onnx_norm.c: layer norm, as an operator and as the nine operators that exporters before opset 17
// write, and means and sums over axes.
#include "formats/onnx_import.h"

#include <string.h>

// ---- Layer norm
// ---------------------------------------------------------------------------------------------

// A constant of `channels` numbers that `op` joins to output 0 of `node` alone; that reader is
// absorbed, and is what defines the result. NULL where there is none.
static hone_status norm_absorb(struct hone_onnx_import *im, const HoneOnnx__Node **node,
                               const char *op, int64_t channels, struct hone_onnx_tensor **out) {
    *out = NULL;
    const struct hone_onnx_tensor *result = hone_onnx_name(im, (*node)->output[0]);
    if (!result || result->uses != 1 || result->reader == UINT32_MAX) return HONE_OK;
    const HoneOnnx__Node *reader = im->file.model->graph->node[result->reader];
    if (strcmp(hone_onnx_text(reader->op_type), op) != 0 || reader->n_input != 2) return HONE_OK;
    bool second = strcmp(reader->input[0], result->name) == 0;
    struct hone_onnx_tensor *other = hone_onnx_name(im, reader->input[second ? 1 : 0]);
    if (!other) return HONE_OK;
    HONE_TRY(hone_onnx_resolve(im, other));
    const struct hone_onnx_const *c = &other->constant;
    if (other->state != HONE_ONNX_CONST || !c->f || c->rank != 1 || c->count != channels)
        return HONE_OK;
    im->absorbed[result->reader] = 1;
    *node = reader;
    *out = other;
    return HONE_OK;
}

// The parameter of a scale or a shift; a constant where the file has none.
static hone_status norm_param(struct hone_onnx_import *im, struct hone_onnx_tensor *tensor,
                              bool scale, int32_t channels, hone_value *out) {
    struct hone_desc desc = hone_desc_make(HONE_F32, 1, channels, 0, 0, 0);
    if (tensor)
        return hone_onnx_param(im, tensor, scale ? HONE_PARAM_NORM_SCALE : HONE_PARAM_NORM_SHIFT,
                               HONE_LAYOUT_SAME, desc, NULL, out);
    float *data = hone_arena_alloc(&im->model->arena, (size_t)channels, sizeof *data);
    if (!data) return HONE_OUT_OF_MEMORY;
    for (int32_t i = 0; i < channels; i++) data[i] = scale ? 1 : 0;
    int index;
    HONE_TRY(hone_model_add_param(im->model, scale ? "norm.one" : "norm.zero", HONE_PARAM_CONSTANT,
                                  HONE_LAYOUT_SAME, desc, data, &index));
    *out = im->model->params[index].value;
    return HONE_OK;
}

// `node` is where it begins, `last` what defines the result.
static hone_status norm_emit(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                             const HoneOnnx__Node *last, struct hone_onnx_tensor *x,
                             struct hone_onnx_tensor *gamma, struct hone_onnx_tensor *beta,
                             float eps) {
    int rank = hone_onnx_rank(im, x);
    HONE_TRY(hone_onnx_arrange_last(im, x));
    int32_t channels = (int32_t)hone_onnx_dim(im, x, rank - 1);
    hone_value in[3] = {x->value};
    HONE_TRY(norm_param(im, gamma, true, channels, &in[1]));
    HONE_TRY(norm_param(im, beta, false, channels, &in[2]));
    struct hone_layer_norm_attrs attrs = {.eps = eps};
    hone_value y =
        hone_graph_emit(im->graph, &hone_op_layer_norm, hone_onnx_node_name(node), &attrs, in, 3);
    return hone_onnx_define(im, last, y, x->perm);
}

hone_status hone_onnx_layer_norm(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x, *gamma, *beta;
    HONE_TRY(hone_onnx_input_value(im, node, 0, &x));
    HONE_TRY(hone_onnx_input(im, node, 1, true, &gamma));
    HONE_TRY(hone_onnx_input(im, node, 2, false, &beta));
    HONE_TRY(hone_onnx_settle(im, x));
    int rank = hone_onnx_rank(im, x);
    int64_t axis = hone_onnx_attr_int(node, "axis", -1), channels = hone_onnx_dim(im, x, rank - 1);
    if (axis != -1 && axis != rank - 1)
        return hone_fail(HONE_UNSUPPORTED, "only a norm over the last axis is supported");
    for (int k = 0; k < 2; k++) {
        const struct hone_onnx_tensor *t = k ? beta : gamma;
        if (t && (t->state != HONE_ONNX_CONST || !t->constant.f || t->constant.count != channels))
            return hone_fail(HONE_INVALID, "'%s' must be %lld constant floats", t->name,
                             (long long)channels);
    }
    return norm_emit(im, node, node, x, gamma, beta, hone_onnx_attr_float(node, "epsilon", 1e-5f));
}

// The node that writes input k of `node` where it is of this kind, else NULL.
static const HoneOnnx__Node *norm_writer(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                                         size_t k, const char *op) {
    if (!node || k >= node->n_input) return NULL;
    const struct hone_onnx_tensor *t = hone_onnx_name(im, node->input[k]);
    if (!t || t->writer == UINT32_MAX) return NULL;
    const HoneOnnx__Node *writer = im->file.model->graph->node[t->writer];
    return strcmp(hone_onnx_text(writer->op_type), op) == 0 ? writer : NULL;
}

// A mean over the last axis, which stays with size 1.
static bool norm_is_mean(struct hone_onnx_import *im, const HoneOnnx__Node *node, int rank) {
    int64_t axes[HONE_ONNX_NUMBERS_MOST];
    int count;
    if (!node || !hone_onnx_attr_int(node, "keepdims", 1) ||
        hone_onnx_numbers(im, node, 1, "axes", axes, &count) != HONE_OK)
        return false;
    return count == 1 && (axes[0] == -1 || axes[0] == rank - 1);
}

// c / sqrt(mean(c^2) + eps) with c = x - mean(x), then gamma and beta. *done is false where the
// division is another one.
hone_status hone_onnx_layer_norm_of(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                                    bool *done) {
    *done = false;
    const HoneOnnx__Node *root = norm_writer(im, node, 1, "Sqrt");
    const HoneOnnx__Node *sum = norm_writer(im, root, 0, "Add");
    const HoneOnnx__Node *mean = norm_writer(im, sum, 0, "ReduceMean");
    const HoneOnnx__Node *square = norm_writer(im, mean, 0, "Pow");
    const HoneOnnx__Node *centred = norm_writer(im, square, 0, "Sub");
    const HoneOnnx__Node *first = norm_writer(im, centred, 1, "ReduceMean");
    if (!first || strcmp(square->input[0], node->input[0]) != 0 ||
        strcmp(first->input[0], centred->input[0]) != 0)
        return HONE_OK;
    struct hone_onnx_tensor *x, *gamma, *beta = NULL;
    const struct hone_onnx_const *eps, *two;
    HONE_TRY(hone_onnx_input_value(im, centred, 0, &x));
    int rank = hone_onnx_rank(im, x);
    if (!norm_is_mean(im, mean, rank) || !norm_is_mean(im, first, rank)) return HONE_OK;
    HONE_TRY(hone_onnx_input_const(im, sum, 1, true, "epsilon", &eps));
    HONE_TRY(hone_onnx_input_const(im, square, 1, true, "exponent", &two));
    if (!eps->f || eps->count != 1 || two->count != 1 || hone_onnx_const_number(two, 0) != 2)
        return HONE_OK;
    const HoneOnnx__Node *last = node;
    int64_t channels = hone_onnx_dim(im, x, rank - 1);
    HONE_TRY(norm_absorb(im, &last, "Mul", channels, &gamma));
    if (gamma) HONE_TRY(norm_absorb(im, &last, "Add", channels, &beta));
    HONE_TRY(norm_emit(im, node, last, x, gamma, beta, eps->f[0]));
    *done = true;
    return HONE_OK;
}

// ---- Means and sums
// -------------------------------------------------------------------------------------------

// True when `axes` (ONNX) are exactly the value's axes 1 and 2 under this order.
static bool reduces_area(const int64_t *axes, int count, int rank, const int8_t *perm) {
    if (rank != 4 || count != 2) return false;
    int a = perm[axes[0]], b = perm[axes[1]];
    return (a == 1 && b == 2) || (a == 2 && b == 1);
}

// Over the file's axes, which stay with size 1: a sum, a mean or the root of the squares' sum.
static hone_value reduce_emit(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                              const struct hone_onnx_tensor *x, const bool *gone) {
    static const struct hone_act_attrs square = {.kind = HONE_ACT_POW, .a = 2},
                                       root = {.kind = HONE_ACT_SQRT};
    const char *name = hone_onnx_node_name(node);
    bool mean = strcmp(node->op_type, "ReduceMean") == 0;
    bool norm = strcmp(node->op_type, "ReduceL2") == 0;
    int rank = hone_onnx_rank(im, x);
    struct hone_shape_attrs attrs = {.rank = rank};
    float share = 1;
    for (int i = 0; i < rank; i++) {
        int64_t size = hone_onnx_dim(im, x, i);
        if (x->perm[i] == 0) continue;
        attrs.dim[x->perm[i]] = gone[i] ? 1 : (int32_t)size;
        if (gone[i]) share /= (float)size;
    }
    hone_value y = x->value;
    if (norm) y = HONE_EMIT(im->graph, &hone_op_act, name, &square, y);
    y = HONE_EMIT(im->graph, &hone_op_reduce_to, name, &attrs, y);
    if (norm) y = HONE_EMIT(im->graph, &hone_op_act, name, &root, y);
    struct hone_scale_attrs scale = {.alpha = share};
    return mean ? HONE_EMIT(im->graph, &hone_op_scale, name, &scale, y) : y;
}

hone_status hone_onnx_reduce(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x;
    HONE_TRY(hone_onnx_input_value(im, node, 0, &x));
    HONE_TRY(hone_onnx_settle(im, x));
    int64_t axes[HONE_ONNX_NUMBERS_MOST];
    int count, rank = hone_onnx_rank(im, x);
    bool gone[HONE_MAX_RANK] = {false}, mean = strcmp(node->op_type, "ReduceMean") == 0;
    HONE_TRY(hone_onnx_numbers(im, node, 1, "axes", axes, &count));
    for (int i = 0; i < count; i++) {
        if (axes[i] < 0) axes[i] += rank;
        if (axes[i] < 0 || axes[i] >= rank || gone[axes[i]] || x->perm[axes[i]] == 0)
            return hone_fail(HONE_UNSUPPORTED, "axis %lld of rank %d cannot be summed up",
                             (long long)axes[i], rank);
        gone[axes[i]] = true;
    }
    if (count == 0) return hone_fail(HONE_UNSUPPORTED, "a sum over the batch is not supported");
    if (mean && !reduces_area(axes, count, rank, x->perm) &&
        reduces_area(axes, count, rank, hone_onnx_image))
        HONE_TRY(hone_onnx_arrange(im, x, hone_onnx_image));
    struct hone_onnx_tensor y = *x;
    if (mean && reduces_area(axes, count, rank, x->perm))
        y.value = HONE_EMIT(im->graph, &hone_op_global_avg_pool, hone_onnx_node_name(node), NULL,
                            x->value);
    else
        y.value = reduce_emit(im, node, x, gone);
    if (hone_onnx_attr_int(node, "keepdims", 1)) return hone_onnx_define(im, node, y.value, y.perm);
    HONE_TRY(hone_graph_status(im->graph));
    int64_t dim[HONE_MAX_RANK] = {0};
    int left = 0, batch = 0;
    for (int i = 0; i < rank; i++) {
        if (x->perm[i] == 0) batch = left;
        if (!gone[i]) dim[left++] = hone_onnx_dim(im, x, i);
    }
    return hone_onnx_reshape_to(im, node, &y, left, dim, batch);
}
