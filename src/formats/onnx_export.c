// onnx_export.c: a model as an ONNX file: its nodes in order, weights under their names, two
// outputs (probabilities for whoever wants an answer, logits for whoever trains on), and the
// metadata.
#include <string.h>

#include <hone/version.h>

#include "base/file.h"
#include "formats/onnx.h"
#include "formats/onnx_meta.h"
#include "formats/onnx_write.h"

enum { EXPORT_META_MOST = 4 };

// Messages of one file that are not nodes or tensors.
struct export_file {
    HoneOnnx__Model model;
    HoneOnnx__Graph graph;
    HoneOnnx__OperatorSet opset, *opsets[1];
    HoneOnnx__StringStringEntry entry[EXPORT_META_MOST], *entries[EXPORT_META_MOST];
    HoneOnnx__ValueInfo *inputs[1], *outputs[2];
    HoneOnnx__ValueInfo value[3];
    HoneOnnx__Type type[3];
    HoneOnnx__TypeTensor tensor[3];
    HoneOnnx__TensorShape shape[3];
    HoneOnnx__Dimension dim[3][4], *dims[3][4];
};

// protobuf-c's strings are not const; it only reads them here.
static char *export_text(const char *text) {
    char *out;
    memcpy(&out, &text, sizeof out);
    return out;
}

// Input or output k: floats (N, sizes...).
static HoneOnnx__ValueInfo *export_value(struct export_file *file, int k, const char *name,
                                         size_t rank, const int64_t *sizes) {
    hone_onnx__value_info__init(&file->value[k]);
    hone_onnx__type__init(&file->type[k]);
    hone_onnx__type_tensor__init(&file->tensor[k]);
    hone_onnx__tensor_shape__init(&file->shape[k]);
    for (size_t i = 0; i < rank; i++) {
        hone_onnx__dimension__init(&file->dim[k][i]);
        file->dims[k][i] = &file->dim[k][i];
        if (i == 0) {
            file->dim[k][i].dim_param = export_text("N");
        } else {
            file->dim[k][i].has_dim_value = 1;
            file->dim[k][i].dim_value = sizes[i];
        }
    }
    file->shape[k].n_dim = rank;
    file->shape[k].dim = file->dims[k];
    file->tensor[k].has_elem_type = 1;
    file->tensor[k].elem_type = HONE_ONNX_FLOAT;
    file->tensor[k].shape = &file->shape[k];
    file->type[k].tensor_type = &file->tensor[k];
    file->value[k].name = export_text(name);
    file->value[k].type = &file->type[k];
    return &file->value[k];
}

static void export_entry(struct export_file *file, const char *key, const char *text) {
    size_t k = file->model.n_metadata_props++;
    hone_onnx__string_string_entry__init(&file->entry[k]);
    file->entry[k].key = export_text(key);
    file->entry[k].value = export_text(text);
    file->entries[k] = &file->entry[k];
}

static hone_status export_meta(struct export_file *file, struct hone_onnx_writer *w) {
    export_entry(file, "hone.version", HONE_VERSION_STRING);
    const char *preprocess = hone_onnx_meta_preprocess(&w->arena, w->model);
    if (!preprocess) return HONE_OUT_OF_MEMORY;
    export_entry(file, "hone.preprocess", preprocess);
    if (w->model->class_names) {
        const char *classes = hone_onnx_meta_classes(&w->arena, w->model);
        if (!classes) return HONE_OUT_OF_MEMORY;
        export_entry(file, "hone.classes", classes);
    }
    if (w->model->thresholds) export_entry(file, "hone.thresholds", w->model->thresholds);
    return HONE_OK;
}

static hone_status export_nodes(struct hone_onnx_writer *w) {
    const struct hone_graph *graph = w->model->graph;
    static const int8_t image[HONE_MAX_RANK] = {0, 3, 1, 2};
    w->values[w->model->image].name = "image";
    memcpy(w->values[w->model->image].perm, image, sizeof image);
    for (size_t n = 0; n < graph->node_count; n++) {
        hone_onnx_put_ir_node(w, &graph->nodes[n]);
        if (w->status != HONE_OK)
            return hone_fail_context(hone_error_restore(&w->error), "node '%s'",
                                     graph->nodes[n].name);
    }
    if (w->model->output_kind != HONE_MODEL_FEATURES) {
        const char *logits = "logits";
        HoneOnnx__Node *node =
            hone_onnx_put_node(w, "Softmax", "probabilities", "probabilities", 1, &logits);
        hone_onnx_put_int(w, node, "axis", 1);
    }
    return hone_error_restore(&w->error);
}

static void export_fill(struct export_file *file, const struct hone_onnx_writer *w) {
    const struct hone_desc *image = hone_graph_desc(w->model->graph, w->model->image);
    const struct hone_desc *output = hone_graph_desc(w->model->graph, w->model->output);
    bool features = w->model->output_kind == HONE_MODEL_FEATURES;
    const int64_t in[4] = {0, image->dim[3], image->dim[1], image->dim[2]};
    const int64_t out[2] = {0, output->dim[1]};
    file->inputs[0] = export_value(file, 0, "image", 4, in);
    file->outputs[0] = export_value(file, 1, features ? "features" : "probabilities", 2, out);
    if (!features) file->outputs[1] = export_value(file, 2, "logits", 2, out);
    file->graph.name = export_text("hone");
    file->graph.n_node = w->node_count;
    file->graph.node = w->nodes;
    file->graph.n_initializer = w->tensor_count;
    file->graph.initializer = w->tensors;
    file->graph.n_input = 1;
    file->graph.input = file->inputs;
    file->graph.n_output = features ? 1 : 2;
    file->graph.output = file->outputs;
    file->opsets[0] = &file->opset;
    file->opset.domain = export_text("");
    file->opset.has_version = 1;
    file->opset.version = w->opset;
    file->model.has_ir_version = 1;
    file->model.ir_version = w->opset < 15 ? 7 : 8;
    file->model.producer_name = export_text("hone");
    file->model.producer_version = export_text(HONE_VERSION_STRING);
    file->model.graph = &file->graph;
    file->model.n_opset_import = 1;
    file->model.opset_import = file->opsets;
    file->model.metadata_props = file->entries;
}

static hone_status export_pack(const struct export_file *file, uint8_t **out, size_t *out_bytes) {
    size_t bytes = hone_onnx__model__get_packed_size(&file->model);
    if (bytes > INT32_MAX)
        return hone_fail(HONE_UNSUPPORTED, "ONNX files of 2 GiB and more cannot be written");
    uint8_t *data = hone_calloc(bytes, 1, "an ONNX file");
    if (!data) return HONE_OUT_OF_MEMORY;
    hone_onnx__model__pack(&file->model, data);
    *out = data;
    *out_bytes = bytes;
    return HONE_OK;
}

static hone_status export_graph(const struct hone_model *model, uint8_t **out, size_t *out_bytes) {
    struct hone_onnx_writer writer;
    HONE_TRY(hone_onnx_writer_init(&writer, model));
    struct export_file file = {0};
    hone_onnx__model__init(&file.model);
    hone_onnx__graph__init(&file.graph);
    hone_onnx__operator_set__init(&file.opset);
    hone_status status = export_nodes(&writer);
    if (status == HONE_OK) status = export_meta(&file, &writer);
    if (status == HONE_OK) {
        export_fill(&file, &writer);
        status = export_pack(&file, out, out_bytes);
    }
    hone_onnx_writer_deinit(&writer);
    return status;
}

hone_status hone_onnx_export_bytes(const struct hone_model *model, uint8_t **out,
                                   size_t *out_bytes) {
    struct hone_model *expanded = NULL;
    *out = NULL;
    *out_bytes = 0;
    hone_status status = model->flips ? hone_model_expand_flips(model, &expanded) : HONE_OK;
    if (status == HONE_OK) status = export_graph(expanded ? expanded : model, out, out_bytes);
    hone_model_destroy(&expanded);
    return hone_fail_context(status, "export %s", model->source);
}

hone_status hone_onnx_export(const struct hone_model *model, const char *path) {
    uint8_t *data;
    size_t bytes;
    HONE_TRY(hone_onnx_export_bytes(model, &data, &bytes));
    hone_status status = hone_file_write(path, data, bytes);
    hone_free(data);
    return status;
}
