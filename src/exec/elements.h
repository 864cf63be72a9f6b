// elements.h: doubles, in which references compute, to and from the element types of tensors.
#ifndef HONE_EXEC_ELEMENTS_H
#define HONE_EXEC_ELEMENTS_H

#include "ir/tensor.h"

// `count` elements.
void hone_elements_load(enum hone_dtype dtype, const void *data, int64_t count, double *out);
void hone_elements_save(enum hone_dtype dtype, const double *values, int64_t count, void *out);
// Values as a 16-bit type would hold them; those of other types stay in double.
void hone_elements_round(enum hone_dtype dtype, double *values, int64_t count);

#endif
