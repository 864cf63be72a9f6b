// onnx_nn.c: the operators that carry weights, and softmax.
#include "formats/onnx_import.h"

#include <string.h>

enum { NN_SIZE_MOST = 4096 }; // of kernels and dilations, so that their product stays small

// True when `c` adds one number to each of `count` channels, which have `behind` axes behind them.
static bool bias_fits(const struct hone_onnx_const *c, int32_t count, int behind) {
    if (!c->f || c->count != count || c->marks) return false;
    int channel = c->rank - 1 - behind;
    return channel >= 0 && c->dim[channel] == count;
}

hone_status hone_onnx_absorb_bias(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                                  int32_t count, int behind, struct hone_onnx_tensor **bias,
                                  const HoneOnnx__Node **reader) {
    *bias = NULL;
    *reader = NULL;
    const struct hone_onnx_tensor *output =
        node->n_output ? hone_onnx_name(im, node->output[0]) : NULL;
    if (!output || output->uses != 1 || output->reader == UINT32_MAX) return HONE_OK;
    const HoneOnnx__Node *add = im->file.model->graph->node[output->reader];
    if (strcmp(hone_onnx_text(add->op_type), "Add") != 0 || add->n_input != 2) return HONE_OK;
    bool second = strcmp(add->input[0], output->name) == 0;
    struct hone_onnx_tensor *other = hone_onnx_name(im, add->input[second ? 1 : 0]);
    if (!other || other == output) return HONE_OK;
    HONE_TRY(hone_onnx_resolve(im, other));
    if (other->state != HONE_ONNX_CONST || !bias_fits(&other->constant, count, behind))
        return HONE_OK;
    im->absorbed[output->reader] = 1;
    *bias = other;
    *reader = add;
    return HONE_OK;
}

// A constant that becomes a parameter.
static hone_status nn_weight(struct hone_onnx_import *im, const HoneOnnx__Node *node, size_t k,
                             const char *what, struct hone_onnx_tensor **out) {
    const struct hone_onnx_const *c;
    HONE_TRY(hone_onnx_input_const(im, node, k, true, what, &c));
    *out = hone_onnx_name(im, node->input[k]);
    if (!c->f || c->count == 0)
        return hone_fail(HONE_INVALID, "%s '%s' must be floats, not empty", what, (*out)->name);
    return HONE_OK;
}

// NULL where there is none.
static hone_status nn_bias(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                           struct hone_onnx_tensor **out) {
    const struct hone_onnx_const *c;
    *out = NULL;
    HONE_TRY(hone_onnx_input_const(im, node, 2, false, "bias", &c));
    return c ? nn_weight(im, node, 2, "bias", out) : HONE_OK;
}

static hone_status nn_vector(struct hone_onnx_import *im, struct hone_onnx_tensor *tensor,
                             const char *what, enum hone_param_kind kind, int64_t count,
                             hone_value *out) {
    if (tensor->constant.count != count)
        return hone_fail(HONE_INVALID, "%s '%s' has %lld elements, not %lld", what, tensor->name,
                         (long long)tensor->constant.count, (long long)count);
    return hone_onnx_param(im, tensor, kind, HONE_LAYOUT_SAME,
                           hone_desc_make(HONE_F32, 1, (int32_t)count, 0, 0, 0), NULL, out);
}

static hone_status conv_attrs(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                              struct hone_onnx_tensor *x, const struct hone_onnx_const *w,
                              struct hone_conv2d_attrs *out) {
    int32_t kernel[2], said[2];
    for (int i = 0; i < 2; i++) {
        if (w->dim[2 + i] > NN_SIZE_MOST)
            return hone_fail(HONE_UNSUPPORTED, "the kernel is too large");
        kernel[i] = (int32_t)w->dim[2 + i];
    }
    HONE_TRY(hone_onnx_attr_sizes(node, "kernel_shape", 2, 1, NN_SIZE_MOST, 0, said));
    if (said[0] && (said[0] != kernel[0] || said[1] != kernel[1]))
        return hone_fail(HONE_INVALID, "kernel_shape is %dx%d, the weights are %dx%d", (int)said[0],
                         (int)said[1], (int)kernel[0], (int)kernel[1]);
    bool merges = hone_onnx_attr_is(node, "auto_pad", "") ||
                  hone_onnx_attr_is(node, "auto_pad", "NOTSET") ||
                  hone_onnx_attr_is(node, "auto_pad", "VALID");
    if (!merges) HONE_TRY(hone_onnx_settle(im, x));
    struct hone_onnx_window window;
    HONE_TRY(hone_onnx_window(im, node, x, kernel, &window));
    int64_t groups = hone_onnx_attr_int(node, "group", 1);
    int64_t channels = hone_onnx_dim(im, x, 1);
    if (groups < 1 || groups > INT32_MAX || w->dim[1] > INT32_MAX / groups ||
        w->dim[1] * groups != channels || w->dim[0] % groups)
        return hone_fail(HONE_INVALID,
                         "weights (%lld,%lld,%lld,%lld) in %lld groups do not fit %lld channels",
                         (long long)w->dim[0], (long long)w->dim[1], (long long)w->dim[2],
                         (long long)w->dim[3], (long long)groups, (long long)channels);
    out->groups = (int32_t)groups;
    for (int i = 0; i < 2; i++) {
        out->stride[i] = window.stride[i];
        out->dilation[i] = window.dilation[i];
    }
    for (int i = 0; i < 4; i++) out->pad[i] = window.pad[i] + x->pad[i];
    return HONE_OK;
}

// Over (N,C,L): pictures of one line.
static hone_status conv_line(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                             struct hone_onnx_tensor *x, struct hone_onnx_tensor *w,
                             struct hone_onnx_tensor *b) {
    static const int8_t channels_last[HONE_MAX_RANK] = {0, 2, 1, 3, 4, 5};
    const int64_t *dim = w->constant.dim, groups = hone_onnx_attr_int(node, "group", 1);
    int64_t length = hone_onnx_dim(im, x, 2), channels = hone_onnx_dim(im, x, 1);
    const char *name = hone_onnx_node_name(node);
    int32_t stride, dilation, pads[2];
    HONE_TRY(hone_onnx_attr_sizes(node, "strides", 1, 1, NN_SIZE_MOST, 1, &stride));
    HONE_TRY(hone_onnx_attr_sizes(node, "dilations", 1, 1, NN_SIZE_MOST, 1, &dilation));
    HONE_TRY(hone_onnx_attr_sizes(node, "pads", 2, 0, NN_SIZE_MOST, 0, pads));
    if (!hone_onnx_attr_is(node, "auto_pad", "") && !hone_onnx_attr_is(node, "auto_pad", "NOTSET"))
        return hone_fail(HONE_UNSUPPORTED, "auto_pad of a 1-D convolution; use explicit pads");
    if (groups < 1 || dim[1] > INT32_MAX / groups || dim[1] * groups != channels ||
        dim[0] % groups || dim[2] > NN_SIZE_MOST)
        return hone_fail(HONE_INVALID, "weights (%lld,%lld,%lld) do not fit %lld channels",
                         (long long)dim[0], (long long)dim[1], (long long)dim[2],
                         (long long)channels);
    HONE_TRY(hone_onnx_settle(im, x));
    HONE_TRY(hone_onnx_arrange(im, x, channels_last));
    const struct hone_shape_attrs line = {.rank = 4,
                                          .dim = {0, 1, (int32_t)length, (int32_t)channels}};
    const struct hone_conv2d_attrs attrs = {.stride = {1, stride},
                                            .pad = {0, pads[0], 0, pads[1]},
                                            .dilation = {1, dilation},
                                            .groups = (int32_t)groups};
    hone_value in[3] = {hone_onnx_emit_reshape(im, name, &line, x->value), HONE_NO_VALUE,
                        HONE_NO_VALUE};
    struct hone_desc desc =
        hone_desc_make(HONE_F32, 4, (int32_t)dim[0], 1, (int32_t)dim[2], (int32_t)dim[1]);
    HONE_TRY(hone_onnx_param(im, w, HONE_PARAM_WEIGHT, HONE_LAYOUT_FILTER, desc, NULL, &in[1]));
    if (b) HONE_TRY(nn_vector(im, b, "bias", HONE_PARAM_BIAS, dim[0], &in[2]));
    hone_value y = hone_graph_emit(im->graph, &hone_op_conv2d, name, &attrs, in, b ? 3 : 2);
    HONE_TRY(hone_graph_status(im->graph));
    const struct hone_shape_attrs back = {
        .rank = 3, .dim = {0, hone_graph_desc(im->graph, y)->dim[2], (int32_t)dim[0]}};
    return hone_onnx_define(im, node, hone_onnx_emit_reshape(im, name, &back, y), channels_last);
}

hone_status hone_onnx_conv(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x, *w, *b;
    HONE_TRY(hone_onnx_input_value(im, node, 0, &x));
    HONE_TRY(nn_weight(im, node, 1, "weight", &w));
    HONE_TRY(nn_bias(im, node, &b));
    const int64_t *dim = w->constant.dim;
    if (hone_onnx_rank(im, x) == 3 && w->constant.rank == 3) return conv_line(im, node, x, w, b);
    if (hone_onnx_rank(im, x) != 4 || w->constant.rank != 4)
        return hone_fail(HONE_UNSUPPORTED, "only 1-D and 2-D convolutions are supported");
    if (!hone_onnx_is(x, hone_onnx_image, 4)) HONE_TRY(hone_onnx_arrange(im, x, hone_onnx_image));
    struct hone_conv2d_attrs attrs = {.groups = 1};
    HONE_TRY(conv_attrs(im, node, x, &w->constant, &attrs));

    const HoneOnnx__Node *last = NULL;
    if (!b) HONE_TRY(hone_onnx_absorb_bias(im, node, (int32_t)dim[0], 2, &b, &last));
    hone_value inputs[3] = {x->value, HONE_NO_VALUE, HONE_NO_VALUE};
    struct hone_desc desc = hone_desc_make(HONE_F32, 4, (int32_t)dim[0], (int32_t)dim[2],
                                           (int32_t)dim[3], (int32_t)dim[1]);
    HONE_TRY(hone_onnx_param(im, w, HONE_PARAM_WEIGHT, HONE_LAYOUT_FILTER, desc, NULL, &inputs[1]));
    if (b) HONE_TRY(nn_vector(im, b, "bias", HONE_PARAM_BIAS, dim[0], &inputs[2]));
    hone_value y = hone_graph_emit(im->graph, &hone_op_conv2d, hone_onnx_node_name(node), &attrs,
                                   inputs, b ? 3 : 2);
    return hone_onnx_define(im, last ? last : node, y, hone_onnx_image);
}

// ---- Linear
// -----------------------------------------------------------------------------------------------

// `factor` times the constant as a parameter; shared only where the factor is 1.
static hone_status gemm_param(struct hone_onnx_import *im, struct hone_onnx_tensor *tensor,
                              enum hone_param_kind kind, struct hone_desc desc, float factor,
                              hone_value *out) {
    int64_t count = hone_desc_elements(&desc);
    const struct hone_onnx_const *c = &tensor->constant;
    float *scaled = NULL;
    if (factor != 1 || c->count != count) { // a bias of one number is repeated
        scaled = hone_onnx_store_alloc(&im->store, count, sizeof *scaled);
        if (!scaled) return hone_onnx_store_failure(&im->store);
        for (int64_t i = 0; i < count; i++) scaled[i] = factor * c->f[c->count == 1 ? 0 : i];
    }
    return hone_onnx_param(im, tensor, kind, HONE_LAYOUT_SAME, desc, scaled, out);
}

// The weight of which w is the transpose, as files write the other way round: it keeps its name.
static struct hone_onnx_tensor *turned_of(struct hone_onnx_import *im,
                                          const struct hone_onnx_tensor *w) {
    if (w->initializer || w->writer == UINT32_MAX || w->constant.rank != 2) return NULL;
    const HoneOnnx__Node *node = im->file.model->graph->node[w->writer];
    if (strcmp(hone_onnx_text(node->op_type), "Transpose") != 0 || node->n_input < 1) return NULL;
    struct hone_onnx_tensor *from = hone_onnx_name(im, node->input[0]);
    const HoneOnnx__Attribute *perm = hone_onnx_attr(node, "perm");
    bool turns = !perm || (perm->n_ints == 2 && perm->ints[0] == 1);
    bool fits = from && from->initializer && from->state == HONE_ONNX_CONST && turns;
    return fits ? from : NULL;
}

// matmul of an activation, over its last axis, with constant w, as the file has it: (K,N), or (N,K)
// with trans_b.
static hone_status linear(struct hone_onnx_import *im, const HoneOnnx__Node *node, bool trans_b,
                          float alpha, float beta, struct hone_onnx_tensor *b) {
    struct hone_onnx_tensor *x, *w;
    HONE_TRY(hone_onnx_input_value(im, node, 0, &x));
    HONE_TRY(nn_weight(im, node, 1, "weight", &w));
    struct hone_onnx_tensor *turned = turned_of(im, w);
    if (turned) {
        w = turned;
        trans_b = !trans_b;
    }
    int rank = hone_onnx_rank(im, x);
    bool gemm = strcmp(node->op_type, "Gemm") == 0;
    if (rank < 2 || (gemm && rank - x->joined != 2) || w->constant.rank != 2)
        return hone_fail(HONE_UNSUPPORTED, "ranks %d and %d: only matrices can be multiplied", rank,
                         w->constant.rank);
    HONE_TRY(hone_onnx_settle(im, x));
    HONE_TRY(hone_onnx_arrange_last(im, x));
    int64_t n = w->constant.dim[trans_b ? 0 : 1], k = w->constant.dim[trans_b ? 1 : 0];
    if (k != hone_onnx_dim(im, x, rank - 1))
        return hone_fail(HONE_INVALID, "weights for %lld inputs, but there are %lld", (long long)k,
                         (long long)hone_onnx_dim(im, x, rank - 1));
    const HoneOnnx__Node *last = NULL;
    if (!b) {
        HONE_TRY(hone_onnx_absorb_bias(im, node, (int32_t)n, 0, &b, &last));
        beta = 1;
    }
    if (b && b->constant.count != 1 && !bias_fits(&b->constant, (int32_t)n, 0))
        return hone_fail(HONE_UNSUPPORTED, "its bias '%s' is not one number an output", b->name);
    hone_value inputs[3] = {x->value, HONE_NO_VALUE, HONE_NO_VALUE};
    struct hone_desc wd =
        hone_desc_make(HONE_F32, 2, (int32_t)w->constant.dim[0], (int32_t)w->constant.dim[1], 0, 0);
    HONE_TRY(gemm_param(im, w, HONE_PARAM_WEIGHT, wd, alpha, &inputs[1]));
    struct hone_desc bd = hone_desc_make(HONE_F32, 1, (int32_t)n, 0, 0, 0);
    if (b) HONE_TRY(gemm_param(im, b, HONE_PARAM_BIAS, bd, beta, &inputs[2]));
    struct hone_matmul_attrs attrs = {.trans_b = trans_b};
    hone_value y = hone_graph_emit(im->graph, &hone_op_matmul, hone_onnx_node_name(node), &attrs,
                                   inputs, b ? 3 : 2);
    HONE_TRY(hone_onnx_define(im, last ? last : node, y, x->perm));
    hone_onnx_name(im, (last ? last : node)->output[0])->joined = x->joined;
    return HONE_OK;
}

hone_status hone_onnx_gemm(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    if (hone_onnx_attr_int(node, "transA", 0))
        return hone_fail(HONE_UNSUPPORTED, "transA is not supported: it would transpose the batch");
    struct hone_onnx_tensor *b;
    HONE_TRY(nn_bias(im, node, &b));
    return linear(im, node, hone_onnx_attr_int(node, "transB", 0) != 0,
                  hone_onnx_attr_float(node, "alpha", 1), hone_onnx_attr_float(node, "beta", 1), b);
}

// A constant matrix times an activation: its columns are the rows of a matmul, where its last axis
// but one lies last in memory.
static hone_status linear_left(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x, *w, *b;
    const HoneOnnx__Node *last;
    HONE_TRY(hone_onnx_input_value(im, node, 1, &x));
    HONE_TRY(nn_weight(im, node, 0, "weight", &w));
    int rank = hone_onnx_rank(im, x);
    const int64_t *dim = w->constant.dim;
    if (rank < 3 || w->constant.rank != 2 || dim[1] != hone_onnx_dim(im, x, rank - 2))
        return hone_fail(HONE_UNSUPPORTED, "a matrix of rank %d times an activation of rank %d",
                         w->constant.rank, rank);
    int8_t order[HONE_MAX_RANK];
    HONE_TRY(hone_onnx_settle(im, x));
    hone_onnx_file_order(im, x, order);
    if (order[rank - 2] == 0 || order[rank - 1] == 0)
        return hone_fail(HONE_UNSUPPORTED, "a matrix cannot be multiplied with the batch");
    order[rank - 2] = (int8_t)(rank - 1);
    order[rank - 1] = (int8_t)(rank - 2);
    if (x->perm[rank - 2] != rank - 1) HONE_TRY(hone_onnx_arrange(im, x, order));
    const struct hone_matmul_attrs attrs = {.trans_b = 1};
    HONE_TRY(hone_onnx_absorb_bias(im, node, (int32_t)dim[0], 1, &b, &last));
    hone_value inputs[3] = {x->value, HONE_NO_VALUE, HONE_NO_VALUE};
    struct hone_desc wd = hone_desc_make(HONE_F32, 2, (int32_t)dim[0], (int32_t)dim[1], 0, 0);
    struct hone_desc bd = hone_desc_make(HONE_F32, 1, (int32_t)dim[0], 0, 0, 0);
    HONE_TRY(gemm_param(im, w, HONE_PARAM_WEIGHT, wd, 1, &inputs[1]));
    if (b) HONE_TRY(gemm_param(im, b, HONE_PARAM_BIAS, bd, 1, &inputs[2]));
    hone_value y = hone_graph_emit(im->graph, &hone_op_matmul, hone_onnx_node_name(node), &attrs,
                                   inputs, b ? 3 : 2);
    return hone_onnx_define(im, last ? last : node, y, x->perm);
}

hone_status hone_onnx_matmul(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *a, *b;
    HONE_TRY(hone_onnx_input(im, node, 0, true, &a));
    if (a->state == HONE_ONNX_CONST) return linear_left(im, node);
    HONE_TRY(hone_onnx_input(im, node, 1, true, &b));
    if (b->state != HONE_ONNX_CONST) return hone_onnx_matmul_values(im, node);
    return linear(im, node, false, 1, 1, NULL);
}

// ---- Norm, softmax, dropout
// ---------------------------------------------------------------------------------

hone_status hone_onnx_batch_norm(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    static const struct {
        const char *what;
        enum hone_param_kind kind;
    } roles[] = {{"scale", HONE_PARAM_NORM_SCALE},
                 {"B", HONE_PARAM_NORM_SHIFT},
                 {"mean", HONE_PARAM_NORM_MEAN},
                 {"var", HONE_PARAM_NORM_VAR}};
    if (hone_onnx_attr_int(node, "training_mode", 0))
        return hone_fail(HONE_UNSUPPORTED, "exported in training mode; export with model.eval()");
    if (!hone_onnx_attr_int(node, "spatial", 1))
        return hone_fail(HONE_UNSUPPORTED, "spatial = 0 is not supported");
    struct hone_onnx_tensor *x;
    HONE_TRY(hone_onnx_input_value(im, node, 0, &x));
    int rank = hone_onnx_rank(im, x);
    if (rank != 4 && rank != 2)
        return hone_fail(HONE_UNSUPPORTED, "batch norm of rank %d is not supported", rank);
    HONE_TRY(hone_onnx_arrange(im, x, rank == 4 ? hone_onnx_image : hone_onnx_plain));
    hone_value inputs[5] = {x->value};
    for (size_t k = 0; k < 4; k++) {
        struct hone_onnx_tensor *p;
        HONE_TRY(nn_weight(im, node, k + 1, roles[k].what, &p));
        HONE_TRY(nn_vector(im, p, roles[k].what, roles[k].kind, hone_onnx_dim(im, x, 1),
                           &inputs[k + 1]));
    }
    struct hone_batch_norm_attrs attrs = {.eps = hone_onnx_attr_float(node, "epsilon", 1e-5f)};
    hone_value y = hone_graph_emit(im->graph, &hone_op_batch_norm, hone_onnx_node_name(node),
                                   &attrs, inputs, 5);
    return hone_onnx_define(im, node, y, x->perm);
}

// Before opset 13 all axes from `axis` on were one.
static hone_status softmax_flat(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                                struct hone_onnx_tensor *x, int axis) {
    HONE_TRY(hone_onnx_arrange(im, x, hone_onnx_plain));
    const char *name = hone_onnx_node_name(node);
    struct hone_desc desc = *hone_graph_desc(im->graph, x->value);
    struct hone_shape_attrs flat = {.rank = axis + 1}, back = {.rank = desc.rank};
    for (int i = 1; i < desc.rank; i++) {
        back.dim[i] = desc.dim[i];
        flat.dim[i < axis ? i : axis] = i <= axis ? desc.dim[i] : flat.dim[axis] * desc.dim[i];
    }
    hone_value y = hone_onnx_emit_reshape(im, name, &flat, x->value);
    y = HONE_EMIT(im->graph, &hone_op_softmax, name, NULL, y);
    return hone_onnx_define(im, node, hone_onnx_emit_reshape(im, name, &back, y), x->perm);
}

hone_status hone_onnx_softmax(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x;
    HONE_TRY(hone_onnx_input_value(im, node, 0, &x));
    HONE_TRY(hone_onnx_settle(im, x));
    int rank = hone_onnx_rank(im, x);
    bool old = im->file.opset < 13, flat = false;
    int64_t axis = hone_onnx_attr_int(node, "axis", old ? 1 : -1);
    if (axis < 0) axis += rank;
    if (axis < 0 || axis >= rank || x->perm[axis] == 0)
        return hone_fail(HONE_UNSUPPORTED, "softmax over axis %lld of %d, which is the batch",
                         (long long)axis, rank);
    for (int i = (int)axis + 1; i < rank; i++) flat |= old && hone_onnx_dim(im, x, i) != 1;
    if (flat) return softmax_flat(im, node, x, (int)axis);
    if (x->perm[axis] != rank - 1) { // the others as the file has them
        int8_t order[HONE_MAX_RANK];
        memcpy(order, hone_onnx_image, sizeof order);
        if (axis != 1 || rank != 4) {
            hone_onnx_file_order(im, x, order);
            for (int i = (int)axis + 1; i < rank; i++)
                if (order[i]) order[i]--;
            order[axis] = (int8_t)(rank - 1);
        }
        HONE_TRY(hone_onnx_arrange(im, x, order));
    }
    hone_value y =
        HONE_EMIT(im->graph, &hone_op_softmax, hone_onnx_node_name(node), NULL, x->value);
    return hone_onnx_define(im, node, y, x->perm);
}

// Nothing at inference; the trainer puts a dropout of its own in front of the head.
hone_status hone_onnx_dropout(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x;
    HONE_TRY(hone_onnx_input_value(im, node, 0, &x));
    return hone_onnx_alias(im, node, x);
}
