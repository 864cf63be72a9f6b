// tensor.c: sizes and text of tensor descriptions.
#include "ir/tensor.h"

#include <stdio.h>

struct hone_desc hone_desc_make(enum hone_dtype dtype, int rank, int32_t d0, int32_t d1, int32_t d2,
                                int32_t d3) {
    struct hone_desc desc = {.dtype = dtype, .rank = rank};
    const int32_t dims[HONE_MAX_RANK] = {d0, d1, d2, d3};
    for (int i = 0; i < rank && i < HONE_MAX_RANK; i++) desc.dim[i] = dims[i];
    return desc;
}

size_t hone_dtype_bytes(enum hone_dtype dtype) {
    switch (dtype) {
    case HONE_U8: return 1;
    case HONE_F16:
    case HONE_BF16: return 2;
    default: return 4;
    }
}

bool hone_dtype_is_float(enum hone_dtype dtype) {
    return dtype == HONE_F32 || dtype == HONE_F16 || dtype == HONE_BF16;
}

double hone_dtype_eps(enum hone_dtype dtype) {
    return dtype == HONE_F16 ? 0x1p-10 : dtype == HONE_BF16 ? 0x1p-7 : 0x1p-23;
}

const char *hone_dtype_name(enum hone_dtype dtype) {
    static const char *const names[] = {"f32", "i32", "u8", "f16", "bf16"};
    return names[dtype];
}

int64_t hone_desc_elements(const struct hone_desc *desc) {
    int64_t count = 1;
    for (int i = 0; i < desc->rank; i++) count *= desc->dim[i];
    return count;
}

uint64_t hone_desc_bytes(const struct hone_desc *desc) {
    uint64_t bytes = (uint64_t)hone_desc_elements(desc) * hone_dtype_bytes(desc->dtype);
    return (bytes + 3) / 4 * 4;
}

bool hone_desc_equal(const struct hone_desc *a, const struct hone_desc *b) {
    if (a->dtype != b->dtype || a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i]) return false;
    return true;
}

bool hone_desc_valid(const struct hone_desc *desc) {
    if (desc->rank < 0 || desc->rank > HONE_MAX_RANK || (unsigned)desc->dtype > HONE_BF16)
        return false;
    int64_t count = 1;
    for (int i = 0; i < desc->rank; i++) {
        if (desc->dim[i] < 1) return false;
        count *= desc->dim[i]; // stays below 2^62: it was below 2^31 and the dimension is too
        if (count > INT32_MAX) return false;
    }
    return true;
}

const char *hone_desc_text(const struct hone_desc *desc, char text[HONE_DESC_TEXT]) {
    int at = snprintf(text, HONE_DESC_TEXT, "%s[", hone_dtype_name(desc->dtype));
    for (int i = 0; i < desc->rank; i++)
        at += snprintf(text + at, HONE_DESC_TEXT - (size_t)at, i ? ",%d" : "%d", (int)desc->dim[i]);
    snprintf(text + at, HONE_DESC_TEXT - (size_t)at, "]");
    return text;
}
