// random.c: dropout (Srivastava et al. 2014), the inverted form.
//
//   dropout(x, clock) -> y    y_i = x_i / (1 - rate) where u_i >= rate, else 0; with `pictures` u_n
//   of
//                             the picture n that holds i (stochastic depth, Huang et al. 2016)
//
// u_i in [0, 1) is number i of the counter generator (base/rng.h, shaders/lib/rng.glsl) with key
// clock[0] and the stream of (salt, clock[1]). Nothing is stored: the gradient is the same op,
// which draws the same numbers.
#include "base/rng.h"
#include "ops/common.h"
#include "ops/ops.h"

static hone_status dropout_infer(const struct hone_infer_args *args) {
    const struct hone_dropout_attrs *attrs = args->attrs;
    HONE_TRY(hone_op_expect_f32(args, 0, "x", -1));
    HONE_TRY(hone_op_expect(args, 1, "clock", HONE_I32, 1));
    HONE_TRY(hone_op_expect_dim(args, 1, "clock", 0, 2, "the seed and the step"));
    if (!(attrs->rate >= 0 && attrs->rate < 1))
        return hone_fail(HONE_INVALID, "dropout rate %g; 0 <= rate < 1 is expected",
                         (double)attrs->rate);
    if (attrs->pictures && args->in[0].rank < 1)
        return hone_fail(HONE_INVALID, "x is a scalar; it has no pictures");
    args->out[0] = args->in[0];
    return HONE_OK;
}

static void dropout_grad(struct hone_graph *graph, const struct hone_node *node,
                         const hone_value *dout, const bool *want, hone_value *din) {
    if (want[0])
        din[0] = HONE_EMIT(graph, &hone_op_dropout, NULL, node->attrs, dout[0], node->inputs[1]);
}

// Elements that share a number.
static int64_t share_of(const struct hone_dropout_attrs *attrs, const struct hone_desc *x) {
    return attrs->pictures ? hone_desc_elements(x) / x->dim[0] : 1;
}

static void dropout_ref(const struct hone_ref_args *args) {
    const struct hone_dropout_attrs *attrs = args->attrs;
    uint64_t seed = (uint32_t)(int32_t)args->in[1][0];
    uint64_t stream = hone_op_random_stream(attrs->salt, (int32_t)args->in[1][1]);
    double keep = 1 / (1 - (double)attrs->rate);
    int64_t count = hone_desc_elements(&args->out_desc[0]);
    int64_t share = share_of(attrs, &args->in_desc[0]);
    for (int64_t i = 0; i < count; i++) {
        float u = hone_rng_f32(seed, stream, (uint64_t)(i / share));
        args->out[0][i] = u >= attrs->rate ? args->in[0][i] * keep : 0;
    }
}

static struct hone_cost dropout_cost(const struct hone_infer_args *args) {
    // Ten rounds of Philox give four numbers: about 20 integer operations each.
    return hone_op_cost_elements(args, 1, 20);
}

// shaders/random/dropout.comp: one Philox block, four elements, a thread; any size
static hone_status dropout_launch(const struct hone_row_args *args, struct hone_launch *launch,
                                  const char *kernel) {
    const struct hone_dropout_attrs *attrs = args->node->attrs;
    struct {
        uint32_t count;
        float rate, keep;
        int32_t salt;
        uint32_t share;
    } push = {(uint32_t)hone_desc_elements(&args->node->out[0]), attrs->rate, 1 / (1 - attrs->rate),
              attrs->salt, (uint32_t)share_of(attrs, &args->node->in[0])};
    struct hone_dispatch *dispatch = hone_op_linear(launch, kernel, (push.count + 3) / 4);
    if (!dispatch) return HONE_INTERNAL;
    hone_dispatch_push(dispatch, &push, sizeof push);
    hone_op_bind_all(dispatch, 2, 1);
    return HONE_OK;
}

static hone_status dropout_setup_vec4(const struct hone_row_args *args,
                                      struct hone_launch *launch) {
    return dropout_launch(args, launch, "dropout_vec4");
}

static hone_status dropout_setup(const struct hone_row_args *args, struct hone_launch *launch) {
    return dropout_launch(args, launch, "dropout_f32");
}

static const struct hone_field dropout_fields[] = {
    HONE_FIELD(hone_dropout_attrs, rate, HONE_FIELD_F32, 1),
    HONE_FIELD(hone_dropout_attrs, salt, HONE_FIELD_I32, 1),
    HONE_FIELD(hone_dropout_attrs, pictures, HONE_FIELD_I32, 1),
};

static const struct hone_op_row dropout_rows[] = {
    {.name = "vec4", .fits = hone_op_fits_vec4, .setup = dropout_setup_vec4},
    {.name = "plain", .setup = dropout_setup},
};

const struct hone_op hone_op_dropout = {
    .name = "dropout",
    .inputs_min = 2,
    .inputs_max = 2,
    .outputs = 1,
    .attrs_bytes = sizeof(struct hone_dropout_attrs),
    .fields = dropout_fields,
    .field_count = 3,
    .infer = dropout_infer,
    .grad = dropout_grad,
    .ref = dropout_ref,
    .cost = dropout_cost,
    .alias = hone_op_alias_unary,
    .rows = dropout_rows,
    .row_count = 2,
};
