// onnx_head.c: two classifiers of one feature whose answers are averaged (distilled nets: Touvron
// et al. 2021) are one: the mean of their weights. As one it can be found and replaced.
#include "formats/onnx_import.h"

// The linear layer that makes `value`, past reshapes, or NULL.
static const struct hone_node *head_linear(const struct hone_onnx_import *im, hone_value value) {
    const struct hone_node *node = hone_graph_producer(im->graph, value);
    while (node && node->op == &hone_op_reshape)
        node = hone_graph_producer(im->graph, node->inputs[0]);
    bool fits = node && node->op == &hone_op_matmul &&
                ((const struct hone_matmul_attrs *)node->attrs)->act.kind == HONE_ACT_NONE;
    for (int i = 1; fits && i < node->input_count; i++)
        fits = hone_model_param_of(im->model, node->inputs[i]) >= 0;
    return fits ? node : NULL;
}

// The mean of input i of both, as a parameter under the first one's name.
static hone_status head_mean(struct hone_onnx_import *im, const struct hone_node *const linear[2],
                             int i, hone_value *out) {
    const struct hone_param *p[2];
    *out = linear[0]->inputs[i];
    if (linear[1]->inputs[i] == *out) return HONE_OK;
    for (int k = 0; k < 2; k++)
        p[k] = &im->model->params[hone_model_param_of(im->model, linear[k]->inputs[i])];
    const struct hone_desc desc = *hone_graph_desc(im->graph, linear[0]->inputs[i]);
    int64_t count = hone_desc_elements(&desc);
    float *data = hone_arena_alloc(&im->model->arena, (size_t)count, sizeof *data);
    if (!data) return HONE_OUT_OF_MEMORY;
    for (int64_t k = 0; k < count; k++) data[k] = 0.5f * (p[0]->data[k] + p[1]->data[k]);
    int index;
    HONE_TRY(
        hone_model_add_param(im->model, p[0]->name, p[0]->kind, p[0]->layout, desc, data, &index));
    *out = im->model->params[index].value;
    return HONE_OK;
}

hone_status hone_onnx_join_heads(struct hone_onnx_import *im, hone_value *end) {
    const struct hone_node *half = hone_graph_producer(im->graph, *end), *sum, *linear[2];
    if (!half || half->op != &hone_op_scale ||
        ((const struct hone_scale_attrs *)half->attrs)->alpha != 0.5f)
        return HONE_OK;
    sum = hone_graph_producer(im->graph, half->inputs[0]);
    if (!sum || sum->op != &hone_op_add) return HONE_OK;
    for (int k = 0; k < 2; k++)
        if (!(linear[k] = head_linear(im, sum->inputs[k]))) return HONE_OK;
    bool same = linear[0]->inputs[0] == linear[1]->inputs[0] &&
                linear[0]->input_count == linear[1]->input_count &&
                ((const struct hone_matmul_attrs *)linear[0]->attrs)->trans_b ==
                    ((const struct hone_matmul_attrs *)linear[1]->attrs)->trans_b;
    for (int i = 1; same && i < linear[0]->input_count; i++)
        same = hone_desc_equal(hone_graph_desc(im->graph, linear[0]->inputs[i]),
                               hone_graph_desc(im->graph, linear[1]->inputs[i]));
    if (!same) return HONE_OK;
    hone_value in[3] = {linear[0]->inputs[0]};
    int count = linear[0]->input_count;
    const struct hone_matmul_attrs attrs = *(const struct hone_matmul_attrs *)linear[0]->attrs;
    const char *name = linear[0]->name;
    for (int i = 1; i < count; i++) HONE_TRY(head_mean(im, linear, i, &in[i]));
    *end = hone_graph_emit(im->graph, &hone_op_matmul, name, &attrs, in, count);
    return hone_model_warn(im->model, "two classifiers whose answers are averaged are read as one");
}
