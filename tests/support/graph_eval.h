// graph_eval.h: the smallest interpreter of a graph: every value a double array, every node its
// op's ref. Tests of gradients and passes compare graphs through it without a device.
#ifndef HONE_TESTS_GRAPH_EVAL_H
#define HONE_TESTS_GRAPH_EVAL_H

#include "ir/graph.h"

struct graph_eval {
    const struct hone_graph *graph;
    double **values; // by value; those of inputs and states are the test's to fill
};
// Fails the running test when memory runs out. The graph must live and must not grow meanwhile.
void graph_eval_init(struct graph_eval *eval, const struct hone_graph *graph);
void graph_eval_run(struct graph_eval *eval);
void graph_eval_deinit(struct graph_eval *eval);

#endif
