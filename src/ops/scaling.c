// scaling.c: what training in f16 needs besides: gradients of a scaled loss, whose small numbers
// would be 0 in f16 otherwise, brought back to their size, and steps in which one was too large
// left out, without the host knowing (Micikevicius et al. 2018; the rule for the scale is that of
// torch.cuda.amp.GradScaler).
//
//   unscale(g (L), scaler (8), hyper (4)) -> g' (L), scaler' (8), hyper' (4)
//     g' = g / scale, 0 where g is no finite number
//     all of g finite: the step is made. c1' = c1 + (1 - beta1) (1 - c1), c2' likewise, which is
//       1 - beta^t for t steps that were made; hyper' = (lr, c1', c2', share); after `interval`
//       such steps in a row the scale doubles, to 2^24 at most
//     else: it is left out. hyper' = (-1, 1, 1, 0), by which sgd, adamw and ema change nothing; the
//       scale halves, to 1 at least
//
// scaler (8) = scale, good steps in a row, c1, c2, steps left out so far, 0, 0, 0.
#include "ops/common.h"
#include "ops/ops.h"

#include <math.h>

static const double SCALE_MOST = 1 << 24;
enum { SCALER = 8, FLAGS_MOST = 16384 };

static hone_status unscale_infer(const struct hone_infer_args *args) {
    HONE_TRY(hone_op_expect_f32(args, 0, "g", 1));
    int32_t length = args->in[0].dim[0];
    if (length % HONE_PACK_ALIGN)
        return hone_fail(HONE_INVALID, "a slab of %d elements is not a multiple of %d", length,
                         HONE_PACK_ALIGN);
    HONE_TRY(hone_op_expect_f32(args, 1, "scaler", 1));
    HONE_TRY(hone_op_expect_dim(args, 1, "scaler", 0, SCALER, "as ops.h says"));
    HONE_TRY(hone_op_expect_f32(args, 2, "hyper", 1));
    HONE_TRY(hone_op_expect_dim(args, 2, "hyper", 0, 4, "as ops.h says"));
    for (int i = 0; i < 3; i++) args->out[i] = args->in[i];
    return HONE_OK;
}

static void unscale_ref(const struct hone_ref_args *args) {
    const struct hone_unscale_attrs *attrs = args->attrs;
    const double *g = args->in[0], *scaler = args->in[1], *hyper = args->in[2];
    double *next = args->out[1], *out = args->out[2];
    int64_t count = hone_desc_elements(&args->out_desc[0]);
    bool finite = true;
    for (int64_t i = 0; i < count; i++) {
        bool good = isfinite(g[i]);
        finite = finite && good;
        args->out[0][i] = good ? g[i] / scaler[0] : 0;
    }
    double scale = scaler[0], good = scaler[1] + 1, c1 = scaler[2], c2 = scaler[3];
    for (int i = 0; i < SCALER; i++) next[i] = scaler[i];
    next[0] = finite ? scale : fmax(scale / 2, 1);
    next[1] = finite ? good : 0;
    if (finite) {
        next[2] = c1 + (1 - (double)attrs->beta1) * (1 - c1);
        next[3] = c2 + (1 - (double)attrs->beta2) * (1 - c2);
        if (good >= attrs->interval) {
            next[0] = fmin(2 * scale, SCALE_MOST);
            next[1] = 0;
        }
    } else {
        next[4] = scaler[4] + 1;
    }
    out[0] = finite ? hyper[0] : -1;
    out[1] = finite ? next[2] : 1;
    out[2] = finite ? next[3] : 1;
    out[3] = finite ? hyper[3] : 0;
}

static struct hone_cost unscale_cost(const struct hone_infer_args *args) {
    return hone_op_cost_elements(args, 1, 2);
}

static bool unscale_alias(const struct hone_infer_args *args, int k, struct hone_alias *out) {
    (void)args;
    if (k > 1) return false;
    *out = (struct hone_alias){
        .kind = k ? HONE_ALIAS_UPDATE : HONE_ALIAS_IN_PLACE, .input = k, .output = k};
    return true;
}

// Each invocation divides its share and says whether it met a number that is none; then one
// workgroup sums that up and moves the scale.
static hone_status unscale_setup(const struct hone_row_args *args, struct hone_launch *launch) {
    const struct hone_unscale_attrs *attrs = args->node->attrs;
    uint32_t count = (uint32_t)args->node->in[0].dim[0] / 4;
    uint32_t flags = count < FLAGS_MOST ? count : FLAGS_MOST;
    const uint32_t push[] = {count, flags};
    struct hone_dispatch *divide = hone_op_linear(launch, "unscale_vec4", flags), *step;
    if (!divide) return HONE_INTERNAL;
    hone_dispatch_push(divide, push, sizeof push);
    hone_dispatch_in(divide, 0);
    hone_dispatch_in(divide, 1);
    hone_dispatch_out(divide, 0);
    hone_dispatch_scratch(divide, 0);
    launch->scratch_bytes[0] = flags * sizeof(uint32_t);

    // As in adamw: 1 - beta is exact in double only.
    const float rest[] = {(float)(1 - (double)attrs->beta1), (float)(1 - (double)attrs->beta2),
                          (float)attrs->interval};
    HONE_TRY(hone_op_row_lanes(launch, "unscale_step", args->caps, 1, flags, &step));
    hone_dispatch_push(step, &flags, sizeof flags);
    hone_dispatch_push(step, rest, sizeof rest);
    hone_dispatch_in(step, 1);
    hone_dispatch_in(step, 2);
    hone_dispatch_scratch(step, 0);
    hone_dispatch_out(step, 1);
    hone_dispatch_out(step, 2);
    return HONE_OK;
}

static const struct hone_field unscale_fields[] = {
    HONE_FIELD(hone_unscale_attrs, beta1, HONE_FIELD_F32, 1),
    HONE_FIELD(hone_unscale_attrs, beta2, HONE_FIELD_F32, 1),
    HONE_FIELD(hone_unscale_attrs, interval, HONE_FIELD_I32, 1),
};

static const struct hone_op_row unscale_rows[] = {
    {.name = "plain", .setup = unscale_setup},
};

const struct hone_op hone_op_unscale = {
    .name = "unscale",
    .inputs_min = 3,
    .inputs_max = 3,
    .outputs = 3,
    .flags = HONE_OP_NO_GRAD,
    .attrs_bytes = sizeof(struct hone_unscale_attrs),
    .fields = unscale_fields,
    .field_count = 3,
    .infer = unscale_infer,
    .ref = unscale_ref,
    .cost = unscale_cost,
    .alias = unscale_alias,
    .rows = unscale_rows,
    .row_count = 1,
};
