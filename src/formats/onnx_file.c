// onnx_file.c: bytes to messages by protobuf-c, through hone's allocator and a budget; the numbers
// of large tensors stay where they are (onnx_wire.c).
#include "formats/onnx_file.h"

#include <string.h>

#include "formats/onnx_wire.h"

// A parsed message may take this many times its bytes, plus a floor: nodes with long attribute
// lists reach about 15, empty messages in a hostile file more than 60.
enum { ONNX_MEMORY_FACTOR = 24, ONNX_MEMORY_FLOOR = 16 << 20 };
enum { ONNX_OPSET_LEAST = 7, ONNX_OPSET_MOST = 21 };

static void *onnx_alloc(void *data, size_t bytes) {
    struct hone_onnx_memory *memory = data;
    if (bytes > memory->limit - memory->used) {
        memory->over = true;
        return NULL;
    }
    void *block = hone_realloc(NULL, bytes, 1, "an ONNX file");
    if (!block) memory->failed = true;
    if (block) memory->used += bytes;
    return block;
}

static void onnx_free(void *data, void *block) {
    const struct hone_onnx_memory *memory = data;
    const uint8_t *at = block;
    if (at && at >= memory->file && at < memory->file + memory->file_bytes) return;
    hone_free(block); // and stays counted: the budget bounds the work too
}

static hone_status onnx_read_opset(struct hone_onnx_file *file) {
    int64_t version = 0;
    for (size_t i = 0; i < file->model->n_opset_import; i++) {
        const HoneOnnx__OperatorSet *set = file->model->opset_import[i];
        const char *domain = hone_onnx_text(set->domain);
        if (*domain == '\0' || strcmp(domain, "ai.onnx") == 0) version = set->version;
    }
    if (version == 0) return hone_fail(HONE_INVALID, "the file names no operator set");
    if (version < ONNX_OPSET_LEAST || version > ONNX_OPSET_MOST)
        return hone_fail(HONE_UNSUPPORTED,
                         "opset %lld is not supported; re-export with opset 13 to 17",
                         (long long)version);
    file->opset = (int)version;
    return HONE_OK;
}

// The message, its large tensors pointing into `data`.
static hone_status onnx_unpack(struct hone_onnx_file *file, const uint8_t *data, size_t bytes) {
    struct hone_onnx_slim slim;
    HONE_TRY(hone_onnx_wire_cut(data, bytes, &slim));
    file->model = hone_onnx__model__unpack(&file->memory.allocator, slim.data ? slim.bytes : bytes,
                                           slim.data ? slim.data : data);
    const HoneOnnx__Graph *graph = file->model ? file->model->graph : NULL;
    for (size_t i = 0; graph && i < slim.count && i < graph->n_initializer; i++) {
        if (!slim.cuts[i].data) continue;
        graph->initializer[i]->has_raw_data = 1;
        graph->initializer[i]->raw_data.data = (uint8_t *)(uintptr_t)slim.cuts[i].data;
        graph->initializer[i]->raw_data.len = slim.cuts[i].bytes;
    }
    hone_onnx_slim_deinit(&slim);
    return HONE_OK;
}

hone_status hone_onnx_file_parse(const uint8_t *data, size_t bytes, struct hone_onnx_file *out) {
    memset(out, 0, sizeof *out);
    struct hone_onnx_memory *memory = &out->memory;
    if (bytes > (SIZE_MAX - ONNX_MEMORY_FLOOR) / ONNX_MEMORY_FACTOR)
        return hone_fail(HONE_INVALID, "the file is too large");
    memory->limit = bytes * ONNX_MEMORY_FACTOR + ONNX_MEMORY_FLOOR;
    memory->allocator =
        (ProtobufCAllocator){.alloc = onnx_alloc, .free = onnx_free, .allocator_data = memory};
    memory->file = data;
    memory->file_bytes = bytes;
    hone_status status = onnx_unpack(out, data, bytes);
    if (status == HONE_OUT_OF_MEMORY || memory->failed)
        status = HONE_OUT_OF_MEMORY;
    else if (memory->over)
        status = hone_fail(HONE_INVALID, "the file unpacks to more memory than a sound file needs");
    else if (!out->model)
        status = hone_fail(HONE_INVALID, "not an ONNX file, or cut short");
    else if (!out->model->graph || out->model->graph->n_node == 0)
        status = hone_fail(HONE_INVALID, "not an ONNX file: it holds no graph");
    else
        status = onnx_read_opset(out);
    if (status != HONE_OK) hone_onnx_file_close(out);
    return status;
}

void hone_onnx_file_close(struct hone_onnx_file *file) {
    if (file->model) hone_onnx__model__free_unpacked(file->model, &file->memory.allocator);
    memset(file, 0, sizeof *file);
}

const char *hone_onnx_text(const char *text) {
    return text ? text : "";
}

const HoneOnnx__Attribute *hone_onnx_attr(const HoneOnnx__Node *node, const char *name) {
    for (size_t i = 0; i < node->n_attribute; i++)
        if (strcmp(hone_onnx_text(node->attribute[i]->name), name) == 0) return node->attribute[i];
    return NULL;
}

int64_t hone_onnx_attr_int(const HoneOnnx__Node *node, const char *name, int64_t fallback) {
    const HoneOnnx__Attribute *attr = hone_onnx_attr(node, name);
    return attr ? attr->i : fallback;
}

float hone_onnx_attr_float(const HoneOnnx__Node *node, const char *name, float fallback) {
    const HoneOnnx__Attribute *attr = hone_onnx_attr(node, name);
    return attr ? attr->f : fallback;
}

bool hone_onnx_attr_is(const HoneOnnx__Node *node, const char *name, const char *text) {
    const HoneOnnx__Attribute *attr = hone_onnx_attr(node, name);
    size_t length = strlen(text);
    if (!attr || !attr->has_s) return length == 0;
    return attr->s.len == length && (length == 0 || memcmp(attr->s.data, text, length) == 0);
}

hone_status hone_onnx_attr_sizes(const HoneOnnx__Node *node, const char *name, size_t count,
                                 int64_t least, int64_t most, int32_t fallback, int32_t *out) {
    for (size_t i = 0; i < count; i++) out[i] = fallback;
    const HoneOnnx__Attribute *attr = hone_onnx_attr(node, name);
    if (!attr) return HONE_OK;
    if (attr->n_ints != count)
        return hone_fail(HONE_UNSUPPORTED,
                         "%s has %zu numbers, not %zu: only 2-D pictures are supported", name,
                         attr->n_ints, count);
    for (size_t i = 0; i < count; i++) {
        if (attr->ints[i] < least || attr->ints[i] > most)
            return hone_fail(HONE_INVALID, "%s: %lld is out of range %lld..%lld", name,
                             (long long)attr->ints[i], (long long)least, (long long)most);
        out[i] = (int32_t)attr->ints[i];
    }
    return HONE_OK;
}
