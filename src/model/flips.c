// flips.c: a net that looks at a picture in its mirrored copies, too, and answers from the mean of
// their features: test-time augmentation (Krizhevsky, Sutskever, Hinton 2012) as a part of the
// model, so that every program that runs the file gives the verdict that training reported.
//
// The copies lie side by side as pictures of their own, (N,H,W,3) to (k N,H,W,3), and the trunk is
// emitted at that batch. A model keeps its graph for one copy and a mask of the flips; emission
// wraps it, export writes the wrapped graph out, import finds it again.
#include "model/clone.h"

#include <string.h>

#include "ops/ops.h"

// The mask of each copy, in order: the first is the picture as it is. Returns how many there are.
static int copies_of(int32_t flips, int32_t mask[4]) {
    int count = 0;
    for (int32_t m = 0; m < 4; m++)
        if (!(m & ~flips)) mask[count++] = m;
    return count;
}

int hone_model_flip_count(int32_t flips) {
    int32_t mask[4];
    return copies_of(flips, mask);
}

// Axes of (N,H,W,C) that a copy turns.
static int32_t axes_of(int32_t mask) {
    return (mask & HONE_MODEL_FLIP_X ? 1 << 2 : 0) | (mask & HONE_MODEL_FLIP_Y ? 1 << 1 : 0);
}

hone_value hone_model_emit_flips(struct hone_graph *graph, int32_t flips, hone_value image) {
    int32_t mask[4];
    int count = copies_of(flips, mask);
    const struct hone_desc desc = *hone_graph_desc(graph, image);
    const int32_t h = desc.dim[1], w = desc.dim[2], c = desc.dim[3];
    const struct hone_shape_attrs one = {.rank = 5, .dim = {0, 1, h, w, c}},
                                  joined = {.rank = 4, .dim = {-1, h, w, c}};
    hone_value copy[4];
    for (int i = 0; i < count; i++) {
        const struct hone_flip_attrs turn = {axes_of(mask[i])};
        copy[i] = mask[i] ? HONE_EMIT(graph, &hone_op_flip, "flips.turn", &turn, image) : image;
        copy[i] = HONE_EMIT(graph, &hone_op_reshape, "flips.copy", &one, copy[i]);
    }
    const struct hone_concat_attrs side = {.axis = 1};
    hone_value all = hone_graph_emit(graph, &hone_op_concat, "flips.all", &side, copy, count);
    return HONE_EMIT(graph, &hone_op_reshape, "flips.batch", &joined, all);
}

hone_value hone_model_emit_flip_mean(struct hone_graph *graph, int32_t flips, hone_value features) {
    int32_t count = hone_model_flip_count(flips), width = hone_graph_desc(graph, features)->dim[1];
    const struct hone_shape_attrs parted = {.rank = 3, .dim = {-1, count, width}},
                                  sum = {.rank = 3, .dim = {0, 1, width}},
                                  flat = {.rank = 2, .dim = {0, width}};
    const struct hone_scale_attrs share = {1.0f / (float)count};
    hone_value x = HONE_EMIT(graph, &hone_op_reshape, "flips.features", &parted, features);
    x = HONE_EMIT(graph, &hone_op_reduce_to, "flips.sum", &sum, x);
    x = HONE_EMIT(graph, &hone_op_scale, "flips.mean", &share, x);
    return HONE_EMIT(graph, &hone_op_reshape, "flips.flat", &flat, x);
}

hone_status hone_model_set_flips(struct hone_model *model, int32_t flips) {
    if (flips & ~(HONE_MODEL_FLIP_X | HONE_MODEL_FLIP_Y))
        return hone_fail(HONE_INVALID, "flips of %#x", (unsigned)flips);
    if (flips && model->head.kind != HONE_HEAD_LINEAR)
        return hone_fail(HONE_UNSUPPORTED, "only a linear classifier can read the mean of flips");
    model->flips = flips;
    return HONE_OK;
}

// ---- To a graph of its own, and back
// -------------------------------------------------------------------------------------------------

struct expand {
    const struct hone_model *from;
    struct hone_model *to;
};

static hone_value expand_param(void *user, struct hone_graph *target,
                               const struct hone_param *param, size_t index) {
    const struct expand *e = user;
    const struct hone_desc *desc = hone_graph_desc(e->from->graph, param->value);
    (void)index;
    int at;
    hone_status status = hone_model_add_param(e->to, param->name, param->kind, param->layout, *desc,
                                              param->data, &at);
    if (status == HONE_OK) return e->to->params[at].value;
    hone_graph_fail(target, status);
    return HONE_NO_VALUE;
}

static hone_status expand_run(struct expand *e) {
    const struct hone_model_emit_params emit = {.param = expand_param, .user = e};
    hone_value output;
    HONE_TRY(hone_model_copy_facts(e->from, e->to));
    e->to->image =
        hone_graph_input(e->to->graph, "image", *hone_graph_desc(e->from->graph, e->from->image));
    HONE_TRY(hone_model_emit(e->from, e->to->graph, e->to->image, &emit, &output, NULL));
    return hone_model_finish(e->to, output);
}

hone_status hone_model_expand_flips(const struct hone_model *model, struct hone_model **out) {
    struct expand e = {.from = model};
    *out = NULL;
    HONE_TRY(hone_model_create(&e.to));
    hone_status status = expand_run(&e);
    if (status != HONE_OK) hone_model_destroy(&e.to);
    *out = e.to;
    return status;
}

// The producer of a node's first input where it is this operator, else NULL.
static const struct hone_node *behind(const struct hone_model *model, const struct hone_node *node,
                                      const struct hone_op *op) {
    const struct hone_node *from = node ? hone_graph_producer(model->graph, node->inputs[0]) : NULL;
    return from && from->op == op ? from : NULL;
}

static size_t readers_of(const struct hone_graph *graph, hone_value value,
                         const struct hone_node **last) {
    size_t count = 0;
    for (size_t n = 0; n < graph->node_count; n++)
        for (int i = 0; i < graph->nodes[n].input_count; i++)
            if (graph->nodes[n].inputs[i] == value) {
                *last = &graph->nodes[n];
                count++;
            }
    return count;
}

// Whether `node` puts the picture's copies side by side: *flips and the batch that they become.
static bool finds_copies(const struct hone_model *model, const struct hone_node *node,
                         int32_t *flips, hone_value *wide) {
    const struct hone_graph *g = model->graph;
    const struct hone_node *reader = NULL;
    int32_t mask[4], found[4] = {0};
    if (node->op != &hone_op_concat || node->input_count > 4) return false;
    *flips = 0;
    for (int i = 0; i < node->input_count; i++) {
        const struct hone_node *copy = hone_graph_producer(g, node->inputs[i]);
        if (!copy || copy->op != &hone_op_reshape) return false;
        const struct hone_node *turn = behind(model, copy, &hone_op_flip);
        if ((turn ? turn : copy)->inputs[0] != model->image) return false;
        for (int32_t m = 1; m < 4 && turn; m++)
            if (axes_of(m) == ((const struct hone_flip_attrs *)turn->attrs)->axes) found[i] = m;
        *flips |= found[i];
    }
    int count = copies_of(*flips, mask);
    if (count != node->input_count || memcmp(mask, found, (size_t)count * sizeof *mask) != 0)
        return false;
    if (readers_of(g, node->outputs[0], &reader) != 1 || reader->op != &hone_op_reshape)
        return false;
    struct hone_desc batch = *hone_graph_desc(g, model->image);
    batch.dim[0] = count;
    *wide = reader->outputs[0];
    return hone_desc_equal(&batch, hone_graph_desc(g, *wide)) &&
           readers_of(g, model->image, &reader) == (size_t)count;
}

// The features of the copies, (k,F) or maps of one pixel, whose mean the head reads; HONE_NO_VALUE:
// it reads another thing. *mean_of: what is flattened for it.
static hone_value find_mean(const struct hone_model *model, int count, hone_value *mean_of) {
    const struct hone_graph *g = model->graph;
    const struct hone_node *flat = hone_graph_producer(g, model->head.feature);
    const struct hone_node *mean =
        flat && flat->op == &hone_op_reshape ? behind(model, flat, &hone_op_scale) : NULL;
    const struct hone_node *sum = behind(model, mean, &hone_op_reduce_to);
    const struct hone_node *parted = behind(model, sum, &hone_op_reshape);
    if (!parted || ((const struct hone_scale_attrs *)mean->attrs)->alpha != 1.0f / (float)count)
        return HONE_NO_VALUE;
    const struct hone_desc *all = hone_graph_desc(g, parted->inputs[0]),
                           *axes = hone_graph_desc(g, parted->outputs[0]);
    bool pixel = all->rank == 4 && all->dim[1] == 1 && all->dim[2] == 1;
    bool fits = (pixel || all->rank == 2) && all->dim[0] == count && axes->rank == 3 &&
                axes->dim[1] == count;
    *mean_of = mean->outputs[0];
    return fits ? parted->inputs[0] : HONE_NO_VALUE;
}

hone_status hone_model_find_flips(struct hone_model *model) {
    const struct hone_graph *g = model->graph;
    hone_value wide = HONE_NO_VALUE, features, mean_of;
    int32_t flips = 0;
    bool found = false;
    if (model->head.kind != HONE_HEAD_LINEAR) return HONE_OK;
    for (size_t n = 0; n < g->node_count && !found; n++)
        found = finds_copies(model, &g->nodes[n], &flips, &wide);
    if (!found) return HONE_OK;
    features = find_mean(model, hone_model_flip_count(flips), &mean_of);
    if (features == HONE_NO_VALUE) return HONE_OK;
    // One picture in place of its copies.
    hone_value *instead = hone_calloc(g->value_count, sizeof *instead, "a value map");
    if (!instead) return HONE_OUT_OF_MEMORY;
    for (size_t v = 0; v < g->value_count; v++) instead[v] = (hone_value)v;
    instead[wide] = model->image;
    instead[mean_of] = features;
    if (hone_graph_desc(g, features)->rank == 2) instead[model->head.feature] = features;
    hone_status status = hone_model_rewire(model, model->output, instead);
    hone_free(instead);
    return status == HONE_OK ? hone_model_set_flips(model, flips) : status;
}
