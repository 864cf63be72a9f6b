// weights.c: which container a file is, and the numbers of a tensor as floats, from any element
// type and any strides.
#include "formats/weights.h"

#include <string.h>

#include "base/half.h"

static const uint8_t type_bytes[HONE_WEIGHT_TYPES] = {
    [HONE_WEIGHT_F32] = 4, [HONE_WEIGHT_F16] = 2,  [HONE_WEIGHT_BF16] = 2, [HONE_WEIGHT_F64] = 8,
    [HONE_WEIGHT_I64] = 8, [HONE_WEIGHT_I32] = 4,  [HONE_WEIGHT_I16] = 2,  [HONE_WEIGHT_I8] = 1,
    [HONE_WEIGHT_U8] = 1,  [HONE_WEIGHT_BOOL] = 1,
};

int hone_weight_type_bytes(enum hone_weight_type type) {
    return type_bytes[type];
}

typedef hone_status open_table(struct hone_weights *weights);

// NULL: none of the containers.
static open_table *find_container(const uint8_t *data, size_t bytes) {
    if (bytes >= 4 && memcmp(data, "PK\3\4", 4) == 0) return hone_torch_zip_table;
    if (hone_torch_is_pickle(data, bytes)) return hone_torch_pickle_table;
    // A length, then JSON; one of 2^40 and more is refused as such only where a name follows.
    bool sound = bytes > 8 && !data[5] && !data[6] && !data[7];
    bool json = bytes > 8 && data[8] == '{';
    if (json && (sound || (bytes > 9 && data[9] == '"'))) return hone_safetensors_table;
    return NULL;
}

bool hone_weights_is(const uint8_t *data, size_t bytes) {
    return find_container(data, bytes) != NULL;
}

hone_status hone_weights_open_bytes(const uint8_t *data, size_t bytes, struct hone_weights *out) {
    *out = (struct hone_weights){.data = data, .bytes = bytes};
    open_table *read = find_container(data, bytes);
    if (!read)
        return hone_fail(HONE_UNSUPPORTED,
                         "neither safetensors nor a file of torch.save (zip or pickle)");
    hone_status status = read(out);
    if (status != HONE_OK) hone_weights_close(out);
    return status;
}

hone_status hone_weights_open(const char *path, struct hone_weights *out) {
    struct hone_file_map map = {0};
    *out = (struct hone_weights){0};
    HONE_TRY(hone_file_map_open(path, &map));
    hone_status status = hone_weights_open_bytes(map.data, map.bytes, out);
    if (status != HONE_OK) {
        hone_file_map_close(&map);
        return hone_fail_context(status, "%s", path);
    }
    out->map = map;
    return HONE_OK;
}

void hone_weights_close(struct hone_weights *weights) {
    hone_torch_zip_close(weights);
    hone_file_map_close(&weights->map);
    hone_arena_deinit(&weights->arena);
    *weights = (struct hone_weights){0};
}

const struct hone_weight *hone_weights_find(const struct hone_weights *weights, const char *name) {
    for (size_t i = 0; i < weights->count; i++)
        if (strcmp(weights->items[i].name, name) == 0) return &weights->items[i];
    return NULL;
}

// ---- The table ------------------------------------------------------------------------------

// Elements from the first to the last, both included; -1 where that overflows. An empty tensor: 0.
static int64_t span(const struct hone_weight *weight) {
    int64_t last = 0;
    if (weight->count == 0) return 0;
    for (int i = 0; i < weight->rank; i++) {
        int64_t steps = weight->dim[i] - 1;
        if (weight->stride[i] > 0 && steps > ((int64_t)1 << 40) / weight->stride[i]) return -1;
        last += steps * weight->stride[i];
    }
    return last + 1;
}

// Tensors may share bytes (tied weights) and repeat them (strides of 0), but not without bound:
// what reads them takes memory for each.
enum { SHARED_FACTOR = 8, SHARED_FLOOR = 64 << 20 };

hone_status hone_weights_add(struct hone_weights *weights, size_t *capacity,
                             const struct hone_weight *weight, uint64_t room) {
    struct hone_weight w = *weight;
    w.count = 1;
    for (int i = 0; i < w.rank; i++) {
        if (w.dim[i] < 0 || w.stride[i] < 0 || (w.dim[i] > 0 && w.count > INT32_MAX / w.dim[i]))
            return hone_fail(HONE_INVALID, "tensor '%s' has an impossible shape", w.name);
        w.count *= w.dim[i];
    }
    int64_t elements = span(&w);
    uint64_t width = (uint64_t)hone_weight_type_bytes(w.type);
    if (elements < 0 || w.offset > room || (uint64_t)elements > (room - w.offset) / width)
        return hone_fail(HONE_INVALID,
                         "tensor '%s' does not fit into the file: it is damaged or cut short",
                         w.name);
    weights->described += (uint64_t)w.count * width;
    if (weights->described > SHARED_FLOOR + SHARED_FACTOR * (uint64_t)weights->bytes)
        return hone_fail(
            HONE_INVALID,
            "tensor '%s' makes more numbers than a file of %zu bytes can hold; save it "
            "with .contiguous()",
            w.name, weights->bytes);
    if (weights->count == *capacity) {
        size_t grown = *capacity ? 2 * *capacity : 64;
        struct hone_weight *items = hone_arena_alloc(&weights->arena, grown, sizeof *items);
        if (!items) return HONE_OUT_OF_MEMORY;
        if (weights->count) memcpy(items, weights->items, weights->count * sizeof *items);
        weights->items = items;
        *capacity = grown;
    }
    weights->items[weights->count++] = w;
    return HONE_OK;
}

// ---- Numbers --------------------------------------------------------------------------------

// One little-endian element. Hosts are little-endian: hone's other files and buffers say so as
// well.
static float element(enum hone_weight_type type, const uint8_t *at) {
    union {
        float f32;
        double f64;
        int64_t i64;
        int32_t i32;
        int16_t i16;
        uint16_t u16;
    } u;
    memcpy(&u, at, type_bytes[type]);
    switch (type) {
    case HONE_WEIGHT_F32: return u.f32;
    case HONE_WEIGHT_F16: return hone_half_to_float(u.u16);
    case HONE_WEIGHT_BF16: return hone_bf16_to_float(u.u16);
    case HONE_WEIGHT_F64: return (float)u.f64;
    case HONE_WEIGHT_I64: return (float)u.i64;
    case HONE_WEIGHT_I32: return (float)u.i32;
    case HONE_WEIGHT_I16: return (float)u.i16;
    case HONE_WEIGHT_I8: return (float)(int8_t)*at;
    default: return (float)*at;
    }
}

static bool is_dense(const struct hone_weight *weight) {
    int64_t step = 1;
    for (int i = weight->rank; i-- > 0;) {
        if (weight->dim[i] > 1 && weight->stride[i] != step) return false;
        step *= weight->dim[i];
    }
    return true;
}

// From `data`, where the first element lies.
static void gather(const struct hone_weight *weight, const uint8_t *data, float *out) {
    int64_t index[HONE_WEIGHT_MAX_RANK] = {0}, at = 0;
    size_t width = type_bytes[weight->type];
    for (int64_t i = 0; i < weight->count; i++) {
        out[i] = element(weight->type, data + (size_t)at * width);
        for (int k = weight->rank; k-- > 0;) {
            at += weight->stride[k];
            if (++index[k] < weight->dim[k]) break;
            at -= weight->stride[k] * weight->dim[k];
            index[k] = 0;
        }
    }
}

static void convert(const struct hone_weight *weight, const uint8_t *data, float *out) {
    if (!is_dense(weight))
        gather(weight, data, out);
    else if (weight->type == HONE_WEIGHT_F32)
        memcpy(out, data, (size_t)weight->count * sizeof *out);
    else
        for (int64_t i = 0; i < weight->count; i++)
            out[i] = element(weight->type, data + (size_t)i * type_bytes[weight->type]);
}

enum { RELEASE_LEAST = 1 << 20 };

hone_status hone_weights_read(const struct hone_weights *weights, const struct hone_weight *weight,
                              float *out) {
    uint64_t bytes = (uint64_t)span(weight) * type_bytes[weight->type];
    if (bytes == 0) return HONE_OK;
    if (weight->entry < 0) {
        convert(weight, weights->data + weight->offset, out);
        if (weights->pages)
            hone_file_map_release(weights->pages, weights->data + weight->offset, (size_t)bytes);
        return HONE_OK;
    }
    // Entries of the zip lie anywhere.
    if (weights->pages && bytes >= RELEASE_LEAST)
        hone_file_map_release(weights->pages, weights->data, weights->bytes);
    if (weight->type == HONE_WEIGHT_F32 && is_dense(weight))
        return hone_torch_zip_read(weights, weight->entry, weight->offset, out, bytes);
    uint8_t *copy = hone_calloc((size_t)bytes, 1, "a tensor");
    if (!copy) return HONE_OUT_OF_MEMORY;
    hone_status status = hone_torch_zip_read(weights, weight->entry, weight->offset, copy, bytes);
    if (status == HONE_OK) convert(weight, copy, out);
    hone_free(copy);
    return status;
}
