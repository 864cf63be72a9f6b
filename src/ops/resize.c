// resize.c: pictures of another size.
//
//   resize(x (N,H,W,C)) -> y (N,P,Q,C)
//
// Output p lies at u = p step + offset of the input, clamped to [0, H - 1]; nearest takes element
// floor(u), so that a rounding is part of the offset, bilinear the two around u by their distance
// (Q and W likewise).
//
//   resize_bwd(dy) -> dx   each element gathers from the outputs that read it: no atomics
#include "ops/common.h"
#include "ops/ops.h"

#include <math.h>

static const struct hone_field resize_fields[] = {
    HONE_FIELD(hone_resize_attrs, size, HONE_FIELD_I32, 2),
    HONE_FIELD(hone_resize_attrs, linear, HONE_FIELD_I32, 1),
    HONE_FIELD(hone_resize_attrs, step, HONE_FIELD_F32, 2),
    HONE_FIELD(hone_resize_attrs, offset, HONE_FIELD_F32, 2),
    HONE_FIELD(hone_resize_attrs, in_h, HONE_FIELD_I32, 1),
    HONE_FIELD(hone_resize_attrs, in_w, HONE_FIELD_I32, 1),
};
#define RESIZE_ATTRS                                                                               \
    .attrs_bytes = sizeof(struct hone_resize_attrs), .fields = resize_fields, .field_count = 6

static hone_status check(const struct hone_resize_attrs *attrs) {
    for (int i = 0; i < 2; i++) {
        if (attrs->size[i] < 1)
            return hone_fail(HONE_INVALID, "a size of %d; it must be above 0", attrs->size[i]);
        if (!(attrs->step[i] > 0) || !isfinite(attrs->step[i]) || !isfinite(attrs->offset[i]))
            return hone_fail(HONE_INVALID, "a step of %g from %g on", (double)attrs->step[i],
                             (double)attrs->offset[i]);
    }
    return HONE_OK;
}

// The neighbours along an axis of `size` that output `at` is made of, and the share of the second.
struct taps {
    int32_t a, b;
    double f;
};

static struct taps taps_of(const struct hone_resize_attrs *attrs, int axis, int32_t at,
                           int32_t size) {
    double u = at * (double)attrs->step[axis] + (double)attrs->offset[axis];
    u = u < 0 ? 0 : u > size - 1 ? size - 1 : u;
    struct taps t = {.a = (int32_t)floor(u)};
    t.b = t.a;
    if (!attrs->linear) return t;
    t.b = t.a + 1 < size ? t.a + 1 : t.a;
    t.f = u - t.a;
    return t;
}

// Runs `visit` for each of the four neighbours of each element of the resized tensor `small`.
typedef void resize_visit(const struct hone_ref_args *args, int64_t from, int64_t to, double share);
static void walk(const struct hone_ref_args *args, const int32_t big[4], const int32_t small[4],
                 resize_visit *visit) {
    for (int32_t n = 0; n < small[0]; n++)
        for (int32_t p = 0; p < small[1]; p++)
            for (int32_t q = 0; q < small[2]; q++) {
                struct taps v = taps_of(args->attrs, 0, p, big[1]);
                struct taps u = taps_of(args->attrs, 1, q, big[2]);
                for (int k = 0; k < 4; k++) {
                    int32_t h = k & 1 ? v.b : v.a, w = k & 2 ? u.b : u.a;
                    double share = (k & 1 ? v.f : 1 - v.f) * (k & 2 ? u.f : 1 - u.f);
                    int64_t from = (((int64_t)n * big[1] + h) * big[2] + w) * big[3];
                    int64_t to = (((int64_t)n * small[1] + p) * small[2] + q) * small[3];
                    for (int32_t c = 0; c < small[3]; c++) visit(args, from + c, to + c, share);
                }
            }
}

static void clear_out(const struct hone_ref_args *args) {
    int64_t count = hone_desc_elements(&args->out_desc[0]);
    for (int64_t i = 0; i < count; i++) args->out[0][i] = 0;
}

// ---- Launches ----

// As in shaders/lib/resize.glsl; c in units of the row's width.
struct resize_push {
    int32_t n, h, w, c, p, q;
    int32_t linear;
    float step[2], offset[2];
};

static bool fits_vec4(const struct hone_row_args *args) {
    return args->node->in[0].dim[3] % 4 == 0;
}

static hone_status launch_resize(const struct hone_row_args *args, struct hone_launch *launch,
                                 int32_t width, const char *kernel, const struct hone_desc *big,
                                 const struct hone_desc *small) {
    const struct hone_resize_attrs *attrs = args->node->attrs;
    char name[HONE_OP_KERNEL_NAME];
    hone_op_kernel_for(kernel, big->dtype, (uint32_t)width, name);
    struct hone_dispatch *pass =
        hone_op_linear(launch, name, (uint64_t)(hone_desc_elements(&args->node->out[0]) / width));
    if (!pass) return HONE_INTERNAL;
    struct resize_push push = {
        .n = big->dim[0],
        .h = big->dim[1],
        .w = big->dim[2],
        .c = big->dim[3] / width,
        .p = small->dim[1],
        .q = small->dim[2],
        .linear = attrs->linear != 0,
        .step = {attrs->step[0], attrs->step[1]},
        .offset = {attrs->offset[0], attrs->offset[1]},
    };
    hone_dispatch_push(pass, &push, sizeof push);
    hone_op_bind_all(pass, 1, 1);
    return HONE_OK;
}

static hone_status setup_resize(const struct hone_row_args *args, struct hone_launch *launch,
                                int32_t width) {
    return launch_resize(args, launch, width, "resize", &args->node->in[0], &args->node->out[0]);
}

static hone_status setup_resize_bwd(const struct hone_row_args *args, struct hone_launch *launch,
                                    int32_t width) {
    return launch_resize(args, launch, width, "resize_bwd", &args->node->out[0],
                         &args->node->in[0]);
}
HONE_OP_DEFINE_WIDTH_ROWS(static, rows_, resize, fits_vec4)
HONE_OP_DEFINE_WIDTH_ROWS(static, rows_, resize_bwd, fits_vec4)

static struct hone_cost resize_cost(const struct hone_infer_args *args) {
    return hone_op_cost_elements(args, 1, 8);
}

// ---- resize(x) -> y ----

static hone_status resize_infer(const struct hone_infer_args *args) {
    const struct hone_resize_attrs *attrs = args->attrs;
    HONE_TRY(hone_op_expect_data(args, 0, "x", 4));
    HONE_TRY(check(attrs));
    const int32_t *dim = args->in[0].dim;
    return hone_op_set(&args->out[0], args->in[0].dtype, 4,
                       (const int64_t[]){dim[0], attrs->size[0], attrs->size[1], dim[3]});
}

static void resize_grad(struct hone_graph *graph, const struct hone_node *node,
                        const hone_value *dout, const bool *want, hone_value *din) {
    if (dout[0] == HONE_NO_VALUE || !want[0]) return;
    struct hone_resize_attrs attrs = *(const struct hone_resize_attrs *)node->attrs;
    const struct hone_desc *x = hone_graph_desc(graph, node->inputs[0]);
    attrs.in_h = x->dim[1];
    attrs.in_w = x->dim[2];
    din[0] = HONE_EMIT(graph, &hone_op_resize_bwd, NULL, &attrs, dout[0]);
}

static void visit_forward(const struct hone_ref_args *args, int64_t from, int64_t to,
                          double share) {
    args->out[0][to] += share * args->in[0][from];
}

static void resize_ref(const struct hone_ref_args *args) {
    clear_out(args);
    walk(args, args->in_desc[0].dim, args->out_desc[0].dim, visit_forward);
}

const struct hone_op hone_op_resize = {
    .name = "resize",
    .inputs_min = 1,
    .inputs_max = 1,
    .outputs = 1,
    RESIZE_ATTRS,
    .infer = resize_infer,
    .data_inputs = 1,
    .grad = resize_grad,
    .ref = resize_ref,
    .cost = resize_cost,
    .slices = hone_op_slices_all,
    .rows = rows_resize,
    .row_count = HONE_OP_WIDTH_ROWS,
};

// ---- resize_bwd(dy) -> dx ----

static hone_status resize_bwd_infer(const struct hone_infer_args *args) {
    const struct hone_resize_attrs *attrs = args->attrs;
    HONE_TRY(hone_op_expect_data(args, 0, "dy", 4));
    HONE_TRY(check(attrs));
    HONE_TRY(hone_op_expect_dim(args, 0, "dy", 1, attrs->size[0], "the height that resize gives"));
    HONE_TRY(hone_op_expect_dim(args, 0, "dy", 2, attrs->size[1], "the width that resize gives"));
    const int32_t *dim = args->in[0].dim;
    return hone_op_set(&args->out[0], args->in[0].dtype, 4,
                       (const int64_t[]){dim[0], attrs->in_h, attrs->in_w, dim[3]});
}

static void visit_backward(const struct hone_ref_args *args, int64_t from, int64_t to,
                           double share) {
    args->out[0][from] += share * args->in[0][to];
}

static void resize_bwd_ref(const struct hone_ref_args *args) {
    clear_out(args);
    walk(args, args->out_desc[0].dim, args->in_desc[0].dim, visit_backward);
}

const struct hone_op hone_op_resize_bwd = {
    .name = "resize_bwd",
    .inputs_min = 1,
    .inputs_max = 1,
    .outputs = 1,
    .flags = HONE_OP_NO_GRAD,
    RESIZE_ATTRS,
    .infer = resize_bwd_infer,
    .data_inputs = 1,
    .ref = resize_bwd_ref,
    .cost = resize_cost,
    .slices = hone_op_slices_all,
    .rows = rows_resize_bwd,
    .row_count = HONE_OP_WIDTH_ROWS,
};
