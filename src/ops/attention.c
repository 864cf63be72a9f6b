// attention.c: scaled dot-product attention (Vaswani et al. 2017) without a matrix of N x M:
// weights are made again in the gradients from the logarithm of each row's sum (Dao et al. 2022).
//
//   attention(q, k, v) -> y, lse    s = scale q k^T, lse = log sum_j exp(s_j), y = exp(s - lse) v
//   attention(qkv) -> y, lse        the same of one tensor that holds the three side by side
//   attention_bwd(dy, y, lse, q, k, v) -> dq, dk, dv
//   attention_packed_bwd(dy, y, lse, qkv) -> dqkv
//
//   q, y, dy (B,N,H,D)   k, v (B,M,H,D)   qkv (B,N,3,H,D)   lse (B,H,N) f32
//
// An invocation owns a row and walks the rows of the other side: the gradients of q, of k and of v
// are three passes of one kernel, in a fixed order of sums and without atomics. Where matrices are
// multiplied in hardware, a subgroup owns the rows of one (attention_coop.h).
#include "ops/attention_coop.h"
#include "ops/common.h"
#include "ops/conv_launch.h"

#include <math.h>
#include <stdio.h>

enum { HEAD_MOST = 256, CPU_HEAD_MOST = 128, SHARED_BYTES = 16384, GROUP = 64 };
// What a lane's registers hold without spills on RADV, NVK and ANV where the row is shared: one row
// of the result and one of the query forward, three rows backward. Longer heads read plainly.
enum { SHARED_HEAD_MOST = 32, SHARED_HEAD_MOST_BWD = 16 };

// of inputs first.. of a node.
static struct hone_attention_shape shape_of(const struct hone_desc *in, int count, int first) {
    const struct hone_desc *q = &in[first];
    struct hone_attention_shape s = {.packed = count == first + 1};
    s.batch = q->dim[0];
    s.queries = q->dim[1];
    s.keys = s.packed ? s.queries : in[first + 1].dim[1];
    s.heads = q->dim[q->rank - 2];
    s.width = q->dim[q->rank - 1];
    int64_t token = s.heads * s.width;
    for (int i = 0; i < 3; i++)
        s.part[i] = s.packed ? (struct hone_attention_part){first, 3 * token, i * token}
                             : (struct hone_attention_part){first + i, token, 0};
    return s;
}

static hone_status expect_parts(const struct hone_infer_args *args, int first) {
    static const char *const names[] = {"q", "k", "v"};
    const struct hone_attention_attrs *attrs = args->attrs;
    if (!(attrs->scale > 0))
        return hone_fail(HONE_INVALID, "scale is %g; it must be above 0", (double)attrs->scale);
    const struct hone_desc *in = args->in;
    if (args->input_count == first + 1) {
        HONE_TRY(hone_op_expect_data(args, first, "qkv", 5));
        HONE_TRY(hone_op_expect_dim(args, first, "qkv", 2, 3, "query, key and value"));
    } else {
        if (args->input_count != first + 3)
            return hone_fail(HONE_INVALID, "q without k and v, or all in one tensor");
        for (int i = 0; i < 3; i++) HONE_TRY(hone_op_expect_data(args, first + i, names[i], 4));
        for (int i = 1; i < 3; i++) {
            HONE_TRY(hone_op_expect_one_dtype(args, first + i, names[i], first, "q"));
            for (int axis = 0; axis < 4; axis++)
                HONE_TRY(hone_op_expect_dim(args, first + i, names[i], axis,
                                            in[first + (axis == 1 ? 1 : 0)].dim[axis],
                                            axis == 1 ? "the keys" : "as in q"));
        }
    }
    struct hone_attention_shape s = shape_of(in, args->input_count, first);
    if (s.width > HEAD_MOST)
        return hone_fail(HONE_UNSUPPORTED, "heads of %lld numbers; at most %d", (long long)s.width,
                         HEAD_MOST);
    return HONE_OK;
}

static struct hone_desc y_of(const struct hone_attention_shape *s, enum hone_dtype dtype) {
    return hone_desc_make(dtype, 4, (int32_t)s->batch, (int32_t)s->queries, (int32_t)s->heads,
                          (int32_t)s->width);
}

static struct hone_desc lse_of(const struct hone_attention_shape *s) {
    return hone_desc_make(HONE_F32, 3, (int32_t)s->batch, (int32_t)s->heads, (int32_t)s->queries,
                          0);
}

static const struct hone_field fields[] = {
    HONE_FIELD(hone_attention_attrs, scale, HONE_FIELD_F32, 1),
};

// ---- The reference ----

// Row `row` of part i of head `head`.
static const double *row_of(const struct hone_ref_args *args, const struct hone_attention_shape *s,
                            int i, int64_t picture, int64_t head, int64_t row) {
    const struct hone_attention_part *part = &s->part[i];
    int64_t rows = i == 0 ? s->queries : s->keys;
    return args->in[part->input] + (picture * rows + row) * part->stride + part->offset +
           head * s->width;
}

static double dot(const double *a, const double *b, int64_t count) {
    double sum = 0;
    for (int64_t d = 0; d < count; d++) sum += a[d] * b[d];
    return sum;
}

static void forward_row(const struct hone_ref_args *args, const struct hone_attention_shape *s,
                        int64_t z, int64_t h, int64_t i) {
    double scale = (double)((const struct hone_attention_attrs *)args->attrs)->scale;
    const double *q = row_of(args, s, 0, z, h, i);
    double top = -INFINITY, sum = 0;
    double *y = args->out[0] + ((z * s->queries + i) * s->heads + h) * s->width;
    for (int64_t j = 0; j < s->keys; j++)
        top = fmax(top, scale * dot(q, row_of(args, s, 1, z, h, j), s->width));
    for (int64_t d = 0; d < s->width; d++) y[d] = 0;
    for (int64_t j = 0; j < s->keys; j++) {
        double p = exp(scale * dot(q, row_of(args, s, 1, z, h, j), s->width) - top);
        const double *v = row_of(args, s, 2, z, h, j);
        for (int64_t d = 0; d < s->width; d++) y[d] += p * v[d];
        sum += p;
    }
    for (int64_t d = 0; d < s->width; d++) y[d] /= sum;
    args->out[1][(z * s->heads + h) * s->queries + i] = top + log(sum);
}

static void attention_ref(const struct hone_ref_args *args) {
    struct hone_attention_shape s = shape_of(args->in_desc, args->input_count, 0);
    for (int64_t z = 0; z < s.batch; z++)
        for (int64_t h = 0; h < s.heads; h++)
            for (int64_t i = 0; i < s.queries; i++) forward_row(args, &s, z, h, i);
}

// The row of the gradient of part i.
static double *gradient_row(const struct hone_ref_args *args, const struct hone_attention_shape *s,
                            int i, int64_t z, int64_t h, int64_t row) {
    int64_t rows = i == 0 ? s->queries : s->keys;
    return args->out[s->packed ? 0 : i] + (z * rows + row) * s->part[i].stride + s->part[i].offset +
           h * s->width;
}

static void backward_row(const struct hone_ref_args *args, const struct hone_attention_shape *s,
                         int64_t z, int64_t h, int64_t i) {
    double scale = (double)((const struct hone_attention_attrs *)args->attrs)->scale;
    int64_t token = ((z * s->queries + i) * s->heads + h) * s->width;
    const double *dy = args->in[0] + token, *q = row_of(args, s, 0, z, h, i);
    double delta = dot(dy, args->in[1] + token, s->width);
    double lse = args->in[2][(z * s->heads + h) * s->queries + i];
    double *dq = gradient_row(args, s, 0, z, h, i);
    for (int64_t j = 0; j < s->keys; j++) {
        const double *k = row_of(args, s, 1, z, h, j), *v = row_of(args, s, 2, z, h, j);
        double *dk = gradient_row(args, s, 1, z, h, j), *dv = gradient_row(args, s, 2, z, h, j);
        double p = exp(scale * dot(q, k, s->width) - lse);
        double ds = scale * p * (dot(dy, v, s->width) - delta);
        for (int64_t d = 0; d < s->width; d++) {
            dq[d] += ds * k[d];
            dk[d] += ds * q[d];
            dv[d] += p * dy[d];
        }
    }
}

static void attention_bwd_ref(const struct hone_ref_args *args) {
    struct hone_attention_shape s = shape_of(args->in_desc, args->input_count, 3);
    for (int o = 0; o < (s.packed ? 1 : 3); o++) {
        int64_t count = hone_desc_elements(&args->out_desc[o]);
        for (int64_t e = 0; e < count; e++) args->out[o][e] = 0;
    }
    for (int64_t z = 0; z < s.batch; z++)
        for (int64_t h = 0; h < s.heads; h++)
            for (int64_t i = 0; i < s.queries; i++) backward_row(args, &s, z, h, i);
}

// ---- Launches ----

// MODE_COOP and enum hone_coop_body: on cooperative matrices.
enum mode { MODE_PLAIN, MODE_SHARED, MODE_CPU, MODE_COOP };

static struct hone_attention_side part_side(const struct hone_attention_shape *s, int i) {
    return (struct hone_attention_side){
        {.kind = HONE_OPERAND_INPUT, .index = (uint8_t)s->part[i].input},
        s->part[i].stride,
        s->part[i].offset};
}

static struct hone_attention_side plain_side(const struct hone_attention_shape *s,
                                             enum hone_operand_kind kind, int index) {
    return (struct hone_attention_side){
        {.kind = kind, .index = (uint8_t)index}, s->heads * s->width, 0};
}

static hone_status add_pass(const struct hone_row_args *args, struct hone_launch *launch,
                            const struct hone_attention_shape *s, enum mode mode,
                            const struct hone_attention_pass *pass) {
    static const char *const modes[] = {"attention_plain", "attention_shared", "attention_cpu"};
    if (mode >= MODE_COOP)
        return hone_attention_coop((enum hone_coop_body)(mode - MODE_COOP), args, launch, s, pass);
    enum hone_dtype dtype = args->node->in[0].dtype;
    char base[HONE_OP_KERNEL_NAME], name[HONE_OP_KERNEL_NAME];
    uint32_t width = hone_op_width_for(dtype, s->width % 4 == 0 ? 4 : 1);
    snprintf(base, sizeof base, "%s%d", modes[mode], (int)pass->way);
    struct hone_dispatch *d = hone_launch_add(launch, hone_op_kernel_for(base, dtype, width, name));
    if (!d) return HONE_INTERNAL;
    uint32_t numbers = (uint32_t)s->width / width, lanes = args->caps->subgroup_size;
    uint32_t tile = mode == MODE_CPU ? lanes : SHARED_BYTES / (32 * numbers);
    uint32_t group = mode == MODE_CPU      ? lanes
                     : mode == MODE_SHARED ? GROUP
                                           : hone_op_group(args->caps);
    hone_dispatch_spec(d, group);
    hone_dispatch_spec(d, numbers);
    hone_dispatch_spec(d, tile < 32 ? tile : 32);
    if (mode == MODE_CPU) {
        hone_dispatch_spec(d, args->caps->fast_broadcast);
        d->subgroup = lanes;
    }
    hone_attention_bind(d, s, pass, group, width,
                        ((const struct hone_attention_attrs *)args->node->attrs)->scale);
    return HONE_OK;
}

static hone_status forward(const struct hone_row_args *args, struct hone_launch *launch,
                           enum mode mode) {
    struct hone_attention_shape s = shape_of(args->node->in, args->node->input_count, 0);
    const struct hone_operand lse = {.kind = HONE_OPERAND_OUTPUT, .index = 1};
    struct hone_attention_side q = part_side(&s, 0), k = part_side(&s, 1), v = part_side(&s, 2);
    const struct hone_attention_pass pass = {.way = HONE_ATTENTION_Y,
                                             .a = q,
                                             .b = q,
                                             .p = k,
                                             .q = v,
                                             .out = plain_side(&s, HONE_OPERAND_OUTPUT, 0),
                                             .lse = lse,
                                             .delta = q.operand};
    return add_pass(args, launch, &s, mode, &pass);
}

static hone_status add_delta(const struct hone_row_args *args, struct hone_launch *launch,
                             const struct hone_attention_shape *s) {
    char name[HONE_OP_KERNEL_NAME];
    enum hone_dtype dtype = args->node->in[0].dtype;
    uint32_t width = hone_op_width_for(dtype, s->width % 4 == 0 ? 4 : 1);
    uint32_t count = (uint32_t)(s->batch * s->heads * s->queries);
    hone_op_kernel_for("attention_delta", dtype, width, name);
    struct hone_dispatch *d = hone_op_linear(launch, name, count);
    if (!d) return HONE_INTERNAL;
    const uint32_t push[] = {count, (uint32_t)s->queries, (uint32_t)s->heads,
                             (uint32_t)s->width / width};
    hone_dispatch_push(d, push, sizeof push);
    hone_dispatch_in(d, 0);
    hone_dispatch_in(d, 1);
    hone_dispatch_scratch(d, 0);
    launch->scratch_bytes[0] = count * sizeof(float);
    return HONE_OK;
}

static hone_status backward(const struct hone_row_args *args, struct hone_launch *launch,
                            enum mode mode) {
    struct hone_attention_shape s = shape_of(args->node->in, args->node->input_count, 3);
    struct hone_attention_side q = part_side(&s, 0), k = part_side(&s, 1), v = part_side(&s, 2);
    struct hone_attention_side dy = plain_side(&s, HONE_OPERAND_INPUT, 0), out[3];
    for (int i = 0; i < 3; i++) {
        out[i] = part_side(&s, i);
        out[i].operand = (struct hone_operand){.kind = HONE_OPERAND_OUTPUT,
                                               .index = (uint8_t)(s.packed ? 0 : i)};
    }
    const struct hone_operand lse = {.kind = HONE_OPERAND_INPUT, .index = 2},
                              delta = {.kind = HONE_OPERAND_SCRATCH, .index = 0};
    const struct hone_attention_pass passes[] = {
        {HONE_ATTENTION_DQ, q, dy, k, v, out[0], lse, delta},
        {HONE_ATTENTION_DK, k, v, q, dy, out[1], lse, delta},
        {HONE_ATTENTION_DV, k, k, q, dy, out[2], lse, delta},
    };
    HONE_TRY(add_delta(args, launch, &s));
    for (int i = 0; i < 3; i++) HONE_TRY(add_pass(args, launch, &s, mode, &passes[i]));
    return HONE_OK;
}

static bool fits_fours(const struct hone_row_args *args, int64_t most) {
    const struct hone_desc *q = &args->node->in[args->node->input_count - 1];
    int32_t width = q->dim[q->rank - 1];
    return width % 4 == 0 && width <= most;
}

static bool fits_cpu(const struct hone_row_args *args) {
    uint32_t lanes = args->caps->subgroup_size;
    return (lanes == 4 || lanes == 8 || lanes == 16) && fits_fours(args, CPU_HEAD_MOST) &&
           args->node->in[0].dtype == HONE_F32;
}

static bool fits_shared(const struct hone_row_args *args, int64_t most) {
    return fits_fours(args, most) && args->caps->workgroup_invocations >= GROUP;
}
static bool forward_fits_shared(const struct hone_row_args *args) {
    return fits_shared(args, SHARED_HEAD_MOST);
}
static bool backward_fits_shared(const struct hone_row_args *args) {
    return fits_shared(args, SHARED_HEAD_MOST_BWD);
}

// The rows of one kind: first is the input that q is.
#define COOP(way, first, body)                                                                     \
    static bool way##_##body##_fits(const struct hone_row_args *args) {                            \
        struct hone_attention_shape s = shape_of(args->node->in, args->node->input_count, first);  \
        return hone_attention_coop_fits(HONE_##body, args, &s, first);                             \
    }                                                                                              \
    static bool way##_##body##_tile(const struct hone_row_args *args, int k,                       \
                                    char name[HONE_TILE_NAME]) {                                   \
        struct hone_attention_shape s = shape_of(args->node->in, args->node->input_count, first);  \
        return hone_attention_coop_tile(HONE_##body, args, &s, first, k, name);                    \
    }                                                                                              \
    static hone_status way##_##body(const struct hone_row_args *args,                              \
                                    struct hone_launch *launch) {                                  \
        return way(args, launch, MODE_COOP + HONE_##body);                                         \
    }
#define COOP_FUNCTIONS(row) .fits = row##_fits, .setup = row, .tile = row##_tile
#define ROWS(way, first)                                                                           \
    COOP(way, first, COOP_F16)                                                                     \
    COOP(way, first, COOP_BF16)                                                                    \
    COOP(way, first, COOP_EMULATED)                                                                \
    static hone_status way##_cpu(const struct hone_row_args *args, struct hone_launch *launch) {   \
        return way(args, launch, MODE_CPU);                                                        \
    }                                                                                              \
    static hone_status way##_shared(const struct hone_row_args *args,                              \
                                    struct hone_launch *launch) {                                  \
        return way(args, launch, MODE_SHARED);                                                     \
    }                                                                                              \
    static hone_status way##_plain(const struct hone_row_args *args, struct hone_launch *launch) { \
        return way(args, launch, MODE_PLAIN);                                                      \
    }                                                                                              \
    static const struct hone_op_row way##_rows[] = {                                               \
        {.name = "coop", .needs = HONE_COOP_F16_NEEDS, COOP_FUNCTIONS(way##_COOP_F16)},            \
        {.name = "coop_bf16", .needs = HONE_COOP_BF16_NEEDS, COOP_FUNCTIONS(way##_COOP_BF16)},     \
        {.name = "coop_emulated", .test_only = true, COOP_FUNCTIONS(way##_COOP_EMULATED)},         \
        {.name = "cpu", .needs = HONE_CONV_CPU_NEEDS, .fits = fits_cpu, .setup = way##_cpu},       \
        {.name = "shared", .fits = way##_fits_shared, .setup = way##_shared},                      \
        {.name = "plain", .setup = way##_plain},                                                   \
    };
ROWS(forward, 0)
ROWS(backward, 3)
enum { ROW_COUNT = sizeof forward_rows / sizeof *forward_rows };

// ---- attention([q, k, v] or [qkv]) -> y, lse ----

static hone_status attention_infer(const struct hone_infer_args *args) {
    HONE_TRY(expect_parts(args, 0));
    struct hone_attention_shape s = shape_of(args->in, args->input_count, 0);
    args->out[0] = y_of(&s, args->in[0].dtype);
    args->out[1] = lse_of(&s);
    return hone_desc_valid(&args->out[0]) ? HONE_OK : hone_fail(HONE_INVALID, "it is too large");
}

static void attention_grad(struct hone_graph *graph, const struct hone_node *node,
                           const hone_value *dout, const bool *want, hone_value *din) {
    if (dout[0] == HONE_NO_VALUE) return;
    hone_value in[6] = {dout[0], node->outputs[0], node->outputs[1]}, out[3];
    for (int i = 0; i < node->input_count; i++) in[3 + i] = node->inputs[i];
    hone_graph_node(graph,
                    node->input_count == 1 ? &hone_op_attention_packed_bwd : &hone_op_attention_bwd,
                    NULL, node->attrs, in, 3 + node->input_count, out);
    for (int i = 0; i < node->input_count; i++)
        if (want[i]) din[i] = out[i];
}

static struct hone_cost cost_of(const struct hone_infer_args *args, int first, int outputs,
                                double products) {
    struct hone_attention_shape s = shape_of(args->in, args->input_count, first);
    double pairs = (double)(s.batch * s.heads) * (double)s.queries * (double)s.keys;
    return (struct hone_cost){.flops = products * 2 * pairs * (double)s.width,
                              .bytes = hone_op_bytes(args, outputs)};
}

static struct hone_cost attention_cost(const struct hone_infer_args *args) {
    return cost_of(args, 0, 2, 2);
}

const struct hone_op hone_op_attention = {
    .name = "attention",
    .inputs_min = 1,
    .inputs_max = 3,
    .outputs = 2,
    .flags = HONE_OP_COMPUTE,
    .attrs_bytes = sizeof(struct hone_attention_attrs),
    .fields = fields,
    .field_count = 1,
    .infer = attention_infer,
    .data_inputs = 7,
    .grad = attention_grad,
    .ref = attention_ref,
    .cost = attention_cost,
    .slices = hone_op_slices_all,
    .rows = forward_rows,
    .row_count = ROW_COUNT,
};

// ---- The gradients ----

static hone_status expect_gradient(const struct hone_infer_args *args) {
    HONE_TRY(expect_parts(args, 3));
    struct hone_attention_shape s = shape_of(args->in, args->input_count, 3);
    const struct hone_desc y = y_of(&s, args->in[3].dtype), lse = lse_of(&s);
    HONE_TRY(hone_op_expect_data(args, 0, "dy", 4));
    HONE_TRY(hone_op_expect_same(args, 1, "y", 0, "dy"));
    HONE_TRY(hone_op_expect_f32(args, 2, "lse", 3));
    if (!hone_desc_equal(&args->in[0], &y)) return hone_op_fail_dims("not dy", &args->in[0], &y);
    if (!hone_desc_equal(&args->in[2], &lse))
        return hone_op_fail_dims("not lse", &args->in[2], &lse);
    return HONE_OK;
}

static hone_status attention_bwd_infer(const struct hone_infer_args *args) {
    HONE_TRY(expect_gradient(args));
    for (int i = 0; i < 3; i++) args->out[i] = args->in[3 + i];
    return HONE_OK;
}

static hone_status attention_packed_bwd_infer(const struct hone_infer_args *args) {
    HONE_TRY(expect_gradient(args));
    args->out[0] = args->in[3];
    return HONE_OK;
}

static struct hone_cost attention_bwd_cost(const struct hone_infer_args *args) {
    return cost_of(args, 3, 3, 5);
}

static struct hone_cost attention_packed_bwd_cost(const struct hone_infer_args *args) {
    return cost_of(args, 3, 1, 5);
}

#define GRADIENT(name_, inputs, outputs_)                                                          \
    const struct hone_op hone_op_##name_ = {                                                       \
        .name = #name_,                                                                            \
        .inputs_min = inputs,                                                                      \
        .inputs_max = inputs,                                                                      \
        .outputs = outputs_,                                                                       \
        .flags = HONE_OP_NO_GRAD | HONE_OP_COMPUTE,                                                \
        .attrs_bytes = sizeof(struct hone_attention_attrs),                                        \
        .fields = fields,                                                                          \
        .field_count = 1,                                                                          \
        .infer = name_##_infer,                                                                    \
        .data_inputs = 3 | 7 << 3,                                                                 \
        .ref = attention_bwd_ref,                                                                  \
        .cost = name_##_cost,                                                                      \
        .slices = hone_op_slices_all,                                                              \
        .rows = backward_rows,                                                                     \
        .row_count = ROW_COUNT,                                                                    \
    };
GRADIENT(attention_bwd, 6, 3)
GRADIENT(attention_packed_bwd, 4, 1)
