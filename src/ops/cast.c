// cast.c: between the floating-point types in which tensors are stored.
//
//   cast(x) -> y          y = x rounded to attrs.dtype: nearest, ties to even (IEEE 754); what is
//   too
//                         large becomes infinity
//
// Its gradient is the cast back; a gradient that is in x's type already passes as it is: weights
// that were cast to 16 bits get theirs in f32 (conv2d_bwd_w).
#include <stdio.h>

#include "ops/common.h"

static enum hone_dtype target(const void *attrs) {
    return (enum hone_dtype)((const struct hone_cast_attrs *)attrs)->dtype;
}

static hone_status cast_infer(const struct hone_infer_args *args) {
    char text[HONE_DESC_TEXT];
    enum hone_dtype to = target(args->attrs);
    HONE_TRY(hone_op_expect_float(args, 0, "x", -1));
    if (!hone_dtype_is_float(to))
        return hone_fail(HONE_INVALID, "a cast gives f32, f16 or bf16, not dtype %d", (int)to);
    if (to == args->in[0].dtype)
        return hone_fail(HONE_INVALID, "x is %s: there is nothing to cast",
                         hone_desc_text(&args->in[0], text));
    args->out[0] = args->in[0];
    args->out[0].dtype = to;
    return HONE_OK;
}

static void cast_grad(struct hone_graph *graph, const struct hone_node *node,
                      const hone_value *dout, const bool *want, hone_value *din) {
    (void)want;
    const struct hone_cast_attrs back = {(int32_t)hone_graph_desc(graph, node->inputs[0])->dtype};
    bool there = (int32_t)hone_graph_desc(graph, dout[0])->dtype == back.dtype;
    din[0] = there ? dout[0] : HONE_EMIT(graph, &hone_op_cast, NULL, &back, dout[0]);
}

static void cast_ref(const struct hone_ref_args *args) {
    int64_t count = hone_desc_elements(&args->out_desc[0]);
    for (int64_t i = 0; i < count; i++) args->out[0][i] = args->in[0][i];
}

static struct hone_cost cast_cost(const struct hone_infer_args *args) {
    return hone_op_cost_elements(args, 1, 1);
}

// shaders/cast/cast.comp: `width` elements a thread
static hone_status setup(const struct hone_row_args *args, struct hone_launch *launch,
                         uint32_t width) {
    char kernel[32];
    const struct hone_desc *x = &args->node->in[0], *y = &args->node->out[0];
    snprintf(kernel, sizeof kernel, "cast_%s_%s%s", hone_dtype_name(x->dtype),
             hone_dtype_name(y->dtype), width == 4 ? "_vec4" : "");
    uint32_t count = (uint32_t)hone_desc_elements(y);
    struct hone_dispatch *d = hone_op_linear(launch, kernel, ((uint64_t)count + width - 1) / width);
    if (!d) return HONE_INTERNAL;
    hone_dispatch_push(d, &count, sizeof count);
    hone_op_bind_all(d, 1, 1);
    return HONE_OK;
}

static hone_status cast_setup_vec4(const struct hone_row_args *args, struct hone_launch *launch) {
    return setup(args, launch, 4);
}

static hone_status cast_setup(const struct hone_row_args *args, struct hone_launch *launch) {
    return setup(args, launch, 2);
}

static const struct hone_field cast_fields[] = {
    HONE_FIELD(hone_cast_attrs, dtype, HONE_FIELD_I32, 1),
};

static const struct hone_op_row cast_rows[] = {
    {.name = "vec4", .fits = hone_op_fits_vec4, .setup = cast_setup_vec4},
    {.name = "plain", .setup = cast_setup},
};

const struct hone_op hone_op_cast = {
    .name = "cast",
    .inputs_min = 1,
    .inputs_max = 1,
    .outputs = 1,
    .attrs_bytes = sizeof(struct hone_cast_attrs),
    .fields = cast_fields,
    .field_count = 1,
    .infer = cast_infer,
    .grad = cast_grad,
    .ref = cast_ref,
    .cost = cast_cost,
    .rows = cast_rows,
    .row_count = 2,
};
