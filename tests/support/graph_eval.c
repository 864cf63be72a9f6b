// graph_eval.c: see graph_eval.h.
#include "support/graph_eval.h"

#include <math.h>

#include "support/support.h"

void graph_eval_init(struct graph_eval *eval, const struct hone_graph *graph) {
    *eval = (struct graph_eval){.graph = graph};
    eval->values = hone_calloc(graph->value_count, sizeof *eval->values, "test values");
    assert_non_null(eval->values);
    for (size_t v = 0; v < graph->value_count; v++) {
        int64_t count = hone_desc_elements(&graph->values[v].desc);
        eval->values[v] = hone_calloc((size_t)count, sizeof(double), "test values");
        assert_non_null(eval->values[v]);
        for (int64_t i = 0; i < count; i++) eval->values[v][i] = NAN;
    }
}

static void run_node(struct graph_eval *eval, const struct hone_node *node) {
    struct hone_node_descs descs;
    assert_ok(hone_node_descs_init(&descs, eval->graph, node));
    const double **in = hone_calloc(node->input_count + 1u, sizeof *in, "test values");
    assert_non_null(in);
    double *out[HONE_OP_MAX_OUTPUTS] = {0};
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i] != HONE_NO_VALUE) in[i] = eval->values[node->inputs[i]];
    for (int i = 0; i < node->op->outputs; i++) out[i] = eval->values[node->outputs[i]];
    node->op->ref(&(struct hone_ref_args){.attrs = node->attrs,
                                          .input_count = node->input_count,
                                          .in_desc = descs.in,
                                          .in = in,
                                          .out_desc = descs.out,
                                          .out = out});
    hone_free(in);
    hone_node_descs_deinit(&descs);
}

void graph_eval_run(struct graph_eval *eval) {
    for (size_t n = 0; n < eval->graph->node_count; n++) run_node(eval, &eval->graph->nodes[n]);
}

void graph_eval_deinit(struct graph_eval *eval) {
    for (size_t v = 0; v < eval->graph->value_count; v++) hone_free(eval->values[v]);
    hone_free(eval->values);
    eval->values = NULL;
}
