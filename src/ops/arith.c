// arith.c: sums, products, constants, and the pair that broadcasting needs in reverse.
//
//   add(a, b), sub(a, b), mul(a, b), div(a, b)   numpy broadcasting, aligned at the last axis
//   scale(x)               alpha x
//   fill()                 a constant of a given shape
//   reduce_to(x)           sum of x over the axes along which the given shape, aligned at the last
//   axis, has 1
//                          or nothing: the gradient of a broadcast
//   broadcast_to(x)        x repeated to a shape: the gradient of reduce_to
//
// The rows that sum stand in arith_reduce.c.
#include "ops/arith.h"
#include "ops/common.h"
#include "ops/copy.h"
#include "ops/ops.h"

#include <string.h>

// ---- add, sub, mul, div
// ----------------------------------------------------------------------------------------------

static hone_status binary_infer(const struct hone_infer_args *args) {
    HONE_TRY(hone_op_expect_data(args, 0, "a", -1));
    HONE_TRY(hone_op_expect_data(args, 1, "b", -1));
    HONE_TRY(hone_op_expect_one_dtype(args, 1, "b", 0, "a"));
    HONE_TRY(hone_op_broadcast(&args->in[0], &args->in[1], &args->out[0]));
    int32_t size[HONE_OP_AXES], stride[2][HONE_OP_AXES];
    hone_op_dims(&args->out[0], size);
    for (int i = 0; i < 2; i++) hone_op_strides(&args->in[i], stride[i]);
    return hone_op_expect_walk(size, (const int32_t(*)[HONE_OP_AXES])stride, 2);
}

// `gradient` has the shape of a broadcast of `operand`: sums it back.
static hone_value sum_back(struct hone_graph *graph, hone_value gradient, hone_value operand) {
    const struct hone_desc from = *hone_graph_desc(graph, gradient);
    const struct hone_desc to = *hone_graph_desc(graph, operand);
    if (hone_desc_equal(&from, &to)) return gradient;
    struct hone_shape_attrs shape;
    hone_op_shape_of(&to, &shape);
    return HONE_EMIT(graph, &hone_op_reduce_to, NULL, &shape, gradient);
}

static hone_value negative(struct hone_graph *graph, hone_value x) {
    const struct hone_scale_attrs minus = {.alpha = -1};
    return HONE_EMIT(graph, &hone_op_scale, NULL, &minus, x);
}

static void add_grad(struct hone_graph *graph, const struct hone_node *node, const hone_value *dout,
                     const bool *want, hone_value *din) {
    for (int i = 0; i < 2; i++)
        if (want[i]) din[i] = sum_back(graph, dout[0], node->inputs[i]);
}

static void sub_grad(struct hone_graph *graph, const struct hone_node *node, const hone_value *dout,
                     const bool *want, hone_value *din) {
    add_grad(graph, node, dout, want, din);
    if (want[1]) din[1] = negative(graph, din[1]);
}

static void mul_grad(struct hone_graph *graph, const struct hone_node *node, const hone_value *dout,
                     const bool *want, hone_value *din) {
    for (int i = 0; i < 2; i++)
        if (want[i])
            din[i] = sum_back(
                graph, HONE_EMIT(graph, &hone_op_mul, NULL, NULL, dout[0], node->inputs[1 - i]),
                node->inputs[i]);
}

// da = dy / b, db = -y dy / b
static void div_grad(struct hone_graph *graph, const struct hone_node *node, const hone_value *dout,
                     const bool *want, hone_value *din) {
    hone_value d = HONE_EMIT(graph, &hone_op_div, NULL, NULL, dout[0], node->inputs[1]);
    if (want[0]) din[0] = sum_back(graph, d, node->inputs[0]);
    if (!want[1]) return;
    hone_value by_y = HONE_EMIT(graph, &hone_op_mul, NULL, NULL, d, node->outputs[0]);
    din[1] = negative(graph, sum_back(graph, by_y, node->inputs[1]));
}

// The numbers of shaders/arith/binary.comp.
enum binary { BINARY_ADD, BINARY_MUL, BINARY_SUB, BINARY_DIV };

static double binary_value(enum binary kind, double a, double b) {
    switch (kind) {
    case BINARY_MUL: return a * b;
    case BINARY_SUB: return a - b;
    case BINARY_DIV: return a / b;
    default: return a + b;
    }
}

static void binary_ref(const struct hone_ref_args *args, enum binary kind) {
    int32_t size[HONE_OP_AXES], sa[HONE_OP_AXES], sb[HONE_OP_AXES], at[HONE_OP_AXES] = {0};
    hone_op_dims(&args->out_desc[0], size);
    hone_op_strides(&args->in_desc[0], sa);
    hone_op_strides(&args->in_desc[1], sb);
    int64_t i = 0;
    do {
        int64_t ia = 0, ib = 0;
        for (int k = 0; k < HONE_OP_AXES; k++) {
            ia += (int64_t)at[k] * sa[k];
            ib += (int64_t)at[k] * sb[k];
        }
        args->out[0][i++] = binary_value(kind, args->in[0][ia], args->in[1][ib]);
    } while (hone_op_next(at, size));
}

static struct hone_cost one_flop(const struct hone_infer_args *args) {
    return hone_op_cost_elements(args, 1, 1);
}

// The result may overwrite an operand that is not repeated.
static bool binary_alias(const struct hone_infer_args *args, int k, struct hone_alias *out) {
    for (int i = 0; i < 2; i++) {
        if (!hone_desc_equal(&args->in[i], &args->out[0]) || k-- > 0) continue;
        *out = (struct hone_alias){.kind = HONE_ALIAS_IN_PLACE, .input = i};
        return true;
    }
    return false;
}

// The broadcast as shaders/arith/binary.comp walks it: axes joined, strides of a and b.
struct binary_walk {
    int rank;
    int32_t size[HONE_OP_WALK], stride[2][HONE_OP_WALK];
};

static struct binary_walk binary_walk(const struct hone_infer_args *node) {
    int32_t size[HONE_OP_AXES], stride[2][HONE_OP_AXES];
    struct binary_walk walk;
    hone_op_dims(&node->out[0], size);
    for (int i = 0; i < 2; i++) hone_op_strides(&node->in[i], stride[i]);
    walk.rank = hone_op_collapse(size, stride, 2);
    memcpy(walk.size, HONE_OP_WALKED(size), sizeof walk.size);
    for (int i = 0; i < 2; i++)
        memcpy(walk.stride[i], HONE_OP_WALKED(stride[i]), sizeof walk.stride[i]);
    return walk;
}

// Whole vectors of both operands along the innermost axis.
static bool binary_fits_vec4(const struct hone_row_args *args) {
    struct binary_walk walk = binary_walk(args->node);
    return walk.size[3] % 4 == 0 && walk.stride[0][3] == 1 && walk.stride[1][3] == 1;
}

static hone_status binary_setup(const struct hone_row_args *args, struct hone_launch *launch,
                                int32_t width, enum binary kind) {
    struct binary_walk walk = binary_walk(args->node);
    enum hone_dtype dtype = args->node->out[0].dtype;
    char kernel[HONE_OP_KERNEL_NAME];
    width = (int32_t)hone_op_width_for(dtype, (uint32_t)width);
    hone_op_kernel_for("binary", dtype, (uint32_t)width, kernel);
    if (width > 1) {
        walk.size[3] /= width;
        for (int i = 0; i < 3; i++) {
            walk.stride[0][i] /= width;
            walk.stride[1][i] /= width;
        }
    }
    uint32_t count = (uint32_t)(hone_desc_elements(&args->node->out[0]) / width);
    struct hone_dispatch *dispatch = hone_op_linear(launch, kernel, count);
    if (!dispatch) return HONE_INTERNAL;
    hone_dispatch_spec(dispatch, (uint32_t)kind);
    hone_dispatch_spec(dispatch, (uint32_t)walk.rank);
    hone_dispatch_push(dispatch, &count, sizeof count);
    hone_dispatch_push(dispatch, &walk.size[1], 3 * sizeof(int32_t));
    hone_dispatch_push(dispatch, walk.stride, sizeof walk.stride);
    hone_op_bind_all(dispatch, 2, 1);
    return HONE_OK;
}

#define BINARY(op, kind)                                                                           \
    static void op##_ref(const struct hone_ref_args *args) {                                       \
        binary_ref(args, kind);                                                                    \
    }                                                                                              \
    static hone_status op##_vec4(const struct hone_row_args *args, struct hone_launch *launch) {   \
        return binary_setup(args, launch, 4, kind);                                                \
    }                                                                                              \
    static hone_status op##_plain(const struct hone_row_args *args, struct hone_launch *launch) {  \
        return binary_setup(args, launch, 1, kind);                                                \
    }                                                                                              \
    static const struct hone_op_row op##_rows[] = {                                                \
        {.name = "vec4", .fits = binary_fits_vec4, .setup = op##_vec4},                            \
        {.name = "plain", .setup = op##_plain},                                                    \
    };                                                                                             \
    const struct hone_op hone_op_##op = {                                                          \
        .name = #op,                                                                               \
        .inputs_min = 2,                                                                           \
        .inputs_max = 2,                                                                           \
        .outputs = 1,                                                                              \
        .infer = binary_infer,                                                                     \
        .data_inputs = 3,                                                                          \
        .grad = op##_grad,                                                                         \
        .ref = op##_ref,                                                                           \
        .cost = one_flop,                                                                          \
        .alias = binary_alias,                                                                     \
        .slices = hone_op_slices_elements,                                                         \
        .rows = op##_rows,                                                                         \
        .row_count = 2,                                                                            \
    };
BINARY(add, BINARY_ADD)
BINARY(sub, BINARY_SUB)
BINARY(mul, BINARY_MUL)
BINARY(div, BINARY_DIV)
#undef BINARY

// ---- scale
// -------------------------------------------------------------------------------------------------

static hone_status scale_infer(const struct hone_infer_args *args) {
    HONE_TRY(hone_op_expect_data(args, 0, "x", -1));
    args->out[0] = args->in[0];
    return HONE_OK;
}

static void scale_grad(struct hone_graph *graph, const struct hone_node *node,
                       const hone_value *dout, const bool *want, hone_value *din) {
    (void)want;
    din[0] = HONE_EMIT(graph, &hone_op_scale, NULL, node->attrs, dout[0]);
}

static void scale_ref(const struct hone_ref_args *args) {
    const struct hone_scale_attrs *attrs = args->attrs;
    int64_t count = hone_desc_elements(&args->out_desc[0]);
    for (int64_t i = 0; i < count; i++) args->out[0][i] = (double)attrs->alpha * args->in[0][i];
}

static hone_status scale_setup_width(const struct hone_row_args *args, struct hone_launch *launch,
                                     uint32_t width) {
    const struct hone_scale_attrs *attrs = args->node->attrs;
    uint32_t count = (uint32_t)hone_desc_elements(&args->node->out[0]) / width;
    enum hone_dtype dtype = args->node->in[0].dtype;
    const char *kernel = dtype == HONE_F16    ? "scale_f16"
                         : dtype == HONE_BF16 ? "scale_bf16"
                         : width > 1          ? "scale_vec4"
                                              : "scale_f32";
    struct hone_dispatch *dispatch = hone_op_linear(launch, kernel, count);
    if (!dispatch) return HONE_INTERNAL;
    hone_dispatch_push(dispatch, &count, sizeof count);
    hone_dispatch_push(dispatch, &attrs->alpha, sizeof attrs->alpha);
    hone_op_bind_all(dispatch, 1, 1);
    return HONE_OK;
}

static hone_status scale_setup_vec4(const struct hone_row_args *args, struct hone_launch *launch) {
    return scale_setup_width(args, launch, 4);
}

static hone_status scale_setup(const struct hone_row_args *args, struct hone_launch *launch) {
    return scale_setup_width(args, launch, hone_op_width_for(args->node->in[0].dtype, 1));
}

static const struct hone_field scale_fields[] = {
    HONE_FIELD(hone_scale_attrs, alpha, HONE_FIELD_F32, 1),
};

static const struct hone_op_row scale_rows[] = {
    {.name = "vec4", .fits = hone_op_fits_vec4, .setup = scale_setup_vec4},
    {.name = "plain", .setup = scale_setup},
};

const struct hone_op hone_op_scale = {
    .name = "scale",
    .inputs_min = 1,
    .inputs_max = 1,
    .outputs = 1,
    .attrs_bytes = sizeof(struct hone_scale_attrs),
    .fields = scale_fields,
    .field_count = 1,
    .infer = scale_infer,
    .data_inputs = 1,
    .grad = scale_grad,
    .ref = scale_ref,
    .cost = one_flop,
    .alias = hone_op_alias_unary,
    .slices = hone_op_slices_elements,
    .rows = scale_rows,
    .row_count = 2,
};

// ---- fill
// --------------------------------------------------------------------------------------------------

static hone_status infer_shape(struct hone_desc *out, int32_t rank, const int32_t *dim) {
    int64_t wide[HONE_MAX_RANK] = {0};
    for (int i = 0; i < rank && i < HONE_MAX_RANK; i++) wide[i] = dim[i];
    return hone_op_set(out, HONE_F32, rank, wide);
}

static hone_status fill_infer(const struct hone_infer_args *args) {
    const struct hone_fill_attrs *attrs = args->attrs;
    return infer_shape(&args->out[0], attrs->rank, attrs->dim);
}

static void fill_ref(const struct hone_ref_args *args) {
    const struct hone_fill_attrs *attrs = args->attrs;
    int64_t count = hone_desc_elements(&args->out_desc[0]);
    for (int64_t i = 0; i < count; i++) args->out[0][i] = (double)attrs->value;
}

static struct hone_cost fill_cost(const struct hone_infer_args *args) {
    return (struct hone_cost){.bytes = (double)hone_desc_bytes(&args->out[0])};
}

static hone_status fill_setup(const struct hone_row_args *args, struct hone_launch *launch) {
    const struct hone_fill_attrs *attrs = args->node->attrs;
    uint32_t count = (uint32_t)hone_desc_elements(&args->node->out[0]);
    struct hone_dispatch *dispatch = hone_op_linear(launch, "fill_f32", count);
    if (!dispatch) return HONE_INTERNAL;
    hone_dispatch_push(dispatch, &count, sizeof count);
    hone_dispatch_push(dispatch, &attrs->value, sizeof attrs->value);
    hone_op_bind_all(dispatch, 0, 1);
    return HONE_OK;
}

static const struct hone_field fill_fields[] = {
    HONE_FIELD(hone_fill_attrs, value, HONE_FIELD_F32, 1),
    HONE_FIELD(hone_fill_attrs, rank, HONE_FIELD_I32, 1),
    HONE_FIELD(hone_fill_attrs, dim, HONE_FIELD_I32, HONE_MAX_RANK),
};

static const struct hone_op_row fill_rows[] = {
    {.name = "plain", .setup = fill_setup},
};

const struct hone_op hone_op_fill = {
    .name = "fill",
    .outputs = 1,
    .flags = HONE_OP_NO_GRAD, // it has no inputs
    .attrs_bytes = sizeof(struct hone_fill_attrs),
    .fields = fill_fields,
    .field_count = 3,
    .infer = fill_infer,
    .ref = fill_ref,
    .cost = fill_cost,
    .rows = fill_rows,
    .row_count = 1,
};

// ---- reduce_to, broadcast_to
// -------------------------------------------------------------------------------

static const struct hone_field shape_fields[] = {
    HONE_FIELD(hone_shape_attrs, rank, HONE_FIELD_I32, 1),
    HONE_FIELD(hone_shape_attrs, dim, HONE_FIELD_I32, HONE_MAX_RANK),
};

// `small` must be what `large` gives when some axes are dropped in front or set to 1.
static hone_status check_repeats(const struct hone_desc *small, const struct hone_desc *large) {
    struct hone_desc both;
    if (small->rank > large->rank || hone_op_broadcast(small, large, &both) != HONE_OK ||
        !hone_desc_equal(&both, large))
        return hone_op_fail_dims("the first does not repeat to the second", small, large);
    return HONE_OK;
}

static hone_status reduce_infer(const struct hone_infer_args *args) {
    const struct hone_shape_attrs *attrs = args->attrs;
    HONE_TRY(hone_op_expect_float(args, 0, "x", -1));
    int32_t dim[HONE_MAX_RANK];
    memcpy(dim, attrs->dim, sizeof dim);
    if (attrs->rank == args->in[0].rank && dim[0] == 0) dim[0] = args->in[0].dim[0];
    HONE_TRY(infer_shape(&args->out[0], attrs->rank, dim));
    struct hone_desc like = args->out[0]; // which is f32 always
    like.dtype = args->in[0].dtype;
    HONE_TRY(check_repeats(&like, &args->in[0]));
    if (args->in[0].dtype == HONE_F32 || hone_op_reduce_takes_16(args)) return HONE_OK;
    return hone_fail(HONE_INVALID, "in 16 bits sums go over axes in front of a multiple of four "
                                   "elements: cast to f32");
}

static struct hone_op_copy broadcast_copy(const struct hone_infer_args *node) {
    struct hone_op_copy copy = {0};
    hone_op_dims(&node->out[0], copy.size);
    hone_op_strides(&node->in[0], copy.from);
    hone_op_strides(&node->out[0], copy.to);
    return copy;
}

static hone_status broadcast_infer(const struct hone_infer_args *args) {
    const struct hone_shape_attrs *attrs = args->attrs;
    HONE_TRY(hone_op_expect_float(args, 0, "x", -1));
    HONE_TRY(infer_shape(&args->out[0], attrs->rank, attrs->dim));
    args->out[0].dtype = args->in[0].dtype;
    HONE_TRY(check_repeats(&args->in[0], &args->out[0]));
    struct hone_op_copy copy = broadcast_copy(args);
    return hone_op_copy_check(&copy, args->in[0].dtype);
}

static void emit_shaped(struct hone_graph *graph, const struct hone_op *op, hone_value gradient,
                        hone_value like, hone_value *din) {
    struct hone_shape_attrs shape;
    hone_op_shape_of(hone_graph_desc(graph, like), &shape);
    *din = HONE_EMIT(graph, op, NULL, &shape, gradient);
}

static void reduce_grad(struct hone_graph *graph, const struct hone_node *node,
                        const hone_value *dout, const bool *want, hone_value *din) {
    (void)want;
    emit_shaped(graph, &hone_op_broadcast_to, dout[0], node->inputs[0], din);
}

static void broadcast_grad(struct hone_graph *graph, const struct hone_node *node,
                           const hone_value *dout, const bool *want, hone_value *din) {
    (void)want;
    emit_shaped(graph, &hone_op_reduce_to, dout[0], node->inputs[0], din);
}

// Visits every element of `large` with the index of its counterpart in `small`.
static void reduce_ref(const struct hone_ref_args *args) {
    int32_t size[HONE_OP_AXES], stride[HONE_OP_AXES], at[HONE_OP_AXES] = {0};
    hone_op_dims(&args->in_desc[0], size);
    hone_op_strides(&args->out_desc[0], stride);
    int64_t count = hone_desc_elements(&args->out_desc[0]), i = 0;
    for (int64_t o = 0; o < count; o++) args->out[0][o] = 0;
    do {
        int64_t o = 0;
        for (int k = 0; k < HONE_OP_AXES; k++) o += (int64_t)at[k] * stride[k];
        args->out[0][o] += args->in[0][i++];
    } while (hone_op_next(at, size));
}

static void broadcast_ref(const struct hone_ref_args *args) {
    int32_t size[HONE_OP_AXES], stride[HONE_OP_AXES], at[HONE_OP_AXES] = {0};
    hone_op_dims(&args->out_desc[0], size);
    hone_op_strides(&args->in_desc[0], stride);
    int64_t i = 0;
    do {
        int64_t o = 0;
        for (int k = 0; k < HONE_OP_AXES; k++) o += (int64_t)at[k] * stride[k];
        args->out[0][i++] = args->in[0][o];
    } while (hone_op_next(at, size));
}

static struct hone_cost reduce_cost(const struct hone_infer_args *args) {
    return (struct hone_cost){.flops = (double)hone_desc_elements(&args->in[0]),
                              .bytes = hone_op_bytes(args, 1)};
}

static struct hone_cost broadcast_cost(const struct hone_infer_args *args) {
    return (struct hone_cost){.bytes = hone_op_bytes(args, 1)};
}

static bool broadcast_fits_vec4(const struct hone_row_args *args) {
    struct hone_op_copy copy = broadcast_copy(args->node);
    return hone_op_copy_fits_vec4(&copy, args->node->in[0].dtype);
}

static hone_status broadcast_setup_vec4(const struct hone_row_args *args,
                                        struct hone_launch *launch) {
    struct hone_op_copy copy = broadcast_copy(args->node);
    return hone_op_copy_launch(&copy, args->node->in[0].dtype, 0, true, launch);
}

static hone_status broadcast_setup(const struct hone_row_args *args, struct hone_launch *launch) {
    struct hone_op_copy copy = broadcast_copy(args->node);
    return hone_op_copy_launch(&copy, args->node->in[0].dtype, 0, false, launch);
}

static const struct hone_op_row broadcast_rows[] = {
    {.name = "vec4", .fits = broadcast_fits_vec4, .setup = broadcast_setup_vec4},
    {.name = "plain", .setup = broadcast_setup},
};

const struct hone_op hone_op_reduce_to = {
    .name = "reduce_to",
    .inputs_min = 1,
    .inputs_max = 1,
    .outputs = 1,
    .attrs_bytes = sizeof(struct hone_shape_attrs),
    .fields = shape_fields,
    .field_count = 2,
    .infer = reduce_infer,
    .data_inputs = 1,
    .grad = reduce_grad,
    .ref = reduce_ref,
    .cost = reduce_cost,
    .rows = hone_op_reduce_rows,
    .row_count = HONE_OP_REDUCE_ROWS,
};

const struct hone_op hone_op_broadcast_to = {
    .name = "broadcast_to",
    .inputs_min = 1,
    .inputs_max = 1,
    .outputs = 1,
    .attrs_bytes = sizeof(struct hone_shape_attrs),
    .fields = shape_fields,
    .field_count = 2,
    .infer = broadcast_infer,
    .data_inputs = 1,
    .grad = broadcast_grad,
    .ref = broadcast_ref,
    .cost = broadcast_cost,
    .slices = hone_op_slices_elements,
    .rows = broadcast_rows,
    .row_count = 2,
};
