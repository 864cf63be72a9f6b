// graph.h: one training step as a graph: pixels -> augmentation -> net -> loss -> gradients ->
// update. Pure: needs no device.
//
// The trained tensors lie in one slab, the state "params"; each is a view of it. Around it lie
// slabs of the same length: gradients, "momentum", "variance". One optimiser node updates all.
#ifndef HONE_TRAIN_GRAPH_H
#define HONE_TRAIN_GRAPH_H

#include <hone/train.h>

#include "model/model.h"
#include "ops/ops.h"
#include "train/augment.h"

struct hone_train_slot {
    size_t param; // of the model
    struct hone_desc desc;
    int64_t offset, elements; // in the slab
    float lr_factor, weight_decay;
};

// Which tensors are trained, and where they lie.
struct hone_train_layout {
    struct hone_train_slot *slots;
    size_t slot_count;
    int *slot_of_param; // per parameter of the model; -1: keeps its value
    bool *train_norm;   // per node of the model's graph
    // Per node: where neither a convolution nor the norm behind it is trained, the norm, which is
    // then folded into it; else UINT32_MAX.
    uint32_t *folded_norms;
    int64_t length;       // elements of the slab
    int32_t layers;       // of the backbone: nodes with a filter or matrix, the head not counted
    int64_t trained, all; // parameters, as numbers
};

struct hone_train_layout_params {
    int32_t freeze;    // the first `freeze` layers keep their weights; a norm belongs to the layer
                       // before it
    bool freeze_norms; // norms that are trained keep their statistics
    float first_lr;    // factor on the learning rate of the first layer; rises to 1 at the last, in
                       // equal ratios; 0: 1 for all
    float head_lr;     // factor on the learning rate of the head
    float weight_decay;
    bool keep_norms; // fold none
};
// HONE_INVALID when the model has fewer layers than `freeze`. The model must have a head.
hone_status hone_train_layout_create(const struct hone_model *model,
                                     const struct hone_train_layout_params *params,
                                     struct hone_train_layout *out);
void hone_train_layout_deinit(struct hone_train_layout *layout);
// True where a node reads what is trained, or moves statistics.
bool hone_train_layout_trains(const struct hone_train_layout *layout,
                              const struct hone_model *model, const struct hone_node *node);

// Content of the states: slab (length) from the model's data and back; segments (length /
// HONE_PACK_ALIGN, 2).
void hone_train_layout_gather(const struct hone_train_layout *layout,
                              const struct hone_model *model, float *slab);
void hone_train_layout_scatter(const struct hone_train_layout *layout, const float *slab,
                               struct hone_model *model);
void hone_train_layout_segments(const struct hone_train_layout *layout, float *segments);

struct hone_train_graph_params {
    const struct hone_model *model;
    const struct hone_train_layout *layout;
    int32_t batch;
    int optimizer; // enum hone_optimizer
    float momentum, beta1, beta2, epsilon;
    float label_smoothing;
    float focal_gamma; // 0: none
    bool prior;        // add the state "prior" (classes) to the logits in the loss
    bool average;      // keep an average of the weights in the state "average", see hyper
    // The gradients are added to the state "gradients", where hone_train_update_graph() takes them:
    // a batch in parts. Each part's loss is multiplied by the input "part" f32 (1), its share of
    // the batch's class weights, so that the sum is the gradient of the batch.
    bool accumulate;
    bool scaled; // the loss is scaled by the state "scaler" (8), see unscale: for f16
    struct hone_train_augment augment;
    // Not NULL: the step begins behind the cut, with the input "maps" f32 (N,width) in place of
    // images, and draws nothing.
    const struct hone_model_cut *cut;
};
// Inputs: images u8 (N,H,W,3); labels i32 (N), negative ones count nothing; clock i32 (2): seed,
// step; where pictures are mixed, mix f32 (8) and partners i32 (N), the labels from the other end
// of the batch; hyper f32 (4). States: params, average (if asked for), momentum, variance (adamw),
// segments, class_weights (classes), prior (classes; if asked for), scaler (8; if asked for), stats
// (4), which after a run is the output totals as well, and each parameter that is not trained, by
// its own name with "model." in front.
hone_status hone_train_graph(const struct hone_train_graph_params *params, struct hone_graph **out);

// The rest of a step whose gradients were accumulated: update, and zeros in "gradients". Input:
// hyper.
hone_status hone_train_update_graph(const struct hone_train_graph_params *params,
                                    struct hone_graph **out);
// The name of the node that ends the forward pass.
#define HONE_TRAIN_LOSS "loss"
// What the state "scaler" begins with.
void hone_train_scaler(float scaler[8]);

// For graphs that read the same states: the `param` callback of hone_model_emit() and its `user`,
// one for each graph.
struct hone_train_binding {
    const struct hone_train_layout *layout;
    const struct hone_model *model;
    const char *state; // the slab's: "params", or "average"
    hone_value slab;   // that state in the target graph, once it was needed
    hone_value *views; // per slot: the trained tensor in the target graph
};
hone_status hone_train_binding_init(struct hone_train_binding *binding,
                                    const struct hone_model *model,
                                    const struct hone_train_layout *layout);
void hone_train_binding_deinit(struct hone_train_binding *binding);
hone_value hone_train_bind(void *user, struct hone_graph *target, const struct hone_param *param,
                           size_t index);
// The `folded` callback: states "model.NAME.folded.weight" and ".bias", NAME that of the norm's
// shift.
void hone_train_bind_folded(void *user, struct hone_graph *target, uint32_t conv,
                            hone_value out[2]);
// Writes these states, where the store has them.
struct hone_store;
hone_status hone_train_write_folded(const struct hone_train_layout *layout,
                                    const struct hone_model *model, struct hone_store *store);
// Name of the state of a parameter that is not trained. Into name (which it returns).
enum { HONE_TRAIN_NAME = 512 };
const char *hone_train_state_name(const struct hone_param *param, char name[HONE_TRAIN_NAME]);

#endif
