// model.h: a pretrained net as hone holds it: an ir graph in inference form at batch 1, the
// parameters with their data on the host, and what a file says about pictures and classes.
// Importers fill it, the trainer emits it into graphs of its own at any batch, the exporter writes
// it.
//
// The graph has one input "image" (1,H,W,3), normalised, and one marked output "output", which is
// (1,classes) logits or (1,F) features. No attribute depends on the batch (reshape keeps dim[0] =
// 0).
#ifndef HONE_MODEL_MODEL_H
#define HONE_MODEL_MODEL_H

#include <hone/model.h>

#include "base/alloc.h"
#include "image/preprocess.h"
#include "ir/graph.h"

enum hone_param_kind {
    HONE_PARAM_WEIGHT, // of conv2d (K,R,S,C/G) or matmul
    HONE_PARAM_BIAS,
    HONE_PARAM_NORM_SCALE, // gamma
    HONE_PARAM_NORM_SHIFT, // beta
    HONE_PARAM_NORM_MEAN,
    HONE_PARAM_NORM_VAR,
    HONE_PARAM_FACTOR,   // a constant that activations are multiplied by
    HONE_PARAM_TERM,     // a constant that is added to activations
    HONE_PARAM_CONSTANT, // one number or a computed table: part of the architecture, never trained
};
// True for what an optimiser may change: all but statistics and constants.
bool hone_param_trainable(enum hone_param_kind kind);

// How `data` stands to the tensor in a file that is NCHW.
enum hone_param_layout {
    HONE_LAYOUT_SAME,
    HONE_LAYOUT_FILTER,  // (K,R,S,C/G) here, (K,C/G,R,S) there
    HONE_LAYOUT_CHANNEL, // broadcast against (N,H,W,C) here, (N,C,H,W) there
};

struct hone_param {
    hone_value value; // a state of the model's graph
    const char *name; // the file's tensor name; unique in the model
    enum hone_param_kind kind;
    enum hone_param_layout layout;
    float *data; // shape of `value`; writable, belongs to the model
};

enum hone_head_kind { HONE_HEAD_NONE, HONE_HEAD_LINEAR, HONE_HEAD_CONV };

// The classifier: the last matmul or 1x1 convolution before the output.
struct hone_model_head {
    enum hone_head_kind kind;
    uint32_t node;      // of the graph
    hone_value feature; // what it reads: (1,F), for a convolution (1,H,W,F)
    int weight, bias;   // places in params; bias -1: none
    int32_t features, classes;
};

struct hone_model {
    struct hone_arena arena;
    struct hone_graph *graph;
    hone_value image, output;
    struct hone_param *params; // in the order of first use
    size_t param_count, param_capacity;
    struct hone_model_head head;
    hone_model_output output_kind;
    int32_t flips; // HONE_MODEL_FLIP_*: the head reads the mean over these copies of the picture
    struct hone_preprocess preprocess; // height and width are those of the graph
    bool preprocess_stated;            // by the file or by the caller, not assumed
    bool size_fixed;                   // the file names its height and width
    const char **class_names;          // NULL: unknown
    int32_t class_count;               // 0: the file ends in features
    const char *thresholds;            // JSON text of hone.thresholds, or NULL
    const char *source;                // file name without folders
    const char *arch;                  // the net of the zoo that it is, or NULL
    int32_t opset;
    const char **warnings;
    size_t warning_count, warning_capacity;
};

hone_status hone_model_create(struct hone_model **out);
// hone_model_destroy() is public.

// Adds a parameter and its state in the graph. `name` is made unique by a suffix; `data` (elements
// of desc) is not copied and must live in the model's arena. `index` receives its place.
hone_status hone_model_add_param(struct hone_model *model, const char *name,
                                 enum hone_param_kind kind, enum hone_param_layout layout,
                                 struct hone_desc desc, float *data, int *index);
// Place of the parameter that is this value, or -1.
int hone_model_param_of(const struct hone_model *model, hone_value value);
// A layer: a node that reads a filter or matrix.
bool hone_model_is_layer(const struct hone_model *model, const struct hone_node *node);
hone_status hone_model_warn(struct hone_model *model, const char *format, ...) HONE_PRINTF(2, 3);
// Copies the names; count 0 forgets them.
hone_status hone_model_set_classes(struct hone_model *model, const char *const *names,
                                   int32_t count);

// (N,F) from what ends a trunk: (N,H,W,F) is pooled, (N,1,1,F) flattened, (N,F) left alone.
// Failures stick to graph.
hone_value hone_model_flatten(struct hone_graph *graph, hone_value value);

// Preprocessing, class names, thresholds and what else a file says about a net.
hone_status hone_model_copy_facts(const struct hone_model *from, struct hone_model *to);

// Makes `output` the only output, drops every node and parameter that it does not need, and finds
// the head. Values change; those of params, head, image and output are kept right.
hone_status hone_model_finish(struct hone_model *model, hone_value output);

// Mirrored copies (flips.c): left to right, top to bottom; both make four, with the one turned by
// half. A model's graph is that of one copy.
enum { HONE_MODEL_FLIP_X = 1, HONE_MODEL_FLIP_Y = 2 };
int hone_model_flip_count(int32_t flips); // copies, 1, 2 or 4
// (N,H,W,C) to (k N,H,W,C): the copies of a picture one behind the other, the first as it is.
hone_value hone_model_emit_flips(struct hone_graph *graph, int32_t flips, hone_value image);
// The answer of the model is that of its head, which must be linear, on the mean of the copies'
// features; 0: of the picture as it is.
hone_status hone_model_set_flips(struct hone_model *model, int32_t flips);
// A copy of the model, sharing its numbers, with the flips in the graph and `flips` 0: for files.
// It must not outlive the model.
hone_status hone_model_expand_flips(const struct hone_model *model, struct hone_model **out);
// The other way: where the graph is one of those, it becomes that of one copy.
hone_status hone_model_find_flips(struct hone_model *model);

// The net in two (cut.c): nodes that depend on the picture and on nothing that trains, and the
// rest. What is made of parameters alone is made on either side that reads it.
struct hone_model_cut {
    bool *after;        // per node of the graph: not among the first
    hone_value *values; // what crosses, in the order in which the rest reads it
    size_t count;       // 0: nothing can be cut off
    int64_t width;      // numbers of a picture in all of them
};
// trains: per node, whether it must be computed in each step. Of the rest, nothing may read the
// picture itself: then count is 0.
hone_status hone_model_cut_find(const struct hone_model *model, const bool *trains,
                                struct hone_model_cut *out);
void hone_model_cut_deinit(struct hone_model_cut *cut);

// Where the graph goes: into `target`, at the batch of `image`. Shapes are inferred again.
struct hone_model_emit_params {
    bool train_norm;              // batch_norm becomes batch_norm_train and moves its statistics
    const bool *train_norm_nodes; // per node of the graph, in place of train_norm; NULL: all alike
    float norm_momentum;          // 0: 0.1
    float dropout;                // rate in front of the head; 0: none
    hone_value clock;             // i32 (2) in target, needed by dropout
    int32_t dropout_salt;
    // hone_model_emit() and hone_model_emit_features() get maps as their image: (N,width), or
    // (k N,width) where the model has k copies.
    const struct hone_model_cut *cut;
    bool one_copy; // the picture as it is, whatever `flips` of the model says: for training
    // Gives the value in target that stands for params[index]. NULL: a state of its name is added.
    hone_value (*param)(void *user, struct hone_graph *target, const struct hone_param *param,
                        size_t index);
    // Per node: the batch norm that becomes part of this convolution, or UINT32_MAX, as of
    // hone_model_find_folds(); NULL: none does. folded() gives filters and bias of node `conv`.
    const uint32_t *folded_norms;
    void (*folded)(void *user, struct hone_graph *target, uint32_t conv, hone_value out[2]);
    void *user;
};

// image: (N,H,W,3) f32 in target. *features (may be NULL) receives what the head reads, (N,F),
// after the global pool where the head is a convolution; HONE_NO_VALUE without a head. Statistics
// that batch_norm_train moves are set as the next content of their state, where that is a state.
// Failures stick to target and are returned.
hone_status hone_model_emit(const struct hone_model *model, struct hone_graph *target,
                            hone_value image, const struct hone_model_emit_params *params,
                            hone_value *output, hone_value *features);
// The two halves of it, for a head that trains on stored features: everything below the head,
// (N,F); and the head on features (N,F), which must be linear (hone_model_replace_head makes it
// so).
hone_status hone_model_emit_features(const struct hone_model *model, struct hone_graph *target,
                                     hone_value image, const struct hone_model_emit_params *params,
                                     hone_value *features);
// What lies before the cut, on image (N,H,W,3): maps (N,width). Of params, what binds parameters
// and folds norms counts.
hone_status hone_model_emit_before(const struct hone_model *model, const struct hone_model_cut *cut,
                                   struct hone_graph *target, hone_value image,
                                   const struct hone_model_emit_params *params, hone_value *maps);
hone_status hone_model_emit_head(const struct hone_model *model, struct hone_graph *target,
                                 hone_value features, const struct hone_model_emit_params *params,
                                 hone_value *output);

// Takes the head away and lets the model end in wider features (1,F): mean and maximum of each
// channel of the map that the net pools and of the maps where up to two earlier stages end.
// *stages receives how many there are; 0: the net does not end in a pooled map, and stays as it is.
enum { HONE_MODEL_STAGES = 3 };
hone_status hone_model_gather_stages(struct hone_model *model, int *stages);

// Layers in front of the last of these stages; 0: there is one at
// most.
int32_t hone_model_last_stage(const struct hone_model *model);

// A fresh linear classifier of `classes` outputs on the pooled features: in place of the head, or
// behind the features of a file that has none. Parameters "head.weight" (classes,F) and
// "head.bias", drawn uniformly from +-1/sqrt(F), as PyTorch's Linear. class_names may be NULL. A
// 1x1 convolution becomes linear behind a global pool: the same function, but for an activation
// behind it, which goes.
hone_status hone_model_replace_head(struct hone_model *model, int32_t classes,
                                    const char *const *class_names, uint64_t seed);

// Random filters and matrices, biases 0, norms the identity; constants of the architecture stay.
// The same seed gives the same weights.
void hone_model_randomize(struct hone_model *model, uint64_t seed);

// For folding by parts: norms (per node of the graph) receives the node of the batch norm that each
// convolution can take in, UINT32_MAX elsewhere; then the numbers of one, of the filters' shape and
// (K).
hone_status hone_model_find_folds(const struct hone_model *model, uint32_t *norms);
void hone_model_fold_conv(const struct hone_model *model, const struct hone_node *conv,
                          const struct hone_node *norm, float *weights, float *bias);
// A copy in which each batch norm behind a convolution has become part of it. The same function
// within rounding, with fewer passes over memory; not for training, and not for export.
hone_status hone_model_fold_norms(const struct hone_model *model, struct hone_model **out);

#endif
