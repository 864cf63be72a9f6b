// emit.c: a model's nodes in another graph, at another batch. Shapes are inferred again there, so
// that the batch is the picture's; batch norm may become its training form on the way.
#include "model/clone.h"

#include <string.h>

#include "ops/ops.h"

hone_status hone_model_clone_init(struct hone_model_clone *clone, const struct hone_model *model,
                                  struct hone_graph *target,
                                  const struct hone_model_emit_params *params) {
    size_t count = model->graph->value_count;
    *clone = (struct hone_model_clone){.model = model, .target = target, .params = params};
    clone->map = hone_calloc(count, sizeof *clone->map, "a value map");
    clone->param_of = hone_calloc(count, sizeof *clone->param_of, "a value map");
    if (!clone->map || !clone->param_of) {
        hone_model_clone_deinit(clone);
        return HONE_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        clone->map[i] = HONE_NO_VALUE;
        clone->param_of[i] = -1;
    }
    for (size_t i = 0; i < model->param_count; i++)
        clone->param_of[model->params[i].value] = (int)i;
    return HONE_OK;
}

void hone_model_clone_deinit(struct hone_model_clone *clone) {
    hone_free(clone->map);
    hone_free(clone->param_of);
    *clone = (struct hone_model_clone){0};
}

// The value in target that stands for `value`; brings a parameter in at its first use.
static hone_value clone_value(struct hone_model_clone *clone, hone_value value) {
    if (value == HONE_NO_VALUE) return HONE_NO_VALUE;
    if (clone->instead) value = clone->instead[value];
    int index = clone->param_of[value];
    if (clone->map[value] == HONE_NO_VALUE && index >= 0) {
        const struct hone_param *param = &clone->model->params[index];
        if (clone->params && clone->params->param)
            clone->map[value] =
                clone->params->param(clone->params->user, clone->target, param, (size_t)index);
        else
            clone->map[value] = hone_graph_state(clone->target, param->name,
                                                 *hone_graph_desc(clone->model->graph, value));
    }
    return clone->map[value];
}

static bool clone_trains_norm(const struct hone_model_clone *clone, size_t n) {
    if (!clone->params || clone->model->graph->nodes[n].op != &hone_op_batch_norm) return false;
    return clone->params->train_norm_nodes ? clone->params->train_norm_nodes[n]
                                           : clone->params->train_norm;
}

// batch_norm(x, gamma, beta, mean, var) in its training form; the statistics become the states'
// next.
static void clone_norm(struct hone_model_clone *clone, const struct hone_node *node,
                       const hone_value *inputs) {
    struct hone_batch_norm_attrs attrs;
    memcpy(&attrs, node->attrs, sizeof attrs);
    attrs.momentum = clone->params->norm_momentum != 0 ? clone->params->norm_momentum : 0.1f;
    hone_value outputs[HONE_OP_MAX_OUTPUTS];
    hone_graph_node(clone->target, &hone_op_batch_norm_train, node->name, &attrs, inputs,
                    node->input_count, outputs);
    clone->map[node->outputs[0]] = outputs[0];
    if (clone->target->status != HONE_OK) return;
    for (int i = 3; i < 5; i++)
        if (hone_graph_value(clone->target, inputs[i])->kind == HONE_VALUE_STATE)
            hone_graph_set_next(clone->target, inputs[i], outputs[i - 2]);
}

// The norm that convolution n takes in, or UINT32_MAX.
static uint32_t clone_folded_norm(const struct hone_model_clone *clone, size_t n) {
    bool any = clone->params && clone->params->folded_norms;
    return any ? clone->params->folded_norms[n] : UINT32_MAX;
}

// Node n is a norm that the convolution in front of it has taken in.
static bool clone_is_folded(const struct hone_model_clone *clone, const struct hone_node *node,
                            size_t n) {
    const struct hone_graph *g = clone->model->graph;
    const struct hone_node *conv =
        node->op == &hone_op_batch_norm ? hone_graph_producer(g, node->inputs[0]) : NULL;
    return conv && clone_folded_norm(clone, (size_t)(conv - g->nodes)) == n;
}

// The convolution with the norm inside: its output stands for the norm's.
static void clone_folded(struct hone_model_clone *clone, size_t n, uint32_t norm) {
    const struct hone_node *nodes = clone->model->graph->nodes;
    hone_value inputs[3] = {clone_value(clone, nodes[n].inputs[0])};
    clone->params->folded(clone->params->user, clone->target, (uint32_t)n, &inputs[1]);
    clone->map[nodes[norm].outputs[0]] =
        hone_graph_emit(clone->target, nodes[n].op, nodes[n].name, nodes[n].attrs, inputs, 3);
}

void hone_model_clone_nodes(struct hone_model_clone *clone, size_t begin, size_t end,
                            const bool *keep) {
    for (size_t n = begin; n < end && clone->target->status == HONE_OK; n++) {
        if (keep && !keep[n]) continue;
        const struct hone_node *node = &clone->model->graph->nodes[n];
        if (clone_folded_norm(clone, n) != UINT32_MAX) {
            clone_folded(clone, n, clone_folded_norm(clone, n));
            continue;
        }
        if (clone_is_folded(clone, node, n)) continue;
        hone_value few[HONE_NODE_FEW], *inputs = few;
        if (node->input_count > HONE_NODE_FEW)
            inputs = hone_calloc(node->input_count, sizeof *inputs, "node inputs");
        if (!inputs) {
            hone_graph_fail(clone->target, HONE_OUT_OF_MEMORY);
            return;
        }
        for (int i = 0; i < node->input_count; i++) inputs[i] = clone_value(clone, node->inputs[i]);
        if (clone_trains_norm(clone, n)) {
            clone_norm(clone, node, inputs);
        } else {
            hone_value outputs[HONE_OP_MAX_OUTPUTS];
            hone_graph_node(clone->target, node->op, node->name, node->attrs, inputs,
                            node->input_count, outputs);
            for (int i = 0; i < node->op->outputs; i++) clone->map[node->outputs[i]] = outputs[i];
        }
        if (inputs != few) hone_free(inputs);
    }
}

hone_value hone_model_flatten(struct hone_graph *graph, hone_value value) {
    struct hone_desc desc = *hone_graph_desc(graph, value);
    if (graph->status != HONE_OK || desc.rank == 2) return value;
    if (desc.rank != 4) {
        char text[HONE_DESC_TEXT];
        hone_graph_fail(graph,
                        hone_fail(HONE_UNSUPPORTED, "features of shape %s cannot be classified",
                                  hone_desc_text(&desc, text)));
        return HONE_NO_VALUE;
    }
    if (desc.dim[1] != 1 || desc.dim[2] != 1)
        value = HONE_EMIT(graph, &hone_op_global_avg_pool, "head.pool", NULL, value);
    struct hone_shape_attrs flat = {.rank = 2, .dim = {0, desc.dim[3]}};
    return HONE_EMIT(graph, &hone_op_reshape, "head.flatten", &flat, value);
}

static bool model_has_head(const struct hone_model *model) {
    return model->head.kind != HONE_HEAD_NONE;
}

// First node that does not belong to the trunk.
static size_t model_trunk_end(const struct hone_model *model) {
    return model_has_head(model) ? model->head.node : model->graph->node_count;
}

static hone_value clone_dropout(struct hone_model_clone *clone, hone_value feature) {
    const struct hone_model_emit_params *params = clone->params;
    if (!params || params->dropout == 0 || clone->target->status != HONE_OK) return feature;
    struct hone_dropout_attrs attrs = {.rate = params->dropout, .salt = params->dropout_salt};
    return HONE_EMIT(clone->target, &hone_op_dropout, "head.dropout", &attrs, feature,
                     params->clock);
}

// The trunk on `image`; what its end gives, (N,...), the mean over flips where the model has them.
static hone_value clone_trunk(struct hone_model_clone *clone, hone_value image) {
    const struct hone_model *model = clone->model;
    const struct hone_model_cut *cut = clone->params ? clone->params->cut : NULL;
    bool alone = !model->flips || (clone->params && clone->params->one_copy);
    if (cut)
        hone_model_clone_cut(clone, image);
    else
        clone->map[model->image] =
            alone ? image : hone_model_emit_flips(clone->target, model->flips, image);
    hone_model_clone_nodes(clone, 0, model_trunk_end(model), cut ? cut->after : NULL);
    hone_value last = clone->map[model_has_head(model) ? model->head.feature : model->output];
    if (alone || clone->target->status != HONE_OK) return last;
    return hone_model_emit_flip_mean(clone->target, model->flips,
                                     hone_model_flatten(clone->target, last));
}

hone_status hone_model_emit(const struct hone_model *model, struct hone_graph *target,
                            hone_value image, const struct hone_model_emit_params *params,
                            hone_value *output, hone_value *features) {
    *output = HONE_NO_VALUE;
    if (features) *features = HONE_NO_VALUE;
    struct hone_model_clone clone;
    HONE_TRY(hone_model_clone_init(&clone, model, target, params));
    hone_value last = clone_trunk(&clone, image);
    if (model_has_head(model)) {
        if (features) *features = hone_model_flatten(target, last);
        clone.map[model->head.feature] = clone_dropout(&clone, last);
        hone_model_clone_nodes(&clone, model->head.node, model->graph->node_count, NULL);
    }
    *output = clone.map[model->output];
    hone_model_clone_deinit(&clone);
    return hone_graph_status(target);
}

hone_status hone_model_emit_features(const struct hone_model *model, struct hone_graph *target,
                                     hone_value image, const struct hone_model_emit_params *params,
                                     hone_value *features) {
    *features = HONE_NO_VALUE;
    struct hone_model_clone clone;
    HONE_TRY(hone_model_clone_init(&clone, model, target, params));
    *features = hone_model_flatten(target, clone_trunk(&clone, image));
    hone_model_clone_deinit(&clone);
    return hone_graph_status(target);
}

hone_status hone_model_emit_head(const struct hone_model *model, struct hone_graph *target,
                                 hone_value features, const struct hone_model_emit_params *params,
                                 hone_value *output) {
    *output = HONE_NO_VALUE;
    if (model->head.kind != HONE_HEAD_LINEAR)
        return hone_fail(HONE_INVALID, "this model has no linear head");
    struct hone_model_clone clone;
    HONE_TRY(hone_model_clone_init(&clone, model, target, params));
    clone.map[model->head.feature] = clone_dropout(&clone, features);
    hone_model_clone_nodes(&clone, model->head.node, model->graph->node_count, NULL);
    *output = clone.map[model->output];
    hone_model_clone_deinit(&clone);
    return hone_graph_status(target);
}
