// onnx_export_ops.c: how each operator of an inference graph is said in ONNX, opset 13.
#include "formats/onnx_export_ops.h"

#include <string.h>

static const int8_t put_plain[HONE_MAX_RANK] = {0, 1, 2, 3, 4, 5};
static const int8_t put_image[HONE_MAX_RANK] = {0, 3, 1, 2};

const struct hone_desc *hone_onnx_put_desc(const struct hone_onnx_writer *w, hone_value value) {
    return hone_graph_desc(w->model->graph, value);
}

static struct hone_onnx_written *put_of(struct hone_onnx_writer *w, hone_value value) {
    return &w->values[value];
}

// ---- Operands
// -----------------------------------------------------------------------------------------------

// Position of ir axis `axis` under this order.
static int put_axis(const int8_t *perm, int axis) {
    int i = 0;
    while (i < HONE_MAX_RANK - 1 && perm[i] != axis) i++;
    return i;
}

// Name of `value` with its axes in this order; a Transpose is written where it has another.
const char *hone_onnx_put_in(struct hone_onnx_writer *w, hone_value value, const int8_t *perm) {
    struct hone_onnx_written *from = put_of(w, value);
    int rank = hone_onnx_put_desc(w, value)->rank;
    if (!from->name || memcmp(from->perm, perm, (size_t)rank) == 0)
        return from->name ? from->name : "";
    if (from->turned && memcmp(from->turned_perm, perm, (size_t)rank) == 0) return from->turned;
    int64_t move[HONE_MAX_RANK];
    for (int i = 0; i < rank; i++) move[i] = put_axis(from->perm, perm[i]);
    const char *name = hone_onnx_make_name(w);
    HoneOnnx__Node *node = hone_onnx_put_node(w, "Transpose", name, name, 1, &from->name);
    hone_onnx_put_ints(w, node, "perm", (size_t)rank, move);
    from->turned = name;
    memcpy(from->turned_perm, perm, (size_t)rank);
    return name;
}

// What operators on pictures want: (N,C,H,W) for rank 4.
static const int8_t *put_natural(const struct hone_onnx_writer *w, hone_value value) {
    return hone_onnx_put_desc(w, value)->rank == 4 ? put_image : put_plain;
}

// Registers the node's result and gives it its name.
const char *hone_onnx_put_out(struct hone_onnx_writer *w, hone_value value, const int8_t *perm) {
    struct hone_onnx_written *to = put_of(w, value);
    memcpy(to->perm, perm, sizeof to->perm);
    if (value == w->model->output)
        to->name = w->model->output_kind == HONE_MODEL_FEATURES ? "features" : "logits";
    else
        to->name = hone_onnx_make_name(w);
    return to->name;
}

// A parameter in the layout of the file; written at its first use.
const char *hone_onnx_put_param(struct hone_onnx_writer *w, hone_value value) {
    struct hone_onnx_written *to = put_of(w, value);
    int index = hone_model_param_of(w->model, value);
    if (to->name || w->status != HONE_OK) return to->name ? to->name : "";
    if (index < 0) {
        hone_onnx_writer_fail(w, hone_fail(HONE_UNSUPPORTED, "weights that are computed"));
        return "";
    }
    const struct hone_param *param = &w->model->params[index];
    const struct hone_desc *desc = hone_onnx_put_desc(w, value);
    int64_t dim[HONE_MAX_RANK] = {0};
    for (int i = 0; i < desc->rank; i++) dim[i] = desc->dim[i];
    const float *data = param->data;
    if (param->layout == HONE_LAYOUT_FILTER) { // (K,R,S,C) to (K,C,R,S)
        float *moved = hone_arena_alloc(&w->arena, (size_t)hone_desc_elements(desc), sizeof *moved);
        if (!moved) hone_onnx_writer_fail(w, HONE_OUT_OF_MEMORY);
        int64_t area = dim[1] * dim[2], channels = dim[3];
        for (int64_t k = 0; moved && k < dim[0]; k++)
            for (int64_t rs = 0; rs < area; rs++)
                for (int64_t c = 0; c < channels; c++)
                    moved[(k * channels + c) * area + rs] = data[(k * area + rs) * channels + c];
        const int64_t file[4] = {dim[0], dim[3], dim[1], dim[2]};
        memcpy(dim, file, sizeof file);
        data = moved;
    }
    to->name = hone_onnx_put_tensor(w, hone_onnx_param_name(w, param), HONE_ONNX_FLOAT, desc->rank,
                                    dim, data);
    return to->name;
}

// The elements of a parameter of desc's shape as the file has them beside a value of `rank` in
// order `perm`: broadcast dimensions in front are left out. NULL after a failure.
static float *put_arranged(struct hone_onnx_writer *w, hone_value value, int rank,
                           const int8_t *perm, int64_t dim[HONE_MAX_RANK], int *left) {
    const struct hone_param *param = &w->model->params[hone_model_param_of(w->model, value)];
    const struct hone_desc *desc = hone_onnx_put_desc(w, value);
    int64_t ir[HONE_MAX_RANK] = {0}, step[HONE_MAX_RANK] = {0}, all[HONE_MAX_RANK] = {0};
    int64_t along[HONE_MAX_RANK] = {0};
    int lead = rank - desc->rank;
    for (int j = rank - 1, stride = 1; j >= 0; j--) {
        ir[j] = j < lead ? 1 : desc->dim[j - lead];
        step[j] = stride;
        stride *= (int)ir[j];
    }
    for (int i = 0; i < rank; i++) all[i] = ir[perm[i]];
    int64_t count = hone_desc_elements(desc);
    float *data = hone_arena_alloc(&w->arena, (size_t)count, sizeof *data);
    if (!data) hone_onnx_writer_fail(w, HONE_OUT_OF_MEMORY);
    for (int64_t k = 0; data && k < count; k++) {
        int64_t from = 0;
        for (int i = 0; i < rank; i++) from += along[i] * step[perm[i]];
        data[k] = param->data[from];
        for (int i = rank - 1; i >= 0 && ++along[i] == all[i]; i--) along[i] = 0;
    }
    int first = 0;
    while (first < rank - 1 && all[first] == 1) first++;
    *left = rank - first;
    memcpy(dim, all + first, (size_t)*left * sizeof *dim);
    return data;
}

// A constant operand of add and mul, to be broadcast against a value of `rank` in order `perm`.
static const char *put_table(struct hone_onnx_writer *w, hone_value value, int rank,
                             const int8_t *perm) {
    const struct hone_param *param = &w->model->params[hone_model_param_of(w->model, value)];
    int64_t dim[HONE_MAX_RANK];
    int left;
    const float *data = put_arranged(w, value, rank, perm, dim, &left);
    if (!data) return "";
    const char *name = hone_onnx_param_name(w, param);
    struct hone_onnx_written *to = put_of(w, value);
    if (to->name) name = hone_onnx_make_name(w); // used before, perhaps in another order
    to->name = name;
    if (param->kind == HONE_PARAM_CONSTANT && hone_desc_elements(hone_onnx_put_desc(w, value)) > 1)
        return hone_onnx_put_constant(w, name, left, dim, data);
    return hone_onnx_put_tensor(w, name, HONE_ONNX_FLOAT, left, dim, data);
}

// Nothing is written: who adds or multiplies with the result writes it in its own order of axes.
static void put_op_gather(struct hone_onnx_writer *w, const struct hone_node *node) {
    (void)w;
    (void)node;
}

static const struct hone_node *put_gather_of(const struct hone_onnx_writer *w, hone_value value) {
    const struct hone_node *node = hone_graph_producer(w->model->graph, value);
    return node && node->op == &hone_op_gather ? node : NULL;
}

// The same of elements of a table.
static const char *put_gathered(struct hone_onnx_writer *w, const struct hone_node *node, int rank,
                                const int8_t *perm) {
    int64_t dim[HONE_MAX_RANK];
    int left;
    const float *places = put_arranged(w, node->inputs[1], rank, perm, dim, &left);
    int64_t count = hone_desc_elements(hone_onnx_put_desc(w, node->outputs[0]));
    int64_t *index = places ? hone_arena_alloc(&w->arena, (size_t)count, sizeof *index) : NULL;
    if (!index) {
        hone_onnx_writer_fail(w, HONE_OUT_OF_MEMORY);
        return "";
    }
    for (int64_t k = 0; k < count; k++) index[k] = (int64_t)places[k];
    const char *table = hone_onnx_put_param(w, node->inputs[0]);
    const char *flat = hone_onnx_put_list(w, 1, (const int64_t[]){-1});
    flat = hone_onnx_put_step(w, "Reshape", table, flat);
    return hone_onnx_put_step(
        w, "Gather", flat,
        hone_onnx_put_tensor(w, hone_onnx_make_name(w), HONE_ONNX_INT64, left, dim, index));
}

const char *hone_onnx_put_fixed(struct hone_onnx_writer *w, hone_value value, int rank,
                                const int8_t *perm) {
    const struct hone_node *gather = put_gather_of(w, value);
    return gather ? put_gathered(w, gather, rank, perm) : put_table(w, value, rank, perm);
}

// A sum of such, which is written where it is used.
static bool put_is_fixed_sum(const struct hone_onnx_writer *w, hone_value value) {
    const struct hone_node *node = hone_graph_producer(w->model->graph, value);
    if (!node) return hone_model_param_of(w->model, value) >= 0;
    return node->op == &hone_op_gather ||
           (node->op == &hone_op_add && put_is_fixed_sum(w, node->inputs[0]) &&
            put_is_fixed_sum(w, node->inputs[1]));
}

// ---- Activations
// --------------------------------------------------------------------------------------------

// The name that a node with a fused activation writes first, and the activation behind it.
static const char *put_before_act(struct hone_onnx_writer *w, const struct hone_act_attrs *act,
                                  const char *out) {
    return act->kind == HONE_ACT_NONE ? out : hone_onnx_make_name(w);
}
static void put_behind(struct hone_onnx_writer *w, const char *name,
                       const struct hone_act_attrs *act, const char *before, const char *out) {
    if (act->kind != HONE_ACT_NONE) hone_onnx_put_act(w, name, before, out, act);
}

static void put_op_act(struct hone_onnx_writer *w, const struct hone_node *node) {
    const struct hone_onnx_written *x = put_of(w, node->inputs[0]);
    const char *in = x->name;
    hone_onnx_put_act(w, node->name, in, hone_onnx_put_out(w, node->outputs[0], x->perm),
                      node->attrs);
}

// ---- Weights
// ------------------------------------------------------------------------------------------------

static void put_op_conv2d(struct hone_onnx_writer *w, const struct hone_node *node) {
    const struct hone_conv2d_attrs *a = node->attrs;
    const struct hone_desc *filter = hone_onnx_put_desc(w, node->inputs[1]);
    const char *in[3] = {hone_onnx_put_in(w, node->inputs[0], put_image),
                         hone_onnx_put_param(w, node->inputs[1]), ""};
    bool bias = node->input_count > 2 && node->inputs[2] != HONE_NO_VALUE;
    if (bias) in[2] = hone_onnx_put_param(w, node->inputs[2]);
    const char *out = hone_onnx_put_out(w, node->outputs[0], put_image);
    const char *before = put_before_act(w, &a->act, out);
    HoneOnnx__Node *conv = hone_onnx_put_node(w, "Conv", node->name, before, bias ? 3 : 2, in);
    hone_onnx_put_sizes(w, conv, "dilations", 2, a->dilation);
    hone_onnx_put_int(w, conv, "group", a->groups);
    hone_onnx_put_sizes(w, conv, "kernel_shape", 2, &filter->dim[1]);
    hone_onnx_put_sizes(w, conv, "pads", 4, a->pad);
    hone_onnx_put_sizes(w, conv, "strides", 2, a->stride);
    put_behind(w, node->name, &a->act, before, out);
}

// Over the last of more axes than two, for which Gemm has no form.
static void put_rows_matmul(struct hone_onnx_writer *w, const struct hone_node *node, bool bias) {
    const struct hone_matmul_attrs *a = node->attrs;
    const char *weight = hone_onnx_put_param(w, node->inputs[1]);
    const char *x = hone_onnx_put_in(w, node->inputs[0], put_plain);
    if (a->trans_b) {
        const char *turned = hone_onnx_make_name(w);
        hone_onnx_put_node(w, "Transpose", turned, turned, 1, &weight);
        weight = turned;
    }
    const char *out = hone_onnx_put_out(w, node->outputs[0], put_plain);
    const char *before = put_before_act(w, &a->act, out);
    const char *product = bias ? hone_onnx_make_name(w) : before;
    hone_onnx_put_node(w, "MatMul", bias ? product : node->name, product, 2,
                       (const char *[]){x, weight});
    if (bias)
        hone_onnx_put_node(w, "Add", node->name, before, 2,
                           (const char *[]){product, hone_onnx_put_param(w, node->inputs[2])});
    put_behind(w, node->name, &a->act, before, out);
}

static void put_op_matmul(struct hone_onnx_writer *w, const struct hone_node *node) {
    const struct hone_matmul_attrs *a = node->attrs;
    if (a->trans_a) {
        hone_onnx_writer_fail(w, hone_fail(HONE_UNSUPPORTED, "a transposed batch"));
        return;
    }
    bool bias = node->input_count > 2 && node->inputs[2] != HONE_NO_VALUE;
    if (hone_onnx_put_desc(w, node->inputs[0])->rank > 2) {
        put_rows_matmul(w, node, bias);
        return;
    }
    const char *in[3] = {hone_onnx_put_in(w, node->inputs[0], put_plain),
                         hone_onnx_put_param(w, node->inputs[1]), ""};
    if (bias) in[2] = hone_onnx_put_param(w, node->inputs[2]);
    const char *out = hone_onnx_put_out(w, node->outputs[0], put_plain);
    const char *before = put_before_act(w, &a->act, out);
    HoneOnnx__Node *gemm = hone_onnx_put_node(w, "Gemm", node->name, before, bias ? 3 : 2, in);
    hone_onnx_put_float(w, gemm, "alpha", 1);
    hone_onnx_put_float(w, gemm, "beta", 1);
    hone_onnx_put_int(w, gemm, "transB", a->trans_b != 0);
    put_behind(w, node->name, &a->act, before, out);
}

static void put_op_batch_norm(struct hone_onnx_writer *w, const struct hone_node *node) {
    const int8_t *perm = put_natural(w, node->inputs[0]);
    const char *in[5] = {hone_onnx_put_in(w, node->inputs[0], perm)};
    for (int k = 1; k < 5; k++) in[k] = hone_onnx_put_param(w, node->inputs[k]);
    HoneOnnx__Node *norm = hone_onnx_put_node(w, "BatchNormalization", node->name,
                                              hone_onnx_put_out(w, node->outputs[0], perm), 5, in);
    hone_onnx_put_float(w, norm, "epsilon",
                        ((const struct hone_batch_norm_attrs *)node->attrs)->eps);
}

static void put_op_layer_norm(struct hone_onnx_writer *w, const struct hone_node *node) {
    const struct hone_onnx_written *x = put_of(w, node->inputs[0]);
    int last = hone_onnx_put_desc(w, node->inputs[0])->rank - 1;
    const int8_t *perm = x->perm[last] == last ? x->perm : put_plain;
    int shift = hone_model_param_of(w->model, node->inputs[2]);
    bool has_shift = shift < 0 || w->model->params[shift].kind != HONE_PARAM_CONSTANT;
    const char *in[3] = {hone_onnx_put_in(w, node->inputs[0], perm),
                         hone_onnx_put_param(w, node->inputs[1])};
    if (has_shift) in[2] = hone_onnx_put_param(w, node->inputs[2]);
    HoneOnnx__Node *norm =
        hone_onnx_put_node(w, "LayerNormalization", node->name,
                           hone_onnx_put_out(w, node->outputs[0], perm), has_shift ? 3 : 2, in);
    hone_onnx_put_int(w, norm, "axis", -1);
    hone_onnx_put_float(w, norm, "epsilon",
                        ((const struct hone_layer_norm_attrs *)node->attrs)->eps);
    w->opset = 17; // that began to have it
}

// ---- Arithmetic
// ---------------------------------------------------------------------------------------------

static void put_arith(struct hone_onnx_writer *w, const struct hone_node *node, const char *op) {
    bool constant[2];
    for (int k = 0; k < 2; k++)
        constant[k] = hone_model_param_of(w->model, node->inputs[k]) >= 0 ||
                      put_gather_of(w, node->inputs[k]);
    hone_value x = node->inputs[constant[0] ? 1 : 0];
    int8_t perm[HONE_MAX_RANK];
    memcpy(perm, put_of(w, x)->perm, sizeof perm);
    const char *in[2];
    int rank = hone_onnx_put_desc(w, x)->rank;
    for (int k = 0; k < 2; k++) {
        int other = hone_onnx_put_desc(w, node->inputs[k])->rank;
        if (constant[0] && constant[1] ? true : constant[k] ? other > rank : other != rank) {
            hone_onnx_writer_fail(w, hone_fail(HONE_UNSUPPORTED, "operands of different rank"));
            return;
        }
        in[k] = constant[k] ? hone_onnx_put_fixed(w, node->inputs[k], rank, perm)
                            : hone_onnx_put_in(w, node->inputs[k], perm);
    }
    hone_onnx_put_node(w, op, node->name, hone_onnx_put_out(w, node->outputs[0], perm), 2, in);
}

static void put_op_add(struct hone_onnx_writer *w, const struct hone_node *node) {
    if (put_is_fixed_sum(w, node->outputs[0])) return;
    put_arith(w, node, "Add");
}

static void put_op_mul(struct hone_onnx_writer *w, const struct hone_node *node) {
    put_arith(w, node, "Mul");
}

static void put_op_sub(struct hone_onnx_writer *w, const struct hone_node *node) {
    put_arith(w, node, "Sub");
}

static void put_op_div(struct hone_onnx_writer *w, const struct hone_node *node) {
    put_arith(w, node, "Div");
}

// Sums over axes that stay with size 1.
static void put_op_reduce_to(struct hone_onnx_writer *w, const struct hone_node *node) {
    const struct hone_onnx_written *x = put_of(w, node->inputs[0]);
    const struct hone_desc *from = hone_onnx_put_desc(w, node->inputs[0]),
                           *to = hone_onnx_put_desc(w, node->outputs[0]);
    int64_t axes[HONE_MAX_RANK];
    size_t count = 0;
    if (from->rank != to->rank) {
        hone_onnx_writer_fail(w, hone_fail(HONE_UNSUPPORTED, "a sum that drops axes"));
        return;
    }
    for (int i = 1; i < from->rank; i++)
        if (to->dim[x->perm[i]] != from->dim[x->perm[i]]) axes[count++] = i;
    const char *in[2] = {x->name, hone_onnx_put_list(w, count, axes)};
    hone_onnx_put_node(w, "ReduceSum", node->name, hone_onnx_put_out(w, node->outputs[0], x->perm),
                       2, in);
}

static void put_op_scale(struct hone_onnx_writer *w, const struct hone_node *node) {
    const struct hone_onnx_written *x = put_of(w, node->inputs[0]);
    const char *alpha =
        hone_onnx_put_scalar(w, ((const struct hone_scale_attrs *)node->attrs)->alpha);
    hone_onnx_put_node(w, "Mul", node->name, hone_onnx_put_out(w, node->outputs[0], x->perm), 2,
                       (const char *[]){x->name, alpha});
}

// ---- Layout
// -------------------------------------------------------------------------------------------------

// True when the file's order of axes and ir's give the elements in the same order.
static bool put_in_order(const struct hone_onnx_writer *w, hone_value value) {
    const struct hone_desc *desc = hone_onnx_put_desc(w, value);
    const int8_t *perm = w->values[value].perm;
    int last = 0;
    for (int i = 1; i < desc->rank; i++) {
        if (desc->dim[perm[i]] == 1) continue;
        if (perm[i] < last) return false;
        last = perm[i];
    }
    return true;
}

static void put_op_reshape(struct hone_onnx_writer *w, const struct hone_node *node) {
    const struct hone_shape_attrs *a = node->attrs;
    const struct hone_desc *desc = hone_onnx_put_desc(w, node->outputs[0]);
    int64_t batch = a->dim[0]; // 0: as it is; -1: joined with other axes, or parted from them
    if (batch > 0) {
        hone_onnx_writer_fail(w, hone_fail(HONE_UNSUPPORTED, "a reshape to a batch of its own"));
        return;
    }
    hone_value x = node->inputs[0];
    const char *in = put_in_order(w, x) ? put_of(w, x)->name : hone_onnx_put_in(w, x, put_plain);
    if (desc->rank == 2 && batch == 0) {
        HoneOnnx__Node *flat = hone_onnx_put_node(
            w, "Flatten", node->name, hone_onnx_put_out(w, node->outputs[0], put_plain), 1, &in);
        hone_onnx_put_int(w, flat, "axis", 1);
        return;
    }
    bool pixel = desc->rank == 4 && desc->dim[1] == 1 && desc->dim[2] == 1;
    int64_t dim[HONE_MAX_RANK] = {batch};
    for (int i = 1; i < desc->rank; i++) dim[i] = desc->dim[pixel ? put_image[i] : i];
    const char *shape = hone_onnx_put_list(w, (size_t)desc->rank, dim);
    hone_onnx_put_node(w, "Reshape", node->name,
                       hone_onnx_put_out(w, node->outputs[0], pixel ? put_image : put_plain), 2,
                       (const char *[]){in, shape});
}

// Nothing is written: the same tensor, its axes seen in another order.
static void put_op_permute(struct hone_onnx_writer *w, const struct hone_node *node) {
    const struct hone_permute_attrs *a = node->attrs;
    const struct hone_onnx_written *x = put_of(w, node->inputs[0]);
    int8_t perm[HONE_MAX_RANK] = {0, 1, 2, 3}, inverse[HONE_MAX_RANK] = {0};
    int rank = hone_onnx_put_desc(w, node->inputs[0])->rank;
    for (int i = 0; i < rank; i++) inverse[a->perm[i]] = (int8_t)i;
    for (int i = 0; i < rank; i++) perm[i] = inverse[x->perm[i]];
    if (node->outputs[0] == w->model->output) { // it needs a tensor of its own
        const char *in = x->name;
        hone_onnx_put_node(w, "Identity", node->name, hone_onnx_put_out(w, node->outputs[0], perm),
                           1, &in);
        return;
    }
    *put_of(w, node->outputs[0]) = *x;
    memcpy(put_of(w, node->outputs[0])->perm, perm, sizeof perm);
}

// A parameter (1,...) for each picture of the other input.
static const char *put_repeated(struct hone_onnx_writer *w, const struct hone_node *node, int k) {
    const struct hone_desc *desc = hone_onnx_put_desc(w, node->inputs[k]);
    const char *data = put_of(w, node->inputs[k ? 0 : 1])->name;
    int64_t rest[HONE_MAX_RANK];
    if (node->input_count != 2 || !data) {
        hone_onnx_writer_fail(w, hone_fail(HONE_UNSUPPORTED, "parameters side by side"));
        return "";
    }
    for (int i = 1; i < desc->rank; i++) rest[i - 1] = desc->dim[i];
    const char *shape = hone_onnx_put_step(w, "Shape", data, NULL), *batch = hone_onnx_make_name(w);
    hone_onnx_put_node(w, "Slice", batch, batch, 3,
                       (const char *[]){shape, hone_onnx_put_list(w, 1, (const int64_t[]){0}),
                                        hone_onnx_put_list(w, 1, (const int64_t[]){1})});
    const char *whole = hone_onnx_make_name(w);
    HoneOnnx__Node *sizes = hone_onnx_put_node(
        w, "Concat", whole, whole, 2,
        (const char *[]){batch, hone_onnx_put_list(w, (size_t)desc->rank - 1, rest)});
    hone_onnx_put_int(w, sizes, "axis", 0);
    return hone_onnx_put_step(w, "Expand", hone_onnx_put_param(w, node->inputs[k]), whole);
}

static void put_op_concat(struct hone_onnx_writer *w, const struct hone_node *node) {
    const int8_t *perm = put_natural(w, node->inputs[0]);
    const char **in = hone_arena_alloc(&w->arena, node->input_count, sizeof *in);
    if (!in) {
        hone_onnx_writer_fail(w, HONE_OUT_OF_MEMORY);
        return;
    }
    for (int k = 0; k < node->input_count; k++)
        in[k] = hone_model_param_of(w->model, node->inputs[k]) < 0
                    ? hone_onnx_put_in(w, node->inputs[k], perm)
                    : put_repeated(w, node, k);
    HoneOnnx__Node *concat =
        hone_onnx_put_node(w, "Concat", node->name, hone_onnx_put_out(w, node->outputs[0], perm),
                           node->input_count, in);
    hone_onnx_put_int(w, concat, "axis",
                      put_axis(perm, ((const struct hone_concat_attrs *)node->attrs)->axis));
}

static void put_op_slice(struct hone_onnx_writer *w, const struct hone_node *node) {
    const struct hone_slice_attrs *a = node->attrs;
    const struct hone_onnx_written *x = put_of(w, node->inputs[0]);
    int64_t starts[HONE_MAX_RANK], ends[HONE_MAX_RANK], axes[HONE_MAX_RANK];
    size_t count = 0;
    for (int i = 1; i < hone_onnx_put_desc(w, node->inputs[0])->rank; i++) {
        int j = x->perm[i];
        if (!a->begin[j] && !a->size[j]) continue; // the whole axis
        starts[count] = a->begin[j];
        ends[count] = a->size[j] ? (int64_t)a->begin[j] + a->size[j] : INT64_MAX;
        axes[count++] = i;
    }
    const char *in[4] = {x->name, hone_onnx_put_list(w, count, starts),
                         hone_onnx_put_list(w, count, ends), hone_onnx_put_list(w, count, axes)};
    hone_onnx_put_node(w, "Slice", node->name, hone_onnx_put_out(w, node->outputs[0], x->perm), 4,
                       in);
}

static void put_op_flip(struct hone_onnx_writer *w, const struct hone_node *node) {
    const struct hone_flip_attrs *a = node->attrs;
    const struct hone_onnx_written *x = put_of(w, node->inputs[0]);
    int64_t starts[HONE_MAX_RANK], ends[HONE_MAX_RANK], axes[HONE_MAX_RANK];
    size_t count = 0;
    for (int i = 0; i < hone_onnx_put_desc(w, node->inputs[0])->rank; i++) {
        if (!(a->axes & 1 << x->perm[i])) continue;
        starts[count] = -1; // the last; steps are -1, too
        ends[count] = INT64_MIN;
        axes[count++] = i;
    }
    const char *back = hone_onnx_put_list(w, count, starts);
    const char *in[5] = {x->name, back, hone_onnx_put_list(w, count, ends),
                         hone_onnx_put_list(w, count, axes), back};
    hone_onnx_put_node(w, "Slice", node->name, hone_onnx_put_out(w, node->outputs[0], x->perm), 5,
                       in);
}

static void put_op_pad(struct hone_onnx_writer *w, const struct hone_node *node) {
    const struct hone_pad_attrs *a = node->attrs;
    const struct hone_onnx_written *x = put_of(w, node->inputs[0]);
    int rank = hone_onnx_put_desc(w, node->inputs[0])->rank;
    int64_t pads[2 * HONE_MAX_RANK];
    for (int i = 0; i < rank; i++) {
        pads[i] = a->before[x->perm[i]];
        pads[rank + i] = a->after[x->perm[i]];
    }
    const char *in[3] = {x->name, hone_onnx_put_list(w, 2 * (size_t)rank, pads),
                         hone_onnx_put_scalar(w, a->value)};
    hone_onnx_put_node(w, "Pad", node->name, hone_onnx_put_out(w, node->outputs[0], x->perm), 3,
                       in);
}

// ---- Pooling and softmax
// ------------------------------------------------------------------------------------

static HoneOnnx__Node *put_pool(struct hone_onnx_writer *w, const struct hone_node *node,
                                const char *op) {
    const struct hone_pool_attrs *a = node->attrs;
    const char *in = hone_onnx_put_in(w, node->inputs[0], put_image);
    HoneOnnx__Node *pool = hone_onnx_put_node(
        w, op, node->name, hone_onnx_put_out(w, node->outputs[0], put_image), 1, &in);
    hone_onnx_put_sizes(w, pool, "kernel_shape", 2, a->kernel);
    hone_onnx_put_sizes(w, pool, "pads", 4, a->pad);
    hone_onnx_put_sizes(w, pool, "strides", 2, a->stride);
    return pool;
}

static void put_op_max_pool(struct hone_onnx_writer *w, const struct hone_node *node) {
    put_pool(w, node, "MaxPool");
}

static void put_op_avg_pool(struct hone_onnx_writer *w, const struct hone_node *node) {
    const struct hone_pool_attrs *a = node->attrs;
    hone_onnx_put_int(w, put_pool(w, node, "AveragePool"), "count_include_pad", a->count_pad != 0);
}

static void put_op_global_avg_pool(struct hone_onnx_writer *w, const struct hone_node *node) {
    const char *in = hone_onnx_put_in(w, node->inputs[0], put_image);
    hone_onnx_put_node(w, "GlobalAveragePool", node->name,
                       hone_onnx_put_out(w, node->outputs[0], put_image), 1, &in);
}

static void put_op_softmax(struct hone_onnx_writer *w, const struct hone_node *node) {
    const struct hone_onnx_written *x = put_of(w, node->inputs[0]);
    const char *in = x->name;
    int last = hone_onnx_put_desc(w, node->inputs[0])->rank - 1;
    HoneOnnx__Node *softmax = hone_onnx_put_node(
        w, "Softmax", node->name, hone_onnx_put_out(w, node->outputs[0], x->perm), 1, &in);
    hone_onnx_put_int(w, softmax, "axis", put_axis(x->perm, last));
}

// A parameter that is computed with like a picture, its axes as they are.
static void put_like_picture(struct hone_onnx_writer *w, const struct hone_node *node) {
    static const struct hone_op *const own[] = {&hone_op_add, &hone_op_sub,    &hone_op_mul,
                                                &hone_op_div, &hone_op_concat, &hone_op_gather};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (node->op == own[i]) return; // they write constants in their own order
    hone_value value = node->input_count ? node->inputs[0] : HONE_NO_VALUE;
    if (value == HONE_NO_VALUE || hone_model_param_of(w->model, value) < 0) return;
    hone_onnx_put_param(w, value);
    memcpy(put_of(w, value)->perm, put_plain, sizeof put_plain);
}

void hone_onnx_put_ir_node(struct hone_onnx_writer *w, const struct hone_node *node) {
    put_like_picture(w, node);
    static const struct {
        const struct hone_op *op;
        void (*put)(struct hone_onnx_writer *w, const struct hone_node *node);
    } table[] = {
        {&hone_op_act, put_op_act},
        {&hone_op_add, put_op_add},
        {&hone_op_attention, hone_onnx_put_attention},
        {&hone_op_avg_pool, put_op_avg_pool},
        {&hone_op_batch_matmul, hone_onnx_put_batch_matmul},
        {&hone_op_batch_norm, put_op_batch_norm},
        {&hone_op_concat, put_op_concat},
        {&hone_op_conv2d, put_op_conv2d},
        {&hone_op_div, put_op_div},
        {&hone_op_flip, put_op_flip},
        {&hone_op_gather, put_op_gather},
        {&hone_op_global_avg_pool, put_op_global_avg_pool},
        {&hone_op_layer_norm, put_op_layer_norm},
        {&hone_op_matmul, put_op_matmul},
        {&hone_op_max_pool, put_op_max_pool},
        {&hone_op_mul, put_op_mul},
        {&hone_op_pad, put_op_pad},
        {&hone_op_permute, put_op_permute},
        {&hone_op_reduce_to, put_op_reduce_to},
        {&hone_op_reshape, put_op_reshape},
        {&hone_op_resize, hone_onnx_put_resize},
        {&hone_op_scale, put_op_scale},
        {&hone_op_slice, put_op_slice},
        {&hone_op_softmax, put_op_softmax},
        {&hone_op_sub, put_op_sub},
    };
    hone_status status = HONE_UNSUPPORTED;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (table[i].op != node->op) continue;
        table[i].put(w, node);
        status = HONE_OK;
    }
    if (status != HONE_OK)
        hone_onnx_writer_fail(w, hone_fail(status, "operator %s has no ONNX form", node->op->name));
}
