// checkpoint.c: safetensors, written and read. The reader trusts nothing: every range is checked
// against the file's size before a pointer is made of it.
#include "train/checkpoint.h"

#include <jansson.h>
#include <string.h>

#include "base/text.h"

enum { HEADER_ALIGN = 8 };

static bool header_tensor(json_t *root, const struct hone_checkpoint_tensor *tensor,
                          uint64_t *offset) {
    uint64_t bytes = hone_desc_bytes(&tensor->desc);
    json_t *shape = json_array();
    int bad = 0;
    for (int i = 0; i < tensor->desc.rank; i++)
        bad |= json_array_append_new(shape, json_integer(tensor->desc.dim[i]));
    json_t *entry = json_pack("{s:s, s:o, s:[I, I]}", "dtype",
                              tensor->desc.dtype == HONE_F32 ? "F32" : "I32", "shape", shape,
                              "data_offsets", (json_int_t)*offset, (json_int_t)(*offset + bytes));
    *offset += bytes;
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

// One tensor of the header. `room` is the number of data bytes.
static hone_status read_tensor(struct hone_checkpoint *out, const char *path, const char *name,
                               json_t *entry, const uint8_t *data, uint64_t room) {
    const char *dtype;
    json_t *shape;
    json_int_t begin, end;
    if (json_unpack(entry, "{s:s, s:o, s:[I, I]}", "dtype", &dtype, "shape", &shape, "data_offsets",
                    &begin, &end) != 0 ||
        !json_is_array(shape))
        return hone_fail(HONE_INVALID, "%s: not a safetensors file: tensor '%s' is not described",
                         path, name);
    struct hone_desc desc = {.rank = (int)json_array_size(shape)};
    bool f32 = strcmp(dtype, "F32") == 0;
    if ((!f32 && strcmp(dtype, "I32") != 0) || json_array_size(shape) > HONE_MAX_RANK)
        return hone_fail(HONE_UNSUPPORTED,
                         "%s: tensor '%s' is %s with %zu axes; F32 and I32 with "
                         "up to 4 are read",
                         path, name, dtype, json_array_size(shape));
    desc.dtype = f32 ? HONE_F32 : HONE_I32;
    bool good = true;
    for (int i = 0; i < desc.rank; i++) {
        json_int_t dim = json_integer_value(json_array_get(shape, (size_t)i));
        good = good && dim >= 1 && dim <= INT32_MAX;
        desc.dim[i] = good ? (int32_t)dim : 1;
    }
    if (!good || !hone_desc_valid(&desc) || begin < 0 || end < begin || (uint64_t)end > room ||
        begin % 4 || (uint64_t)(end - begin) != hone_desc_bytes(&desc))
        return hone_fail(HONE_INVALID,
                         "%s: tensor '%s' does not fit into the file: it is damaged or cut short",
                         path, name);
    char *copy = hone_arena_strdup(&out->arena, name);
    if (!copy) return HONE_OUT_OF_MEMORY;
    out->tensors[out->tensor_count++] =
        (struct hone_checkpoint_tensor){.name = copy, .desc = desc, .data = data + begin};
    return HONE_OK;
}

static hone_status read_notes(struct hone_checkpoint *out, json_t *notes) {
    const char *key;
    json_t *value;
    size_t count = json_object_size(notes);
    out->notes = hone_arena_alloc(&out->arena, count + 1, sizeof *out->notes);
    if (!out->notes) return HONE_OUT_OF_MEMORY;
    json_object_foreach(notes, key, value) {
        struct hone_checkpoint_note *note = &out->notes[out->note_count];
        if (!json_is_string(value)) continue;
        note->key = hone_arena_strdup(&out->arena, key);
        note->text = hone_arena_strdup(&out->arena, json_string_value(value));
        if (!note->key || !note->text) return HONE_OUT_OF_MEMORY;
        out->note_count++;
    }
    return HONE_OK;
}

static hone_status read_header(struct hone_checkpoint *out, const char *path, json_t *root,
                               const uint8_t *data, uint64_t room) {
    const char *key;
    json_t *value;
    out->tensors = hone_arena_alloc(&out->arena, json_object_size(root) + 1, sizeof *out->tensors);
    if (!out->tensors) return HONE_OUT_OF_MEMORY;
    json_object_foreach(root, key, value) {
        if (strcmp(key, "__metadata__") == 0)
            HONE_TRY(read_notes(out, value));
        else
            HONE_TRY(read_tensor(out, path, key, value, data, room));
    }
    return HONE_OK;
}

static hone_status read_all(struct hone_checkpoint *out, const char *path) {
    HONE_TRY(hone_file_map_open(path, &out->map));
    uint64_t length = 0;
    if (out->map.bytes >= 8)
        for (int i = 0; i < 8; i++) length |= (uint64_t)out->map.data[i] << (8 * i);
    if (out->map.bytes < 8 || length > out->map.bytes - 8)
        return hone_fail(HONE_INVALID, "%s: not a safetensors file, or cut short", path);
    if (length % 4)
        return hone_fail(HONE_UNSUPPORTED, "%s: the data is not aligned to 4 bytes", path);
    json_error_t error;
    json_t *root =
        json_loadb((const char *)out->map.data + 8, (size_t)length, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(root)) {
        json_decref(root);
        return hone_fail(HONE_INVALID, "%s: not a safetensors file: its header is not JSON", path);
    }
    hone_status status =
        read_header(out, path, root, out->map.data + 8 + length, out->map.bytes - 8 - length);
    json_decref(root);
    return status;
}

hone_status hone_checkpoint_open(const char *path, struct hone_checkpoint *out) {
    *out = (struct hone_checkpoint){0};
    hone_status status = read_all(out, path);
    if (status != HONE_OK) hone_checkpoint_close(out);
    return status;
}

void hone_checkpoint_close(struct hone_checkpoint *checkpoint) {
    hone_file_map_close(&checkpoint->map);
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
