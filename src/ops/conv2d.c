// conv2d.c: convolution of pictures and its two gradients.
//
//   conv2d(x, w, [b], [r])
//     y[n,p,q,k] = act(b[k] + r[n,p,q,k] + sum over r,s,c of x[n, p sh - top + r dh, q sw - left +
//     s dw, c] w[k,r,s,c]); c runs over the C/G channels of k's group; x is 0 outside
//   conv2d_bwd_x(dy, w, [r])
//     dx[n,h,w,c] = r[n,h,w,c] + sum over r,s,k of dy[n,p,q,k] w[k,r,s,c], where p sh - top + r dh
//     = h and likewise w
//   conv2d_bwd_w(dy, x)
//     dw[k,r,s,c] = sum over n,p,q of dy[n,p,q,k] x[n, p sh - top + r dh, q sw - left + s dw, c]
//
// Shapes and attributes: ops.h. Chetlur et al. 2014 (cuDNN) names the three; the reference is in
// conv2d_ref.c, the kernel rows are in conv2d_rows.c.
#include "ops/conv2d.h"
#include "ops/common.h"

#include <stdio.h>

// ---- Shapes ---------------------------------------------------------------------------------

static hone_status check_attrs(const struct hone_conv2d_attrs *a) {
    for (int i = 0; i < 2; i++) {
        if (a->stride[i] < 1 || a->dilation[i] < 1)
            return hone_fail(HONE_INVALID, "stride %d,%d and dilation %d,%d must be 1 or more",
                             a->stride[0], a->stride[1], a->dilation[0], a->dilation[1]);
    }
    for (int i = 0; i < 4; i++)
        if (a->pad[i] < 0) return hone_fail(HONE_INVALID, "padding %d is negative", a->pad[i]);
    if (a->groups < 1) return hone_fail(HONE_INVALID, "groups %d; 1 or more", a->groups);
    if (a->act.kind < 0 || a->act.kind >= HONE_ACT_COUNT)
        return hone_fail(HONE_INVALID, "activation kind %d does not exist", a->act.kind);
    return HONE_OK;
}

// Output size of one axis; 0 or less: the filter does not fit.
static int64_t out_size(const struct hone_conv2d_attrs *a, int axis, int64_t size, int64_t taps) {
    int64_t padded = size + a->pad[axis] + a->pad[axis + 2] - a->dilation[axis] * (taps - 1) - 1;
    return padded < 0 ? 0 : padded / a->stride[axis] + 1;
}

// Fills out (N,P,Q,K) for x (N,H,W,C) and w (K,R,S,C/G).
static hone_status conv_shape(const struct hone_conv2d_attrs *a, const struct hone_desc *x,
                              const struct hone_desc *w, struct hone_desc *out) {
    char text[HONE_DESC_TEXT], text_w[HONE_DESC_TEXT];
    HONE_TRY(check_attrs(a));
    if ((int64_t)w->dim[3] * a->groups != x->dim[3] || w->dim[0] % a->groups != 0)
        return hone_fail(HONE_INVALID, "x %s and w %s do not match in %d group(s)",
                         hone_desc_text(x, text), hone_desc_text(w, text_w), a->groups);
    int64_t p = out_size(a, 0, x->dim[1], w->dim[1]), q = out_size(a, 1, x->dim[2], w->dim[2]);
    if (p < 1 || q < 1)
        return hone_fail(HONE_INVALID, "the filter of w %s is larger than the padded x %s",
                         hone_desc_text(w, text_w), hone_desc_text(x, text));
    return hone_op_set(out, x->dtype, 4, (const int64_t[]){x->dim[0], p, q, w->dim[0]});
}

// What is added has the shape and type of the result.
static hone_status check_addend(const struct hone_infer_args *args, int input, const char *what) {
    if (!hone_op_has(args, input) || hone_desc_equal(&args->in[input], &args->out[0]))
        return HONE_OK;
    char text[64];
    snprintf(text, sizeof text, "r does not have the shape and type of %s", what);
    return hone_op_fail_dims(text, &args->in[input], &args->out[0]);
}

static hone_status conv2d_infer(const struct hone_infer_args *args) {
    HONE_TRY(hone_op_expect_float(args, 0, "x", 4));
    HONE_TRY(hone_op_expect_float(args, 1, "w", 4));
    HONE_TRY(hone_op_expect_one_dtype(args, 1, "w", 0, "x"));
    if (hone_op_has(args, 2)) {
        HONE_TRY(hone_op_expect_f32(args, 2, "b", 1));
        HONE_TRY(hone_op_expect_dim(args, 2, "b", 0, args->in[1].dim[0], "the filters of w"));
    }
    HONE_TRY(conv_shape(args->attrs, &args->in[0], &args->in[1], &args->out[0]));
    return check_addend(args, CONV2D_R, "y");
}

// dy belongs to x and w.
static hone_status check_dy(const struct hone_conv2d_attrs *a, const struct hone_desc *dy,
                            const struct hone_desc *x, const struct hone_desc *w) {
    struct hone_desc y = {0};
    HONE_TRY(conv_shape(a, x, w, &y));
    if (!hone_desc_equal(&y, dy))
        return hone_op_fail_dims("dy does not have the shape of y", dy, &y);
    return HONE_OK;
}

static hone_status bwd_x_infer(const struct hone_infer_args *args) {
    const struct hone_conv2d_attrs *a = args->attrs;
    HONE_TRY(hone_op_expect_float(args, 0, "dy", 4));
    HONE_TRY(hone_op_expect_float(args, 1, "w", 4));
    HONE_TRY(hone_op_expect_one_dtype(args, 1, "w", 0, "dy"));
    const struct hone_desc *dy = &args->in[0], *w = &args->in[1];
    const int64_t dims[] = {dy->dim[0], a->in_h, a->in_w, (int64_t)w->dim[3] * a->groups};
    HONE_TRY(hone_op_set(&args->out[0], dy->dtype, 4, dims));
    HONE_TRY(check_addend(args, BWD_X_R, "dx"));
    return check_dy(a, dy, &args->out[0], w);
}

static hone_status bwd_w_infer(const struct hone_infer_args *args) {
    const struct hone_conv2d_attrs *a = args->attrs;
    HONE_TRY(hone_op_expect_float(args, 0, "dy", 4));
    HONE_TRY(hone_op_expect_float(args, 1, "x", 4));
    HONE_TRY(hone_op_expect_one_dtype(args, 1, "x", 0, "dy"));
    const struct hone_desc *dy = &args->in[0], *x = &args->in[1];
    HONE_TRY(check_attrs(a));
    const int64_t dims[] = {dy->dim[3], a->filter_h, a->filter_w, x->dim[3] / a->groups};
    HONE_TRY(hone_op_set(&args->out[0], HONE_F32, 4, dims));
    return check_dy(a, dy, x, &args->out[0]);
}

static struct hone_cost conv_cost(struct conv2d_geometry g, const struct hone_infer_args *args) {
    double taps = (double)g.w->dim[1] * g.w->dim[2] * g.w->dim[3];
    return (struct hone_cost){.flops = 2 * taps * (double)hone_desc_elements(g.y),
                              .bytes = hone_op_bytes(args, 1)};
}

static struct hone_cost conv2d_cost(const struct hone_infer_args *args) {
    return conv_cost(conv2d_geometry(args), args);
}

static struct hone_cost bwd_x_cost(const struct hone_infer_args *args) {
    return conv_cost(bwd_x_geometry(args), args);
}

static struct hone_cost bwd_w_cost(const struct hone_infer_args *args) {
    return conv_cost(bwd_w_geometry(args), args);
}

// ---- Gradient -------------------------------------------------------------------------------

static void conv2d_grad(struct hone_graph *graph, const struct hone_node *node,
                        const hone_value *dout, const bool *want, hone_value *din) {
    struct hone_conv2d_attrs attrs = *(const struct hone_conv2d_attrs *)node->attrs;
    // Copies: the graph's table moves while nodes are added.
    const struct hone_desc x = *hone_graph_desc(graph, node->inputs[0]);
    const struct hone_desc w = *hone_graph_desc(graph, node->inputs[1]);
    struct hone_act_attrs act = attrs.act;
    attrs.act = (struct hone_act_attrs){.kind = HONE_ACT_NONE};
    hone_value dy = dout[0];
    if (act.kind != HONE_ACT_NONE) {
        hone_value saved = node->outputs[0];
        if (!hone_act_saves_output(
                (enum hone_act)act.kind)) // the value before the activation, again
            saved = hone_graph_emit(graph, node->op, NULL, &attrs, node->inputs, node->input_count);
        dy = HONE_EMIT(graph, &hone_op_act_bwd, NULL, &act, dy, saved);
    }
    attrs.in_h = x.dim[1];
    attrs.in_w = x.dim[2];
    attrs.filter_h = w.dim[1];
    attrs.filter_w = w.dim[2];
    if (node->input_count > CONV2D_R && want[CONV2D_R]) din[CONV2D_R] = dy;
    const struct hone_shape_attrs bias = {.rank = 1, .dim = {w.dim[0]}};
    const struct hone_cast_attrs f32 = {HONE_F32};
    if (want[0])
        din[0] = HONE_EMIT(graph, &hone_op_conv2d_bwd_x, NULL, &attrs, dy, node->inputs[1]);
    if (want[1])
        din[1] = HONE_EMIT(graph, &hone_op_conv2d_bwd_w, NULL, &attrs, dy, node->inputs[0]);
    if (node->input_count > 2 && want[2] && x.dtype != HONE_F32)
        dy = HONE_EMIT(graph, &hone_op_cast, NULL, &f32, dy);
    if (node->input_count > 2 && want[2])
        din[2] = HONE_EMIT(graph, &hone_op_reduce_to, NULL, &bias, dy);
}

// ---- Fusion ---------------------------------------------------------------------------------

static bool conv2d_takes_act(struct hone_fusion *fusion) {
    struct hone_conv2d_attrs *attrs = (struct hone_conv2d_attrs *)fusion->attrs;
    return hone_op_fuse_act(fusion, &attrs->act);
}

// A sum of the result and another value of its shape; before any activation.
static bool takes_sum(struct hone_fusion *fusion, int input) {
    const struct hone_conv2d_attrs *attrs = (const void *)fusion->attrs;
    return attrs->act.kind == HONE_ACT_NONE && hone_op_fuse_sum(fusion, input);
}

static bool conv2d_takes_sum(struct hone_fusion *fusion) {
    return takes_sum(fusion, CONV2D_R);
}

static bool bwd_x_takes_sum(struct hone_fusion *fusion) {
    return takes_sum(fusion, BWD_X_R);
}

static const struct hone_absorb conv2d_absorbs[] = {
    {HONE_PASS_CONV_RESIDUAL, HONE_ABSORB_CONSUMER, conv2d_takes_sum},
    {HONE_PASS_CONV_EPILOGUE, HONE_ABSORB_CONSUMER, conv2d_takes_act},
};

static const struct hone_absorb bwd_x_absorbs[] = {
    {HONE_PASS_GRAD_SUM, HONE_ABSORB_CONSUMER, bwd_x_takes_sum},
};

// The result may overwrite what is added to it, unless the convolution reads that too.
static bool alias_addend(const struct hone_infer_args *args, int k, int input,
                         struct hone_alias *out) {
    if (k > 0 || !hone_op_has(args, input)) return false;
    *out = (struct hone_alias){.kind = HONE_ALIAS_IN_PLACE, .input = input, .alone = true};
    return true;
}

static bool conv2d_alias(const struct hone_infer_args *args, int k, struct hone_alias *out) {
    return alias_addend(args, k, CONV2D_R, out);
}

static bool bwd_x_alias(const struct hone_infer_args *args, int k, struct hone_alias *out) {
    return alias_addend(args, k, BWD_X_R, out);
}

// Pictures: those of in[0], of the result, and of what is added to it.
static bool conv2d_slices(const struct hone_infer_args *args, uint32_t *inputs, uint32_t *outputs) {
    hone_op_slices_first(args, inputs, outputs);
    *inputs |= 1u << CONV2D_R;
    return true;
}

static bool bwd_x_slices(const struct hone_infer_args *args, uint32_t *inputs, uint32_t *outputs) {
    hone_op_slices_first(args, inputs, outputs);
    *inputs |= 1u << BWD_X_R;
    return true;
}

// ---- Definitions ----------------------------------------------------------------------------

static const struct hone_field conv2d_fields[] = {
    HONE_FIELD(hone_conv2d_attrs, stride, HONE_FIELD_I32, 2),
    HONE_FIELD(hone_conv2d_attrs, pad, HONE_FIELD_I32, 4),
    HONE_FIELD(hone_conv2d_attrs, dilation, HONE_FIELD_I32, 2),
    HONE_FIELD(hone_conv2d_attrs, groups, HONE_FIELD_I32, 1),
    HONE_FIELD(hone_conv2d_attrs, in_h, HONE_FIELD_I32, 1),
    HONE_FIELD(hone_conv2d_attrs, in_w, HONE_FIELD_I32, 1),
    HONE_FIELD(hone_conv2d_attrs, filter_h, HONE_FIELD_I32, 1),
    HONE_FIELD(hone_conv2d_attrs, filter_w, HONE_FIELD_I32, 1),
    HONE_FIELD(hone_conv2d_attrs, act.kind, HONE_FIELD_I32, 1),
    HONE_FIELD(hone_conv2d_attrs, act.a, HONE_FIELD_F32, 1),
    HONE_FIELD(hone_conv2d_attrs, act.b, HONE_FIELD_F32, 1),
};
#define COUNT(array) (int)(sizeof(array) / sizeof *(array))

const struct hone_op hone_op_conv2d = {
    .name = "conv2d",
    .inputs_min = 2,
    .inputs_max = 4,
    .outputs = 1,
    .flags = HONE_OP_COMPUTE,
    .attrs_bytes = sizeof(struct hone_conv2d_attrs),
    .fields = conv2d_fields,
    .field_count = COUNT(conv2d_fields),
    .infer = conv2d_infer,
    .data_inputs = 3 | 1 << CONV2D_R,
    .grad = conv2d_grad,
    .ref = hone_op_conv2d_ref,
    .cost = conv2d_cost,
    .alias = conv2d_alias,
    .absorbs = conv2d_absorbs,
    .absorb_count = COUNT(conv2d_absorbs),
    .slices = conv2d_slices,
    .rows = hone_op_conv2d_rows,
    .row_count = HONE_OP_CONV2D_ROWS,
};

const struct hone_op hone_op_conv2d_bwd_x = {
    .name = "conv2d_bwd_x",
    .inputs_min = 2,
    .inputs_max = 3,
    .outputs = 1,
    .flags = HONE_OP_NO_GRAD | HONE_OP_COMPUTE,
    .attrs_bytes = sizeof(struct hone_conv2d_attrs),
    .fields = conv2d_fields,
    .field_count = COUNT(conv2d_fields),
    .infer = bwd_x_infer,
    .data_inputs = 3 | 1 << BWD_X_R,
    .ref = hone_op_conv2d_bwd_x_ref,
    .cost = bwd_x_cost,
    .alias = bwd_x_alias,
    .absorbs = bwd_x_absorbs,
    .absorb_count = COUNT(bwd_x_absorbs),
    .slices = bwd_x_slices,
    .rows = hone_op_conv2d_bwd_x_rows,
    .row_count = HONE_OP_CONV2D_BWD_X_ROWS,
};

const struct hone_op hone_op_conv2d_bwd_w = {
    .name = "conv2d_bwd_w",
    .inputs_min = 2,
    .inputs_max = 2,
    .outputs = 1,
    .flags = HONE_OP_NO_GRAD | HONE_OP_COMPUTE,
    .attrs_bytes = sizeof(struct hone_conv2d_attrs),
    .fields = conv2d_fields,
    .field_count = COUNT(conv2d_fields),
    .infer = bwd_w_infer,
    .data_inputs = 3,
    .ref = hone_op_conv2d_bwd_w_ref,
    .cost = bwd_w_cost,
    .rows = hone_op_conv2d_bwd_w_rows,
    .row_count = HONE_OP_CONV2D_BWD_W_ROWS,
};
