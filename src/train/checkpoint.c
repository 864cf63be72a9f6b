// checkpoint.c: safetensors as hone writes them; formats/ reads them.
#include "train/checkpoint.h"

#include <jansson.h>
#include <string.h>

#include "base/text.h"

enum { HEADER_ALIGN = 8 };

static bool header_tensor(json_t *root, const struct hone_checkpoint_tensor *tensor,
                          uint64_t *offset) {
    uint64_t end = *offset + hone_desc_bytes(&tensor->desc);
    json_t *shape = json_array();
    int bad = 0;
    for (int i = 0; i < tensor->desc.rank; i++)
        bad |= json_array_append_new(shape, json_integer(tensor->desc.dim[i]));
    json_t *entry =
        json_pack("{s:s, s:o, s:[I, I]}", "dtype", tensor->desc.dtype == HONE_F32 ? "F32" : "I32",
                  "shape", shape, "data_offsets", (json_int_t)*offset, (json_int_t)end);
    *offset = end;
    return !bad && json_object_set_new(root, tensor->name, entry) == 0;
}

static int append(const char *data, size_t bytes, void *user) {
    return hone_text_append(user, data, bytes) == HONE_OK ? 0 : -1;
}

// The JSON header, padded with spaces so that the data starts aligned.
static hone_status header_text(const struct hone_checkpoint *checkpoint, struct hone_text *text) {
    json_t *root = json_object(), *notes = json_object();
    uint64_t offset = 0;
    bool good = root && notes;
    for (size_t i = 0; i < checkpoint->note_count && good; i++)
        good = json_object_set_new(notes, checkpoint->notes[i].key,
                                   json_string(checkpoint->notes[i].text)) == 0;
    good = good && json_object_set(root, "__metadata__", notes) == 0;
    for (size_t i = 0; i < checkpoint->tensor_count && good; i++)
        good = header_tensor(root, &checkpoint->tensors[i], &offset);
    good = good && json_dump_callback(root, append, text, JSON_COMPACT) == 0;
    json_decref(notes);
    json_decref(root);
    if (!good) return hone_fail_memory(0, "a checkpoint's header");
    while (text->length % HEADER_ALIGN) HONE_TRY(hone_text_append(text, " ", 1));
    return HONE_OK;
}

static hone_status write_parts(struct hone_file_writer *writer,
                               const struct hone_checkpoint *checkpoint,
                               const struct hone_text *header) {
    uint8_t length[8];
    for (int i = 0; i < 8; i++) length[i] = (uint8_t)((uint64_t)header->length >> (8 * i));
    HONE_TRY(hone_file_writer_write(writer, length, sizeof length));
    HONE_TRY(hone_file_writer_write(writer, header->data, header->length));
    for (size_t i = 0; i < checkpoint->tensor_count; i++)
        HONE_TRY(hone_file_writer_write(writer, checkpoint->tensors[i].data,
                                        hone_desc_bytes(&checkpoint->tensors[i].desc)));
    return HONE_OK;
}

hone_status hone_checkpoint_write(const char *path, const struct hone_checkpoint *checkpoint) {
    struct hone_text header = {0};
    struct hone_file_writer *writer = NULL;
    hone_status status = header_text(checkpoint, &header);
    if (status == HONE_OK) status = hone_file_writer_open(path, &writer);
    if (status == HONE_OK) {
        status = write_parts(writer, checkpoint, &header);
        if (status == HONE_OK)
            status = hone_file_writer_commit(&writer);
        else
            hone_file_writer_discard(&writer);
    }
    hone_text_deinit(&header);
    return status;
}

// One tensor of the file, where its data lies.
static hone_status take_tensor(struct hone_checkpoint *out, const struct hone_weight *weight) {
    struct hone_desc desc = {.dtype = weight->type == HONE_WEIGHT_F32 ? HONE_F32 : HONE_I32,
                             .rank = weight->rank};
    bool known = weight->type == HONE_WEIGHT_F32 || weight->type == HONE_WEIGHT_I32;
    if (!known || weight->entry >= 0 || weight->offset % 4 || weight->rank > HONE_MAX_RANK)
        return hone_fail(HONE_UNSUPPORTED,
                         "tensor '%s' is none of hone's: F32 and I32 with up to 4 axes are read",
                         weight->name);
    for (int i = 0; i < desc.rank; i++) desc.dim[i] = (int32_t)weight->dim[i];
    if (!hone_desc_valid(&desc))
        return hone_fail(HONE_INVALID, "tensor '%s' has an impossible shape", weight->name);
    out->tensors[out->tensor_count++] = (struct hone_checkpoint_tensor){
        .name = weight->name, .desc = desc, .data = out->file.data + weight->offset};
    return HONE_OK;
}

static hone_status take_all(struct hone_checkpoint *out) {
    const struct hone_weights *file = &out->file;
    out->tensors = hone_arena_alloc(&out->arena, file->count + 1, sizeof *out->tensors);
    out->notes = hone_arena_alloc(&out->arena, file->note_count + 1, sizeof *out->notes);
    if (!out->tensors || !out->notes) return HONE_OUT_OF_MEMORY;
    for (size_t i = 0; i < file->note_count; i++)
        out->notes[out->note_count++] =
            (struct hone_checkpoint_note){file->notes[i].key, file->notes[i].text};
    for (size_t i = 0; i < file->count; i++) HONE_TRY(take_tensor(out, &file->items[i]));
    return HONE_OK;
}

hone_status hone_checkpoint_open(const char *path, struct hone_checkpoint *out) {
    *out = (struct hone_checkpoint){0};
    HONE_TRY(hone_weights_open(path, &out->file));
    hone_status status = take_all(out);
    if (status != HONE_OK) hone_checkpoint_close(out);
    return hone_fail_context(status, "%s", path);
}

void hone_checkpoint_close(struct hone_checkpoint *checkpoint) {
    hone_weights_close(&checkpoint->file);
    hone_arena_deinit(&checkpoint->arena);
    *checkpoint = (struct hone_checkpoint){0};
}

const struct hone_checkpoint_tensor *hone_checkpoint_find(const struct hone_checkpoint *checkpoint,
                                                          const char *name) {
    for (size_t i = 0; i < checkpoint->tensor_count; i++)
        if (strcmp(checkpoint->tensors[i].name, name) == 0) return &checkpoint->tensors[i];
    return NULL;
}

const char *hone_checkpoint_note(const struct hone_checkpoint *checkpoint, const char *key) {
    for (size_t i = 0; i < checkpoint->note_count; i++)
        if (strcmp(checkpoint->notes[i].key, key) == 0) return checkpoint->notes[i].text;
    return NULL;
}
