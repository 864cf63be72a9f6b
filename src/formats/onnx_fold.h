// onnx_fold.h: what the files that evaluate operators on constants share. Inside formats/.
#ifndef HONE_FORMATS_ONNX_FOLD_H
#define HONE_FORMATS_ONNX_FOLD_H

#include "formats/onnx_const.h"

// Memory for out's elements, which has rank and dim; `real`: floats, else integers; `marks`: each
// has a mark. Small tensors only: weights never go through arithmetic whose result is larger than
// what came in.
hone_status hone_onnx_fold_alloc(const struct hone_onnx_fold_args *a, bool real, bool marks,
                                 float **f, int64_t **i, uint8_t **m);
// The first `count` inputs are there.
hone_status hone_onnx_fold_need(const struct hone_onnx_fold_args *a, int count);

// Copies elements of src to out, one by one.
struct hone_onnx_fold_copy {
    const struct hone_onnx_const *src;
    float *f;
    int64_t *i;
    uint8_t *m;
    int32_t *p; // places
};
hone_status hone_onnx_fold_copy_init(const struct hone_onnx_fold_args *a,
                                     const struct hone_onnx_const *src,
                                     struct hone_onnx_fold_copy *c);
// Makes out elements of the tensor that src is of: the copy notes their places from now on.
hone_status hone_onnx_fold_places(const struct hone_onnx_fold_args *a,
                                  struct hone_onnx_fold_copy *c);
void hone_onnx_fold_move(const struct hone_onnx_fold_copy *c, int64_t to, int64_t from);

// Integers of input k, or of attribute `name` in files of an older opset; count 0 where both are
// absent.
struct hone_onnx_fold_list {
    const int64_t *data;
    int64_t count;
};
hone_status hone_onnx_fold_list(const struct hone_onnx_fold_args *a, int k, const char *name,
                                struct hone_onnx_fold_list *out);
// Attribute "axis" as an axis of a tensor of `rank`.
hone_status hone_onnx_fold_axis(const struct hone_onnx_fold_args *a, int64_t fallback, int rank,
                                int *out);

// Sets out's shape to the broadcast of both.
hone_status hone_onnx_fold_broadcast(const struct hone_onnx_const *x,
                                     const struct hone_onnx_const *y, struct hone_onnx_const *out);
// Offset of the element of `src` that broadcasts to position `along` of a tensor of `rank`.
int64_t hone_onnx_fold_offset(const struct hone_onnx_const *src, int rank, const int64_t *along);
// Steps `along` to the next position of `of`, the last axis fastest.
void hone_onnx_fold_next(const struct hone_onnx_const *of, int64_t *along);

#define HONE_ONNX_FOLD(name) hone_status hone_onnx_fold_##name(const struct hone_onnx_fold_args *a);
// onnx_fold_index.c
HONE_ONNX_FOLD(gather)
HONE_ONNX_FOLD(slice)
HONE_ONNX_FOLD(concat)
HONE_ONNX_FOLD(range)
HONE_ONNX_FOLD(scatter_nd)
HONE_ONNX_FOLD(tile)
HONE_ONNX_FOLD(expand)
HONE_ONNX_FOLD(where)
HONE_ONNX_FOLD(transpose)
// onnx_fold_math.c
HONE_ONNX_FOLD(cast)
HONE_ONNX_FOLD(binary)
HONE_ONNX_FOLD(compare)
HONE_ONNX_FOLD(unary)
HONE_ONNX_FOLD(clip)
HONE_ONNX_FOLD(batch_norm)
HONE_ONNX_FOLD(cumsum)
HONE_ONNX_FOLD(reduce)
// onnx_fold_resize.c
HONE_ONNX_FOLD(resize)
// onnx_quantize.c
HONE_ONNX_FOLD(dequantize)
HONE_ONNX_FOLD(quantize)
#undef HONE_ONNX_FOLD

#endif
