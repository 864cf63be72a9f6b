// softmax.c: softmax over the last axis, and the cross-entropy loss of class scores.
//
//   softmax        y = exp(x - max x) / sum exp(x - max x);   dx = y (dy - sum dy y)
//   cross_entropy  logits (N,C), labels (N) i32, weights w (C) -> loss (1):
//     loss = sum_n [(1 - s) w[label] nll(n, label) + s / C sum_c w[c] nll(n, c)] / W,  W = sum_n
//     w[label] nll(n, c) = log sum_j exp(logits[n,j]) - logits[n,c],  s the label smoothing
//   as PyTorch's CrossEntropyLoss(weight, label_smoothing, reduction="mean"). Rows whose label is
//   not in [0, C) count nothing; when none counts (W = 0) loss and gradient are 0, where PyTorch
//   gives NaN. With gamma > 0 the summand of row n is multiplied by (1 - p[n,label])^gamma, p the
//   softmax: a focal loss (Lin et al. 2017, in its form for many classes).
#include "ops/common.h"
#include "ops/ops.h"

#include <math.h>

static int32_t last_dim(const struct hone_desc *desc) {
    return desc->dim[desc->rank - 1];
}

// ---- Launches: several invocations a row ----

static hone_status add_rows(const struct hone_row_args *args, struct hone_launch *launch,
                            const char *kernel, const struct hone_desc *matrix,
                            struct hone_dispatch **out) {
    int64_t columns = last_dim(matrix), rows = hone_desc_elements(matrix) / columns;
    HONE_TRY(hone_op_row_lanes(launch, kernel, args->caps, rows, columns, out));
    hone_dispatch_push(*out, (const uint32_t[]){(uint32_t)rows, (uint32_t)columns}, 8);
    return HONE_OK;
}

// ---- softmax(x) -> y ----

static hone_status softmax_infer(const struct hone_infer_args *args) {
    HONE_TRY(hone_op_expect_f32(args, 0, "x", -1));
    if (args->in[0].rank < 1)
        return hone_fail(HONE_INVALID, "x is a scalar; softmax needs an axis");
    args->out[0] = args->in[0];
    return HONE_OK;
}

static void softmax_grad(struct hone_graph *graph, const struct hone_node *node,
                         const hone_value *dout, const bool *want, hone_value *din) {
    if (dout[0] == HONE_NO_VALUE || !want[0]) return;
    din[0] = HONE_EMIT(graph, &hone_op_softmax_bwd, NULL, NULL, dout[0], node->outputs[0]);
}

// Largest element and log-sum-exp of a row.
static double row_max(const double *x, int64_t count) {
    double best = x[0];
    for (int64_t i = 1; i < count; i++) best = x[i] > best ? x[i] : best;
    return best;
}

static double row_sum_exp(const double *x, int64_t count, double shift) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += exp(x[i] - shift);
    return sum;
}

static void softmax_ref(const struct hone_ref_args *args) {
    int64_t columns = last_dim(&args->in_desc[0]),
            rows = hone_desc_elements(&args->in_desc[0]) / columns;
    for (int64_t row = 0; row < rows; row++) {
        const double *x = args->in[0] + row * columns;
        double shift = row_max(x, columns), sum = row_sum_exp(x, columns, shift);
        for (int64_t i = 0; i < columns; i++)
            args->out[0][row * columns + i] = exp(x[i] - shift) / sum;
    }
}

static struct hone_cost softmax_cost(const struct hone_infer_args *args) {
    return hone_op_cost_elements(args, 1, 5);
}

static hone_status softmax_setup(const struct hone_row_args *args, struct hone_launch *launch) {
    struct hone_dispatch *pass;
    HONE_TRY(add_rows(args, launch, "softmax", &args->node->in[0], &pass));
    hone_op_bind_all(pass, 1, 1);
    return HONE_OK;
}

static const struct hone_op_row softmax_rows[] = {{.name = "plain", .setup = softmax_setup}};

const struct hone_op hone_op_softmax = {
    .name = "softmax",
    .inputs_min = 1,
    .inputs_max = 1,
    .outputs = 1,
    .infer = softmax_infer,
    .grad = softmax_grad,
    .ref = softmax_ref,
    .cost = softmax_cost,
    .alias = hone_op_alias_unary,
    .rows = softmax_rows,
    .row_count = 1,
};

// ---- softmax_bwd(dy, y) -> dx ----

static hone_status softmax_bwd_infer(const struct hone_infer_args *args) {
    HONE_TRY(softmax_infer(args));
    return hone_op_expect_same(args, 1, "y", 0, "dy");
}

static void softmax_bwd_ref(const struct hone_ref_args *args) {
    int64_t columns = last_dim(&args->in_desc[0]),
            rows = hone_desc_elements(&args->in_desc[0]) / columns;
    for (int64_t row = 0; row < rows; row++) {
        const double *dy = args->in[0] + row * columns, *y = args->in[1] + row * columns;
        double sum = 0;
        for (int64_t i = 0; i < columns; i++) sum += dy[i] * y[i];
        for (int64_t i = 0; i < columns; i++)
            args->out[0][row * columns + i] = y[i] * (dy[i] - sum);
    }
}

static bool softmax_bwd_alias(const struct hone_infer_args *args, int k, struct hone_alias *out) {
    (void)args;
    if (k >= 2) return false;
    *out = (struct hone_alias){.kind = HONE_ALIAS_IN_PLACE, .input = k};
    return true;
}

static hone_status softmax_bwd_setup(const struct hone_row_args *args, struct hone_launch *launch) {
    struct hone_dispatch *pass;
    HONE_TRY(add_rows(args, launch, "softmax_bwd", &args->node->in[0], &pass));
    hone_op_bind_all(pass, 2, 1);
    return HONE_OK;
}

static const struct hone_op_row softmax_bwd_rows[] = {
    {.name = "plain", .setup = softmax_bwd_setup}};

const struct hone_op hone_op_softmax_bwd = {
    .name = "softmax_bwd",
    .inputs_min = 2,
    .inputs_max = 2,
    .outputs = 1,
    .flags = HONE_OP_NO_GRAD,
    .infer = softmax_bwd_infer,
    .ref = softmax_bwd_ref,
    .cost = softmax_cost,
    .alias = softmax_bwd_alias,
    .rows = softmax_bwd_rows,
    .row_count = 1,
};

// ---- cross_entropy(logits, labels, weights) -> loss ----

static const struct hone_field loss_fields[] = {
    HONE_FIELD(hone_cross_entropy_attrs, smoothing, HONE_FIELD_F32, 1),
    HONE_FIELD(hone_cross_entropy_attrs, gamma, HONE_FIELD_F32, 1),
};
#define LOSS_ATTRS                                                                                 \
    .attrs_bytes = sizeof(struct hone_cross_entropy_attrs), .fields = loss_fields, .field_count = 2

// logits, labels and weights at in[first ..].
static hone_status expect_scores(const struct hone_infer_args *args, int first) {
    const struct hone_cross_entropy_attrs *attrs = args->attrs;
    if (!(attrs->smoothing >= 0.0f && attrs->smoothing <= 1.0f))
        return hone_fail(HONE_INVALID, "smoothing is %g; it must be in 0..1",
                         (double)attrs->smoothing);
    if (!(attrs->gamma >= 0.0f && attrs->gamma <= 100.0f))
        return hone_fail(HONE_INVALID, "gamma is %g; it must be in 0..100", (double)attrs->gamma);
    HONE_TRY(hone_op_expect_f32(args, first, "logits", 2));
    HONE_TRY(hone_op_expect(args, first + 1, "labels", HONE_I32, 1));
    HONE_TRY(hone_op_expect_f32(args, first + 2, "weights", 1));
    const int32_t *dim = args->in[first].dim;
    HONE_TRY(hone_op_expect_dim(args, first + 1, "labels", 0, dim[0], "the rows of logits"));
    return hone_op_expect_dim(args, first + 2, "weights", 0, dim[1], "the classes of logits");
}

static hone_status loss_infer(const struct hone_infer_args *args) {
    HONE_TRY(expect_scores(args, 0));
    return hone_op_set(&args->out[0], HONE_F32, 1, (const int64_t[]){1});
}

static void loss_grad(struct hone_graph *graph, const struct hone_node *node,
                      const hone_value *dout, const bool *want, hone_value *din) {
    if (want[2]) {
        hone_graph_fail(
            graph, hone_fail(HONE_UNSUPPORTED, "%s: class weights have no gradient", node->name));
        return;
    }
    if (dout[0] == HONE_NO_VALUE || !want[0]) return;
    din[0] = HONE_EMIT(graph, &hone_op_cross_entropy_bwd, NULL, node->attrs, dout[0],
                       node->inputs[0], node->inputs[1], node->inputs[2]);
}

// A loss in terms of its inputs, for both directions.
struct scores {
    const double *logits, *labels, *weights;
    int64_t rows, classes;
    double smoothing, gamma, weight_sum; // weight_sum: of all classes
};

static struct scores scores_of(const struct hone_ref_args *args, int first) {
    const struct hone_cross_entropy_attrs *attrs = args->attrs;
    struct scores s = {args->in[first],
                       args->in[first + 1],
                       args->in[first + 2],
                       args->in_desc[first].dim[0],
                       args->in_desc[first].dim[1],
                       (double)attrs->smoothing,
                       (double)attrs->gamma,
                       0};
    for (int64_t c = 0; c < s.classes; c++) s.weight_sum += s.weights[c];
    return s;
}

// The label of a row, or -1 when it does not count.
static int64_t label_of(const struct scores *s, int64_t row) {
    int64_t label = (int64_t)s->labels[row];
    return label >= 0 && label < s->classes ? label : -1;
}

static double counted_weight(const struct scores *s) {
    double sum = 0;
    for (int64_t row = 0; row < s->rows; row++)
        if (label_of(s, row) >= 0) sum += s->weights[label_of(s, row)];
    return sum;
}

// The cross-entropy of a row that counts, weighted and smoothed.
static double row_loss(const struct scores *s, int64_t row, int64_t label) {
    const double *x = s->logits + row * s->classes;
    double shift = row_max(x, s->classes), log_sum = log(row_sum_exp(x, s->classes, shift)),
           smooth = 0;
    for (int64_t c = 0; c < s->classes; c++) smooth += s->weights[c] * (log_sum - (x[c] - shift));
    return (1.0 - s->smoothing) * s->weights[label] * (log_sum - (x[label] - shift)) +
           s->smoothing / (double)s->classes * smooth;
}

// 1 - p[label], from the other classes: near 1 a difference would lose its digits. Never 0, of
// which the gradient's power may be none.
static double row_doubt(const struct scores *s, int64_t row, int64_t label) {
    const double *x = s->logits + row * s->classes;
    double shift = row_max(x, s->classes), sum = row_sum_exp(x, s->classes, shift), rest = 0;
    for (int64_t c = 0; c < s->classes; c++) rest += c == label ? 0 : exp(x[c] - shift);
    return fmax(rest / sum, 1e-20);
}

static void loss_ref(const struct hone_ref_args *args) {
    struct scores s = scores_of(args, 0);
    double loss = 0, total = counted_weight(&s);
    for (int64_t row = 0; row < s.rows; row++) {
        int64_t label = label_of(&s, row);
        if (label < 0) continue;
        double focus = s.gamma > 0 ? pow(row_doubt(&s, row, label), s.gamma) : 1;
        loss += focus * row_loss(&s, row, label);
    }
    args->out[0][0] = total > 0 ? loss / total : 0;
}

static struct hone_cost loss_cost(const struct hone_infer_args *args) {
    return (struct hone_cost){.flops = 6.0 * (double)hone_desc_elements(&args->in[0]),
                              .bytes = hone_op_bytes(args, 1)};
}

static hone_status loss_setup(const struct hone_row_args *args, struct hone_launch *launch) {
    const struct hone_cross_entropy_attrs *attrs = args->node->attrs;
    struct hone_dispatch *pass;
    HONE_TRY(add_rows(args, launch, "loss_rows", &args->node->in[0], &pass));
    hone_dispatch_push(pass, attrs, sizeof *attrs);
    hone_op_bind_all(pass, 3, 0);
    hone_dispatch_scratch(pass, 0);
    uint32_t rows = (uint32_t)args->node->in[0].dim[0];
    launch->scratch_bytes[0] = (uint64_t)rows * 2 * sizeof(float);
    HONE_TRY(hone_op_row_lanes(launch, "loss_sum", args->caps, 1, rows, &pass));
    hone_dispatch_scratch(pass, 0);
    hone_dispatch_out(pass, 0);
    hone_dispatch_push(pass, &rows, sizeof rows);
    return HONE_OK;
}

static const struct hone_op_row loss_rows[] = {{.name = "plain", .setup = loss_setup}};

const struct hone_op hone_op_cross_entropy = {
    .name = "cross_entropy",
    .inputs_min = 3,
    .inputs_max = 3,
    .outputs = 1,
    LOSS_ATTRS,
    .infer = loss_infer,
    .grad = loss_grad,
    .ref = loss_ref,
    .cost = loss_cost,
    .rows = loss_rows,
    .row_count = 1,
};

// ---- cross_entropy_bwd(dloss, logits, labels, weights) -> dlogits ----
// dlogits[n,c] = dloss / W (p[n,c] A - (1 - s) w[label] [c = label] - s / C w[c]),
// A = (1 - s) w[label] + s / C sum_c w[c], p the softmax of the row. With gamma all of it times
// q^gamma, q = 1 - p[n,label], plus dloss / W L gamma q^(gamma-1) p[n,label] (p[n,c] - [c =
// label]), L the row's loss without the factor

static hone_status loss_bwd_infer(const struct hone_infer_args *args) {
    HONE_TRY(hone_op_expect_f32(args, 0, "dloss", 1));
    HONE_TRY(hone_op_expect_dim(args, 0, "dloss", 0, 1, "the size of the loss"));
    HONE_TRY(expect_scores(args, 1));
    args->out[0] = args->in[1];
    return HONE_OK;
}

static void loss_bwd_ref(const struct hone_ref_args *args) {
    struct scores s = scores_of(args, 1);
    double total = counted_weight(&s), share = s.smoothing / (double)s.classes;
    double scale = total > 0 ? args->in[0][0] / total : 0;
    for (int64_t row = 0; row < s.rows; row++) {
        int64_t label = label_of(&s, row);
        const double *x = s.logits + row * s.classes;
        double *dx = args->out[0] + row * s.classes;
        double shift = row_max(x, s.classes), sum = row_sum_exp(x, s.classes, shift);
        double hard = label >= 0 ? (1.0 - s.smoothing) * s.weights[label] : 0;
        double focus = 1, bend = 0;
        if (s.gamma > 0 && label >= 0) {
            double doubt = row_doubt(&s, row, label), known = exp(x[label] - shift) / sum;
            focus = pow(doubt, s.gamma);
            bend = row_loss(&s, row, label) * s.gamma * pow(doubt, s.gamma - 1) * known;
        }
        for (int64_t c = 0; c < s.classes; c++) {
            double p = exp(x[c] - shift) / sum;
            double target = share * s.weights[c] + (c == label ? hard : 0);
            double slope = focus * (p * (hard + share * s.weight_sum) - target) +
                           bend * (p - (c == label ? 1 : 0));
            dx[c] = label >= 0 ? scale * slope : 0;
        }
    }
}

static struct hone_cost loss_bwd_cost(const struct hone_infer_args *args) {
    return hone_op_cost_elements(args, 1, 8);
}

static bool loss_bwd_alias(const struct hone_infer_args *args, int k, struct hone_alias *out) {
    (void)args;
    if (k > 0) return false;
    *out = (struct hone_alias){.kind = HONE_ALIAS_IN_PLACE, .input = 1};
    return true;
}

static hone_status loss_bwd_setup(const struct hone_row_args *args, struct hone_launch *launch) {
    const struct hone_cross_entropy_attrs *attrs = args->node->attrs;
    const int32_t *dim = args->node->in[1].dim;
    struct hone_dispatch *pass;
    HONE_TRY(
        hone_op_row_lanes(launch, "loss_weights", args->caps, 1, (int64_t)dim[0] + dim[1], &pass));
    hone_dispatch_in(pass, 2);
    hone_dispatch_in(pass, 3);
    hone_dispatch_scratch(pass, 0);
    hone_dispatch_push(pass, (const uint32_t[]){(uint32_t)dim[0], (uint32_t)dim[1]}, 8);
    launch->scratch_bytes[0] = 2 * sizeof(float);
    HONE_TRY(add_rows(args, launch, "loss_bwd", &args->node->in[1], &pass));
    hone_dispatch_push(pass, attrs, sizeof *attrs);
    hone_op_bind_all(pass, 4, 0);
    hone_dispatch_scratch(pass, 0);
    hone_dispatch_out(pass, 0);
    return HONE_OK;
}

static const struct hone_op_row loss_bwd_rows[] = {{.name = "plain", .setup = loss_bwd_setup}};

const struct hone_op hone_op_cross_entropy_bwd = {
    .name = "cross_entropy_bwd",
    .inputs_min = 4,
    .inputs_max = 4,
    .outputs = 1,
    .flags = HONE_OP_NO_GRAD,
    LOSS_ATTRS,
    .infer = loss_bwd_infer,
    .ref = loss_bwd_ref,
    .cost = loss_bwd_cost,
    .alias = loss_bwd_alias,
    .rows = loss_bwd_rows,
    .row_count = 1,
};
