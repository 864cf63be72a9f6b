// safetensors_write.c: a model's weights as PyTorch would hold them: its names, filters (K,C,R,S),
// and the metadata that an ONNX file of hone's has. Constants, which belong to the graph, stay out.
#include "formats/safetensors_write.h"

#include <jansson.h>

#include "base/file.h"
#include "formats/onnx_meta.h"

enum { WRITE_ALIGN = 8 };

static bool write_takes(const struct hone_param *param) {
    return param->kind != HONE_PARAM_CONSTANT;
}

// The file's shape; what is broadcast over pictures is (C,H,W) there. Returns its rank.
static int write_shape(const struct hone_model *model, const struct hone_param *param,
                       int64_t dim[HONE_MAX_RANK]) {
    const struct hone_desc *desc = hone_graph_desc(model->graph, param->value);
    int rank = desc->rank, last = rank - 1;
    for (int i = 0; i < rank; i++) dim[i] = desc->dim[i];
    if (param->layout == HONE_LAYOUT_FILTER) {
        dim[1] = desc->dim[3];
        dim[2] = desc->dim[1];
        dim[3] = desc->dim[2];
    } else if (param->layout == HONE_LAYOUT_CHANNEL && rank <= 3) {
        for (int i = 0; i < 3; i++) dim[i] = 1;
        dim[0] = desc->dim[last];
        if (rank > 1) dim[2] = desc->dim[last - 1];
        if (rank > 2) dim[1] = desc->dim[last - 2];
        rank = 3;
    }
    return rank;
}

// From channels last to channels first: `outer` filters of `area` pixels.
static void write_turn(const float *from, float *to, int64_t outer, int64_t area,
                       int64_t channels) {
    for (int64_t k = 0; k < outer; k++, from += area * channels)
        for (int64_t c = 0; c < channels; c++)
            for (int64_t i = 0; i < area; i++) *to++ = from[i * channels + c];
}

static hone_status write_data(const struct hone_model *model, const struct hone_param *param,
                              struct hone_file_writer *writer) {
    const struct hone_desc *desc = hone_graph_desc(model->graph, param->value);
    int64_t count = hone_desc_elements(desc), channels = desc->dim[desc->rank - 1];
    bool filter = param->layout == HONE_LAYOUT_FILTER;
    if (!filter && param->layout != HONE_LAYOUT_CHANNEL)
        return hone_file_writer_write(writer, param->data, hone_desc_bytes(desc));
    float *turned = hone_calloc((size_t)count, sizeof *turned, "a filter");
    if (!turned) return HONE_OUT_OF_MEMORY;
    int64_t outer = filter ? desc->dim[0] : 1;
    write_turn(param->data, turned, outer, count / outer / channels, channels);
    hone_status status = hone_file_writer_write(writer, turned, hone_desc_bytes(desc));
    hone_free(turned);
    return status;
}

static bool write_entry(json_t *root, const struct hone_model *model,
                        const struct hone_param *param, uint64_t *offset) {
    int64_t dim[HONE_MAX_RANK];
    int rank = write_shape(model, param, dim);
    uint64_t end = *offset + hone_desc_bytes(hone_graph_desc(model->graph, param->value));
    json_t *shape = json_array();
    int bad = 0;
    for (int i = 0; i < rank; i++) bad |= json_array_append_new(shape, json_integer(dim[i]));
    json_t *entry = json_pack("{s:s, s:o, s:[I, I]}", "dtype", "F32", "shape", shape,
                              "data_offsets", (json_int_t)*offset, (json_int_t)end);
    *offset = end;
    return !bad && json_object_set_new(root, param->name, entry) == 0;
}

static int append(const char *data, size_t bytes, void *user) {
    return hone_text_append(user, data, bytes) == HONE_OK ? 0 : -1;
}

static hone_status write_header(const struct hone_model *model, struct hone_text *text) {
    struct hone_arena arena = {0};
    json_t *root = json_object(), *notes = json_object();
    const char *preprocess = hone_onnx_meta_preprocess(&arena, model);
    const char *classes = model->class_names ? hone_onnx_meta_classes(&arena, model) : "";
    uint64_t offset = 0;
    bool good = root && notes && preprocess && classes &&
                json_object_set_new(notes, "hone.preprocess", json_string(preprocess)) == 0;
    if (good && model->arch)
        good = json_object_set_new(notes, "hone.arch", json_string(model->arch)) == 0;
    if (good && model->flips)
        good =
            json_object_set_new(notes, "hone.flips", json_string(hone_onnx_meta_flips(model))) == 0;
    if (good && *classes)
        good = json_object_set_new(notes, "hone.classes", json_string(classes)) == 0;
    good = good && json_object_set(root, "__metadata__", notes) == 0;
    for (size_t i = 0; i < model->param_count && good; i++)
        if (write_takes(&model->params[i]))
            good = write_entry(root, model, &model->params[i], &offset);
    good = good && json_dump_callback(root, append, text, JSON_COMPACT) == 0;
    json_decref(notes);
    json_decref(root);
    hone_arena_deinit(&arena);
    if (!good) return hone_fail_memory(0, "a weight file's header");
    while (text->length % WRITE_ALIGN) HONE_TRY(hone_text_append(text, " ", 1));
    return HONE_OK;
}

static hone_status write_parts(const struct hone_model *model, const struct hone_text *header,
                               struct hone_file_writer *writer) {
    uint8_t length[8];
    for (int i = 0; i < 8; i++) length[i] = (uint8_t)((uint64_t)header->length >> (8 * i));
    HONE_TRY(hone_file_writer_write(writer, length, sizeof length));
    HONE_TRY(hone_file_writer_write(writer, header->data, header->length));
    for (size_t i = 0; i < model->param_count; i++)
        if (write_takes(&model->params[i])) HONE_TRY(write_data(model, &model->params[i], writer));
    return HONE_OK;
}

hone_status hone_safetensors_write(const struct hone_model *model, const char *path) {
    struct hone_text header = {0};
    struct hone_file_writer *writer = NULL;
    hone_status status = write_header(model, &header);
    if (status == HONE_OK) status = hone_file_writer_open(path, &writer);
    if (status == HONE_OK) {
        status = write_parts(model, &header, writer);
        if (status == HONE_OK)
            status = hone_file_writer_commit(&writer);
        else
            hone_file_writer_discard(&writer);
    }
    hone_text_deinit(&header);
    return status;
}
