// onnx_const.c: TensorProto to numbers: all the forms in which ONNX stores them. Hosts are
// little-endian, as ONNX's raw bytes are.
#define _XOPEN_SOURCE 700 // realpath

#include "formats/onnx_const.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"

void *hone_onnx_store_alloc(struct hone_onnx_store *store, int64_t count, size_t size) {
    uint64_t bytes = (uint64_t)count * size;
    if (bytes > store->limit - store->used) {
        store->status =
            hone_fail(HONE_INVALID, "constants take more memory than a sound file needs");
        return NULL;
    }
    store->used += bytes;
    store->status = HONE_OUT_OF_MEMORY;
    return hone_arena_alloc(&store->arena, (size_t)count, size);
}

hone_status hone_onnx_const_measure(struct hone_onnx_const *tensor) {
    int64_t count = 1;
    bool empty = false;
    for (int i = 0; i < tensor->rank; i++) {
        int64_t dim = tensor->dim[i];
        if (dim < 0 || dim > INT32_MAX)
            return hone_fail(HONE_INVALID, "a dimension of %lld", (long long)dim);
        if (dim == 0) empty = true;
        if (dim > 0) count *= dim;
        if (count > INT32_MAX) return hone_fail(HONE_UNSUPPORTED, "2^31 elements or more");
    }
    tensor->count = empty ? 0 : count;
    return HONE_OK;
}

double hone_onnx_const_number(const struct hone_onnx_const *tensor, int64_t index) {
    return tensor->f ? (double)tensor->f[index] : (double)tensor->i[index];
}

enum hone_onnx_mark hone_onnx_const_mark(const struct hone_onnx_const *tensor, int64_t index) {
    return tensor->marks ? (enum hone_onnx_mark)tensor->marks[index] : HONE_MARK_NONE;
}

bool hone_onnx_const_marked(const struct hone_onnx_const *tensor) {
    for (int64_t i = 0; tensor->marks && i < tensor->count; i++)
        if (tensor->marks[i] != HONE_MARK_NONE) return true;
    return false;
}

hone_status hone_onnx_const_place(const struct hone_onnx_const *places, int64_t element,
                                  int64_t size, int64_t *out) {
    int64_t place = places->i[element];
    if (place < -size || place >= size)
        return hone_fail(HONE_INVALID, "place %lld of %lld", (long long)place, (long long)size);
    *out = place < 0 ? place + size : place;
    return HONE_OK;
}

static const char *external_value(const HoneOnnx__Tensor *tensor, const char *key) {
    for (size_t i = 0; i < tensor->n_external_data; i++)
        if (strcmp(hone_onnx_text(tensor->external_data[i]->key), key) == 0)
            return hone_onnx_text(tensor->external_data[i]->value);
    return NULL;
}

struct hone_onnx_seen {
    struct hone_onnx_seen *next;
    dev_t device;
    ino_t inode;
    struct hone_file_map map;
};

// Maps a data file, once however often it is named; what a model may take grows by its size.
static hone_status external_map(struct hone_onnx_store *store, const char *path,
                                const struct stat *info, const struct hone_file_map **out) {
    for (const struct hone_onnx_seen *s = store->seen; s; s = s->next)
        if (s->device == info->st_dev && s->inode == info->st_ino) {
            *out = &s->map;
            return HONE_OK;
        }
    struct hone_onnx_seen *seen = hone_arena_alloc(&store->arena, 1, sizeof *seen);
    if (!seen) return HONE_OUT_OF_MEMORY;
    *seen = (struct hone_onnx_seen){store->seen, info->st_dev, info->st_ino, {0}};
    HONE_TRY(hone_file_map_open(path, &seen->map));
    store->seen = seen;
    store->limit += 4 * (uint64_t)info->st_size;
    *out = &seen->map;
    return HONE_OK;
}

void hone_onnx_store_deinit(struct hone_onnx_store *store) {
    for (struct hone_onnx_seen *s = store->seen; s; s = s->next) hone_file_map_close(&s->map);
    hone_arena_deinit(&store->arena);
    store->seen = NULL;
}

void hone_onnx_store_release(struct hone_onnx_store *store, const HoneOnnx__Tensor *tensor) {
    if (tensor->has_raw_data && store->map)
        hone_file_map_release(store->map, tensor->raw_data.data, tensor->raw_data.len);
    for (struct hone_onnx_seen *s = store->seen; s && tensor->data_location == 1; s = s->next)
        hone_file_map_release(&s->map, s->map.data, s->map.bytes);
}

// A regular file inside the folder, after links are followed.
static hone_status external_check(const struct hone_onnx_store *store, const char *location,
                                  const char *path, struct stat *info) {
    char root[PATH_MAX], real[PATH_MAX];
    if (stat(path, info) != 0 || !S_ISREG(info->st_mode) || !realpath(store->folder, root) ||
        !realpath(path, real))
        return hone_fail(HONE_NOT_FOUND, "external data '%s' is missing beside the model",
                         location);
    size_t length = strlen(root);
    bool inside = strncmp(real, root, length) == 0 && (real[length] == '/' || length == 1);
    if (!inside || location[0] == '/')
        return hone_fail(HONE_INVALID, "external data '%s' lies outside the model's folder",
                         location);
    return HONE_OK;
}

static hone_status external_slice(const struct hone_file_map *map, const HoneOnnx__Tensor *tensor,
                                  const uint8_t **out, size_t *out_bytes) {
    const char *offset_text = external_value(tensor, "offset");
    const char *length_text = external_value(tensor, "length");
    int64_t offset = 0, length = 0;
    if (offset_text) HONE_TRY(hone_parse_i64(offset_text, 0, (int64_t)map->bytes, &offset));
    length = (int64_t)map->bytes - offset;
    if (length_text) {
        int64_t most = length;
        HONE_TRY(hone_parse_i64(length_text, 0, INT64_MAX, &length));
        if (length > most)
            return hone_fail(HONE_INVALID,
                             "external data '%s' ends %lld bytes too early: is it complete?",
                             external_value(tensor, "location"), (long long)(length - most));
    }
    *out = map->data + offset;
    *out_bytes = (size_t)length;
    return HONE_OK;
}

hone_status hone_onnx_external_read(struct hone_onnx_store *store, const HoneOnnx__Tensor *tensor,
                                    const uint8_t **out, size_t *out_bytes) {
    const char *location = external_value(tensor, "location");
    if (!location || !*location) return hone_fail(HONE_INVALID, "external data without a location");
    if (!store->folder)
        return hone_fail(HONE_INVALID, "external data '%s' cannot be read from here", location);
    char *path = hone_path_join(store->folder, location);
    if (!path) return HONE_OUT_OF_MEMORY;
    const struct hone_file_map *map = NULL;
    struct stat info;
    hone_status status = external_check(store, location, path, &info);
    if (status == HONE_OK) status = external_map(store, path, &info, &map);
    if (status == HONE_OK) status = external_slice(map, tensor, out, out_bytes);
    hone_free(path);
    return status;
}

// IEEE half to float, subnormals and infinities included.
static float half_value(uint16_t bits) {
    uint32_t sign = (uint32_t)(bits & 0x8000) << 16, exponent = (bits >> 10) & 31,
             fraction = bits & 0x3ff, out;
    if (exponent == 31) {
        out = sign | 0x7f800000 | fraction << 13;
    } else if (exponent) {
        out = sign | (exponent + 112) << 23 | fraction << 13;
    } else {
        float value = (float)fraction * 0x1p-24f;
        return sign ? -value : value;
    }
    float value;
    memcpy(&value, &out, sizeof value);
    return value;
}

static float bfloat_value(uint16_t bits) {
    uint32_t out = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &out, sizeof value);
    return value;
}

// One element of raw bytes, as a double or, for integers, as an int64 in *whole.
static double raw_value(int type, const uint8_t *at, int64_t *whole) {
    uint16_t half;
    int32_t i32;
    int64_t i64;
    double f64;
    switch (type) {
    case HONE_ONNX_FLOAT16: memcpy(&half, at, 2); return half_value(half);
    case HONE_ONNX_BFLOAT16: memcpy(&half, at, 2); return bfloat_value(half);
    case HONE_ONNX_DOUBLE: memcpy(&f64, at, 8); return f64;
    case HONE_ONNX_INT32:
        memcpy(&i32, at, 4);
        *whole = i32;
        return 0;
    case HONE_ONNX_INT64:
        memcpy(&i64, at, 8);
        *whole = i64;
        return 0;
    case HONE_ONNX_INT8: *whole = (int8_t)*at; return 0;
    case HONE_ONNX_UINT16:
    case HONE_ONNX_INT16:
        memcpy(&half, at, 2);
        *whole = type == HONE_ONNX_INT16 ? (int16_t)half : half;
        return 0;
    default: *whole = *at; return 0;
    }
}

static size_t type_bytes(int type) {
    switch (type) {
    case HONE_ONNX_FLOAT:
    case HONE_ONNX_INT32: return 4;
    case HONE_ONNX_DOUBLE:
    case HONE_ONNX_INT64: return 8;
    case HONE_ONNX_UINT16:
    case HONE_ONNX_INT16:
    case HONE_ONNX_FLOAT16:
    case HONE_ONNX_BFLOAT16: return 2;
    case HONE_ONNX_UINT8:
    case HONE_ONNX_INT8:
    case HONE_ONNX_BOOL: return 1;
    default: return 0;
    }
}

static bool type_is_float(int type) {
    return type == HONE_ONNX_FLOAT || type == HONE_ONNX_FLOAT16 || type == HONE_ONNX_BFLOAT16 ||
           type == HONE_ONNX_DOUBLE;
}

// Elements in the typed field that holds this type.
static size_t typed_count(const HoneOnnx__Tensor *tensor) {
    switch (tensor->data_type) {
    case HONE_ONNX_FLOAT: return tensor->n_float_data;
    case HONE_ONNX_DOUBLE: return tensor->n_double_data;
    case HONE_ONNX_INT64: return tensor->n_int64_data;
    default: return tensor->n_int32_data; // halves and small integers, one in each 32 bits
    }
}

static double typed_value(const HoneOnnx__Tensor *tensor, size_t k, int64_t *whole) {
    switch (tensor->data_type) {
    case HONE_ONNX_FLOAT: return tensor->float_data[k];
    case HONE_ONNX_DOUBLE: return tensor->double_data[k];
    case HONE_ONNX_INT64: *whole = tensor->int64_data[k]; return 0;
    case HONE_ONNX_FLOAT16: return half_value((uint16_t)tensor->int32_data[k]);
    case HONE_ONNX_BFLOAT16: return bfloat_value((uint16_t)tensor->int32_data[k]);
    default: *whole = tensor->int32_data[k]; return 0;
    }
}

// Room for its floats, in a block of their own where they are many.
static float *const_floats(struct hone_onnx_store *store, bool own, struct hone_onnx_const *out) {
    enum { OWN_LEAST = 4096 };
    uint64_t bytes = (uint64_t)out->count * sizeof(float);
    if (!own || out->count < OWN_LEAST || bytes > store->limit - store->used)
        return hone_onnx_store_alloc(store, out->count, sizeof(float));
    out->block = hone_realloc(NULL, (size_t)bytes, 1, "a tensor");
    store->status = HONE_OUT_OF_MEMORY;
    if (out->block) store->used += bytes;
    return out->block;
}

void hone_onnx_const_drop(struct hone_onnx_store *store, struct hone_onnx_const *tensor) {
    if (!tensor->block) return;
    store->used -= (uint64_t)tensor->count * sizeof(float);
    hone_free(tensor->block);
    tensor->block = NULL;
    tensor->f = NULL;
}

// Converts `raw` (NULL: the typed fields) element by element.
static hone_status const_convert(struct hone_onnx_store *store, const HoneOnnx__Tensor *tensor,
                                 const uint8_t *raw, bool own, struct hone_onnx_const *out) {
    int type = tensor->data_type;
    bool real = type_is_float(type);
    float *f = real ? const_floats(store, own, out) : NULL;
    int64_t *whole = real ? NULL : hone_onnx_store_alloc(store, out->count, sizeof *whole);
    if (!f && !whole) return hone_onnx_store_failure(store);
    size_t step = type_bytes(type);
    for (int64_t k = 0; k < out->count; k++) {
        int64_t w = 0;
        double value =
            raw ? raw_value(type, raw + (size_t)k * step, &w) : typed_value(tensor, (size_t)k, &w);
        if (real)
            f[k] = (float)value;
        else
            whole[k] = w;
    }
    out->f = f;
    out->i = whole;
    return HONE_OK;
}

hone_status hone_onnx_const_read(struct hone_onnx_store *store, const HoneOnnx__Tensor *tensor,
                                 bool own, struct hone_onnx_const *out) {
    *out = (struct hone_onnx_const){.type = tensor->data_type};
    size_t step = type_bytes(tensor->data_type);
    if (step == 0)
        return hone_fail(HONE_UNSUPPORTED, "element type %d is not supported; use float",
                         (int)tensor->data_type);
    if (tensor->n_dims > HONE_ONNX_MAX_RANK)
        return hone_fail(HONE_UNSUPPORTED, "%zu dimensions are too many", tensor->n_dims);
    out->rank = (int)tensor->n_dims;
    for (int i = 0; i < out->rank; i++) out->dim[i] = tensor->dims[i];
    HONE_TRY(hone_onnx_const_measure(out));

    const uint8_t *raw = tensor->has_raw_data ? tensor->raw_data.data : NULL;
    size_t bytes = tensor->has_raw_data ? tensor->raw_data.len : 0;
    bool external = tensor->data_location == 1;
    if (external) HONE_TRY(hone_onnx_external_read(store, tensor, &raw, &bytes));
    bool is_raw = external || tensor->has_raw_data;
    size_t have = is_raw ? bytes / step : typed_count(tensor);
    if (have != (size_t)out->count || (is_raw && bytes % step))
        return hone_fail(HONE_INVALID, "its shape has %lld elements, its data %zu",
                         (long long)out->count, have);
    bool floats = is_raw && tensor->data_type == HONE_ONNX_FLOAT && out->count > 0;
    if (floats && (uintptr_t)raw % sizeof(float) == 0) {
        out->f = (const float *)(const void *)raw;
        return HONE_OK;
    }
    if (floats) { // as the file has them, at any place
        float *copy = const_floats(store, own, out);
        if (!copy) return hone_onnx_store_failure(store);
        memcpy(copy, raw, bytes);
        out->f = copy;
        return HONE_OK;
    }
    if (!is_raw && tensor->data_type == HONE_ONNX_FLOAT && out->count > 0) {
        out->f = tensor->float_data;
        return HONE_OK;
    }
    return const_convert(store, tensor, out->count ? raw : NULL, own, out);
}
