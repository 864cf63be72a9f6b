// matmul.c: y (M,N) = act(op(a) op(b) + bias), op(a) (M,K), op(b) (K,N); shapes and attributes in
// ops.h. What a has in front of its last axis are rows, whatever their number of axes.
//
// The rows are those of convolution with M pictures of one pixel: a (M,K) by b (N,K) transposed is
// a 1x1 convolution; by b (K,N) it is its input gradient; a (K,M) transposed by b (K,N) is its
// weight gradient. What is left transposes a first.
#include "ops/common.h"
#include "ops/conv_coop.h"
#include "ops/conv_cpu_tile.h"
#include "ops/conv_launch.h"

struct product {
    int64_t m, n, k;
};

static struct product product_of(const struct hone_infer_args *args) {
    const struct hone_matmul_attrs *attrs = args->attrs;
    const struct hone_desc *a = &args->in[0];
    const int32_t *b = args->in[1].dim;
    int64_t k = a->dim[attrs->trans_a ? 0 : a->rank - 1];
    return (struct product){
        .m = hone_desc_elements(a) / k, .n = attrs->trans_b ? b[0] : b[1], .k = k};
}

static hone_status matmul_infer(const struct hone_infer_args *args) {
    const struct hone_matmul_attrs *attrs = args->attrs;
    HONE_TRY(hone_op_expect_float(args, 0, "a", -1));
    if (args->in[0].rank < 2 || attrs->trans_a) HONE_TRY(hone_op_expect_float(args, 0, "a", 2));
    HONE_TRY(hone_op_expect_float(args, 1, "b", 2));
    HONE_TRY(hone_op_expect_one_dtype(args, 1, "b", 0, "a"));
    struct product s = product_of(args);
    if (args->in[1].dim[attrs->trans_b ? 1 : 0] != s.k)
        return hone_op_fail_dims("the inner sizes of a and b differ", &args->in[0], &args->in[1]);
    if (hone_op_has(args, 2)) {
        HONE_TRY(hone_op_expect_f32(args, 2, "bias", 1));
        HONE_TRY(hone_op_expect_dim(args, 2, "bias", 0, s.n, "the columns of the product"));
    }
    if (attrs->act.kind < 0 || attrs->act.kind >= HONE_ACT_COUNT)
        return hone_fail(HONE_INVALID, "activation kind %d does not exist", attrs->act.kind);
    enum hone_dtype dtype = attrs->wide ? HONE_F32 : args->in[0].dtype;
    int rank = args->in[0].rank;
    int64_t dim[HONE_MAX_RANK] = {0};
    for (int i = 0; i < rank - 1; i++) dim[i] = args->in[0].dim[i];
    if (attrs->trans_a) dim[0] = s.m;
    dim[rank - 1] = s.n;
    return hone_op_set(&args->out[0], dtype, rank, dim);
}

static struct hone_cost matmul_cost(const struct hone_infer_args *args) {
    struct product s = product_of(args);
    return (struct hone_cost){.flops = 2.0 * (double)s.m * (double)s.n * (double)s.k,
                              .bytes = hone_op_bytes(args, 1)};
}

static hone_value product(struct hone_graph *graph, hone_value a, int ta, hone_value b, int tb,
                          bool wide) {
    struct hone_matmul_attrs attrs = {.trans_a = ta, .trans_b = tb, .wide = wide};
    return HONE_EMIT(graph, &hone_op_matmul, NULL, &attrs, a, b);
}

// (rows, columns) of a tensor of any rank.
static hone_value matrix(struct hone_graph *graph, hone_value x) {
    const struct hone_desc *desc = hone_graph_desc(graph, x);
    if (desc->rank == 2) return x;
    const struct hone_shape_attrs shape = {.rank = 2, .dim = {-1, desc->dim[desc->rank - 1]}};
    return HONE_EMIT(graph, &hone_op_reshape, NULL, &shape, x);
}

// d(loss)/d(w) of a linear layer, (N,K). The quick kernels want four rows at a time: with another N
// (a classifier has as many rows as there are classes) the product is made transposed and turned.
static hone_value linear_bwd_w(struct hone_graph *graph, hone_value d, hone_value a, int trans_a) {
    const struct hone_desc *out = hone_graph_desc(graph, d), *in = hone_graph_desc(graph, a);
    if (out->dim[1] % 4 == 0 || in->dim[trans_a ? 0 : 1] % 4 != 0)
        return product(graph, d, 1, a, trans_a, true);
    hone_value turned = product(graph, a, !trans_a, d, 0, true);
    return HONE_EMIT(graph, &hone_op_permute, NULL, (&(struct hone_permute_attrs){{1, 0}}), turned);
}

static void matmul_grad(struct hone_graph *graph, const struct hone_node *node,
                        const hone_value *dout, const bool *want, hone_value *din) {
    struct hone_matmul_attrs attrs = *(const struct hone_matmul_attrs *)node->attrs;
    struct hone_act_attrs act = attrs.act;
    attrs.act = (struct hone_act_attrs){.kind = HONE_ACT_NONE};
    hone_value a = node->inputs[0], b = node->inputs[1], d = dout[0];
    if (act.kind != HONE_ACT_NONE) {
        hone_value saved = node->outputs[0];
        if (!hone_act_saves_output(
                (enum hone_act)act.kind)) // the value before the activation, again
            saved = hone_graph_emit(graph, node->op, NULL, &attrs, node->inputs, node->input_count);
        d = HONE_EMIT(graph, &hone_op_act_bwd, NULL, &act, d, saved);
    }
    bool ta = attrs.trans_a, tb = attrs.trans_b;
    bool narrow = hone_graph_desc(graph, a)->dtype != HONE_F32;
    if (narrow && hone_graph_desc(graph, d)->dtype == HONE_F32)
        d = HONE_EMIT(graph, &hone_op_cast, NULL,
                      &(const struct hone_cast_attrs){(int32_t)hone_graph_desc(graph, a)->dtype},
                      d);
    if (want[0])
        din[0] = ta ? product(graph, b, tb, d, 1, false) : product(graph, d, 0, b, !tb, false);
    // Gradients of b, taken for weights, stay in f32.
    d = matrix(graph, d);
    a = matrix(graph, a);
    if (want[1]) din[1] = tb ? linear_bwd_w(graph, d, a, ta) : product(graph, a, !ta, d, 0, true);
    if (node->input_count > 2 && want[2]) {
        const struct hone_desc *y = hone_graph_desc(graph, node->outputs[0]);
        struct hone_shape_attrs bias = {.rank = 1, .dim = {y->dim[y->rank - 1]}};
        if (narrow)
            d = HONE_EMIT(graph, &hone_op_cast, NULL, &(const struct hone_cast_attrs){HONE_F32}, d);
        din[2] = HONE_EMIT(graph, &hone_op_reduce_to, NULL, &bias, d);
    }
}

static bool matmul_takes_act(struct hone_fusion *fusion) {
    struct hone_matmul_attrs *attrs = (struct hone_matmul_attrs *)fusion->attrs;
    return hone_op_fuse_act(fusion, &attrs->act);
}

static const struct hone_absorb matmul_absorbs[] = {
    {HONE_PASS_CONV_EPILOGUE, HONE_ABSORB_CONSUMER, matmul_takes_act},
};

static void matmul_widen(void *attrs) {
    ((struct hone_matmul_attrs *)attrs)->wide = 1;
}

static void matmul_ref(const struct hone_ref_args *args) {
    const struct hone_matmul_attrs *attrs = args->attrs;
    const double *a = args->in[0], *b = args->in[1];
    const double *bias = args->input_count > 2 ? args->in[2] : NULL;
    const struct hone_desc *y = &args->out_desc[0], *x = &args->in_desc[0];
    int64_t columns = y->dim[y->rank - 1], rows = hone_desc_elements(y) / columns;
    int64_t inner = x->dim[attrs->trans_a ? 0 : x->rank - 1];
    int64_t a_row = attrs->trans_a ? 1 : inner, a_step = attrs->trans_a ? rows : 1;
    int64_t b_column = attrs->trans_b ? inner : 1, b_step = attrs->trans_b ? 1 : columns;
    for (int64_t m = 0; m < rows; m++)
        for (int64_t n = 0; n < columns; n++) {
            double sum = bias ? bias[n] : 0;
            for (int64_t k = 0; k < inner; k++)
                sum += a[m * a_row + k * a_step] * b[n * b_column + k * b_step];
            args->out[0][m * columns + n] = hone_act_value(&attrs->act, sum);
        }
}

// ---- Rows -----------------------------------------------------------------------------------

// As which convolution the product runs, and whether a is transposed before.
struct plan {
    enum hone_conv_form form;
    bool transpose_a;
    struct hone_conv_push push;
};

static struct hone_conv_push pixels(int64_t count, int64_t c, int64_t k) {
    return (struct hone_conv_push){.n = (int32_t)count,
                                   .h = 1,
                                   .w = 1,
                                   .c = (int32_t)c,
                                   .k = (int32_t)k,
                                   .p = 1,
                                   .q = 1,
                                   .r = 1,
                                   .s = 1,
                                   .stride_h = 1,
                                   .stride_w = 1,
                                   .dilation_h = 1,
                                   .dilation_w = 1,
                                   .groups = 1};
}

static struct plan plan_of(const struct hone_infer_args *args) {
    const struct hone_matmul_attrs *attrs = args->attrs;
    struct product s = product_of(args);
    struct plan plan = {.transpose_a = attrs->trans_a};
    bool bare = !hone_op_has(args, 2) && attrs->act.kind == HONE_ACT_NONE;
    if (attrs->trans_a && !attrs->trans_b && bare) {
        plan.transpose_a = false;
        plan.form = HONE_CONV_WGRAD;
        plan.push = pixels(s.k, s.n, s.m);
    } else if (attrs->trans_b) {
        plan.form = HONE_CONV_FPROP;
        plan.push = pixels(s.m, s.k, s.n);
    } else {
        plan.form = HONE_CONV_DGRAD;
        plan.push = pixels(s.m, s.n, s.k);
    }
    plan.push.act_a = attrs->act.a;
    plan.push.act_b = attrs->act.b;
    return plan;
}

static hone_status matmul_run(const struct hone_row_args *args, hone_conv_setup *const setups[3],
                              struct hone_launch *launch) {
    const struct hone_matmul_attrs *attrs = args->node->attrs;
    struct plan plan = plan_of(args->node);
    struct hone_conv_job job = {
        .push = plan.push,
        .act = (enum hone_act)attrs->act.kind,
        .has_bias = hone_op_has(args->node, 2),
        .a = {.kind = HONE_OPERAND_INPUT, .index = 0},
        .b = {.kind = HONE_OPERAND_INPUT, .index = 1},
        .bias = {.kind = HONE_OPERAND_INPUT, .index = 2},
        .out = {.kind = HONE_OPERAND_OUTPUT, .index = 0},
        .caps = args->caps,
        .dtype = args->node->in[0].dtype,
        .out_dtype = args->node->out[0].dtype,
        .tile = args->tile,
    };
    if (plan.transpose_a) {
        struct product s = product_of(args->node);
        struct hone_conv_job flip = {.push = pixels(1, s.m, s.k),
                                     .caps = args->caps,
                                     .dtype = job.dtype,
                                     .wide = setups[0] == hone_conv_fprop_wide};
        struct hone_operand t = {.kind = HONE_OPERAND_SCRATCH, .index = 1};
        uint64_t bytes = hone_dtype_bytes(job.dtype);
        launch->scratch_bytes[1] = (bytes * (uint64_t)(s.m * s.k) + 3) / 4 * 4;
        HONE_TRY(hone_conv_flip(&flip, job.a, t, launch));
        job.a = t;
    }
    return setups[plan.form](&job, launch);
}

static bool matmul_fits_cpu(const struct hone_row_args *args) {
    struct plan plan = plan_of(args->node);
    if (!hone_op_is_f32(args->node, 1)) return false;
    switch (plan.form) {
    case HONE_CONV_FPROP: return hone_conv_fprop_fits_cpu(&plan.push, args->caps);
    case HONE_CONV_DGRAD: return hone_conv_dgrad_fits_cpu(&plan.push, args->caps);
    default: return hone_conv_wgrad_fits_cpu(&plan.push, args->caps);
    }
}

static bool matmul_fits_wide(const struct hone_row_args *args) {
    struct plan plan = plan_of(args->node);
    if (!hone_op_is_f32(args->node, 1)) return false;
    switch (plan.form) {
    case HONE_CONV_FPROP: return hone_conv_fprop_fits_wide(&plan.push, args->caps);
    case HONE_CONV_DGRAD: return hone_conv_dgrad_fits_wide(&plan.push, args->caps);
    default: return hone_conv_wgrad_fits_wide(&plan.push, args->caps);
    }
}

static bool matmul_tile_cpu(const struct hone_row_args *args, int k, char name[HONE_TILE_NAME]) {
    struct plan plan = plan_of(args->node);
    return hone_conv_cpu_tile_name(&plan.push, plan.form, false, args->caps, k, name);
}

static bool matmul_tile_wide(const struct hone_row_args *args, int k, char name[HONE_TILE_NAME]) {
    struct plan plan = plan_of(args->node);
    return hone_conv_cpu_tile_name(&plan.push, plan.form, true, args->caps, k, name);
}

static hone_status matmul_wide(const struct hone_row_args *args, struct hone_launch *launch) {
    static hone_conv_setup *const setups[] = {hone_conv_fprop_wide, hone_conv_dgrad_wide,
                                              hone_conv_wgrad_wide};
    return matmul_run(args, setups, launch);
}

static hone_status matmul_cpu(const struct hone_row_args *args, struct hone_launch *launch) {
    static hone_conv_setup *const setups[] = {hone_conv_fprop_cpu, hone_conv_dgrad_cpu,
                                              hone_conv_wgrad_cpu};
    return matmul_run(args, setups, launch);
}

static bool matmul_fits_tiled(const struct hone_row_args *args) {
    struct plan plan = plan_of(args->node);
    return hone_conv_fits_tiled(&plan.push, plan.form, args->node->out[0].dtype, args->caps);
}

static bool matmul_tile(const struct hone_row_args *args, int k, char name[HONE_TILE_NAME]) {
    struct plan plan = plan_of(args->node);
    return hone_conv_tiled_name(&plan.push, plan.form, args->caps, k, name);
}

static hone_status matmul_tiled(const struct hone_row_args *args, struct hone_launch *launch) {
    static hone_conv_setup *const setups[] = {hone_conv_fprop_tiled, hone_conv_dgrad_tiled,
                                              hone_conv_wgrad_tiled};
    return matmul_run(args, setups, launch);
}

static hone_status matmul_plain(const struct hone_row_args *args, struct hone_launch *launch) {
    static hone_conv_setup *const setups[] = {hone_conv_fprop_plain, hone_conv_dgrad_plain,
                                              hone_conv_wgrad_plain};
    return matmul_run(args, setups, launch);
}

static struct hone_conv_job coop_job(const struct hone_row_args *args, const struct plan *plan) {
    return (struct hone_conv_job){.push = plan->push,
                                  .caps = args->caps,
                                  .dtype = args->node->in[0].dtype,
                                  .out_dtype = args->node->out[0].dtype};
}

// The rows on one kind of cooperative matrices.
#define ROW_COOP(name, body)                                                                       \
    static bool name##_fits(const struct hone_row_args *args) {                                    \
        struct plan plan = plan_of(args->node);                                                    \
        struct hone_conv_job job = coop_job(args, &plan);                                          \
        return hone_conv_coop_fits(body, plan.form, &job);                                         \
    }                                                                                              \
    static bool name##_tile(const struct hone_row_args *args, int k, char text[HONE_TILE_NAME]) {  \
        struct plan plan = plan_of(args->node);                                                    \
        struct hone_conv_job job = coop_job(args, &plan);                                          \
        return hone_conv_coop_tile(body, plan.form, &job, k, text);                                \
    }                                                                                              \
    static hone_status name##_fprop(const struct hone_conv_job *job, struct hone_launch *launch) { \
        return hone_conv_coop(body, HONE_CONV_FPROP, job, launch);                                 \
    }                                                                                              \
    static hone_status name##_dgrad(const struct hone_conv_job *job, struct hone_launch *launch) { \
        return hone_conv_coop(body, HONE_CONV_DGRAD, job, launch);                                 \
    }                                                                                              \
    static hone_status name##_wgrad(const struct hone_conv_job *job, struct hone_launch *launch) { \
        return hone_conv_coop(body, HONE_CONV_WGRAD, job, launch);                                 \
    }                                                                                              \
    static hone_status name##_setup(const struct hone_row_args *args,                              \
                                    struct hone_launch *launch) {                                  \
        static hone_conv_setup *const setups[] = {name##_fprop, name##_dgrad, name##_wgrad};       \
        return matmul_run(args, setups, launch);                                                   \
    }
ROW_COOP(matmul_f16, HONE_COOP_F16)
ROW_COOP(matmul_bf16, HONE_COOP_BF16)
ROW_COOP(matmul_emulated, HONE_COOP_EMULATED)
ROW_COOP(matmul2_f16, HONE_COOP2_F16)
ROW_COOP(matmul2_bf16, HONE_COOP2_BF16)
ROW_COOP(matmul2_emulated, HONE_COOP2_EMULATED)
#define COOP_FUNCTIONS(name) .fits = name##_fits, .setup = name##_setup, .tile = name##_tile

static const struct hone_op_row matmul_rows[] = {
    {.name = "coop2", .needs = HONE_COOP2_F16_NEEDS, COOP_FUNCTIONS(matmul2_f16)},
    {.name = "coop2_bf16", .needs = HONE_COOP2_BF16_NEEDS, COOP_FUNCTIONS(matmul2_bf16)},
    {.name = "coop2_emulated", .test_only = true, COOP_FUNCTIONS(matmul2_emulated)},
    {.name = "coop", .needs = HONE_COOP_F16_NEEDS, COOP_FUNCTIONS(matmul_f16)},
    {.name = "coop_bf16", .needs = HONE_COOP_BF16_NEEDS, COOP_FUNCTIONS(matmul_bf16)},
    {.name = "coop_emulated", .test_only = true, COOP_FUNCTIONS(matmul_emulated)},
    {.name = "wide",
     .needs = HONE_CONV_WIDE_NEEDS,
     .fits = matmul_fits_wide,
     .setup = matmul_wide,
     .tile = matmul_tile_wide},
    {.name = "cpu",
     .needs = HONE_CONV_CPU_NEEDS,
     .fits = matmul_fits_cpu,
     .setup = matmul_cpu,
     .tile = matmul_tile_cpu},
    {.name = "tiled", .fits = matmul_fits_tiled, .setup = matmul_tiled, .tile = matmul_tile},
    {.name = "plain", .setup = matmul_plain},
};

static const struct hone_field matmul_fields[] = {
    HONE_FIELD(hone_matmul_attrs, trans_a, HONE_FIELD_I32, 1),
    HONE_FIELD(hone_matmul_attrs, trans_b, HONE_FIELD_I32, 1),
    HONE_FIELD(hone_matmul_attrs, wide, HONE_FIELD_I32, 1),
    HONE_FIELD(hone_matmul_attrs, act.kind, HONE_FIELD_I32, 1),
    HONE_FIELD(hone_matmul_attrs, act.a, HONE_FIELD_F32, 1),
    HONE_FIELD(hone_matmul_attrs, act.b, HONE_FIELD_F32, 1),
};

const struct hone_op hone_op_matmul = {
    .name = "matmul",
    .inputs_min = 2,
    .inputs_max = 3,
    .outputs = 1,
    .flags = HONE_OP_COMPUTE,
    .attrs_bytes = sizeof(struct hone_matmul_attrs),
    .fields = matmul_fields,
    .field_count = sizeof matmul_fields / sizeof *matmul_fields,
    .infer = matmul_infer,
    .data_inputs = 3,
    .widen = matmul_widen,
    .grad = matmul_grad,
    .ref = matmul_ref,
    .cost = matmul_cost,
    .absorbs = matmul_absorbs,
    .absorb_count = 1,
    .rows = matmul_rows,
    .row_count = sizeof matmul_rows / sizeof *matmul_rows,
};
