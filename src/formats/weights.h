// weights.h: a weight file as a table of named tensors, whatever its container: safetensors, what
// torch.save writes (a zip since PyTorch 1.6, a pickle before). Shapes and places are read and
// checked at open; the numbers only when they are asked for.
//
// Sources: huggingface/safetensors (README, "Format"); PyTorch's torch/serialization.py and
// torch/_utils.py (facts of the formats).
#ifndef HONE_FORMATS_WEIGHTS_H
#define HONE_FORMATS_WEIGHTS_H

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"

enum hone_weight_type {
    HONE_WEIGHT_F32,
    HONE_WEIGHT_F16,
    HONE_WEIGHT_BF16,
    HONE_WEIGHT_F64,
    HONE_WEIGHT_I64,
    HONE_WEIGHT_I32,
    HONE_WEIGHT_I16,
    HONE_WEIGHT_I8,
    HONE_WEIGHT_U8,
    HONE_WEIGHT_BOOL,
    HONE_WEIGHT_TYPES,
};
int hone_weight_type_bytes(enum hone_weight_type type);

enum { HONE_WEIGHT_MAX_RANK = 8 };
struct hone_weight {
    const char *name;
    enum hone_weight_type type;
    int rank;
    int64_t dim[HONE_WEIGHT_MAX_RANK];    // each >= 0
    int64_t stride[HONE_WEIGHT_MAX_RANK]; // elements, >= 0
    int64_t count;                        // elements, the product of dim; below 2^31
    int64_t entry;                        // of the zip, or -1: in the file itself
    uint64_t offset;                      // bytes, of the first element in the file or the entry
};

struct hone_weight_note {
    const char *key, *text;
};

struct hone_weights {
    struct hone_arena arena;
    struct hone_weight *items; // in the file's order
    size_t count;
    struct hone_weight_note *notes; // "__metadata__" of safetensors
    size_t note_count;
    const uint8_t *data; // the file
    size_t bytes;
    uint64_t described; // bytes of all tensors, which may share theirs
    void *zip;          // zip_t, or NULL
    struct hone_file_map map;
    const struct hone_file_map
        *pages; // where the bytes are a map: what has been read leaves memory
};

// Whether these bytes begin as one of the three containers do.
bool hone_weights_is(const uint8_t *data, size_t bytes);

// Maps a file and reads its table. HONE_INVALID "PATH: ..." for what is damaged, HONE_UNSUPPORTED
// for what hone does not read, with what to do. End with close, which is harmless on a zeroed
// struct.
hone_status hone_weights_open(const char *path, struct hone_weights *out);
// The same of bytes that the caller keeps until close.
hone_status hone_weights_open_bytes(const uint8_t *data, size_t bytes, struct hone_weights *out);
void hone_weights_close(struct hone_weights *weights);

// NULL when there is none of that name.
const struct hone_weight *hone_weights_find(const struct hone_weights *weights, const char *name);
// Its numbers in row-major order, as floats. `out` has room for weight->count.
hone_status hone_weights_read(const struct hone_weights *weights, const struct hone_weight *weight,
                              float *out);

// ---- The containers (safetensors.c, torch.c); inside formats/ -------------------------------

hone_status hone_safetensors_table(struct hone_weights *weights);
hone_status hone_torch_zip_table(struct hone_weights *weights);
hone_status hone_torch_pickle_table(struct hone_weights *weights);
bool hone_torch_is_pickle(const uint8_t *data, size_t bytes);
// Copies [offset, offset + bytes) of an entry of the zip.
hone_status hone_torch_zip_read(const struct hone_weights *weights, int64_t entry, uint64_t offset,
                                void *out, uint64_t bytes);
void hone_torch_zip_close(struct hone_weights *weights);

// Appends a tensor whose place is checked: its last element ends at or before `room` bytes of the
// entry or file. `capacity` is that of weights->items.
hone_status hone_weights_add(struct hone_weights *weights, size_t *capacity,
                             const struct hone_weight *weight, uint64_t room);

#endif
