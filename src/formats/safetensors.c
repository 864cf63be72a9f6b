// safetensors.c: eight bytes of header length, a JSON header, raw little-endian data. The reader
// trusts nothing: sizes are checked before a place is noted, and places must not overlap.
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "formats/weights.h"

enum { HEADER_LIMIT_BYTES = 32 << 20 }; // ten thousand tensors take 1 MiB

static const struct {
    const char *name;
    enum hone_weight_type type;
} types[] = {
    {"F32", HONE_WEIGHT_F32},   {"F16", HONE_WEIGHT_F16}, {"BF16", HONE_WEIGHT_BF16},
    {"F64", HONE_WEIGHT_F64},   {"I64", HONE_WEIGHT_I64}, {"I32", HONE_WEIGHT_I32},
    {"I16", HONE_WEIGHT_I16},   {"I8", HONE_WEIGHT_I8},   {"U8", HONE_WEIGHT_U8},
    {"BOOL", HONE_WEIGHT_BOOL},
};

static hone_status find_type(const char *name, const char *dtype, enum hone_weight_type *out) {
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, dtype) == 0) {
            *out = types[i].type;
            return HONE_OK;
        }
    return hone_fail(HONE_UNSUPPORTED, "tensor '%s' is of type %.20s, which hone does not read",
                     name, dtype);
}

static hone_status read_tensor(struct hone_weights *out, size_t *capacity, const char *name,
                               json_t *entry, uint64_t first, uint64_t room) {
    const char *dtype;
    json_t *shape;
    json_int_t begin, end;
    if (json_unpack(entry, "{s:s, s:o, s:[I, I]}", "dtype", &dtype, "shape", &shape, "data_offsets",
                    &begin, &end) != 0 ||
        !json_is_array(shape) || begin < 0 || end < begin || (uint64_t)end > room)
        return hone_fail(HONE_INVALID, "tensor '%s' is not described, or lies outside the file",
                         name);
    struct hone_weight w = {.rank = (int)json_array_size(shape), .entry = -1};
    HONE_TRY(find_type(name, dtype, &w.type));
    if (json_array_size(shape) > HONE_WEIGHT_MAX_RANK)
        return hone_fail(HONE_UNSUPPORTED, "tensor '%s' has %zu axes; up to %d are read", name,
                         json_array_size(shape), HONE_WEIGHT_MAX_RANK);
    uint64_t elements = 1;
    for (int i = w.rank; i-- > 0;) {
        w.stride[i] = (int64_t)elements;
        w.dim[i] = json_integer_value(json_array_get(shape, (size_t)i));
        if (!json_is_integer(json_array_get(shape, (size_t)i)) || w.dim[i] < 0 ||
            w.dim[i] > INT32_MAX || elements * (uint64_t)w.dim[i] > INT32_MAX)
            return hone_fail(HONE_INVALID, "tensor '%s' has an impossible shape", name);
        elements *= (uint64_t)w.dim[i];
    }
    if ((uint64_t)(end - begin) != elements * (uint64_t)hone_weight_type_bytes(w.type))
        return hone_fail(HONE_INVALID, "tensor '%s': its shape and its %lld bytes do not agree",
                         name, (long long)(end - begin));
    w.offset = first + (uint64_t)begin;
    w.name = hone_arena_strdup(&out->arena, name);
    if (!w.name) return HONE_OUT_OF_MEMORY;
    return hone_weights_add(out, capacity, &w, first + room);
}

static hone_status read_notes(struct hone_weights *out, json_t *notes) {
    const char *key;
    json_t *value;
    out->notes = hone_arena_alloc(&out->arena, json_object_size(notes) + 1, sizeof *out->notes);
    if (!out->notes) return HONE_OUT_OF_MEMORY;
    json_object_foreach(notes, key, value) {
        if (!json_is_string(value)) continue;
        struct hone_weight_note *note = &out->notes[out->note_count];
        note->key = hone_arena_strdup(&out->arena, key);
        note->text = hone_arena_strdup(&out->arena, json_string_value(value));
        if (!note->key || !note->text) return HONE_OUT_OF_MEMORY;
        out->note_count++;
    }
    return HONE_OK;
}

static int by_offset(const void *a, const void *b) {
    const struct hone_weight *const *x = a, *const *y = b;
    return ((*x)->offset > (*y)->offset) - ((*x)->offset < (*y)->offset);
}

// The format forbids two tensors on the same bytes.
static hone_status check_overlap(const struct hone_weights *weights) {
    const struct hone_weight **order =
        hone_calloc(weights->count, sizeof *order, "a table of tensors");
    if (!order) return HONE_OUT_OF_MEMORY;
    for (size_t i = 0; i < weights->count; i++) order[i] = &weights->items[i];
    qsort(order, weights->count, sizeof *order, by_offset);
    hone_status status = HONE_OK;
    uint64_t end = 0;
    for (size_t i = 0; i < weights->count && status == HONE_OK; i++) {
        const struct hone_weight *w = order[i];
        if (w->count == 0) continue;
        if (w->offset < end)
            status = hone_fail(HONE_INVALID, "tensor '%s' lies on the bytes of another", w->name);
        end = w->offset + (uint64_t)w->count * (uint64_t)hone_weight_type_bytes(w->type);
    }
    hone_free(order);
    return status;
}

static hone_status read_header(struct hone_weights *out, json_t *root, uint64_t first) {
    const char *key;
    json_t *value;
    size_t capacity = 0;
    json_object_foreach(root, key, value) {
        if (strcmp(key, "__metadata__") == 0)
            HONE_TRY(read_notes(out, value));
        else
            HONE_TRY(read_tensor(out, &capacity, key, value, first, out->bytes - first));
    }
    return check_overlap(out);
}

hone_status hone_safetensors_table(struct hone_weights *weights) {
    uint64_t length = 0;
    for (int i = 0; i < 8; i++) length |= (uint64_t)weights->data[i] << (8 * i);
    if (length > weights->bytes - 8)
        return hone_fail(HONE_INVALID, "a safetensors file that is damaged or cut short");
    if (length > HEADER_LIMIT_BYTES)
        return hone_fail(HONE_UNSUPPORTED, "a safetensors header of more than %d MiB",
                         HEADER_LIMIT_BYTES >> 20);
    json_error_t error;
    json_t *root =
        json_loadb((const char *)weights->data + 8, (size_t)length, JSON_REJECT_DUPLICATES, &error);
    hone_status status =
        json_is_object(root)
            ? read_header(weights, root, 8 + length)
            : hone_fail(HONE_INVALID, "a safetensors file whose header is not JSON: %s",
                        error.text);
    json_decref(root);
    return status;
}
