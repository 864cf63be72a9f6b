// matrix_check.h: cooperative matrices prove themselves before they are used: drivers offer shapes
// that are wrong or round more than hone allows. Each shape computes with known numbers on the
// device, which is compared with the same in double; a shape that fails is switched off.
#ifndef HONE_EXEC_MATRIX_CHECK_H
#define HONE_EXEC_MATRIX_CHECK_H

#include "gpu/gpu.h"
#include "ops/row.h"

enum hone_matrix_op {
    HONE_MATRIX_MATMUL,
    HONE_MATRIX_CONV,
    HONE_MATRIX_BWD_X,
    HONE_MATRIX_BWD_W,
    HONE_MATRIX_OPS
};
// The rows that prove each kind of matrices, by enum hone_matrix_op; NULL: this operator needs no
// proof. Kinds: enum hone_matrix_type, plus 2 in workgroup scope.
struct hone_matrix_rows {
    const struct hone_op_row *of[4][HONE_MATRIX_OPS];
};

// Runs `row` of an operator for operands of `dtype` on a device with these caps. *good: every
// element is right, with sums in fp32. Blocks. Errors are those of the run; a pipeline that can't
// be made is one.
hone_status hone_matrix_check(struct hone_gpu *gpu, const struct hone_caps *caps,
                              enum hone_matrix_op op, const struct hone_op_row *row,
                              enum hone_dtype dtype, bool *good);

// Takes the shapes that fail out of `caps`, with a line in the log for each, and the features that
// none is left for.
hone_status hone_matrices_sift(struct hone_gpu *gpu, const struct hone_matrix_rows *rows,
                               struct hone_caps *caps);
// The rows that programs choose from.
void hone_matrix_rows_of(struct hone_matrix_rows *rows);

// The same for the caps of a device, once, when a graph with 16-bit tensors is compiled for it.
struct hone_device;
struct hone_graph;
hone_status hone_device_sift_matrices(struct hone_device *device, const struct hone_graph *graph);

#endif
