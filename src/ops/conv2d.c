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
// conv2d_ref.c, launches are in conv_*.c.
#include "ops/common.h"
#include "ops/conv2d.h"
#include "ops/conv_coop.h"
#include "ops/conv_cpu_tile.h"
#include "ops/conv_launch.h"

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
enum { CONV2D_R = 3, BWD_X_R = 2 };
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

// ---- Geometry: which operands are x, w and y --------------------------------------------------

struct geometry {
    const struct hone_conv2d_attrs *attrs;
    const struct hone_desc *x, *w, *y;
};

static struct geometry conv2d_geometry(const struct hone_infer_args *args) {
    return (struct geometry){args->attrs, &args->in[0], &args->in[1], &args->out[0]};
}

static struct geometry bwd_x_geometry(const struct hone_infer_args *args) {
    return (struct geometry){args->attrs, &args->out[0], &args->in[1], &args->in[0]};
}

static struct geometry bwd_w_geometry(const struct hone_infer_args *args) {
    return (struct geometry){args->attrs, &args->in[1], &args->out[0], &args->in[0]};
}

static struct hone_cost conv_cost(struct geometry g, const struct hone_infer_args *args) {
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

// ---- Rows -----------------------------------------------------------------------------------

static struct hone_conv_push push_of(struct geometry g) {
    const struct hone_conv2d_attrs *a = g.attrs;
    const int32_t *x = g.x->dim, *w = g.w->dim, *y = g.y->dim;
    return (struct hone_conv_push){
        .n = x[0],
        .h = x[1],
        .w = x[2],
        .c = x[3],
        .k = y[3],
        .p = y[1],
        .q = y[2],
        .r = w[1],
        .s = w[2],
        .stride_h = a->stride[0],
        .stride_w = a->stride[1],
        .pad_h = a->pad[0],
        .pad_w = a->pad[1],
        .dilation_h = a->dilation[0],
        .dilation_w = a->dilation[1],
        .groups = a->groups,
        .act_a = a->act.a,
        .act_b = a->act.b,
    };
}

static struct hone_conv_job job_of(struct geometry g, const struct hone_row_args *args) {
    return (struct hone_conv_job){
        .push = push_of(g),
        .act = HONE_ACT_NONE,
        .a = {.kind = HONE_OPERAND_INPUT, .index = 0},
        .b = {.kind = HONE_OPERAND_INPUT, .index = 1},
        .bias = {.kind = HONE_OPERAND_INPUT, .index = 2},
        .addend = {.kind = HONE_OPERAND_INPUT, .index = CONV2D_R},
        .out = {.kind = HONE_OPERAND_OUTPUT, .index = 0},
        .caps = args->caps,
        .dtype = args->node->in[0].dtype,
        .out_dtype = args->node->out[0].dtype,
        .tile = args->tile,
    };
}

static hone_status conv2d_run(const struct hone_row_args *args, hone_conv_setup *setup,
                              struct hone_launch *launch) {
    struct geometry g = conv2d_geometry(args->node);
    struct hone_conv_job job = job_of(g, args);
    job.act = (enum hone_act)g.attrs->act.kind;
    job.has_bias = hone_op_has(args->node, 2);
    job.has_addend = hone_op_has(args->node, CONV2D_R);
    job.parts = args->parts;
    return setup(&job, launch);
}

static hone_status bwd_x_run(const struct hone_row_args *args, hone_conv_setup *setup,
                             struct hone_launch *launch) {
    struct hone_conv_job job = job_of(bwd_x_geometry(args->node), args);
    job.addend.index = BWD_X_R;
    job.has_addend = hone_op_has(args->node, BWD_X_R);
    return setup(&job, launch);
}

static hone_status bwd_w_run(const struct hone_row_args *args, hone_conv_setup *setup,
                             struct hone_launch *launch) {
    struct hone_conv_job job = job_of(bwd_w_geometry(args->node), args);
    return setup(&job, launch);
}

// fits and setup of one row
#define ROW_FITS(name, geometry_of, fits_)                                                         \
    static bool name(const struct hone_row_args *args) {                                           \
        struct hone_conv_push push = push_of(geometry_of(args->node));                             \
        return hone_op_is_f32(args->node, 1) && fits_(&push, args->caps);                          \
    }
// The same in 16 bits too, where channels go in fours.
#define ROW_FITS_16(name, geometry_of, fits_)                                                      \
    static bool name(const struct hone_row_args *args) {                                           \
        struct hone_conv_push push = push_of(geometry_of(args->node));                             \
        return (hone_op_is_f32(args->node, 1) || push.c % 4 == 0) && fits_(&push, args->caps);     \
    }
#define TILED(op, geometry_of, form)                                                               \
    static bool op##_fits_tiled(const struct hone_row_args *args) {                                \
        struct hone_conv_push push = push_of(geometry_of(args->node));                             \
        return hone_conv_fits_tiled(&push, form, args->node->out[0].dtype, args->caps);            \
    }                                                                                              \
    static bool op##_tile(const struct hone_row_args *args, int k, char name[HONE_TILE_NAME]) {    \
        struct hone_conv_push push = push_of(geometry_of(args->node));                             \
        return hone_conv_tiled_name(&push, form, args->caps, k, name);                             \
    }
TILED(conv2d, conv2d_geometry, HONE_CONV_FPROP)
TILED(bwd_x, bwd_x_geometry, HONE_CONV_DGRAD)
TILED(bwd_w, bwd_w_geometry, HONE_CONV_WGRAD)
#define CPU_TILE(name, geometry_of, form, wide)                                                    \
    static bool name(const struct hone_row_args *args, int k, char text[HONE_TILE_NAME]) {         \
        struct hone_conv_push push = push_of(geometry_of(args->node));                             \
        return hone_conv_cpu_tile_name(&push, form, wide, args->caps, k, text);                    \
    }
CPU_TILE(conv2d_tile_wide, conv2d_geometry, HONE_CONV_FPROP, true)
CPU_TILE(conv2d_tile_cpu, conv2d_geometry, HONE_CONV_FPROP, false)
CPU_TILE(bwd_x_tile_wide, bwd_x_geometry, HONE_CONV_DGRAD, true)
CPU_TILE(bwd_x_tile_cpu, bwd_x_geometry, HONE_CONV_DGRAD, false)
CPU_TILE(bwd_w_tile_wide, bwd_w_geometry, HONE_CONV_WGRAD, true)
CPU_TILE(bwd_w_tile_cpu, bwd_w_geometry, HONE_CONV_WGRAD, false)
#define WINOGRAD(op, geometry_of, form)                                                            \
    static bool op##_fits_winograd(const struct hone_row_args *args) {                             \
        struct hone_conv_push push = push_of(geometry_of(args->node));                             \
        return hone_op_is_f32(args->node, 1) && hone_conv_fits_winograd(&push, form, args->caps);  \
    }                                                                                              \
    static bool op##_winograd_tile(const struct hone_row_args *args, int k,                        \
                                   char name[HONE_TILE_NAME]) {                                    \
        struct hone_conv_push push = push_of(geometry_of(args->node));                             \
        return hone_conv_winograd_name(&push, form, args->caps, k, name);                          \
    }
WINOGRAD(conv2d, conv2d_geometry, HONE_CONV_FPROP)
WINOGRAD(bwd_x, bwd_x_geometry, HONE_CONV_DGRAD)
#define ROW_SETUP(name, run, setup)                                                                \
    static hone_status name(const struct hone_row_args *args, struct hone_launch *launch) {        \
        return run(args, setup, launch);                                                           \
    }
ROW_FITS(conv2d_fits_wide, conv2d_geometry, hone_conv_fprop_fits_wide)
ROW_FITS(conv2d_fits_cpu, conv2d_geometry, hone_conv_fprop_fits_cpu)
ROW_FITS(bwd_x_fits_wide, bwd_x_geometry, hone_conv_dgrad_fits_wide)
ROW_FITS(bwd_x_fits_cpu, bwd_x_geometry, hone_conv_dgrad_fits_cpu)
ROW_FITS(bwd_w_fits_wide, bwd_w_geometry, hone_conv_wgrad_fits_wide)
ROW_FITS(bwd_w_fits_cpu, bwd_w_geometry, hone_conv_wgrad_fits_cpu)
ROW_FITS(conv2d_fits_winograd_cpu, conv2d_geometry, hone_conv_fprop_fits_winograd_cpu)
ROW_FITS(bwd_x_fits_winograd_cpu, bwd_x_geometry, hone_conv_dgrad_fits_winograd_cpu)
ROW_FITS(bwd_w_fits_winograd_cpu, bwd_w_geometry, hone_conv_wgrad_fits_winograd_cpu)
ROW_SETUP(conv2d_winograd, conv2d_run, hone_conv_fprop_winograd)
ROW_SETUP(bwd_x_winograd, bwd_x_run, hone_conv_dgrad_winograd)
ROW_SETUP(conv2d_winograd_cpu, conv2d_run, hone_conv_fprop_winograd_cpu)
ROW_SETUP(bwd_x_winograd_cpu, bwd_x_run, hone_conv_dgrad_winograd_cpu)
ROW_SETUP(bwd_w_winograd_cpu, bwd_w_run, hone_conv_wgrad_winograd_cpu)
ROW_FITS(conv2d_fits_depthwise_wide, conv2d_geometry, hone_conv_fits_depthwise_wide)
ROW_FITS_16(conv2d_fits_depthwise, conv2d_geometry, hone_conv_fits_depthwise)
ROW_FITS(bwd_x_fits_depthwise_wide, bwd_x_geometry, hone_conv_fits_depthwise_wide)
ROW_FITS_16(bwd_x_fits_depthwise, bwd_x_geometry, hone_conv_fits_depthwise)
ROW_FITS(bwd_w_fits_depthwise_wide, bwd_w_geometry, hone_conv_fits_depthwise_wide)
ROW_FITS_16(bwd_w_fits_depthwise, bwd_w_geometry, hone_conv_fits_depthwise)
ROW_SETUP(conv2d_depthwise_wide, conv2d_run, hone_conv_fprop_depthwise_wide)
ROW_SETUP(conv2d_depthwise, conv2d_run, hone_conv_fprop_depthwise)
ROW_SETUP(bwd_x_depthwise_wide, bwd_x_run, hone_conv_dgrad_depthwise_wide)
ROW_SETUP(bwd_x_depthwise, bwd_x_run, hone_conv_dgrad_depthwise)
ROW_SETUP(bwd_w_depthwise_wide, bwd_w_run, hone_conv_wgrad_depthwise_wide)
ROW_SETUP(bwd_w_depthwise, bwd_w_run, hone_conv_wgrad_depthwise)
ROW_SETUP(conv2d_wide, conv2d_run, hone_conv_fprop_wide)
ROW_SETUP(conv2d_cpu, conv2d_run, hone_conv_fprop_cpu)
ROW_SETUP(conv2d_tiled, conv2d_run, hone_conv_fprop_tiled)
ROW_SETUP(conv2d_plain, conv2d_run, hone_conv_fprop_plain)
ROW_SETUP(bwd_x_wide, bwd_x_run, hone_conv_dgrad_wide)
ROW_SETUP(bwd_x_cpu, bwd_x_run, hone_conv_dgrad_cpu)
ROW_SETUP(bwd_x_tiled, bwd_x_run, hone_conv_dgrad_tiled)
ROW_SETUP(bwd_x_plain, bwd_x_run, hone_conv_dgrad_plain)
ROW_SETUP(bwd_w_wide, bwd_w_run, hone_conv_wgrad_wide)
ROW_SETUP(bwd_w_cpu, bwd_w_run, hone_conv_wgrad_cpu)
ROW_SETUP(bwd_w_tiled, bwd_w_run, hone_conv_wgrad_tiled)
ROW_SETUP(bwd_w_plain, bwd_w_run, hone_conv_wgrad_plain)

// A row on cooperative matrices; `run` is the way of the operator above.
#define ROW_COOP(name, run, geometry_of, form, body)                                               \
    static bool name##_fits(const struct hone_row_args *args) {                                    \
        struct hone_conv_job job = job_of(geometry_of(args->node), args);                          \
        return hone_conv_coop_fits(body, form, &job);                                              \
    }                                                                                              \
    static bool name##_tile(const struct hone_row_args *args, int k, char text[HONE_TILE_NAME]) {  \
        struct hone_conv_job job = job_of(geometry_of(args->node), args);                          \
        return hone_conv_coop_tile(body, form, &job, k, text);                                     \
    }                                                                                              \
    static hone_status name##_body(const struct hone_conv_job *job, struct hone_launch *launch) {  \
        return hone_conv_coop(body, form, job, launch);                                            \
    }                                                                                              \
    static hone_status name##_setup(const struct hone_row_args *args,                              \
                                    struct hone_launch *launch) {                                  \
        return run(args, name##_body, launch);                                                     \
    }
#define ROWS_COOP(op, geometry_of, form)                                                           \
    ROW_COOP(op##_f16, op##_run, geometry_of, form, HONE_COOP_F16)                                 \
    ROW_COOP(op##_bf16, op##_run, geometry_of, form, HONE_COOP_BF16)                               \
    ROW_COOP(op##_emulated, op##_run, geometry_of, form, HONE_COOP_EMULATED)                       \
    ROW_COOP(op##_2_f16, op##_run, geometry_of, form, HONE_COOP2_F16)                              \
    ROW_COOP(op##_2_bf16, op##_run, geometry_of, form, HONE_COOP2_BF16)                            \
    ROW_COOP(op##_2_emulated, op##_run, geometry_of, form, HONE_COOP2_EMULATED)
ROWS_COOP(conv2d, conv2d_geometry, HONE_CONV_FPROP)
ROWS_COOP(bwd_x, bwd_x_geometry, HONE_CONV_DGRAD)
ROWS_COOP(bwd_w, bwd_w_geometry, HONE_CONV_WGRAD)
#define COOP_FUNCTIONS(name) .fits = name##_fits, .setup = name##_setup, .tile = name##_tile
#define COOP_ROWS(op)                                                                              \
    {.name = "coop2", .needs = HONE_COOP2_F16_NEEDS, COOP_FUNCTIONS(op##_2_f16)},                  \
        {.name = "coop2_bf16", .needs = HONE_COOP2_BF16_NEEDS, COOP_FUNCTIONS(op##_2_bf16)},       \
        {.name = "coop2_emulated", .test_only = true, COOP_FUNCTIONS(op##_2_emulated)},            \
        {.name = "coop", .needs = HONE_COOP_F16_NEEDS, COOP_FUNCTIONS(op##_f16)},                  \
        {.name = "coop_bf16", .needs = HONE_COOP_BF16_NEEDS, COOP_FUNCTIONS(op##_bf16)}, {         \
        .name = "coop_emulated", .test_only = true, COOP_FUNCTIONS(op##_emulated)                  \
    }

static const struct hone_op_row conv2d_rows[] = {
    {.name = "depthwise_wide",
     .needs = HONE_CONV_DEPTHWISE_WIDE_NEEDS,
     .fits = conv2d_fits_depthwise_wide,
     .setup = conv2d_depthwise_wide},
    {.name = "depthwise", .fits = conv2d_fits_depthwise, .setup = conv2d_depthwise},
    COOP_ROWS(conv2d),
    {.name = "winograd_cpu",
     .needs = HONE_CONV_CPU_NEEDS,
     .fits = conv2d_fits_winograd_cpu,
     .setup = conv2d_winograd_cpu},
    {.name = "wide",
     .needs = HONE_CONV_WIDE_NEEDS,
     .fits = conv2d_fits_wide,
     .setup = conv2d_wide,
     .tile = conv2d_tile_wide},
    {.name = "cpu",
     .needs = HONE_CONV_CPU_NEEDS,
     .fits = conv2d_fits_cpu,
     .setup = conv2d_cpu,
     .tile = conv2d_tile_cpu},
    {.name = "winograd",
     .fits = conv2d_fits_winograd,
     .setup = conv2d_winograd,
     .tile = conv2d_winograd_tile},
    {.name = "tiled", .fits = conv2d_fits_tiled, .setup = conv2d_tiled, .tile = conv2d_tile},
    {.name = "plain", .setup = conv2d_plain},
};
static const struct hone_op_row bwd_x_rows[] = {
    {.name = "depthwise_wide",
     .needs = HONE_CONV_DEPTHWISE_WIDE_NEEDS,
     .fits = bwd_x_fits_depthwise_wide,
     .setup = bwd_x_depthwise_wide},
    {.name = "depthwise", .fits = bwd_x_fits_depthwise, .setup = bwd_x_depthwise},
    COOP_ROWS(bwd_x),
    {.name = "winograd_cpu",
     .needs = HONE_CONV_CPU_NEEDS,
     .fits = bwd_x_fits_winograd_cpu,
     .setup = bwd_x_winograd_cpu},
    {.name = "wide",
     .needs = HONE_CONV_WIDE_NEEDS,
     .fits = bwd_x_fits_wide,
     .setup = bwd_x_wide,
     .tile = bwd_x_tile_wide},
    {.name = "cpu",
     .needs = HONE_CONV_CPU_NEEDS,
     .fits = bwd_x_fits_cpu,
     .setup = bwd_x_cpu,
     .tile = bwd_x_tile_cpu},
    {.name = "winograd",
     .fits = bwd_x_fits_winograd,
     .setup = bwd_x_winograd,
     .tile = bwd_x_winograd_tile},
    {.name = "tiled", .fits = bwd_x_fits_tiled, .setup = bwd_x_tiled, .tile = bwd_x_tile},
    {.name = "plain", .setup = bwd_x_plain},
};
static const struct hone_op_row bwd_w_rows[] = {
    {.name = "depthwise_wide",
     .needs = HONE_CONV_DEPTHWISE_WIDE_NEEDS,
     .fits = bwd_w_fits_depthwise_wide,
     .setup = bwd_w_depthwise_wide},
    {.name = "depthwise", .fits = bwd_w_fits_depthwise, .setup = bwd_w_depthwise},
    COOP_ROWS(bwd_w),
    {.name = "winograd_cpu",
     .needs = HONE_CONV_CPU_NEEDS,
     .fits = bwd_w_fits_winograd_cpu,
     .setup = bwd_w_winograd_cpu},
    {.name = "wide",
     .needs = HONE_CONV_WIDE_NEEDS,
     .fits = bwd_w_fits_wide,
     .setup = bwd_w_wide,
     .tile = bwd_w_tile_wide},
    {.name = "cpu",
     .needs = HONE_CONV_CPU_NEEDS,
     .fits = bwd_w_fits_cpu,
     .setup = bwd_w_cpu,
     .tile = bwd_w_tile_cpu},
    {.name = "tiled", .fits = bwd_w_fits_tiled, .setup = bwd_w_tiled, .tile = bwd_w_tile},
    {.name = "plain", .setup = bwd_w_plain},
};

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
    .rows = conv2d_rows,
    .row_count = COUNT(conv2d_rows),
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
    .rows = bwd_x_rows,
    .row_count = COUNT(bwd_x_rows),
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
    .rows = bwd_w_rows,
    .row_count = COUNT(bwd_w_rows),
};
