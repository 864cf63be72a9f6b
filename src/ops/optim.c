// optim.c: what a training step does after the gradients: all parameters at once, as slabs of L
// elements.
//
//   sgd(w, g, m, segments, hyper) -> w', m'          torch.optim.SGD, dampening 0
//     g += decay w;  m' = momentum m + g;  w' = w - lr (nesterov ? g + momentum m' : m')
//   adamw(w, g, m, v, segments, hyper) -> w', m', v' Loshchilov, Hutter 2019 (torch.optim.AdamW)
//     w *= 1 - lr decay;  m' = beta1 m + (1 - beta1) g;  v' = beta2 v + (1 - beta2) g^2
//     w' = w - lr (m' / c1) / (sqrt(v' / c2) + eps)
//   ema(e, w, hyper) -> e' = e + share (w - e)
//   train_stats(stats (4), loss (1), logits (N,C), labels (N)) -> stats' = stats + (loss n, n,
//   correct, 0)
//
// hyper (4) = lr, c1 = 1 - beta1^t, c2 = 1 - beta2^t, share. Row s of segments (L /
// HONE_PACK_ALIGN, 2) holds, for the elements s HONE_PACK_ALIGN and on, a factor on lr and the
// decay. A factor of 0 leaves w as it is, bit for bit; a negative lr leaves all as it is (unscale).
#include "ops/common.h"
#include "ops/ops.h"

#include <math.h>

// ---- sgd, adamw
// --------------------------------------------------------------------------------------------

static const char *const sgd_inputs[] = {"w", "g", "m", "segments", "hyper"};
static const char *const adamw_inputs[] = {"w", "g", "m", "v", "segments", "hyper"};

// `slabs` slabs alike, then segments and hyper; one output for each slab but the gradient.
static hone_status slabs_infer(const struct hone_infer_args *args, const char *const *names,
                               int slabs) {
    HONE_TRY(hone_op_expect_f32(args, 0, names[0], 1));
    int32_t length = args->in[0].dim[0];
    if (length % HONE_PACK_ALIGN)
        return hone_fail(HONE_INVALID, "a slab of %d elements is not a multiple of %d", length,
                         HONE_PACK_ALIGN);
    for (int i = 1; i < slabs; i++) HONE_TRY(hone_op_expect_same(args, i, names[i], 0, names[0]));
    HONE_TRY(hone_op_expect_f32(args, slabs, "segments", 2));
    HONE_TRY(hone_op_expect_dim(args, slabs, "segments", 0, length / HONE_PACK_ALIGN,
                                "a row for each run of the slab"));
    HONE_TRY(hone_op_expect_dim(args, slabs, "segments", 1, 2, "a rate factor and a decay"));
    HONE_TRY(hone_op_expect_f32(args, slabs + 1, "hyper", 1));
    HONE_TRY(hone_op_expect_dim(args, slabs + 1, "hyper", 0, 4, "as ops.h says"));
    for (int i = 0; i < slabs - 1; i++) args->out[i] = args->in[0];
    return HONE_OK;
}

// Every output is the next content of a slab; input 1 is the gradient.
static bool slabs_alias(int outputs, int k, struct hone_alias *out) {
    if (k >= outputs) return false;
    *out = (struct hone_alias){.kind = HONE_ALIAS_UPDATE, .input = k == 0 ? 0 : k + 1, .output = k};
    return true;
}

static hone_status sgd_infer(const struct hone_infer_args *args) {
    return slabs_infer(args, sgd_inputs, 3);
}

static hone_status adamw_infer(const struct hone_infer_args *args) {
    return slabs_infer(args, adamw_inputs, 4);
}

static bool sgd_alias(const struct hone_infer_args *args, int k, struct hone_alias *out) {
    (void)args;
    return slabs_alias(2, k, out);
}

static bool adamw_alias(const struct hone_infer_args *args, int k, struct hone_alias *out) {
    (void)args;
    return slabs_alias(3, k, out);
}

static void sgd_ref(const struct hone_ref_args *args) {
    const struct hone_sgd_attrs *attrs = args->attrs;
    const double *w = args->in[0], *g = args->in[1], *m = args->in[2], *segments = args->in[3];
    double momentum = (double)attrs->momentum, lr = args->in[4][0];
    int64_t count = hone_desc_elements(&args->out_desc[0]);
    for (int64_t i = 0; i < count; i++) {
        if (lr < 0) {
            args->out[0][i] = w[i];
            args->out[1][i] = m[i];
            continue;
        }
        const double *segment = segments + i / HONE_PACK_ALIGN * 2;
        double gradient = g[i] + segment[1] * w[i];
        double next = momentum * m[i] + gradient;
        double step = attrs->nesterov ? gradient + momentum * next : next;
        args->out[0][i] = w[i] - lr * segment[0] * step;
        args->out[1][i] = next;
    }
}

static void adamw_ref(const struct hone_ref_args *args) {
    const struct hone_adamw_attrs *attrs = args->attrs;
    const double *w = args->in[0], *g = args->in[1], *m = args->in[2], *v = args->in[3];
    const double *segments = args->in[4], *hyper = args->in[5];
    double beta1 = (double)attrs->beta1, beta2 = (double)attrs->beta2;
    int64_t count = hone_desc_elements(&args->out_desc[0]);
    for (int64_t i = 0; i < count; i++) {
        if (hyper[0] < 0) {
            args->out[0][i] = w[i];
            args->out[1][i] = m[i];
            args->out[2][i] = v[i];
            continue;
        }
        const double *segment = segments + i / HONE_PACK_ALIGN * 2;
        double lr = hyper[0] * segment[0];
        double next_m = beta1 * m[i] + (1 - beta1) * g[i];
        double next_v = beta2 * v[i] + (1 - beta2) * g[i] * g[i];
        double step = next_m / hyper[1] / (sqrt(next_v / hyper[2]) + (double)attrs->eps);
        args->out[0][i] = w[i] - lr * segment[1] * w[i] - lr * step;
        args->out[1][i] = next_m;
        args->out[2][i] = next_v;
    }
}

static struct hone_cost sgd_cost(const struct hone_infer_args *args) {
    return hone_op_cost_elements(args, 2, 6);
}

static struct hone_cost adamw_cost(const struct hone_infer_args *args) {
    return hone_op_cost_elements(args, 3, 16);
}

// shaders/optim/sgd.comp: four elements a thread; slabs are made of whole vectors
static hone_status sgd_setup(const struct hone_row_args *args, struct hone_launch *launch) {
    const struct hone_sgd_attrs *attrs = args->node->attrs;
    uint32_t count = (uint32_t)args->node->out[0].dim[0] / 4;
    struct hone_dispatch *dispatch = hone_op_linear(launch, "sgd_vec4", count);
    if (!dispatch) return HONE_INTERNAL;
    hone_dispatch_spec(dispatch, attrs->nesterov != 0);
    hone_dispatch_push(dispatch, &count, sizeof count);
    hone_dispatch_push(dispatch, &attrs->momentum, sizeof attrs->momentum);
    hone_op_bind_all(dispatch, 5, 2);
    return HONE_OK;
}

static hone_status adamw_setup(const struct hone_row_args *args, struct hone_launch *launch) {
    const struct hone_adamw_attrs *attrs = args->node->attrs;
    uint32_t count = (uint32_t)args->node->out[0].dim[0] / 4;
    struct hone_dispatch *dispatch = hone_op_linear(launch, "adamw_vec4", count);
    if (!dispatch) return HONE_INTERNAL;
    // 1 - beta is exact in double only: beta2 = 0.999f would lose half its digits in the shader.
    const float push[] = {attrs->beta1, attrs->beta2, (float)(1 - (double)attrs->beta1),
                          (float)(1 - (double)attrs->beta2), attrs->eps};
    hone_dispatch_push(dispatch, &count, sizeof count);
    hone_dispatch_push(dispatch, push, sizeof push);
    hone_op_bind_all(dispatch, 6, 3);
    return HONE_OK;
}

static const struct hone_field sgd_fields[] = {
    HONE_FIELD(hone_sgd_attrs, momentum, HONE_FIELD_F32, 1),
    HONE_FIELD(hone_sgd_attrs, nesterov, HONE_FIELD_I32, 1),
};

static const struct hone_field adamw_fields[] = {
    HONE_FIELD(hone_adamw_attrs, beta1, HONE_FIELD_F32, 1),
    HONE_FIELD(hone_adamw_attrs, beta2, HONE_FIELD_F32, 1),
    HONE_FIELD(hone_adamw_attrs, eps, HONE_FIELD_F32, 1),
};

static const struct hone_op_row sgd_rows[] = {
    {.name = "vec4", .setup = sgd_setup},
};

static const struct hone_op_row adamw_rows[] = {
    {.name = "vec4", .setup = adamw_setup},
};

const struct hone_op hone_op_sgd = {
    .name = "sgd",
    .inputs_min = 5,
    .inputs_max = 5,
    .outputs = 2,
    .flags = HONE_OP_NO_GRAD,
    .attrs_bytes = sizeof(struct hone_sgd_attrs),
    .fields = sgd_fields,
    .field_count = 2,
    .infer = sgd_infer,
    .ref = sgd_ref,
    .cost = sgd_cost,
    .alias = sgd_alias,
    .rows = sgd_rows,
    .row_count = 1,
};

const struct hone_op hone_op_adamw = {
    .name = "adamw",
    .inputs_min = 6,
    .inputs_max = 6,
    .outputs = 3,
    .flags = HONE_OP_NO_GRAD,
    .attrs_bytes = sizeof(struct hone_adamw_attrs),
    .fields = adamw_fields,
    .field_count = 3,
    .infer = adamw_infer,
    .ref = adamw_ref,
    .cost = adamw_cost,
    .alias = adamw_alias,
    .rows = adamw_rows,
    .row_count = 1,
};

// ---- ema
// ---------------------------------------------------------------------------------------------------

static hone_status ema_infer(const struct hone_infer_args *args) {
    HONE_TRY(hone_op_expect_f32(args, 0, "e", 1));
    int32_t length = args->in[0].dim[0];
    if (length % HONE_PACK_ALIGN)
        return hone_fail(HONE_INVALID, "a slab of %d elements is not a multiple of %d", length,
                         HONE_PACK_ALIGN);
    HONE_TRY(hone_op_expect_same(args, 1, "w", 0, "e"));
    HONE_TRY(hone_op_expect_f32(args, 2, "hyper", 1));
    HONE_TRY(hone_op_expect_dim(args, 2, "hyper", 0, 4, "as ops.h says"));
    args->out[0] = args->in[0];
    return HONE_OK;
}

static void ema_ref(const struct hone_ref_args *args) {
    int64_t count = hone_desc_elements(&args->out_desc[0]);
    for (int64_t i = 0; i < count; i++)
        args->out[0][i] = args->in[0][i] + args->in[2][3] * (args->in[1][i] - args->in[0][i]);
}

static struct hone_cost ema_cost(const struct hone_infer_args *args) {
    return hone_op_cost_elements(args, 1, 3);
}

static bool ema_alias(const struct hone_infer_args *args, int k, struct hone_alias *out) {
    (void)args;
    return slabs_alias(1, k, out);
}

static hone_status ema_setup(const struct hone_row_args *args, struct hone_launch *launch) {
    uint32_t count = (uint32_t)args->node->out[0].dim[0] / 4;
    struct hone_dispatch *dispatch = hone_op_linear(launch, "ema_vec4", count);
    if (!dispatch) return HONE_INTERNAL;
    hone_dispatch_push(dispatch, &count, sizeof count);
    hone_op_bind_all(dispatch, 3, 1);
    return HONE_OK;
}

static const struct hone_op_row ema_rows[] = {
    {.name = "vec4", .setup = ema_setup},
};

const struct hone_op hone_op_ema = {
    .name = "ema",
    .inputs_min = 3,
    .inputs_max = 3,
    .outputs = 1,
    .flags = HONE_OP_NO_GRAD,
    .infer = ema_infer,
    .ref = ema_ref,
    .cost = ema_cost,
    .alias = ema_alias,
    .rows = ema_rows,
    .row_count = 1,
};

// ---- train_stats
// -------------------------------------------------------------------------------------------

static hone_status stats_infer(const struct hone_infer_args *args) {
    HONE_TRY(hone_op_expect_f32(args, 0, "stats", 1));
    HONE_TRY(hone_op_expect_dim(args, 0, "stats", 0, 4, "as ops.h says"));
    HONE_TRY(hone_op_expect_f32(args, 1, "loss", -1));
    if (hone_desc_elements(&args->in[1]) != 1) {
        char text[HONE_DESC_TEXT];
        return hone_fail(HONE_INVALID, "loss is %s; one number is expected",
                         hone_desc_text(&args->in[1], text));
    }
    HONE_TRY(hone_op_expect_f32(args, 2, "logits", 2));
    HONE_TRY(hone_op_expect(args, 3, "labels", HONE_I32, 1));
    HONE_TRY(hone_op_expect_dim(args, 3, "labels", 0, args->in[2].dim[0], "the rows of logits"));
    args->out[0] = args->in[0];
    return HONE_OK;
}

static void stats_ref(const struct hone_ref_args *args) {
    const double *stats = args->in[0], *logits = args->in[2], *labels = args->in[3];
    int64_t rows = args->in_desc[2].dim[0], classes = args->in_desc[2].dim[1];
    double counted = 0, correct = 0;
    for (int64_t n = 0; n < rows; n++, logits += classes) {
        if (labels[n] < 0) continue;
        int64_t best = 0;
        // NaN counts as the largest, as in PyTorch's argmax.
        for (int64_t c = 1; c < classes && !isnan(logits[best]); c++)
            if (logits[c] > logits[best] || isnan(logits[c])) best = c;
        counted += 1;
        correct += best == (int64_t)labels[n];
    }
    args->out[0][0] = stats[0] + args->in[1][0] * counted;
    args->out[0][1] = stats[1] + counted;
    args->out[0][2] = stats[2] + correct;
    args->out[0][3] = stats[3];
}

static struct hone_cost stats_cost(const struct hone_infer_args *args) {
    return (struct hone_cost){.flops = (double)hone_desc_elements(&args->in[2]),
                              .bytes = hone_op_bytes(args, 1)};
}

static bool stats_alias(const struct hone_infer_args *args, int k, struct hone_alias *out) {
    (void)args;
    if (k > 0) return false;
    *out = (struct hone_alias){.kind = HONE_ALIAS_UPDATE};
    return true;
}

// Each row's verdict, then their sum.
static hone_status stats_setup(const struct hone_row_args *args, struct hone_launch *launch) {
    const uint32_t push[] = {(uint32_t)args->node->in[2].dim[0],
                             (uint32_t)args->node->in[2].dim[1]};
    struct hone_dispatch *judge, *sum;
    HONE_TRY(hone_op_row_lanes(launch, "stats_rows", args->caps, push[0], push[1], &judge));
    hone_dispatch_push(judge, push, sizeof push);
    hone_dispatch_in(judge, 2);
    hone_dispatch_in(judge, 3);
    hone_dispatch_scratch(judge, 0);
    launch->scratch_bytes[0] = push[0] * sizeof(uint32_t);

    HONE_TRY(hone_op_row_lanes(launch, "stats_sum", args->caps, 1, push[0], &sum));
    hone_dispatch_push(sum, push, sizeof push[0]);
    hone_dispatch_in(sum, 0);
    hone_dispatch_in(sum, 1);
    hone_dispatch_scratch(sum, 0);
    hone_dispatch_out(sum, 0);
    return HONE_OK;
}

static const struct hone_op_row stats_rows[] = {
    {.name = "plain", .setup = stats_setup},
};

const struct hone_op hone_op_train_stats = {
    .name = "train_stats",
    .inputs_min = 4,
    .inputs_max = 4,
    .outputs = 1,
    .flags = HONE_OP_NO_GRAD,
    .infer = stats_infer,
    .ref = stats_ref,
    .cost = stats_cost,
    .alias = stats_alias,
    .rows = stats_rows,
    .row_count = 1,
};
