// train.h: fine-tune a pretrained backbone on labelled pictures.
//
// hone_train() does all of it: reads the backbone, gives it a classifier for the classes of the
// data, trains, and keeps a run folder that holds the model and how it came about:
//
//   args.json         every option of the run
//   results.csv       a row an epoch
//   events.out.tfevents.*   the same for TensorBoard, where it is asked for
//   splits/*.txt      path<TAB>class of each picture, by part
//   best.safetensors  weights, optimiser, step, epoch and seed at the best epoch
//   last.safetensors  the same at the last checkpoint, and all else that the run goes on from
//   model.onnx        the best weights with class names and preprocessing inside
//   confusion.csv     of the validation part and of the test part
//   tuning.tune       the tuning records that held for the device, where there were any
//   report.html       all of it as one page: verdict, curves, confusion, hardest pictures, options
//   lr_find.svg       the range test of the learning rate, where there was one
//   summary.json      the figures of the best epoch and of the test part
#ifndef HONE_TRAIN_H
#define HONE_TRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include <hone/base.h>
#include <hone/eval.h>
#include <hone/options.h>

#ifdef __cplusplus
extern "C" {
#endif

struct hone_data_params; // <hone/data.h>

// How a run goes about it.
//   auto       full for nets of under a million parameters, whose features say little and whose
//              steps are cheap; else fine_tune
//   fine_tune  the classifier alone, to convergence, on features computed once; then all layers,
//              from there (linear probe, then fine-tune: Kumar et al. 2022)
//   head       the classifier alone
//   full       all layers at once, with a fresh classifier
//   scratch    all layers, from random weights
enum hone_recipe {
    HONE_RECIPE_AUTO,
    HONE_RECIPE_FINE_TUNE,
    HONE_RECIPE_HEAD,
    HONE_RECIPE_FULL,
    HONE_RECIPE_SCRATCH,
};
// Statistics of batch norms. auto: frozen where a run fine-tunes in batches of fewer than 32
// pictures, whose own statistics are noise; batch elsewhere.
enum hone_norms { HONE_NORMS_AUTO, HONE_NORMS_FROZEN, HONE_NORMS_BATCH };
// What the classifier reads. last: the mean of the last map, as the net was made. stages: mean and
// maximum of each channel of the last map and of the ends of two earlier stages: small and faint
// things show there. auto: stages where the classifier is solved for (fine_tune, head) and the net
// ends in a pooled map, else last.
enum hone_features { HONE_FEATURES_AUTO, HONE_FEATURES_LAST, HONE_FEATURES_STAGES };
// What the frozen backbone says of a picture, kept in the user's cache for the next run with the
// same net, size, device and kernels. auto: where computing it took more than two seconds.
enum hone_feature_caching {
    HONE_FEATURE_CACHE_AUTO,
    HONE_FEATURE_CACHE_ON,
    HONE_FEATURE_CACHE_OFF,
};
enum hone_optimizer { HONE_OPTIMIZER_ADAMW, HONE_OPTIMIZER_SGD };
// How the step stores what flows through the net: sums are f32 in any case, and so are the weights,
// the optimiser, statistics and gradients of weights. f16 scales the loss, and leaves out steps in
// which a gradient overflows; bf16 has the range of f32 and 8 bits. auto: bf16 or f16 where the
// device has matrix units for it, else f32. Judging is in f32, as sessions run the model.
enum hone_precision {
    HONE_PRECISION_AUTO,
    HONE_PRECISION_F32,
    HONE_PRECISION_F16,
    HONE_PRECISION_BF16,
};
enum hone_schedule { HONE_SCHEDULE_COSINE, HONE_SCHEDULE_LINEAR, HONE_SCHEDULE_CONSTANT };
// Weight of a class in the loss, scaled so that the mean over the training pictures is 1. auto:
// balanced where only the head is trained, sqrt elsewhere.
enum hone_class_weights {
    HONE_CLASS_WEIGHTS_AUTO,
    HONE_CLASS_WEIGHTS_NONE,
    HONE_CLASS_WEIGHTS_SQRT,      // 1 / sqrt(pictures of the class)
    HONE_CLASS_WEIGHTS_BALANCED,  // 1 / pictures of the class
    HONE_CLASS_WEIGHTS_EFFECTIVE, // 1 / effective number of them (Cui et al. 2019, beta 0.999)
};
// focal: the loss of a picture times (1 - probability of its class)^focal_gamma.
enum hone_loss { HONE_LOSS_CROSS_ENTROPY, HONE_LOSS_FOCAL };
// Which pictures an epoch shows: each once, or each class as often as any other.
enum hone_sampling { HONE_SAMPLING_NATURAL, HONE_SAMPLING_BALANCED };
// By what epochs are compared, on the validation part: the best one is kept, patience counts from
// it.
enum hone_metric { HONE_METRIC_MACRO_F1, HONE_METRIC_ACCURACY, HONE_METRIC_LOSS };
// Measuring kernels at first use, at most 20 seconds: auto: on GPUs, once for each device and
// driver; full: every kernel of the step, without a limit, on CPU drivers too.
enum hone_tune { HONE_TUNE_AUTO, HONE_TUNE_OFF, HONE_TUNE_FULL };
// What a model answers from: the picture as it is, or the mean of the features of its mirrored
// copies (test-time augmentation), those that training draws.
enum hone_tta { HONE_TTA_FLIPS, HONE_TTA_NONE };
enum hone_flips { HONE_FLIPS_BOTH, HONE_FLIPS_X, HONE_FLIPS_Y, HONE_FLIPS_NONE, HONE_FLIPS_AUTO };
// What happens to training pictures, on the device, drawn anew in each epoch.
//   flips    mirrored, nothing else
//   surface  materials seen from above: all orientations, a little of light, focus and noise;
//            nothing that could cut off or cover a defect
//   object   things that stand upright: left to right, perspective, crops, colours, erasing
//   none     as they are
enum hone_augment {
    HONE_AUGMENT_FLIPS,
    HONE_AUGMENT_SURFACE,
    HONE_AUGMENT_OBJECT,
    HONE_AUGMENT_NONE,
};
// Which of the kinds that have a range happen to a picture: each of them; one of them or none
// (TrivialAugment); two of them (RandAugment).
enum hone_augment_choice {
    HONE_AUGMENT_CHOICE_EACH,
    HONE_AUGMENT_CHOICE_ONE,
    HONE_AUGMENT_CHOICE_TWO,
};

// What the numbers of options stand for that are words.
enum { HONE_LR_AUTO = -1, HONE_LR_FIND = -2 };
enum { HONE_EPOCHS_AUTO = -1, HONE_SMOOTHING_AUTO = -1, HONE_BATCH_AUTO = -1 };

// hone_options_init(&hone_train_options, &params) fills the defaults; a zeroed struct is completed
// by hone_train() where 0 is out of range. Strings are borrowed for the call.
struct hone_train_params {
    const char *backbone; // the pretrained model file; required
    const char *arch;     // the net, where it is a weight file; NULL: as hone_model_load() finds it
    const char *out; // folder of the run; NULL: the next free runs/trainN below the working folder
    // A run folder to go on with: options and data are those of its args.json; here only device,
    // backbone, the data's folder, checkpoint_minutes and validate may differ, where things have
    // moved (the others as hone_options_init() leaves them, or the same). NULL: a new run.
    const char *resume;
    float checkpoint_minutes; // between checkpoints within an epoch; 0: at the end of each only
    const char *device;       // NULL: the best GPU; an index, a part of a name, a UUID, or "ref"
    int recipe;               // enum hone_recipe
    const char *freeze; // "none", "all" (the recipe head), or N: the first N layers with parameters
                        // keep their weights; "auto": on a CPU driver those in front of the last
                        // resolution, where the classifier is solved for first, else none. NULL:
                        // auto
    int norms;          // enum hone_norms
    int features;       // enum hone_features
    int feature_cache;  // enum hone_feature_caching
    int32_t head_views; // views of each training picture that the classifier alone learns from: as
                        // it is, and others drawn as `augment` says
    const char *preprocess; // "imagenet", "tf", "none" or "MEAN,STD"; NULL: as the file says
    int precision;          // enum hone_precision
    // HONE_EPOCHS_AUTO: 10; where a net that has its classifier is fine-tuned on a CPU driver, one
    // to ten, by 8e12 operations.
    int32_t epochs;
    // Pictures a step. HONE_BATCH_AUTO: the most, to 64, that fit in memory and leave ten steps an
    // epoch.
    int32_t batch;
    int32_t accumulate; // parts in which a batch goes through the device; 0: as many as it takes
    int32_t recompute;  // segments of the forward pass that are made again; 1: none; 0: as it takes
    int32_t memory;     // MiB of the device's memory that the run may take; 0: what there is
    int32_t size;       // pixels; 0: as the file says, else 224
    // HONE_LR_AUTO: 1e-3 from random weights and for a small net that is trained in full, else
    // 1e-4, with SGD ten times that; HONE_LR_FIND: by a range test before the first epoch
    float lr;
    float head_lr;      // of the new classifier, as a multiple of lr; 0: by the recipe
    float first_lr;     // of the first layer, as a multiple of lr; layers between in equal ratios
    float average;      // epochs over which weights are averaged for judging and saving; 0: off
    const char *budget; // "90s", "10m", "1h30m": as many epochs as fit in, instead of `epochs`;
                        // then how many there are depends on the machine. NULL: none
    int32_t patience;   // end after so many epochs without a better one; 0: never
    int optimizer;      // enum hone_optimizer
    int schedule;       // enum hone_schedule
    float warmup;       // share of all steps over which the rate rises from 0
    float weight_decay, momentum;
    float label_smoothing; // HONE_SMOOTHING_AUTO: 0 where the classifier has converged before,
                           // since smoothing would undo that, else 0.05
    int class_weights;     // enum hone_class_weights
    int sampling;          // enum hone_sampling; of the steps
    int loss;              // enum hone_loss; of the steps
    float focal_gamma;
    float logit_adjust; // strength of the classes' shares in the loss (Menon et al. 2021): the
                        // model answers as if all classes were equally frequent where it is 1
    int metric;         // enum hone_metric
    float l2;           // classifier alone: strength of the ridge on its weights
    int augment;        // enum hone_augment: what is not given below is the preset's
    int augment_choice; // enum hone_augment_choice
    int flips;          // enum hone_flips
    int tta;            // enum hone_tta; the saved model does it, too, whoever runs it
    // Below 0: as the preset says. In a zeroed struct, 0: off.
    float rotate, zoom, shift; // degrees; share of the size, each way
    float perspective, crop;   // how much smaller the far edge is; share of a side that is cut off
    float brightness, contrast, gamma, saturation; // shares, each way
    float hue;                                     // degrees, each way
    float blur;                                    // deviation in pixels, at most 1.5
    float noise, blocks, erase; // deviation; least wave kept, as of JPEGs; side of what is erased
    // Pictures of a batch mixed in pairs, labels with them, in every step (in turns at random where
    // both are on): shares from a beta distribution with both parameters this; 0: off.
    float mixup, cutmix;
    int64_t seed;
    int tune;           // enum hone_tune
    const char *tuning; // file of tuning records; NULL: the user's, "off": none. The same records
                        // and the same seed give the same weights
    bool tensorboard;   // keep an event file beside results.csv
    bool validate;      // Khronos validation layers
};
extern const hone_option_table hone_train_options;

enum hone_train_phase {
    HONE_TRAIN_DECODE,   // done of total pictures read
    HONE_TRAIN_COMPILE,  // programs are built; no count
    HONE_TRAIN_FEATURES, // freeze all: pictures through the backbone
    HONE_TRAIN_STEPS,    // pictures of this epoch (freeze all: passes of the solver)
    HONE_TRAIN_EVAL,     // pictures of the validation or test part
};

struct hone_train_progress {
    enum hone_train_phase phase;
    int64_t done, total;
    int32_t epoch, epochs; // epoch counts from 1
    double loss;           // of the epoch so far; NaN where there is none yet
    double pictures_per_second;
};

// A row of results.csv. train_loss is what is minimised (class weights, label smoothing), val_loss
// the plain cross-entropy. Figures that do not exist (no validation part) are NaN and empty in the
// file.
struct hone_train_epoch {
    int32_t epoch, epochs;
    double train_loss, val_loss, train_accuracy, val_accuracy, val_macro_f1;
    double lr, pictures_per_second, seconds; // seconds since the start of the run
    bool best;                               // the best so far
};

// Calls from the training thread; each may be NULL.
struct hone_train_hooks {
    void *user;
    void (*progress)(void *user,
                     const struct hone_train_progress *progress); // about ten times a second
    void (*epoch)(void *user, const struct hone_train_epoch *epoch);
    void (*note)(void *user,
                 const char *line); // facts for people: the device, the classes, the plan
    // Asked after each step; true ends the run there, with everything saved.
    bool (*cancelled)(void *user);
};

// Zero it to begin; hone_train_result_deinit to end.
struct hone_train_result {
    char *run_dir;
    int32_t class_count;
    char **class_names;
    int32_t best_epoch, epochs_done;
    bool cancelled;
    struct hone_metrics val, test; // of the best weights; class_count 0 where there is no such part
    int64_t parameters, trained_parameters;
    double seconds, pictures_per_second; // training steps only
    // Of the device's memory while it trained: as planned, and at most; 0 for the classifier alone
    // and on "ref".
    uint64_t memory_planned_bytes, memory_peak_bytes;
};

// Blocks until the run has ended. `hooks` may be NULL. On HONE_CANCELLED the result is filled as on
// HONE_OK: the run folder is whole, model.onnx with the best weights, last.safetensors with those
// after the last step; before there are any, the result is empty and nothing is left. On any other
// failure a run folder that this call made is removed while it still holds no epoch; otherwise what
// was saved stays. A run that was killed, cancelled or cut short by a full disk goes on with
// params->resume from its last checkpoint and ends with the same bytes in its weights as one that
// was never stopped, on the same device, driver and build (on "ref", which computes in double, up
// to the rounding of the checkpoint); a device that is lost is opened anew, and the run goes on in
// the same way by itself. HONE_INVALID: options, data or backbone; HONE_UNSUPPORTED: operators that
// hone lacks, by name; HONE_NOT_FOUND: a file or device; HONE_IO: reading or writing, a full disk
// among it.
hone_status hone_train(const struct hone_train_params *params, const struct hone_data_params *data,
                       const struct hone_train_hooks *hooks, struct hone_train_result *out);
void hone_train_result_deinit(struct hone_train_result *result);

// Cross-validation.
struct hone_spread {
    double mean, deviation; // over the folds: sample deviation
};
// Zero it to begin; hone_folds_result_deinit to end.
struct hone_folds_result {
    char *run_dir;
    int32_t class_count;
    char **class_names;
    int32_t folds_done;
    bool cancelled;
    struct hone_metrics pooled; // every picture once, judged by the model that did not see it
    struct hone_spread accuracy, macro_f1, loss;
    double seconds;
};
// hone_train() for each of data->folds folds (3 at least), into folders fold1, fold2, ... of the
// run's folder, beside which folds.json and the pooled confusion.csv say what they come to.
// Failures as of hone_train; what the folds before had written stays. HONE_CANCELLED with a result
// where a fold was done. With params->resume, the folder of a cross-validation that was stopped or
// killed, folds that are done count as they are, and the others go on or begin with the options of
// then; data->folds is not needed.
hone_status hone_train_folds(const struct hone_train_params *params,
                             const struct hone_data_params *data,
                             const struct hone_train_hooks *hooks, struct hone_folds_result *out);
void hone_folds_result_deinit(struct hone_folds_result *result);
// Whether a folder is that of a cross-validation, done or not: what hone_train_folds() can resume.
bool hone_train_has_folds(const char *dir);

// A contact sheet: what the net will see of the training pictures in an epoch, after augmentation
// and preprocessing, by class.
struct hone_show_params {
    const char *out;   // the PNG
    int32_t per_class; // pictures of each class
    int32_t epoch;     // from 1
};
extern const hone_option_table hone_show_options;
struct hone_show_result {
    int32_t classes, width, height; // of the sheet: pixels
    size_t pictures;
};
// The first `per_class` pictures of each class in the order of the epoch, in their batches and with
// the seed that hone_train() would give them with the same options: the very pixels, made on the
// device and taken back to grey levels. train->backbone may be NULL: --size and --preprocess then
// say what a net would take in. Blocks; HONE_INVALID for more than 64 classes on one sheet; other
// failures as of hone_train.
hone_status hone_show(const struct hone_train_params *train, const struct hone_data_params *data,
                      const struct hone_show_params *show, struct hone_show_result *out);

#ifdef __cplusplus
}
#endif
#endif
