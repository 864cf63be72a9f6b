// onnx_write.c: ONNX messages in an arena.
#include "formats/onnx_write.h"

#include <stdio.h>
#include <string.h>

hone_status hone_onnx_writer_init(struct hone_onnx_writer *writer, const struct hone_model *model) {
    *writer = (struct hone_onnx_writer){.model = model, .opset = 13};
    writer->values =
        hone_calloc(model->graph->value_count, sizeof *writer->values, "an ONNX graph");
    return writer->values ? HONE_OK : HONE_OUT_OF_MEMORY;
}

void hone_onnx_writer_deinit(struct hone_onnx_writer *writer) {
    hone_free(writer->nodes);
    hone_free(writer->tensors);
    hone_free(writer->values);
    hone_arena_deinit(&writer->arena);
    *writer = (struct hone_onnx_writer){0};
}

void hone_onnx_writer_fail(struct hone_onnx_writer *writer, hone_status status) {
    if (writer->status != HONE_OK || status == HONE_OK) return;
    writer->status = status;
    hone_error_save(status, &writer->error);
}

static void *write_alloc(struct hone_onnx_writer *writer, size_t count, size_t size) {
    if (writer->status != HONE_OK) return NULL;
    void *memory = hone_arena_alloc(&writer->arena, count, size);
    if (!memory) hone_onnx_writer_fail(writer, HONE_OUT_OF_MEMORY);
    return memory;
}

static char *write_text(struct hone_onnx_writer *writer, const char *text) {
    char *copy = write_alloc(writer, strlen(text) + 1, 1);
    if (copy) strcpy(copy, text);
    return copy;
}

const char *hone_onnx_make_name(struct hone_onnx_writer *writer) {
    char name[64];
    do snprintf(name, sizeof name, "hone/%u", writer->made++);
    while (hone_graph_find(writer->model->graph, name) != HONE_NO_VALUE);
    const char *copy = write_text(writer, name);
    return copy ? copy : "";
}

const char *hone_onnx_param_name(struct hone_onnx_writer *writer, const struct hone_param *param) {
    static const char *const taken[] = {"image", "logits", "probabilities", "features"};
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (strcmp(param->name, taken[i]) == 0) return hone_onnx_make_name(writer);
    return param->name;
}

static bool write_has_node(const struct hone_onnx_writer *writer, const char *name) {
    for (size_t n = 0; n < writer->node_count; n++)
        if (strcmp(writer->nodes[n]->name, name) == 0) return true;
    return false;
}

// Runtimes refuse two nodes of one name; an ir graph may have them, where one ONNX node became
// several.
static char *write_node_name(struct hone_onnx_writer *writer, const char *name) {
    size_t room = strlen(name) + 16;
    char *unique = write_alloc(writer, room, 1);
    if (!unique) return NULL;
    strcpy(unique, name);
    for (unsigned k = 2; write_has_node(writer, unique); k++)
        snprintf(unique, room, "%s.%u", name, k);
    return unique;
}

HoneOnnx__Node *hone_onnx_put_node(struct hone_onnx_writer *writer, const char *op_type,
                                   const char *name, const char *output, size_t count,
                                   const char *const *inputs) {
    static HoneOnnx__Node spare; // never written through: attributes are not put after a failure
    HoneOnnx__Node *node = write_alloc(writer, 1, sizeof *node);
    if (!node) return &spare;
    hone_onnx__node__init(node);
    node->op_type = write_text(writer, op_type);
    node->name = write_node_name(writer, name);
    node->input = write_alloc(writer, count, sizeof *node->input);
    node->output = write_alloc(writer, 1, sizeof *node->output);
    if (!node->input || !node->output) return &spare;
    for (size_t i = 0; i < count; i++) node->input[i] = write_text(writer, inputs[i]);
    node->n_input = count;
    node->output[0] = write_text(writer, output);
    node->n_output = 1;
    if (!hone_grow(&writer->nodes, &writer->node_capacity, writer->node_count + 1,
                   sizeof *writer->nodes, "ONNX nodes"))
        hone_onnx_writer_fail(writer, HONE_OUT_OF_MEMORY);
    if (writer->status != HONE_OK) return &spare;
    writer->nodes[writer->node_count++] = node;
    return node;
}

// ---- Attributes
// ---------------------------------------------------------------------------------------------

enum { WRITE_ATTRS = 8 }; // no operator that hone writes has more

static HoneOnnx__Attribute *write_attr(struct hone_onnx_writer *writer, HoneOnnx__Node *node,
                                       const char *name, int type) {
    HoneOnnx__Attribute *attr = write_alloc(writer, 1, sizeof *attr);
    if (!attr) return NULL;
    hone_onnx__attribute__init(attr);
    attr->name = write_text(writer, name);
    attr->has_type = 1;
    attr->type = type;
    if (!node->attribute)
        node->attribute = write_alloc(writer, WRITE_ATTRS, sizeof *node->attribute);
    if (writer->status == HONE_OK && node->n_attribute == WRITE_ATTRS)
        hone_onnx_writer_fail(writer,
                              hone_fail(HONE_INTERNAL, "too many attributes of %s", node->op_type));
    if (writer->status != HONE_OK) return NULL;
    node->attribute[node->n_attribute++] = attr;
    return attr;
}

void hone_onnx_put_int(struct hone_onnx_writer *writer, HoneOnnx__Node *node, const char *name,
                       int64_t value) {
    HoneOnnx__Attribute *attr = write_attr(writer, node, name, HONE_ONNX_ATTR_INT);
    if (!attr) return;
    attr->has_i = 1;
    attr->i = value;
}

void hone_onnx_put_float(struct hone_onnx_writer *writer, HoneOnnx__Node *node, const char *name,
                         float value) {
    HoneOnnx__Attribute *attr = write_attr(writer, node, name, HONE_ONNX_ATTR_FLOAT);
    if (!attr) return;
    attr->has_f = 1;
    attr->f = value;
}

void hone_onnx_put_text(struct hone_onnx_writer *writer, HoneOnnx__Node *node, const char *name,
                        const char *text) {
    HoneOnnx__Attribute *attr = write_attr(writer, node, name, HONE_ONNX_ATTR_TEXT);
    size_t length = strlen(text);
    if (attr) attr->s.data = write_alloc(writer, length, 1);
    if (!attr || !attr->s.data) return;
    attr->has_s = 1;
    attr->s.len = length;
    memcpy(attr->s.data, text, length);
}

void hone_onnx_put_ints(struct hone_onnx_writer *writer, HoneOnnx__Node *node, const char *name,
                        size_t count, const int64_t *values) {
    HoneOnnx__Attribute *attr = write_attr(writer, node, name, HONE_ONNX_ATTR_INTS);
    if (attr) attr->ints = write_alloc(writer, count, sizeof *attr->ints);
    if (!attr || !attr->ints) return;
    attr->n_ints = count;
    memcpy(attr->ints, values, count * sizeof *values);
}

void hone_onnx_put_sizes(struct hone_onnx_writer *writer, HoneOnnx__Node *node, const char *name,
                         size_t count, const int32_t *values) {
    int64_t wide[HONE_MAX_RANK] = {0};
    for (size_t i = 0; i < count && i < HONE_MAX_RANK; i++) wide[i] = values[i];
    hone_onnx_put_ints(writer, node, name, count, wide);
}

// ---- Tensors
// ------------------------------------------------------------------------------------------------

static HoneOnnx__Tensor *write_tensor(struct hone_onnx_writer *writer, const char *name, int type,
                                      int rank, const int64_t *dim, const void *data) {
    HoneOnnx__Tensor *tensor = write_alloc(writer, 1, sizeof *tensor);
    if (!tensor) return NULL;
    hone_onnx__tensor__init(tensor);
    tensor->name = write_text(writer, name);
    tensor->dims = write_alloc(writer, (size_t)rank, sizeof *tensor->dims);
    if (!tensor->dims) return NULL;
    tensor->n_dims = (size_t)rank;
    size_t count = 1;
    for (int i = 0; i < rank; i++) count *= (size_t)(tensor->dims[i] = dim[i]);
    tensor->has_data_type = 1;
    tensor->data_type = type;
    tensor->has_raw_data = 1;
    tensor->raw_data.len = count * (type == HONE_ONNX_INT64 ? 8 : 4);
    memcpy(&tensor->raw_data.data, &data, sizeof data); // only read, though the type is not const
    return tensor;
}

const char *hone_onnx_put_tensor(struct hone_onnx_writer *writer, const char *name, int type,
                                 int rank, const int64_t *dim, const void *data) {
    HoneOnnx__Tensor *tensor = write_tensor(writer, name, type, rank, dim, data);
    if (!tensor) return "";
    if (!hone_grow(&writer->tensors, &writer->tensor_capacity, writer->tensor_count + 1,
                   sizeof *writer->tensors, "ONNX tensors")) {
        hone_onnx_writer_fail(writer, HONE_OUT_OF_MEMORY);
        return "";
    }
    writer->tensors[writer->tensor_count++] = tensor;
    return tensor->name;
}

const char *hone_onnx_put_scalar(struct hone_onnx_writer *writer, float value) {
    float *data = write_alloc(writer, 1, sizeof *data);
    if (!data) return "";
    *data = value;
    return hone_onnx_put_tensor(writer, hone_onnx_make_name(writer), HONE_ONNX_FLOAT, 0, NULL,
                                data);
}

const char *hone_onnx_put_list(struct hone_onnx_writer *writer, size_t count,
                               const int64_t *values) {
    int64_t *data = write_alloc(writer, count, sizeof *data), dim = (int64_t)count;
    if (!data) return "";
    memcpy(data, values, count * sizeof *data);
    return hone_onnx_put_tensor(writer, hone_onnx_make_name(writer), HONE_ONNX_INT64, 1, &dim,
                                data);
}

const char *hone_onnx_put_constant(struct hone_onnx_writer *writer, const char *name, int rank,
                                   const int64_t *dim, const float *data) {
    HoneOnnx__Node *node = hone_onnx_put_node(writer, "Constant", name, name, 0, NULL);
    HoneOnnx__Attribute *attr = write_attr(writer, node, "value", HONE_ONNX_ATTR_TENSOR);
    if (!attr) return "";
    attr->t = write_tensor(writer, name, HONE_ONNX_FLOAT, rank, dim, data);
    return name;
}
