// rewrite.c: see rewrite.h.
#include "ir/rewrite.h"
#include "ir/passes.h"

#include <string.h>

hone_status hone_rewrite_init(struct hone_rewrite *rewrite, const struct hone_graph *source) {
    size_t nodes = source->node_count, values = source->value_count;
    *rewrite = (struct hone_rewrite){.source = source};
    rewrite->nodes = hone_calloc(nodes, sizeof *rewrite->nodes, "passes");
    rewrite->live = hone_calloc(nodes, sizeof *rewrite->live, "passes");
    rewrite->uses = hone_calloc(values, sizeof *rewrite->uses, "passes");
    rewrite->reader = hone_calloc(values, sizeof *rewrite->reader, "passes");
    rewrite->producer = hone_calloc(values, sizeof *rewrite->producer, "passes");
    rewrite->kept = hone_calloc(values, sizeof *rewrite->kept, "passes");
    if (!rewrite->nodes || !rewrite->live || !rewrite->uses || !rewrite->reader ||
        !rewrite->producer || !rewrite->kept) {
        hone_rewrite_deinit(rewrite);
        return HONE_OUT_OF_MEMORY;
    }
    for (size_t n = 0; n < nodes; n++) {
        rewrite->nodes[n] = source->nodes[n];
        rewrite->live[n] = true;
    }
    for (size_t v = 0; v < values; v++) {
        if (source->values[v].is_output) rewrite->kept[v] = true;
        if (source->values[v].next != HONE_NO_VALUE) rewrite->kept[source->values[v].next] = true;
    }
    hone_rewrite_count(rewrite);
    return HONE_OK;
}

void hone_rewrite_deinit(struct hone_rewrite *rewrite) {
    hone_arena_deinit(&rewrite->arena);
    hone_free(rewrite->nodes);
    hone_free(rewrite->live);
    hone_free(rewrite->uses);
    hone_free(rewrite->reader);
    hone_free(rewrite->producer);
    hone_free(rewrite->kept);
    *rewrite = (struct hone_rewrite){0};
}

static void mark_producer(struct hone_rewrite *rewrite, hone_value value) {
    if (value == HONE_NO_VALUE) return;
    uint32_t node = rewrite->producer[value];
    if (node == UINT32_MAX || rewrite->live[node]) return;
    rewrite->live[node] = true;
    for (int i = 0; i < rewrite->nodes[node].input_count; i++)
        mark_producer(rewrite, rewrite->nodes[node].inputs[i]);
}

void hone_rewrite_drop_dead(struct hone_rewrite *rewrite) {
    const struct hone_graph *g = rewrite->source;
    hone_rewrite_count(rewrite);
    memset(rewrite->live, 0, g->node_count * sizeof *rewrite->live);
    for (size_t v = 0; v < g->value_count; v++)
        if (rewrite->kept[v]) mark_producer(rewrite, (hone_value)v);
    hone_rewrite_count(rewrite);
}

void hone_rewrite_count(struct hone_rewrite *rewrite) {
    const struct hone_graph *g = rewrite->source;
    for (size_t v = 0; v < g->value_count; v++) {
        rewrite->uses[v] = 0;
        rewrite->reader[v] = rewrite->producer[v] = UINT32_MAX;
    }
    for (size_t n = 0; n < g->node_count; n++) {
        const struct hone_node *node = &rewrite->nodes[n];
        if (!rewrite->live[n]) continue;
        for (int i = 0; i < node->op->outputs; i++)
            rewrite->producer[node->outputs[i]] = (uint32_t)n;
        for (int i = 0; i < node->input_count; i++) {
            if (node->inputs[i] == HONE_NO_VALUE) continue;
            rewrite->uses[node->inputs[i]]++;
            rewrite->reader[node->inputs[i]] = (uint32_t)n;
        }
    }
}

static bool depends(const struct hone_rewrite *rewrite, hone_value value, size_t from,
                    bool *visited) {
    uint32_t node = value == HONE_NO_VALUE ? UINT32_MAX : rewrite->producer[value];
    if (node == UINT32_MAX || visited[node]) return false;
    if (node == from) return true;
    visited[node] = true;
    for (int i = 0; i < rewrite->nodes[node].input_count; i++)
        if (depends(rewrite, rewrite->nodes[node].inputs[i], from, visited)) return true;
    return false;
}

bool hone_rewrite_depends(const struct hone_rewrite *rewrite, hone_value value, size_t from) {
    bool *visited = hone_calloc(rewrite->source->node_count, sizeof *visited, "passes");
    bool found = !visited || depends(rewrite, value, from, visited); // no memory: no fusion
    hone_free(visited);
    return found;
}

struct emitter {
    const struct hone_rewrite *rewrite;
    struct hone_graph *target;
    hone_value *map; // per value of the source
    bool *done;      // per node
};

static void emit_node(struct emitter *e, size_t n) {
    const struct hone_node *node = &e->rewrite->nodes[n];
    if (e->done[n] || e->target->status != HONE_OK) return;
    e->done[n] = true;
    hone_value outputs[HONE_OP_MAX_OUTPUTS];
    hone_value *inputs = hone_calloc(node->input_count, sizeof *inputs, "node inputs");
    if (!inputs) {
        hone_graph_fail(e->target, HONE_OUT_OF_MEMORY);
        return;
    }
    for (int i = 0; i < node->input_count; i++) {
        hone_value v = node->inputs[i];
        inputs[i] = HONE_NO_VALUE;
        if (v == HONE_NO_VALUE) continue;
        if (e->rewrite->producer[v] != UINT32_MAX) emit_node(e, e->rewrite->producer[v]);
        inputs[i] = e->map[v];
    }
    hone_graph_node(e->target, node->op, node->name, node->attrs, inputs, node->input_count,
                    outputs);
    for (int i = 0; i < node->op->outputs; i++) e->map[node->outputs[i]] = outputs[i];
    hone_free(inputs);
}

static hone_status emit_all(struct emitter *e) {
    const struct hone_graph *g = e->rewrite->source;
    hone_graph_copy_leaves(e->target, g, e->map);
    for (size_t n = 0; n < g->node_count; n++)
        if (e->rewrite->live[n]) emit_node(e, n);
    hone_graph_copy_marks(e->target, g, e->map);
    return hone_graph_status(e->target);
}

hone_status hone_rewrite_emit(const struct hone_rewrite *rewrite, struct hone_graph **out) {
    struct emitter e = {.rewrite = rewrite};
    *out = NULL;
    HONE_TRY(hone_graph_create(&e.target));
    e.map = hone_calloc(rewrite->source->value_count, sizeof *e.map, "passes");
    e.done = hone_calloc(rewrite->source->node_count, sizeof *e.done, "passes");
    hone_status status = e.map && e.done ? emit_all(&e) : HONE_OUT_OF_MEMORY;
    hone_free(e.map);
    hone_free(e.done);
    if (status != HONE_OK) {
        hone_graph_destroy(&e.target);
        return status;
    }
    *out = e.target;
    return HONE_OK;
}
