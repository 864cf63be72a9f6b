// pool.c: maximum and average over windows of a picture.
//
//   x (N,H,W,C) -> y (N,P,Q,C),  P = (H + top + bottom - R) / stride + 1, Q likewise
//   max_pool   y = the largest of the window's elements that lie inside x; index = r S + s of the
//   first such one avg_pool   y = their sum / (R S), or / their number where count_pad is 0
//   global_avg_pool   y (N,1,1,C) = the mean of each picture's channel
//
// Backward kernels gather: each element of dx visits the windows that hold it, so nothing is added
// atomically. A window never lies wholly in the padding: each pad is smaller than the kernel.
// Kernels: pool_rows.c.
#include "ops/pool.h"
#include "ops/ops.h"

#include <math.h>

static const struct hone_field pool_fields[] = {
    HONE_FIELD(hone_pool_attrs, kernel, HONE_FIELD_I32, 2),
    HONE_FIELD(hone_pool_attrs, stride, HONE_FIELD_I32, 2),
    HONE_FIELD(hone_pool_attrs, pad, HONE_FIELD_I32, 4),
    HONE_FIELD(hone_pool_attrs, count_pad, HONE_FIELD_I32, 1),
    HONE_FIELD(hone_pool_attrs, in_h, HONE_FIELD_I32, 1),
    HONE_FIELD(hone_pool_attrs, in_w, HONE_FIELD_I32, 1),
};
#define POOL_ATTRS                                                                                 \
    .attrs_bytes = sizeof(struct hone_pool_attrs), .fields = pool_fields, .field_count = 6

// P (axis 0) or Q (axis 1) for an input of `size`.
static hone_status pool_extent(const struct hone_pool_attrs *attrs, int axis, int64_t size,
                               int64_t *out) {
    int64_t kernel = attrs->kernel[axis], stride = attrs->stride[axis];
    int64_t before = attrs->pad[axis], after = attrs->pad[axis + 2];
    const char *side = axis == 0 ? "height" : "width";
    if (kernel < 1 || stride < 1)
        return hone_fail(HONE_INVALID, "kernel %lld and stride %lld (%s) must be at least 1",
                         (long long)kernel, (long long)stride, side);
    if (before < 0 || after < 0 || before >= kernel || after >= kernel)
        return hone_fail(
            HONE_INVALID,
            "pads %lld and %lld (%s) must be at least 0 and less than the kernel, %lld",
            (long long)before, (long long)after, side, (long long)kernel);
    if (size + before + after < kernel)
        return hone_fail(HONE_INVALID, "the kernel, %lld, is larger than the padded %s, %lld",
                         (long long)kernel, side, (long long)(size + before + after));
    *out = (size + before + after - kernel) / stride + 1;
    return HONE_OK;
}

static hone_status pool_infer(const struct hone_infer_args *args, struct hone_desc *out) {
    const struct hone_pool_attrs *attrs = args->attrs;
    HONE_TRY(hone_op_expect_data(args, 0, "x", 4));
    const int32_t *dim = args->in[0].dim;
    int64_t shape[4] = {dim[0], 0, 0, dim[3]};
    HONE_TRY(pool_extent(attrs, 0, dim[1], &shape[1]));
    HONE_TRY(pool_extent(attrs, 1, dim[2], &shape[2]));
    return hone_op_set(out, args->in[0].dtype, 4, shape);
}

// dx (N,H,W,C) from dy, H and W of the attributes.
static hone_status pool_bwd_infer(const struct hone_infer_args *args) {
    const struct hone_pool_attrs *attrs = args->attrs;
    HONE_TRY(hone_op_expect_data(args, 0, "dy", 4));
    const int32_t *dim = args->in[0].dim;
    int64_t height = 0, width = 0;
    HONE_TRY(pool_extent(attrs, 0, attrs->in_h, &height));
    HONE_TRY(pool_extent(attrs, 1, attrs->in_w, &width));
    HONE_TRY(hone_op_expect_dim(args, 0, "dy", 1, height, "what in_h and the window give"));
    HONE_TRY(hone_op_expect_dim(args, 0, "dy", 2, width, "what in_w and the window give"));
    return hone_op_set(&args->out[0], args->in[0].dtype, 4,
                       (const int64_t[]){dim[0], attrs->in_h, attrs->in_w, dim[3]});
}

// One window's part inside x.
struct window {
    int32_t h0, h1, w0, w1; // [h0, h1) x [w0, w1)
    int32_t top, left;      // where the window begins, perhaps outside
};

static struct window pool_window(const struct hone_pool_attrs *attrs, int32_t height, int32_t width,
                                 int32_t p, int32_t q) {
    struct window at = {.top = p * attrs->stride[0] - attrs->pad[0],
                        .left = q * attrs->stride[1] - attrs->pad[1]};
    at.h0 = at.top < 0 ? 0 : at.top;
    at.w0 = at.left < 0 ? 0 : at.left;
    at.h1 = at.top + attrs->kernel[0] < height ? at.top + attrs->kernel[0] : height;
    at.w1 = at.left + attrs->kernel[1] < width ? at.left + attrs->kernel[1] : width;
    return at;
}

static double window_divisor(const struct hone_pool_attrs *attrs, const struct window *at) {
    if (attrs->count_pad) return (double)attrs->kernel[0] * attrs->kernel[1];
    return (double)(at->h1 - at->h0) * (at->w1 - at->w0);
}

// Index of element (n, h, w, c) of a tensor of shape `dim`.
static int64_t at4(const int32_t dim[4], int32_t n, int32_t h, int32_t w, int32_t c) {
    return (((int64_t)n * dim[1] + h) * dim[2] + w) * dim[3] + c;
}

// Runs `visit` for each element of the pooled tensor `small` with its window in a picture of `big`.
typedef void pool_visit(const struct hone_ref_args *args, const struct window *at,
                        const int32_t big[4], int32_t n, int32_t c, int64_t index);
static void pool_walk(const struct hone_ref_args *args, const int32_t small[4],
                      const int32_t big[4], pool_visit *visit) {
    for (int32_t n = 0; n < small[0]; n++)
        for (int32_t p = 0; p < small[1]; p++)
            for (int32_t q = 0; q < small[2]; q++) {
                struct window at = pool_window(args->attrs, big[1], big[2], p, q);
                for (int32_t c = 0; c < small[3]; c++)
                    visit(args, &at, big, n, c, at4(small, n, p, q, c));
            }
}

static struct hone_cost pool_cost(const struct hone_infer_args *args, int outputs,
                                  const struct hone_desc *small) {
    const struct hone_pool_attrs *attrs = args->attrs;
    return (struct hone_cost){.flops = (double)hone_desc_elements(small) * attrs->kernel[0] *
                                       attrs->kernel[1],
                              .bytes = hone_op_bytes(args, outputs)};
}

// The attributes of the backward op of a node whose input is x.
static struct hone_pool_attrs bwd_attrs(const struct hone_graph *graph,
                                        const struct hone_node *node) {
    struct hone_pool_attrs attrs = *(const struct hone_pool_attrs *)node->attrs;
    const struct hone_desc *x = hone_graph_desc(graph, node->inputs[0]);
    attrs.in_h = x->dim[1];
    attrs.in_w = x->dim[2];
    return attrs;
}

// ---- max_pool(x) -> y, index ----

static hone_status max_infer(const struct hone_infer_args *args) {
    HONE_TRY(pool_infer(args, &args->out[0]));
    args->out[1] = args->out[0];
    args->out[1].dtype = HONE_I32;
    return HONE_OK;
}

static void max_grad(struct hone_graph *graph, const struct hone_node *node, const hone_value *dout,
                     const bool *want, hone_value *din) {
    if (dout[0] == HONE_NO_VALUE || !want[0]) return;
    struct hone_pool_attrs attrs = bwd_attrs(graph, node);
    din[0] = HONE_EMIT(graph, &hone_op_max_pool_bwd, NULL, &attrs, dout[0], node->outputs[1]);
}

static void max_visit(const struct hone_ref_args *args, const struct window *at,
                      const int32_t big[4], int32_t n, int32_t c, int64_t index) {
    const struct hone_pool_attrs *attrs = args->attrs;
    double best = -INFINITY;
    int32_t where = -1;
    for (int32_t h = at->h0; h < at->h1; h++)
        for (int32_t w = at->w0; w < at->w1; w++) {
            double value = args->in[0][at4(big, n, h, w, c)];
            // A NaN wins, so that it does not vanish here.
            if (where >= 0 && !(value > best) && !isnan(value)) continue;
            best = value;
            where = (h - at->top) * attrs->kernel[1] + (w - at->left);
        }
    args->out[0][index] = best;
    args->out[1][index] = where;
}

static void max_ref(const struct hone_ref_args *args) {
    pool_walk(args, args->out_desc[0].dim, args->in_desc[0].dim, max_visit);
}

static struct hone_cost max_cost(const struct hone_infer_args *args) {
    return pool_cost(args, 2, &args->out[0]);
}

const struct hone_op hone_op_max_pool = {
    .name = "max_pool",
    .inputs_min = 1,
    .inputs_max = 1,
    .outputs = 2,
    POOL_ATTRS,
    .infer = max_infer,
    .data_inputs = 1,
    .grad = max_grad,
    .ref = max_ref,
    .cost = max_cost,
    .slices = hone_op_slices_all,

    .rows = hone_op_pool_rows_max,
    .row_count = HONE_OP_POOL_ROWS,
};

// ---- max_pool_bwd(dy, index) -> dx ----

static hone_status max_bwd_infer(const struct hone_infer_args *args) {
    HONE_TRY(pool_bwd_infer(args));
    HONE_TRY(hone_op_expect(args, 1, "index", HONE_I32, 4));
    for (int i = 0; i < 4; i++)
        HONE_TRY(hone_op_expect_dim(args, 1, "index", i, args->in[0].dim[i], "as in dy"));
    return HONE_OK;
}

static void max_bwd_visit(const struct hone_ref_args *args, const struct window *at,
                          const int32_t big[4], int32_t n, int32_t c, int64_t index) {
    const struct hone_pool_attrs *attrs = args->attrs;
    int32_t where = (int32_t)args->in[1][index];
    int32_t h = at->top + where / attrs->kernel[1], w = at->left + where % attrs->kernel[1];
    if (where < 0 || h < at->h0 || h >= at->h1 || w < at->w0 || w >= at->w1) return;
    args->out[0][at4(big, n, h, w, c)] += args->in[0][index];
}

static void clear_out(const struct hone_ref_args *args) {
    int64_t count = hone_desc_elements(&args->out_desc[0]);
    for (int64_t i = 0; i < count; i++) args->out[0][i] = 0;
}

static void max_bwd_ref(const struct hone_ref_args *args) {
    clear_out(args);
    pool_walk(args, args->in_desc[0].dim, args->out_desc[0].dim, max_bwd_visit);
}

static struct hone_cost bwd_cost(const struct hone_infer_args *args) {
    return pool_cost(args, 1, &args->in[0]);
}

const struct hone_op hone_op_max_pool_bwd = {
    .name = "max_pool_bwd",
    .inputs_min = 2,
    .inputs_max = 2,
    .outputs = 1,
    .flags = HONE_OP_NO_GRAD,
    POOL_ATTRS,
    .infer = max_bwd_infer,
    .data_inputs = 1,
    .ref = max_bwd_ref,
    .cost = bwd_cost,
    .slices = hone_op_slices_all,

    .rows = hone_op_pool_rows_max_bwd,
    .row_count = HONE_OP_POOL_ROWS,
};

// ---- avg_pool(x) -> y ----

static hone_status avg_infer(const struct hone_infer_args *args) {
    return pool_infer(args, &args->out[0]);
}

static void avg_grad(struct hone_graph *graph, const struct hone_node *node, const hone_value *dout,
                     const bool *want, hone_value *din) {
    if (dout[0] == HONE_NO_VALUE || !want[0]) return;
    struct hone_pool_attrs attrs = bwd_attrs(graph, node);
    din[0] = HONE_EMIT(graph, &hone_op_avg_pool_bwd, NULL, &attrs, dout[0]);
}

static void avg_visit(const struct hone_ref_args *args, const struct window *at,
                      const int32_t big[4], int32_t n, int32_t c, int64_t index) {
    double sum = 0;
    for (int32_t h = at->h0; h < at->h1; h++)
        for (int32_t w = at->w0; w < at->w1; w++) sum += args->in[0][at4(big, n, h, w, c)];
    args->out[0][index] = sum / window_divisor(args->attrs, at);
}

static void avg_ref(const struct hone_ref_args *args) {
    pool_walk(args, args->out_desc[0].dim, args->in_desc[0].dim, avg_visit);
}

static struct hone_cost avg_cost(const struct hone_infer_args *args) {
    return pool_cost(args, 1, &args->out[0]);
}

const struct hone_op hone_op_avg_pool = {
    .name = "avg_pool",
    .inputs_min = 1,
    .inputs_max = 1,
    .outputs = 1,
    POOL_ATTRS,
    .infer = avg_infer,
    .data_inputs = 1,
    .grad = avg_grad,
    .ref = avg_ref,
    .cost = avg_cost,
    .slices = hone_op_slices_all,

    .rows = hone_op_pool_rows_avg,
    .row_count = HONE_OP_POOL_ROWS,
};

// ---- avg_pool_bwd(dy) -> dx ----

static void avg_bwd_visit(const struct hone_ref_args *args, const struct window *at,
                          const int32_t big[4], int32_t n, int32_t c, int64_t index) {
    double share = args->in[0][index] / window_divisor(args->attrs, at);
    for (int32_t h = at->h0; h < at->h1; h++)
        for (int32_t w = at->w0; w < at->w1; w++) args->out[0][at4(big, n, h, w, c)] += share;
}

static void avg_bwd_ref(const struct hone_ref_args *args) {
    clear_out(args);
    pool_walk(args, args->in_desc[0].dim, args->out_desc[0].dim, avg_bwd_visit);
}

const struct hone_op hone_op_avg_pool_bwd = {
    .name = "avg_pool_bwd",
    .inputs_min = 1,
    .inputs_max = 1,
    .outputs = 1,
    .flags = HONE_OP_NO_GRAD,
    POOL_ATTRS,
    .infer = pool_bwd_infer,
    .data_inputs = 1,
    .ref = avg_bwd_ref,
    .cost = bwd_cost,
    .slices = hone_op_slices_all,

    .rows = hone_op_pool_rows_avg_bwd,
    .row_count = HONE_OP_POOL_ROWS,
};

// ---- global_avg_pool(x) -> y (N,1,1,C) ----

static hone_status global_infer(const struct hone_infer_args *args) {
    HONE_TRY(hone_op_expect_data(args, 0, "x", 4));
    const int32_t *dim = args->in[0].dim;
    return hone_op_set(&args->out[0], args->in[0].dtype, 4,
                       (const int64_t[]){dim[0], 1, 1, dim[3]});
}

static void global_grad(struct hone_graph *graph, const struct hone_node *node,
                        const hone_value *dout, const bool *want, hone_value *din) {
    if (dout[0] == HONE_NO_VALUE || !want[0]) return;
    const struct hone_desc *x = hone_graph_desc(graph, node->inputs[0]);
    struct hone_scale_attrs share = {.alpha = (float)(1.0 / ((double)x->dim[1] * x->dim[2]))};
    struct hone_shape_attrs shape = {.rank = 4,
                                     .dim = {x->dim[0], x->dim[1], x->dim[2], x->dim[3]}};
    hone_value mean = HONE_EMIT(graph, &hone_op_scale, NULL, &share, dout[0]);
    din[0] = HONE_EMIT(graph, &hone_op_broadcast_to, NULL, &shape, mean);
}

static void global_ref(const struct hone_ref_args *args) {
    const int32_t *dim = args->in_desc[0].dim;
    int64_t area = (int64_t)dim[1] * dim[2];
    for (int32_t n = 0; n < dim[0]; n++)
        for (int32_t c = 0; c < dim[3]; c++) {
            double sum = 0;
            for (int64_t i = 0; i < area; i++) sum += args->in[0][(n * area + i) * dim[3] + c];
            args->out[0][(int64_t)n * dim[3] + c] = sum / (double)area;
        }
}

static struct hone_cost global_cost(const struct hone_infer_args *args) {
    return (struct hone_cost){.flops = (double)hone_desc_elements(&args->in[0]),
                              .bytes = hone_op_bytes(args, 1)};
}

const struct hone_op hone_op_global_avg_pool = {
    .name = "global_avg_pool",
    .inputs_min = 1,
    .inputs_max = 1,
    .outputs = 1,
    .infer = global_infer,
    .data_inputs = 1,
    .grad = global_grad,
    .ref = global_ref,
    .cost = global_cost,
    .slices = hone_op_slices_all,

    .rows = hone_op_pool_rows_global,
    .row_count = HONE_OP_WIDTH_ROWS,
};
