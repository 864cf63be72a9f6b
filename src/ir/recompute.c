// recompute.c: less memory for more work: the forward pass of a training step is cut into segments,
// of which only what crosses a cut is kept; the backward pass makes the rest of a segment again
// from there when it first needs it (Chen et al. 2016: Training deep nets with sublinear memory
// cost). The last segment is needed at once and keeps all. The numbers are the same: operators are
// functions of their inputs, and states change after the last node only.
#include "ir/passes.h"

#include <string.h>

struct recompute {
    const struct hone_graph *source;
    struct hone_graph *target;
    size_t last;           // node of the loss: the last one of the forward pass
    uint32_t *segment;     // per node up to there
    uint32_t segments;     // their number
    uint32_t *latest_read; // per value: segment of its last reader in the forward pass
    bool *late;            // per value: read behind the loss
    hone_value *map;       // per value: in the target
    hone_value *again;     // per value: made again, or HONE_NO_VALUE
};

static bool is_view(const struct hone_node *node) {
    return node->op->flags & HONE_OP_VIEW;
}

// Node of the forward pass that makes the value, or SIZE_MAX.
static size_t forward_node(const struct recompute *r, hone_value value) {
    const struct hone_node *node = hone_graph_producer(r->source, value);
    size_t n = node ? (size_t)(node - r->source->nodes) : SIZE_MAX;
    return n <= r->last ? n : SIZE_MAX;
}

static void note_reads(struct recompute *r) {
    const struct hone_graph *g = r->source;
    for (size_t n = r->last + 1; n < g->node_count; n++)
        for (int i = 0; i < g->nodes[n].input_count; i++)
            if (g->nodes[n].inputs[i] != HONE_NO_VALUE) r->late[g->nodes[n].inputs[i]] = true;
    for (size_t n = r->last + 1; n-- > 0;) // who reads a view reads what it lies in
        if (is_view(&g->nodes[n]) && r->late[g->nodes[n].outputs[0]])
            r->late[g->nodes[n].inputs[0]] = true;
}

// What the backward pass reads of node n: the bytes that cutting can spare.
static uint64_t kept_bytes(const struct recompute *r, size_t n) {
    const struct hone_node *node = &r->source->nodes[n];
    uint64_t bytes = 0;
    for (int i = 0; i < node->op->outputs && !is_view(node); i++)
        if (r->late[node->outputs[i]])
            bytes += hone_desc_bytes(&r->source->values[node->outputs[i]].desc);
    return bytes;
}

// crossing[n]: bytes of the values that are made at or before node n and read by the forward pass
// after it.
static void sum_crossing(const struct recompute *r, uint64_t *crossing, size_t *last_read) {
    const struct hone_graph *g = r->source;
    for (size_t n = 0; n <= r->last; n++)
        for (int i = 0; i < g->nodes[n].input_count; i++)
            if (g->nodes[n].inputs[i] != HONE_NO_VALUE) last_read[g->nodes[n].inputs[i]] = n;
    for (size_t n = r->last + 1; n-- > 0;)
        if (is_view(&g->nodes[n]) &&
            last_read[g->nodes[n].outputs[0]] > last_read[g->nodes[n].inputs[0]])
            last_read[g->nodes[n].inputs[0]] = last_read[g->nodes[n].outputs[0]];
    for (size_t n = 0; n <= r->last; n++) {
        const struct hone_node *node = &g->nodes[n];
        for (int i = 0; i < node->op->outputs && !is_view(node); i++) {
            hone_value v = node->outputs[i];
            for (size_t at = n; at < last_read[v]; at++)
                crossing[at] += hone_desc_bytes(&g->values[v].desc);
        }
    }
}

// Cuts where equal shares of what is kept end, or near there where less crosses.
static void cut(struct recompute *r, const uint64_t *crossing) {
    uint64_t total = 0, sum = 0, least = UINT64_MAX;
    uint32_t segment = 0;
    size_t best = 0;
    for (size_t n = 0; n <= r->last; n++) total += kept_bytes(r, n);
    uint64_t share = total / r->segments + 1;
    for (size_t n = 0; n <= r->last; n++) {
        sum += kept_bytes(r, n);
        uint64_t end = (segment + 1) * share;
        if (segment + 1 < r->segments && sum + share / 3 >= end) {
            if (crossing[n] < least) {
                least = crossing[n];
                best = n;
            }
            if (sum >= end + share / 3) { // the window is over: what lies behind the cut moves on
                segment++;
                for (size_t k = best + 1; k <= n; k++) r->segment[k] = segment;
                least = UINT64_MAX;
            }
        }
        r->segment[n] = segment;
    }
    r->segments = segment + 1;
}

static void note_segments(struct recompute *r) {
    const struct hone_graph *g = r->source;
    for (size_t n = 0; n <= r->last; n++)
        for (int i = 0; i < g->nodes[n].input_count; i++) {
            hone_value v = g->nodes[n].inputs[i];
            if (v != HONE_NO_VALUE && r->segment[n] > r->latest_read[v])
                r->latest_read[v] = r->segment[n];
        }
    for (size_t n = r->last + 1; n-- > 0;)
        if (is_view(&g->nodes[n]) &&
            r->latest_read[g->nodes[n].outputs[0]] > r->latest_read[g->nodes[n].inputs[0]])
            r->latest_read[g->nodes[n].inputs[0]] = r->latest_read[g->nodes[n].outputs[0]];
}

// Whether the value, made by node n of the forward pass, is there in the backward pass.
static bool is_kept(const struct recompute *r, hone_value value, size_t n) {
    return r->segment[n] + 1 >= r->segments || r->latest_read[value] > r->segment[n];
}

static void emit(struct recompute *r, const struct hone_node *node, const hone_value *inputs,
                 hone_value *to) {
    hone_value outputs[HONE_OP_MAX_OUTPUTS];
    hone_graph_node(r->target, node->op, node->name, node->attrs, inputs, node->input_count,
                    outputs);
    for (int i = 0; i < node->op->outputs; i++) to[node->outputs[i]] = outputs[i];
}

// The value for a reader behind the loss.
static hone_value late_form(struct recompute *r, hone_value value) {
    size_t n = forward_node(r, value);
    if (n == SIZE_MAX || (!is_view(&r->source->nodes[n]) && is_kept(r, value, n)))
        return r->map[value];
    if (r->again[value] != HONE_NO_VALUE || r->target->status != HONE_OK) return r->again[value];
    const struct hone_node *node = &r->source->nodes[n];
    hone_value *inputs = hone_calloc(node->input_count + 1u, sizeof *inputs, "node inputs");
    if (!inputs) {
        hone_graph_fail(r->target, HONE_OUT_OF_MEMORY);
        return HONE_NO_VALUE;
    }
    bool moved = false;
    for (int i = 0; i < node->input_count; i++) {
        hone_value v = node->inputs[i];
        inputs[i] = v == HONE_NO_VALUE ? v : late_form(r, v);
        moved = moved || (v != HONE_NO_VALUE && inputs[i] != r->map[v]);
    }
    if (is_view(node) && !moved) // of something that is kept
        for (int i = 0; i < node->op->outputs; i++)
            r->again[node->outputs[i]] = r->map[node->outputs[i]];
    else
        emit(r, node, inputs, r->again);
    hone_free(inputs);
    return r->again[value];
}

static void walk(struct recompute *r) {
    const struct hone_graph *g = r->source;
    for (size_t n = 0; n < g->node_count && r->target->status == HONE_OK; n++) {
        const struct hone_node *node = &g->nodes[n];
        hone_value *inputs = hone_calloc(node->input_count + 1u, sizeof *inputs, "node inputs");
        if (!inputs) {
            hone_graph_fail(r->target, HONE_OUT_OF_MEMORY);
            return;
        }
        for (int i = 0; i < node->input_count; i++) {
            hone_value v = node->inputs[i];
            inputs[i] = v == HONE_NO_VALUE ? v : n <= r->last ? r->map[v] : late_form(r, v);
        }
        emit(r, node, inputs, r->map);
        hone_free(inputs);
    }
}

static hone_status recompute_run(struct recompute *r) {
    const struct hone_graph *g = r->source;
    uint64_t *crossing = hone_calloc(r->last + 1, sizeof *crossing, "passes");
    size_t *last_read = hone_calloc(g->value_count, sizeof *last_read, "passes");
    if (crossing && last_read) {
        note_reads(r);
        sum_crossing(r, crossing, last_read);
        cut(r, crossing);
        note_segments(r);
    }
    bool ready = crossing && last_read;
    hone_free(crossing);
    hone_free(last_read);
    if (!ready) return HONE_OUT_OF_MEMORY;
    hone_graph_copy_leaves(r->target, g, r->map);
    for (size_t v = 0; v < g->value_count; v++) r->again[v] = HONE_NO_VALUE;
    walk(r);
    hone_graph_copy_marks(r->target, g, r->map);
    return hone_graph_status(r->target);
}

static size_t find_node(const struct hone_graph *graph, const char *name) {
    size_t n = 0;
    while (n < graph->node_count && strcmp(graph->nodes[n].name, name) != 0) n++;
    return n;
}

hone_status hone_graph_recompute(const struct hone_graph *graph, const char *loss,
                                 uint32_t segments, struct hone_graph **out) {
    struct recompute r = {
        .source = graph, .last = find_node(graph, loss), .segments = segments ? segments : 1};
    *out = NULL;
    HONE_TRY(hone_graph_status(graph));
    if (r.last == graph->node_count)
        return hone_fail(HONE_INVALID, "the graph has no node '%s' that ends its forward pass",
                         loss);
    hone_status status = hone_graph_create(&r.target);
    r.segment = hone_calloc(graph->node_count, sizeof *r.segment, "passes");
    r.latest_read = hone_calloc(graph->value_count, sizeof *r.latest_read, "passes");
    r.late = hone_calloc(graph->value_count, sizeof *r.late, "passes");
    r.map = hone_calloc(graph->value_count, sizeof *r.map, "passes");
    r.again = hone_calloc(graph->value_count, sizeof *r.again, "passes");
    if (status == HONE_OK && (!r.segment || !r.latest_read || !r.late || !r.map || !r.again))
        status = HONE_OUT_OF_MEMORY;
    if (status == HONE_OK) status = recompute_run(&r);
    hone_free(r.segment);
    hone_free(r.latest_read);
    hone_free(r.late);
    hone_free(r.map);
    hone_free(r.again);
    if (status != HONE_OK)
        hone_graph_destroy(&r.target);
    else
        *out = r.target;
    return status;
}
