// norm_batch.c: batch normalisation over the last axis (Ioffe, Szegedy 2015) with fixed statistics,
// and what both forms share; norm_train.c has the form that makes its own statistics.
//
//   batch_norm        y = act(gamma xhat + beta + r),   xhat = (x - mean) invstd
//   batch_norm_bwd_x  dx = dy act' gamma invstd
//   batch_norm_bwd_p  dgamma = sum dy xhat,   dbeta = sum dy
//   invstd = 1 / sqrt(var + eps);   x, r, y, dy, dx (..., C), seen as M rows of C channels; all
//   others (C)
//
// The kernels are in norm_batch_rows.c.
#include "ops/norm_batch.h"

#include <math.h>

int64_t hone_op_norm_rows(const struct hone_desc *x) {
    return hone_desc_elements(x) / x->dim[x->rank - 1];
}

hone_status hone_op_norm_expect_channels(const struct hone_infer_args *args, int input,
                                         const char *what) {
    const struct hone_desc *x = &args->in[0];
    HONE_TRY(hone_op_expect_f32(args, input, what, 1));
    return hone_op_expect_dim(args, input, what, 0, x->dim[x->rank - 1], "the channels of x");
}

hone_status hone_op_norm_expect_rows(const struct hone_infer_args *args, const char *what) {
    HONE_TRY(hone_op_expect_data(args, 0, what, -1));
    if (args->in[0].rank < 1)
        return hone_fail(HONE_INVALID, "%s is a scalar; it needs channels", what);
    return HONE_OK;
}

static hone_status check_attrs(const struct hone_infer_args *args) {
    const struct hone_batch_norm_attrs *attrs = args->attrs;
    // Written so that NaN fails too.
    if (!(attrs->eps >= 0.0f))
        return hone_fail(HONE_INVALID, "eps is %g; it must be 0 or more", (double)attrs->eps);
    return hone_act_check(&attrs->act);
}

const struct hone_field hone_op_norm_fields[] = {
    HONE_FIELD(hone_batch_norm_attrs, eps, HONE_FIELD_F32, 1),
    HONE_FIELD(hone_batch_norm_attrs, momentum, HONE_FIELD_F32, 1),
    HONE_FIELD(hone_batch_norm_attrs, act.kind, HONE_FIELD_I32, 1),
    HONE_FIELD(hone_batch_norm_attrs, act.a, HONE_FIELD_F32, 1),
    HONE_FIELD(hone_batch_norm_attrs, act.b, HONE_FIELD_F32, 1),
};

double hone_op_norm_y(const struct hone_ref_args *args, int64_t i, double mean, double invstd) {
    const struct hone_batch_norm_attrs *attrs = args->attrs;
    int64_t c = i % args->in_desc[1].dim[0];
    double z = args->in[1][c] * (args->in[0][i] - mean) * invstd + args->in[2][c];
    if (args->input_count > 5 && args->in[5]) z += args->in[5][i];
    return hone_act_value(&attrs->act, z);
}

bool hone_op_norm_takes_act(struct hone_fusion *fusion) {
    struct hone_batch_norm_attrs *attrs = (struct hone_batch_norm_attrs *)fusion->attrs;
    return hone_op_fuse_act(fusion, &attrs->act);
}

// y + r, with r of the same shape, before any activation.
bool hone_op_norm_takes_residual(struct hone_fusion *fusion) {
    const struct hone_batch_norm_attrs *attrs = (const void *)fusion->attrs;
    return attrs->act.kind == HONE_ACT_NONE && hone_op_fuse_sum(fusion, 5);
}

const struct hone_absorb hone_op_norm_absorbs[HONE_OP_NORM_ABSORBS] = {
    {HONE_PASS_NORM_ACT, HONE_ABSORB_CONSUMER, hone_op_norm_takes_residual},
    {HONE_PASS_NORM_ACT, HONE_ABSORB_CONSUMER, hone_op_norm_takes_act},
};

static int64_t channels_of(const struct hone_ref_args *args) {
    return args->in_desc[0].dim[args->in_desc[0].rank - 1];
}

// ---- batch_norm(x, gamma, beta, mean, var, [r]) -> y ----

hone_status hone_op_norm_infer(const struct hone_infer_args *args) {
    HONE_TRY(check_attrs(args));
    HONE_TRY(hone_op_norm_expect_rows(args, "x"));
    HONE_TRY(hone_op_norm_expect_channels(args, 1, "gamma"));
    HONE_TRY(hone_op_norm_expect_channels(args, 2, "beta"));
    HONE_TRY(hone_op_norm_expect_channels(args, 3, "mean"));
    HONE_TRY(hone_op_norm_expect_channels(args, 4, "var"));
    if (hone_op_has(args, 5)) HONE_TRY(hone_op_expect_same(args, 5, "r", 0, "x"));
    args->out[0] = args->in[0];
    return HONE_OK;
}

// dy through the activation: by y where that is enough, else by what was activated, made again.
static hone_value act_gradient(struct hone_graph *graph, const struct hone_node *node,
                               hone_value dy) {
    struct hone_batch_norm_attrs attrs = *(const struct hone_batch_norm_attrs *)node->attrs;
    struct hone_act_attrs act = attrs.act;
    if (act.kind == HONE_ACT_NONE) return dy;
    hone_value saved = node->outputs[0];
    attrs.act = (struct hone_act_attrs){.kind = HONE_ACT_NONE};
    if (!hone_act_saves_output((enum hone_act)act.kind))
        saved = hone_graph_emit(graph, node->op, NULL, &attrs, node->inputs, node->input_count);
    return HONE_EMIT(graph, &hone_op_act_bwd, NULL, &act, dy, saved);
}

static void batch_norm_grad(struct hone_graph *graph, const struct hone_node *node,
                            const hone_value *dout, const bool *want, hone_value *din) {
    const hone_value *in = node->inputs;
    const struct hone_batch_norm_attrs *own = node->attrs;
    if (dout[0] == HONE_NO_VALUE) return;
    hone_value dy = act_gradient(graph, node, dout[0]), params[2];
    const struct hone_batch_norm_attrs attrs = {.eps = own->eps};
    if (want[0])
        din[0] = HONE_EMIT(graph, &hone_op_batch_norm_bwd_x, NULL, &attrs, dy, in[1], in[4]);
    if (node->input_count > 5 && want[5]) din[5] = dy;
    if (!want[1] && !want[2]) return;
    hone_graph_node(graph, &hone_op_batch_norm_bwd_p, NULL, &attrs,
                    (const hone_value[]){dy, in[0], in[3], in[4]}, 4, params);
    if (want[1]) din[1] = params[0];
    if (want[2]) din[2] = params[1];
}

static void batch_norm_ref(const struct hone_ref_args *args) {
    const struct hone_batch_norm_attrs *attrs = args->attrs;
    int64_t count = hone_desc_elements(&args->in_desc[0]), channels = args->in_desc[1].dim[0];
    for (int64_t i = 0; i < count; i++)
        args->out[0][i] = hone_op_norm_y(args, i, args->in[3][i % channels],
                                         1 / sqrt(args->in[4][i % channels] + (double)attrs->eps));
}

static struct hone_cost batch_norm_cost(const struct hone_infer_args *args) {
    return hone_op_cost_elements(args, 1, 3);
}

// y may overwrite x or r.
bool hone_op_norm_alias(const struct hone_infer_args *args, int k, struct hone_alias *out) {
    if (k > (hone_op_has(args, 5) ? 1 : 0)) return false;
    *out = (struct hone_alias){.kind = HONE_ALIAS_IN_PLACE, .input = k ? 5 : 0};
    return true;
}

const struct hone_op hone_op_batch_norm = {
    .name = "batch_norm",
    .inputs_min = 5,
    .inputs_max = 6,
    .outputs = 1,
    HONE_OP_NORM_ATTRS,
    .infer = hone_op_norm_infer,
    .data_inputs = 1 | 1 << 5,
    .grad = batch_norm_grad,
    .ref = batch_norm_ref,
    .cost = batch_norm_cost,
    .alias = hone_op_norm_alias,
    .absorbs = hone_op_norm_absorbs,
    .absorb_count = HONE_OP_NORM_ABSORBS,
    .slices = hone_op_slices_elements,

    .rows = hone_op_norm_rows_batch_norm,
    .row_count = HONE_OP_WIDTH_ROWS,
};

// ---- batch_norm_bwd_x(dy, gamma, var, [saved]) -> dx ----

static hone_status bwd_x_infer(const struct hone_infer_args *args) {
    HONE_TRY(check_attrs(args));
    HONE_TRY(hone_op_norm_expect_rows(args, "dy"));
    HONE_TRY(hone_op_norm_expect_channels(args, 1, "gamma"));
    HONE_TRY(hone_op_norm_expect_channels(args, 2, "var"));
    if (hone_op_has(args, 3)) HONE_TRY(hone_op_expect_same(args, 3, "saved", 0, "dy"));
    const struct hone_batch_norm_attrs *attrs = args->attrs;
    if (attrs->act.kind != HONE_ACT_NONE && !hone_op_has(args, 3))
        return hone_fail(HONE_INVALID, "the derivative of activation %d needs what it saved",
                         attrs->act.kind);
    args->out[0] = args->in[0];
    return HONE_OK;
}

static void bwd_x_ref(const struct hone_ref_args *args) {
    const struct hone_batch_norm_attrs *attrs = args->attrs;
    const double *dy = args->in[0], *gamma = args->in[1], *var = args->in[2];
    int64_t count = hone_desc_elements(&args->in_desc[0]), channels = channels_of(args);
    for (int64_t i = 0; i < count; i++) {
        double dz = dy[i];
        if (attrs->act.kind != HONE_ACT_NONE)
            dz *= hone_act_derivative(&attrs->act, args->in[3][i]);
        args->out[0][i] = dz * gamma[i % channels] / sqrt(var[i % channels] + (double)attrs->eps);
    }
}

static struct hone_cost bwd_x_cost(const struct hone_infer_args *args) {
    return hone_op_cost_elements(args, 1, 1);
}

// dx may overwrite dy or what was saved.
static bool bwd_x_alias(const struct hone_infer_args *args, int k, struct hone_alias *out) {
    if (k > (hone_op_has(args, 3) ? 1 : 0)) return false;
    *out = (struct hone_alias){.kind = HONE_ALIAS_IN_PLACE, .input = k ? 3 : 0};
    return true;
}

// dy is act_bwd(dy', saved), which nobody else reads.
static bool bwd_x_takes_act_bwd(struct hone_fusion *fusion) {
    struct hone_batch_norm_attrs *attrs = (struct hone_batch_norm_attrs *)fusion->attrs;
    if (fusion->other->op != &hone_op_act_bwd || fusion->input != 0 ||
        attrs->act.kind != HONE_ACT_NONE)
        return false;
    attrs->act = *(const struct hone_act_attrs *)fusion->other->attrs;
    fusion->inputs[0] = fusion->other->inputs[0];
    hone_fusion_set_input(fusion, 3, fusion->other->inputs[1]);
    return true;
}

static const struct hone_absorb bwd_x_absorbs[] = {
    {HONE_PASS_NORM_BWD, HONE_ABSORB_PRODUCER, bwd_x_takes_act_bwd},
};

const struct hone_op hone_op_batch_norm_bwd_x = {
    .name = "batch_norm_bwd_x",
    .inputs_min = 3,
    .inputs_max = 4,
    .outputs = 1,
    .flags = HONE_OP_NO_GRAD,
    HONE_OP_NORM_ATTRS,
    .infer = bwd_x_infer,
    .data_inputs = 1 | 1 << 3,
    .ref = bwd_x_ref,
    .cost = bwd_x_cost,
    .alias = bwd_x_alias,
    .absorbs = bwd_x_absorbs,
    .absorb_count = 1,
    .slices = hone_op_slices_elements,

    .rows = hone_op_norm_rows_bwd_x,
    .row_count = HONE_OP_WIDTH_ROWS,
};

// ---- batch_norm_bwd_p(dy, x, mean, var) -> dgamma, dbeta ----

static hone_status bwd_p_infer(const struct hone_infer_args *args) {
    HONE_TRY(check_attrs(args));
    HONE_TRY(hone_op_norm_expect_rows(args, "dy"));
    HONE_TRY(hone_op_expect_same(args, 1, "x", 0, "dy"));
    HONE_TRY(hone_op_norm_expect_channels(args, 2, "mean"));
    HONE_TRY(hone_op_norm_expect_channels(args, 3, "var"));
    args->out[0] = args->out[1] = args->in[2];
    return HONE_OK;
}

// dgamma and dbeta for given statistics, the variance already turned into invstd.
void hone_op_norm_sums(int64_t rows, int64_t channels, const double *dy, const double *x,
                       double mean, double invstd, int64_t c, double *dgamma, double *dbeta) {
    double sum = 0, weighted = 0;
    for (int64_t row = 0; row < rows; row++) {
        sum += dy[row * channels + c];
        weighted += dy[row * channels + c] * (x[row * channels + c] - mean);
    }
    *dbeta = sum;
    *dgamma = weighted * invstd;
}

static void bwd_p_ref(const struct hone_ref_args *args) {
    const struct hone_batch_norm_attrs *attrs = args->attrs;
    int64_t rows = hone_op_norm_rows(&args->in_desc[0]), channels = channels_of(args);
    for (int64_t c = 0; c < channels; c++)
        hone_op_norm_sums(rows, channels, args->in[0], args->in[1], args->in[2][c],
                          1.0 / sqrt(args->in[3][c] + (double)attrs->eps), c, &args->out[0][c],
                          &args->out[1][c]);
}

static struct hone_cost reduce_cost(const struct hone_infer_args *args) {
    return (struct hone_cost){.flops = 4.0 * (double)hone_desc_elements(&args->in[0]),
                              .bytes = hone_op_bytes(args, 2)};
}

const struct hone_op hone_op_batch_norm_bwd_p = {
    .name = "batch_norm_bwd_p",
    .inputs_min = 4,
    .inputs_max = 4,
    .outputs = 2,
    .flags = HONE_OP_NO_GRAD,
    HONE_OP_NORM_ATTRS,
    .infer = bwd_p_infer,
    .data_inputs = 3,
    .ref = bwd_p_ref,
    .cost = reduce_cost,

    .rows = hone_op_norm_rows_bwd_p,
    .row_count = HONE_OP_WIDTH_ROWS,
};
