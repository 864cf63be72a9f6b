// onnx_const.h: tensors whose content is known at import: weights, and the small integer tensors by
// which a file computes shapes.
#ifndef HONE_FORMATS_ONNX_CONST_H
#define HONE_FORMATS_ONNX_CONST_H

#include "base/file.h"
#include "formats/onnx_file.h"

enum {
    HONE_ONNX_MAX_RANK = 8,
    HONE_ONNX_NUMBERS_MOST = 16, // two for each axis, as pads are
};

// How an element depends on the batch, which stays open: BATCH is the number, counted at a batch of
// 1, times the batch.
enum hone_onnx_mark { HONE_MARK_NONE, HONE_MARK_BATCH, HONE_MARK_MIXED };

struct hone_onnx_tensor; // onnx_import.h

// Exactly one of f and i is set (float types as float, integer types as int64).
struct hone_onnx_const {
    int type; // enum hone_onnx_type of a tensor of the file; 0: computed
    int rank;
    int64_t dim[HONE_ONNX_MAX_RANK];
    int64_t count;
    const float *f;
    const int64_t *i;
    const uint8_t *marks; // enum hone_onnx_mark per element; NULL: none depends on the batch
    void *block;          // of an initializer: memory that f lies in, of its own, or NULL
    // Elements of a tensor of the file at these places, of at most HONE_ONNX_PLACES; source without
    // places: the whole tensor.
    struct hone_onnx_tensor *source; // NULL: none
    const int32_t *places;
};
enum { HONE_ONNX_PLACES = 1 << 20 };

// Memory of constants: an arena with a bound, so that a small file cannot ask for much.
struct hone_onnx_store {
    struct hone_arena arena;
    uint64_t used, limit;
    const char *folder;              // for external data; NULL: refused
    hone_status status;              // of the last failure of hone_onnx_store_alloc()
    struct hone_onnx_seen *seen;     // files of external data, which raise the limit once each
    const struct hone_file_map *map; // of the model file; NULL: its bytes are no map
};
void hone_onnx_store_deinit(struct hone_onnx_store *store);
// What hone has read of a tensor's bytes and needs no more: pages of mapped files leave memory.
void hone_onnx_store_release(struct hone_onnx_store *store, const HoneOnnx__Tensor *tensor);
// Zeroed; NULL with the message and store->status set.
void *hone_onnx_store_alloc(struct hone_onnx_store *store, int64_t count, size_t size);
// What a NULL of it means: never HONE_OK, which analysers of one file can't know.
static inline hone_status hone_onnx_store_failure(const struct hone_onnx_store *store) {
    return store->status == HONE_OK ? HONE_OUT_OF_MEMORY : store->status;
}

// Reads a tensor of a file. Where the file's bytes are aligned floats already, f points at them,
// else into the arena or, `own`, into a block that hone_onnx_const_drop() frees.
hone_status hone_onnx_const_read(struct hone_onnx_store *store, const HoneOnnx__Tensor *tensor,
                                 bool own, struct hone_onnx_const *out);
void hone_onnx_const_drop(struct hone_onnx_store *store, struct hone_onnx_const *tensor);
// The bytes of an external tensor, in its file, which is checked to lie inside the store's folder
// and stays mapped until hone_onnx_store_deinit().
hone_status hone_onnx_external_read(struct hone_onnx_store *store, const HoneOnnx__Tensor *tensor,
                                    const uint8_t **out, size_t *out_bytes);

// Sets count from rank and dim; fails where a dimension is negative or the count is 2^31 or more.
hone_status hone_onnx_const_measure(struct hone_onnx_const *tensor);
double hone_onnx_const_number(const struct hone_onnx_const *tensor, int64_t index);
enum hone_onnx_mark hone_onnx_const_mark(const struct hone_onnx_const *tensor, int64_t index);
bool hone_onnx_const_marked(const struct hone_onnx_const *tensor); // any element is
// Place `element` of a list of places along an axis of `size`, negative ones counted from its end.
// Fails where it is none, before anything is added to it: files hold any number.
hone_status hone_onnx_const_place(const struct hone_onnx_const *places, int64_t element,
                                  int64_t size, int64_t *out);

// Evaluates an operator on constants (onnx_fold.c). in[k] is NULL where an input is absent.
struct hone_onnx_fold_args {
    const HoneOnnx__Node *node;
    int opset;
    struct hone_onnx_store *store;
    int input_count;
    const struct hone_onnx_const *const *in;
    struct hone_onnx_const *out;
};
typedef hone_status (*hone_onnx_fold_fn)(const struct hone_onnx_fold_args *args);
// NULL where constants of this operator are not evaluated.
hone_onnx_fold_fn hone_onnx_fold_find(const char *op_type);

#endif
