// norm_batch.c: batch normalisation over the last axis (Ioffe, Szegedy 2015), with fixed or with
// batch statistics.
//
//   y = gamma xhat + beta,   xhat = (x - mean) invstd,   invstd = 1 / sqrt(var + eps)
//   x, y, dy, dx (..., C), seen as M rows of C channels; all others (C)
//   fixed statistics:  dx = dy gamma invstd,   dgamma = sum dy xhat,   dbeta = sum dy
//   batch statistics:  dx = gamma invstd (dy - dbeta / M - xhat dgamma / M)
//
// Running statistics follow PyTorch: the new share is `momentum`, and var' takes the unbiased
// variance. The kernels are in norm_batch_rows.c.
#include "ops/norm_batch.h"
#include "ops/ops.h"

#include <math.h>

int64_t hone_op_norm_rows(const struct hone_desc *x) {
    return hone_desc_elements(x) / x->dim[x->rank - 1];
}

static int32_t norm_channels(const struct hone_desc *x) {
    return x->dim[x->rank - 1];
}

// Input `input` is f32 (C), C the channels of in[x].
static hone_status expect_channels(const struct hone_infer_args *args, int input, const char *what,
                                   int x) {
    HONE_TRY(hone_op_expect_f32(args, input, what, 1));
    return hone_op_expect_dim(args, input, what, 0, norm_channels(&args->in[x]),
                              "the channels of x");
}

static hone_status expect_rows(const struct hone_infer_args *args, int input, const char *what) {
    HONE_TRY(hone_op_expect_f32(args, input, what, -1));
    if (args->in[input].rank < 1)
        return hone_fail(HONE_INVALID, "%s is a scalar; it needs channels", what);
    return HONE_OK;
}

static hone_status check_eps(const struct hone_infer_args *args) {
    const struct hone_batch_norm_attrs *attrs = args->attrs;
    // Written so that NaN fails too.
    if (!(attrs->eps >= 0.0f))
        return hone_fail(HONE_INVALID, "eps is %g; it must be 0 or more", (double)attrs->eps);
    return HONE_OK;
}

static const struct hone_field norm_fields[] = {
    HONE_FIELD(hone_batch_norm_attrs, eps, HONE_FIELD_F32, 1),
    HONE_FIELD(hone_batch_norm_attrs, momentum, HONE_FIELD_F32, 1),
};
#define NORM_ATTRS                                                                                 \
    .attrs_bytes = sizeof(struct hone_batch_norm_attrs), .fields = norm_fields, .field_count = 2

// ---- batch_norm(x, gamma, beta, mean, var) -> y ----

static hone_status batch_norm_infer(const struct hone_infer_args *args) {
    HONE_TRY(check_eps(args));
    HONE_TRY(expect_rows(args, 0, "x"));
    HONE_TRY(expect_channels(args, 1, "gamma", 0));
    HONE_TRY(expect_channels(args, 2, "beta", 0));
    HONE_TRY(expect_channels(args, 3, "mean", 0));
    HONE_TRY(expect_channels(args, 4, "var", 0));
    args->out[0] = args->in[0];
    return HONE_OK;
}

static void batch_norm_grad(struct hone_graph *graph, const struct hone_node *node,
                            const hone_value *dout, const bool *want, hone_value *din) {
    const hone_value *in = node->inputs;
    if (dout[0] == HONE_NO_VALUE) return;
    if (want[0])
        din[0] =
            HONE_EMIT(graph, &hone_op_batch_norm_bwd_x, NULL, node->attrs, dout[0], in[1], in[4]);
    if (!want[1] && !want[2]) return;
    hone_value params[2];
    hone_graph_node(graph, &hone_op_batch_norm_bwd_p, NULL, node->attrs,
                    (const hone_value[]){dout[0], in[0], in[3], in[4]}, 4, params);
    if (want[1]) din[1] = params[0];
    if (want[2]) din[2] = params[1];
}

static void batch_norm_ref(const struct hone_ref_args *args) {
    const struct hone_batch_norm_attrs *attrs = args->attrs;
    const double *x = args->in[0], *gamma = args->in[1], *beta = args->in[2], *mean = args->in[3],
                 *var = args->in[4];
    int64_t count = hone_desc_elements(&args->in_desc[0]),
            channels = norm_channels(&args->in_desc[0]);
    for (int64_t i = 0; i < count; i++) {
        int64_t c = i % channels;
        args->out[0][i] = gamma[c] * (x[i] - mean[c]) / sqrt(var[c] + (double)attrs->eps) + beta[c];
    }
}

static struct hone_cost batch_norm_cost(const struct hone_infer_args *args) {
    return hone_op_cost_elements(args, 1, 3);
}

const struct hone_op hone_op_batch_norm = {
    .name = "batch_norm",
    .inputs_min = 5,
    .inputs_max = 5,
    .outputs = 1,
    NORM_ATTRS,
    .infer = batch_norm_infer,
    .grad = batch_norm_grad,
    .ref = batch_norm_ref,
    .cost = batch_norm_cost,
    .alias = hone_op_alias_unary,
    .slices = hone_op_slices_elements,

    .rows = hone_op_norm_rows_batch_norm,
    .row_count = HONE_OP_WIDTH_ROWS,
};

// ---- batch_norm_bwd_x(dy, gamma, var) -> dx ----

static hone_status bwd_x_infer(const struct hone_infer_args *args) {
    HONE_TRY(check_eps(args));
    HONE_TRY(expect_rows(args, 0, "dy"));
    HONE_TRY(expect_channels(args, 1, "gamma", 0));
    HONE_TRY(expect_channels(args, 2, "var", 0));
    args->out[0] = args->in[0];
    return HONE_OK;
}

static void bwd_x_ref(const struct hone_ref_args *args) {
    const struct hone_batch_norm_attrs *attrs = args->attrs;
    const double *dy = args->in[0], *gamma = args->in[1], *var = args->in[2];
    int64_t count = hone_desc_elements(&args->in_desc[0]),
            channels = norm_channels(&args->in_desc[0]);
    for (int64_t i = 0; i < count; i++)
        args->out[0][i] =
            dy[i] * gamma[i % channels] / sqrt(var[i % channels] + (double)attrs->eps);
}

static struct hone_cost bwd_x_cost(const struct hone_infer_args *args) {
    return hone_op_cost_elements(args, 1, 1);
}

const struct hone_op hone_op_batch_norm_bwd_x = {
    .name = "batch_norm_bwd_x",
    .inputs_min = 3,
    .inputs_max = 3,
    .outputs = 1,
    .flags = HONE_OP_NO_GRAD,
    NORM_ATTRS,
    .infer = bwd_x_infer,
    .ref = bwd_x_ref,
    .cost = bwd_x_cost,
    .alias = hone_op_alias_unary,
    .slices = hone_op_slices_elements,

    .rows = hone_op_norm_rows_bwd_x,
    .row_count = HONE_OP_WIDTH_ROWS,
};

// ---- batch_norm_bwd_p(dy, x, mean, var) -> dgamma, dbeta ----

static hone_status bwd_p_infer(const struct hone_infer_args *args) {
    HONE_TRY(check_eps(args));
    HONE_TRY(expect_rows(args, 0, "dy"));
    HONE_TRY(hone_op_expect_same(args, 1, "x", 0, "dy"));
    HONE_TRY(expect_channels(args, 2, "mean", 0));
    HONE_TRY(expect_channels(args, 3, "var", 0));
    args->out[0] = args->out[1] = args->in[2];
    return HONE_OK;
}

// dgamma and dbeta for given statistics, the variance already turned into invstd.
static void sum_params(int64_t rows, int64_t channels, const double *dy, const double *x,
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
    int64_t rows = hone_op_norm_rows(&args->in_desc[0]),
            channels = norm_channels(&args->in_desc[0]);
    for (int64_t c = 0; c < channels; c++)
        sum_params(rows, channels, args->in[0], args->in[1], args->in[2][c],
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
    NORM_ATTRS,
    .infer = bwd_p_infer,
    .ref = bwd_p_ref,
    .cost = reduce_cost,

    .rows = hone_op_norm_rows_bwd_p,
    .row_count = HONE_OP_WIDTH_ROWS,
};

// ---- batch_norm_train(x, gamma, beta, mean, var) -> y, mean', var', batch_mean, batch_invstd ----

static hone_status train_infer(const struct hone_infer_args *args) {
    const struct hone_batch_norm_attrs *attrs = args->attrs;
    if (!(attrs->momentum >= 0.0f && attrs->momentum <= 1.0f))
        return hone_fail(HONE_INVALID, "momentum is %g; it must be in 0..1",
                         (double)attrs->momentum);
    HONE_TRY(batch_norm_infer(args));
    if (hone_op_norm_rows(&args->in[0]) < 2)
        return hone_fail(HONE_INVALID,
                         "one value per channel has no variance; use a larger batch or picture, or "
                         "freeze the batch norms");
    for (int i = 1; i < 5; i++) args->out[i] = args->in[3];
    return HONE_OK;
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
    if (dout[0] == HONE_NO_VALUE || (!want[0] && !want[1] && !want[2])) return;
    hone_value grads[3];
    hone_graph_node(graph, &hone_op_batch_norm_train_bwd, NULL, node->attrs,
                    (const hone_value[]){dout[0], node->inputs[0], node->inputs[1],
                                         node->outputs[3], node->outputs[4]},
                    5, grads);
    for (int i = 0; i < 3; i++)
        if (want[i]) din[i] = grads[i];
}

static void train_ref(const struct hone_ref_args *args) {
    const struct hone_batch_norm_attrs *attrs = args->attrs;
    const double *x = args->in[0], share = (double)attrs->momentum;
    int64_t rows = hone_op_norm_rows(&args->in_desc[0]),
            channels = norm_channels(&args->in_desc[0]);
    for (int64_t c = 0; c < channels; c++) {
        double mean = 0, square = 0;
        for (int64_t row = 0; row < rows; row++) mean += x[row * channels + c] / (double)rows;
        for (int64_t row = 0; row < rows; row++) {
            double distance = x[row * channels + c] - mean;
            square += distance * distance;
        }
        double invstd = 1.0 / sqrt(square / (double)rows + (double)attrs->eps);
        for (int64_t row = 0; row < rows; row++)
            args->out[0][row * channels + c] =
                args->in[1][c] * (x[row * channels + c] - mean) * invstd + args->in[2][c];
        args->out[1][c] = (1.0 - share) * args->in[3][c] + share * mean;
        args->out[2][c] = (1.0 - share) * args->in[4][c] + share * square / (double)(rows - 1);
        args->out[3][c] = mean;
        args->out[4][c] = invstd;
    }
}

static struct hone_cost train_cost(const struct hone_infer_args *args) {
    struct hone_cost cost = hone_op_cost_elements(args, 5, 7);
    cost.bytes +=
        (double)hone_desc_bytes(&args->in[0]); // x is read once for the statistics, once for y
    return cost;
}

static bool train_alias(const struct hone_infer_args *args, int k, struct hone_alias *out) {
    (void)args;
    static const struct hone_alias all[] = {
        {.kind = HONE_ALIAS_UPDATE, .input = 3, .output = 1},
        {.kind = HONE_ALIAS_UPDATE, .input = 4, .output = 2},
        {.kind = HONE_ALIAS_IN_PLACE, .input = 0, .output = 0},
    };
    if (k >= 3) return false;
    *out = all[k];
    return true;
}

const struct hone_op hone_op_batch_norm_train = {
    .name = "batch_norm_train",
    .inputs_min = 5,
    .inputs_max = 5,
    .outputs = 5,
    NORM_ATTRS,
    .infer = train_infer,
    .grad = train_grad,
    .ref = train_ref,
    .cost = train_cost,
    .alias = train_alias,

    .rows = hone_op_norm_rows_train,
    .row_count = HONE_OP_WIDTH_ROWS,
};

// ---- batch_norm_train_bwd(dy, x, gamma, batch_mean, batch_invstd) -> dx, dgamma, dbeta ----

static hone_status train_bwd_infer(const struct hone_infer_args *args) {
    HONE_TRY(expect_rows(args, 0, "dy"));
    HONE_TRY(hone_op_expect_same(args, 1, "x", 0, "dy"));
    HONE_TRY(expect_channels(args, 2, "gamma", 0));
    HONE_TRY(expect_channels(args, 3, "batch_mean", 0));
    HONE_TRY(expect_channels(args, 4, "batch_invstd", 0));
    args->out[0] = args->in[0];
    args->out[1] = args->out[2] = args->in[2];
    return HONE_OK;
}

static void train_bwd_ref(const struct hone_ref_args *args) {
    const double *dy = args->in[0], *x = args->in[1];
    int64_t rows = hone_op_norm_rows(&args->in_desc[0]),
            channels = norm_channels(&args->in_desc[0]);
    for (int64_t c = 0; c < channels; c++) {
        double gamma = args->in[2][c], mean = args->in[3][c], invstd = args->in[4][c], dgamma,
               dbeta;
        sum_params(rows, channels, dy, x, mean, invstd, c, &dgamma, &dbeta);
        for (int64_t row = 0; row < rows; row++) {
            int64_t i = row * channels + c;
            args->out[0][i] =
                gamma * invstd * (dy[i] - (dbeta + (x[i] - mean) * invstd * dgamma) / (double)rows);
        }
        args->out[1][c] = dgamma;
        args->out[2][c] = dbeta;
    }
}

static struct hone_cost train_bwd_cost(const struct hone_infer_args *args) {
    struct hone_cost cost = hone_op_cost_elements(args, 3, 9);
    cost.bytes +=
        2.0 * (double)hone_desc_bytes(&args->in[0]); // dy and x are read for the sums, then for dx
    return cost;
}

static bool train_bwd_alias(const struct hone_infer_args *args, int k, struct hone_alias *out) {
    (void)args;
    if (k >= 2) return false;
    *out = (struct hone_alias){.kind = HONE_ALIAS_IN_PLACE, .input = k, .output = 0};
    return true;
}

const struct hone_op hone_op_batch_norm_train_bwd = {
    .name = "batch_norm_train_bwd",
    .inputs_min = 5,
    .inputs_max = 5,
    .outputs = 3,
    .flags = HONE_OP_NO_GRAD,
    NORM_ATTRS,
    .infer = train_bwd_infer,
    .ref = train_bwd_ref,
    .cost = train_bwd_cost,
    .alias = train_bwd_alias,

    .rows = hone_op_norm_rows_train_bwd,
    .row_count = HONE_OP_WIDTH_ROWS,
};
