// model.c: the model as a container: parameters, class names, warnings, and dropping what the
// output does not need. Emission stands in emit.c, the head in head.c, what users are told in
// summary.c.
#include "model/model.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "model/clone.h"

bool hone_param_trainable(enum hone_param_kind kind) {
    return kind != HONE_PARAM_NORM_MEAN && kind != HONE_PARAM_NORM_VAR &&
           kind != HONE_PARAM_CONSTANT;
}

hone_status hone_model_create(struct hone_model **out) {
    *out = NULL;
    struct hone_model *model = hone_calloc(1, sizeof *model, "a model");
    if (!model) return HONE_OUT_OF_MEMORY;
    model->image = model->output = HONE_NO_VALUE;
    model->head = (struct hone_model_head){.feature = HONE_NO_VALUE, .weight = -1, .bias = -1};
    model->output_kind = HONE_MODEL_FEATURES;
    model->source = "";
    hone_status status = hone_graph_create(&model->graph);
    if (status != HONE_OK) {
        hone_model_destroy(&model);
        return status;
    }
    *out = model;
    return HONE_OK;
}

void hone_model_destroy(struct hone_model **model) {
    if (!model || !*model) return;
    hone_graph_destroy(&(*model)->graph);
    hone_free((*model)->params);
    hone_free((*model)->warnings);
    hone_arena_deinit(&(*model)->arena);
    hone_free(*model);
    *model = NULL;
}

// A name that no other input, state or output of the graph has.
static const char *model_unique_name(struct hone_model *model, const char *name) {
    char *text = hone_arena_alloc(&model->arena, strlen(name) + 16, 1);
    if (!text) return NULL;
    strcpy(text, name);
    for (unsigned n = 2; hone_graph_find(model->graph, text) != HONE_NO_VALUE ||
                         strcmp(text, "image") == 0 || strcmp(text, "output") == 0;
         n++)
        snprintf(text, strlen(name) + 16, "%s.%u", name, n);
    return text;
}

hone_status hone_model_add_param(struct hone_model *model, const char *name,
                                 enum hone_param_kind kind, enum hone_param_layout layout,
                                 struct hone_desc desc, float *data, int *index) {
    *index = -1;
    HONE_TRY(hone_graph_status(model->graph));
    const char *unique = model_unique_name(model, name);
    if (!unique || !hone_grow(&model->params, &model->param_capacity, model->param_count + 1,
                              sizeof *model->params, "parameters"))
        return HONE_OUT_OF_MEMORY;
    hone_value value = hone_graph_state(model->graph, unique, desc);
    HONE_TRY(hone_graph_status(model->graph));
    *index = (int)model->param_count++;
    model->params[*index] = (struct hone_param){
        .value = value, .name = unique, .kind = kind, .layout = layout, .data = data};
    return HONE_OK;
}

int hone_model_param_of(const struct hone_model *model, hone_value value) {
    for (size_t i = 0; i < model->param_count; i++)
        if (model->params[i].value == value) return (int)i;
    return -1;
}

bool hone_model_is_layer(const struct hone_model *model, const struct hone_node *node) {
    for (int i = 0; i < node->input_count; i++) {
        hone_value value = node->inputs[i];
        int p = value == HONE_NO_VALUE ? -1 : hone_model_param_of(model, value);
        if (p >= 0 && model->params[p].kind == HONE_PARAM_WEIGHT) return true;
    }
    return false;
}

hone_status hone_model_warn(struct hone_model *model, const char *format, ...) {
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    const char *copy = hone_arena_strdup(&model->arena, line);
    if (!copy || !hone_grow(&model->warnings, &model->warning_capacity, model->warning_count + 1,
                            sizeof *model->warnings, "warnings"))
        return HONE_OUT_OF_MEMORY;
    model->warnings[model->warning_count++] = copy;
    return HONE_OK;
}

hone_status hone_model_set_classes(struct hone_model *model, const char *const *names,
                                   int32_t count) {
    const char **copies = NULL;
    if (count > 0 && names) {
        copies = hone_arena_alloc(&model->arena, (size_t)count, sizeof *copies);
        if (!copies) return HONE_OUT_OF_MEMORY;
        for (int32_t i = 0; i < count; i++)
            if (!(copies[i] = hone_arena_strdup(&model->arena, names[i])))
                return HONE_OUT_OF_MEMORY;
    }
    model->class_names = copies;
    model->class_count = count;
    return HONE_OK;
}

hone_status hone_model_copy_facts(const struct hone_model *from, struct hone_model *to) {
    to->preprocess = from->preprocess;
    to->preprocess_stated = from->preprocess_stated;
    to->size_fixed = from->size_fixed;
    to->output_kind = from->output_kind;
    to->opset = from->opset;
    to->source = hone_arena_strdup(&to->arena, from->source);
    to->thresholds = from->thresholds ? hone_arena_strdup(&to->arena, from->thresholds) : NULL;
    if (!to->source || (from->thresholds && !to->thresholds)) return HONE_OUT_OF_MEMORY;
    return hone_model_set_classes(to, from->class_names, from->class_count);
}

// Marks the nodes that `output` depends on.
static void model_mark_live(const struct hone_graph *graph, hone_value output,
                            const hone_value *instead, bool *live) {
    live[graph->values[output].node] = true;
    for (size_t n = graph->node_count; n-- > 0;) {
        if (!live[n]) continue;
        const struct hone_node *node = &graph->nodes[n];
        for (int i = 0; i < node->input_count; i++) {
            hone_value read = node->inputs[i];
            if (instead && read != HONE_NO_VALUE) read = instead[read];
            const struct hone_node *from = hone_graph_producer(graph, read);
            if (from) live[from - graph->nodes] = true;
        }
    }
}

// Points params at their states in the new graph and forgets those that nobody reads.
static void model_keep_params(struct hone_model *model, const hone_value *map) {
    size_t kept = 0;
    for (size_t i = 0; i < model->param_count; i++) {
        hone_value value = map[model->params[i].value];
        if (value == HONE_NO_VALUE) continue;
        model->params[kept] = model->params[i];
        model->params[kept++].value = value;
    }
    model->param_count = kept;
}

static hone_status model_rebuild(struct hone_model *model, hone_value output,
                                 const hone_value *instead, struct hone_graph *target, bool *live) {
    struct hone_model_clone clone;
    HONE_TRY(hone_model_clone_init(&clone, model, target, NULL));
    clone.instead = instead;
    model_mark_live(model->graph, output, instead, live);
    const struct hone_desc desc = *hone_graph_desc(model->graph, model->image);
    hone_value image = hone_graph_input(target, "image", desc);
    clone.map[model->image] = image;
    hone_model_clone_nodes(&clone, 0, model->graph->node_count, live);
    hone_graph_mark_output(target, clone.map[output], "output");
    hone_status status = hone_graph_status(target);
    if (status == HONE_OK) {
        model_keep_params(model, clone.map);
        model->image = image;
        model->output = clone.map[output];
    }
    hone_model_clone_deinit(&clone);
    return status;
}

hone_status hone_model_finish(struct hone_model *model, hone_value output) {
    return hone_model_rewire(model, output, NULL);
}

hone_status hone_model_rewire(struct hone_model *model, hone_value output,
                              const hone_value *instead) {
    HONE_TRY(hone_graph_status(model->graph));
    if (!hone_graph_producer(model->graph, output))
        return hone_fail(HONE_INVALID, "the output does not depend on the picture");
    struct hone_graph *target = NULL;
    bool *live = hone_calloc(model->graph->node_count, sizeof *live, "live nodes");
    if (!live) return HONE_OUT_OF_MEMORY;
    hone_status status = hone_graph_create(&target);
    if (status == HONE_OK) status = model_rebuild(model, output, instead, target, live);
    hone_free(live);
    if (status != HONE_OK) {
        hone_graph_destroy(&target);
        return status;
    }
    hone_graph_destroy(&model->graph);
    model->graph = target;
    hone_model_find_head(model);
    return HONE_OK;
}
