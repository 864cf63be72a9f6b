// grad.h: reverse mode. Appends nodes that compute d(loss)/d(value) for the values asked for.
#ifndef HONE_IR_GRAD_H
#define HONE_IR_GRAD_H

#include "ir/graph.h"

// How grad.c sums two gradients of one value and starts from d(loss)/d(loss) = 1. ops/ supplies
// them, so that ir/ need not know an operator by name.
struct hone_grad_ops {
    const struct hone_op *add;  // (a, b) -> a + b, equal shapes
    const struct hone_op *fill; // () -> constant; attrs {float value; int32_t rank; int32_t dim[4]}
};
struct hone_fill_attrs {
    float value;
    int32_t rank;
    int32_t dim[HONE_MAX_RANK];
};

// loss: f32 with one element. gradients[i] = d(loss)/d(wanted[i]), with wanted[i]'s desc, or
// HONE_NO_VALUE where loss does not depend on it. Work is emitted only on paths from a wanted value
// to the loss. Failures stick to the graph.
void hone_graph_gradients(struct hone_graph *graph, const struct hone_grad_ops *ops,
                          hone_value loss, const hone_value *wanted, int count,
                          hone_value *gradients);

#endif
