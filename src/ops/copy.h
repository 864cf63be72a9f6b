// copy.h: the strided copy that broadcast_to, permute, slice and concat are made of:
//
//   out[to_offset + sum_k at[k] to[k]] = in[from_offset + sum_k at[k] from[k]]   for every `at` in
//   `size`
//
// Kernels move 32-bit words of any dtype (shaders/layout/copy.comp): two elements in 16 bits.
#ifndef HONE_OPS_COPY_H
#define HONE_OPS_COPY_H

#include "ops/common.h"

struct hone_op_copy {
    int32_t size[HONE_OP_AXES], from[HONE_OP_AXES], to[HONE_OP_AXES]; // steps in elements
    int32_t from_offset, to_offset;
};

// Whether whole vectors of four words can be moved: both sides dense along the innermost axis
// (after joining axes), every other step and offset a multiple of 4.
bool hone_op_copy_fits_vec4(const struct hone_op_copy *copy, enum hone_dtype dtype);
// The copy of such elements in words; false where a word would be torn.
bool hone_op_copy_words(const struct hone_op_copy *copy, enum hone_dtype dtype,
                        struct hone_op_copy *out);
// Fails where the kernel can't: HONE_UNSUPPORTED for too many axes, HONE_INVALID for torn words.
hone_status hone_op_copy_check(const struct hone_op_copy *copy, enum hone_dtype dtype);
// The copy on doubles.
void hone_op_copy_ref(const struct hone_op_copy *copy, const double *from, double *to);
// One dispatch from in[input] to out[0], by vectors or by words.
hone_status hone_op_copy_launch(const struct hone_op_copy *copy, enum hone_dtype dtype, int input,
                                bool vec4, struct hone_launch *launch);
// The same between any two operands, in words.
hone_status hone_op_copy_between(const struct hone_op_copy *copy, struct hone_operand from,
                                 struct hone_operand to, bool vec4, struct hone_launch *launch);

#endif
