// clone.h: copying nodes of a model into another graph. Inside model/ only.
#ifndef HONE_MODEL_CLONE_H
#define HONE_MODEL_CLONE_H

#include "model/model.h"

struct hone_model_clone {
    const struct hone_model *model;
    struct hone_graph *target;
    const struct hone_model_emit_params *params; // NULL: as the model is
    hone_value *map; // per value of the model's graph: its value in target, or HONE_NO_VALUE
    int *param_of;   // per value: its parameter, or -1
    const hone_value *instead; // per value: what is read in its place; NULL: itself
};

hone_status hone_model_clone_init(struct hone_model_clone *clone, const struct hone_model *model,
                                  struct hone_graph *target,
                                  const struct hone_model_emit_params *params);
void hone_model_clone_deinit(struct hone_model_clone *clone);

// Copies nodes [begin, end) that keep marks (NULL: all). Parameters come into target when a node
// first reads them. Failures stick to target.
void hone_model_clone_nodes(struct hone_model_clone *clone, size_t begin, size_t end,
                            const bool *keep);

// model.c: hone_model_finish() where some values are read in the place of others (per value of the
// model's graph). Shapes follow.
hone_status hone_model_rewire(struct hone_model *model, hone_value output,
                              const hone_value *instead);

// cut.c: gives the values that cross params->cut their rows of maps (N,width).
void hone_model_clone_cut(struct hone_model_clone *clone, hone_value maps);

// flips.c: features of copies (k N,F) to their mean (N,F).
hone_value hone_model_emit_flip_mean(struct hone_graph *graph, int32_t flips, hone_value features);

// Fills model->head, class_count and output_kind from the graph (head.c).
void hone_model_find_head(struct hone_model *model);

#endif
