// pool.h: between pool.c (what pooling is) and pool_rows.c (its kernels).
#ifndef HONE_OPS_POOL_H
#define HONE_OPS_POOL_H

#include "ops/common.h"

enum { HONE_OP_POOL_ROWS = 3 }; // of windows
extern const struct hone_op_row hone_op_pool_rows_max[HONE_OP_POOL_ROWS];
extern const struct hone_op_row hone_op_pool_rows_max_bwd[HONE_OP_POOL_ROWS];
extern const struct hone_op_row hone_op_pool_rows_avg[HONE_OP_POOL_ROWS];
extern const struct hone_op_row hone_op_pool_rows_avg_bwd[HONE_OP_POOL_ROWS];
extern const struct hone_op_row hone_op_pool_rows_global[HONE_OP_WIDTH_ROWS];

#endif
