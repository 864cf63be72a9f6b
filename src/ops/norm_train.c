// norm_train.c: batch normalisation with the statistics of the batch (Ioffe, Szegedy 2015).
//
//   y = act(z + r),   z = gamma xhat + beta,   xhat = (x - mean) invstd
//   dz = dy act'(z + r),   dgamma = sum dz xhat,   dbeta = sum dz,   dr = dz
//   dx = gamma invstd (dz - dbeta / M - xhat dgamma / M)
//   x, y, r and their gradients (..., C), seen as M rows of C channels; all others (C)
//
// Running statistics follow PyTorch: the new share is `momentum`, and var' takes the unbiased
// variance. What act' needs is y where its derivative is a function of the result, else z, which
// x gives again: no activation is kept twice. The kernels are in norm_batch_rows.c.
#include "ops/norm_batch.h"

#include <math.h>
#include <string.h>

// ---- batch_norm_train(x, gamma, beta, mean, var, [r]) -> y, mean', var', batch_mean, batch_invstd

static hone_status train_infer(const struct hone_infer_args *args) {
    const struct hone_batch_norm_attrs *attrs = args->attrs;
    if (!(attrs->momentum >= 0.0f && attrs->momentum <= 1.0f))
        return hone_fail(HONE_INVALID, "momentum is %g; it must be in 0..1",
                         (double)attrs->momentum);
    HONE_TRY(hone_op_norm_infer(args));
    if (hone_op_norm_rows(&args->in[0]) < 2)
        return hone_fail(HONE_INVALID,
                         "one value per channel has no variance; use a larger batch or picture, or "
                         "freeze the batch norms");
    for (int i = 1; i < 5; i++) args->out[i] = args->in[3];
    return HONE_OK;
}

// The gradient where r was added before an activation.
static void residual_grad(struct hone_graph *graph, const struct hone_node *node, hone_value dy,
                          hone_value *grads) {
    const struct hone_batch_norm_attrs *attrs = node->attrs;
    if (!hone_act_saves_output((enum hone_act)attrs->act.kind)) {
        hone_graph_fail(graph, hone_fail(HONE_UNSUPPORTED,
                                         "%s: the derivative of activation %d of a sum needs the "
                                         "sum, which is not kept",
                                         node->name, attrs->act.kind));
        return;
    }
    hone_graph_node(graph, &hone_op_batch_norm_residual_bwd, NULL, attrs,
                    (const hone_value[]){dy, node->inputs[0], node->inputs[1], node->outputs[3],
                                         node->outputs[4], node->outputs[0]},
                    6, grads);
}

static void train_grad(struct hone_graph *graph, const struct hone_node *node,
                       const hone_value *dout, const bool *want, hone_value *din) {
    for (int i = 1; i < 5; i++)
        if (dout[i] != HONE_NO_VALUE) {
            hone_graph_fail(graph,
                            hone_fail(HONE_UNSUPPORTED,
                                      "%s: no gradient flows through the statistics", node->name));
            return;
        }
    const struct hone_batch_norm_attrs *attrs = node->attrs;
    bool residual = node->input_count > 5 && node->inputs[5] != HONE_NO_VALUE;
    bool act = attrs->act.kind != HONE_ACT_NONE;
    if (dout[0] == HONE_NO_VALUE) return;
    hone_value grads[HONE_OP_MAX_OUTPUTS] = {HONE_NO_VALUE, HONE_NO_VALUE, HONE_NO_VALUE, dout[0]};
    if (residual && act)
        residual_grad(graph, node, dout[0], grads);
    else if (want[0] || want[1] || want[2])
        hone_graph_node(graph, &hone_op_batch_norm_train_bwd, NULL, attrs,
                        (const hone_value[]){dout[0], node->inputs[0], node->inputs[1],
                                             node->outputs[3], node->outputs[4], node->inputs[2]},
                        act ? 6 : 5, grads);
    for (int i = 0; i < 3; i++)
        if (want[i]) din[i] = grads[i];
    if (residual && want[5]) din[5] = grads[3];
}

void hone_op_norm_statistics(const struct hone_batch_norm_attrs *attrs, const double *x,
                             int64_t rows, int64_t step, double mean, double var, double out[4]) {
    double center = 0, square = 0, share = (double)attrs->momentum;
    for (int64_t row = 0; row < rows; row++) center += x[row * step] / (double)rows;
    for (int64_t row = 0; row < rows; row++) {
        double distance = x[row * step] - center;
        square += distance * distance;
    }
    out[0] = (1.0 - share) * mean + share * center;
    out[1] = (1.0 - share) * var + share * square / (double)(rows - 1);
    out[2] = center;
    out[3] = 1.0 / sqrt(square / (double)rows + (double)attrs->eps);
}

static void train_ref(const struct hone_ref_args *args) {
    const double *x = args->in[0];
    int64_t rows = hone_op_norm_rows(&args->in_desc[0]), channels = args->in_desc[1].dim[0];
    for (int64_t c = 0; c < channels; c++) {
        double statistics[4];
        hone_op_norm_statistics(args->attrs, x + c, rows, channels, args->in[3][c], args->in[4][c],
                                statistics);
        for (int64_t row = 0; row < rows; row++)
            args->out[0][row * channels + c] =
                hone_op_norm_y(args, row * channels + c, statistics[2], statistics[3]);
        for (int i = 0; i < 4; i++) args->out[1 + i][c] = statistics[i];
    }
}

static struct hone_cost train_cost(const struct hone_infer_args *args) {
    struct hone_cost cost = hone_op_cost_elements(args, 5, 7);
    cost.bytes +=
        (double)hone_desc_bytes(&args->in[0]); // x is read once for the statistics, once for y
    return cost;
}

static bool train_alias(const struct hone_infer_args *args, int k, struct hone_alias *out) {
    static const struct hone_alias all[] = {
        {.kind = HONE_ALIAS_UPDATE, .input = 3, .output = 1},
        {.kind = HONE_ALIAS_UPDATE, .input = 4, .output = 2},
        {.kind = HONE_ALIAS_IN_PLACE, .input = 0, .output = 0},
        {.kind = HONE_ALIAS_IN_PLACE, .input = 5, .output = 0},
    };
    if (k >= (hone_op_has(args, 5) ? 4 : 3)) return false;
    *out = all[k];
    return true;
}

// x is the result of a convolution: it makes the statistics, and this node puts them to use.
static bool takes_conv(struct hone_fusion *fusion) {
    const struct hone_node *node = fusion->node, *conv = fusion->other;
    const struct hone_batch_norm_attrs *own = node->attrs;
    if (conv->op != &hone_op_conv2d || fusion->input != 0) return false;
    struct hone_conv2d_stats_attrs attrs = {*(const struct hone_conv2d_attrs *)conv->attrs,
                                            own->eps, own->momentum};
    bool sum = conv->input_count > 3 && conv->inputs[3] != HONE_NO_VALUE;
    if (attrs.conv.act.kind != HONE_ACT_NONE || sum) return false;
    struct hone_fusion_rest *rest = &fusion->rest;
    rest->op = &hone_op_conv2d_stats;
    memcpy(rest->attrs, &attrs, sizeof attrs);
    rest->input_count = 5;
    for (int i = 0; i < 3; i++)
        rest->inputs[i] = i < conv->input_count ? conv->inputs[i] : HONE_NO_VALUE;
    rest->outputs[0] = node->inputs[0];
    for (int i = 3; i < 5; i++) rest->inputs[i] = node->inputs[i];
    for (int i = 1; i < 5; i++) rest->outputs[i] = node->outputs[i];
    fusion->op = &hone_op_batch_norm_apply;
    for (int i = 3; i < 5; i++) fusion->inputs[i] = node->outputs[i];
    return true;
}

static const struct hone_absorb train_absorbs[] = {
    {HONE_PASS_CONV_STATS, HONE_ABSORB_PRODUCER, takes_conv},
    // as hone_op_norm_absorbs
    {HONE_PASS_NORM_ACT, HONE_ABSORB_CONSUMER, hone_op_norm_takes_residual},
    {HONE_PASS_NORM_ACT, HONE_ABSORB_CONSUMER, hone_op_norm_takes_act},
};

const struct hone_op hone_op_batch_norm_train = {
    .name = "batch_norm_train",
    .inputs_min = 5,
    .inputs_max = 6,
    .outputs = 5,
    HONE_OP_NORM_ATTRS,
    .infer = train_infer,
    .data_inputs = 1 | 1 << 5,
    .grad = train_grad,
    .ref = train_ref,
    .cost = train_cost,
    .alias = train_alias,
    .absorbs = train_absorbs,
    .absorb_count = sizeof train_absorbs / sizeof *train_absorbs,

    .rows = hone_op_norm_rows_train,
    .row_count = HONE_OP_WIDTH_ROWS,
};

// ---- batch_norm_apply(x, gamma, beta, batch_mean, batch_invstd, [r]) -> y ----

static void apply_ref(const struct hone_ref_args *args) {
    int64_t count = hone_desc_elements(&args->in_desc[0]), channels = args->in_desc[1].dim[0];
    for (int64_t i = 0; i < count; i++)
        args->out[0][i] =
            hone_op_norm_y(args, i, args->in[3][i % channels], args->in[4][i % channels]);
}

static struct hone_cost apply_cost(const struct hone_infer_args *args) {
    return hone_op_cost_elements(args, 1, 3);
}

const struct hone_op hone_op_batch_norm_apply = {
    .name = "batch_norm_apply",
    .inputs_min = 5,
    .inputs_max = 6,
    .outputs = 1,
    .flags = HONE_OP_NO_GRAD,
    HONE_OP_NORM_ATTRS,
    .infer = hone_op_norm_infer,
    .data_inputs = 1 | 1 << 5,
    .ref = apply_ref,
    .cost = apply_cost,
    .alias = hone_op_norm_alias,
    .absorbs = hone_op_norm_absorbs,
    .absorb_count = HONE_OP_NORM_ABSORBS,
    .slices = hone_op_slices_elements,

    .rows = hone_op_norm_rows_apply,
    .row_count = HONE_OP_WIDTH_ROWS,
};

// ---- batch_norm_train_bwd(dy, x, gamma, batch_mean, batch_invstd, [beta], [y]) -> dx, dgamma,
// dbeta

static hone_status bwd_infer(const struct hone_infer_args *args) {
    const struct hone_batch_norm_attrs *attrs = args->attrs;
    HONE_TRY(hone_op_norm_expect_rows(args, "dy"));
    HONE_TRY(hone_act_check(&attrs->act));
    HONE_TRY(hone_op_expect_same(args, 1, "x", 0, "dy"));
    HONE_TRY(hone_op_norm_expect_channels(args, 2, "gamma"));
    HONE_TRY(hone_op_norm_expect_channels(args, 3, "batch_mean"));
    HONE_TRY(hone_op_norm_expect_channels(args, 4, "batch_invstd"));
    args->out[0] = args->in[0];
    args->out[1] = args->out[2] = args->in[2];
    return HONE_OK;
}

static hone_status train_bwd_infer(const struct hone_infer_args *args) {
    const struct hone_batch_norm_attrs *attrs = args->attrs;
    HONE_TRY(bwd_infer(args));
    if (hone_op_has(args, 5)) HONE_TRY(hone_op_norm_expect_channels(args, 5, "beta"));
    if (hone_op_has(args, 6)) HONE_TRY(hone_op_expect_same(args, 6, "y", 0, "dy"));
    bool enough = attrs->act.kind == HONE_ACT_NONE || hone_op_has(args, 5);
    if (hone_op_has(args, 6)) enough = hone_act_saves_output((enum hone_act)attrs->act.kind);
    if (!enough)
        return hone_fail(HONE_INVALID,
                         "the derivative of activation %d needs beta, or y where y is enough",
                         attrs->act.kind);
    return HONE_OK;
}

// dz of element i: dy times the derivative by y, or by z made again.
static double dz_at(const struct hone_ref_args *args, int64_t i, const double *beta,
                    const double *y) {
    const struct hone_batch_norm_attrs *attrs = args->attrs;
    int64_t c = i % args->in_desc[2].dim[0];
    if (attrs->act.kind == HONE_ACT_NONE) return args->in[0][i];
    if (y) return args->in[0][i] * hone_act_derivative(&attrs->act, y[i]);
    // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): one of beta and y is there
    double z = args->in[2][c] * (args->in[1][i] - args->in[3][c]) * args->in[4][c] + beta[c];
    if (hone_act_saves_output((enum hone_act)attrs->act.kind)) z = hone_act_value(&attrs->act, z);
    return args->in[0][i] * hone_act_derivative(&attrs->act, z);
}

// All outputs; dz (M,C) is filled on the way.
static void bwd_ref(const struct hone_ref_args *args, const double *beta, const double *y,
                    double *dz) {
    const double *x = args->in[1];
    int64_t rows = hone_op_norm_rows(&args->in_desc[0]), channels = args->in_desc[2].dim[0];
    for (int64_t i = 0; i < rows * channels; i++) dz[i] = dz_at(args, i, beta, y);
    for (int64_t c = 0; c < channels; c++) {
        double gamma = args->in[2][c], mean = args->in[3][c], invstd = args->in[4][c], dgamma,
               dbeta;
        hone_op_norm_sums(rows, channels, dz, x, mean, invstd, c, &dgamma, &dbeta);
        for (int64_t row = 0; row < rows; row++) {
            int64_t i = row * channels + c;
            args->out[0][i] =
                gamma * invstd * (dz[i] - (dbeta + (x[i] - mean) * invstd * dgamma) / (double)rows);
        }
        args->out[1][c] = dgamma;
        args->out[2][c] = dbeta;
    }
}

static void train_bwd_ref(const struct hone_ref_args *args) {
    // dx holds dz until its element is made: each reads its own only.
    bwd_ref(args, args->input_count > 5 ? args->in[5] : NULL,
            args->input_count > 6 ? args->in[6] : NULL, args->out[0]);
}

static struct hone_cost train_bwd_cost(const struct hone_infer_args *args) {
    struct hone_cost cost = hone_op_cost_elements(args, 3, 9);
    // dy, x and y are read for the sums, then for dx
    cost.bytes += (hone_op_has(args, 6) ? 3.0 : 2.0) * (double)hone_desc_bytes(&args->in[0]);
    return cost;
}

static bool train_bwd_alias(const struct hone_infer_args *args, int k, struct hone_alias *out) {
    (void)args;
    if (k >= 2) return false;
    *out = (struct hone_alias){.kind = HONE_ALIAS_IN_PLACE, .input = k, .output = 0};
    return true;
}

// Is `saved`, from which an activation takes its derivative, a function of the norm's own z: z
// itself, or act(z) without a residual? *norm is the norm, whose beta makes z again.
static bool saved_is_own(const struct hone_fusion *fusion, hone_value saved,
                         const struct hone_act_attrs *act, const struct hone_node **norm) {
    const struct hone_node *node = hone_fusion_producer(fusion, saved);
    bool by_output = hone_act_saves_output((enum hone_act)act->kind);
    bool act_node = node && node->op == &hone_op_act;
    if (act_node && by_output) node = hone_fusion_producer(fusion, node->inputs[0]);
    if (!node) return false;
    bool whole = node->op == &hone_op_batch_norm_train;
    if (!whole && node->op != &hone_op_batch_norm_apply) return false;
    if ((whole ? node->outputs[3] : node->inputs[3]) != fusion->node->inputs[3]) return false;
    if (node->input_count > 5 && node->inputs[5] != HONE_NO_VALUE) return false;
    const struct hone_batch_norm_attrs *attrs = node->attrs;
    bool own_act = attrs->act.kind != HONE_ACT_NONE;
    *norm = node;
    return own_act == (by_output && !act_node);
}

// dy is act_bwd(dy', saved): this node makes the product itself, twice, and nobody stores it.
static bool takes_act_bwd(struct hone_fusion *fusion) {
    struct hone_batch_norm_attrs *attrs = (struct hone_batch_norm_attrs *)fusion->attrs;
    const struct hone_node *other = fusion->other, *norm;
    if (other->op != &hone_op_act_bwd || fusion->input != 0 || attrs->act.kind != HONE_ACT_NONE ||
        fusion->node->inputs[1] == other->outputs[0])
        return false;
    const struct hone_act_attrs *act = other->attrs;
    hone_value saved = other->inputs[1];
    bool shared = hone_fusion_is_shared(fusion, other->outputs[0]);
    attrs->act = *act;
    fusion->inputs[0] = other->inputs[0];
    if (!shared && saved_is_own(fusion, saved, act, &norm)) {
        hone_fusion_set_input(fusion, 5, norm->inputs[2]);
        return true;
    }
    if (!hone_act_saves_output((enum hone_act)act->kind)) return false;
    if (!shared) {
        hone_fusion_set_input(fusion, 6, saved);
        return true;
    }
    hone_fusion_set_input(fusion, 5, saved);
    fusion->op = &hone_op_batch_norm_residual_bwd;
    fusion->outputs[3] = other->outputs[0];
    return true;
}

static const struct hone_absorb train_bwd_absorbs[] = {
    {HONE_PASS_NORM_BWD, HONE_ABSORB_PRODUCER, takes_act_bwd},
};

const struct hone_op hone_op_batch_norm_train_bwd = {
    .name = "batch_norm_train_bwd",
    .inputs_min = 5,
    .inputs_max = 7,
    .outputs = 3,
    .flags = HONE_OP_NO_GRAD,
    HONE_OP_NORM_ATTRS,
    .infer = train_bwd_infer,
    .data_inputs = 3 | 1 << 6,
    .ref = train_bwd_ref,
    .cost = train_bwd_cost,
    .alias = train_bwd_alias,
    .absorbs = train_bwd_absorbs,
    .absorb_count = 1,

    .rows = hone_op_norm_rows_train_bwd,
    .row_count = HONE_OP_WIDTH_ROWS,
};

// ---- batch_norm_residual_bwd(dy, x, gamma, batch_mean, batch_invstd, y) -> dx, dgamma, dbeta, dr

static hone_status residual_bwd_infer(const struct hone_infer_args *args) {
    const struct hone_batch_norm_attrs *attrs = args->attrs;
    HONE_TRY(bwd_infer(args));
    HONE_TRY(hone_op_expect_same(args, 5, "y", 0, "dy"));
    if (!hone_act_saves_output((enum hone_act)attrs->act.kind))
        return hone_fail(HONE_INVALID, "the derivative of activation %d is no function of y",
                         attrs->act.kind);
    args->out[3] = args->in[0];
    return HONE_OK;
}

static void residual_bwd_ref(const struct hone_ref_args *args) {
    bwd_ref(args, NULL, args->in[5], args->out[3]);
}

static struct hone_cost residual_bwd_cost(const struct hone_infer_args *args) {
    struct hone_cost cost = hone_op_cost_elements(args, 4, 10);
    cost.bytes += 2.0 * (double)hone_desc_bytes(&args->in[0]); // dr and x again
    return cost;
}

// dr may overwrite dy or y; dx may overwrite x, or dy or y where dr does not.
static bool residual_bwd_alias(const struct hone_infer_args *args, int k, struct hone_alias *out) {
    (void)args;
    static const struct hone_alias all[] = {
        {.kind = HONE_ALIAS_IN_PLACE, .input = 0, .output = 3},
        {.kind = HONE_ALIAS_IN_PLACE, .input = 5, .output = 3},
        {.kind = HONE_ALIAS_IN_PLACE, .input = 1, .output = 0},
    };
    if (k >= 3) return false;
    *out = all[k];
    return true;
}

const struct hone_op hone_op_batch_norm_residual_bwd = {
    .name = "batch_norm_residual_bwd",
    .inputs_min = 6,
    .inputs_max = 6,
    .outputs = 4,
    .flags = HONE_OP_NO_GRAD,
    HONE_OP_NORM_ATTRS,
    .infer = residual_bwd_infer,
    .data_inputs = 3 | 1 << 5,
    .ref = residual_bwd_ref,
    .cost = residual_bwd_cost,
    .alias = residual_bwd_alias,

    .rows = hone_op_norm_rows_residual_bwd,
    .row_count = HONE_OP_WIDTH_ROWS,
};
