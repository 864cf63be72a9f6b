// norm_batch.h: between norm_batch.c (what batch norm is) and norm_batch_rows.c (its kernels).
#ifndef HONE_OPS_NORM_BATCH_H
#define HONE_OPS_NORM_BATCH_H

#include "ops/common.h"

// M of x (..., C): N H W.
int64_t hone_op_norm_rows(const struct hone_desc *x);

extern const struct hone_op_row hone_op_norm_rows_batch_norm[HONE_OP_WIDTH_ROWS];
extern const struct hone_op_row hone_op_norm_rows_bwd_x[HONE_OP_WIDTH_ROWS];
extern const struct hone_op_row hone_op_norm_rows_bwd_p[HONE_OP_WIDTH_ROWS];
extern const struct hone_op_row hone_op_norm_rows_train[HONE_OP_WIDTH_ROWS];
extern const struct hone_op_row hone_op_norm_rows_train_bwd[HONE_OP_WIDTH_ROWS];

#endif
