// matrix_check.h: cooperative matrices prove themselves before they are used: drivers offer shapes
// that are wrong or round more than hone allows. Each shape makes a product of known numbers on the
// device, which is compared with the product in double; a shape that fails is switched off.
#ifndef HONE_EXEC_MATRIX_CHECK_H
#define HONE_EXEC_MATRIX_CHECK_H

#include "gpu/gpu.h"
#include "ops/row.h"

// Runs `row` of matmul for operands of `dtype` on a device with these caps. *good: every element is
// right, with sums in fp32. Blocks. Errors are those of the run; a pipeline that can't be made is
// one.
hone_status hone_matrix_check(struct hone_gpu *gpu, const struct hone_caps *caps,
                              const struct hone_op_row *row, enum hone_dtype dtype, bool *good);

// Takes the subgroup shapes that fail out of `caps`, with a line in the log for each, and the
// features that none is left for. rows: those of matmul for f16 and bf16, by enum hone_matrix_type.
hone_status hone_matrices_sift(struct hone_gpu *gpu, const struct hone_op_row *const rows[2],
                               struct hone_caps *caps);

// The same for the caps of a device, once, when a graph with 16-bit tensors is compiled for it.
struct hone_device;
struct hone_graph;
hone_status hone_device_sift_matrices(struct hone_device *device, const struct hone_graph *graph);

#endif
