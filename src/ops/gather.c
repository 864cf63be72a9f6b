// gather.c: elements of a table at known places, as tables of positions are read.
//
//   gather(x, index, order, start) -> y of index's shape    y[i] = x[index[i]], x as one list
//   gather_bwd(dy, order, start) -> dx                      dx[e] = sum of dy[order[k]],
//                                                           start[e] <= k < start[e + 1]
//
// order lists the places of y sorted by the element that they take, start says where those of each
// element begin: sums have one order and need no atomics.
#include "ops/common.h"
#include "ops/ops.h"

enum { PLACES_MOST = 1 << 24 }; // whole numbers that a float holds

// order and start belong to `count` outputs that take of `elements`.
static hone_status expect_lists(const struct hone_infer_args *args, int first, int64_t count,
                                int64_t elements) {
    HONE_TRY(hone_op_expect_f32(args, first, "order", 1));
    HONE_TRY(hone_op_expect_f32(args, first + 1, "start", 1));
    if (count > PLACES_MOST || elements >= PLACES_MOST)
        return hone_fail(HONE_UNSUPPORTED, "%lld places in %lld elements; at most %d",
                         (long long)count, (long long)elements, PLACES_MOST);
    HONE_TRY(hone_op_expect_dim(args, first, "order", 0, count, "the places"));
    return hone_op_expect_dim(args, first + 1, "start", 0, elements + 1,
                              "the elements and one more");
}

static const struct hone_field gather_fields[] = {
    HONE_FIELD(hone_shape_attrs, rank, HONE_FIELD_I32, 1),
    HONE_FIELD(hone_shape_attrs, dim, HONE_FIELD_I32, HONE_MAX_RANK),
};

// ---- gather(x, index, order, start) -> y ----

static hone_status gather_infer(const struct hone_infer_args *args) {
    HONE_TRY(hone_op_expect_f32(args, 0, "x", -1));
    HONE_TRY(hone_op_expect_f32(args, 1, "index", -1));
    HONE_TRY(
        expect_lists(args, 2, hone_desc_elements(&args->in[1]), hone_desc_elements(&args->in[0])));
    args->out[0] = args->in[1];
    return HONE_OK;
}

static void gather_grad(struct hone_graph *graph, const struct hone_node *node,
                        const hone_value *dout, const bool *want, hone_value *din) {
    if (dout[0] == HONE_NO_VALUE || !want[0]) return;
    struct hone_shape_attrs shape;
    hone_op_shape_of(hone_graph_desc(graph, node->inputs[0]), &shape);
    din[0] = HONE_EMIT(graph, &hone_op_gather_bwd, NULL, &shape, dout[0], node->inputs[2],
                       node->inputs[3]);
}

static void gather_ref(const struct hone_ref_args *args) {
    int64_t count = hone_desc_elements(&args->out_desc[0]);
    for (int64_t i = 0; i < count; i++) args->out[0][i] = args->in[0][(int64_t)args->in[1][i]];
}

static bool fits_vec4(const struct hone_row_args *args) {
    return hone_desc_elements(&args->node->in[1]) % 4 == 0;
}

static hone_status setup_gather(const struct hone_row_args *args, struct hone_launch *launch,
                                uint32_t width) {
    const struct hone_infer_args *node = args->node;
    const uint32_t push[] = {(uint32_t)hone_desc_elements(&node->in[1]) / width,
                             (uint32_t)hone_desc_elements(&node->in[0])};
    struct hone_dispatch *d =
        hone_op_linear(launch, width > 1 ? "gather_vec4" : "gather_f32", push[0]);
    if (!d) return HONE_INTERNAL;
    hone_dispatch_push(d, push, sizeof push);
    hone_op_bind_all(d, 2, 1);
    return HONE_OK;
}
HONE_OP_DEFINE_WIDTH_ROWS(static, rows_, gather, fits_vec4)

static struct hone_cost gather_cost(const struct hone_infer_args *args) {
    return hone_op_cost_elements(args, 1, 0);
}

const struct hone_op hone_op_gather = {
    .name = "gather",
    .inputs_min = 4,
    .inputs_max = 4,
    .outputs = 1,
    .infer = gather_infer,
    .grad = gather_grad,
    .ref = gather_ref,
    .cost = gather_cost,
    .rows = rows_gather,
    .row_count = HONE_OP_WIDTH_ROWS,
};

// ---- gather_bwd(dy, order, start) -> dx ----

static hone_status gather_bwd_infer(const struct hone_infer_args *args) {
    const struct hone_shape_attrs *attrs = args->attrs;
    HONE_TRY(hone_op_expect_f32(args, 0, "dy", -1));
    int64_t dim[HONE_MAX_RANK] = {0};
    for (int i = 0; i < attrs->rank && i < HONE_MAX_RANK; i++) dim[i] = attrs->dim[i];
    HONE_TRY(hone_op_set(&args->out[0], HONE_F32, attrs->rank, dim));
    return expect_lists(args, 1, hone_desc_elements(&args->in[0]),
                        hone_desc_elements(&args->out[0]));
}

static void gather_bwd_ref(const struct hone_ref_args *args) {
    int64_t elements = hone_desc_elements(&args->out_desc[0]);
    for (int64_t e = 0; e < elements; e++) {
        double sum = 0;
        for (int64_t k = (int64_t)args->in[2][e]; k < (int64_t)args->in[2][e + 1]; k++)
            sum += args->in[0][(int64_t)args->in[1][k]];
        args->out[0][e] = sum;
    }
}

static hone_status setup_gather_bwd(const struct hone_row_args *args, struct hone_launch *launch) {
    const struct hone_infer_args *node = args->node;
    const uint32_t push[] = {(uint32_t)hone_desc_elements(&node->out[0]),
                             (uint32_t)hone_desc_elements(&node->in[0])};
    struct hone_dispatch *d = hone_op_linear(launch, "gather_bwd_f32", push[0]);
    if (!d) return HONE_INTERNAL;
    hone_dispatch_push(d, push, sizeof push);
    hone_op_bind_all(d, 3, 1);
    return HONE_OK;
}

static struct hone_cost gather_bwd_cost(const struct hone_infer_args *args) {
    return (struct hone_cost){.flops = (double)hone_desc_elements(&args->in[0]),
                              .bytes = hone_op_bytes(args, 1)};
}

static const struct hone_op_row gather_bwd_rows[] = {{.name = "plain", .setup = setup_gather_bwd}};

const struct hone_op hone_op_gather_bwd = {
    .name = "gather_bwd",
    .inputs_min = 3,
    .inputs_max = 3,
    .outputs = 1,
    .flags = HONE_OP_NO_GRAD,
    .attrs_bytes = sizeof(struct hone_shape_attrs),
    .fields = gather_fields,
    .field_count = 2,
    .infer = gather_bwd_infer,
    .ref = gather_bwd_ref,
    .cost = gather_bwd_cost,
    .rows = gather_bwd_rows,
    .row_count = 1,
};
