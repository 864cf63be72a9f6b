// graph.c: one training step as a graph.
#include "train/graph.h"

#include <stdio.h>

#include "infer/graph.h"
#include "ops/ops.h"

const char *hone_train_state_name(const struct hone_param *param, char name[HONE_TRAIN_NAME]) {
    snprintf(name, HONE_TRAIN_NAME, "model.%s", param->name);
    return name;
}

static struct hone_desc slab_desc(const struct hone_train_layout *layout) {
    return hone_desc_make(HONE_F32, 1, (int32_t)layout->length, 0, 0, 0);
}

hone_value hone_train_bind(void *user, struct hone_graph *target, const struct hone_param *param,
                           size_t index) {
    struct hone_train_binding *binding = user;
    const struct hone_train_layout *layout = binding->layout;
    char name[HONE_TRAIN_NAME];
    int place = layout->slot_of_param[index];
    if (place < 0) {
        hone_value state = hone_graph_find(target, hone_train_state_name(param, name));
        if (state != HONE_NO_VALUE) return state;
        return hone_graph_state(target, name,
                                *hone_graph_desc(binding->model->graph, param->value));
    }
    if (binding->views[place] != HONE_NO_VALUE) return binding->views[place];
    if (binding->slab == HONE_NO_VALUE)
        binding->slab = hone_graph_state(target, binding->state, slab_desc(layout));
    const struct hone_train_slot *slot = &layout->slots[place];
    struct hone_view_attrs attrs = {.offset = (int32_t)slot->offset, .rank = slot->desc.rank};
    for (int i = 0; i < slot->desc.rank; i++) attrs.dim[i] = slot->desc.dim[i];
    binding->views[place] = HONE_EMIT(target, &hone_op_view, NULL, &attrs, binding->slab);
    return binding->views[place];
}

// The net on a batch; binding->views receives the trained tensors.
static hone_value emit_net(struct hone_graph *graph, const struct hone_train_graph_params *p,
                           struct hone_train_binding *binding, hone_value *mix) {
    const struct hone_preprocess *pre = &p->model->preprocess;
    hone_value logits = HONE_NO_VALUE, clock = HONE_NO_VALUE, pixels;
    if (p->cut) {
        pixels = hone_graph_input(
            graph, "maps", hone_desc_make(HONE_F32, 2, p->batch, (int32_t)p->cut->width, 0, 0));
    } else {
        hone_value images = hone_graph_input(
            graph, "images", hone_desc_make(HONE_U8, 4, p->batch, pre->height, pre->width, 3));
        pixels = hone_train_emit_augment(graph, &p->augment, pre, images, &clock, mix);
        pixels = hone_infer_emit_channels(graph, pixels, pre);
    }
    struct hone_model_emit_params emit = {.train_norm_nodes = p->layout->train_norm,
                                          .clock = clock,
                                          .cut = p->cut,
                                          .one_copy = true,
                                          .param = hone_train_bind,
                                          .folded_norms = p->layout->folded_norms,
                                          .folded = hone_train_bind_folded,
                                          .user = binding};
    hone_model_emit(p->model, graph, pixels, &emit, &logits, NULL);
    return logits;
}

enum { SCALER = 8, SCALE_INTERVAL = 2000 };

void hone_train_scaler(float scaler[8]) {
    for (int i = 0; i < SCALER; i++) scaler[i] = i ? 0 : 65536;
}

static hone_value emit_scaler(struct hone_graph *graph) {
    hone_value state = hone_graph_find(graph, "scaler");
    return state != HONE_NO_VALUE
               ? state
               : hone_graph_state(graph, "scaler", hone_desc_make(HONE_F32, 1, SCALER, 0, 0, 0));
}

// What the gradients are of: the loss times its scale, and its share of the batch.
static hone_value emit_scaled(struct hone_graph *graph, const struct hone_train_graph_params *p,
                              hone_value loss) {
    static const struct hone_view_attrs first = {.rank = 1, .dim = {1}};
    if (p->accumulate) {
        hone_value share = hone_graph_input(graph, "part", hone_desc_make(HONE_F32, 1, 1, 0, 0, 0));
        loss = HONE_EMIT(graph, &hone_op_mul, "part_of_loss", NULL, loss, share);
    }
    if (!p->scaled) return loss;
    hone_value scale = HONE_EMIT(graph, &hone_op_view, "scale", &first, emit_scaler(graph));
    return HONE_EMIT(graph, &hone_op_mul, "scaled_loss", NULL, loss, scale);
}

// Gradients of the trained tensors as one slab.
static hone_value emit_gradients(struct hone_graph *graph, const struct hone_train_layout *layout,
                                 const hone_value *views, hone_value loss, hone_value *gradients) {
    hone_graph_gradients(graph, &hone_ops_for_gradients, loss, views, (int)layout->slot_count,
                         gradients);
    for (size_t i = 0; i < layout->slot_count; i++) {
        if (gradients[i] != HONE_NO_VALUE) continue; // the loss does not depend on it
        struct hone_fill_attrs zero = {.rank = layout->slots[i].desc.rank};
        for (int k = 0; k < zero.rank; k++) zero.dim[k] = layout->slots[i].desc.dim[k];
        gradients[i] = hone_graph_emit(graph, &hone_op_fill, NULL, &zero, NULL, 0);
    }
    return hone_graph_emit(graph, &hone_op_pack, "gradients", NULL, gradients,
                           (int)layout->slot_count);
}

static void emit_update(struct hone_graph *graph, const struct hone_train_graph_params *p,
                        hone_value weights, hone_value gradient) {
    struct hone_desc slab = slab_desc(p->layout);
    hone_value momentum = hone_graph_state(graph, "momentum", slab);
    hone_value segments = hone_graph_state(
        graph, "segments", hone_desc_make(HONE_F32, 2, slab.dim[0] / HONE_PACK_ALIGN, 2, 0, 0));
    hone_value hyper = hone_graph_input(graph, "hyper", hone_desc_make(HONE_F32, 1, 4, 0, 0, 0));
    hone_value out[HONE_OP_MAX_OUTPUTS];
    if (p->scaled) {
        struct hone_unscale_attrs attrs = {p->beta1, p->beta2, SCALE_INTERVAL};
        hone_value scaler = emit_scaler(graph), in[] = {gradient, scaler, hyper};
        hone_graph_node(graph, &hone_op_unscale, "unscale", &attrs, in, 3, out);
        hone_graph_set_next(graph, scaler, out[1]);
        gradient = out[0];
        hyper = out[2];
    }
    if (p->optimizer == HONE_OPTIMIZER_SGD) {
        struct hone_sgd_attrs attrs = {.momentum = p->momentum};
        hone_value in[] = {weights, gradient, momentum, segments, hyper};
        hone_graph_node(graph, &hone_op_sgd, "update", &attrs, in, 5, out);
    } else {
        struct hone_adamw_attrs attrs = {p->beta1, p->beta2, p->epsilon};
        hone_value variance = hone_graph_state(graph, "variance", slab);
        hone_value in[] = {weights, gradient, momentum, variance, segments, hyper};
        hone_graph_node(graph, &hone_op_adamw, "update", &attrs, in, 6, out);
        hone_graph_set_next(graph, variance, out[2]);
    }
    hone_graph_set_next(graph, weights, out[0]);
    hone_graph_set_next(graph, momentum, out[1]);
    if (!p->average) return;
    hone_value average = hone_graph_state(graph, "average", slab);
    hone_graph_set_next(graph, average,
                        HONE_EMIT(graph, &hone_op_ema, "average", NULL, average, out[0], hyper));
}

// The loss of `logits`; of mixed pictures l2 + share (l1 - l2), l2 that of their partners' labels.
static hone_value emit_loss(struct hone_graph *graph, const struct hone_train_graph_params *p,
                            hone_value logits, hone_value labels, hone_value mix) {
    struct hone_desc classes = hone_desc_make(HONE_F32, 1, p->model->head.classes, 0, 0, 0);
    struct hone_cross_entropy_attrs attrs = {.smoothing = p->label_smoothing,
                                             .gamma = p->focal_gamma};
    hone_value weights = hone_graph_state(graph, "class_weights", classes);
    if (p->prior)
        logits = HONE_EMIT(graph, &hone_op_add, "adjusted", NULL, logits,
                           hone_graph_state(graph, "prior", classes));
    hone_value own =
        HONE_EMIT(graph, &hone_op_cross_entropy, HONE_TRAIN_LOSS, &attrs, logits, labels, weights);
    if (mix == HONE_NO_VALUE) return own;
    struct hone_slice_attrs at = {.begin = {HONE_MIX_SHARE}, .size = {1}};
    hone_value partners =
        hone_graph_input(graph, "partners", hone_desc_make(HONE_I32, 1, p->batch, 0, 0, 0));
    hone_value theirs = HONE_EMIT(graph, &hone_op_cross_entropy, "loss_of_partners", &attrs, logits,
                                  partners, weights);
    hone_value share = HONE_EMIT(graph, &hone_op_slice, "share", &at, mix);
    hone_value apart = HONE_EMIT(graph, &hone_op_sub, NULL, NULL, own, theirs);
    apart = HONE_EMIT(graph, &hone_op_mul, NULL, NULL, share, apart);
    return HONE_EMIT(graph, &hone_op_add, "mixed_loss", NULL, theirs, apart);
}

static void build(struct hone_graph *graph, const struct hone_train_graph_params *p,
                  struct hone_train_binding *binding, hone_value *gradients) {
    hone_value mix = HONE_NO_VALUE;
    hone_value labels =
        hone_graph_input(graph, "labels", hone_desc_make(HONE_I32, 1, p->batch, 0, 0, 0));
    hone_value stats = hone_graph_state(graph, "stats", hone_desc_make(HONE_F32, 1, 4, 0, 0, 0));
    hone_value logits = emit_net(graph, p, binding, &mix);
    if (logits == HONE_NO_VALUE) return;
    hone_value loss = emit_loss(graph, p, logits, labels, mix);
    hone_value gradient =
        emit_gradients(graph, p->layout, binding->views, emit_scaled(graph, p, loss), gradients);
    if (p->accumulate) {
        hone_value sums = hone_graph_state(graph, "gradients", slab_desc(p->layout));
        hone_graph_set_next(graph, sums,
                            HONE_EMIT(graph, &hone_op_add, "accumulate", NULL, sums, gradient));
    } else {
        emit_update(graph, p, binding->slab, gradient);
    }
    hone_value totals =
        HONE_EMIT(graph, &hone_op_train_stats, "train_stats", NULL, stats, loss, logits, labels);
    hone_graph_set_next(graph, stats, totals);
    hone_graph_mark_output(graph, totals, "totals");
}

hone_status hone_train_graph(const struct hone_train_graph_params *params,
                             struct hone_graph **out) {
    struct hone_train_binding binding;
    struct hone_graph *graph = NULL;
    size_t slots = params->layout->slot_count;
    *out = NULL;
    hone_value *gradients = hone_calloc(slots, sizeof *gradients, "gradients");
    hone_status status = gradients ? HONE_OK : HONE_OUT_OF_MEMORY;
    if (status == HONE_OK)
        status = hone_train_binding_init(&binding, params->model, params->layout);
    if (status == HONE_OK) {
        status = hone_graph_create(&graph);
        if (status == HONE_OK) {
            build(graph, params, &binding, gradients);
            status = hone_graph_status(graph);
        }
        hone_train_binding_deinit(&binding);
    }
    hone_free(gradients);
    if (status != HONE_OK)
        hone_graph_destroy(&graph);
    else
        *out = graph;
    return status;
}

hone_status hone_train_update_graph(const struct hone_train_graph_params *params,
                                    struct hone_graph **out) {
    struct hone_desc slab = slab_desc(params->layout);
    struct hone_graph *graph;
    *out = NULL;
    HONE_TRY(hone_graph_create(&graph));
    hone_value weights = hone_graph_state(graph, "params", slab);
    hone_value sums = hone_graph_state(graph, "gradients", slab);
    struct hone_fill_attrs zero = {.rank = 1, .dim = {slab.dim[0]}};
    emit_update(graph, params, weights, sums);
    hone_graph_set_next(graph, sums,
                        hone_graph_emit(graph, &hone_op_fill, "zeros", &zero, NULL, 0));
    hone_status status = hone_graph_status(graph);
    if (status != HONE_OK)
        hone_graph_destroy(&graph);
    else
        *out = graph;
    return status;
}

hone_status hone_train_binding_init(struct hone_train_binding *binding,
                                    const struct hone_model *model,
                                    const struct hone_train_layout *layout) {
    *binding = (struct hone_train_binding){
        .layout = layout, .model = model, .state = "params", .slab = HONE_NO_VALUE};
    binding->views = hone_calloc(layout->slot_count, sizeof *binding->views, "views");
    if (!binding->views) return HONE_OUT_OF_MEMORY;
    for (size_t i = 0; i < layout->slot_count; i++) binding->views[i] = HONE_NO_VALUE;
    return HONE_OK;
}

void hone_train_binding_deinit(struct hone_train_binding *binding) {
    hone_free(binding->views);
    *binding = (struct hone_train_binding){0};
}
