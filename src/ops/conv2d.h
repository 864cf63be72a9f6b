// conv2d.h: between the files of the convolution: conv2d.c (what it is), conv2d_ref.c (its formulas
// in double).
#ifndef HONE_OPS_CONV2D_H
#define HONE_OPS_CONV2D_H

#include "ir/op.h"

void hone_op_conv2d_ref(const struct hone_ref_args *args);
void hone_op_conv2d_bwd_x_ref(const struct hone_ref_args *args);
void hone_op_conv2d_bwd_w_ref(const struct hone_ref_args *args);

#endif
