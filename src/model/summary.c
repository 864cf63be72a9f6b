// summary.c: what `hone inspect` tells: totals, and a row for each operator.
#include "model/model.h"
#include "ops/ops.h"

#include <stdio.h>
#include <string.h>

static uint64_t summary_elements(const struct hone_model *model, hone_value value) {
    return (uint64_t)hone_desc_elements(hone_graph_desc(model->graph, value));
}

// Multiply-adds of a node that has weights or multiplies matrices; the others are too cheap to
// count.
static uint64_t summary_macs(const struct hone_model *model, const struct hone_node *node) {
    if (node->op == &hone_op_attention || node->op == &hone_op_batch_matmul) {
        struct hone_node_descs descs;
        uint64_t macs = 0;
        if (hone_node_descs_init(&descs, model->graph, node) == HONE_OK)
            macs = (uint64_t)(node->op->cost(&descs.args).flops / 2);
        hone_node_descs_deinit(&descs);
        return macs;
    }
    int weight = node->input_count > 1 ? hone_model_param_of(model, node->inputs[1]) : -1;
    if (weight < 0 || model->params[weight].kind != HONE_PARAM_WEIGHT) return 0;
    // Each output sums over one output channel's share of the weights; outputs have their channels
    // last and weights have them first, or last in a matmul as it stands: K W/K either way.
    const struct hone_desc *out = hone_graph_desc(model->graph, node->outputs[0]);
    uint64_t channels = (uint64_t)out->dim[out->rank - 1];
    return summary_elements(model, node->outputs[0]) / channels *
           summary_elements(model, node->inputs[1]);
}

// Parameters that this node is the first to read.
static uint64_t summary_parameters(const struct hone_model *model, size_t n) {
    const struct hone_node *nodes = model->graph->nodes;
    uint64_t sum = 0;
    for (int i = 0; i < nodes[n].input_count; i++) {
        hone_value value = nodes[n].inputs[i];
        if (value == HONE_NO_VALUE || hone_model_param_of(model, value) < 0) continue;
        bool seen = false;
        for (size_t m = 0; m <= n && !seen; m++)
            for (int k = 0; k < (m < n ? nodes[m].input_count : i) && !seen; k++)
                seen = nodes[m].inputs[k] == value;
        if (!seen) sum += summary_elements(model, value);
    }
    return sum;
}

static void summary_head(const struct hone_model *model, hone_model_info *out) {
    static const char *const kinds[] = {"none", "linear", "1x1 convolution"};
    out->head = kinds[model->head.kind];
    out->head_name = "";
    out->features = model->head.features;
    if (model->head.kind != HONE_HEAD_NONE) {
        out->head_name = model->graph->nodes[model->head.node].name;
        return;
    }
    const struct hone_desc *desc = hone_graph_desc(model->graph, model->output);
    out->features = desc->rank ? desc->dim[desc->rank - 1] : 1;
}

void hone_model_get_info(const hone_model *model, hone_model_info *out) {
    const struct hone_desc *image = hone_graph_desc(model->graph, model->image);
    *out = (hone_model_info){
        .source = model->source,
        .opset = model->opset,
        .height = image->dim[1],
        .width = image->dim[2],
        .channels = image->dim[3],
        .size_fixed = model->size_fixed,
        .preprocess_stated = model->preprocess_stated,
        .output = model->output_kind,
        .classes = model->class_count,
        .class_names_known = model->class_names != NULL,
        .rows = model->graph->node_count,
        .tensors = model->param_count,
        .warnings = model->warning_count,
        .copies = hone_model_flip_count(model->flips),
    };
    struct hone_text text = {0};
    if (hone_preprocess_print(&model->preprocess, &text) == HONE_OK)
        snprintf(out->preprocess, sizeof out->preprocess, "%s", text.data);
    hone_text_deinit(&text);
    summary_head(model, out);
    for (size_t i = 0; i < model->param_count; i++) {
        uint64_t count = summary_elements(model, model->params[i].value);
        out->parameters += count;
        if (hone_param_trainable(model->params[i].kind)) out->trainable += count;
    }
    for (size_t n = 0; n < model->graph->node_count; n++)
        out->macs += summary_macs(model, &model->graph->nodes[n]);
}

hone_status hone_model_get_row(const hone_model *model, size_t index, hone_model_row *out) {
    *out = (hone_model_row){0};
    if (index >= model->graph->node_count)
        return hone_fail(HONE_INVALID, "row %zu is out of range", index);
    const struct hone_node *node = &model->graph->nodes[index];
    out->name = node->name;
    out->op = node->op->name;
    char text[HONE_DESC_TEXT];
    snprintf(out->shape, sizeof out->shape, "%s",
             hone_desc_text(hone_graph_desc(model->graph, node->outputs[0]), text));
    out->parameters = summary_parameters(model, index);
    out->macs = summary_macs(model, node);
    return HONE_OK;
}

const char *hone_model_class_name(const hone_model *model, int32_t index) {
    if (!model->class_names || index < 0 || index >= model->class_count) return NULL;
    return model->class_names[index];
}

const char *hone_model_warning(const hone_model *model, size_t index) {
    return index < model->warning_count ? model->warnings[index] : NULL;
}
