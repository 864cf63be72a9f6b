// grad.c: reverse mode over a graph in definition order. One backward walk: a value's gradient is
// complete when the walk reaches its node, since all its users come later.
#include "ir/grad.h"

#include <string.h>

struct grad_state {
    struct hone_graph *graph;
    const struct hone_grad_ops *ops;
    hone_value *gradient; // per value of the forward graph
    bool *needed;         // per value: a wanted value is reachable from it, upstream
    size_t values, nodes; // of the forward graph
};

// A value is needed when it is wanted or computed from something needed.
static void grad_mark_needed(struct grad_state *s, const hone_value *wanted, int count) {
    for (int i = 0; i < count; i++)
        if (wanted[i] < s->values) s->needed[wanted[i]] = true;
    for (size_t n = 0; n < s->nodes; n++) {
        const struct hone_node *node = &s->graph->nodes[n];
        bool any = false;
        for (int i = 0; i < node->input_count; i++)
            any = any || (node->inputs[i] != HONE_NO_VALUE && s->needed[node->inputs[i]]);
        for (int i = 0; i < node->op->outputs && any; i++) s->needed[node->outputs[i]] = true;
    }
}

// Adds `gradient` to what is known of d(loss)/d(value).
static void grad_accumulate(struct grad_state *s, hone_value value, hone_value gradient) {
    hone_value *slot = &s->gradient[value];
    *slot = *slot == HONE_NO_VALUE ? gradient
                                   : HONE_EMIT(s->graph, s->ops->add, NULL, NULL, *slot, gradient);
}

static void grad_node(struct grad_state *s, size_t index) {
    // The node table may move while gradients are appended: keep a copy.
    const struct hone_node node = s->graph->nodes[index];
    hone_value dout[HONE_OP_MAX_OUTPUTS];
    bool reached = false, any = false;
    for (int i = 0; i < node.op->outputs; i++) {
        dout[i] = s->gradient[node.outputs[i]];
        reached = reached || dout[i] != HONE_NO_VALUE;
    }
    if (!reached) return;

    bool *want = hone_calloc(node.input_count, sizeof *want, "gradient marks");
    hone_value *din = hone_calloc(node.input_count, sizeof *din, "gradient marks");
    if (!want || !din) {
        hone_graph_fail(s->graph, HONE_OUT_OF_MEMORY);
    } else {
        for (int i = 0; i < node.input_count; i++) {
            din[i] = HONE_NO_VALUE;
            want[i] = node.inputs[i] != HONE_NO_VALUE && s->needed[node.inputs[i]];
            any = any || want[i];
        }
        if (any && (!node.op->grad || (node.op->flags & HONE_OP_NO_GRAD)))
            hone_graph_fail(s->graph,
                            hone_fail(HONE_UNSUPPORTED, "node '%s': operator %s has no gradient",
                                      node.name, node.op->name));
        else if (any)
            node.op->grad(s->graph, &node, dout, want, din);
        for (int i = 0; i < node.input_count && any && s->graph->status == HONE_OK; i++)
            if (want[i] && din[i] != HONE_NO_VALUE) grad_accumulate(s, node.inputs[i], din[i]);
    }
    hone_free(want);
    hone_free(din);
}

void hone_graph_gradients(struct hone_graph *graph, const struct hone_grad_ops *ops,
                          hone_value loss, const hone_value *wanted, int count,
                          hone_value *gradients) {
    for (int i = 0; i < count; i++) gradients[i] = HONE_NO_VALUE;
    if (graph->status != HONE_OK) return;
    const struct hone_desc *desc = hone_graph_desc(graph, loss);
    if (loss >= graph->value_count || hone_desc_elements(desc) != 1 || desc->dtype != HONE_F32) {
        hone_graph_fail(graph, hone_fail(HONE_INVALID, "a loss must be one f32 number"));
        return;
    }
    struct grad_state s = {
        .graph = graph, .ops = ops, .values = graph->value_count, .nodes = graph->node_count};
    s.gradient = hone_calloc(s.values, sizeof *s.gradient, "gradients");
    s.needed = hone_calloc(s.values, sizeof *s.needed, "gradients");
    if (!s.gradient || !s.needed) {
        hone_graph_fail(graph, HONE_OUT_OF_MEMORY);
    } else {
        for (size_t i = 0; i < s.values; i++) s.gradient[i] = HONE_NO_VALUE;
        grad_mark_needed(&s, wanted, count);
        struct hone_fill_attrs one = {.value = 1, .rank = desc->rank};
        memcpy(one.dim, desc->dim, sizeof one.dim);
        if (s.needed[loss])
            s.gradient[loss] = hone_graph_emit(graph, ops->fill, "loss.one", &one, NULL, 0);
        for (size_t n = s.nodes; n-- > 0 && graph->status == HONE_OK;) grad_node(&s, n);
        for (int i = 0; i < count && graph->status == HONE_OK; i++)
            if (wanted[i] < s.values) gradients[i] = s.gradient[wanted[i]];
    }
    hone_free(s.gradient);
    hone_free(s.needed);
}
