// golden.c: see golden.h.
#include "support/golden.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "support/support.h"

struct golden_tensor {
    const char *name; // lives in the header
    struct hone_desc shape;
    double *values;
};

struct golden {
    json_t *header;
    struct golden_tensor *tensors;
    size_t count;
};

static double element(const char *dtype, const unsigned char *data, int64_t i) {
    float f32;
    double f64;
    int32_t i32;
    if (strcmp(dtype, "F64") == 0) return memcpy(&f64, data + i * 8, 8), f64;
    if (strcmp(dtype, "I32") == 0) return memcpy(&i32, data + i * 4, 4), (double)i32;
    if (strcmp(dtype, "U8") == 0) return data[i];
    assert_string_equal(dtype, "F32");
    return memcpy(&f32, data + i * 4, 4), (double)f32;
}

static void tensor_read(struct golden_tensor *tensor, const char *name, json_t *info,
                        const unsigned char *data) {
    const char *dtype = json_string_value(json_object_get(info, "dtype"));
    json_t *shape = json_object_get(info, "shape");
    assert_non_null(dtype);
    assert_true(json_array_size(shape) <= HONE_MAX_RANK);
    tensor->name = name;
    tensor->shape.dtype = strcmp(dtype, "I32") == 0  ? HONE_I32
                          : strcmp(dtype, "U8") == 0 ? HONE_U8
                                                     : HONE_F32;
    tensor->shape.rank = (int)json_array_size(shape);
    for (int i = 0; i < tensor->shape.rank; i++)
        tensor->shape.dim[i] = (int32_t)json_integer_value(json_array_get(shape, (size_t)i));
    int64_t count = hone_desc_elements(&tensor->shape);
    json_int_t begin = json_integer_value(json_array_get(json_object_get(info, "data_offsets"), 0));
    tensor->values = hone_calloc((size_t)count, sizeof *tensor->values, "golden tensor");
    assert_non_null(tensor->values);
    for (int64_t i = 0; i < count; i++) tensor->values[i] = element(dtype, data + begin, i);
}

static struct golden *golden_parse(const unsigned char *file, size_t bytes) {
    uint64_t length;
    assert_true(bytes >= 8);
    memcpy(&length, file, 8);
    assert_true(length <= bytes - 8);
    struct golden *golden = hone_calloc(1, sizeof *golden, "golden");
    assert_non_null(golden);
    golden->header = json_loadb((const char *)file + 8, length, 0, NULL);
    assert_non_null(golden->header);
    golden->tensors =
        hone_calloc(json_object_size(golden->header), sizeof *golden->tensors, "golden");
    assert_non_null(golden->tensors);
    const char *name;
    json_t *info;
    json_object_foreach(golden->header, name, info) {
        if (strcmp(name, "__metadata__") == 0) continue;
        tensor_read(&golden->tensors[golden->count++], name, info, file + 8 + length);
    }
    return golden;
}

struct golden *golden_open_path(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    fseek(file, 0, SEEK_END);
    size_t bytes = (size_t)ftell(file);
    rewind(file);
    unsigned char *data = hone_calloc(bytes, 1, "golden file");
    assert_non_null(data);
    assert_int_equal(fread(data, 1, bytes, file), bytes);
    fclose(file);
    struct golden *golden = golden_parse(data, bytes);
    hone_free(data);
    return golden;
}

struct golden *golden_open(const char *name) {
    char path[1024];
    snprintf(path, sizeof path, HONE_SOURCE_DIR "/tests/golden/data/%s", name);
    struct golden *golden = golden_open_path(path);
    if (!golden) fail_msg("%s is missing", path);
    return golden;
}

void golden_close(struct golden **golden) {
    struct golden *g = *golden;
    if (!g) return;
    for (size_t i = 0; i < g->count; i++) hone_free(g->tensors[i].values);
    hone_free(g->tensors);
    json_decref(g->header);
    hone_free(g);
    *golden = NULL;
}

const double *golden_find(struct golden *golden, const char *name, struct hone_desc *shape) {
    for (size_t i = 0; i < golden->count; i++) {
        if (strcmp(golden->tensors[i].name, name) != 0) continue;
        if (shape) *shape = golden->tensors[i].shape;
        return golden->tensors[i].values;
    }
    return NULL;
}

const double *golden_get(struct golden *golden, struct hone_desc *shape, const char *format, ...) {
    char name[256];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    const double *values = golden_find(golden, name, shape);
    if (!values) fail_msg("the golden file has no tensor '%s'", name);
    return values;
}

const char *golden_name(struct golden *golden, int i) {
    return i >= 0 && (size_t)i < golden->count ? golden->tensors[i].name : NULL;
}

double golden_distance(const double *a, const double *b, int64_t count) {
    double difference = 0, size = 0;
    for (int64_t i = 0; i < count; i++) {
        difference += (a[i] - b[i]) * (a[i] - b[i]);
        size += b[i] * b[i];
    }
    return size > 0 ? sqrt(difference / size) : sqrt(difference);
}

double golden_error(const double *a, const double *b, int64_t count) {
    double difference = 0, size = 0;
    for (int64_t i = 0; i < count; i++) {
        // A NaN must not pass.
        double distance = fabs(a[i] - b[i]);
        if (!(distance <= difference)) difference = distance;
        if (fabs(b[i]) > size) size = fabs(b[i]);
    }
    return size > 0 ? difference / size : difference;
}
