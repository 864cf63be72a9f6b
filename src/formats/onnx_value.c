// onnx_value.c: what translators read and write: inputs, layouts, parameters.
#include "formats/onnx_import.h"
#include "ops/common.h"

#include <stdio.h>
#include <string.h>

const int8_t hone_onnx_plain[HONE_MAX_RANK] = {0, 1, 2, 3, 4, 5};
const int8_t hone_onnx_image[HONE_MAX_RANK] = {0, 3, 1, 2};

const char *hone_onnx_node_name(const HoneOnnx__Node *node) {
    if (node->name && *node->name) return node->name;
    return node->n_output ? node->output[0] : hone_onnx_text(node->op_type);
}

// ---- Inputs
// -----------------------------------------------------------------------------------------------

hone_status hone_onnx_resolve(struct hone_onnx_import *im, struct hone_onnx_tensor *tensor) {
    if (tensor->state != HONE_ONNX_UNSET || !tensor->initializer) return HONE_OK;
    hone_status status =
        hone_onnx_const_read(&im->store, tensor->initializer, true, &tensor->constant);
    if (status != HONE_OK) return hone_fail_context(status, "tensor '%s'", tensor->name);
    tensor->state = HONE_ONNX_CONST;
    if (tensor->constant.f && tensor->constant.rank > 0 && tensor->constant.rank <= HONE_MAX_RANK)
        tensor->constant.source = tensor;
    return HONE_OK;
}

static bool is_one_of(const char *op, const char *const *list) {
    while (*list && strcmp(op, *list) != 0) list++;
    return *list != NULL;
}

// What cares for no axis, or asks which one is the batch, may see one that is not the first.
static hone_status expect_batch(const HoneOnnx__Node *node, const struct hone_onnx_tensor *tensor) {
    static const char *const rows[] = {"Gemm",     "MatMul",  "Reshape", "Shape",
                                       "Identity", "Dropout", NULL};
    static const char *const any[] = {
        "Transpose", "Gather",     "Split",    "Squeeze",   "Unsqueeze",
        "Slice",     "Shape",      "Reshape",  "MatMul",    "LayerNormalization",
        "Softmax",   "Identity",   "Dropout",  "Cast",      "Add",
        "Sub",       "Mul",        "Div",      "Neg",       "Pow",
        "Sqrt",      "Erf",        "Tanh",     "Sigmoid",   "Relu",
        "Gelu",      "Exp",        "Clip",     "HardSwish", "HardSigmoid",
        "ReduceSum", "ReduceMean", "ReduceL2", "ReduceMax", NULL};
    if (tensor->state != HONE_ONNX_NODE || tensor->perm[0] == 0) return HONE_OK;
    const char *op = hone_onnx_text(node->op_type);
    if (is_one_of(op, tensor->joined ? rows : any)) return HONE_OK;
    return hone_fail(HONE_UNSUPPORTED,
                     "the batch must stay the first axis; in its input '%s' it is not",
                     tensor->name);
}

hone_status hone_onnx_input(struct hone_onnx_import *im, const HoneOnnx__Node *node, size_t k,
                            bool needed, struct hone_onnx_tensor **out) {
    *out = NULL;
    bool absent = k >= node->n_input || !*node->input[k];
    if (absent && needed) return hone_fail(HONE_INVALID, "input %zu is missing", k);
    if (absent) return HONE_OK;
    struct hone_onnx_tensor *tensor = hone_onnx_name(im, node->input[k]);
    if (!tensor) return hone_fail(HONE_INVALID, "its input '%s' does not exist", node->input[k]);
    HONE_TRY(hone_onnx_resolve(im, tensor));
    if (tensor->state == HONE_ONNX_UNSET)
        return hone_fail(HONE_UNSUPPORTED,
                         "its input '%s' is a second output, which hone does not compute",
                         node->input[k]);
    HONE_TRY(expect_batch(node, tensor));
    *out = tensor;
    return HONE_OK;
}

hone_status hone_onnx_input_const(struct hone_onnx_import *im, const HoneOnnx__Node *node, size_t k,
                                  bool needed, const char *what,
                                  const struct hone_onnx_const **out) {
    struct hone_onnx_tensor *tensor;
    *out = NULL;
    HONE_TRY(hone_onnx_input(im, node, k, needed, &tensor));
    if (!tensor) return HONE_OK;
    if (tensor->state != HONE_ONNX_CONST)
        return hone_fail(HONE_UNSUPPORTED,
                         "%s '%s' must be constant, but is computed from the picture", what,
                         tensor->name);
    if (hone_onnx_const_marked(&tensor->constant))
        return hone_fail(HONE_UNSUPPORTED, "%s '%s' depends on the batch size", what, tensor->name);
    *out = &tensor->constant;
    return HONE_OK;
}

// A constant that is computed with as if it were a picture: the same for every one.
static hone_status value_of_constant(struct hone_onnx_import *im, struct hone_onnx_tensor *tensor) {
    const struct hone_onnx_const *c = &tensor->constant;
    if (!c->f || c->count < 1 || c->rank < 2 || c->rank > HONE_MAX_RANK || c->dim[0] != 1)
        return hone_fail(HONE_UNSUPPORTED, "its input '%s' is constant", tensor->name);
    struct hone_desc desc = {.dtype = HONE_F32, .rank = c->rank};
    for (int i = 0; i < c->rank; i++) desc.dim[i] = (int32_t)c->dim[i];
    HONE_TRY(hone_onnx_param(im, tensor,
                             tensor->initializer ? HONE_PARAM_TERM : HONE_PARAM_CONSTANT,
                             HONE_LAYOUT_SAME, desc, NULL, &tensor->value));
    tensor->state = HONE_ONNX_NODE;
    memcpy(tensor->perm, hone_onnx_plain, sizeof tensor->perm);
    return HONE_OK;
}

hone_status hone_onnx_input_value(struct hone_onnx_import *im, const HoneOnnx__Node *node, size_t k,
                                  struct hone_onnx_tensor **out) {
    HONE_TRY(hone_onnx_input(im, node, k, true, out));
    return (*out)->state == HONE_ONNX_NODE ? HONE_OK : value_of_constant(im, *out);
}

hone_status hone_onnx_numbers(struct hone_onnx_import *im, const HoneOnnx__Node *node, size_t k,
                              const char *name, int64_t out[HONE_ONNX_NUMBERS_MOST], int *count) {
    *count = 0;
    const struct hone_onnx_const *tensor = NULL;
    const HoneOnnx__Attribute *attr = hone_onnx_attr(node, name);
    const int64_t *data = NULL;
    int64_t have = 0;
    if (k > 0) HONE_TRY(hone_onnx_input_const(im, node, k, false, name, &tensor));
    if (tensor) {
        if (!tensor->i) return hone_fail(HONE_INVALID, "%s must be integers", name);
        data = tensor->i;
        have = tensor->count;
    } else if (attr) {
        data = attr->ints;
        have = (int64_t)attr->n_ints;
    }
    if (have > HONE_ONNX_NUMBERS_MOST) return hone_fail(HONE_UNSUPPORTED, "%s are too many", name);
    for (int64_t i = 0; i < have; i++) out[i] = data[i];
    *count = (int)have;
    return HONE_OK;
}

hone_status hone_onnx_scalar(struct hone_onnx_import *im, const HoneOnnx__Node *node, size_t k,
                             const char *name, float fallback, float *out) {
    const struct hone_onnx_const *tensor = NULL;
    *out = hone_onnx_attr_float(node, name, fallback);
    HONE_TRY(hone_onnx_input_const(im, node, k, false, name, &tensor));
    if (!tensor) return HONE_OK;
    if (!tensor->f || tensor->count != 1)
        return hone_fail(HONE_INVALID, "%s must be one float", name);
    *out = tensor->f[0];
    return HONE_OK;
}

// ---- Outputs
// ----------------------------------------------------------------------------------------------

hone_status hone_onnx_define(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                             hone_value value, const int8_t perm[HONE_MAX_RANK]) {
    return hone_onnx_define_output(im, node, 0, value, perm);
}

hone_status hone_onnx_define_output(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                                    size_t k, hone_value value, const int8_t perm[HONE_MAX_RANK]) {
    HONE_TRY(hone_graph_status(im->graph));
    struct hone_onnx_tensor *tensor =
        k < node->n_output ? hone_onnx_name(im, node->output[k]) : NULL;
    if (!tensor || tensor->state != HONE_ONNX_UNSET)
        return hone_fail(HONE_INVALID, "it has no output of its own");
    tensor->state = HONE_ONNX_NODE;
    tensor->value = value;
    memcpy(tensor->perm, perm, sizeof tensor->perm);
    return HONE_OK;
}

hone_status hone_onnx_alias(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                            const struct hone_onnx_tensor *from) {
    HONE_TRY(hone_onnx_define(im, node, from->value, from->perm));
    struct hone_onnx_tensor *to = hone_onnx_name(im, node->output[0]);
    memcpy(to->pad, from->pad, sizeof from->pad);
    to->joined = from->joined;
    return HONE_OK;
}

// ---- Layouts
// ----------------------------------------------------------------------------------------------

int hone_onnx_rank(const struct hone_onnx_import *im, const struct hone_onnx_tensor *tensor) {
    return hone_graph_desc(im->graph, tensor->value)->rank;
}

int64_t hone_onnx_dim(const struct hone_onnx_import *im, const struct hone_onnx_tensor *tensor,
                      int i) {
    int axis = tensor->perm[i];
    int64_t pad = axis == 1   ? tensor->pad[0] + tensor->pad[2]
                  : axis == 2 ? tensor->pad[1] + tensor->pad[3]
                              : 0;
    return hone_graph_desc(im->graph, tensor->value)->dim[axis] + pad;
}

bool hone_onnx_is(const struct hone_onnx_tensor *tensor, const int8_t perm[HONE_MAX_RANK],
                  int rank) {
    return memcmp(tensor->perm, perm, (size_t)rank) == 0;
}

int hone_onnx_batch_axis(const struct hone_onnx_tensor *tensor) {
    int i = 0;
    while (i < HONE_MAX_RANK - 1 && tensor->perm[i] != 0) i++;
    return i;
}

void hone_onnx_file_order(const struct hone_onnx_import *im, const struct hone_onnx_tensor *tensor,
                          int8_t perm[HONE_MAX_RANK]) {
    int rank = hone_onnx_rank(im, tensor);
    for (int i = 0, at = 1; i < HONE_MAX_RANK; i++)
        perm[i] = (int8_t)(i >= rank ? i : tensor->perm[i] == 0 ? 0 : at++);
}

// The node of this kind that makes `value`, or NULL.
static const struct hone_node *made_by(const struct hone_onnx_import *im, hone_value value,
                                       const struct hone_op *op) {
    const struct hone_node *node = hone_graph_producer(im->graph, value);
    return node && node->op == op ? node : NULL;
}

// True where these sizes, of which the first is as it was, are those of `desc`.
static bool reshape_is_none(const struct hone_desc *desc, const struct hone_shape_attrs *to) {
    bool same = to->rank == desc->rank && to->dim[0] == 0;
    for (int i = 1; i < to->rank && same; i++) same = to->dim[i] == desc->dim[i];
    return same;
}

hone_value hone_onnx_emit_reshape(struct hone_onnx_import *im, const char *name,
                                  const struct hone_shape_attrs *attrs, hone_value value) {
    struct hone_shape_attrs to = *attrs;
    const struct hone_node *before = made_by(im, value, &hone_op_reshape);
    if (im->graph->status != HONE_OK) return HONE_NO_VALUE;
    if (before) {
        int32_t own = hone_graph_desc(im->graph, value)->dim[0];
        value = before->inputs[0];
        const struct hone_desc *from = hone_graph_desc(im->graph, value);
        // The batch's axis: as it was, or with other axes joined to it, whatever stood between.
        int64_t rest = 1;
        for (int i = 1; i < to.rank; i++) rest *= to.dim[i];
        int64_t first = to.dim[0] == 0 ? own : hone_desc_elements(from) / rest;
        to.dim[0] = first == from->dim[0] ? 0 : -1;
    }
    if (reshape_is_none(hone_graph_desc(im->graph, value), &to)) return value;
    return HONE_EMIT(im->graph, &hone_op_reshape, name, &to, value);
}

// True where kernels can do it in one pass, whatever the batch (common.h: they walk few axes).
static bool permute_walks(const struct hone_desc *desc, const struct hone_permute_attrs *attrs) {
    int32_t dim[HONE_MAX_RANK], dense[HONE_MAX_RANK], size[HONE_OP_AXES],
        stride[2][HONE_OP_AXES] = {{0}};
    for (int i = 0; i < HONE_OP_AXES; i++) size[i] = 1;
    int64_t step = 1; // two of the largest tensors may be too many for the last, which is not used
    for (int i = desc->rank - 1; i >= 0; step *= dim[i], i--) {
        dim[i] = i == 0 && desc->dim[0] == 1 ? 2 : desc->dim[i];
        dense[i] = (int32_t)step;
    }
    step = 1;
    for (int i = desc->rank - 1; i >= 0; i--) {
        int axis = i + HONE_OP_AXES - desc->rank;
        size[axis] = dim[attrs->perm[i]];
        stride[0][axis] = dense[attrs->perm[i]];
        stride[1][axis] = (int32_t)step;
        step *= size[axis];
    }
    return hone_op_collapse(size, stride, 2) <= HONE_OP_WALK;
}

// Two permutes, one after the other, that make one that walks too many axes.
static bool permute_split(const struct hone_desc *desc, const struct hone_permute_attrs *whole,
                          struct hone_permute_attrs *first, struct hone_permute_attrs *second) {
    int rank = desc->rank, ways = 1;
    for (int i = 2; i < rank; i++) ways *= i;
    for (int way = 0; way < ways; way++) { // every order of the axes behind the batch
        int left[HONE_MAX_RANK], count = rank - 1, code = way;
        struct hone_desc between = *desc;
        *first = *second = (struct hone_permute_attrs){{0}};
        for (int i = 0; i < count; i++) left[i] = i + 1;
        for (int i = 1; i < rank; i++) {
            int k = code % count;
            code /= count--;
            first->perm[i] = left[k];
            memmove(left + k, left + k + 1, (size_t)(count - k) * sizeof *left);
            between.dim[i] = desc->dim[first->perm[i]];
        }
        for (int i = 1; i < rank; i++)
            for (int k = 1; k < rank; k++)
                if (first->perm[k] == whole->perm[i]) second->perm[i] = k;
        if (permute_walks(desc, first) && permute_walks(&between, second)) return true;
    }
    return false;
}

hone_value hone_onnx_emit_permute(struct hone_onnx_import *im, const char *name,
                                  const struct hone_permute_attrs *attrs, hone_value value) {
    struct hone_permute_attrs to = *attrs;
    const struct hone_node *before = made_by(im, value, &hone_op_permute);
    if (im->graph->status == HONE_OK && before) {
        const struct hone_permute_attrs *by = before->attrs;
        value = before->inputs[0];
        int rank = hone_graph_desc(im->graph, value)->rank;
        bool same = true;
        for (int j = 0; j < rank; j++) {
            to.perm[j] = by->perm[attrs->perm[j]];
            same &= to.perm[j] == j;
        }
        if (same) return value;
    }
    struct hone_permute_attrs first, second;
    if (im->graph->status == HONE_OK && !permute_walks(hone_graph_desc(im->graph, value), &to) &&
        permute_split(hone_graph_desc(im->graph, value), &to, &first, &second)) {
        value = HONE_EMIT(im->graph, &hone_op_permute, name, &first, value);
        to = second;
    }
    return HONE_EMIT(im->graph, &hone_op_permute, name, &to, value);
}

void hone_onnx_look_through(const struct hone_onnx_import *im, struct hone_onnx_tensor *tensor) {
    const struct hone_node *node = made_by(im, tensor->value, &hone_op_permute);
    if (!node) return;
    const struct hone_permute_attrs *by = node->attrs;
    tensor->value = node->inputs[0];
    for (int i = 0; i < hone_onnx_rank(im, tensor); i++)
        tensor->perm[i] = (int8_t)by->perm[tensor->perm[i]];
}

hone_status hone_onnx_settle(struct hone_onnx_import *im, struct hone_onnx_tensor *tensor) {
    const int32_t *pad = tensor->pad;
    if (!pad[0] && !pad[1] && !pad[2] && !pad[3]) return HONE_OK;
    struct hone_pad_attrs attrs = {.before = {0, pad[0], pad[1], 0},
                                   .after = {0, pad[2], pad[3], 0}};
    const char *name = tensor->writer == UINT32_MAX
                           ? tensor->name
                           : hone_onnx_node_name(im->file.model->graph->node[tensor->writer]);
    tensor->value = HONE_EMIT(im->graph, &hone_op_pad, name, &attrs, tensor->value);
    memset(tensor->pad, 0, sizeof tensor->pad);
    return hone_graph_status(im->graph);
}

// True when the axes that are not 1 keep their order under `move` (new axis j is old axis move[j]).
static bool arrange_is_reshape(const struct hone_desc *desc, const int8_t *move) {
    int last = 0;
    for (int j = 1; j < desc->rank; j++) { // axis 0, the batch, stays
        if (desc->dim[move[j]] == 1) continue;
        if (move[j] < last) return false;
        last = move[j];
    }
    return true;
}

hone_status hone_onnx_arrange(struct hone_onnx_import *im, struct hone_onnx_tensor *tensor,
                              const int8_t perm[HONE_MAX_RANK]) {
    HONE_TRY(hone_onnx_settle(im, tensor));
    struct hone_desc desc = *hone_graph_desc(im->graph, tensor->value);
    if (hone_onnx_is(tensor, perm, desc.rank)) return HONE_OK;
    if (perm[hone_onnx_batch_axis(tensor)] != 0)
        return hone_fail(HONE_UNSUPPORTED,
                         "the batch must stay the first axis; in its input '%s' it is not",
                         tensor->name);
    int8_t move[HONE_MAX_RANK] = {0};
    for (int i = 0; i < desc.rank; i++) move[perm[i]] = tensor->perm[i];
    if (arrange_is_reshape(&desc, move)) {
        struct hone_shape_attrs attrs = {.rank = desc.rank};
        for (int j = 1; j < desc.rank; j++) attrs.dim[j] = desc.dim[move[j]];
        tensor->value = hone_onnx_emit_reshape(im, tensor->name, &attrs, tensor->value);
    } else {
        struct hone_permute_attrs attrs = {{0}};
        for (int j = 0; j < desc.rank; j++) attrs.perm[j] = move[j];
        tensor->value = hone_onnx_emit_permute(im, tensor->name, &attrs, tensor->value);
    }
    memcpy(tensor->perm, perm, sizeof tensor->perm);
    return hone_graph_status(im->graph);
}

hone_status hone_onnx_arrange_last(struct hone_onnx_import *im, struct hone_onnx_tensor *tensor) {
    int8_t order[HONE_MAX_RANK];
    int last = hone_onnx_rank(im, tensor) - 1;
    hone_onnx_file_order(im, tensor, order);
    if (order[last] != last)
        return hone_fail(HONE_UNSUPPORTED, "the batch is the last axis of its input '%s'",
                         tensor->name);
    return tensor->perm[last] == last ? HONE_OK : hone_onnx_arrange(im, tensor, order);
}

// ---- Parameters
// -------------------------------------------------------------------------------------------

// The numbers of an initializer whose only reader has them now: memory holds them once.
static void param_release(struct hone_onnx_import *im, struct hone_onnx_tensor *tensor) {
    if (!tensor->initializer || tensor->uses != 1) return;
    if (tensor->constant.block) {
        hone_onnx_const_drop(&im->store, &tensor->constant);
        tensor->state = HONE_ONNX_UNSET; // whoever asks again reads again
    }
    hone_onnx_store_release(&im->store, tensor->initializer);
}

static bool param_moves(enum hone_param_kind kind) {
    return kind >= HONE_PARAM_NORM_SCALE && kind <= HONE_PARAM_NORM_VAR;
}

hone_status hone_onnx_param(struct hone_onnx_import *im, struct hone_onnx_tensor *tensor,
                            enum hone_param_kind kind, enum hone_param_layout layout,
                            struct hone_desc desc, const float *data, hone_value *out) {
    *out = HONE_NO_VALUE;
    if (!data && !tensor->constant.f)
        return hone_fail(HONE_INVALID, "tensor '%s' must be floats", tensor->name);
    struct hone_model *model = im->model;
    if (tensor->param >= 0 && !data && tensor->param_kind == kind &&
        tensor->param_layout == layout && !param_moves(kind)) {
        const struct hone_param *made = &model->params[tensor->param];
        if (hone_desc_equal(hone_graph_desc(im->graph, made->value), &desc)) {
            *out = made->value;
            return HONE_OK;
        }
    }
    int64_t count = hone_desc_elements(&desc);
    uint64_t bytes = (uint64_t)count * sizeof(float);
    if (bytes > im->store.limit - im->store.used)
        return hone_fail(HONE_INVALID, "its parameters take more memory than a sound file needs");
    im->store.used += bytes;
    float *copy = hone_arena_alloc(&model->arena, (size_t)count, sizeof *copy);
    if (!copy) return HONE_OUT_OF_MEMORY;
    const float *from = data ? data : tensor->constant.f;
    if (layout == HONE_LAYOUT_FILTER) { // (K,C,R,S) to (K,R,S,C)
        int64_t area = (int64_t)desc.dim[1] * desc.dim[2], c_count = desc.dim[3];
        for (int64_t k = 0; k < desc.dim[0]; k++)
            for (int64_t rs = 0; rs < area; rs++)
                for (int64_t c = 0; c < c_count; c++)
                    copy[(k * area + rs) * c_count + c] = from[(k * c_count + c) * area + rs];
    } else {
        memcpy(copy, from, (size_t)bytes);
    }
    int index;
    HONE_TRY(hone_model_add_param(model, tensor->name, kind, layout, desc, copy, &index));
    if (!data && tensor->param < 0) {
        tensor->param = index;
        tensor->param_kind = kind;
        tensor->param_layout = layout;
    }
    if (!data) param_release(im, tensor);
    *out = model->params[index].value;
    return HONE_OK;
}
