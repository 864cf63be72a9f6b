// layout.c: which tensors are trained, and where each lies in the slab.
#include "train/graph.h"

#include <math.h>
#include <string.h>

#include "ops/ops.h"

// layer[p] for every parameter: the number of the last node with a filter or matrix at or before
// its first use, from 1 on; 0: not used by any node.
static int32_t assign_layers(const struct hone_model *model, int32_t *param_layer,
                             int32_t *node_layer) {
    int32_t layer = 0;
    for (size_t n = 0; n < model->graph->node_count; n++) {
        const struct hone_node *node = &model->graph->nodes[n];
        layer += hone_model_is_layer(model, node);
        node_layer[n] = layer ? layer : 1;
        for (int i = 0; i < node->input_count; i++) {
            int p =
                node->inputs[i] == HONE_NO_VALUE ? -1 : hone_model_param_of(model, node->inputs[i]);
            if (p >= 0 && !param_layer[p]) param_layer[p] = node_layer[n];
        }
    }
    return layer;
}

// The factor of layer 1, 2, ... of `layers`: from first_lr at the first to 1 at the last.
static float layer_rate(const struct hone_train_layout_params *params, int32_t layer,
                        int32_t layers) {
    if (!(params->first_lr > 0) || layers < 2 || layer < 1) return 1;
    return powf(params->first_lr, (float)(layers - layer) / (float)(layers - 1));
}

static void add_slot(struct hone_train_layout *out, const struct hone_model *model, size_t index,
                     int32_t layer, const struct hone_train_layout_params *params) {
    const struct hone_param *param = &model->params[index];
    bool head = (int)index == model->head.weight || (int)index == model->head.bias;
    struct hone_train_slot *slot = &out->slots[out->slot_count];
    out->slot_of_param[index] = (int)out->slot_count++;
    *slot = (struct hone_train_slot){
        .param = index,
        .desc = *hone_graph_desc(model->graph, param->value),
        .offset = out->length,
        .lr_factor = head ? params->head_lr : layer_rate(params, layer, out->layers),
        .weight_decay = param->kind == HONE_PARAM_WEIGHT ? params->weight_decay : 0,
    };
    slot->elements = hone_desc_elements(&slot->desc);
    out->length += hone_pack_stride(&slot->desc);
    out->trained += slot->elements;
}

bool hone_train_layout_trains(const struct hone_train_layout *layout,
                              const struct hone_model *model, const struct hone_node *node) {
    for (int i = 0; i < node->input_count; i++) {
        int p = node->inputs[i] == HONE_NO_VALUE ? -1 : hone_model_param_of(model, node->inputs[i]);
        if (p >= 0 && layout->slot_of_param[p] >= 0) return true;
    }
    return layout->train_norm[node - model->graph->nodes];
}

static int count_reads(const struct hone_graph *graph, hone_value value) {
    int count = 0;
    for (size_t n = 0; n < graph->node_count; n++)
        for (int i = 0; i < graph->nodes[n].input_count; i++)
            count += graph->nodes[n].inputs[i] == value;
    return count;
}

// The shift of a norm names what it becomes part of: it must be that norm's alone.
static hone_status find_folds(struct hone_train_layout *out, const struct hone_model *model,
                              bool keep_norms) {
    const struct hone_graph *g = model->graph;
    HONE_TRY(hone_model_find_folds(model, out->folded_norms));
    for (size_t n = 0; n < g->node_count; n++) {
        uint32_t *norm = &out->folded_norms[n];
        if (*norm == UINT32_MAX) continue;
        if (keep_norms || hone_train_layout_trains(out, model, &g->nodes[n]) ||
            hone_train_layout_trains(out, model, &g->nodes[*norm]) ||
            count_reads(g, g->nodes[*norm].inputs[2]) > 1)
            *norm = UINT32_MAX;
    }
    return HONE_OK;
}

static hone_status layout_fill(const struct hone_model *model,
                               const struct hone_train_layout_params *params, int32_t *param_layer,
                               int32_t *node_layer, struct hone_train_layout *out) {
    if (model->head.kind == HONE_HEAD_NONE)
        return hone_fail(HONE_INTERNAL, "a network without a classifier cannot be trained");
    out->layers = assign_layers(model, param_layer, node_layer) - 1;
    if (params->freeze > out->layers)
        return hone_fail(HONE_INVALID, "--freeze %d: the backbone has %d layers", params->freeze,
                         out->layers);
    for (size_t i = 0; i < model->param_count; i++) {
        out->slot_of_param[i] = -1;
        if (!hone_param_trainable(model->params[i].kind)) continue;
        out->all += hone_desc_elements(hone_graph_desc(model->graph, model->params[i].value));
        if (param_layer[i] > params->freeze) add_slot(out, model, i, param_layer[i], params);
    }
    for (size_t n = 0; n < model->graph->node_count; n++)
        out->train_norm[n] = !params->freeze_norms &&
                             model->graph->nodes[n].op == &hone_op_batch_norm &&
                             node_layer[n] > params->freeze;
    return find_folds(out, model, params->keep_norms);
}

hone_status hone_train_layout_create(const struct hone_model *model,
                                     const struct hone_train_layout_params *params,
                                     struct hone_train_layout *out) {
    *out = (struct hone_train_layout){0};
    size_t nodes = model->graph->node_count, count = model->param_count;
    out->slots = hone_calloc(count, sizeof *out->slots, "the layout");
    out->slot_of_param = hone_calloc(count, sizeof *out->slot_of_param, "the layout");
    out->train_norm = hone_calloc(nodes, sizeof *out->train_norm, "the layout");
    out->folded_norms = hone_calloc(nodes, sizeof *out->folded_norms, "the layout");
    int32_t *layers = hone_calloc(count + nodes, sizeof *layers, "the layout");
    hone_status status = HONE_OUT_OF_MEMORY;
    if (out->slots && out->slot_of_param && out->train_norm && out->folded_norms && layers)
        status = layout_fill(model, params, layers, layers + count, out);
    hone_free(layers);
    if (status != HONE_OK) hone_train_layout_deinit(out);
    return status;
}

void hone_train_layout_deinit(struct hone_train_layout *layout) {
    hone_free(layout->slots);
    hone_free(layout->slot_of_param);
    hone_free(layout->train_norm);
    hone_free(layout->folded_norms);
    *layout = (struct hone_train_layout){0};
}

void hone_train_layout_gather(const struct hone_train_layout *layout,
                              const struct hone_model *model, float *slab) {
    memset(slab, 0, (size_t)layout->length * sizeof *slab);
    for (size_t i = 0; i < layout->slot_count; i++) {
        const struct hone_train_slot *slot = &layout->slots[i];
        memcpy(slab + slot->offset, model->params[slot->param].data,
               (size_t)slot->elements * sizeof *slab);
    }
}

void hone_train_layout_scatter(const struct hone_train_layout *layout, const float *slab,
                               struct hone_model *model) {
    for (size_t i = 0; i < layout->slot_count; i++) {
        const struct hone_train_slot *slot = &layout->slots[i];
        memcpy(model->params[slot->param].data, slab + slot->offset,
               (size_t)slot->elements * sizeof *slab);
    }
}

void hone_train_layout_segments(const struct hone_train_layout *layout, float *segments) {
    for (size_t i = 0; i < layout->slot_count; i++) {
        const struct hone_train_slot *slot = &layout->slots[i];
        int64_t first = slot->offset / HONE_PACK_ALIGN;
        int64_t end = (slot->offset + hone_pack_stride(&slot->desc)) / HONE_PACK_ALIGN;
        for (int64_t k = first; k < end; k++) {
            segments[2 * k] = slot->lr_factor;
            segments[2 * k + 1] = slot->weight_decay;
        }
    }
}
