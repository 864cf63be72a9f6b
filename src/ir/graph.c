// graph.c: building and checking graphs. Everything that a graph points to lives in its arena,
// apart from the two growing tables.
#include "ir/graph.h"

#include <stdio.h>
#include <string.h>

hone_status hone_graph_create(struct hone_graph **out) {
    *out = hone_calloc(1, sizeof **out, "a graph");
    return *out ? HONE_OK : HONE_OUT_OF_MEMORY;
}

void hone_graph_destroy(struct hone_graph **graph) {
    if (!*graph) return;
    hone_free((*graph)->values);
    hone_free((*graph)->nodes);
    hone_arena_deinit(&(*graph)->arena);
    hone_free(*graph);
    *graph = NULL;
}

hone_status hone_graph_status(const struct hone_graph *graph) {
    return hone_error_restore(&graph->error);
}

void hone_graph_fail(struct hone_graph *graph, hone_status status) {
    if (graph->status != HONE_OK || status == HONE_OK) return;
    graph->status = status;
    hone_error_save(status, &graph->error);
}

// Appends a value of this kind. HONE_NO_VALUE with the failure recorded when it cannot.
static hone_value graph_add_value(struct hone_graph *graph, struct hone_value_info info) {
    if (graph->status != HONE_OK) return HONE_NO_VALUE;
    if (!hone_desc_valid(&info.desc)) {
        char text[HONE_DESC_TEXT];
        hone_graph_fail(graph,
                        hone_fail(HONE_INVALID, "value '%s': %s is not a valid shape",
                                  info.name ? info.name : "", hone_desc_text(&info.desc, text)));
        return HONE_NO_VALUE;
    }
    const char *name = hone_arena_strdup(&graph->arena, info.name ? info.name : "");
    if (!name || !hone_grow(&graph->values, &graph->value_capacity, graph->value_count + 1,
                            sizeof *graph->values, "graph values")) {
        hone_graph_fail(graph, HONE_OUT_OF_MEMORY);
        return HONE_NO_VALUE;
    }
    info.name = name;
    info.next = HONE_NO_VALUE;
    graph->values[graph->value_count] = info;
    return (hone_value)graph->value_count++;
}

static hone_value graph_add_named(struct hone_graph *graph, enum hone_value_kind kind,
                                  const char *name, struct hone_desc desc) {
    if (graph->status == HONE_OK && hone_graph_find(graph, name) != HONE_NO_VALUE) {
        hone_graph_fail(graph, hone_fail(HONE_INVALID, "two values are named '%s'", name));
        return HONE_NO_VALUE;
    }
    return graph_add_value(graph,
                           (struct hone_value_info){.kind = kind, .desc = desc, .name = name});
}

hone_value hone_graph_input(struct hone_graph *graph, const char *name, struct hone_desc desc) {
    return graph_add_named(graph, HONE_VALUE_INPUT, name, desc);
}

hone_value hone_graph_state(struct hone_graph *graph, const char *name, struct hone_desc desc) {
    return graph_add_named(graph, HONE_VALUE_STATE, name, desc);
}

hone_status hone_node_descs_init(struct hone_node_descs *descs, const struct hone_graph *graph,
                                 const struct hone_node *node) {
    descs->in = descs->in_few;
    if (node->input_count > HONE_NODE_FEW) {
        descs->in = hone_calloc(node->input_count, sizeof *descs->in, "node shapes");
        if (!descs->in) return HONE_OUT_OF_MEMORY;
    }
    for (int i = 0; i < node->input_count; i++) {
        if (node->inputs[i] == HONE_NO_VALUE) {
            descs->in[i] = (struct hone_desc){.rank = -1};
        } else {
            descs->in[i] = graph->values[node->inputs[i]].desc;
        }
    }
    memset(descs->out, 0, sizeof descs->out);
    for (int i = 0; i < node->op->outputs; i++)
        if (node->outputs[i] < graph->value_count)
            descs->out[i] = graph->values[node->outputs[i]].desc;
    descs->args = (struct hone_infer_args){
        .attrs = node->attrs, .input_count = node->input_count, .in = descs->in, .out = descs->out};
    return HONE_OK;
}

void hone_node_descs_deinit(struct hone_node_descs *descs) {
    if (descs->in != descs->in_few) hone_free(descs->in);
}

// Input count within the op's range and every given input defined.
static hone_status graph_check_inputs(const struct hone_graph *graph, const struct hone_op *op,
                                      const hone_value *inputs, int count) {
    if (count < op->inputs_min || (op->inputs_max != HONE_OP_VARIADIC && count > op->inputs_max) ||
        count > UINT16_MAX)
        return hone_fail(HONE_INVALID, "%s takes %d to %d inputs, not %d", op->name, op->inputs_min,
                         op->inputs_max, count);
    for (int i = 0; i < count; i++) {
        bool absent = inputs[i] == HONE_NO_VALUE;
        if (absent ? i < op->inputs_min : inputs[i] >= graph->value_count)
            return hone_fail(HONE_INVALID, "input %d is missing", i);
    }
    return HONE_OK;
}

void hone_graph_node(struct hone_graph *graph, const struct hone_op *op, const char *name,
                     const void *attrs, const hone_value *inputs, int input_count,
                     hone_value *outputs) {
    for (int i = 0; i < op->outputs; i++) outputs[i] = HONE_NO_VALUE;
    if (graph->status != HONE_OK) return;
    char numbered[64];
    if (!name) {
        snprintf(numbered, sizeof numbered, "%s.%zu", op->name, graph->node_count);
        name = numbered;
    }
    hone_status status = graph_check_inputs(graph, op, inputs, input_count);
    if (status != HONE_OK) {
        hone_graph_fail(graph, hone_fail_context(status, "node '%s' (%s)", name, op->name));
        return;
    }
    struct hone_node node = {
        .op = op,
        .name = hone_arena_strdup(&graph->arena, name),
        .attrs = op->attrs_bytes ? hone_arena_copy(&graph->arena, attrs, op->attrs_bytes) : NULL,
        .input_count = (uint16_t)input_count,
        .inputs = hone_arena_copy(&graph->arena, inputs, (size_t)input_count * sizeof *inputs),
    };
    if (!node.name || (op->attrs_bytes && !node.attrs) || !node.inputs ||
        !hone_grow(&graph->nodes, &graph->node_capacity, graph->node_count + 1,
                   sizeof *graph->nodes, "graph nodes")) {
        hone_graph_fail(graph, HONE_OUT_OF_MEMORY);
        return;
    }
    for (int i = 0; i < op->outputs; i++) node.outputs[i] = HONE_NO_VALUE;

    struct hone_node_descs descs;
    status = hone_node_descs_init(&descs, graph, &node);
    if (status == HONE_OK) status = op->infer(&descs.args);
    if (status != HONE_OK)
        hone_graph_fail(graph, hone_fail_context(status, "node '%s' (%s)", name, op->name));
    for (int i = 0; i < op->outputs && graph->status == HONE_OK; i++)
        node.outputs[i] = outputs[i] =
            graph_add_value(graph, (struct hone_value_info){.kind = HONE_VALUE_NODE,
                                                            .desc = descs.out[i],
                                                            .node = (uint32_t)graph->node_count,
                                                            .output = (uint8_t)i});
    hone_node_descs_deinit(&descs);
    if (graph->status == HONE_OK) graph->nodes[graph->node_count++] = node;
}

hone_value hone_graph_emit(struct hone_graph *graph, const struct hone_op *op, const char *name,
                           const void *attrs, const hone_value *inputs, int input_count) {
    hone_value outputs[HONE_OP_MAX_OUTPUTS] = {HONE_NO_VALUE};
    hone_graph_node(graph, op, name, attrs, inputs, input_count, outputs);
    return outputs[0];
}

void hone_graph_mark_output(struct hone_graph *graph, hone_value value, const char *name) {
    if (graph->status != HONE_OK) return;
    if (value >= graph->value_count) {
        hone_graph_fail(graph, hone_fail(HONE_INVALID, "output '%s' has no value", name));
        return;
    }
    struct hone_value_info *info = &graph->values[value];
    hone_value other = hone_graph_find(graph, name);
    if (other != HONE_NO_VALUE && other != value) {
        hone_graph_fail(graph, hone_fail(HONE_INVALID, "two values are named '%s'", name));
        return;
    }
    if ((info->is_output || info->kind != HONE_VALUE_NODE) && strcmp(info->name, name) != 0) {
        hone_graph_fail(graph, hone_fail(HONE_INVALID, "value '%s' cannot also be output '%s'",
                                         info->name, name));
        return;
    }
    if (info->kind == HONE_VALUE_NODE) {
        info->name = hone_arena_strdup(&graph->arena, name);
        if (!info->name) hone_graph_fail(graph, HONE_OUT_OF_MEMORY);
    }
    info->is_output = true;
}

void hone_graph_set_next(struct hone_graph *graph, hone_value state, hone_value next) {
    if (graph->status != HONE_OK) return;
    struct hone_value_info *info = state < graph->value_count ? &graph->values[state] : NULL;
    if (!info || info->kind != HONE_VALUE_STATE || next >= graph->value_count ||
        !hone_desc_equal(&info->desc, &graph->values[next].desc)) {
        hone_graph_fail(graph, hone_fail(HONE_INVALID, "state '%s' cannot become another shape",
                                         info ? info->name : "?"));
        return;
    }
    info->next = next;
}

const struct hone_value_info *hone_graph_value(const struct hone_graph *graph, hone_value value) {
    return &graph->values[value];
}

const struct hone_desc *hone_graph_desc(const struct hone_graph *graph, hone_value value) {
    // Builders look shapes up between calls that may have failed; they get a scalar then.
    static const struct hone_desc scalar = {.rank = 0};
    return value < graph->value_count ? &graph->values[value].desc : &scalar;
}

hone_value hone_graph_find(const struct hone_graph *graph, const char *name) {
    for (size_t i = 0; i < graph->value_count; i++) {
        const struct hone_value_info *info = &graph->values[i];
        if ((info->kind != HONE_VALUE_NODE || info->is_output) && strcmp(info->name, name) == 0)
            return (hone_value)i;
    }
    return HONE_NO_VALUE;
}

const struct hone_node *hone_graph_producer(const struct hone_graph *graph, hone_value value) {
    if (value >= graph->value_count || graph->values[value].kind != HONE_VALUE_NODE) return NULL;
    return &graph->nodes[graph->values[value].node];
}
