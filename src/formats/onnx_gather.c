// onnx_gather.c: constants that are elements of a trained tensor at known places, such as a table
// of relative positions (Shaw, Uszkoreit, Vaswani 2018): they stay bound to it, so that it trains
// on.
#include "formats/onnx_import.h"

#include <stdio.h>

// A parameter nobody trains, whose name begins with the table's.
static hone_status gather_list(struct hone_onnx_import *im, const char *table, const char *what,
                               struct hone_desc desc, float **data, hone_value *out) {
    char name[256];
    int index;
    snprintf(name, sizeof name, "%.200s.%s", table, what);
    HONE_TRY(hone_model_add_param(im->model, name, HONE_PARAM_CONSTANT, HONE_LAYOUT_SAME, desc,
                                  *data, &index));
    *out = im->model->params[index].value;
    return HONE_OK;
}

hone_status hone_onnx_gather_param(struct hone_onnx_import *im, struct hone_onnx_tensor *source,
                                   struct hone_desc desc, const int32_t *places, hone_value *out) {
    HONE_TRY(hone_onnx_resolve(im, source));
    const struct hone_onnx_const *c = &source->constant;
    struct hone_desc table = {.dtype = HONE_F32, .rank = c->rank};
    for (int i = 0; i < c->rank; i++) table.dim[i] = (int32_t)c->dim[i];
    int64_t count = hone_desc_elements(&desc);
    struct hone_arena *arena = &im->model->arena;
    float *index = hone_arena_alloc(arena, (size_t)count, sizeof *index);
    float *order = hone_arena_alloc(arena, (size_t)count, sizeof *order);
    float *start = hone_arena_alloc(arena, (size_t)c->count + 1, sizeof *start);
    int32_t *next = hone_onnx_store_alloc(&im->store, c->count + 1, sizeof *next);
    if (!index || !order || !start) return HONE_OUT_OF_MEMORY;
    if (!next) return hone_onnx_store_failure(&im->store);
    for (int64_t i = 0; i < count; i++) next[places[i] + 1]++;
    for (int64_t e = 0; e < c->count; e++) next[e + 1] += next[e];
    for (int64_t e = 0; e <= c->count; e++) start[e] = (float)next[e];
    for (int64_t i = 0; i < count; i++) {
        index[i] = (float)places[i];
        order[next[places[i]]++] = (float)i;
    }
    hone_value in[4];
    struct hone_desc list = hone_desc_make(HONE_F32, 1, (int32_t)count, 0, 0, 0);
    HONE_TRY(hone_onnx_param(im, source, HONE_PARAM_TERM, HONE_LAYOUT_SAME, table, NULL, &in[0]));
    HONE_TRY(gather_list(im, source->name, "places", desc, &index, &in[1]));
    HONE_TRY(gather_list(im, source->name, "order", list, &order, &in[2]));
    list.dim[0] = (int32_t)c->count + 1;
    HONE_TRY(gather_list(im, source->name, "start", list, &start, &in[3]));
    *out = hone_graph_emit(im->graph, &hone_op_gather, source->name, NULL, in, 4);
    return hone_graph_status(im->graph);
}
