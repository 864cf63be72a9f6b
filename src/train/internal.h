// internal.h: the state of one training run, and what the files of train/ tell each other.
//
//   train.c     the order of a run: read, compile, train, write
//   params.c    options        decide.c   what they leave open
//   layout.c, graph.c   the step as a graph        step.c   compiled, and run
//   memory.c    what it takes of the device's memory, and how it is made to fit
//   tune.c      fine-tuning: epochs of steps               precision.c   in 16 bits
//   trial.c     steps that are taken back: the learning rate's range test, what fits in a time
//   features.c, cache.c, head.c, lbfgs.c   the classifier alone
//   judge.c     probabilities of a part with the weights on the device
//   save.c      weights to the host, model.onnx, summary      report.c   report.html
//   state.c     checkpoints, and going on from one   resume.c   a run folder taken up again
//   run.c       the folder    rows.c   the rows in it
#ifndef HONE_TRAIN_INTERNAL_H
#define HONE_TRAIN_INTERNAL_H

#include <hone/train.h>

#include "base/alloc.h"
#include "base/text.h"
#include "data/alike.h"
#include "data/batch.h"
#include "exec/program.h"
#include "model/model.h"
#include "train/cache.h"
#include "train/graph.h"
#include "train/run.h"

// Where the time of a run went. `fill` and `wait` are parts of `train`: gathering batches on the
// host, and waiting for the device to take a step.
struct hone_train_seconds {
    double decode, compile, features, train, fill, wait, judge;
};

// How a step is made, and what it takes of the device's memory: bytes, exact where the device's
// kernels are known to be right.
struct hone_trainer_plan {
    int32_t at_once; // pictures that the device works on at a time
    int32_t parts;   // of a batch: params.batch is at_once * parts
    uint32_t
        segments; // of the forward pass, all but the last made again in the backward pass; 1: none
    uint64_t weights, optimizer; // states: of the net; slabs of the optimiser, sums of gradients
    uint64_t pool;               // activations, gradients, workspace of a step
    uint64_t judge;              // the same of judging
    uint64_t staging;            // pictures on their way
    uint64_t total, budget;
};

// What layers that keep their weights make of the training pictures (prefix.c).
struct hone_trainer_prefix {
    struct hone_model_cut cut; // count 0: nothing is kept
    int32_t flips, copies;     // of each picture
    size_t count;              // pictures
    bool on_disk;              // what is computed goes to the cache's file, not to memory
    const float **maps;        // (count) of (copies, cut.width); NULL: not computed yet
    float *computed;           // what some of them point to, others to the cache
    struct hone_feature_cache cache;
};

struct hone_trainer {
    struct hone_train_params params; // completed
    const struct hone_data_params *data_params;
    struct hone_train_hooks hooks;
    struct hone_train_result *result;
    int32_t freeze;     // layers; HONE_FREEZE_AUTO until it is decided
    int32_t last_stage; // layers in front of the backbone's last resolution; 0: unknown
    int recipe;         // enum hone_recipe, chosen; head where --freeze all says so
    bool small;         // the backbone has under a million parameters
    double start;       // hone_seconds()
    double told;        // when progress was told last

    struct hone_model
        *model; // with the new head; its data is brought up to date by hone_trainer_sync
    hone_dataset *data;
    size_t decoded; // pictures of the parts that are read
    struct hone_pictures pictures[HONE_PART_COUNT];
    struct hone_device *device;
    int32_t classes;
    const char *const *class_names;
    float *class_weights; // (classes), of the loss of a step
    float *head_weights;  // (classes), of the classifier alone
    float *prior;         // (classes), of the logits in the loss; zeros where nothing is adjusted
    struct hone_run run;

    // Fine-tuning.
    struct hone_train_layout layout;
    struct hone_trainer_prefix prefix;
    struct hone_store *store;
    struct hone_trainer_plan plan;
    struct hone_program *step, *judge;
    struct hone_program *update; // NULL: the step's own
    int32_t *labels, *partners;  // (pictures at once)
    bool clock, mix;             // the step has inputs "clock", "mix" and "partners"
    int64_t steps_done;
    size_t batches_done;  // of the epoch at work
    double average_decay; // of the average of the weights
    float left_out;       // steps that unscale left out, as told last
    double budget;        // seconds of the whole run; 0: none
    float fixed_rate;     // of every step, in place of the schedule; 0: none
    // The range test, for the report.
    double *tried_rates, *tried_losses;
    size_t tried;
    double found_rate;

    // The best epoch so far.
    float *best; // all parameters of the model, one after the other; NULL: none yet
    int32_t best_epoch;
    double best_score, best_loss;
    struct hone_metrics best_val;

    // Going on (resume.c, state.c).
    struct hone_arena kept_options;   // strings of options, chosen or taken up again
    struct hone_data_params own_data; // its data
    bool resumed;                     // steps go on from last.safetensors
    char data_hash[20], backbone_hash[20];
    double saved;  // hone_seconds() of the last checkpoint
    int64_t saves; // of last.safetensors, in this process

    // For the report.
    struct hone_text notes; // what was told, a line each
    struct hone_alike alike;
    struct hone_train_seconds spent;
    float *answers[HONE_PART_COUNT]; // (pictures, classes): of the part's last judging
    float *best_answers;             // of the validation part at the best epoch
};

// params.c; these, or a number of layers
enum { HONE_FREEZE_ALL = -1, HONE_FREEZE_AUTO = -2 };
hone_status hone_train_parse_freeze(const char *text, int32_t *layers);
hone_status hone_train_parse_budget(const char *text, double *seconds);
hone_status hone_train_check_params(const struct hone_train_params *params);

// decide.c: in this order; the first one sees the backbone before it gets another classifier.
void hone_trainer_choose_recipe(struct hone_trainer *t);
hone_status hone_trainer_gather_features(struct hone_trainer *t);
// Behind the new classifier: the copies that it answers from.
hone_status hone_trainer_choose_copies(struct hone_trainer *t);
hone_status hone_trainer_decide(struct hone_trainer *t);
hone_status hone_trainer_plan_weights(struct hone_trainer *t);
// Need the pictures.
void hone_trainer_choose_epochs(struct hone_trainer *t);
hone_status hone_trainer_weigh_classes(struct hone_trainer *t);

// precision.c
// Decides what --precision auto leaves open. Needs the device.
void hone_trainer_decide_precision(struct hone_trainer *t);
// The type that the step computes with.
enum hone_dtype hone_trainer_compute(const struct hone_trainer *t);
// What the scale is at the start, or where a run goes on.
hone_status hone_trainer_take_scale(struct hone_trainer *t);
// At the end of an epoch of `steps` steps: says what the scale of the loss came to. HONE_INVALID
// where no step could be made.
hone_status hone_trainer_check_scale(struct hone_trainer *t, size_t steps);

// tune.c, features.c: train, keeping t->best and the results. HONE_CANCELLED when asked to stop.
hone_status hone_trainer_tune(struct hone_trainer *t);
hone_status hone_trainer_fit_head(struct hone_trainer *t);
// features.c: the classifier alone as a start for tune.c: t->model gets it, and it is the best so
// far.
hone_status hone_trainer_probe(struct hone_trainer *t);

// kernels.c: measures the kernels of the step where the options ask for it, and keeps the tuning
// records that hold in the run's folder.
hone_status hone_trainer_tune_kernels(struct hone_trainer *t, const struct hone_graph *graph);

// memory.c
// Decides how many pictures go through the device at a time, and what is made again, by the memory
// that there is, and says so. HONE_OUT_OF_MEMORY where nothing fits.
hone_status hone_trainer_plan_memory(struct hone_trainer *t);
// At the end: what it came to.
void hone_trainer_tell_memory(struct hone_trainer *t);

// step.c. The graphs of a step: *update is NULL where one part is all of a batch.
hone_status hone_trainer_step_graphs(const struct hone_trainer *t,
                                     const struct hone_trainer_plan *plan, struct hone_graph **step,
                                     struct hone_graph **update);
// Compiles t->step and t->judge, and loads the model into t->store.
hone_status hone_trainer_prepare(struct hone_trainer *t);
// Starts step t->steps_done of `total`: batch `index` of the epoch with this order of pictures.
// *rate, *filled: its learning rate and its pictures.
hone_status hone_trainer_run_step(struct hone_trainer *t, const uint32_t *order, size_t index,
                                  int64_t total, double *rate, size_t *filled);
// Loss and share of right answers of the epoch so far; NaN before the first step.
struct hone_step_stats {
    double loss, accuracy;
};
// Of the steps that are done by now, without waiting (unchanged where there are none); of all,
// waiting. HONE_INVALID where the loss is no number.
hone_status hone_trainer_peek_stats(struct hone_trainer *t, struct hone_step_stats *out);
hone_status hone_trainer_read_stats(struct hone_trainer *t, struct hone_step_stats *out);

// trial.c, after hone_trainer_prepare: some steps, and all as before. What the options leave to
// them is then decided and told: --lr find, --budget.
hone_status hone_trainer_find_rate(struct hone_trainer *t);
hone_status hone_trainer_fit_budget(struct hone_trainer *t);

// decide.c: pictures that are judged at a time, where the step has `at_once`: as many copies.
int32_t hone_trainer_judge_batch(const struct hone_trainer *t, int32_t at_once);
// prefix.c: whether the frozen layers are computed once (behind hone_trainer_plan_weights()), doing
// it, and the maps of a batch: of pictures order[first], ... (past the end of the epoch from its
// start), each in a copy that seed and `draw` choose, into to (rows, width).
hone_status hone_trainer_plan_prefix(struct hone_trainer *t);
hone_status hone_trainer_fill_prefix(struct hone_trainer *t);
void hone_trainer_prefix_batch(const struct hone_trainer *t, const uint32_t *order, size_t first,
                               size_t rows, int64_t draw, float *to);
void hone_trainer_prefix_deinit(struct hone_trainer_prefix *prefix);

// judge.c. The graph of judging, and t->judge compiled against t->store.
hone_status hone_trainer_judge_graph(const struct hone_trainer *t, int32_t at_once,
                                     struct hone_graph **out);
hone_status hone_trainer_compile_judge(struct hone_trainer *t);
// Figures of a part with the weights in t->store, and t->answers; a part without pictures gives
// class_count 0.
hone_status hone_trainer_judge(struct hone_trainer *t, enum hone_part part,
                               struct hone_metrics *out);

// save.c
// Parameters that the device changed, from t->store into t->model. HONE_INVALID when one is no
// finite number.
hone_status hone_trainer_sync(struct hone_trainer *t);
// All of t->model into t->store.
hone_status hone_trainer_load(struct hone_trainer *t);
// What is not trained, alone, into a store that has room for some of it.
hone_status hone_trainer_load_frozen(const struct hone_trainer *t, struct hone_store *store);
// t->model becomes the best so far if its figures are better (no validation part: always). Takes
// `val`.
hone_status hone_trainer_consider(struct hone_trainer *t, int32_t epoch, struct hone_metrics *val,
                                  bool *best);
// The best parameters into t->model.
void hone_trainer_recall(struct hone_trainer *t);
void hone_trainer_forget_best(struct hone_trainer *t);
hone_status hone_trainer_write_results(struct hone_trainer *t);

// state.c. What t->model and the device hold after `epoch` whole epochs and t->batches_done batches
// more: best.safetensors with t->best_answers, and last.safetensors, from which a run goes on.
hone_status hone_trainer_write_best(struct hone_trainer *t, int32_t epoch);
hone_status hone_trainer_write_last(struct hone_trainer *t, int32_t epoch);
// After a step: the latter where the last one is --checkpoint-minutes old. A full disk is warned
// of.
hone_status hone_trainer_save_in_time(struct hone_trainer *t, int32_t epoch);
// Whether there is a last.safetensors.
bool hone_trainer_has_state(struct hone_trainer *t);
// After hone_trainer_prepare(): everything as it was when last.safetensors was written; *epoch:
// whole epochs that are done. HONE_INVALID where pictures or backbone are others.
hone_status hone_trainer_restore(struct hone_trainer *t, int32_t *epoch);

// resume.c
// Options and data as the args.json of params.resume has them.
hone_status hone_trainer_take_up(struct hone_trainer *t);
// The folder of that run. Once the pictures are read.
hone_status hone_trainer_reopen_run(struct hone_trainer *t);

// train.c
// Calls the hook, about ten times a second, or always where done == total.
void hone_trainer_progress(struct hone_trainer *t, const struct hone_train_progress *progress);
void hone_trainer_note(struct hone_trainer *t, const char *format, ...) HONE_PRINTF(2, 3);
// One line in the log, level debug: what was reached, and when.
void hone_trainer_phase(const struct hone_trainer *t, const char *what);
bool hone_trainer_cancelled(const struct hone_trainer *t);

#endif
