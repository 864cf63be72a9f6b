// save.c: weights between device, host and files, and which of them are the best.
#include "train/internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <hone/version.h>

#include "base/alloc.h"
#include "base/thread.h"
#include "eval/json.h"
#include "train/checkpoint.h"

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

hone_status hone_trainer_load(struct hone_trainer *t) {
    size_t bytes = (size_t)t->layout.length * sizeof(float);
    float *slab = hone_calloc((size_t)t->layout.length, sizeof *slab, "weights");
    if (!slab) return HONE_OUT_OF_MEMORY;
    hone_train_layout_gather(&t->layout, t->model, slab);
    hone_status status = hone_store_write(t->store, "params", slab, bytes);
    if (status == HONE_OK && t->params.average > 0)
        status = hone_store_write(t->store, "average", slab, bytes);
    hone_free(slab);
    for (size_t i = 0; i < t->model->param_count && status == HONE_OK; i++) {
        char name[HONE_TRAIN_NAME];
        struct hone_param *param = &t->model->params[i];
        if (t->layout.slot_of_param[i] >= 0) continue;
        hone_train_state_name(param, name);
        if (!hone_store_has(t->store, name)) continue; // not part of what runs on the device
        status = hone_store_write(t->store, name, param->data,
                                  (uint64_t)param_elements(t->model, i) * sizeof(float));
    }
    return status == HONE_OK ? hone_train_write_folded(&t->layout, t->model, t->store) : status;
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

hone_status hone_trainer_consider(struct hone_trainer *t, int32_t epoch, struct hone_metrics *val,
                                  bool *best) {
    bool judged = val->class_count != 0;
    *best = !t->best || !judged || val->macro_f1 > t->best_score ||
            (val->macro_f1 == t->best_score && val->loss < t->best_loss);
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
        t->best_score = val->macro_f1;
        t->best_loss = val->loss;
        hone_metrics_deinit(&t->best_val);
        t->best_val = *val;
        *val = (struct hone_metrics){0};
    }
    hone_metrics_deinit(val);
    return HONE_OK;
}

void hone_trainer_recall(struct hone_trainer *t) {
    if (t->best) copy_params(t->model, t->best, true);
}

enum { OPTIMIZER_SLABS = 3 };

// The slabs of the optimiser into `tensors`; *memory is the caller's to free.
static hone_status optimizer_tensors(struct hone_trainer *t, struct hone_checkpoint_tensor *tensors,
                                     size_t *count, float **memory) {
    // The model's own tensors are the average where there is one.
    static const char *const states[OPTIMIZER_SLABS] = {"momentum", "variance", "params"};
    static const char *const names[OPTIMIZER_SLABS] = {"optimizer.momentum", "optimizer.variance",
                                                       "optimizer.params"};
    size_t length = (size_t)t->layout.length;
    *memory = hone_calloc(OPTIMIZER_SLABS * length, sizeof **memory, "the optimiser's state");
    if (!*memory) return HONE_OUT_OF_MEMORY;
    for (size_t k = 0; k < OPTIMIZER_SLABS; k++) {
        if (!hone_store_has(t->store, states[k]) || (k == 2 && !(t->params.average > 0))) continue;
        float *slab = *memory + k * length;
        HONE_TRY(hone_store_read(t->store, states[k], slab, length * sizeof *slab));
        tensors[(*count)++] = (struct hone_checkpoint_tensor){
            .name = names[k],
            .desc = hone_desc_make(HONE_F32, 1, (int32_t)length, 0, 0, 0),
            .data = slab};
    }
    return HONE_OK;
}

hone_status hone_trainer_write_checkpoint(struct hone_trainer *t, const char *name, int32_t epoch) {
    char step[32], at[32], seed[32];
    snprintf(step, sizeof step, "%lld", (long long)t->steps_done);
    snprintf(at, sizeof at, "%d", (int)epoch);
    snprintf(seed, sizeof seed, "%lld", (long long)t->params.seed);
    struct hone_checkpoint_note notes[] = {
        {"hone", hone_version()},
        {"epoch", at},
        {"step", step},
        {"seed", seed},
        {"optimizer", t->params.optimizer == HONE_OPTIMIZER_SGD ? "sgd" : "adamw"}};
    struct hone_checkpoint checkpoint = {.notes = notes,
                                         .note_count = sizeof notes / sizeof *notes};
    float *slabs = NULL;
    char *path = hone_run_path(&t->run, name);
    checkpoint.tensors = hone_calloc(t->model->param_count + OPTIMIZER_SLABS,
                                     sizeof *checkpoint.tensors, "a checkpoint");
    hone_status status = path && checkpoint.tensors ? HONE_OK : HONE_OUT_OF_MEMORY;
    for (size_t i = 0; i < t->model->param_count && status == HONE_OK; i++) {
        const struct hone_param *param = &t->model->params[i];
        checkpoint.tensors[checkpoint.tensor_count++] =
            (struct hone_checkpoint_tensor){.name = param->name,
                                            .desc = *hone_graph_desc(t->model->graph, param->value),
                                            .data = param->data};
    }
    if (status == HONE_OK && t->store)
        status = optimizer_tensors(t, checkpoint.tensors, &checkpoint.tensor_count, &slabs);
    if (status == HONE_OK) status = hone_checkpoint_write(path, &checkpoint);
    hone_free(slabs);
    hone_free(checkpoint.tensors);
    hone_free(path);
    return status;
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
