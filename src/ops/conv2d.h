// conv2d.h: between the files of the convolution: conv2d.c (what it is), conv2d_ref.c (its formulas
// in double), conv2d_rows.c (its kernels).
#ifndef HONE_OPS_CONV2D_H
#define HONE_OPS_CONV2D_H

#include "ops/ops.h"
#include "ops/row.h"

void hone_op_conv2d_ref(const struct hone_ref_args *args);
void hone_op_conv2d_bwd_x_ref(const struct hone_ref_args *args);
void hone_op_conv2d_bwd_w_ref(const struct hone_ref_args *args);

enum { CONV2D_R = 3, BWD_X_R = 2 }; // the input that is added to the result

// Which operands are x, w and y.
struct conv2d_geometry {
    const struct hone_conv2d_attrs *attrs;
    const struct hone_desc *x, *w, *y;
};

static inline struct conv2d_geometry conv2d_geometry(const struct hone_infer_args *args) {
    return (struct conv2d_geometry){args->attrs, &args->in[0], &args->in[1], &args->out[0]};
}

static inline struct conv2d_geometry bwd_x_geometry(const struct hone_infer_args *args) {
    return (struct conv2d_geometry){args->attrs, &args->out[0], &args->in[1], &args->in[0]};
}

static inline struct conv2d_geometry bwd_w_geometry(const struct hone_infer_args *args) {
    return (struct conv2d_geometry){args->attrs, &args->in[1], &args->out[0], &args->in[0]};
}

enum { HONE_OP_CONV2D_ROWS = 16, HONE_OP_CONV2D_BWD_X_ROWS = 15, HONE_OP_CONV2D_BWD_W_ROWS = 15 };
extern const struct hone_op_row hone_op_conv2d_rows[HONE_OP_CONV2D_ROWS];
extern const struct hone_op_row hone_op_conv2d_bwd_x_rows[HONE_OP_CONV2D_BWD_X_ROWS];
extern const struct hone_op_row hone_op_conv2d_bwd_w_rows[HONE_OP_CONV2D_BWD_W_ROWS];

#endif
