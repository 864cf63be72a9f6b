// stages.c: what a classifier reads, widened: beside the mean of the last map also its largest
// values, and the same of the maps at which a trunk halves its resolution before. A scratch of a
// few pixels is one large value in a map and next to nothing in its mean, and texture lives in
// earlier stages than objects do.
//
// A stage is all maps of one size. It gives its last sum of two branches (the end of a residual
// block), or its last map where there is none; the last stage gives what the net itself pools.
#include "model/model.h"

#include "ops/ops.h"

// Maps of what classifies pictures: no attention, whose matrices have four axes, too.
static bool makes_maps(const struct hone_op *op) {
    return op == &hone_op_conv2d || op == &hone_op_batch_norm || op == &hone_op_act ||
           op == &hone_op_add || op == &hone_op_mul || op == &hone_op_concat ||
           op == &hone_op_max_pool || op == &hone_op_avg_pool;
}

static bool is_sum(const struct hone_model *model, const struct hone_node *node) {
    if (node && node->op == &hone_op_act) node = hone_graph_producer(model->graph, node->inputs[0]);
    if (!node || node->op != &hone_op_add) return false;
    return hone_model_param_of(model, node->inputs[0]) < 0 &&
           hone_model_param_of(model, node->inputs[1]) < 0;
}

// The map that the net pools for its classifier, or as its output; HONE_NO_VALUE: it does not.
static hone_value find_last(const struct hone_model *model) {
    hone_value value = model->head.kind == HONE_HEAD_NONE ? model->output : model->head.feature;
    const struct hone_node *node = hone_graph_producer(model->graph, value);
    while (node && (node->op == &hone_op_reshape || node->op == &hone_op_permute)) {
        value = node->inputs[0];
        node = hone_graph_producer(model->graph, value);
    }
    if (!node) return HONE_NO_VALUE;
    if (node->op == &hone_op_global_avg_pool) value = node->inputs[0];
    const struct hone_desc *desc = hone_graph_desc(model->graph, value);
    node = hone_graph_producer(model->graph, value);
    bool map = node && makes_maps(node->op) && desc->rank == 4 && desc->dim[1] * desc->dim[2] > 1;
    return map ? value : HONE_NO_VALUE;
}

// maps (HONE_MODEL_STAGES), the earliest first; how many there are.
static int find_maps(const struct hone_model *model, hone_value maps[HONE_MODEL_STAGES]) {
    hone_value last = find_last(model), found[HONE_MODEL_STAGES] = {last};
    const struct hone_graph *graph = model->graph;
    bool sum = true;
    int count = 1;
    if (last == HONE_NO_VALUE) return 0;
    for (size_t n = graph->node_count; n-- > 0;) { // from the end to the start, sizes grow
        const struct hone_node *node = &graph->nodes[n];
        const struct hone_desc *desc = hone_graph_desc(graph, node->outputs[0]);
        const struct hone_desc *now = hone_graph_desc(graph, found[count - 1]);
        if (!makes_maps(node->op) || desc->rank != 4) continue;
        if (desc->dim[1] > now->dim[1] && desc->dim[2] > now->dim[2]) {
            if (count == HONE_MODEL_STAGES) break;
            found[count++] = node->outputs[0];
            sum = is_sum(model, node);
        } else if (!sum && desc->dim[1] == now->dim[1] && desc->dim[2] == now->dim[2] &&
                   is_sum(model, node)) {
            found[count - 1] = node->outputs[0];
            sum = true;
        }
    }
    for (int i = 0; i < count; i++) maps[i] = found[count - 1 - i];
    return count;
}

int32_t hone_model_last_stage(const struct hone_model *model) {
    hone_value maps[HONE_MODEL_STAGES];
    int count = find_maps(model, maps);
    const struct hone_graph *graph = model->graph;
    int32_t layers = 0;
    if (count < 2) return 0;
    const struct hone_node *end = hone_graph_producer(graph, maps[count - 2]);
    for (const struct hone_node *node = graph->nodes; node <= end; node++)
        layers += hone_model_is_layer(model, node);
    return layers;
}

static hone_value emit_flat(struct hone_graph *graph, hone_value pooled, int32_t channels) {
    struct hone_shape_attrs flat = {.rank = 2, .dim = {0, channels}};
    return HONE_EMIT(graph, &hone_op_reshape, NULL, &flat, pooled);
}

hone_status hone_model_gather_stages(struct hone_model *model, int *stages) {
    struct hone_graph *graph = model->graph;
    hone_value maps[HONE_MODEL_STAGES], pooled[2 * HONE_MODEL_STAGES];
    int count = find_maps(model, maps), pooled_count = 0;
    *stages = count;
    if (!count) return HONE_OK;
    for (int i = 0; i < count; i++) {
        struct hone_desc map = *hone_graph_desc(graph, maps[i]);
        struct hone_pool_attrs whole = {.kernel = {map.dim[1], map.dim[2]}, .stride = {1, 1}};
        hone_value largest[2] = {HONE_NO_VALUE, HONE_NO_VALUE};
        hone_value mean = HONE_EMIT(graph, &hone_op_global_avg_pool, NULL, NULL, maps[i]);
        hone_graph_node(graph, &hone_op_max_pool, NULL, &whole, &maps[i], 1, largest);
        pooled[pooled_count++] = emit_flat(graph, mean, map.dim[3]);
        pooled[pooled_count++] = emit_flat(graph, largest[0], map.dim[3]);
    }
    struct hone_concat_attrs along = {.axis = 1};
    hone_value features =
        hone_graph_emit(graph, &hone_op_concat, "features", &along, pooled, 2 * count);
    model->output_kind = HONE_MODEL_FEATURES;
    model->thresholds = NULL; // they belong to the old classes
    return hone_model_finish(model, features);
}
