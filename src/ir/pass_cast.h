// pass_cast.h: mixed precision. An f32 graph becomes one whose convolutions, products and what
// flows between them are stored in 16 bits; parameters, statistics, losses, gradients of weights
// and whatever an operator takes in f32 only stay f32, with casts in between.
//
// The operators say what may be 16-bit (hone_op.data_inputs) and where it begins
// (HONE_OP_COMPUTE); the pass knows none by name. A value has at most one cast of each kind, so
// that none follows another; a result that nobody wants in 16 bits is made in f32 where the
// operator can (hone_op.widen). f16 needs a scaled loss to train with; the pass adds none.
#ifndef HONE_IR_PASS_CAST_H
#define HONE_IR_PASS_CAST_H

#include "ir/graph.h"

// The attributes of the operator that casts.
struct hone_cast_attrs {
    int32_t dtype; // enum hone_dtype
};

// compute: HONE_F16 or HONE_BF16. *out is a new graph that the caller owns, with the inputs, states
// and outputs of `graph`, in their types.
hone_status hone_graph_cast(const struct hone_graph *graph, enum hone_dtype compute,
                            const struct hone_op *cast, struct hone_graph **out);

#endif
