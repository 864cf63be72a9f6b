// onnx.c: see onnx.h. Memory of the messages is an arena's; a failed allocation ends the test.
#include "support/support.h"

#include "support/onnx.h"

#include <stdlib.h>
#include <string.h>

static void *keep(struct test_onnx *file, size_t count, size_t size) {
    void *memory = hone_arena_alloc(&file->arena, count, size);
    if (!memory) fail_msg("%s", hone_error_message());
    return memory;
}

static char *keep_text(struct test_onnx *file, const char *text) {
    return strcpy(keep(file, strlen(text) + 1, 1), text);
}

// Appends to an array of pointers that protobuf-c wants; copies it, which tests can afford.
static void append(struct test_onnx *file, size_t *count, void *array, void *item) {
    void **old, **grown = keep(file, *count + 1, sizeof *grown);
    memcpy(&old, array, sizeof old);
    if (*count) memcpy(grown, old, *count * sizeof *grown);
    grown[(*count)++] = item;
    memcpy(array, &grown, sizeof grown);
}

static int64_t *numbers(struct test_onnx *file, const char *list, size_t *count) {
    int64_t *out = keep(file, strlen(list) + 1, sizeof *out);
    *count = 0;
    for (char *end; *list; list = end) {
        out[*count] = strtoll(list, &end, 10);
        if (end == list) break;
        ++*count;
    }
    return out;
}

static HoneOnnx__ValueInfo *value_info(struct test_onnx *file, const char *name) {
    HoneOnnx__ValueInfo *info = keep(file, 1, sizeof *info);
    hone_onnx__value_info__init(info);
    info->name = keep_text(file, name);
    return info;
}

void test_onnx_init(struct test_onnx *file, int opset, int64_t h, int64_t w) {
    memset(file, 0, sizeof *file);
    hone_onnx__model__init(&file->model);
    hone_onnx__graph__init(&file->graph);
    file->model.graph = &file->graph;
    file->model.has_ir_version = 1;
    file->model.ir_version = 7;
    HoneOnnx__OperatorSet *set = keep(file, 1, sizeof *set);
    hone_onnx__operator_set__init(set);
    set->has_version = 1;
    set->version = opset;
    append(file, &file->model.n_opset_import, &file->model.opset_import, set);
    HoneOnnx__ValueInfo *x = value_info(file, "x");
    x->type = keep(file, 1, sizeof *x->type);
    hone_onnx__type__init(x->type);
    x->type->tensor_type = keep(file, 1, sizeof *x->type->tensor_type);
    hone_onnx__type_tensor__init(x->type->tensor_type);
    x->type->tensor_type->has_elem_type = 1;
    x->type->tensor_type->elem_type = HONE_ONNX_FLOAT;
    HoneOnnx__TensorShape *shape = keep(file, 1, sizeof *shape);
    hone_onnx__tensor_shape__init(shape);
    x->type->tensor_type->shape = shape;
    const int64_t dims[4] = {0, 3, h, w};
    for (int i = 0; i < 4; i++) {
        HoneOnnx__Dimension *dim = keep(file, 1, sizeof *dim);
        hone_onnx__dimension__init(dim);
        dim->has_dim_value = dims[i] != 0;
        dim->dim_value = dims[i];
        append(file, &shape->n_dim, &shape->dim, dim);
    }
    append(file, &file->graph.n_input, &file->graph.input, x);
}

void test_onnx_free(struct test_onnx *file) {
    hone_arena_deinit(&file->arena);
}

void test_onnx_node(struct test_onnx *file, const char *op, const char *inputs,
                    const char *output) {
    HoneOnnx__Node *node = keep(file, 1, sizeof *node);
    hone_onnx__node__init(node);
    node->op_type = keep_text(file, op);
    node->name = keep_text(file, output);
    append(file, &node->n_output, &node->output, node->name);
    char *text = keep_text(file, inputs);
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
        append(file, &node->n_input, &node->input, keep_text(file, strcmp(word, "-") ? word : ""));
    append(file, &file->graph.n_node, &file->graph.node, node);
    file->last = node;
}

static HoneOnnx__Attribute *attribute(struct test_onnx *file, const char *name) {
    HoneOnnx__Attribute *attr = keep(file, 1, sizeof *attr);
    hone_onnx__attribute__init(attr);
    attr->name = keep_text(file, name);
    append(file, &file->last->n_attribute, &file->last->attribute, attr);
    return attr;
}

void test_onnx_int(struct test_onnx *file, const char *name, int64_t value) {
    HoneOnnx__Attribute *attr = attribute(file, name);
    attr->has_i = 1;
    attr->i = value;
}

void test_onnx_float(struct test_onnx *file, const char *name, float value) {
    HoneOnnx__Attribute *attr = attribute(file, name);
    attr->has_f = 1;
    attr->f = value;
}

void test_onnx_text(struct test_onnx *file, const char *name, const char *value) {
    HoneOnnx__Attribute *attr = attribute(file, name);
    attr->has_s = 1;
    attr->s.len = strlen(value);
    attr->s.data = (uint8_t *)keep_text(file, value);
}

void test_onnx_ints(struct test_onnx *file, const char *name, const char *list) {
    HoneOnnx__Attribute *attr = attribute(file, name);
    attr->ints = numbers(file, list, &attr->n_ints);
}

static HoneOnnx__Tensor *tensor_make(struct test_onnx *file, const char *name, int type,
                                     const char *dims, size_t *count) {
    HoneOnnx__Tensor *tensor = keep(file, 1, sizeof *tensor);
    hone_onnx__tensor__init(tensor);
    tensor->name = keep_text(file, name);
    tensor->has_data_type = 1;
    tensor->data_type = type;
    tensor->dims = numbers(file, dims, &tensor->n_dims);
    *count = 1;
    for (size_t i = 0; i < tensor->n_dims; i++) *count *= (size_t)tensor->dims[i];
    return tensor;
}

static void tensor_raw(struct test_onnx *file, HoneOnnx__Tensor *tensor, const void *data,
                       size_t bytes) {
    tensor->has_raw_data = 1;
    tensor->raw_data.len = bytes;
    tensor->raw_data.data = keep(file, bytes, 1);
    memcpy(tensor->raw_data.data, data, bytes);
}

void test_onnx_attr_tensor(struct test_onnx *file, const char *name, const char *dims,
                           const float *data) {
    size_t count;
    HoneOnnx__Tensor *tensor = tensor_make(file, "", HONE_ONNX_FLOAT, dims, &count);
    tensor_raw(file, tensor, data, count * sizeof *data);
    attribute(file, name)->t = tensor;
}

HoneOnnx__Tensor *test_onnx_floats(struct test_onnx *file, const char *name, const char *dims,
                                   const float *data) {
    size_t count;
    HoneOnnx__Tensor *tensor = tensor_make(file, name, HONE_ONNX_FLOAT, dims, &count);
    tensor_raw(file, tensor, data, count * sizeof *data);
    append(file, &file->graph.n_initializer, &file->graph.initializer, tensor);
    return tensor;
}

HoneOnnx__Tensor *test_onnx_weight(struct test_onnx *file, const char *name, const char *dims) {
    size_t count, n;
    int64_t *sizes = numbers(file, dims, &n);
    count = 1;
    for (size_t i = 0; i < n; i++) count *= (size_t)sizes[i];
    float *data = keep(file, count, sizeof *data);
    uint32_t bits = 12345 + (uint32_t)strlen(name) * 977 + (uint32_t)name[0];
    for (size_t i = 0; i < count; i++) {
        bits = bits * 1664525u + 1013904223u;
        data[i] = (float)(bits >> 8) / 16777216.0f - 0.5f;
    }
    return test_onnx_floats(file, name, dims, data);
}

HoneOnnx__Tensor *test_onnx_list(struct test_onnx *file, const char *name, const char *list) {
    size_t count, one;
    int64_t *data = numbers(file, list, &count);
    HoneOnnx__Tensor *tensor = tensor_make(file, name, HONE_ONNX_INT64, "1", &one);
    tensor->dims[0] = (int64_t)count;
    tensor_raw(file, tensor, data, count * sizeof *data);
    append(file, &file->graph.n_initializer, &file->graph.initializer, tensor);
    return tensor;
}

void test_onnx_output(struct test_onnx *file, const char *name) {
    append(file, &file->graph.n_output, &file->graph.output, value_info(file, name));
}

void test_onnx_meta(struct test_onnx *file, const char *key, const char *value) {
    HoneOnnx__StringStringEntry *entry = keep(file, 1, sizeof *entry);
    hone_onnx__string_string_entry__init(entry);
    entry->key = keep_text(file, key);
    entry->value = keep_text(file, value);
    append(file, &file->model.n_metadata_props, &file->model.metadata_props, entry);
}

uint8_t *test_onnx_pack(struct test_onnx *file, size_t *bytes) {
    *bytes = hone_onnx__model__get_packed_size(&file->model);
    uint8_t *data = hone_calloc(*bytes, 1, "a test file");
    if (!data) fail_msg("%s", hone_error_message());
    hone_onnx__model__pack(&file->model, data);
    return data;
}

hone_status test_onnx_import(struct test_onnx *file, const hone_model_load_params *params,
                             struct hone_model **out) {
    size_t bytes;
    uint8_t *data = test_onnx_pack(file, &bytes);
    hone_status status = hone_onnx_import(data, bytes, NULL, "net.onnx", params, out);
    hone_free(data);
    return status;
}

static void values_equal(const struct hone_model *a, const struct hone_model *b, hone_value va,
                         hone_value vb) {
    if (va == HONE_NO_VALUE || vb == HONE_NO_VALUE) {
        assert_int_equal(va, vb);
        return;
    }
    const struct hone_value_info *ia = hone_graph_value(a->graph, va),
                                 *ib = hone_graph_value(b->graph, vb);
    assert_int_equal(ia->kind, ib->kind);
    assert_true(hone_desc_equal(&ia->desc, &ib->desc));
    if (ia->kind == HONE_VALUE_NODE) {
        assert_int_equal(ia->node, ib->node);
        assert_int_equal(ia->output, ib->output);
    }
    int pa = hone_model_param_of(a, va), pb = hone_model_param_of(b, vb);
    assert_int_equal(pa >= 0, pb >= 0);
    if (pa < 0) return;
    assert_string_equal(a->params[pa].name, b->params[pb].name);
    assert_int_equal(a->params[pa].kind, b->params[pb].kind);
    assert_memory_equal(a->params[pa].data, b->params[pb].data,
                        (size_t)hone_desc_elements(&ia->desc) * sizeof(float));
}

void test_models_equal(const struct hone_model *a, const struct hone_model *b) {
    assert_int_equal(a->graph->node_count, b->graph->node_count);
    assert_int_equal(a->param_count, b->param_count);
    for (size_t n = 0; n < a->graph->node_count; n++) {
        const struct hone_node *na = &a->graph->nodes[n], *nb = &b->graph->nodes[n];
        assert_string_equal(na->op->name, nb->op->name);
        if (na->op->attrs_bytes) assert_memory_equal(na->attrs, nb->attrs, na->op->attrs_bytes);
        assert_int_equal(na->input_count, nb->input_count);
        for (int i = 0; i < na->input_count; i++) values_equal(a, b, na->inputs[i], nb->inputs[i]);
        for (int i = 0; i < na->op->outputs; i++)
            values_equal(a, b, na->outputs[i], nb->outputs[i]);
    }
    values_equal(a, b, a->image, b->image);
    values_equal(a, b, a->output, b->output);
    assert_int_equal(a->head.kind, b->head.kind);
    assert_int_equal(a->class_count, b->class_count);
    assert_int_equal(a->flips, b->flips);
}

void test_model_round_trip(const struct hone_model *model) {
    uint8_t *data;
    size_t bytes;
    assert_ok(hone_onnx_export_bytes(model, &data, &bytes));
    struct hone_model *again;
    assert_ok(hone_onnx_import(data, bytes, NULL, "again.onnx", NULL, &again));
    struct hone_onnx_file file;
    assert_ok(hone_onnx_file_parse(data, bytes, &file));
    const HoneOnnx__Graph *graph = file.model->graph;
    for (size_t n = 0; n < graph->n_node; n++) // runtimes refuse two nodes of one name
        for (size_t k = 0; k < n; k++)
            assert_string_not_equal(graph->node[n]->name, graph->node[k]->name);
    hone_onnx_file_close(&file);
    hone_free(data);
    assert_ok(hone_graph_verify(again->graph));
    test_models_equal(model, again);
    assert_true(again->preprocess_stated);
    assert_memory_equal(model->preprocess.mean, again->preprocess.mean,
                        sizeof model->preprocess.mean);
    assert_memory_equal(model->preprocess.std, again->preprocess.std, sizeof model->preprocess.std);
    hone_model_destroy(&again);
}
