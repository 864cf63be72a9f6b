// onnx_norm_group.c: group norm (Wu, He 2018) and instance norm, put together of means, differences
// and products. Exporters write a group norm as a Reshape, an instance norm and a Reshape back:
// the norm is made of what stood before, so that no picture is moved.
#include "formats/onnx_import.h"

#include <string.h>

// The mean over the pixels and the channels of each group of (N,S,G,D), (N,1,G,1).
static hone_value group_mean(struct hone_onnx_import *im, const char *name, hone_value x) {
    const struct hone_desc *desc = hone_graph_desc(im->graph, x);
    const struct hone_shape_attrs each = {.rank = 4, .dim = {0, 1, desc->dim[2], 1}};
    const struct hone_scale_attrs share = {.alpha =
                                               1 / ((float)desc->dim[1] * (float)desc->dim[3])};
    hone_value sum = HONE_EMIT(im->graph, &hone_op_reduce_to, name, &each, x);
    return HONE_EMIT(im->graph, &hone_op_scale, name, &share, sum);
}

// (x - mean) / sqrt(var + eps) for each picture and group of channels of x (N,...,C).
static hone_value group_norm(struct hone_onnx_import *im, const char *name, hone_value x,
                             int32_t groups, float eps) {
    const struct hone_desc desc = *hone_graph_desc(im->graph, x);
    int32_t channels = desc.dim[desc.rank - 1];
    struct hone_shape_attrs apart = {.rank = 4, .dim = {0, 1, groups, channels / groups}},
                            back = {.rank = desc.rank};
    for (int i = 1; i < desc.rank; i++) {
        back.dim[i] = desc.dim[i];
        if (i < desc.rank - 1) apart.dim[1] *= desc.dim[i];
    }
    const struct hone_act_attrs invert = {.kind = HONE_ACT_POW, .a = -0.5f};
    hone_value c = hone_onnx_emit_reshape(im, name, &apart, x);
    c = HONE_EMIT(im->graph, &hone_op_sub, name, NULL, c, group_mean(im, name, c));
    hone_value square = HONE_EMIT(im->graph, &hone_op_mul, name, NULL, c, c);
    hone_value var = hone_onnx_emit_plus(im, name, group_mean(im, name, square), eps);
    hone_value invstd = HONE_EMIT(im->graph, &hone_op_act, name, &invert, var);
    c = HONE_EMIT(im->graph, &hone_op_mul, name, NULL, c, invstd);
    return hone_onnx_emit_reshape(im, name, &back, c);
}

// x with its channels, axis 1 of the file, last in memory.
static hone_status group_arrange(struct hone_onnx_import *im, struct hone_onnx_tensor *x) {
    int8_t order[HONE_MAX_RANK];
    int rank = hone_onnx_rank(im, x);
    if (rank < 3) return hone_fail(HONE_UNSUPPORTED, "a norm of pictures of rank %d", rank);
    hone_onnx_file_order(im, x, order);
    for (int i = 2; i < rank; i++) order[i]--;
    order[1] = (int8_t)(rank - 1);
    if (x->perm[1] == rank - 1) return HONE_OK;
    return hone_onnx_arrange(im, x, order);
}

// value times input 1 plus input 2, both of one number a channel or one a group of channels.
static hone_status group_scale(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                               hone_value *value, int32_t channels) {
    for (size_t k = 1; k < 3; k++) {
        const struct hone_onnx_const *c;
        HONE_TRY(hone_onnx_input_const(im, node, k, true, k == 1 ? "scale" : "bias", &c));
        if (!c->f || c->count < 1 || channels % c->count)
            return hone_fail(HONE_INVALID, "its %s has %lld numbers for %d channels",
                             k == 1 ? "scale" : "bias", (long long)c->count, (int)channels);
        float *each = NULL;
        if (c->count != channels) {
            each = hone_onnx_store_alloc(&im->store, channels, sizeof *each);
            if (!each) return hone_onnx_store_failure(&im->store);
            for (int64_t i = 0; i < channels; i++) each[i] = c->f[i / (channels / c->count)];
        }
        hone_value param;
        HONE_TRY(hone_onnx_param(im, hone_onnx_name(im, node->input[k]),
                                 k == 1 ? HONE_PARAM_FACTOR : HONE_PARAM_TERM, HONE_LAYOUT_CHANNEL,
                                 hone_desc_make(HONE_F32, 1, channels, 0, 0, 0), each, &param));
        *value = HONE_EMIT(im->graph, k == 1 ? &hone_op_mul : &hone_op_add,
                           hone_onnx_node_name(node), NULL, *value, param);
    }
    return hone_graph_status(im->graph);
}

// True where input k is this number only.
static hone_status is_only(struct hone_onnx_import *im, const HoneOnnx__Node *node, size_t k,
                           float number, bool *out) {
    const struct hone_onnx_const *c;
    HONE_TRY(hone_onnx_input_const(im, node, k, true, "scale or bias", &c));
    *out = c->f != NULL;
    for (int64_t i = 0; i < c->count && *out; i++) *out = c->f[i] == number;
    return HONE_OK;
}

// The tensor (N,C,...) that a Reshape made (N,G,rest) of, or NULL.
static struct hone_onnx_tensor *group_source(struct hone_onnx_import *im,
                                             const struct hone_onnx_tensor *x) {
    const HoneOnnx__Node *node =
        x->writer == UINT32_MAX ? NULL : im->file.model->graph->node[x->writer];
    if (!node || strcmp(hone_onnx_text(node->op_type), "Reshape") != 0) return NULL;
    struct hone_onnx_tensor *from = hone_onnx_name(im, node->input[0]);
    bool fits = from && from->state == HONE_ONNX_NODE && from->perm[0] == 0 &&
                hone_onnx_rank(im, from) >= 3 && hone_onnx_rank(im, x) == 3 &&
                hone_onnx_dim(im, from, 0) == hone_onnx_dim(im, x, 0) &&
                hone_onnx_dim(im, from, 1) % hone_onnx_dim(im, x, 1) == 0;
    return fits ? from : NULL;
}

hone_status hone_onnx_instance_norm(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x;
    bool ones, zeros;
    float eps = hone_onnx_attr_float(node, "epsilon", 1e-5f);
    const char *name = hone_onnx_node_name(node);
    HONE_TRY(hone_onnx_input_value(im, node, 0, &x));
    HONE_TRY(hone_onnx_settle(im, x));
    HONE_TRY(is_only(im, node, 1, 1, &ones));
    HONE_TRY(is_only(im, node, 2, 0, &zeros));
    struct hone_onnx_tensor *from = ones && zeros ? group_source(im, x) : NULL;
    struct hone_onnx_tensor y = from ? *from : *x;
    HONE_TRY(hone_onnx_settle(im, &y));
    HONE_TRY(group_arrange(im, &y));
    int32_t channels = (int32_t)hone_onnx_dim(im, &y, 1);
    int32_t groups = from ? (int32_t)hone_onnx_dim(im, x, 1) : channels;
    y.value = group_norm(im, name, y.value, groups, eps);
    if (!(ones && zeros)) HONE_TRY(group_scale(im, node, &y.value, channels));
    HONE_TRY(hone_graph_status(im->graph));
    if (!from) return hone_onnx_define(im, node, y.value, y.perm);
    int64_t dim[3];
    for (int i = 0; i < 3; i++) dim[i] = hone_onnx_dim(im, x, i);
    return hone_onnx_reshape_to(im, node, &y, 3, dim, 0);
}

hone_status hone_onnx_group_norm(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x;
    HONE_TRY(hone_onnx_input_value(im, node, 0, &x));
    HONE_TRY(hone_onnx_settle(im, x));
    HONE_TRY(group_arrange(im, x));
    int64_t groups = hone_onnx_attr_int(node, "num_groups", 0), channels = hone_onnx_dim(im, x, 1);
    if (groups < 1 || channels % groups)
        return hone_fail(HONE_INVALID, "%lld channels in %lld groups", (long long)channels,
                         (long long)groups);
    hone_value y = group_norm(im, hone_onnx_node_name(node), x->value, (int32_t)groups,
                              hone_onnx_attr_float(node, "epsilon", 1e-5f));
    HONE_TRY(group_scale(im, node, &y, (int32_t)channels));
    return hone_onnx_define(im, node, y, x->perm);
}
