// cut.c: a net in two: what depends on the picture alone, since nothing before it trains, and the
// rest. A run computes the first part once for each picture and trains on what stands at the cut.
//
// Several values may cross it (a map, and what was pooled from earlier ones). They travel side by
// side, a row a picture: "maps" (N,width).
#include "model/clone.h"

#include <string.h>

#include "ops/ops.h"

struct cut_work {
    const struct hone_model *model;
    struct hone_model_cut *cut;
    bool *of_picture, *moves; // per value: depends on the picture; depends on what trains
    bool crossed;             // what trains reads the picture itself
};

static bool reads_picture(const struct cut_work *w, hone_value value) {
    return value != HONE_NO_VALUE && w->of_picture[value];
}

// Elements of a value for one picture; its first dimension may hold several rows of it.
static int64_t value_width(const struct hone_model *model, hone_value value) {
    return hone_desc_elements(hone_graph_desc(model->graph, value));
}

static void note_crossing(struct cut_work *w, hone_value value) {
    struct hone_model_cut *cut = w->cut;
    const struct hone_node *from = hone_graph_producer(w->model->graph, value);
    if (!from) {
        w->crossed = true;
        return;
    }
    if (cut->after[from - w->model->graph->nodes]) return;
    for (size_t i = 0; i < cut->count; i++)
        if (cut->values[i] == value) return;
    cut->values[cut->count++] = value;
    cut->width += value_width(w->model, value);
}

static void cut_walk(struct cut_work *w, const bool *trains) {
    const struct hone_graph *g = w->model->graph;
    w->of_picture[w->model->image] = true;
    for (size_t n = 0; n < g->node_count; n++) {
        const struct hone_node *node = &g->nodes[n];
        bool picture = false, moves = trains[n];
        for (int i = 0; i < node->input_count; i++) {
            if (node->inputs[i] == HONE_NO_VALUE) continue;
            picture |= w->of_picture[node->inputs[i]];
            moves |= w->moves[node->inputs[i]];
        }
        w->cut->after[n] = moves || !picture;
        for (int i = 0; i < node->input_count && w->cut->after[n]; i++)
            if (reads_picture(w, node->inputs[i])) note_crossing(w, node->inputs[i]);
        for (int i = 0; i < node->op->outputs; i++) {
            w->of_picture[node->outputs[i]] = picture;
            w->moves[node->outputs[i]] = moves;
        }
    }
}

hone_status hone_model_cut_find(const struct hone_model *model, const bool *trains,
                                struct hone_model_cut *out) {
    const struct hone_graph *g = model->graph;
    *out = (struct hone_model_cut){0};
    struct cut_work w = {.model = model, .cut = out};
    out->after = hone_calloc(g->node_count, sizeof *out->after, "a cut");
    out->values = hone_calloc(g->value_count, sizeof *out->values, "a cut");
    w.of_picture = hone_calloc(g->value_count, sizeof *w.of_picture, "a cut");
    w.moves = hone_calloc(g->value_count, sizeof *w.moves, "a cut");
    bool memory = out->after && out->values && w.of_picture && w.moves;
    if (memory) cut_walk(&w, trains);
    hone_free(w.of_picture);
    hone_free(w.moves);
    if (!memory || w.crossed || out->width > INT32_MAX) hone_model_cut_deinit(out);
    return memory ? HONE_OK : HONE_OUT_OF_MEMORY;
}

void hone_model_cut_deinit(struct hone_model_cut *cut) {
    hone_free(cut->after);
    hone_free(cut->values);
    *cut = (struct hone_model_cut){0};
}

// The nodes in front of the cut, and those that make of parameters alone what these read: a bias of
// attention, out of a table.
static void mark_before(const struct hone_graph *g, const bool *after, bool *before) {
    for (size_t n = g->node_count; n-- > 0;) {
        const struct hone_node *node = &g->nodes[n];
        before[n] = before[n] || !after[n];
        for (int i = 0; i < node->input_count && before[n]; i++) {
            const struct hone_node *from = hone_graph_producer(g, node->inputs[i]);
            if (from) before[from - g->nodes] = true;
        }
    }
}

hone_status hone_model_emit_before(const struct hone_model *model, const struct hone_model_cut *cut,
                                   struct hone_graph *target, hone_value image,
                                   const struct hone_model_emit_params *params, hone_value *maps) {
    const struct hone_concat_attrs side = {.axis = 1};
    struct hone_model_clone clone;
    *maps = HONE_NO_VALUE;
    HONE_TRY(hone_model_clone_init(&clone, model, target, params));
    bool *before = hone_calloc(model->graph->node_count, sizeof *before, "a cut");
    if (before)
        mark_before(model->graph, cut->after, before);
    else
        hone_graph_fail(target, HONE_OUT_OF_MEMORY);
    clone.map[model->image] = image;
    hone_model_clone_nodes(&clone, 0, model->graph->node_count, before);
    for (size_t i = 0; i < cut->count && target->status == HONE_OK; i++) {
        const struct hone_shape_attrs row = {
            .rank = 2, .dim = {-1, (int32_t)value_width(model, cut->values[i])}};
        hone_value one =
            HONE_EMIT(target, &hone_op_reshape, "cut.row", &row, clone.map[cut->values[i]]);
        *maps = i ? HONE_EMIT(target, &hone_op_concat, "cut.maps", &side, *maps, one) : one;
    }
    hone_free(before);
    hone_model_clone_deinit(&clone);
    return hone_graph_status(target);
}

void hone_model_clone_cut(struct hone_model_clone *clone, hone_value maps) {
    const struct hone_model_cut *cut = clone->params->cut;
    int32_t begin = 0;
    for (size_t i = 0; i < cut->count && clone->target->status == HONE_OK; i++) {
        const struct hone_desc *desc = hone_graph_desc(clone->model->graph, cut->values[i]);
        int32_t width = (int32_t)value_width(clone->model, cut->values[i]);
        const struct hone_slice_attrs part = {.begin = {0, begin}, .size = {0, width}};
        struct hone_shape_attrs shape = {.rank = desc->rank, .dim = {-1}};
        for (int k = 1; k < desc->rank; k++) shape.dim[k] = desc->dim[k];
        hone_value row = cut->count > 1
                             ? HONE_EMIT(clone->target, &hone_op_slice, "cut.part", &part, maps)
                             : maps;
        clone->map[cut->values[i]] =
            HONE_EMIT(clone->target, &hone_op_reshape, "cut.value", &shape, row);
        begin += width;
    }
}
