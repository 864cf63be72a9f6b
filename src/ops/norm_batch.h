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
// mean', var', batch mean and invstd of one channel, x[0], x[step], ...
void hone_op_norm_statistics(const struct hone_batch_norm_attrs *attrs, const double *x,
                             int64_t rows, int64_t step, double mean, double var, double out[4]);
// dgamma and dbeta of channel c for given statistics.
void hone_op_norm_sums(int64_t rows, int64_t channels, const double *dy, const double *x,
                       double mean, double invstd, int64_t c, double *dgamma, double *dbeta);

extern const struct hone_field hone_op_norm_fields[];
#define HONE_OP_NORM_ATTRS                                                                         \
    .attrs_bytes = sizeof(struct hone_batch_norm_attrs), .fields = hone_op_norm_fields,            \
    .field_count = 5
// y may overwrite x or r.
bool hone_op_norm_alias(const struct hone_infer_args *args, int k, struct hone_alias *out);
// A residual, then an activation: of batch_norm and its training forms.
bool hone_op_norm_takes_residual(struct hone_fusion *fusion);
bool hone_op_norm_takes_act(struct hone_fusion *fusion);
enum { HONE_OP_NORM_ABSORBS = 2 };
extern const struct hone_absorb hone_op_norm_absorbs[HONE_OP_NORM_ABSORBS];

// Appends the statistics of outputs[0] of a node with batch_norm_train's mean and var as inputs 3
// and 4 and its outputs 1 to 4: `data` describes outputs[0], attrs are that op's. Either from
// outputs[0], or from `parts` in scratch 1.
struct hone_conv_parts;
hone_status hone_op_norm_add_stats(const struct hone_row_args *args,
                                   const struct hone_conv_parts *parts, struct hone_launch *launch);

extern const struct hone_op_row hone_op_norm_rows_apply[HONE_OP_WIDTH_ROWS];
extern const struct hone_op_row hone_op_norm_rows_batch_norm[HONE_OP_WIDTH_ROWS];
extern const struct hone_op_row hone_op_norm_rows_bwd_x[HONE_OP_WIDTH_ROWS];
extern const struct hone_op_row hone_op_norm_rows_bwd_p[HONE_OP_WIDTH_ROWS];
extern const struct hone_op_row hone_op_norm_rows_train[HONE_OP_WIDTH_ROWS];
extern const struct hone_op_row hone_op_norm_rows_train_bwd[HONE_OP_WIDTH_ROWS];
extern const struct hone_op_row hone_op_norm_rows_residual_bwd[HONE_OP_WIDTH_ROWS];

#endif
