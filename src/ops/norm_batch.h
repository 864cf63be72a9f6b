// norm_batch.h: between the files of batch norm: norm_batch.c and norm_train.c (what it is) and
// norm_batch_rows.c (its kernels).
#ifndef HONE_OPS_NORM_BATCH_H
#define HONE_OPS_NORM_BATCH_H

#include "ops/common.h"

// M of x (..., C): N H W.
int64_t hone_op_norm_rows(const struct hone_desc *x);

// Input `input` is f32 (C), C the channels of in[0].
hone_status hone_op_norm_expect_channels(const struct hone_infer_args *args, int input,
                                         const char *what);
// in[0] is f32 and has channels.
hone_status hone_op_norm_expect_rows(const struct hone_infer_args *args, const char *what);
// Shapes of (x, gamma, beta, mean, var, [r]) -> y.
hone_status hone_op_norm_infer(const struct hone_infer_args *args);
// Element i of y, for given statistics of its channel.
double hone_op_norm_y(const struct hone_ref_args *args, int64_t i, double mean, double invstd);
// dgamma and dbeta of channel c for given statistics.
void hone_op_norm_sums(int64_t rows, int64_t channels, const double *dy, const double *x,
                       double mean, double invstd, int64_t c, double *dgamma, double *dbeta);

extern const struct hone_field hone_op_norm_fields[];
#define HONE_OP_NORM_ATTRS                                                                         \
    .attrs_bytes = sizeof(struct hone_batch_norm_attrs), .fields = hone_op_norm_fields,            \
    .field_count = 5
// A residual, then an activation: of batch_norm and of batch_norm_train.
enum { HONE_OP_NORM_ABSORBS = 2 };
extern const struct hone_absorb hone_op_norm_absorbs[HONE_OP_NORM_ABSORBS];

extern const struct hone_op_row hone_op_norm_rows_batch_norm[HONE_OP_WIDTH_ROWS];
extern const struct hone_op_row hone_op_norm_rows_bwd_x[HONE_OP_WIDTH_ROWS];
extern const struct hone_op_row hone_op_norm_rows_bwd_p[HONE_OP_WIDTH_ROWS];
extern const struct hone_op_row hone_op_norm_rows_train[HONE_OP_WIDTH_ROWS];
extern const struct hone_op_row hone_op_norm_rows_train_bwd[HONE_OP_WIDTH_ROWS];
extern const struct hone_op_row hone_op_norm_rows_residual_bwd[HONE_OP_WIDTH_ROWS];

#endif
