// attention.c: scaled dot-product attention (Vaswani et al. 2017) without a matrix of N x M:
// weights are made again in the gradients from the logarithm of each row's sum (Dao et al. 2022).
//
//   attention(q, k, v, [bias]) -> y, lse      s = scale q k^T + bias, lse = log sum_j exp(s_j),
//                                             y = exp(s - lse) v
//   attention(qkv, -, -, [bias]) -> y, lse    the same of one tensor that holds the three
//   attention_bwd(dy, y, lse, q, k, v, [bias]) -> dq, dk, dv
//   attention_packed_bwd(dy, y, lse, qkv, [bias]) -> dqkv
//
//   q (B,N,H,D)   k (B,M,H,D)   v (B,M,H,DV)   y, dy (B,N,H,DV)   qkv (B,N,3,H,D)   lse (B,H,N) f32
//   bias ([P],H,N,M) f32, of picture b % P
//
// An invocation owns a row and walks the rows of the other side: the gradients of q, of k and of v
// are three passes of one kernel, in a fixed order of sums and without atomics. Where matrices are
// multiplied in hardware, a subgroup owns the rows of one (attention_coop.h). The gradient of the
// bias is an operator of its own (attention_bias.c).
#include "ops/attention_coop.h"
#include "ops/conv_launch.h"

#include <math.h>
#include <stdio.h>

// What a lane's registers hold without spills on RADV, NVK and ANV: where the row is shared, one
// row of the result and one of the query forward, three rows backward. Longer heads read plainly,
// and make a part of a row.
enum { SHARED_HEAD_MOST = 32, SHARED_HEAD_MOST_BWD = 16, CPU_HEAD_MOST = 128, PART_MOST = 64 };

static const struct hone_field fields[] = {
    HONE_FIELD(hone_attention_attrs, scale, HONE_FIELD_F32, 1),
};

// ---- The reference ----

static void forward_row(const struct hone_ref_args *args, const struct hone_attention_shape *s,
                        struct hone_attention_pair at) {
    double top = -INFINITY, sum = 0;
    double *y = args->out[0] + hone_attention_token(s, &at);
    for (at.key = 0; at.key < s->keys; at.key++)
        top = fmax(top, hone_attention_score(args, s, &at));
    for (int64_t d = 0; d < s->value_width; d++) y[d] = 0;
    for (at.key = 0; at.key < s->keys; at.key++) {
        double p = exp(hone_attention_score(args, s, &at) - top);
        const double *v = hone_attention_row(args, s, 2, &at);
        for (int64_t d = 0; d < s->value_width; d++) y[d] += p * v[d];
        sum += p;
    }
    for (int64_t d = 0; d < s->value_width; d++) y[d] /= sum;
    args->out[1][hone_attention_line(s, &at)] = top + log(sum);
}

// `row` for every query.
static void for_rows(const struct hone_ref_args *args, const struct hone_attention_shape *s,
                     void (*row)(const struct hone_ref_args *, const struct hone_attention_shape *,
                                 struct hone_attention_pair)) {
    for (int64_t z = 0; z < s->batch; z++)
        for (int64_t h = 0; h < s->heads; h++)
            for (int64_t i = 0; i < s->queries; i++)
                row(args, s, (struct hone_attention_pair){z, h, i, 0});
}

static void attention_ref(const struct hone_ref_args *args) {
    struct hone_attention_shape s = hone_attention_shape_of(args->in_desc, args->input_count, 0);
    for_rows(args, &s, forward_row);
}

// The row of the gradient of part i.
static double *gradient_row(const struct hone_ref_args *args, const struct hone_attention_shape *s,
                            int i, const struct hone_attention_pair *at) {
    return args->out[s->packed ? 0 : i] +
           (hone_attention_row(args, s, i, at) - args->in[s->part[i].input]);
}

static void backward_row(const struct hone_ref_args *args, const struct hone_attention_shape *s,
                         struct hone_attention_pair at) {
    double scale = (double)((const struct hone_attention_attrs *)args->attrs)->scale;
    const double *dy = args->in[0] + hone_attention_token(s, &at);
    const double *q = hone_attention_row(args, s, 0, &at);
    double *dq = gradient_row(args, s, 0, &at);
    for (at.key = 0; at.key < s->keys; at.key++) {
        const double *k = hone_attention_row(args, s, 1, &at);
        double *dk = gradient_row(args, s, 1, &at), *dv = gradient_row(args, s, 2, &at);
        double ds, p = hone_attention_weight(args, s, &at, &ds);
        for (int64_t d = 0; d < s->width; d++) {
            dq[d] += scale * ds * k[d];
            dk[d] += scale * ds * q[d];
        }
        for (int64_t d = 0; d < s->value_width; d++) dv[d] += p * dy[d];
    }
}

static void attention_bwd_ref(const struct hone_ref_args *args) {
    struct hone_attention_shape s = hone_attention_shape_of(args->in_desc, args->input_count, 3);
    for (int o = 0; o < (s.packed ? 1 : 3); o++) {
        int64_t count = hone_desc_elements(&args->out_desc[o]);
        for (int64_t e = 0; e < count; e++) args->out[o][e] = 0;
    }
    for_rows(args, &s, backward_row);
}

// ---- Launches ----

// Numbers of a result that an invocation makes, of `count` in a head.
static int64_t part_of(int64_t count, uint32_t width, enum hone_attention_mode mode) {
    if (mode != HONE_ATTENTION_PLAIN) return count;
    int64_t parts = 1;
    while (count / parts > PART_MOST || count % (parts * width)) parts++;
    return count / parts;
}

static hone_status add_pass(const struct hone_row_args *args, struct hone_launch *launch,
                            const struct hone_attention_shape *s, enum hone_attention_mode mode,
                            const struct hone_attention_pass *pass) {
    static const char *const modes[] = {"attention_plain", "attention_shared", "attention_cpu"};
    if (mode >= HONE_ATTENTION_COOP)
        return hone_attention_coop((enum hone_coop_body)(mode - HONE_ATTENTION_COOP), args, launch,
                                   s, pass);
    char kernel[HONE_OP_KERNEL_NAME];
    snprintf(kernel, sizeof kernel, "%s%d", modes[mode], (int)pass->way);
    uint32_t width = hone_attention_vector(s, args->node->in[0].dtype), tile = 32, group;
    int64_t made = hone_attention_made(s, pass->way), part = part_of(made, width, mode);
    struct hone_dispatch *d = hone_attention_add(args, launch, s, mode, kernel, &tile, &group);
    if (!d) return HONE_INTERNAL;
    hone_dispatch_spec(d, (uint32_t)(part / width));
    hone_dispatch_spec(d, s->bias >= 0);
    hone_attention_spec_last(args, d, mode);
    hone_attention_bind(d, s, pass, group, width,
                        ((const struct hone_attention_attrs *)args->node->attrs)->scale);
    bool by_keys = pass->way == HONE_ATTENTION_DK || pass->way == HONE_ATTENTION_DV;
    const uint32_t bias[] = {(uint32_t)s->period, by_keys ? 1 : (uint32_t)s->keys,
                             by_keys ? (uint32_t)s->keys : 1};
    hone_dispatch_push(d, bias, sizeof bias);
    hone_dispatch_in(d, s->bias >= 0 ? s->bias : pass->a.operand.index);
    d->grid[1] *= (uint32_t)(made / part);
    return HONE_OK;
}

static hone_status forward(const struct hone_row_args *args, struct hone_launch *launch,
                           enum hone_attention_mode mode) {
    struct hone_attention_shape s =
        hone_attention_shape_of(args->node->in, args->node->input_count, 0);
    const struct hone_attention_side q = hone_attention_part_side(&s, 0);
    const struct hone_attention_pass pass = {
        .way = HONE_ATTENTION_Y,
        .a = q,
        .b = q,
        .p = hone_attention_part_side(&s, 1),
        .q = hone_attention_part_side(&s, 2),
        .out = hone_attention_plain_side(&s, HONE_OPERAND_OUTPUT, 0),
        .lse = {.kind = HONE_OPERAND_OUTPUT, .index = 1},
        .delta = q.operand};
    return add_pass(args, launch, &s, mode, &pass);
}

static hone_status backward(const struct hone_row_args *args, struct hone_launch *launch,
                            enum hone_attention_mode mode) {
    struct hone_attention_shape s =
        hone_attention_shape_of(args->node->in, args->node->input_count, 3);
    struct hone_attention_side in[3], out[3];
    for (int i = 0; i < 3; i++) {
        in[i] = out[i] = hone_attention_part_side(&s, i);
        out[i].operand = (struct hone_operand){.kind = HONE_OPERAND_OUTPUT,
                                               .index = (uint8_t)(s.packed ? 0 : i)};
    }
    const struct hone_attention_side q = in[0], k = in[1], v = in[2];
    const struct hone_attention_side dy = hone_attention_plain_side(&s, HONE_OPERAND_INPUT, 0);
    const struct hone_operand lse = {.kind = HONE_OPERAND_INPUT, .index = 2},
                              delta = {.kind = HONE_OPERAND_SCRATCH, .index = 0};
    const struct hone_attention_pass passes[] = {
        {HONE_ATTENTION_DQ, q, dy, k, v, out[0], lse, delta},
        {HONE_ATTENTION_DK, k, v, q, dy, out[1], lse, delta},
        {HONE_ATTENTION_DV, k, k, q, dy, out[2], lse, delta},
    };
    HONE_TRY(hone_attention_add_delta(args, launch, &s));
    for (int i = 0; i < 3; i++) HONE_TRY(add_pass(args, launch, &s, mode, &passes[i]));
    return HONE_OK;
}

// The rows of one kind: `first` is the input that q is, `most` the longest heads in shared memory.
#define COOP(way, first, body)                                                                     \
    static bool way##_##body##_fits(const struct hone_row_args *args) {                            \
        struct hone_attention_shape s =                                                            \
            hone_attention_shape_of(args->node->in, args->node->input_count, first);               \
        return hone_attention_coop_fits(HONE_##body, args, &s, first);                             \
    }                                                                                              \
    static bool way##_##body##_tile(const struct hone_row_args *args, int k,                       \
                                    char name[HONE_TILE_NAME]) {                                   \
        struct hone_attention_shape s =                                                            \
            hone_attention_shape_of(args->node->in, args->node->input_count, first);               \
        return hone_attention_coop_tile(HONE_##body, args, &s, first, k, name);                    \
    }                                                                                              \
    static hone_status way##_##body(const struct hone_row_args *args,                              \
                                    struct hone_launch *launch) {                                  \
        return way(args, launch, HONE_ATTENTION_COOP + HONE_##body);                               \
    }
#define COOP_FUNCTIONS(row) .fits = row##_fits, .setup = row, .tile = row##_tile
#define ROWS(way, first, most)                                                                     \
    COOP(way, first, COOP_F16)                                                                     \
    COOP(way, first, COOP_BF16)                                                                    \
    COOP(way, first, COOP_EMULATED)                                                                \
    static hone_status way##_cpu(const struct hone_row_args *args, struct hone_launch *launch) {   \
        return way(args, launch, HONE_ATTENTION_CPU);                                              \
    }                                                                                              \
    static hone_status way##_shared(const struct hone_row_args *args,                              \
                                    struct hone_launch *launch) {                                  \
        return way(args, launch, HONE_ATTENTION_SHARED);                                           \
    }                                                                                              \
    static hone_status way##_plain(const struct hone_row_args *args, struct hone_launch *launch) { \
        return way(args, launch, HONE_ATTENTION_PLAIN);                                            \
    }                                                                                              \
    static bool way##_fits_cpu(const struct hone_row_args *args) {                                 \
        return hone_attention_fits(args, first, HONE_ATTENTION_CPU, CPU_HEAD_MOST);                \
    }                                                                                              \
    static bool way##_fits_shared(const struct hone_row_args *args) {                              \
        return hone_attention_fits(args, first, HONE_ATTENTION_SHARED, most);                      \
    }                                                                                              \
    static const struct hone_op_row way##_rows[] = {                                               \
        {.name = "coop", .needs = HONE_COOP_F16_NEEDS, COOP_FUNCTIONS(way##_COOP_F16)},            \
        {.name = "coop_bf16", .needs = HONE_COOP_BF16_NEEDS, COOP_FUNCTIONS(way##_COOP_BF16)},     \
        {.name = "coop_emulated", .test_only = true, COOP_FUNCTIONS(way##_COOP_EMULATED)},         \
        {.name = "cpu", .needs = HONE_CONV_CPU_NEEDS, .fits = way##_fits_cpu, .setup = way##_cpu}, \
        {.name = "shared", .fits = way##_fits_shared, .setup = way##_shared},                      \
        {.name = "plain", .setup = way##_plain},                                                   \
    };
ROWS(forward, 0, SHARED_HEAD_MOST)
ROWS(backward, 3, SHARED_HEAD_MOST_BWD)
enum { ROW_COUNT = sizeof forward_rows / sizeof *forward_rows };

// The bias is taken whole: parts begin where it does (slice_step).
static bool slices_at(const struct hone_infer_args *args, int first, uint32_t *inputs,
                      uint32_t *outputs) {
    struct hone_attention_shape s = hone_attention_shape_of(args->in, args->input_count, first);
    *outputs = ~0u;
    *inputs = s.bias < 0 ? ~0u : ~(1u << s.bias);
    return true;
}

// ---- attention(q or qkv, [k], [v], [bias]) -> y, lse ----

static hone_status attention_infer(const struct hone_infer_args *args) {
    HONE_TRY(hone_attention_expect(args, 0));
    struct hone_attention_shape s = hone_attention_shape_of(args->in, args->input_count, 0);
    args->out[0] = hone_attention_y(&s, args->in[0].dtype);
    args->out[1] = hone_attention_lse(&s);
    return hone_desc_valid(&args->out[0]) ? HONE_OK : hone_fail(HONE_INVALID, "it is too large");
}

static void attention_grad(struct hone_graph *graph, const struct hone_node *node,
                           const hone_value *dout, const bool *want, hone_value *din) {
    if (dout[0] == HONE_NO_VALUE) return;
    enum { BIAS = 3 };
    hone_value in[7] = {dout[0], node->outputs[0], node->outputs[1]}, out[3];
    for (int i = 0; i < 4; i++) in[3 + i] = i < node->input_count ? node->inputs[i] : HONE_NO_VALUE;
    bool packed = in[4] == HONE_NO_VALUE, biased = in[3 + BIAS] != HONE_NO_VALUE;
    if (biased && want[BIAS])
        din[BIAS] = hone_graph_emit(graph, &hone_op_attention_bwd_bias, NULL, node->attrs, in, 7);
    bool wanted = want[0];
    for (int i = 1; i < 3 && !packed; i++) wanted |= want[i];
    if (!wanted) return;
    if (packed) in[4] = in[3 + BIAS];
    hone_graph_node(graph, packed ? &hone_op_attention_packed_bwd : &hone_op_attention_bwd, NULL,
                    node->attrs, in, (packed ? 4 : 6) + biased, out);
    for (int i = 0; i < (packed ? 1 : 3); i++)
        if (want[i]) din[i] = out[i];
}

static struct hone_cost attention_cost(const struct hone_infer_args *args) {
    return hone_attention_cost(args, 0, 2, 1, 1);
}

#define SLICES(name, first)                                                                        \
    static bool name##_slices(const struct hone_infer_args *args, uint32_t *inputs,                \
                              uint32_t *outputs) {                                                 \
        return slices_at(args, first, inputs, outputs);                                            \
    }                                                                                              \
    static int64_t name##_slice_step(const struct hone_infer_args *args) {                         \
        return hone_attention_shape_of(args->in, args->input_count, first).period;                 \
    }
SLICES(forward, 0)
SLICES(backward, 3)

const struct hone_op hone_op_attention = {
    .name = "attention",
    .inputs_min = 1,
    .inputs_max = 4,
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
    .slices = forward_slices,
    .slice_step = forward_slice_step,
    .rows = forward_rows,
    .row_count = ROW_COUNT,
};

// ---- The gradients ----

static hone_status attention_bwd_infer(const struct hone_infer_args *args) {
    HONE_TRY(hone_attention_expect_gradient(args));
    for (int i = 0; i < 3; i++) args->out[i] = args->in[3 + i];
    return HONE_OK;
}

static hone_status attention_packed_bwd_infer(const struct hone_infer_args *args) {
    HONE_TRY(hone_attention_expect_gradient(args));
    args->out[0] = args->in[3];
    return HONE_OK;
}

static struct hone_cost attention_bwd_cost(const struct hone_infer_args *args) {
    return hone_attention_cost(args, 3, 3, 3, 2);
}

static struct hone_cost attention_packed_bwd_cost(const struct hone_infer_args *args) {
    return hone_attention_cost(args, 3, 1, 3, 2);
}

#define GRADIENT(name_, inputs, outputs_, data)                                                    \
    const struct hone_op hone_op_##name_ = {                                                       \
        .name = #name_,                                                                            \
        .inputs_min = inputs,                                                                      \
        .inputs_max = (inputs) + 1,                                                                \
        .outputs = outputs_,                                                                       \
        .flags = HONE_OP_NO_GRAD | HONE_OP_COMPUTE,                                                \
        .attrs_bytes = sizeof(struct hone_attention_attrs),                                        \
        .fields = fields,                                                                          \
        .field_count = 1,                                                                          \
        .infer = name_##_infer,                                                                    \
        .data_inputs = data,                                                                       \
        .ref = attention_bwd_ref,                                                                  \
        .cost = name_##_cost,                                                                      \
        .slices = backward_slices,                                                                 \
        .slice_step = backward_slice_step,                                                         \
        .rows = backward_rows,                                                                     \
        .row_count = ROW_COUNT,                                                                    \
    };
GRADIENT(attention_bwd, 6, 3, 3 | 7 << 3)
GRADIENT(attention_packed_bwd, 4, 1, 3 | 1 << 3)
