// eval.h: how good is a model: its answers on labelled pictures, and the figures that follow from
// them.
#ifndef HONE_EVAL_H
#define HONE_EVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hone/base.h>
#include <hone/options.h>

#ifdef __cplusplus
extern "C" {
#endif

struct hone_data_params; // <hone/data.h>

// One class: of `support` pictures that are of it, and `predicted` that the model called it,
// `correct` are both. precision = correct / predicted, recall = correct / support, f1 = their
// harmonic mean; each is 0 where its divisor is 0.
struct hone_class_metrics {
    int64_t support, predicted, correct;
    double precision, recall, f1;
};

// Zero it to begin; hone_metrics_deinit to end.
struct hone_metrics {
    int32_t class_count;
    int64_t count; // pictures
    double accuracy;
    double macro_f1; // mean of f1 over the classes that have pictures or were predicted
    double loss;     // mean cross-entropy (natural logarithm), unweighted; NaN where not known
    struct hone_class_metrics *classes;
    int64_t *confusion; // [truth * class_count + predicted]
};

// From a confusion matrix of class_count * class_count counts, which is copied; matrices of several
// folds may be added first. loss is NaN.
hone_status hone_metrics_from_confusion(const int64_t *confusion, int32_t class_count,
                                        struct hone_metrics *out);
// From probabilities (count, class_count) and labels in 0..class_count-1 (a negative one is left
// out). The prediction is the first largest probability.
hone_status hone_metrics_from_probabilities(const float *probabilities, const int32_t *labels,
                                            size_t count, int32_t class_count,
                                            struct hone_metrics *out);
void hone_metrics_deinit(struct hone_metrics *metrics);

// A table for people: accuracy, macro-F1, a line a class, the confusion matrix. hone_text_free.
hone_status hone_metrics_text(const struct hone_metrics *metrics, const char *const *class_names,
                              char **out);
// The same as a JSON object. hone_text_free.
hone_status hone_metrics_json(const struct hone_metrics *metrics, const char *const *class_names,
                              char **out);
void hone_text_free(char **text);

struct hone_eval_params {
    const char *device;     // NULL: the best GPU; an index, a part of a name, a UUID, or "ref"
    const char *preprocess; // "imagenet", "tf", "none" or "MEAN,STD"; NULL: as the file says
    const char *part; // "train", "val", "test" or "all" of the data; NULL: test, else val, else all
    int32_t batch;    // pictures a submit; 0: 16
    int32_t size;     // where the file leaves the input size open; 0: 224
    bool validate;
    // Called now and then from the calling thread; may be NULL. Returning false stops:
    // HONE_CANCELLED.
    bool (*progress)(void *user, int64_t done, int64_t total, double pictures_per_second);
    void *user;
};
// Options device, preprocess, part, batch, size, validate.
extern const hone_option_table hone_eval_options;

// The answers. Zero it to begin; hone_evaluation_deinit to end.
struct hone_evaluation {
    struct hone_metrics metrics;
    int32_t class_count;
    char **class_names; // the model's
    size_t count;       // pictures
    char **paths;
    int32_t *labels;      // by the model's classes
    float *probabilities; // (count, class_count)
    size_t broken;        // pictures left out
    double seconds, pictures_per_second;
};

// Classes of the data are matched to the model's by name; a class that the model does not know is
// HONE_INVALID. Blocks until done. HONE_CANCELLED gives no result.
hone_status hone_eval(const char *model, const struct hone_data_params *data,
                      const struct hone_eval_params *params, struct hone_evaluation *out);
void hone_evaluation_deinit(struct hone_evaluation *evaluation);

#ifdef __cplusplus
}
#endif
#endif
