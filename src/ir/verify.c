// verify.c: the invariants of graph.h, checked one by one. Passes call it in debug builds; tests
// always do.
#include "ir/graph.h"

// One node: inputs defined before it, outputs pointing back, shapes as infer says.
static hone_status verify_node(const struct hone_graph *graph, size_t index) {
    const struct hone_node *node = &graph->nodes[index];
    for (int i = 0; i < node->input_count; i++) {
        hone_value value = node->inputs[i];
        if (value == HONE_NO_VALUE) continue;
        if (value >= graph->value_count)
            return hone_fail(HONE_INTERNAL, "node '%s': input %d does not exist", node->name, i);
        const struct hone_value_info *info = &graph->values[value];
        if (info->kind == HONE_VALUE_NODE && info->node >= index)
            return hone_fail(HONE_INTERNAL, "node '%s': input %d is defined later, by '%s'",
                             node->name, i, graph->nodes[info->node].name);
    }
    for (int i = 0; i < node->op->outputs; i++) {
        hone_value value = node->outputs[i];
        if (value >= graph->value_count || graph->values[value].kind != HONE_VALUE_NODE ||
            graph->values[value].node != index || graph->values[value].output != i)
            return hone_fail(HONE_INTERNAL, "node '%s': output %d is not its own", node->name, i);
    }
    struct hone_node_descs descs;
    HONE_TRY(hone_node_descs_init(&descs, graph, node));
    struct hone_desc stored[HONE_OP_MAX_OUTPUTS];
    for (int i = 0; i < node->op->outputs; i++) stored[i] = descs.out[i];
    hone_status status = node->op->infer(&descs.args);
    for (int i = 0; i < node->op->outputs && status == HONE_OK; i++)
        if (!hone_desc_equal(&stored[i], &descs.out[i]))
            status = hone_fail(HONE_INTERNAL, "output %d has another shape than infer says", i);
    hone_node_descs_deinit(&descs);
    return hone_fail_context(status, "node '%s' (%s)", node->name, node->op->name);
}

hone_status hone_graph_verify(const struct hone_graph *graph) {
    HONE_TRY(hone_graph_status(graph));
    for (size_t i = 0; i < graph->node_count; i++) HONE_TRY(verify_node(graph, i));
    for (size_t i = 0; i < graph->value_count; i++) {
        const struct hone_value_info *info = &graph->values[i];
        if (!hone_desc_valid(&info->desc))
            return hone_fail(HONE_INTERNAL, "value %zu has no valid shape", i);
        if (info->next == HONE_NO_VALUE) continue;
        if (info->kind != HONE_VALUE_STATE || info->next >= graph->value_count ||
            !hone_desc_equal(&info->desc, &graph->values[info->next].desc))
            return hone_fail(HONE_INTERNAL, "state '%s' has no valid next value", info->name);
    }
    return HONE_OK;
}
