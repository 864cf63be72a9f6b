// norm_layer.c: layer normalisation over the last axis (Ba, Kiros, Hinton 2016).
//
//   layer_norm      y = gamma xhat + beta,   xhat = (x - mean) invstd, invstd = 1 / sqrt(var + eps)
//   layer_norm_bwd  dx = invstd (g - mean(g) - xhat mean(g xhat)),   g = dy gamma
//                   dgamma = sum dy xhat,   dbeta = sum dy
//   x, y, dy, dx (..., C), seen as M rows of C channels; mean, invstd (...); gamma, beta (C)
//
// A row is worked on by neighbouring invocations (hone_op_row_lanes); the two sums over rows are
// cut into slices, which a second kernel adds in their order.
#include "ops/arith.h"
#include "ops/common.h"

#include <math.h>

static int32_t channels_of(const struct hone_desc *x) {
    return x->dim[x->rank - 1];
}

static int64_t rows_of(const struct hone_desc *x) {
    return hone_desc_elements(x) / channels_of(x);
}

static hone_status expect_channels(const struct hone_infer_args *args, int input,
                                   const char *what) {
    HONE_TRY(hone_op_expect_f32(args, input, what, 1));
    return hone_op_expect_dim(args, input, what, 0, channels_of(&args->in[0]), "the channels of x");
}

static hone_status expect_rows(const struct hone_infer_args *args, const char *what) {
    const struct hone_layer_norm_attrs *attrs = args->attrs;
    HONE_TRY(hone_op_expect_data(args, 0, what, -1));
    if (args->in[0].rank < 1)
        return hone_fail(HONE_INVALID, "%s is a scalar; it needs channels", what);
    if (!(attrs->eps >= 0.0f)) // NaN fails too
        return hone_fail(HONE_INVALID, "eps is %g; it must be 0 or more", (double)attrs->eps);
    return HONE_OK;
}

static struct hone_desc statistics_of(const struct hone_desc *x) {
    struct hone_desc desc = {.dtype = HONE_F32, .rank = x->rank - 1};
    for (int i = 0; i < desc.rank; i++) desc.dim[i] = x->dim[i];
    return desc;
}

static const struct hone_field fields[] = {
    HONE_FIELD(hone_layer_norm_attrs, eps, HONE_FIELD_F32, 1),
};

// What a launch of a kernel on channels in fours, or one by one, is given.
static const char *kernel_of(const struct hone_row_args *args, const char *base, uint32_t *width,
                             char name[HONE_OP_KERNEL_NAME]) {
    enum hone_dtype dtype = args->node->in[0].dtype;
    *width = hone_op_width_for(dtype, *width);
    return hone_op_kernel_for(base, dtype, *width, name);
}

static hone_status add_rows(const struct hone_row_args *args, struct hone_launch *launch,
                            const char *base, uint32_t width, struct hone_dispatch **out) {
    char name[HONE_OP_KERNEL_NAME];
    const struct hone_desc *x = &args->node->in[0];
    kernel_of(args, base, &width, name);
    int64_t rows = rows_of(x), columns = channels_of(x) / (int32_t)width;
    HONE_TRY(hone_op_row_lanes(launch, name, args->caps, rows, columns, out));
    hone_dispatch_push(*out, (const uint32_t[]){(uint32_t)rows, (uint32_t)columns}, 8);
    return HONE_OK;
}

static bool fits_vec4(const struct hone_row_args *args) {
    return channels_of(&args->node->in[0]) % 4 == 0;
}

// ---- layer_norm(x, gamma, beta) -> y, mean, invstd ----

static hone_status layer_norm_infer(const struct hone_infer_args *args) {
    HONE_TRY(expect_rows(args, "x"));
    HONE_TRY(expect_channels(args, 1, "gamma"));
    HONE_TRY(expect_channels(args, 2, "beta"));
    args->out[0] = args->in[0];
    args->out[1] = args->out[2] = statistics_of(&args->in[0]);
    return HONE_OK;
}

static void layer_norm_grad(struct hone_graph *graph, const struct hone_node *node,
                            const hone_value *dout, const bool *want, hone_value *din) {
    hone_value out[3];
    if (dout[0] == HONE_NO_VALUE) return;
    hone_graph_node(graph, &hone_op_layer_norm_bwd, NULL, node->attrs,
                    (const hone_value[]){dout[0], node->inputs[0], node->inputs[1],
                                         node->outputs[1], node->outputs[2]},
                    5, out);
    for (int i = 0; i < 3; i++)
        if (want[i]) din[i] = out[i];
}

static void layer_norm_ref(const struct hone_ref_args *args) {
    const struct hone_layer_norm_attrs *attrs = args->attrs;
    int64_t channels = channels_of(&args->in_desc[0]), rows = rows_of(&args->in_desc[0]);
    for (int64_t row = 0; row < rows; row++) {
        const double *x = args->in[0] + row * channels;
        double mean = 0, var = 0;
        for (int64_t c = 0; c < channels; c++) mean += x[c] / (double)channels;
        for (int64_t c = 0; c < channels; c++)
            var += (x[c] - mean) * (x[c] - mean) / (double)channels;
        double invstd = 1 / sqrt(var + (double)attrs->eps);
        for (int64_t c = 0; c < channels; c++)
            args->out[0][row * channels + c] =
                args->in[1][c] * (x[c] - mean) * invstd + args->in[2][c];
        args->out[1][row] = mean;
        args->out[2][row] = invstd;
    }
}

static struct hone_cost layer_norm_cost(const struct hone_infer_args *args) {
    return hone_op_cost_elements(args, 3, 7);
}

static hone_status setup_layer_norm(const struct hone_row_args *args, struct hone_launch *launch,
                                    uint32_t width) {
    const struct hone_layer_norm_attrs *attrs = args->node->attrs;
    struct hone_dispatch *d;
    HONE_TRY(add_rows(args, launch, "layer_norm", width, &d));
    hone_dispatch_push(d, &attrs->eps, sizeof attrs->eps);
    hone_op_bind_all(d, 3, 3);
    return HONE_OK;
}
HONE_OP_DEFINE_WIDTH_ROWS(static, rows_, layer_norm, fits_vec4)

const struct hone_op hone_op_layer_norm = {
    .name = "layer_norm",
    .inputs_min = 3,
    .inputs_max = 3,
    .outputs = 3,
    .attrs_bytes = sizeof(struct hone_layer_norm_attrs),
    .fields = fields,
    .field_count = 1,
    .infer = layer_norm_infer,
    .data_inputs = 1,
    .grad = layer_norm_grad,
    .ref = layer_norm_ref,
    .cost = layer_norm_cost,
    .alias = hone_op_alias_unary,
    .slices = hone_op_slices_first,
    .rows = rows_layer_norm,
    .row_count = HONE_OP_WIDTH_ROWS,
};

// ---- layer_norm_bwd(dy, x, gamma, mean, invstd) -> dx, dgamma, dbeta ----

static hone_status layer_norm_bwd_infer(const struct hone_infer_args *args) {
    HONE_TRY(expect_rows(args, "dy"));
    HONE_TRY(hone_op_expect_same(args, 1, "x", 0, "dy"));
    HONE_TRY(expect_channels(args, 2, "gamma"));
    struct hone_desc statistics = statistics_of(&args->in[0]);
    for (int i = 3; i < 5; i++) {
        HONE_TRY(hone_op_expect_f32(args, i, "mean or invstd", statistics.rank));
        if (!hone_desc_equal(&args->in[i], &statistics))
            return hone_op_fail_dims("statistics of other rows", &args->in[i], &args->in[0]);
    }
    args->out[0] = args->in[0];
    args->out[1] = args->out[2] = args->in[2];
    return HONE_OK;
}

static void layer_norm_bwd_ref(const struct hone_ref_args *args) {
    int64_t channels = channels_of(&args->in_desc[0]), rows = rows_of(&args->in_desc[0]);
    double *dgamma = args->out[1], *dbeta = args->out[2];
    for (int64_t c = 0; c < channels; c++) dgamma[c] = dbeta[c] = 0;
    for (int64_t row = 0; row < rows; row++) {
        const double *dy = args->in[0] + row * channels, *x = args->in[1] + row * channels;
        double mean = args->in[3][row], invstd = args->in[4][row], mean_g = 0, mean_gx = 0;
        for (int64_t c = 0; c < channels; c++) {
            double xhat = (x[c] - mean) * invstd, g = dy[c] * args->in[2][c];
            mean_g += g / (double)channels;
            mean_gx += g * xhat / (double)channels;
            dgamma[c] += dy[c] * xhat;
            dbeta[c] += dy[c];
        }
        for (int64_t c = 0; c < channels; c++)
            args->out[0][row * channels + c] =
                invstd * (dy[c] * args->in[2][c] - mean_g - (x[c] - mean) * invstd * mean_gx);
    }
}

static struct hone_cost layer_norm_bwd_cost(const struct hone_infer_args *args) {
    return hone_op_cost_elements(args, 3, 14);
}

enum { SLICE_LEAST = 16, SLICE_MOST = 60000, THREADS_CPU = 1024, THREADS_GPU = 32768 };

// Rows a slice: enough slices to keep the device busy.
static int64_t slice_length(const struct hone_caps *caps, int64_t rows, int64_t columns) {
    int64_t threads = caps->features & HONE_FEATURE_CPU ? THREADS_CPU : THREADS_GPU;
    int64_t slices = (threads + columns - 1) / columns, length = (rows + slices - 1) / slices;
    if (length < SLICE_LEAST) length = SLICE_LEAST;
    return length < SLICE_MOST ? length : SLICE_MOST;
}

// output = the sum over the slices of scratch `index`
static hone_status add_sum(const struct hone_row_args *args, struct hone_launch *launch, int index,
                           int64_t slices, int64_t columns, uint32_t width, int output) {
    struct hone_dispatch *d = hone_op_reduce_slices(args->caps, launch, slices, columns, width);
    if (!d) return HONE_INTERNAL;
    hone_dispatch_scratch(d, index);
    hone_dispatch_out(d, output);
    return HONE_OK;
}

static hone_status setup_layer_norm_bwd(const struct hone_row_args *args,
                                        struct hone_launch *launch, uint32_t width) {
    char name[HONE_OP_KERNEL_NAME];
    const struct hone_desc *x = &args->node->in[0];
    kernel_of(args, "layer_norm_bwd_p", &width, name);
    int64_t rows = rows_of(x), columns = channels_of(x) / (int32_t)width;
    int64_t length = slice_length(args->caps, rows, columns), slices = (rows + length - 1) / length;
    // Before dx, which may overwrite dy.
    struct hone_dispatch *d = hone_op_linear(launch, name, (uint64_t)(slices * columns));
    if (!d) return HONE_INTERNAL;
    hone_dispatch_push(d,
                       (const uint32_t[]){(uint32_t)(slices * columns), (uint32_t)rows,
                                          (uint32_t)columns, (uint32_t)length},
                       16);
    static const int sums[] = {0, 1, 3, 4};
    for (int i = 0; i < 4; i++) hone_dispatch_in(d, sums[i]);
    for (int i = 0; i < 2; i++) {
        if (slices == 1) {
            hone_dispatch_out(d, 1 + i);
            continue;
        }
        hone_dispatch_scratch(d, i);
        launch->scratch_bytes[i] = (uint64_t)(slices * columns * width) * sizeof(float);
    }
    for (int i = 0; i < 2 && slices > 1; i++)
        HONE_TRY(add_sum(args, launch, i, slices, columns, width, 1 + i));
    HONE_TRY(add_rows(args, launch, "layer_norm_bwd_x", width, &d));
    hone_op_bind_all(d, 5, 1);
    return HONE_OK;
}
HONE_OP_DEFINE_WIDTH_ROWS(static, rows_, layer_norm_bwd, fits_vec4)

const struct hone_op hone_op_layer_norm_bwd = {
    .name = "layer_norm_bwd",
    .inputs_min = 5,
    .inputs_max = 5,
    .outputs = 3,
    .flags = HONE_OP_NO_GRAD,
    .attrs_bytes = sizeof(struct hone_layer_norm_attrs),
    .fields = fields,
    .field_count = 1,
    .infer = layer_norm_bwd_infer,
    .data_inputs = 3,
    .ref = layer_norm_bwd_ref,
    .cost = layer_norm_bwd_cost,
    .alias = hone_op_alias_unary,
    .rows = rows_layer_norm_bwd,
    .row_count = HONE_OP_WIDTH_ROWS,
};
