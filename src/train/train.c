// train.c: the order of a run. What can fail cheaply comes first: options, the list of pictures,
// the backbone, the device; then the pictures are read; the run's folder is made last, when all
// else is known to be in order.
#include "train/internal.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/options.h"
#include "base/thread.h"
#include "data/alike.h"
#include "train/augment.h"
#include "train/report.h"

static const double PROGRESS_SECONDS = 0.1;
enum { LOST_MOST = 3 }; // losses of the device without a checkpoint between them

void hone_trainer_progress(struct hone_trainer *t, const struct hone_train_progress *progress) {
    double now = hone_seconds();
    bool last = progress->done == progress->total;
    if (!t->hooks.progress || (!last && now - t->told < PROGRESS_SECONDS)) return;
    t->told = now;
    t->hooks.progress(t->hooks.user, progress);
}

void hone_trainer_note(struct hone_trainer *t, const char *format, ...) {
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    hone_text_printf(&t->notes, "%s\n", line);
    if (t->hooks.note) t->hooks.note(t->hooks.user, line);
}

bool hone_trainer_cancelled(const struct hone_trainer *t) {
    return t->hooks.cancelled && t->hooks.cancelled(t->hooks.user);
}

static bool decode_progress(void *user, size_t done, size_t total) {
    struct hone_trainer *t = user;
    size_t all = hone_dataset_count(t->data, HONE_PART_ALL);
    (void)total; // of the part; what is told is about all
    hone_trainer_progress(t, &(struct hone_train_progress){.phase = HONE_TRAIN_DECODE,
                                                           .done = (int64_t)(t->decoded + done),
                                                           .total = (int64_t)all,
                                                           .loss = NAN});
    return !hone_trainer_cancelled(t);
}

static hone_status open_device(struct hone_trainer *t) {
    const struct hone_train_params *p = &t->params;
    bool untuned = p->tuning && strcmp(p->tuning, "off") == 0;
    return hone_device_open(&(struct hone_device_params){.name = p->device,
                                                         .validate = p->validate,
                                                         .memory_bytes = (uint64_t)p->memory << 20,
                                                         .tuning = untuned ? "" : p->tuning},
                            &t->device);
}

static hone_status open_inputs(struct hone_trainer *t) {
    const struct hone_train_params *p = &t->params;
    hone_model_load_params load = {.size = p->size, .preprocess = p->preprocess, .arch = p->arch};
    HONE_TRY(hone_dataset_open(t->data_params, &t->data));
    t->classes = hone_dataset_class_count(t->data);
    if (!hone_dataset_count(t->data, HONE_PART_TRAIN))
        return hone_fail(HONE_INVALID, "there are no pictures to train on");
    HONE_TRY(hone_model_load(p->backbone, &load, &t->model));
    if (!p->preprocess && hone_preprocess_keep_all(&t->model->preprocess))
        hone_trainer_note(t,
                          "pictures are stretched: the crop that the backbone asks for would cut "
                          "defects off (--preprocess imagenet:crop brings it back)");
    const char **names = hone_calloc((size_t)t->classes, sizeof *names, "class names");
    if (!names) return HONE_OUT_OF_MEMORY;
    for (int32_t c = 0; c < t->classes; c++) names[c] = hone_dataset_class_name(t->data, c);
    t->class_names = names;
    hone_trainer_choose_recipe(t);
    HONE_TRY(hone_trainer_gather_features(t));
    HONE_TRY(hone_fail_context(
        hone_model_replace_head(t->model, t->classes, t->class_names, (uint64_t)p->seed), "%s",
        p->backbone));
    HONE_TRY(hone_trainer_choose_copies(t));
    HONE_TRY(open_device(t));
    hone_trainer_note(t, "device: %s", hone_device_caps(t->device)->name);
    for (size_t i = 0; hone_model_warning(t->model, i); i++)
        hone_trainer_note(t, "%s: %s", p->backbone, hone_model_warning(t->model, i));
    return HONE_OK;
}

static hone_status read_pictures(struct hone_trainer *t) {
    struct hone_pictures_params load = {
        .strict = t->data_params->strict, .progress = decode_progress, .user = t};
    double start = hone_seconds();
    for (int part = 0; part < HONE_PART_COUNT; part++) {
        HONE_TRY(hone_pictures_load(t->data, (enum hone_part)part, &t->model->preprocess, &load,
                                    &t->pictures[part]));
        t->decoded += hone_dataset_count(t->data, (enum hone_part)part);
    }
    t->spent.decode = hone_seconds() - start;
    HONE_TRY(hone_pictures_compare(t->data, t->pictures, &t->alike));
    hone_alike_warn(&t->alike);
    const struct hone_pictures *train = &t->pictures[HONE_PART_TRAIN];
    HONE_TRY(hone_trainer_weigh_classes(t));
    hone_trainer_note(t, "pictures: %zu to train, %zu to validate, %zu to test, %d x %d",
                      train->count, t->pictures[HONE_PART_VAL].count,
                      t->pictures[HONE_PART_TEST].count, (int)train->width, (int)train->height);
    return HONE_OK;
}

static hone_status write_args(struct hone_trainer *t) {
    struct hone_run_options options[] = {{&hone_train_options, &t->params},
                                         {&hone_data_options, t->data_params}};
    return hone_run_write_args(&t->run, options, sizeof options / sizeof *options);
}

static hone_status open_run(struct hone_trainer *t) {
    static const char *const lists[] = {"splits", "splits/train.txt", "splits/val.txt",
                                        "splits/test.txt"};
    HONE_TRY(t->params.resume ? hone_trainer_reopen_run(t)
                              : hone_run_begin(t->params.out, &t->run));
    t->result->run_dir = hone_strdup(t->run.dir);
    if (!t->result->run_dir) return HONE_OUT_OF_MEMORY;
    if (!t->params.resume) HONE_TRY(write_args(t));
    if (t->params.tensorboard && !t->run.events) HONE_TRY(hone_run_begin_events(&t->run));
    char *folder = NULL;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        char *path = hone_run_path(&t->run, lists[i]);
        if (!path) {
            hone_free(folder);
            return HONE_OUT_OF_MEMORY;
        }
        if (i == 0)
            folder = path;
        else
            hone_free(path);
    }
    hone_status status = hone_dataset_write_lists(t->data, folder);
    hone_free(folder);
    hone_trainer_note(t, "run: %s", t->run.dir);
    return status;
}

// The best weights, judged on the test part, as the run's model.
static hone_status finish(struct hone_trainer *t, bool cancelled) {
    hone_trainer_recall(t);
    t->result->cancelled = cancelled;
    t->result->best_epoch = t->best_epoch;
    t->result->val = t->best_val;
    t->best_val = (struct hone_metrics){0};
    if (t->store && !cancelled) {
        HONE_TRY(hone_trainer_load(t));
        HONE_TRY(hone_trainer_judge(t, HONE_PART_TEST, &t->result->test));
    }
    hone_trainer_tell_memory(t);
    t->result->seconds = hone_seconds() - t->start;
    HONE_TRY(hone_trainer_write_results(t));
    hone_trainer_write_report(t);
    return HONE_OK;
}

static hone_status copy_classes(struct hone_trainer *t) {
    t->result->class_names =
        hone_calloc((size_t)t->classes, sizeof *t->result->class_names, "class names");
    if (!t->result->class_names) return HONE_OUT_OF_MEMORY;
    t->result->class_count = t->classes;
    for (int32_t c = 0; c < t->classes; c++) {
        t->result->class_names[c] = hone_strdup(t->class_names[c]);
        if (!t->result->class_names[c]) return HONE_OUT_OF_MEMORY;
    }
    return HONE_OK;
}

void hone_trainer_phase(const struct hone_trainer *t, const char *what) {
    hone_log(HONE_LOG_DEBUG, "%.3f s: %s", hone_seconds() - t->start, what);
}

static hone_status train(struct hone_trainer *t) {
    if (t->recipe == HONE_RECIPE_HEAD) return hone_trainer_fit_head(t);
    if (t->recipe == HONE_RECIPE_FINE_TUNE && !t->resumed) HONE_TRY(hone_trainer_probe(t));
    return hone_trainer_tune(t);
}

// Training and what the run ends with.
static hone_status work(struct hone_trainer *t) {
    hone_status trained = train(t);
    if (trained != HONE_OK && (trained != HONE_CANCELLED || !t->best)) return trained;
    HONE_TRY(finish(t, trained == HONE_CANCELLED));
    return trained == HONE_OK
               ? HONE_OK
               : hone_fail(HONE_CANCELLED, "stopped; %s holds what there is", t->run.dir);
}

static void close_device(struct hone_trainer *t) {
    hone_program_destroy(&t->step);
    hone_program_destroy(&t->update);
    hone_program_destroy(&t->judge);
    hone_store_destroy(&t->store);
    hone_device_close(&t->device);
    hone_free(t->labels);
    hone_free(t->partners);
    t->labels = t->partners = NULL;
}

// What the device held is gone: all of it goes back to the last checkpoint, or, before there was
// one, to the start.
static hone_status reopen(struct hone_trainer *t) {
    close_device(t);
    HONE_TRY(open_device(t));
    hone_metrics_deinit(&t->result->val);
    hone_metrics_deinit(&t->result->test);
    t->resumed = t->recipe != HONE_RECIPE_HEAD && hone_trainer_has_state(t);
    if (t->resumed) return HONE_OK;
    hone_trainer_forget_best(t);
    return hone_run_rewind(&t->run, -1);
}

static hone_status work_through_losses(struct hone_trainer *t) {
    int64_t saves = -1;
    for (int lost = 0;; lost = saves == t->saves ? lost + 1 : 1) {
        saves = t->saves;
        hone_status status = work(t);
        if (status != HONE_DEVICE_LOST || lost == LOST_MOST) return status;
        hone_log(HONE_LOG_WARNING, "%s", hone_error_message());
        hone_trainer_note(t, "the device was lost: it is opened anew, and the run goes on");
        HONE_TRY(reopen(t));
    }
}

static hone_status run(struct hone_trainer *t) {
    if (t->params.resume) HONE_TRY(hone_trainer_take_up(t));
    if (t->data_params->folds && !t->data_params->fold)
        return hone_fail(HONE_INVALID,
                         "--folds without --fold: hone_train_folds() trains them all");
    HONE_TRY(hone_options_complete(&hone_train_options, &t->params));
    HONE_TRY(hone_train_check_params(&t->params));
    hone_train_augment_resolve(&t->params);
    HONE_TRY(hone_train_parse_freeze(t->params.freeze, &t->freeze));
    if (t->params.budget) HONE_TRY(hone_train_parse_budget(t->params.budget, &t->budget));
    HONE_TRY(open_inputs(t));
    hone_trainer_phase(t, "backbone read, device open");
    HONE_TRY(copy_classes(t));
    if (t->recipe == HONE_RECIPE_SCRATCH) hone_model_randomize(t->model, (uint64_t)t->params.seed);
    HONE_TRY(hone_trainer_decide(t));
    hone_trainer_decide_precision(t);
    HONE_TRY(hone_trainer_plan_weights(t));
    HONE_TRY(hone_trainer_plan_prefix(t));
    HONE_TRY(hone_trainer_plan_memory(t));
    HONE_TRY(read_pictures(t));
    hone_trainer_choose_epochs(t);
    hone_trainer_phase(t, "pictures read");
    HONE_TRY(open_run(t));
    return work_through_losses(t);
}

static void trainer_deinit(struct hone_trainer *t) {
    close_device(t);
    for (int part = 0; part < HONE_PART_COUNT; part++) hone_pictures_deinit(&t->pictures[part]);
    hone_dataset_close(&t->data);
    hone_model_destroy(&t->model);
    hone_train_layout_deinit(&t->layout);
    hone_trainer_prefix_deinit(&t->prefix);
    hone_metrics_deinit(&t->best_val);
    hone_run_end(&t->run);
    hone_free((void *)t->class_names);
    hone_free(t->class_weights);
    hone_free(t->head_weights);
    hone_free(t->prior);
    hone_free(t->tried_rates);
    hone_free(t->tried_losses);
    hone_free(t->best);
    for (int part = 0; part < HONE_PART_COUNT; part++) hone_free(t->answers[part]);
    hone_free(t->best_answers);
    hone_text_deinit(&t->notes);
    hone_arena_deinit(&t->kept_options);
}

hone_status hone_train(const struct hone_train_params *params, const struct hone_data_params *data,
                       const struct hone_train_hooks *hooks, struct hone_train_result *out) {
    struct hone_trainer trainer = {
        .params = *params, .data_params = data, .result = out, .start = hone_seconds()};
    *out = (struct hone_train_result){0};
    if (hooks) trainer.hooks = *hooks;
    hone_status status = run(&trainer);
    if ((status == HONE_IO || status == HONE_DEVICE_LOST || status == HONE_OUT_OF_MEMORY) &&
        trainer.run.kept && hone_trainer_has_state(&trainer))
        hone_fail_context(status,
                          "stopped (hone train --resume %s goes on from the last checkpoint)",
                          trainer.run.dir);
    bool kept = trainer.run.kept;
    trainer_deinit(&trainer);
    // A cancelled run that reached weights has a result; other failures have none.
    if (status != HONE_OK && !(status == HONE_CANCELLED && kept)) hone_train_result_deinit(out);
    return status;
}

void hone_train_result_deinit(struct hone_train_result *result) {
    for (int32_t c = 0; result->class_names && c < result->class_count; c++)
        hone_free(result->class_names[c]);
    hone_free(result->class_names);
    hone_free(result->run_dir);
    hone_metrics_deinit(&result->val);
    hone_metrics_deinit(&result->test);
    *result = (struct hone_train_result){0};
}
