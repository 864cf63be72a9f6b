// folds.c: cross-validation: a run for each fold, in a folder of its own, and what they come to
// together. Every picture is tested once, by a model that did not see its group. args.json around
// the folds holds the options of all: a cross-validation that was stopped reads the folds that are
// done, goes on with the one at work, and begins the others from there.
#include <hone/data.h>
#include <hone/train.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <hone/version.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/options.h"
#include "base/thread.h"
#include "eval/json.h"
#include "train/run.h"

enum { FOLDS_LEAST = 3, FILE_MOST_BYTES = 1 << 24 };

struct folds_work {
    const struct hone_train_params *params;
    const struct hone_data_params *data;
    const struct hone_train_hooks *hooks;
    int32_t folds;
    double before;       // seconds of folds that were done already
    struct hone_run run; // the folder around the folds
    struct hone_folds_result *out;
    int64_t *confusion;                 // pooled
    double *accuracy, *macro_f1, *loss; // of each fold
};

static void folds_note(const struct folds_work *w, int32_t fold, bool done) {
    char line[64];
    if (!w->hooks || !w->hooks->note) return;
    snprintf(line, sizeof line, "fold %d of %d%s", (int)fold, (int)w->folds,
             done ? ": done before" : "");
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

// DIR/name as JSON, a new reference; NULL: it is not there, or not an object.
static json_t *read_json(const char *dir, const char *name) {
    char *path = hone_path_join(dir, name), *text = NULL;
    size_t bytes;
    json_t *root = NULL;
    if (path && hone_file_exists(path) &&
        hone_file_read(path, FILE_MOST_BYTES, &text, &bytes) == HONE_OK)
        root = json_loadb(text, bytes, 0, NULL);
    hone_free(text);
    hone_free(path);
    if (json_is_object(root)) return root;
    json_decref(root);
    return NULL;
}

static int32_t integer_of(const json_t *root, const char *key) {
    return (int32_t)json_integer_value(json_object_get(root, key));
}

// Folds of the cross-validation in a folder; 0: there is none.
static int32_t folds_of(const char *dir) {
    json_t *args = read_json(dir, "args.json");
    int32_t folds = integer_of(args, "fold") ? 0 : integer_of(args, "folds");
    json_decref(args);
    return folds < FOLDS_LEAST ? 0 : folds;
}

bool hone_train_has_folds(const char *dir) {
    return folds_of(dir) != 0;
}

// A square matrix of counts from rows of JSON; NULL: it is none, or memory. hone_free.
static int64_t *matrix_of(const json_t *rows, size_t classes) {
    if (!classes || json_array_size(rows) != classes) return NULL;
    int64_t *matrix = hone_calloc(classes * classes, sizeof *matrix, "a confusion matrix");
    for (size_t i = 0; matrix && i < classes * classes; i++) {
        const json_t *row = json_array_get(rows, i / classes);
        const json_t *count = json_array_get(row, i % classes);
        if (json_array_size(row) == classes && json_is_integer(count) &&
            json_integer_value(count) >= 0) {
            matrix[i] = (int64_t)json_integer_value(count);
            continue;
        }
        hone_free(matrix);
        matrix = NULL;
    }
    return matrix;
}

static hone_status take_names(const json_t *names, struct hone_train_result *out) {
    size_t classes = json_array_size(names);
    out->class_names = hone_calloc(classes, sizeof *out->class_names, "class names");
    if (!out->class_names) return HONE_OUT_OF_MEMORY;
    out->class_count = (int32_t)classes;
    for (size_t c = 0; c < classes; c++) {
        const char *name = json_string_value(json_array_get(names, c));
        out->class_names[c] = hone_strdup(name ? name : "");
        if (!out->class_names[c]) return HONE_OUT_OF_MEMORY;
    }
    return HONE_OK;
}

// What a fold that is done came to, from its summary.json; *done false: it is not done.
static hone_status read_fold(struct folds_work *w, const char *folder,
                             struct hone_train_result *out, bool *done) {
    json_t *root = read_json(folder, "summary.json");
    const json_t *test = json_object_get(root, "test"), *names = json_object_get(root, "classes");
    const json_t *loss = json_object_get(test, "loss");
    int64_t *matrix = NULL;
    hone_status status = HONE_OK;
    *out = (struct hone_train_result){0};
    if (json_is_false(json_object_get(root, "cancelled")))
        matrix = matrix_of(json_object_get(test, "confusion"), json_array_size(names));
    *done =
        matrix && (!w->out->class_names || json_array_size(names) == (size_t)w->out->class_count);
    if (*done) {
        status = take_names(names, out);
        if (status == HONE_OK)
            status = hone_metrics_from_confusion(matrix, out->class_count, &out->test);
        if (status == HONE_OK) {
            out->test.loss = json_is_number(loss) ? json_number_value(loss) : NAN;
            w->before += json_number_value(json_object_get(root, "seconds"));
        }
    }
    hone_free(matrix);
    json_decref(root);
    return status;
}

// args.json of a fold that has none yet: that around the folds, with its number and folder.
static hone_status write_fold_args(const struct folds_work *w, const char *folder, int32_t fold) {
    char *path = hone_path_join(folder, "args.json"), *text = NULL;
    if (!path) return HONE_OUT_OF_MEMORY;
    hone_status status = HONE_OK;
    if (!hone_file_exists(path)) {
        json_t *args = read_json(w->run.dir, "args.json");
        json_object_set_new(args, "fold", json_integer(fold));
        json_object_set_new(args, "out", json_string(folder));
        status = hone_json_text(args, &text);
        if (status == HONE_OK) status = hone_dir_make(folder);
        if (status == HONE_OK) status = hone_file_write(path, text, strlen(text));
        hone_free(text);
    }
    hone_free(path);
    return status;
}

static hone_status train_fold(struct folds_work *w, const char *folder, int32_t fold,
                              struct hone_train_result *result) {
    struct hone_train_params own = *w->params;
    struct hone_data_params part = *w->data;
    if (w->params->resume) {
        HONE_TRY(write_fold_args(w, folder, fold));
        own.resume = folder; // its args.json says the rest
        part.folds = part.fold = 0;
    } else {
        own.out = folder;
        part.fold = fold;
    }
    return hone_train(&own, &part, w->hooks, result);
}

static hone_status run_fold(struct folds_work *w, int32_t fold) {
    struct hone_train_result result = {0};
    char name[32];
    bool done = false;
    snprintf(name, sizeof name, "fold%d", (int)fold);
    char *folder = hone_path_join(w->run.dir, name);
    if (!folder) return HONE_OUT_OF_MEMORY;
    hone_status status = HONE_OK;
    if (w->params->resume) status = read_fold(w, folder, &result, &done);
    if (status == HONE_OK) folds_note(w, fold, done);
    if (status == HONE_OK && !done) {
        hone_train_result_deinit(&result);
        status = train_fold(w, folder, fold, &result);
    }
    if (status == HONE_OK) status = folds_take(w, &result);
    w->run.kept = w->run.kept || hone_dir_exists(folder);
    hone_train_result_deinit(&result);
    hone_free(folder);
    return status;
}

// The folder around the folds, with its args.json.
static hone_status folds_open(struct folds_work *w) {
    if (w->params->resume)
        return hone_fail_context(hone_run_reopen(w->params->resume, &w->run), "resume %s",
                                 w->params->resume);
    struct hone_train_params params = *w->params;
    const struct hone_run_options options[] = {{&hone_train_options, &params},
                                               {&hone_data_options, w->data}};
    HONE_TRY(hone_options_complete(&hone_train_options, &params));
    HONE_TRY(hone_run_begin(params.out, &w->run));
    return hone_run_write_args(&w->run, options, sizeof options / sizeof *options);
}

static hone_status folds_run(struct folds_work *w) {
    struct hone_folds_result *out = w->out;
    double start = hone_seconds();
    hone_status status = HONE_OK;
    size_t folds = (size_t)w->folds;
    w->accuracy = hone_calloc(folds, sizeof *w->accuracy, "folds");
    w->macro_f1 = hone_calloc(folds, sizeof *w->macro_f1, "folds");
    w->loss = hone_calloc(folds, sizeof *w->loss, "folds");
    if (!w->accuracy || !w->macro_f1 || !w->loss) return HONE_OUT_OF_MEMORY;
    HONE_TRY(folds_open(w));
    out->run_dir = hone_strdup(w->run.dir);
    if (!out->run_dir) return HONE_OUT_OF_MEMORY;
    for (int32_t fold = 1; fold <= w->folds && status == HONE_OK; fold++)
        status = run_fold(w, fold);
    out->seconds = w->before + hone_seconds() - start;
    out->cancelled = status == HONE_CANCELLED;
    if (status != HONE_OK && !(out->cancelled && out->folds_done)) return status;
    HONE_TRY(folds_finish(w));
    return status == HONE_OK
               ? HONE_OK
               : hone_fail(HONE_CANCELLED,
                           "stopped after %d of %d folds; %s holds what there is, and hone train "
                           "--resume goes on with it",
                           (int)out->folds_done, (int)w->folds, w->run.dir);
}

hone_status hone_train_folds(const struct hone_train_params *params,
                             const struct hone_data_params *data,
                             const struct hone_train_hooks *hooks, struct hone_folds_result *out) {
    struct folds_work work = {.params = params, .data = data, .hooks = hooks, .out = out};
    *out = (struct hone_folds_result){0};
    work.folds = params->resume ? folds_of(params->resume) : data->folds;
    if (params->resume && !work.folds)
        return hone_fail(HONE_NOT_FOUND, "resume %s: no cross-validation is there", params->resume);
    if (work.folds < FOLDS_LEAST)
        return hone_fail(HONE_INVALID,
                         "--folds is %d: three at least, one of them to choose the "
                         "epoch and one to test",
                         (int)data->folds);
    hone_status status = folds_run(&work);
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
