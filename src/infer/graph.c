// graph.c: from pixels to probabilities as a graph.
#include "infer/graph.h"

#include "exec/store.h"
#include "ops/ops.h"

hone_value hone_infer_emit_channels(struct hone_graph *graph, hone_value pixels,
                                    const struct hone_preprocess *preprocess) {
    if (!preprocess->bgr) return pixels;
    hone_value channel[3];
    for (int c = 0; c < 3; c++) {
        struct hone_slice_attrs attrs = {.begin = {0, 0, 0, 2 - c}, .size = {0, 0, 0, 1}};
        channel[c] = HONE_EMIT(graph, &hone_op_slice, NULL, &attrs, pixels);
    }
    return hone_graph_emit(graph, &hone_op_concat, "blue_first",
                           &(struct hone_concat_attrs){.axis = 3}, channel, 3);
}

hone_value hone_infer_emit_pixels(struct hone_graph *graph, hone_value images,
                                  const struct hone_preprocess *preprocess) {
    struct hone_normalize_attrs attrs;
    hone_infer_normalize_attrs(preprocess, &attrs);
    hone_value pixels = HONE_EMIT(graph, &hone_op_image_normalize, "normalize", &attrs, images);
    return hone_infer_emit_channels(graph, pixels, preprocess);
}

void hone_infer_normalize_attrs(const struct hone_preprocess *preprocess,
                                struct hone_normalize_attrs *out) {
    // mean and std are in the net's order; pixels are still in the picture's.
    float scale[3], shift[3];
    hone_preprocess_affine(preprocess, scale, shift);
    for (int c = 0; c < 3; c++) {
        out->scale[c] = scale[preprocess->bgr ? 2 - c : c];
        out->shift[c] = shift[preprocess->bgr ? 2 - c : c];
    }
}

static void infer_build(struct hone_graph *graph, const struct hone_model *model, int32_t batch,
                        const struct hone_model_emit_params *emit) {
    const struct hone_preprocess *p = &model->preprocess;
    hone_value output,
        images = hone_graph_input(graph, "images",
                                  hone_desc_make(HONE_U8, 4, batch, p->height, p->width, 3));
    hone_value pixels = hone_infer_emit_pixels(graph, images, p);
    if (hone_model_emit(model, graph, pixels, emit, &output, NULL) != HONE_OK) return;
    hone_value result = HONE_EMIT(graph, &hone_op_softmax, "softmax", NULL, output);
    hone_graph_mark_output(graph, result, "probabilities");
}

hone_status hone_infer_graph(const struct hone_model *model, int32_t batch,
                             const struct hone_model_emit_params *emit, struct hone_graph **out) {
    static const struct hone_model_emit_params plain = {0};
    struct hone_graph *graph;
    HONE_TRY(hone_graph_create(&graph));
    infer_build(graph, model, batch, emit ? emit : &plain);
    hone_status status = hone_graph_status(graph);
    if (status != HONE_OK) {
        hone_graph_destroy(&graph);
        return status;
    }
    *out = graph;
    return HONE_OK;
}

hone_status hone_infer_load(const struct hone_model *model, struct hone_store *store) {
    for (size_t i = 0; i < model->param_count; i++) {
        const struct hone_param *param = &model->params[i];
        const struct hone_desc *desc = hone_graph_desc(model->graph, param->value);
        HONE_TRY(hone_store_ensure(store, param->name, desc));
        HONE_TRY(hone_store_write(store, param->name, param->data, hone_desc_bytes(desc)));
    }
    return HONE_OK;
}
