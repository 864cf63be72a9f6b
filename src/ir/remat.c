// remat.c: recomputing what is cheaper to make again than to keep: a value made by few operations
// an element from the program's inputs alone (pictures as bytes, which are there all the time) and
// used both early and late. In a training step that is the normalised batch: the first convolution
// reads it, and its weight gradient at the very end. Kept in between it lies in memory while memory
// is most needed.
#include "ir/passes.h"

#include <string.h>

enum {
    FLOPS = 32, // an element: more is not cheap
    SHARE = 16, // inputs that are not always there may have 1 / SHARE of the output's bytes
    GAP = 4     // uses 1 / GAP of the graph apart are an early and a late one
};

static bool is_cheap(const struct hone_graph *graph, const struct hone_node *node) {
    uint64_t out = 0, extra = 0;
    bool input = false;
    struct hone_node_descs descs;
    if ((node->op->flags & (HONE_OP_VIEW | HONE_OP_PACK)) || !node->op->cost) return false;
    for (int i = 0; i < node->op->outputs; i++) {
        const struct hone_value_info *info = &graph->values[node->outputs[i]];
        if (info->is_output) return false;
        out += hone_desc_bytes(&info->desc);
    }
    for (int i = 0; i < node->input_count; i++) {
        if (node->inputs[i] == HONE_NO_VALUE) continue;
        const struct hone_value_info *info = &graph->values[node->inputs[i]];
        // A state that changes may be another one by then.
        if (info->kind == HONE_VALUE_STATE && info->next != HONE_NO_VALUE) return false;
        if (info->kind == HONE_VALUE_NODE)
            extra += hone_desc_bytes(&info->desc);
        else
            input = true;
    }
    if (!input || extra > out / SHARE || out < (1 << 16)) return false;
    if (hone_node_descs_init(&descs, graph, node) != HONE_OK) return false;
    double flops = node->op->cost(&descs.args).flops;
    hone_node_descs_deinit(&descs);
    return flops <= FLOPS * (double)hone_desc_elements(&graph->values[node->outputs[0]].desc);
}

struct remat {
    const struct hone_graph *source;
    struct hone_graph *target;
    hone_value *map; // per value of the source: its newest copy
    size_t *made;    // per node of the source: where in the source's order that was made
    bool *cheap;     // per node
};

static void emit(struct remat *r, size_t n) {
    const struct hone_node *node = &r->source->nodes[n];
    hone_value *inputs = hone_calloc(node->input_count, sizeof *inputs, "node inputs");
    if (!inputs) {
        hone_graph_fail(r->target, HONE_OUT_OF_MEMORY);
        return;
    }
    for (int i = 0; i < node->input_count; i++)
        inputs[i] = node->inputs[i] == HONE_NO_VALUE ? HONE_NO_VALUE : r->map[node->inputs[i]];
    hone_value outputs[HONE_OP_MAX_OUTPUTS];
    hone_graph_node(r->target, node->op, node->name, node->attrs, inputs, node->input_count,
                    outputs);
    for (int i = 0; i < node->op->outputs; i++) r->map[node->outputs[i]] = outputs[i];
    hone_free(inputs);
}

static void walk(struct remat *r) {
    const struct hone_graph *g = r->source;
    size_t far = g->node_count / GAP;
    for (size_t n = 0; n < g->node_count && r->target->status == HONE_OK; n++) {
        const struct hone_node *node = &g->nodes[n];
        for (int i = 0; i < node->input_count; i++) {
            const struct hone_node *from =
                node->inputs[i] == HONE_NO_VALUE ? NULL : hone_graph_producer(g, node->inputs[i]);
            size_t k = from ? (size_t)(from - g->nodes) : 0;
            if (!from || !r->cheap[k]) continue;
            if (n - r->made[k] > far) emit(r, k);
            r->made[k] = n; // as good as made here: it is alive
        }
        emit(r, n);
        r->made[n] = n;
    }
}

static hone_status remat_run(struct remat *r) {
    const struct hone_graph *g = r->source;
    for (size_t n = 0; n < g->node_count; n++) r->cheap[n] = is_cheap(g, &g->nodes[n]);
    hone_graph_copy_leaves(r->target, g, r->map);
    walk(r);
    hone_graph_copy_marks(r->target, g, r->map);
    return hone_graph_status(r->target);
}

hone_status hone_graph_remat(const struct hone_graph *graph, struct hone_graph **out) {
    struct remat r = {.source = graph};
    *out = NULL;
    hone_status status = hone_graph_create(&r.target);
    r.map = hone_calloc(graph->value_count, sizeof *r.map, "passes");
    r.made = hone_calloc(graph->node_count, sizeof *r.made, "passes");
    r.cheap = hone_calloc(graph->node_count, sizeof *r.cheap, "passes");
    if (status == HONE_OK && (!r.map || !r.made || !r.cheap)) status = HONE_OUT_OF_MEMORY;
    if (status == HONE_OK) status = remat_run(&r);
    hone_free(r.map);
    hone_free(r.made);
    hone_free(r.cheap);
    if (status != HONE_OK)
        hone_graph_destroy(&r.target);
    else
        *out = r.target;
    return status;
}
