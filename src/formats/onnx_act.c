// onnx_act.c: activation functions. Those that hone has are a row of a table; the rarer ones are
// put together of them.
#include "formats/onnx_import.h"

#include <float.h>
#include <string.h>

hone_status hone_onnx_act_emit(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                               const struct hone_onnx_tensor *x, hone_value from,
                               struct hone_act_attrs attrs) {
    hone_value y = HONE_EMIT(im->graph, &hone_op_act, hone_onnx_node_name(node), &attrs, from);
    return hone_onnx_define(im, node, y, x->perm);
}

static hone_status act_input(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                             struct hone_onnx_tensor **x) {
    HONE_TRY(hone_onnx_input_value(im, node, 0, x));
    return hone_onnx_settle(im, *x);
}

hone_status hone_onnx_act(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    static const struct {
        const char *op, *a, *b; // attributes of the numbers
        struct hone_act_attrs act;
    } table[] = {
        {"Relu", NULL, NULL, {.kind = HONE_ACT_RELU}},
        {"Sigmoid", NULL, NULL, {.kind = HONE_ACT_SIGMOID}},
        {"HardSigmoid", "alpha", "beta", {.kind = HONE_ACT_HARD_SIGMOID, .a = 0.2f, .b = 0.5f}},
        {"HardSwish", NULL, NULL, {.kind = HONE_ACT_HARD_SWISH}},
        {"Tanh", NULL, NULL, {.kind = HONE_ACT_TANH}},
        {"Erf", NULL, NULL, {.kind = HONE_ACT_ERF}},
        {"Exp", NULL, NULL, {.kind = HONE_ACT_EXP}},
        {"Log", NULL, NULL, {.kind = HONE_ACT_LOG}},
        {"Sqrt", NULL, NULL, {.kind = HONE_ACT_SQRT}},
        {"Gelu", NULL, NULL, {.kind = HONE_ACT_GELU}},
    };
    size_t k = 0;
    while (strcmp(table[k].op, hone_onnx_text(node->op_type)) != 0) k++;
    struct hone_act_attrs act = table[k].act;
    if (table[k].a) act.a = hone_onnx_attr_float(node, table[k].a, act.a);
    if (table[k].b) act.b = hone_onnx_attr_float(node, table[k].b, act.b);
    if (act.kind == HONE_ACT_GELU && hone_onnx_attr_is(node, "approximate", "tanh"))
        act.kind = HONE_ACT_GELU_TANH;
    struct hone_onnx_tensor *x;
    HONE_TRY(act_input(im, node, &x));
    return hone_onnx_act_emit(im, node, x, x->value, act);
}

hone_status hone_onnx_pow(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x;
    const struct hone_onnx_const *exponent;
    HONE_TRY(act_input(im, node, &x));
    HONE_TRY(hone_onnx_input_const(im, node, 1, true, "exponent", &exponent));
    if (exponent->count != 1)
        return hone_fail(HONE_UNSUPPORTED, "only one exponent for all is supported");
    struct hone_act_attrs act = {.kind = HONE_ACT_POW,
                                 .a = (float)hone_onnx_const_number(exponent, 0)};
    return hone_onnx_act_emit(im, node, x, x->value, act);
}

hone_status hone_onnx_act_within(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                                 const struct hone_onnx_tensor *x, float lo, float hi) {
    if (lo <= -FLT_MAX && hi >= FLT_MAX) return hone_onnx_alias(im, node, x);
    // Relu and Clip 0..6 in a row are one clip.
    hone_value from = x->value;
    const struct hone_node *before = hone_graph_producer(im->graph, from);
    const struct hone_act_attrs *act =
        before && before->op == &hone_op_act ? before->attrs : &(struct hone_act_attrs){0};
    if (act->kind == HONE_ACT_CLIP && lo <= act->a && act->b <= hi)
        return hone_onnx_alias(im, node, x);
    if (act->kind == HONE_ACT_RELU && hi > 0) {
        from = before->inputs[0];
        if (lo < 0) lo = 0;
    }
    struct hone_act_attrs attrs = {.kind = HONE_ACT_CLIP, .a = lo, .b = hi};
    if (lo == 0 && hi >= FLT_MAX) attrs = (struct hone_act_attrs){.kind = HONE_ACT_RELU};
    return hone_onnx_act_emit(im, node, x, from, attrs);
}

hone_status hone_onnx_clip(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x;
    HONE_TRY(act_input(im, node, &x));
    float lo, hi;
    HONE_TRY(hone_onnx_scalar(im, node, 1, "min", -FLT_MAX, &lo));
    HONE_TRY(hone_onnx_scalar(im, node, 2, "max", FLT_MAX, &hi));
    if (!(lo <= hi)) return hone_fail(HONE_INVALID, "min %g is above max %g", lo, hi);
    return hone_onnx_act_within(im, node, x, lo, hi);
}

// ---- Put together
// -------------------------------------------------------------------------------------------

// An expression under way: nodes of one name in one graph.
struct act_terms {
    struct hone_onnx_import *im;
    const char *name;
};

static hone_value act_of(const struct act_terms *t, hone_value x, enum hone_act kind, float a,
                         float b) {
    struct hone_act_attrs attrs = {.kind = kind, .a = a, .b = b};
    return HONE_EMIT(t->im->graph, &hone_op_act, t->name, &attrs, x);
}

static hone_value act_above(const struct act_terms *t, hone_value x) { // max(x, 0)
    return act_of(t, x, HONE_ACT_RELU, 0, 0);
}

static hone_value act_below(const struct act_terms *t, hone_value x) { // min(x, 0)
    return act_of(t, x, HONE_ACT_CLIP, -FLT_MAX, 0);
}

static hone_value act_times(const struct act_terms *t, hone_value x, float factor) {
    struct hone_scale_attrs attrs = {.alpha = factor};
    return HONE_EMIT(t->im->graph, &hone_op_scale, t->name, &attrs, x);
}

static hone_value act_sum(const struct act_terms *t, hone_value a, hone_value b) {
    return HONE_EMIT(t->im->graph, &hone_op_add, t->name, NULL, a, b);
}

hone_value hone_onnx_emit_plus(struct hone_onnx_import *im, const char *name, hone_value x,
                               float term) {
    int index;
    float *data = hone_arena_alloc(&im->model->arena, 1, sizeof *data);
    if (data) *data = term;
    hone_status status =
        data ? hone_model_add_param(im->model, "term", HONE_PARAM_CONSTANT, HONE_LAYOUT_SAME,
                                    hone_desc_make(HONE_F32, 1, 1, 0, 0, 0), data, &index)
             : HONE_OUT_OF_MEMORY;
    if (status == HONE_OK)
        return HONE_EMIT(im->graph, &hone_op_add, name, NULL, x, im->model->params[index].value);
    hone_graph_fail(im->graph, status);
    return HONE_NO_VALUE;
}

static hone_value act_plus(const struct act_terms *t, hone_value x, float term) {
    return hone_onnx_emit_plus(t->im, t->name, x, term);
}

// log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)), which does not overflow.
static hone_value act_softplus(const struct act_terms *t, hone_value x) {
    hone_value above = act_above(t, x);
    hone_value minus = HONE_EMIT(t->im->graph, &hone_op_sub, t->name, NULL, act_below(t, x), above);
    hone_value one_more = act_plus(t, act_of(t, minus, HONE_ACT_EXP, 0, 0), 1);
    return act_sum(t, above, act_of(t, one_more, HONE_ACT_LOG, 0, 0));
}

hone_status hone_onnx_act_parts(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x;
    HONE_TRY(act_input(im, node, &x));
    const struct act_terms t = {im, hone_onnx_node_name(node)};
    const char *op = hone_onnx_text(node->op_type);
    bool leaky = strcmp(op, "LeakyRelu") == 0;
    float alpha = hone_onnx_attr_float(node, "alpha", leaky ? 0.01f : 1);
    hone_value y = x->value;
    if (leaky) { // alpha x + (1 - alpha) max(x, 0)
        y = act_sum(&t, act_times(&t, y, alpha), act_times(&t, act_above(&t, y), 1 - alpha));
    } else if (strcmp(op, "Elu") == 0) { // max(x, 0) + alpha (exp(min(x, 0)) - 1)
        hone_value grown = act_plus(&t, act_of(&t, act_below(&t, y), HONE_ACT_EXP, 0, 0), -1);
        y = act_sum(&t, act_above(&t, y), act_times(&t, grown, alpha));
    } else {
        y = act_softplus(&t, y);
        if (strcmp(op, "Mish") == 0)
            y = HONE_EMIT(im->graph, &hone_op_mul, t.name, NULL, x->value,
                          act_of(&t, y, HONE_ACT_TANH, 0, 0));
    }
    return hone_onnx_define(im, node, y, x->perm);
}

hone_status hone_onnx_abs(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x;
    HONE_TRY(act_input(im, node, &x));
    const struct act_terms t = {im, hone_onnx_node_name(node)};
    hone_value above = act_above(&t, x->value);
    hone_value y = HONE_EMIT(im->graph, &hone_op_sub, t.name, NULL, above, act_below(&t, x->value));
    return hone_onnx_define(im, node, y, x->perm);
}

hone_status hone_onnx_reciprocal(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x;
    HONE_TRY(act_input(im, node, &x));
    return hone_onnx_act_emit(im, node, x, x->value,
                              (struct hone_act_attrs){.kind = HONE_ACT_POW, .a = -1});
}

// Min and Max of an activation and one number.
hone_status hone_onnx_bound(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *in[2];
    if (node->n_input != 2)
        return hone_fail(HONE_UNSUPPORTED, "%zu inputs; two are supported", node->n_input);
    for (size_t k = 0; k < 2; k++) HONE_TRY(hone_onnx_input(im, node, k, true, &in[k]));
    int c = in[0]->state == HONE_ONNX_CONST ? 0 : 1;
    const struct hone_onnx_const *number = &in[c]->constant;
    bool fits = in[c]->state == HONE_ONNX_CONST && in[1 - c]->state == HONE_ONNX_NODE;
    if (!fits || number->count != 1 || !number->f)
        return hone_fail(HONE_UNSUPPORTED, "only with one number is it supported");
    bool least = strcmp(node->op_type, "Min") == 0;
    HONE_TRY(hone_onnx_settle(im, in[1 - c]));
    return hone_onnx_act_emit(im, node, in[1 - c], in[1 - c]->value,
                              (struct hone_act_attrs){.kind = HONE_ACT_CLIP,
                                                      .a = least ? -FLT_MAX : number->f[0],
                                                      .b = least ? number->f[0] : FLT_MAX});
}

// max(x, 0) + slope min(x, 0), the slope learned, of all channels or of each.
hone_status hone_onnx_prelu(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x;
    const struct hone_onnx_const *slope;
    HONE_TRY(act_input(im, node, &x));
    HONE_TRY(hone_onnx_input_const(im, node, 1, true, "slope", &slope));
    if (hone_onnx_rank(im, x) == 4) HONE_TRY(hone_onnx_arrange(im, x, hone_onnx_image));
    int64_t channels = hone_onnx_dim(im, x, 1);
    if (!slope->f || (slope->count != channels && slope->count != 1))
        return hone_fail(HONE_UNSUPPORTED, "its slope must be one number or one a channel");
    const struct act_terms t = {im, hone_onnx_node_name(node)};
    hone_value factor;
    HONE_TRY(hone_onnx_param(
        im, hone_onnx_name(im, node->input[1]), HONE_PARAM_FACTOR, HONE_LAYOUT_CHANNEL,
        hone_desc_make(HONE_F32, 1, (int32_t)slope->count, 0, 0, 0), NULL, &factor));
    hone_value below =
        HONE_EMIT(im->graph, &hone_op_mul, t.name, NULL, act_below(&t, x->value), factor);
    return hone_onnx_define(im, node, act_sum(&t, act_above(&t, x->value), below), x->perm);
}
