// arith.h: between arith.c, which defines reduce_to, and arith_reduce.c, which holds its kernel
// rows: how a sum is cut into slices is a subject of its own; and for who made the slices himself.
#ifndef HONE_OPS_ARITH_H
#define HONE_OPS_ARITH_H

#include "ops/row.h"

enum { HONE_OP_REDUCE_ROWS = 2 };
// Adds the pass y (columns) = the sum over `slices` of x (slices,columns), in vectors of `width` 1
// or 4; the caller binds x and y.
struct hone_dispatch *hone_op_reduce_slices(const struct hone_caps *caps,
                                            struct hone_launch *launch, int64_t slices,
                                            int64_t columns, uint32_t width);
// The kernels take x in 16 bits: y is f32.
bool hone_op_reduce_takes_16(const struct hone_infer_args *node);
extern const struct hone_op_row hone_op_reduce_rows[HONE_OP_REDUCE_ROWS];

#endif
