// passes.h: rewrites of a graph before it is compiled. Each pass reads one graph and writes
// another, so that a failed pass leaves nothing half-done. Inputs, states and outputs keep their
// names.
#ifndef HONE_IR_PASSES_H
#define HONE_IR_PASSES_H

#include "ir/graph.h"

enum hone_pass {
    HONE_PASS_DCE = 1 << 0, // drop nodes that no output and no state's next value depends on
    // Fusion (ir/fuse.h): an operator takes in a neighbour.
    HONE_PASS_CONV_EPILOGUE = 1 << 1, // convolution and matmul: activation
    HONE_PASS_NORM_ACT = 1 << 2,      // batch norm: residual and activation
    HONE_PASS_NORM_BWD = 1 << 3,      // gradient of batch norm: the activation's gradient
    HONE_PASS_CONV_RESIDUAL = 1 << 4, // convolution: a sum behind it
    HONE_PASS_GRAD_SUM = 1 << 5,   // input gradient of a convolution: the sum with another gradient
    HONE_PASS_CONV_STATS = 1 << 6, // convolution: statistics of the batch norm behind it
    HONE_PASS_FUSE = HONE_PASS_CONV_EPILOGUE | HONE_PASS_NORM_ACT | HONE_PASS_NORM_BWD |
                     HONE_PASS_CONV_RESIDUAL | HONE_PASS_GRAD_SUM | HONE_PASS_CONV_STATS,
    HONE_PASS_REMAT = 1 << 15, // make cheap functions of the inputs again, late, instead of keeping
    HONE_PASS_ALL = HONE_PASS_DCE | HONE_PASS_FUSE | HONE_PASS_REMAT,
    HONE_PASS_CAST = 1 << 16, // mixed precision (ir/pass_cast.h), before the others; not in ALL
};
// The bits of a pass by its name: that of the enum in lower case, "fuse" for all of fusion; 0 for
// an unknown name. For switching passes off by name.
unsigned hone_pass_find(const char *name);
// The names, in order; NULL past the last.
const char *hone_pass_name(size_t index);

// Runs the passes of the mask. *out is a new graph that the caller owns; `graph` is untouched.
hone_status hone_graph_run_passes(const struct hone_graph *graph, unsigned passes,
                                  struct hone_graph **out);

// HONE_PASS_REMAT alone (remat.c).
hone_status hone_graph_remat(const struct hone_graph *graph, struct hone_graph **out);

// Recomputation in the backward pass (recompute.c), before the passes above: the forward pass, up
// to the node of the name `loss`, in about `segments` segments, of which all but the last keep only
// what later ones read. 1: nothing is made again.
hone_status hone_graph_recompute(const struct hone_graph *graph, const char *loss,
                                 uint32_t segments, struct hone_graph **out);

// For passes that emit a graph anew, before its nodes: every input and state of `source` in
// `target`, their new values in map (value_count entries), and HONE_NO_VALUE for all else.
void hone_graph_copy_leaves(struct hone_graph *target, const struct hone_graph *source,
                            hone_value *map);
// And behind them: outputs and what states become, from map, unless target has failed.
void hone_graph_copy_marks(struct hone_graph *target, const struct hone_graph *source,
                           const hone_value *map);

#endif
