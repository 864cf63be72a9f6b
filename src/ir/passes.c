// passes.c: dead nodes and epilogue fusion, as copies of the graph with a value map.
#include "ir/passes.h"

#include <string.h>

static const struct {
    const char *name;
    enum hone_pass pass;
} pass_names[] = {{"dce", HONE_PASS_DCE}, {"fuse", HONE_PASS_FUSE}};

enum hone_pass hone_pass_find(const char *name) {
    for (size_t i = 0; i < sizeof pass_names / sizeof *pass_names; i++)
        if (strcmp(pass_names[i].name, name) == 0) return pass_names[i].pass;
    return 0;
}

// Re-emits one node with its inputs mapped and, perhaps, other attributes.
static void append_node(struct hone_graph *target, const struct hone_node *node, const void *attrs,
                        hone_value *map, hone_value *outputs) {
    hone_value *inputs = hone_calloc(node->input_count, sizeof *inputs, "node inputs");
    if (!inputs) {
        hone_graph_fail(target, HONE_OUT_OF_MEMORY);
        return;
    }
    for (int i = 0; i < node->input_count; i++)
        inputs[i] = node->inputs[i] == HONE_NO_VALUE ? HONE_NO_VALUE : map[node->inputs[i]];
    hone_graph_node(target, node->op, node->name, attrs, inputs, node->input_count, outputs);
    hone_free(inputs);
}

void hone_graph_append(struct hone_graph *target, const struct hone_graph *source, const bool *keep,
                       hone_value *map) {
    for (size_t n = 0; n < source->node_count && target->status == HONE_OK; n++) {
        if (keep && !keep[n]) continue;
        const struct hone_node *node = &source->nodes[n];
        hone_value outputs[HONE_OP_MAX_OUTPUTS];
        append_node(target, node, node->attrs, map, outputs);
        for (int i = 0; i < node->op->outputs; i++) map[node->outputs[i]] = outputs[i];
    }
}

// Scratch that a pass needs; sized by the source graph.
struct pass_state {
    const struct hone_graph *source;
    struct hone_graph *target;
    hone_value *map;       // per value
    bool *keep;            // per node
    uint32_t *uses;        // per value: readers, with outputs and next values counted
    uint32_t *absorbed_by; // per node: the producer that computes it, or UINT32_MAX
};

static void pass_mark_live(struct pass_state *s) {
    const struct hone_graph *g = s->source;
    bool *live = s->keep;
    // A value is alive when an output, a next value or a live node needs it; walk from the end.
    for (size_t v = 0; v < g->value_count; v++) {
        const struct hone_value_info *info = &g->values[v];
        if (info->kind == HONE_VALUE_NODE && info->is_output) live[info->node] = true;
        if (info->next != HONE_NO_VALUE && g->values[info->next].kind == HONE_VALUE_NODE)
            live[g->values[info->next].node] = true;
    }
    for (size_t n = g->node_count; n-- > 0;) {
        if (!live[n]) continue;
        for (int i = 0; i < g->nodes[n].input_count; i++) {
            hone_value v = g->nodes[n].inputs[i];
            if (v != HONE_NO_VALUE && g->values[v].kind == HONE_VALUE_NODE)
                live[g->values[v].node] = true;
        }
    }
}

static void pass_count_uses(struct pass_state *s) {
    const struct hone_graph *g = s->source;
    for (size_t v = 0; v < g->value_count; v++) {
        if (g->values[v].is_output) s->uses[v] += 2; // the host reads it: never absorbed
        if (g->values[v].next != HONE_NO_VALUE) s->uses[g->values[v].next] += 2;
    }
    for (size_t n = 0; n < g->node_count; n++)
        for (int i = 0; s->keep[n] && i < g->nodes[n].input_count; i++)
            if (g->nodes[n].inputs[i] != HONE_NO_VALUE) s->uses[g->nodes[n].inputs[i]]++;
}

// Finds consumers that their producers absorb. A producer takes one at most.
static hone_status pass_find_fusions(struct pass_state *s) {
    const struct hone_graph *g = s->source;
    for (size_t n = 0; n < g->node_count; n++) {
        const struct hone_node *consumer = &g->nodes[n];
        if (!s->keep[n] || consumer->input_count == 0 || consumer->op->outputs != 1) continue;
        const struct hone_node *producer = hone_graph_producer(g, consumer->inputs[0]);
        if (!producer || !producer->op->absorb || s->uses[consumer->inputs[0]] != 1) continue;
        void *attrs = hone_calloc(1, producer->op->attrs_bytes, "attributes");
        if (!attrs) return HONE_OUT_OF_MEMORY;
        memcpy(attrs, producer->attrs, producer->op->attrs_bytes);
        if (producer->op->absorb(producer, consumer, attrs))
            s->absorbed_by[n] = (uint32_t)(producer - g->nodes);
        hone_free(attrs);
    }
    return HONE_OK;
}

// Emits the kept nodes; an absorbed consumer becomes its producer's output.
static void pass_emit(struct pass_state *s) {
    const struct hone_graph *g = s->source;
    for (size_t n = 0; n < g->node_count && s->target->status == HONE_OK; n++) {
        const struct hone_node *node = &g->nodes[n];
        if (!s->keep[n] || s->absorbed_by[n] != UINT32_MAX) continue;
        const struct hone_node *consumer = NULL;
        for (size_t c = n + 1; c < g->node_count && node->op->absorb && !consumer; c++)
            if (s->absorbed_by[c] == n) consumer = &g->nodes[c];
        hone_value outputs[HONE_OP_MAX_OUTPUTS];
        if (consumer) {
            void *attrs = hone_arena_copy(&s->target->arena, node->attrs, node->op->attrs_bytes);
            if (!attrs) {
                hone_graph_fail(s->target, HONE_OUT_OF_MEMORY);
                return;
            }
            node->op->absorb(node, consumer, attrs);
            append_node(s->target, node, attrs, s->map, outputs);
            s->map[consumer->outputs[0]] = outputs[0];
        } else {
            append_node(s->target, node, node->attrs, s->map, outputs);
        }
        for (int i = 0; i < node->op->outputs; i++) s->map[node->outputs[i]] = outputs[i];
    }
}

static hone_status pass_run(struct pass_state *s, unsigned passes) {
    const struct hone_graph *g = s->source;
    for (size_t n = 0; n < g->node_count; n++) {
        s->absorbed_by[n] = UINT32_MAX;
        s->keep[n] = !(passes & HONE_PASS_DCE);
    }
    if (passes & HONE_PASS_DCE) pass_mark_live(s);
    pass_count_uses(s);
    if (passes & HONE_PASS_FUSE) HONE_TRY(pass_find_fusions(s));
    for (size_t v = 0; v < g->value_count; v++) {
        const struct hone_value_info *info = &g->values[v];
        s->map[v] = HONE_NO_VALUE;
        if (info->kind == HONE_VALUE_INPUT)
            s->map[v] = hone_graph_input(s->target, info->name, info->desc);
        if (info->kind == HONE_VALUE_STATE)
            s->map[v] = hone_graph_state(s->target, info->name, info->desc);
    }
    pass_emit(s);
    for (size_t v = 0; v < g->value_count; v++) {
        const struct hone_value_info *info = &g->values[v];
        if (info->is_output) hone_graph_mark_output(s->target, s->map[v], info->name);
        if (info->next != HONE_NO_VALUE)
            hone_graph_set_next(s->target, s->map[v], s->map[info->next]);
    }
    return hone_graph_status(s->target);
}

hone_status hone_graph_run_passes(const struct hone_graph *graph, unsigned passes,
                                  struct hone_graph **out) {
    *out = NULL;
    HONE_TRY(hone_graph_status(graph));
    struct pass_state s = {.source = graph};
    hone_status status = hone_graph_create(&s.target);
    s.map = hone_calloc(graph->value_count, sizeof *s.map, "passes");
    s.uses = hone_calloc(graph->value_count, sizeof *s.uses, "passes");
    s.keep = hone_calloc(graph->node_count, sizeof *s.keep, "passes");
    s.absorbed_by = hone_calloc(graph->node_count, sizeof *s.absorbed_by, "passes");
    if (status == HONE_OK && (!s.map || !s.uses || !s.keep || !s.absorbed_by))
        status = HONE_OUT_OF_MEMORY;
    if (status == HONE_OK) status = pass_run(&s, passes);
    hone_free(s.map);
    hone_free(s.uses);
    hone_free(s.keep);
    hone_free(s.absorbed_by);
    if (status != HONE_OK) {
        hone_graph_destroy(&s.target);
        return status;
    }
    *out = s.target;
    return HONE_OK;
}
