// matmul_batch.c: products of a batch of matrices, y[g] = op(a[g]) op(b[g]); shapes in ops.h.
//
// A batch is a grouped 1x1 convolution whose groups lie one after the other (hone_conv_job.batch),
// so that the bodies of convolution run it, one group a step of the grid. They take a (M,K) and b
// (N,K): what is given the other way is turned in scratch memory first, which costs one part in M,
// N or K of the product.
#include "ops/common.h"
#include "ops/conv_parts.h"
#include "ops/copy.h"

struct batch {
    int64_t count, m, n, k;
};

static struct batch batch_of(const struct hone_infer_args *args) {
    const struct hone_batch_matmul_attrs *attrs = args->attrs;
    const struct hone_desc *a = &args->in[0], *b = &args->in[1];
    struct batch s = {.count = 1};
    for (int i = 0; i < a->rank - 2; i++) s.count *= a->dim[i];
    s.m = a->dim[a->rank - (attrs->trans_a ? 1 : 2)];
    s.k = a->dim[a->rank - (attrs->trans_a ? 2 : 1)];
    s.n = b->dim[b->rank - (attrs->trans_b ? 2 : 1)];
    return s;
}

static hone_status batch_matmul_infer(const struct hone_infer_args *args) {
    const struct hone_batch_matmul_attrs *attrs = args->attrs;
    HONE_TRY(hone_op_expect_f32(args, 0, "a", -1));
    HONE_TRY(hone_op_expect_f32(args, 1, "b", -1));
    const struct hone_desc *a = &args->in[0], *b = &args->in[1];
    bool same = a->rank >= 3 && a->rank == b->rank;
    for (int i = 0; same && i < a->rank - 2; i++) same = a->dim[i] == b->dim[i];
    if (!same) return hone_op_fail_dims("a and b are not batches of matrices of one shape", a, b);
    struct batch s = batch_of(args);
    if (b->dim[b->rank - (attrs->trans_b ? 1 : 2)] != s.k)
        return hone_op_fail_dims("the inner sizes of a and b differ", a, b);
    if (s.count * s.k > INT32_MAX || s.count * s.n > INT32_MAX)
        return hone_fail(HONE_UNSUPPORTED, "a batch of %lld matrices", (long long)s.count);
    int64_t dim[HONE_MAX_RANK] = {0};
    for (int i = 0; i < a->rank - 2; i++) dim[i] = a->dim[i];
    dim[a->rank - 2] = s.m;
    dim[a->rank - 1] = s.n;
    return hone_op_set(&args->out[0], HONE_F32, a->rank, dim);
}

static hone_value product(struct hone_graph *graph, hone_value a, int ta, hone_value b, int tb) {
    const struct hone_batch_matmul_attrs attrs = {.trans_a = ta, .trans_b = tb};
    return HONE_EMIT(graph, &hone_op_batch_matmul, NULL, &attrs, a, b);
}

static void batch_matmul_grad(struct hone_graph *graph, const struct hone_node *node,
                              const hone_value *dout, const bool *want, hone_value *din) {
    const struct hone_batch_matmul_attrs *attrs = node->attrs;
    bool ta = attrs->trans_a, tb = attrs->trans_b;
    hone_value a = node->inputs[0], b = node->inputs[1], d = dout[0];
    if (want[0]) din[0] = ta ? product(graph, b, tb, d, 1) : product(graph, d, 0, b, !tb);
    if (want[1]) din[1] = tb ? product(graph, d, 1, a, ta) : product(graph, a, !ta, d, 0);
}

static void batch_matmul_ref(const struct hone_ref_args *args) {
    const struct hone_batch_matmul_attrs *attrs = args->attrs;
    const struct hone_infer_args shapes = {attrs, 2, args->in_desc, NULL};
    struct batch s = batch_of(&shapes);
    int64_t a_row = attrs->trans_a ? 1 : s.k, a_step = attrs->trans_a ? s.m : 1;
    int64_t b_column = attrs->trans_b ? s.k : 1, b_step = attrs->trans_b ? 1 : s.n;
    for (int64_t g = 0; g < s.count; g++) {
        const double *a = args->in[0] + g * s.m * s.k, *b = args->in[1] + g * s.k * s.n;
        double *y = args->out[0] + g * s.m * s.n;
        for (int64_t m = 0; m < s.m; m++)
            for (int64_t n = 0; n < s.n; n++) {
                double sum = 0;
                for (int64_t k = 0; k < s.k; k++)
                    sum += a[m * a_row + k * a_step] * b[n * b_column + k * b_step];
                y[m * s.n + n] = sum;
            }
    }
}

static struct hone_cost batch_matmul_cost(const struct hone_infer_args *args) {
    struct batch s = batch_of(args);
    return (struct hone_cost){.flops =
                                  2.0 * (double)s.count * (double)s.m * (double)s.n * (double)s.k,
                              .bytes = hone_op_bytes(args, 1)};
}

// ---- Rows ----

static struct hone_conv_push push_of(const struct batch *s) {
    return (struct hone_conv_push){.n = 1,
                                   .h = 1,
                                   .w = (int32_t)s->m,
                                   .c = (int32_t)(s->count * s->k),
                                   .k = (int32_t)(s->count * s->n),
                                   .p = 1,
                                   .q = (int32_t)s->m,
                                   .r = 1,
                                   .s = 1,
                                   .stride_h = 1,
                                   .stride_w = 1,
                                   .dilation_h = 1,
                                   .dilation_w = 1,
                                   .groups = (int32_t)s->count};
}

// Turns `count` matrices of rows x columns in input `input` into scratch `index`.
static hone_status turn(struct hone_launch *launch, int input, int index, int64_t count,
                        int64_t rows, int64_t columns, struct hone_operand *out) {
    const int last = HONE_OP_AXES - 1;
    struct hone_op_copy copy = {0};
    for (int i = 0; i < HONE_OP_AXES; i++) copy.size[i] = 1;
    copy.size[last - 2] = (int32_t)count;
    copy.size[last - 1] = (int32_t)columns;
    copy.size[last] = (int32_t)rows;
    copy.from[last - 2] = copy.to[last - 2] = (int32_t)(rows * columns);
    copy.from[last - 1] = 1;
    copy.from[last] = (int32_t)columns;
    copy.to[last - 1] = (int32_t)rows;
    copy.to[last] = 1;
    launch->scratch_bytes[index] = 4 * (uint64_t)(count * rows * columns);
    struct hone_operand from = {.kind = HONE_OPERAND_INPUT, .index = (uint8_t)input};
    *out = (struct hone_operand){.kind = HONE_OPERAND_SCRATCH, .index = (uint8_t)index};
    return hone_op_copy_between(&copy, from, *out, false, launch);
}

static hone_status run(const struct hone_row_args *args, struct hone_launch *launch,
                       hone_conv_setup *setup) {
    const struct hone_batch_matmul_attrs *attrs = args->node->attrs;
    struct batch s = batch_of(args->node);
    struct hone_conv_job job = {
        .push = push_of(&s),
        .batch = true,
        .a = {.kind = HONE_OPERAND_INPUT, .index = 0},
        .b = {.kind = HONE_OPERAND_INPUT, .index = 1},
        .out = {.kind = HONE_OPERAND_OUTPUT, .index = 0},
        .caps = args->caps,
        .tile = args->tile,
    };
    // Scratch 0 is the body's.
    if (attrs->trans_a) HONE_TRY(turn(launch, 0, 1, s.count, s.k, s.m, &job.a));
    if (!attrs->trans_b) HONE_TRY(turn(launch, 1, 2, s.count, s.k, s.n, &job.b));
    return setup(&job, launch);
}

static bool fits_cpu(const struct hone_row_args *args) {
    struct batch s = batch_of(args->node);
    struct hone_conv_push push = push_of(&s);
    return hone_conv_fprop_fits_cpu(&push, args->caps);
}

static bool fits_wide(const struct hone_row_args *args) {
    struct batch s = batch_of(args->node);
    struct hone_conv_push push = push_of(&s);
    return hone_conv_fprop_fits_wide(&push, args->caps);
}

static bool fits_tiled(const struct hone_row_args *args) {
    struct batch s = batch_of(args->node);
    struct hone_conv_push push = push_of(&s);
    return hone_conv_fits_tiled(&push, HONE_CONV_FPROP, HONE_F32, args->caps);
}

static bool name_tile(const struct hone_row_args *args, int k, char name[HONE_TILE_NAME]) {
    struct batch s = batch_of(args->node);
    struct hone_conv_push push = push_of(&s);
    return hone_conv_tiled_name(&push, HONE_CONV_FPROP, args->caps, k, name);
}

static hone_status run_wide(const struct hone_row_args *args, struct hone_launch *launch) {
    return run(args, launch, hone_conv_fprop_wide);
}

static hone_status run_cpu(const struct hone_row_args *args, struct hone_launch *launch) {
    return run(args, launch, hone_conv_fprop_cpu);
}

static hone_status run_tiled(const struct hone_row_args *args, struct hone_launch *launch) {
    return run(args, launch, hone_conv_fprop_tiled);
}

static hone_status run_plain(const struct hone_row_args *args, struct hone_launch *launch) {
    return run(args, launch, hone_conv_fprop_plain);
}

static const struct hone_op_row rows[] = {
    {.name = "wide", .needs = HONE_CONV_WIDE_NEEDS, .fits = fits_wide, .setup = run_wide},
    {.name = "cpu", .needs = HONE_CONV_CPU_NEEDS, .fits = fits_cpu, .setup = run_cpu},
    {.name = "tiled", .fits = fits_tiled, .setup = run_tiled, .tile = name_tile},
    {.name = "plain", .setup = run_plain},
};

static const struct hone_field fields[] = {
    HONE_FIELD(hone_batch_matmul_attrs, trans_a, HONE_FIELD_I32, 1),
    HONE_FIELD(hone_batch_matmul_attrs, trans_b, HONE_FIELD_I32, 1),
};

const struct hone_op hone_op_batch_matmul = {
    .name = "batch_matmul",
    .inputs_min = 2,
    .inputs_max = 2,
    .outputs = 1,
    .attrs_bytes = sizeof(struct hone_batch_matmul_attrs),
    .fields = fields,
    .field_count = 2,
    .infer = batch_matmul_infer,
    .grad = batch_matmul_grad,
    .ref = batch_matmul_ref,
    .cost = batch_matmul_cost,
    .slices = hone_op_slices_all,
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
};
