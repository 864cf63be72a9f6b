// arith.h: between arith.c, which defines reduce_to, and arith_reduce.c, which holds its kernel
// rows: how a sum is cut into slices is a subject of its own.
#ifndef HONE_OPS_ARITH_H
#define HONE_OPS_ARITH_H

#include "ops/row.h"

enum { HONE_OP_REDUCE_ROWS = 2 };
extern const struct hone_op_row hone_op_reduce_rows[HONE_OP_REDUCE_ROWS];

#endif
