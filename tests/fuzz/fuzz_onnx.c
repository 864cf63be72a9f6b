// fuzz_onnx: any bytes as a model. What is accepted must verify, emit at another batch, take a new
// head, and survive being written and read.
#include <stdlib.h>

#include "base/alloc.h"
#include "formats/onnx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void emit(const struct hone_model *model) {
    struct hone_graph *graph;
    if (hone_graph_create(&graph) != HONE_OK) abort();
    struct hone_desc desc = *hone_graph_desc(model->graph, model->image);
    desc.dim[0] = 3;
    hone_value image = hone_graph_input(graph, "x", desc), output;
    // At a larger batch a tensor may reach 2^31 elements, and only that may go wrong.
    hone_status status = hone_model_emit(model, graph, image, NULL, &output, NULL);
    if (status == HONE_OK && hone_graph_verify(graph) != HONE_OK) abort();
    if (status == HONE_OK && hone_graph_desc(graph, output)->dim[0] != 3) abort();
    hone_graph_destroy(&graph);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    struct hone_model *model, *again = NULL;
    const hone_model_load_params params = {.size = bytes % 2 ? 32 : 0};
    if (hone_onnx_import(data, bytes, NULL, "fuzz.onnx", &params, &model) != HONE_OK) return 0;
    if (hone_graph_verify(model->graph) != HONE_OK) abort();
    emit(model);
    uint8_t *file;
    size_t file_bytes;
    if (hone_onnx_export_bytes(model, &file, &file_bytes) == HONE_OK) {
        if (hone_onnx_import(file, file_bytes, NULL, "again.onnx", NULL, &again) == HONE_OK)
            hone_model_destroy(&again);
        hone_free(file);
    }
    // A head on 10^8 features is no fault of the file's reader.
    hone_model_info info;
    hone_model_get_info(model, &info);
    if (info.features < 1 << 20 && hone_model_replace_head(model, 3, NULL, 1) == HONE_OK) emit(model);
    hone_model_destroy(&model);
    return 0;
}
