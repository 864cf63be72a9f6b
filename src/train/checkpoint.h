// checkpoint.h: named tensors and text in a safetensors file (the format of
// huggingface/safetensors: eight bytes of header length, a JSON header, raw little-endian data),
// which other programs read as well.
#ifndef HONE_TRAIN_CHECKPOINT_H
#define HONE_TRAIN_CHECKPOINT_H

#include "base/alloc.h"
#include "formats/weights.h"
#include "ir/tensor.h"

struct hone_checkpoint_tensor {
    const char *name;
    struct hone_desc desc; // f32 or i32
    const void *data;
};

struct hone_checkpoint_note {
    const char *key, *text;
};

struct hone_checkpoint {
    struct hone_arena arena; // of a read one: the tables
    struct hone_checkpoint_tensor *tensors;
    size_t tensor_count;
    struct hone_checkpoint_note *notes; // "__metadata__"
    size_t note_count;
    struct hone_weights file; // of a read one: names and data point into it
};

// Writes all of it: the file appears whole or not at all.
hone_status hone_checkpoint_write(const char *path, const struct hone_checkpoint *checkpoint);

// Maps a file. HONE_INVALID for what is damaged. Tensors of other element types than F32 and I32,
// or with more than four axes, are HONE_UNSUPPORTED. End with close.
hone_status hone_checkpoint_open(const char *path, struct hone_checkpoint *out);
void hone_checkpoint_close(struct hone_checkpoint *checkpoint);

// NULL when there is none of that name.
const struct hone_checkpoint_tensor *hone_checkpoint_find(const struct hone_checkpoint *checkpoint,
                                                          const char *name);
const char *hone_checkpoint_note(const struct hone_checkpoint *checkpoint, const char *key);

#endif
