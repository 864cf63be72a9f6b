// onnx_arith.c: arithmetic. A constant operand becomes a parameter, a single number an attribute;
// x sigmoid(x), x hardsigmoid(x) and gelu in its parts are found and named.
#include "formats/onnx_fold.h"
#include "formats/onnx_import.h"

#include <float.h>
#include <math.h>
#include <string.h>

// ---- Constants
// --------------------------------------------------------------------------------------------

// y = x op c for the two operations that hone has; others are brought to them by changing c.
enum arith_change { ARITH_AS_IS, ARITH_NEGATE, ARITH_INVERT };
static float arith_changed(float value, enum arith_change change) {
    return change == ARITH_NEGATE ? -value : change == ARITH_INVERT ? 1 / value : value;
}

// The constant's dimensions at the rank of x, in the order of x's ir axes, and its elements in that
// order; *places: where they stand in the tensor that they are of, NULL where they are of none.
static hone_status arith_table(struct hone_onnx_import *im, const struct hone_onnx_tensor *x,
                               const struct hone_onnx_const *c, enum arith_change change,
                               struct hone_desc *desc, float **data, int32_t **places) {
    int rank = hone_onnx_rank(im, x), lead = rank - c->rank;
    int64_t dim[HONE_MAX_RANK] = {0}, step[HONE_MAX_RANK] = {0}, along[HONE_MAX_RANK] = {0};
    for (int d = 0; d < -lead; d++)
        if (c->dim[d] != 1)
            return hone_fail(HONE_UNSUPPORTED, "a constant of rank %d on rank %d", c->rank, rank);
    for (int i = 0; i < rank; i++) {
        int64_t size = i < lead ? 1 : c->dim[i - lead], stride = 1;
        for (int d = i - lead + 1; d < c->rank; d++)
            if (d >= 0) stride *= c->dim[d];
        dim[x->perm[i]] = size;
        step[x->perm[i]] = size == 1 ? 0 : stride;
    }
    if (dim[0] != 1) return hone_fail(HONE_UNSUPPORTED, "a constant that runs over the batch");
    float *out = hone_onnx_store_alloc(&im->store, c->count, sizeof *out);
    *places = NULL;
    if (out && c->places) *places = hone_onnx_store_alloc(&im->store, c->count, sizeof **places);
    if (!out || (c->places && !*places)) return hone_onnx_store_failure(&im->store);
    for (int64_t k = 0; k < c->count; k++) {
        int64_t from = 0;
        for (int j = 0; j < rank; j++) from += along[j] * step[j];
        out[k] = arith_changed(c->f[from], change);
        if (*places) (*places)[k] = c->places[from];
        for (int j = rank - 1; j >= 0 && ++along[j] == dim[j]; j--) along[j] = 0;
    }
    int first = 0;
    while (first < rank - 1 && dim[first] == 1) first++;
    *desc = (struct hone_desc){.dtype = HONE_F32, .rank = rank - first};
    for (int j = first; j < rank; j++) desc->dim[j - first] = (int32_t)dim[j];
    *data = out;
    return HONE_OK;
}

static bool is_near(double value, double want) {
    return fabs(value - want) < 1e-5 * fabs(want);
}

// x where `value` is 1 + erf(x / sqrt 2), else HONE_NO_VALUE.
static hone_value arith_gelu_gate(const struct hone_onnx_import *im, hone_value value) {
    const struct hone_node *add = hone_graph_producer(im->graph, value);
    if (!add || add->op != &hone_op_add) return HONE_NO_VALUE;
    int one = hone_model_param_of(im->model, add->inputs[1]);
    const struct hone_node *erf = hone_graph_producer(im->graph, add->inputs[0]);
    if (one < 0 || hone_desc_elements(hone_graph_desc(im->graph, add->inputs[1])) != 1 ||
        !is_near((double)im->model->params[one].data[0], 1) || !erf || erf->op != &hone_op_act ||
        ((const struct hone_act_attrs *)erf->attrs)->kind != HONE_ACT_ERF)
        return HONE_NO_VALUE;
    const struct hone_node *scale = hone_graph_producer(im->graph, erf->inputs[0]);
    bool fits = scale && scale->op == &hone_op_scale &&
                is_near((double)((const struct hone_scale_attrs *)scale->attrs)->alpha, sqrt(0.5));
    return fits ? scale->inputs[0] : HONE_NO_VALUE;
}

// x where `value` is x / 2, else HONE_NO_VALUE.
static hone_value arith_half(const struct hone_onnx_import *im, hone_value value) {
    const struct hone_node *node = hone_graph_producer(im->graph, value);
    bool fits = node && node->op == &hone_op_scale &&
                ((const struct hone_scale_attrs *)node->attrs)->alpha == 0.5f;
    return fits ? node->inputs[0] : HONE_NO_VALUE;
}

// x where a b or, with `half`, a b / 2 is gelu(x), else HONE_NO_VALUE.
static hone_value arith_gelu(const struct hone_onnx_import *im, hone_value a, hone_value b,
                             bool half) {
    for (int k = 0; k < 2; k++) {
        hone_value gate = arith_gelu_gate(im, k ? a : b), x = k ? b : a;
        if (gate != HONE_NO_VALUE && (half ? gate == x : gate == arith_half(im, x))) return gate;
    }
    return HONE_NO_VALUE;
}

static hone_status arith_scalar(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                                const struct hone_onnx_tensor *x, struct hone_onnx_tensor *c,
                                bool product, float value) {
    hone_value y;
    if (value == (product ? 1.0f : 0.0f)) return hone_onnx_alias(im, node, x);
    const struct hone_node *mul = hone_graph_producer(im->graph, x->value);
    if (product && value == 0.5f && mul && mul->op == &hone_op_mul) {
        hone_value of = arith_gelu(im, mul->inputs[0], mul->inputs[1], true);
        if (of != HONE_NO_VALUE)
            return hone_onnx_act_emit(im, node, x, of,
                                      (struct hone_act_attrs){.kind = HONE_ACT_GELU});
    }
    if (product) {
        struct hone_scale_attrs attrs = {.alpha = value};
        y = HONE_EMIT(im->graph, &hone_op_scale, hone_onnx_node_name(node), &attrs, x->value);
    } else {
        hone_value term;
        HONE_TRY(hone_onnx_param(im, c, HONE_PARAM_CONSTANT, HONE_LAYOUT_SAME,
                                 hone_desc_make(HONE_F32, 1, 1, 0, 0, 0), &value, &term));
        y = HONE_EMIT(im->graph, &hone_op_add, hone_onnx_node_name(node), NULL, x->value, term);
    }
    return hone_onnx_define(im, node, y, x->perm);
}

// x, which is brought into an order that c fits, op c.
static hone_status arith_table_of(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                                  struct hone_onnx_tensor *x, struct hone_onnx_tensor *c,
                                  bool product, enum arith_change change, hone_value *y) {
    int rank = hone_onnx_rank(im, x);
    bool image = rank == 4 && hone_onnx_is(x, hone_onnx_image, rank);
    int8_t order[HONE_MAX_RANK];
    hone_onnx_file_order(im, x, order);
    int axes = 0; // of more than one: a list is the same in any order
    for (int d = 0; d < c->constant.rank; d++) axes += c->constant.dim[d] > 1;
    if (!image && axes > 1) HONE_TRY(hone_onnx_arrange(im, x, order));
    struct hone_desc desc;
    float *data;
    int32_t *places;
    HONE_TRY(arith_table(im, x, &c->constant, change, &desc, &data, &places));
    bool fixed = !c->initializer || hone_onnx_on_picture(im, x->value);
    enum hone_param_kind kind = fixed     ? HONE_PARAM_CONSTANT
                                : product ? HONE_PARAM_FACTOR
                                          : HONE_PARAM_TERM;
    hone_value param;
    if (places && change == ARITH_AS_IS)
        HONE_TRY(hone_onnx_gather_param(im, c->constant.source, desc, places, &param));
    else
        HONE_TRY(hone_onnx_param(im, c, kind, image ? HONE_LAYOUT_CHANNEL : HONE_LAYOUT_SAME, desc,
                                 data, &param));
    *y = HONE_EMIT(im->graph, product ? &hone_op_mul : &hone_op_add, hone_onnx_node_name(node),
                   NULL, x->value, param);
    return hone_graph_status(im->graph);
}

static hone_status arith_const(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                               struct hone_onnx_tensor *x, struct hone_onnx_tensor *c, bool product,
                               enum arith_change change) {
    if (!c->constant.f || hone_onnx_const_marked(&c->constant) || c->constant.count == 0)
        return hone_fail(HONE_UNSUPPORTED,
                         "constant '%s' must be floats and not depend on the batch", c->name);
    HONE_TRY(hone_onnx_settle(im, x));
    if (c->constant.count == 1)
        return arith_scalar(im, node, x, c, product, arith_changed(c->constant.f[0], change));
    hone_value y;
    HONE_TRY(arith_table_of(im, node, x, c, product, change, &y));
    return hone_onnx_define(im, node, y, x->perm);
}

// ---- Two activations
// --------------------------------------------------------------------------------------

// Both in one order of axes.
static hone_status arith_agree(struct hone_onnx_import *im, struct hone_onnx_tensor *a,
                               struct hone_onnx_tensor *b) {
    int rank = hone_onnx_rank(im, a);
    if (rank != hone_onnx_rank(im, b))
        return hone_fail(HONE_UNSUPPORTED, "activations of rank %d and %d", rank,
                         hone_onnx_rank(im, b));
    HONE_TRY(hone_onnx_settle(im, a));
    HONE_TRY(hone_onnx_settle(im, b));
    if (hone_graph_desc(im->graph, a->value)->dim[0] !=
        hone_graph_desc(im->graph, b->value)->dim[0])
        return hone_fail(HONE_UNSUPPORTED, "'%s' and '%s' differ in their rows a picture", a->name,
                         b->name);
    if (hone_onnx_is(a, b->perm, rank)) return HONE_OK;
    bool image =
        rank == 4 && (hone_onnx_is(a, hone_onnx_image, 4) || hone_onnx_is(b, hone_onnx_image, 4));
    int8_t order[HONE_MAX_RANK];
    hone_onnx_file_order(im, a, order);
    HONE_TRY(hone_onnx_arrange(im, a, image ? hone_onnx_image : order));
    return hone_onnx_arrange(im, b, image ? hone_onnx_image : order);
}

// The activation that defines `value`, or NULL.
static const struct hone_node *act_of(const struct hone_onnx_import *im, hone_value value) {
    const struct hone_node *node = hone_graph_producer(im->graph, value);
    return node && node->op == &hone_op_act ? node : NULL;
}

// silu or hard_swish where `gate` is a gate of x, else HONE_ACT_NONE.
static enum hone_act arith_gate(const struct hone_onnx_import *im, hone_value x, hone_value gate) {
    const struct hone_node *node = act_of(im, gate);
    if (!node || node->inputs[0] != x) return HONE_ACT_NONE;
    const struct hone_act_attrs *a = node->attrs;
    if (a->kind == HONE_ACT_SIGMOID) return HONE_ACT_SILU;
    bool swish = a->kind == HONE_ACT_HARD_SIGMOID && fabsf(a->a - 1 / 6.0f) < 1e-6f && a->b == 0.5f;
    return swish ? HONE_ACT_HARD_SWISH : HONE_ACT_NONE;
}

static hone_status arith_values(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                                struct hone_onnx_tensor *a, struct hone_onnx_tensor *b,
                                const struct hone_op *op) {
    HONE_TRY(arith_agree(im, a, b));
    bool product = op == &hone_op_mul;
    hone_value gelu = product ? arith_gelu(im, a->value, b->value, false) : HONE_NO_VALUE;
    if (gelu != HONE_NO_VALUE)
        return hone_onnx_act_emit(im, node, a, gelu,
                                  (struct hone_act_attrs){.kind = HONE_ACT_GELU});
    enum hone_act ab = product ? arith_gate(im, a->value, b->value) : HONE_ACT_NONE;
    enum hone_act ba = product ? arith_gate(im, b->value, a->value) : HONE_ACT_NONE;
    if (ab != HONE_ACT_NONE)
        return hone_onnx_act_emit(im, node, a, a->value, (struct hone_act_attrs){.kind = ab});
    if (ba != HONE_ACT_NONE)
        return hone_onnx_act_emit(im, node, b, b->value, (struct hone_act_attrs){.kind = ba});
    hone_value y = HONE_EMIT(im->graph, op, hone_onnx_node_name(node), NULL, a->value, b->value);
    return hone_onnx_define(im, node, y, a->perm);
}

// Both inputs, and which of them is constant: 0, 1, or -1 for none.
static hone_status arith_inputs(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                                struct hone_onnx_tensor *in[2], int *constant) {
    for (size_t k = 0; k < 2; k++) HONE_TRY(hone_onnx_input(im, node, k, true, &in[k]));
    *constant = in[0]->state == HONE_ONNX_CONST ? 0 : in[1]->state == HONE_ONNX_CONST ? 1 : -1;
    if (*constant == 0 && in[1]->state == HONE_ONNX_CONST)
        return hone_fail(HONE_UNSUPPORTED, "both its inputs are constant");
    return HONE_OK;
}

static hone_status arith_commutes(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                                  bool product) {
    struct hone_onnx_tensor *in[2];
    int constant;
    HONE_TRY(arith_inputs(im, node, in, &constant));
    if (constant < 0)
        return arith_values(im, node, in[0], in[1], product ? &hone_op_mul : &hone_op_add);
    return arith_const(im, node, in[1 - constant], in[constant], product, ARITH_AS_IS);
}

hone_status hone_onnx_add(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    return arith_commutes(im, node, false);
}

hone_status hone_onnx_mul(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    return arith_commutes(im, node, true);
}

// A copy of x that is multiplied by -1, for what subtracts it.
static hone_status arith_negated(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                                 struct hone_onnx_tensor *x, struct hone_onnx_tensor *out) {
    HONE_TRY(hone_onnx_settle(im, x));
    *out = *x;
    struct hone_scale_attrs minus = {.alpha = -1};
    out->value = HONE_EMIT(im->graph, &hone_op_scale, hone_onnx_node_name(node), &minus, x->value);
    return hone_graph_status(im->graph);
}

hone_status hone_onnx_sub(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *in[2], minus;
    int constant;
    HONE_TRY(arith_inputs(im, node, in, &constant));
    if (constant == 1) return arith_const(im, node, in[0], in[1], false, ARITH_NEGATE);
    if (constant < 0) return arith_values(im, node, in[0], in[1], &hone_op_sub);
    HONE_TRY(arith_negated(im, node, in[1], &minus));
    return arith_const(im, node, &minus, in[0], false, ARITH_AS_IS);
}

hone_status hone_onnx_div(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *in[2];
    int constant;
    HONE_TRY(arith_inputs(im, node, in, &constant));
    if (constant == 0)
        return hone_fail(HONE_UNSUPPORTED, "a division of a constant is not supported");
    if (constant < 0) {
        bool done;
        HONE_TRY(hone_onnx_layer_norm_of(im, node, &done));
        return done ? HONE_OK : arith_values(im, node, in[0], in[1], &hone_op_div);
    }
    return arith_const(im, node, in[0], in[1], true, ARITH_INVERT);
}

hone_status hone_onnx_neg(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x, minus;
    HONE_TRY(hone_onnx_input_value(im, node, 0, &x));
    HONE_TRY(arith_negated(im, node, x, &minus));
    return hone_onnx_define(im, node, minus.value, minus.perm);
}

// Any number of activations: a chain of adds.
hone_status hone_onnx_sum(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *first, *next;
    HONE_TRY(hone_onnx_input_value(im, node, 0, &first));
    HONE_TRY(hone_onnx_settle(im, first));
    struct hone_onnx_tensor sum = *first;
    for (size_t k = 1; k < node->n_input; k++) {
        HONE_TRY(hone_onnx_input_value(im, node, k, &next));
        HONE_TRY(arith_agree(im, &sum, next));
        sum.value = HONE_EMIT(im->graph, &hone_op_add, hone_onnx_node_name(node), NULL, sum.value,
                              next->value);
    }
    return hone_onnx_define(im, node, sum.value, sum.perm);
}

// ---- Where
// ------------------------------------------------------------------------------------------------

// 1 where the condition is `wanted`, else 0; with numbers given, these in place of 1, and the
// largest in place of infinity, which 0 could not be multiplied with.
static hone_status where_table(struct hone_onnx_import *im, const struct hone_onnx_const *condition,
                               bool wanted, const struct hone_onnx_const *numbers,
                               struct hone_onnx_tensor *out) {
    struct hone_onnx_const *c = &out->constant;
    int64_t along[HONE_ONNX_MAX_RANK] = {0};
    out->state = HONE_ONNX_CONST;
    out->param = -1;
    HONE_TRY(hone_onnx_fold_broadcast(condition, numbers ? numbers : condition, c));
    HONE_TRY(hone_onnx_const_measure(c));
    float *f = hone_onnx_store_alloc(&im->store, c->count, sizeof *f);
    if (!f) return hone_onnx_store_failure(&im->store);
    for (int64_t k = 0; k < c->count; k++, hone_onnx_fold_next(c, along)) {
        if ((condition->i[hone_onnx_fold_offset(condition, c->rank, along)] != 0) != wanted)
            continue;
        float value = numbers ? numbers->f[hone_onnx_fold_offset(numbers, c->rank, along)] : 1;
        f[k] = fmaxf(fminf(value, FLT_MAX), -FLT_MAX);
    }
    c->f = f;
    return HONE_OK;
}

// With a condition that is known: what is chosen times 1, and what is not times 0.
hone_status hone_onnx_where(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *in[3], part[2];
    int count = 0, constant = -1;
    for (size_t k = 0; k < 3; k++) HONE_TRY(hone_onnx_input(im, node, k, true, &in[k]));
    const struct hone_onnx_const *condition = &in[0]->constant;
    if (in[0]->state != HONE_ONNX_CONST || !condition->i || hone_onnx_const_marked(condition))
        return hone_fail(HONE_UNSUPPORTED,
                         "its condition '%s' must be known at import, the same for every picture",
                         in[0]->name);
    for (int k = 0; k < 2; k++) {
        if (in[1 + k]->state == HONE_ONNX_CONST) {
            constant = k;
            continue;
        }
        struct hone_onnx_tensor share = {.name = in[0]->name}, *x = &part[count++];
        *x = *in[1 + k];
        HONE_TRY(where_table(im, condition, k == 0, NULL, &share));
        HONE_TRY(hone_onnx_settle(im, x));
        HONE_TRY(arith_table_of(im, node, x, &share, true, ARITH_AS_IS, &x->value));
    }
    if (count == 2) return arith_values(im, node, &part[0], &part[1], &hone_op_add);
    struct hone_onnx_tensor term = {.name = in[1 + constant]->name};
    if (!in[1 + constant]->constant.f) return hone_fail(HONE_INVALID, "it chooses no floats");
    HONE_TRY(where_table(im, condition, constant == 0, &in[1 + constant]->constant, &term));
    return arith_const(im, node, &part[0], &term, false, ARITH_AS_IS);
}
