// tensor.h: what a value is: element type and dimensions. Tensors are dense and row-major; pictures
// and activations are (N,H,W,C), convolution weights (K,R,S,C/G), matrices (rows, columns). There
// are no strides: what is not dense is a different tensor behind a copy.
#ifndef HONE_IR_TENSOR_H
#define HONE_IR_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hone_dtype {
    HONE_F32,
    HONE_I32,
    HONE_U8, // pictures; stored packed, four to a 32-bit word, the buffer rounded up to whole words
    HONE_F16,  // IEEE 754 binary16; two to a 32-bit word, the buffer rounded up to whole words
    HONE_BF16, // bfloat16, the upper half of an f32; packed likewise
};

enum { HONE_MAX_RANK = 6 };

struct hone_desc {
    enum hone_dtype dtype;
    int rank;                   // 0 to HONE_MAX_RANK; rank 0 is a scalar of one element
    int32_t dim[HONE_MAX_RANK]; // each >= 1; unused ones are 0
};

// Shorthand: hone_desc_f32(4, n, h, w, c). Dimensions past `rank` are ignored.
struct hone_desc hone_desc_make(enum hone_dtype dtype, int rank, int32_t d0, int32_t d1, int32_t d2,
                                int32_t d3);

size_t hone_dtype_bytes(enum hone_dtype dtype);
const char *hone_dtype_name(enum hone_dtype dtype); // "f32", "i32", "u8", "f16", "bf16"
// f32, f16 or bf16.
bool hone_dtype_is_float(enum hone_dtype dtype);
// The distance from 1 to the next number of a float type.
double hone_dtype_eps(enum hone_dtype dtype);

// Elements, and bytes rounded up to a multiple of 4. At most 2^40: hone_desc_valid() says so.
int64_t hone_desc_elements(const struct hone_desc *desc);
uint64_t hone_desc_bytes(const struct hone_desc *desc);
bool hone_desc_equal(const struct hone_desc *a, const struct hone_desc *b);
// Rank in range, dimensions >= 1, fewer than 2^31 elements (kernels index with 32 bits).
bool hone_desc_valid(const struct hone_desc *desc);

// Writes "f32[8,56,56,64]" and returns `text`.
enum { HONE_DESC_TEXT = 64 };
const char *hone_desc_text(const struct hone_desc *desc, char text[HONE_DESC_TEXT]);

#endif
