// save.c: weights between device and host, which of them are the best, and what a run ends with.
#include "train/internal.h"

#include <math.h>
#include <string.h>

#include <hone/version.h>

#include "base/alloc.h"
#include "base/thread.h"
#include "eval/json.h"

static int64_t param_elements(const struct hone_model *model, size_t i) {
    return hone_desc_elements(hone_graph_desc(model->graph, model->params[i].value));
}

static bool is_statistic(const struct hone_param *param) {
    return param->kind == HONE_PARAM_NORM_MEAN || param->kind == HONE_PARAM_NORM_VAR;
}

// The loss alone does not show it: a relu turns a number that is none into 0, so that a net may die
// behind a finite loss.
static hone_status check_finite(const struct hone_trainer *t, const float *data, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!isfinite(data[i]))
            return hone_fail(HONE_INVALID,
                             "the weights are no longer finite numbers after step %lld: lower --lr",
                             (long long)t->steps_done);
    return HONE_OK;
}

hone_status hone_trainer_sync(struct hone_trainer *t) {
    if (!t->store) return HONE_OK; // the head alone: its result is on the host
    size_t bytes = (size_t)t->layout.length * sizeof(float);
    float *slab = hone_calloc((size_t)t->layout.length, sizeof *slab, "weights");
    if (!slab) return HONE_OUT_OF_MEMORY;
    hone_status status =
        hone_store_read(t->store, t->params.average > 0 ? "average" : "params", slab, bytes);
    if (status == HONE_OK) status = check_finite(t, slab, (size_t)t->layout.length);
    if (status == HONE_OK) hone_train_layout_scatter(&t->layout, slab, t->model);
    hone_free(slab);
    for (size_t i = 0; i < t->model->param_count && status == HONE_OK; i++) {
        char name[HONE_TRAIN_NAME];
        struct hone_param *param = &t->model->params[i];
        if (!is_statistic(param)) continue;
        size_t count = (size_t)param_elements(t->model, i);
        if (!hone_store_has(t->store, hone_train_state_name(param, name))) continue; // folded away
        status = hone_store_read(t->store, name, param->data, count * sizeof(float));
        if (status == HONE_OK) status = check_finite(t, param->data, count);
    }
    return status;
}

hone_status hone_trainer_load_frozen(const struct hone_trainer *t, struct hone_store *store) {
    for (size_t i = 0; i < t->model->param_count; i++) {
        char name[HONE_TRAIN_NAME];
        const struct hone_param *param = &t->model->params[i];
        if (t->layout.slot_of_param[i] >= 0) continue;
        hone_train_state_name(param, name);
        if (!hone_store_has(store, name)) continue; // not part of what runs on the device
        HONE_TRY(hone_store_write(store, name, param->data,
                                  (uint64_t)param_elements(t->model, i) * sizeof(float)));
    }
    return hone_train_write_folded(&t->layout, t->model, store);
}

hone_status hone_trainer_load(struct hone_trainer *t) {
    size_t bytes = (size_t)t->layout.length * sizeof(float);
    float *slab = hone_calloc((size_t)t->layout.length, sizeof *slab, "weights");
    if (!slab) return HONE_OUT_OF_MEMORY;
    hone_train_layout_gather(&t->layout, t->model, slab);
    hone_status status = hone_store_write(t->store, "params", slab, bytes);
    if (status == HONE_OK && t->params.average > 0)
        status = hone_store_write(t->store, "average", slab, bytes);
    hone_free(slab);
    return status == HONE_OK ? hone_trainer_load_frozen(t, t->store) : status;
}

static void copy_params(struct hone_model *model, float *all, bool into_model) {
    for (size_t i = 0; i < model->param_count; i++) {
        size_t count = (size_t)param_elements(model, i);
        if (into_model)
            memcpy(model->params[i].data, all, count * sizeof *all);
        else
            memcpy(all, model->params[i].data, count * sizeof *all);
        all += count;
    }
}

// Larger is better.
static double score_of(const struct hone_trainer *t, const struct hone_metrics *val) {
    switch ((enum hone_metric)t->params.metric) {
    case HONE_METRIC_ACCURACY: return val->accuracy;
    case HONE_METRIC_LOSS: return -val->loss;
    case HONE_METRIC_MACRO_F1: break;
    }
    return val->macro_f1;
}

hone_status hone_trainer_consider(struct hone_trainer *t, int32_t epoch, struct hone_metrics *val,
                                  bool *best) {
    bool judged = val->class_count != 0;
    double score = judged ? score_of(t, val) : 0;
    *best = !t->best || !judged || score > t->best_score ||
            (score == t->best_score && val->loss < t->best_loss);
    if (*best) {
        size_t count = 0;
        for (size_t i = 0; i < t->model->param_count; i++)
            count += (size_t)param_elements(t->model, i);
        if (!t->best) t->best = hone_calloc(count, sizeof *t->best, "the best weights");
        if (!t->best) {
            hone_metrics_deinit(val);
            return HONE_OUT_OF_MEMORY;
        }
        copy_params(t->model, t->best, false);
        hone_free(t->best_answers);
        t->best_answers = t->answers[HONE_PART_VAL];
        t->answers[HONE_PART_VAL] = NULL;
        t->best_epoch = epoch;
        t->best_score = score;
        t->best_loss = val->loss;
        hone_metrics_deinit(&t->best_val);
        t->best_val = *val;
        *val = (struct hone_metrics){0};
    }
    hone_metrics_deinit(val);
    return HONE_OK;
}

void hone_trainer_forget_best(struct hone_trainer *t) {
    hone_free(t->best);
    hone_free(t->best_answers);
    t->best = t->best_answers = NULL;
    t->best_epoch = 0;
    hone_metrics_deinit(&t->best_val);
}

void hone_trainer_recall(struct hone_trainer *t) {
    if (t->best) copy_params(t->model, t->best, true);
}

// The figures of a part as a JSON object, or null where there is no such part. New reference.
static json_t *part_json(const struct hone_trainer *t, const struct hone_metrics *metrics) {
    char *text = NULL;
    if (!metrics->class_count) return json_null();
    if (hone_metrics_json(metrics, t->class_names, &text) != HONE_OK) return NULL;
    json_t *value = json_loads(text, 0, NULL);
    hone_free(text);
    return value;
}

static hone_status write_summary(struct hone_trainer *t) {
    const struct hone_train_result *r = t->result;
    char *text;
    json_t *names = json_array();
    for (int32_t c = 0; c < t->classes; c++)
        json_array_append_new(names, json_string(t->class_names[c]));
    json_t *root = json_pack("{s:s, s:s?, s:s, s:o, s:i, s:i, s:b, s:I, s:I, s:o, s:o, s:o, s:o}",
                             "hone", hone_version(), "backbone", t->params.backbone, "device",
                             hone_device_caps(t->device)->name, "classes", names, "epochs_done",
                             (int)r->epochs_done, "best_epoch", (int)t->best_epoch, "cancelled",
                             (int)r->cancelled, "parameters", (json_int_t)r->parameters,
                             "trained_parameters", (json_int_t)r->trained_parameters, "seconds",
                             hone_json_number(hone_seconds() - t->start), "pictures_per_second",
                             hone_json_number(r->pictures_per_second), "val", part_json(t, &r->val),
                             "test", part_json(t, &r->test));
    HONE_TRY(hone_json_text(root, &text));
    hone_status status = hone_run_write(&t->run, "summary.json", text);
    hone_free(text);
    return status;
}

hone_status hone_trainer_write_results(struct hone_trainer *t) {
    struct hone_run_part parts[] = {{"val", &t->result->val}, {"test", &t->result->test}};
    char *path = hone_run_path(&t->run, "model.onnx");
    if (!path) return HONE_OUT_OF_MEMORY;
    hone_status status = hone_model_save(t->model, path);
    hone_free(path);
    HONE_TRY(status);
    HONE_TRY(hone_run_write_confusion(&t->run, parts, 2, t->class_names));
    return write_summary(t);
}
