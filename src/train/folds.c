// folds.c: cross-validation: a run for each fold, in a folder of its own, and what they come to
// together. Every picture is tested once, by a model that did not see its group.
#include <hone/data.h>
#include <hone/train.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <hone/version.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/thread.h"
#include "eval/json.h"
#include "train/run.h"

struct folds_work {
    const struct hone_train_hooks *hooks;
    struct hone_run run; // the folder around the folds
    struct hone_folds_result *out;
    int64_t *confusion;                 // pooled
    double *accuracy, *macro_f1, *loss; // of each fold
};

static void folds_note(const struct folds_work *w, int32_t fold, int32_t folds) {
    char line[64];
    if (!w->hooks || !w->hooks->note) return;
    snprintf(line, sizeof line, "fold %d of %d", (int)fold, (int)folds);
    w->hooks->note(w->hooks->user, line);
}

// Takes the class names of the first fold; the others have the same.
static hone_status folds_take(struct folds_work *w, struct hone_train_result *result) {
    struct hone_folds_result *out = w->out;
    const struct hone_metrics *m = &result->test;
    size_t cells = (size_t)result->class_count * (size_t)result->class_count;
    if (!m->class_count)
        return hone_fail(HONE_INVALID, "fold %d has no pictures to test",
                         (int)(out->folds_done + 1));
    if (!out->class_names) {
        w->confusion = hone_calloc(cells, sizeof *w->confusion, "a confusion matrix");
        if (!w->confusion) return HONE_OUT_OF_MEMORY;
        out->class_count = result->class_count;
        out->class_names = result->class_names;
        result->class_names = NULL;
    }
    for (size_t i = 0; i < cells; i++) w->confusion[i] += m->confusion[i];
    w->accuracy[out->folds_done] = m->accuracy;
    w->macro_f1[out->folds_done] = m->macro_f1;
    w->loss[out->folds_done] = m->loss;
    out->folds_done++;
    return HONE_OK;
}

static struct hone_spread spread_of(const double *values, int32_t count) {
    struct hone_spread s = {0};
    for (int32_t i = 0; i < count; i++) s.mean += values[i] / count;
    for (int32_t i = 0; i < count && count > 1; i++)
        s.deviation += (values[i] - s.mean) * (values[i] - s.mean) / (count - 1);
    s.deviation = sqrt(s.deviation);
    return s;
}

static json_t *spread_json(struct hone_spread s) {
    return json_pack("{s:o, s:o}", "mean", hone_json_number(s.mean), "deviation",
                     hone_json_number(s.deviation));
}

static hone_status folds_write(struct folds_work *w) {
    struct hone_folds_result *out = w->out;
    struct hone_run_part part = {"pooled", &out->pooled};
    char *text = NULL;
    json_t *folds = json_array();
    for (int32_t i = 0; i < out->folds_done; i++)
        json_array_append_new(folds,
                              json_pack("{s:f, s:f, s:o}", "accuracy", w->accuracy[i], "macro_f1",
                                        w->macro_f1[i], "loss", hone_json_number(w->loss[i])));
    HONE_TRY(hone_metrics_json(&out->pooled, (const char *const *)out->class_names, &text));
    json_t *pooled = json_loads(text, 0, NULL);
    hone_free(text);
    json_t *root =
        json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:f}", "hone", hone_version(), "folds", folds,
                  "accuracy", spread_json(out->accuracy), "macro_f1", spread_json(out->macro_f1),
                  "loss", spread_json(out->loss), "pooled", pooled, "seconds", out->seconds);
    HONE_TRY(hone_json_text(root, &text));
    hone_status status = hone_run_write(&w->run, "folds.json", text);
    hone_free(text);
    HONE_TRY(status);
    return hone_run_write_confusion(&w->run, &part, 1, (const char *const *)out->class_names);
}

// What the folds that are done come to, and the files that say so.
static hone_status folds_finish(struct folds_work *w) {
    struct hone_folds_result *out = w->out;
    HONE_TRY(hone_metrics_from_confusion(w->confusion, out->class_count, &out->pooled));
    out->accuracy = spread_of(w->accuracy, out->folds_done);
    out->macro_f1 = spread_of(w->macro_f1, out->folds_done);
    out->loss = spread_of(w->loss, out->folds_done);
    return folds_write(w);
}

static hone_status folds_run(struct folds_work *w, const struct hone_train_params *params,
                             const struct hone_data_params *data) {
    struct hone_folds_result *out = w->out;
    double start = hone_seconds();
    hone_status status = HONE_OK;
    size_t folds = (size_t)data->folds;
    w->accuracy = hone_calloc(folds, sizeof *w->accuracy, "folds");
    w->macro_f1 = hone_calloc(folds, sizeof *w->macro_f1, "folds");
    w->loss = hone_calloc(folds, sizeof *w->loss, "folds");
    if (!w->accuracy || !w->macro_f1 || !w->loss) return HONE_OUT_OF_MEMORY;
    HONE_TRY(hone_run_begin(params->out, &w->run));
    out->run_dir = hone_strdup(w->run.dir);
    if (!out->run_dir) return HONE_OUT_OF_MEMORY;
    for (int32_t fold = 1; fold <= data->folds && status == HONE_OK; fold++) {
        struct hone_train_params own = *params;
        struct hone_data_params part = *data;
        struct hone_train_result result;
        char name[32];
        snprintf(name, sizeof name, "fold%d", (int)fold);
        char *folder = hone_path_join(w->run.dir, name);
        if (!folder) return HONE_OUT_OF_MEMORY;
        own.out = folder;
        part.fold = fold;
        folds_note(w, fold, data->folds);
        status = hone_train(&own, &part, w->hooks, &result);
        if (status == HONE_OK) status = folds_take(w, &result);
        w->run.kept = w->run.kept || hone_dir_exists(folder);
        hone_train_result_deinit(&result);
        hone_free(folder);
    }
    out->seconds = hone_seconds() - start;
    out->cancelled = status == HONE_CANCELLED;
    if (status != HONE_OK && !(out->cancelled && out->folds_done)) return status;
    HONE_TRY(folds_finish(w));
    return status == HONE_OK
               ? HONE_OK
               : hone_fail(HONE_CANCELLED, "stopped after %d of %d folds; %s holds what there is",
                           (int)out->folds_done, (int)data->folds, w->run.dir);
}

hone_status hone_train_folds(const struct hone_train_params *params,
                             const struct hone_data_params *data,
                             const struct hone_train_hooks *hooks, struct hone_folds_result *out) {
    struct folds_work work = {.hooks = hooks, .out = out};
    *out = (struct hone_folds_result){0};
    if (data->folds < 3)
        return hone_fail(HONE_INVALID,
                         "--folds is %d: three at least, one of them to choose the "
                         "epoch and one to test",
                         (int)data->folds);
    hone_status status = folds_run(&work, params, data);
    hone_free(work.confusion);
    hone_free(work.accuracy);
    hone_free(work.macro_f1);
    hone_free(work.loss);
    hone_run_end(&work.run);
    if (status != HONE_OK && !(status == HONE_CANCELLED && out->folds_done))
        hone_folds_result_deinit(out);
    return status;
}

void hone_folds_result_deinit(struct hone_folds_result *result) {
    for (int32_t c = 0; result->class_names && c < result->class_count; c++)
        hone_free(result->class_names[c]);
    hone_free(result->class_names);
    hone_free(result->run_dir);
    hone_metrics_deinit(&result->pooled);
    *result = (struct hone_folds_result){0};
}
