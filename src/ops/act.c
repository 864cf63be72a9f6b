// act.c: activation functions.
//
//   act(x) -> y           y = f(x), element by element; kinds and formulas in ops.h
//   act_bwd(dy, saved)    dx = dy f'(x). Where f' is a function of y, y is saved and x may be
//   forgotten or
//                         overwritten; at a kink the derivative is the one of PyTorch (0 for relu
//                         and clip). NaN stays NaN and has the derivative of the middle, also as
//                         in PyTorch.
//
// hard_sigmoid and hard_swish: Howard et al. 2019 (MobileNetV3); silu: Elfwing, Uchibe, Doya 2018;
// gelu: Hendrycks, Gimpel 2016. exp, log, sqrt and powers are here because they are computed alike.
#include "ops/common.h"
#include "ops/ops.h"

#include <math.h>

bool hone_act_saves_output(enum hone_act kind) {
    switch (kind) {
    case HONE_ACT_SILU:
    case HONE_ACT_HARD_SWISH:
    case HONE_ACT_GELU:
    case HONE_ACT_GELU_TANH:
    case HONE_ACT_ERF:
    case HONE_ACT_LOG:
    case HONE_ACT_POW: return false;
    default: return true;
    }
}

// NaN stays NaN, which fmin(fmax()) would turn into lo.
static double clamp(double x, double lo, double hi) {
    return x < lo ? lo : x > hi ? hi : x;
}

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

#define SQRT_HALF   0.70710678118654752440 // sqrt(1/2)
#define TWO_SQRT_PI 1.12837916709551257390 // 2 / sqrt(pi)
#define SQRT_2_PI   0.79788456080286535588 // sqrt(2/pi)

// tanh of GELU_TANH, and what it is of.
static double gelu_inner(double x) {
    return SQRT_2_PI * (x + 0.044715 * x * x * x);
}

static double gelu_tanh_slope(double x) {
    double t = tanh(gelu_inner(x));
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * SQRT_2_PI * (1 + 3 * 0.044715 * x * x);
}

double hone_act_value(const struct hone_act_attrs *attrs, double x) {
    switch (attrs->kind) {
    case HONE_ACT_RELU: return x < 0 ? 0 : x;
    case HONE_ACT_CLIP: return clamp(x, (double)attrs->a, (double)attrs->b);
    case HONE_ACT_SIGMOID: return sigmoid(x);
    case HONE_ACT_HARD_SIGMOID: return clamp((double)attrs->a * x + (double)attrs->b, 0, 1);
    case HONE_ACT_SILU: return x * sigmoid(x);
    case HONE_ACT_HARD_SWISH: return x * clamp(x / 6 + 0.5, 0, 1);
    case HONE_ACT_GELU: return 0.5 * x * (1 + erf(x * SQRT_HALF));
    case HONE_ACT_GELU_TANH: return 0.5 * x * (1 + tanh(gelu_inner(x)));
    case HONE_ACT_TANH: return tanh(x);
    case HONE_ACT_ERF: return erf(x);
    case HONE_ACT_EXP: return exp(x);
    case HONE_ACT_LOG: return log(x);
    case HONE_ACT_SQRT: return sqrt(x);
    case HONE_ACT_POW: return pow(x, (double)attrs->a);
    default: return x;
    }
}

double hone_act_derivative(const struct hone_act_attrs *attrs, double saved) {
    double v = saved;
    switch (attrs->kind) {
    case HONE_ACT_RELU: return v <= 0 ? 0 : 1;
    case HONE_ACT_CLIP: return v <= (double)attrs->a || v >= (double)attrs->b ? 0 : 1;
    case HONE_ACT_SIGMOID: return v * (1 - v);
    case HONE_ACT_HARD_SIGMOID: return v <= 0 || v >= 1 ? 0 : (double)attrs->a;
    case HONE_ACT_SILU: return sigmoid(v) * (1 + v * (1 - sigmoid(v)));
    case HONE_ACT_HARD_SWISH: return v < -3 ? 0 : v <= 3 ? v / 3 + 0.5 : 1;
    case HONE_ACT_GELU:
        return 0.5 * (1 + erf(v * SQRT_HALF)) +
               v * exp(-0.5 * v * v) * (0.5 * SQRT_HALF * TWO_SQRT_PI);
    case HONE_ACT_GELU_TANH: return gelu_tanh_slope(v);
    case HONE_ACT_TANH: return 1 - v * v;
    case HONE_ACT_ERF: return TWO_SQRT_PI * exp(-v * v);
    case HONE_ACT_EXP: return v;
    case HONE_ACT_LOG: return 1 / v;
    case HONE_ACT_SQRT: return 0.5 / v;
    case HONE_ACT_POW: return (double)attrs->a * pow(v, (double)attrs->a - 1);
    default: return 1;
    }
}

static const struct hone_field act_fields[] = {
    HONE_FIELD(hone_act_attrs, kind, HONE_FIELD_I32, 1),
    HONE_FIELD(hone_act_attrs, a, HONE_FIELD_F32, 1),
    HONE_FIELD(hone_act_attrs, b, HONE_FIELD_F32, 1),
};

hone_status hone_act_check(const struct hone_act_attrs *attrs) {
    if (attrs->kind < 0 || attrs->kind >= HONE_ACT_COUNT)
        return hone_fail(HONE_INVALID, "activation kind %d does not exist", attrs->kind);
    if (attrs->kind == HONE_ACT_CLIP && !(attrs->a <= attrs->b))
        return hone_fail(HONE_INVALID, "clip from %g to %g: the lower end is above the upper",
                         (double)attrs->a, (double)attrs->b);
    return HONE_OK;
}

static hone_status act_infer(const struct hone_infer_args *args) {
    HONE_TRY(hone_act_check(args->attrs));
    HONE_TRY(hone_op_expect_data(args, 0, "x", -1));
    args->out[0] = args->in[0];
    return HONE_OK;
}

static void act_grad(struct hone_graph *graph, const struct hone_node *node, const hone_value *dout,
                     const bool *want, hone_value *din) {
    (void)want;
    const struct hone_act_attrs *attrs = node->attrs;
    hone_value saved = hone_act_saves_output(attrs->kind) ? node->outputs[0] : node->inputs[0];
    din[0] = attrs->kind == HONE_ACT_NONE
                 ? dout[0]
                 : HONE_EMIT(graph, &hone_op_act_bwd, NULL, attrs, dout[0], saved);
}

static void act_ref(const struct hone_ref_args *args) {
    int64_t count = hone_desc_elements(&args->out_desc[0]);
    for (int64_t i = 0; i < count; i++)
        args->out[0][i] = hone_act_value(args->attrs, args->in[0][i]);
}

static hone_status act_bwd_infer(const struct hone_infer_args *args) {
    HONE_TRY(hone_act_check(args->attrs));
    HONE_TRY(hone_op_expect_data(args, 0, "dy", -1));
    HONE_TRY(hone_op_expect_same(args, 1, "saved", 0, "dy"));
    args->out[0] = args->in[0];
    return HONE_OK;
}

static void act_bwd_ref(const struct hone_ref_args *args) {
    int64_t count = hone_desc_elements(&args->out_desc[0]);
    for (int64_t i = 0; i < count; i++)
        args->out[0][i] = args->in[0][i] * hone_act_derivative(args->attrs, args->in[1][i]);
}

static struct hone_cost act_cost(const struct hone_infer_args *args) {
    return hone_op_cost_elements(args, 1, 4);
}

// shaders/act/act.comp and act_bwd.comp: `width` elements a thread
static hone_status setup(const struct hone_row_args *args, struct hone_launch *launch,
                         const char *base, uint32_t width, int inputs) {
    const struct hone_act_attrs *attrs = args->node->attrs;
    enum hone_dtype dtype = args->node->out[0].dtype;
    char kernel[HONE_OP_KERNEL_NAME];
    width = hone_op_width_for(dtype, width);
    hone_op_kernel_for(base, dtype, width, kernel);
    uint32_t count = (uint32_t)hone_desc_elements(&args->node->out[0]) / width;
    struct hone_dispatch *dispatch = hone_op_linear(launch, kernel, count);
    if (!dispatch) return HONE_INTERNAL;
    hone_dispatch_spec(dispatch, (uint32_t)attrs->kind);
    hone_dispatch_push(dispatch, &count, sizeof count);
    hone_dispatch_push(dispatch, &attrs->a, sizeof attrs->a);
    hone_dispatch_push(dispatch, &attrs->b, sizeof attrs->b);
    hone_op_bind_all(dispatch, inputs, 1);
    return HONE_OK;
}

static hone_status act_setup_vec4(const struct hone_row_args *args, struct hone_launch *launch) {
    return setup(args, launch, "act", 4, 1);
}

static hone_status act_setup(const struct hone_row_args *args, struct hone_launch *launch) {
    return setup(args, launch, "act", 1, 1);
}

static hone_status act_bwd_setup_vec4(const struct hone_row_args *args,
                                      struct hone_launch *launch) {
    return setup(args, launch, "act_bwd", 4, 2);
}

static hone_status act_bwd_setup(const struct hone_row_args *args, struct hone_launch *launch) {
    return setup(args, launch, "act_bwd", 1, 2);
}

static const struct hone_op_row act_rows[] = {
    {.name = "vec4", .fits = hone_op_fits_vec4, .setup = act_setup_vec4},
    {.name = "plain", .setup = act_setup},
};

static const struct hone_op_row act_bwd_rows[] = {
    {.name = "vec4", .fits = hone_op_fits_vec4, .setup = act_bwd_setup_vec4},
    {.name = "plain", .setup = act_bwd_setup},
};

const struct hone_op hone_op_act = {
    .name = "act",
    .inputs_min = 1,
    .inputs_max = 1,
    .outputs = 1,
    .attrs_bytes = sizeof(struct hone_act_attrs),
    .fields = act_fields,
    .field_count = 3,
    .infer = act_infer,
    .data_inputs = 1,
    .grad = act_grad,
    .ref = act_ref,
    .cost = act_cost,
    .alias = hone_op_alias_unary,
    .slices = hone_op_slices_elements,
    .rows = act_rows,
    .row_count = 2,
};

const struct hone_op hone_op_act_bwd = {
    .name = "act_bwd",
    .inputs_min = 2,
    .inputs_max = 2,
    .outputs = 1,
    .flags = HONE_OP_NO_GRAD,
    .attrs_bytes = sizeof(struct hone_act_attrs),
    .fields = act_fields,
    .field_count = 3,
    .infer = act_bwd_infer,
    .data_inputs = 3,
    .ref = act_bwd_ref,
    .cost = act_cost,
    .slices = hone_op_slices_elements,
    .alias = hone_op_alias_unary, // dy; `saved` may be read by others
    .rows = act_bwd_rows,
    .row_count = 2,
};
