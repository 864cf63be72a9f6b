// state.c: all that the rest of a run follows from, in last.safetensors, and back from there: the
// weights, the optimiser's slabs, the sums of the epoch at work, and how far it is. Orders of
// pictures and random numbers follow from seed, epoch and step, so that nothing else has to be
// kept. best.safetensors holds the best epoch with the answers that made it the best. Neither holds
// a time: the same run gives the same bytes.
#include "train/internal.h"

#include <stdio.h>
#include <string.h>

#include <hone/version.h>
#include <xxhash.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/log.h"
#include "base/thread.h"
#include "check/certificate.h"
#include "train/checkpoint.h"

#define LAST "last.safetensors"
#define BEST "best.safetensors"

// States of the step beside the model's own tensors, which are the average where there is one.
static const struct kept_state {
    const char *state, *name;
    int32_t elements; // 0: those of the slab
    bool averaged;    // only where weights are averaged
} kept_states[] = {
    {"momentum", "optimizer.momentum", 0, false},
    {"variance", "optimizer.variance", 0, false},
    {"params", "optimizer.params", 0, true},
    {"stats", "epoch.totals", 4, false},
    {"scaler", "scaler", 8, false},
};
enum { KEPT_STATES = sizeof kept_states / sizeof *kept_states, ANSWERS = 1 };

static const char answers_name[] = "answers.val";

static size_t kept_elements(const struct hone_trainer *t, const struct kept_state *kept) {
    return kept->elements ? (size_t)kept->elements : (size_t)t->layout.length;
}

static bool is_kept(const struct hone_trainer *t, const struct kept_state *kept) {
    return hone_store_has(t->store, kept->state) && (!kept->averaged || t->params.average > 0);
}

// ---- What a run was given ---------------------------------------------------------------------

// Hashes of the pictures as the net sees them, and of the backbone's file: whether a run goes on
// with what it began with.
static hone_status fingerprint(struct hone_trainer *t) {
    struct hone_file_map file = {0};
    XXH64_hash_t hash = 0;
    if (*t->data_hash) return HONE_OK;
    for (int part = 0; part < HONE_PART_COUNT; part++) {
        const struct hone_pictures *p = &t->pictures[part];
        const uint64_t shape[] = {p->count, (uint64_t)p->height, (uint64_t)p->width};
        hash = XXH64(shape, sizeof shape, hash);
        if (!p->count) continue;
        hash = XXH64(p->pixels, p->count * (size_t)p->height * (size_t)p->width * 3, hash);
        hash = XXH64(p->labels, p->count * sizeof *p->labels, hash);
    }
    for (int32_t c = 0; c < t->classes; c++)
        hash = XXH64(t->class_names[c], strlen(t->class_names[c]), hash);
    HONE_TRY(hone_file_map_open(t->params.backbone, &file));
    snprintf(t->backbone_hash, sizeof t->backbone_hash, "%016llx",
             (unsigned long long)XXH64(file.data, file.bytes, 0));
    hone_file_map_close(&file);
    snprintf(t->data_hash, sizeof t->data_hash, "%016llx", (unsigned long long)hash);
    return HONE_OK;
}

// ---- Writing ----------------------------------------------------------------------------------

// The states of the step into `tensors`; *memory is the caller's to free.
static hone_status state_tensors(struct hone_trainer *t, struct hone_checkpoint *to,
                                 float **memory) {
    size_t room = 0;
    for (size_t k = 0; k < KEPT_STATES; k++) room += kept_elements(t, &kept_states[k]);
    *memory = hone_calloc(room, sizeof **memory, "the optimiser's state");
    if (!*memory) return HONE_OUT_OF_MEMORY;
    float *at = *memory;
    for (size_t k = 0; k < KEPT_STATES; k++) {
        const struct kept_state *kept = &kept_states[k];
        size_t count = kept_elements(t, kept);
        if (!is_kept(t, kept)) continue;
        HONE_TRY(hone_store_read(t->store, kept->state, at, count * sizeof *at));
        to->tensors[to->tensor_count++] = (struct hone_checkpoint_tensor){
            .name = kept->name,
            .desc = hone_desc_make(HONE_F32, 1, (int32_t)count, 0, 0, 0),
            .data = at};
        at += count;
    }
    return HONE_OK;
}

static void add_model(const struct hone_trainer *t, struct hone_checkpoint *to) {
    for (size_t i = 0; i < t->model->param_count; i++) {
        const struct hone_param *param = &t->model->params[i];
        to->tensors[to->tensor_count++] =
            (struct hone_checkpoint_tensor){.name = param->name,
                                            .desc = *hone_graph_desc(t->model->graph, param->value),
                                            .data = param->data};
    }
}

static void add_answers(const struct hone_trainer *t, struct hone_checkpoint *to) {
    if (!t->best_answers) return;
    to->tensors[to->tensor_count++] = (struct hone_checkpoint_tensor){
        .name = answers_name,
        .desc = hone_desc_make(HONE_F32, 2, (int32_t)t->pictures[HONE_PART_VAL].count, t->classes,
                               0, 0),
        .data = t->best_answers};
}

static hone_status write_state(struct hone_trainer *t, const char *name, int32_t epoch, bool best) {
    char step[32], at[32], batch[32], seed[32], build[64], epochs[32], rate[32];
    HONE_TRY(fingerprint(t));
    snprintf(step, sizeof step, "%lld", (long long)t->steps_done);
    snprintf(at, sizeof at, "%d", (int)epoch);
    snprintf(batch, sizeof batch, "%zu", t->batches_done);
    snprintf(seed, sizeof seed, "%lld", (long long)t->params.seed);
    snprintf(epochs, sizeof epochs, "%d", (int)t->params.epochs);
    snprintf(rate, sizeof rate, "%.9g", (double)t->params.lr);
    struct hone_checkpoint_note notes[] = {
        {"hone", hone_version()},
        {"build", hone_build_id(build)},
        {"device", hone_device_key(t->device)},
        {"data", t->data_hash},
        {"backbone", t->backbone_hash},
        {"epoch", at},
        {"batch", batch},
        {"step", step},
        {"seed", seed},
        {"epochs", epochs},
        {"lr", rate},
        {"optimizer", t->params.optimizer == HONE_OPTIMIZER_SGD ? "sgd" : "adamw"}};
    struct hone_checkpoint checkpoint = {.notes = notes,
                                         .note_count = sizeof notes / sizeof *notes};
    float *slabs = NULL;
    char *path = hone_run_path(&t->run, name);
    checkpoint.tensors = hone_calloc(t->model->param_count + KEPT_STATES + ANSWERS,
                                     sizeof *checkpoint.tensors, "a checkpoint");
    hone_status status = path && checkpoint.tensors ? HONE_OK : HONE_OUT_OF_MEMORY;
    if (status == HONE_OK) add_model(t, &checkpoint);
    if (status == HONE_OK && best) add_answers(t, &checkpoint);
    if (status == HONE_OK && t->store) status = state_tensors(t, &checkpoint, &slabs);
    if (status == HONE_OK) status = hone_checkpoint_write(path, &checkpoint);
    hone_free(slabs);
    hone_free(checkpoint.tensors);
    hone_free(path);
    return status;
}

hone_status hone_trainer_write_best(struct hone_trainer *t, int32_t epoch) {
    return write_state(t, BEST, epoch, true);
}

hone_status hone_trainer_write_last(struct hone_trainer *t, int32_t epoch) {
    HONE_TRY(write_state(t, LAST, epoch, false));
    t->saved = hone_seconds();
    t->saves++;
    return HONE_OK;
}

hone_status hone_trainer_save_in_time(struct hone_trainer *t, int32_t epoch) {
    double minutes = (double)t->params.checkpoint_minutes;
    if (!(minutes > 0) || hone_seconds() - t->saved < 60 * minutes) return HONE_OK;
    HONE_TRY(hone_trainer_sync(t));
    hone_status status = hone_trainer_write_last(t, epoch);
    if (status == HONE_IO) {
        // The checkpoint before is whole: a disk that is full for a while does not end the run.
        hone_log(HONE_LOG_WARNING, "no checkpoint was written: %s", hone_error_message());
        t->saved = hone_seconds();
        return HONE_OK;
    }
    if (status == HONE_OK) t->run.kept = true;
    return status;
}

// ---- Reading ----------------------------------------------------------------------------------

bool hone_trainer_has_state(struct hone_trainer *t) {
    char *path = hone_path_join(t->run.dir, LAST);
    bool has = path && hone_file_exists(path);
    hone_free(path);
    return has;
}

static hone_status open_state(struct hone_trainer *t, const char *name,
                              struct hone_checkpoint *out) {
    char *path = hone_run_path(&t->run, name);
    hone_status status = path ? hone_checkpoint_open(path, out) : HONE_OUT_OF_MEMORY;
    hone_free(path);
    return status;
}

// A note that is a number of at most `most`.
static hone_status note_number(const struct hone_checkpoint *from, const char *key, int64_t most,
                               int64_t *out) {
    const char *text = hone_checkpoint_note(from, key);
    if (!text) return hone_fail(HONE_INVALID, "the checkpoint does not say its %s", key);
    return hone_fail_context(hone_parse_i64(text, 0, most, out), "the checkpoint's %s", key);
}

// Another device or build may round differently, which is no reason not to go on.
static hone_status check_origin(struct hone_trainer *t, const struct hone_checkpoint *from) {
    const char *data = hone_checkpoint_note(from, "data");
    const char *backbone = hone_checkpoint_note(from, "backbone");
    const char *device = hone_checkpoint_note(from, "device");
    const char *build = hone_checkpoint_note(from, "build");
    char now[64];
    HONE_TRY(fingerprint(t));
    if (!data || strcmp(data, t->data_hash) != 0)
        return hone_fail(HONE_INVALID,
                         "the pictures are not those that the run began with: put them back, or "
                         "begin a new run with --backbone %s/model.onnx",
                         t->run.dir);
    if (!backbone || strcmp(backbone, t->backbone_hash) != 0)
        return hone_fail(HONE_INVALID, "%s is not the file that the run began with: put it back",
                         t->params.backbone);
    if (!device || strcmp(device, hone_device_key(t->device)) != 0)
        hone_trainer_note(t,
                          "the run began on another device or driver (%s): the last bits of the "
                          "weights may differ from those of a run in one go",
                          device ? device : "unknown");
    else if (!build || strcmp(build, hone_build_id(now)) != 0)
        hone_trainer_note(t, "the run began with another build of hone: the last bits of the "
                             "weights may differ from those of a run in one go");
    return HONE_OK;
}

static hone_status take_tensor(const struct hone_checkpoint *from, const char *name,
                               const struct hone_desc *desc, float *to) {
    const struct hone_checkpoint_tensor *tensor = hone_checkpoint_find(from, name);
    char have[HONE_DESC_TEXT], want[HONE_DESC_TEXT];
    if (!tensor) return hone_fail(HONE_INVALID, "the checkpoint holds no tensor '%s'", name);
    if (!hone_desc_equal(&tensor->desc, desc))
        return hone_fail(HONE_INVALID, "tensor '%s' of the checkpoint is %s, not %s", name,
                         hone_desc_text(&tensor->desc, have), hone_desc_text(desc, want));
    memcpy(to, tensor->data, (size_t)hone_desc_elements(desc) * sizeof *to);
    return HONE_OK;
}

static hone_status take_model(struct hone_trainer *t, const struct hone_checkpoint *from) {
    for (size_t i = 0; i < t->model->param_count; i++) {
        struct hone_param *param = &t->model->params[i];
        HONE_TRY(take_tensor(from, param->name, hone_graph_desc(t->model->graph, param->value),
                             param->data));
    }
    return HONE_OK;
}

static hone_status take_states(struct hone_trainer *t, const struct hone_checkpoint *from) {
    float *slab = hone_calloc((size_t)t->layout.length + 8, sizeof *slab, "the optimiser's state");
    hone_status status = slab ? HONE_OK : HONE_OUT_OF_MEMORY;
    for (size_t k = 0; k < KEPT_STATES && status == HONE_OK; k++) {
        const struct kept_state *kept = &kept_states[k];
        size_t count = kept_elements(t, kept);
        struct hone_desc desc = hone_desc_make(HONE_F32, 1, (int32_t)count, 0, 0, 0);
        if (!is_kept(t, kept)) continue;
        status = take_tensor(from, kept->name, &desc, slab);
        if (status == HONE_OK)
            status = hone_store_write(t->store, kept->state, slab, count * sizeof *slab);
    }
    hone_free(slab);
    return status;
}

// The best epoch: its weights through t->model, which is loaded with others afterwards. Its figures
// are made again from its answers.
static hone_status take_best(struct hone_trainer *t, const struct hone_checkpoint *from,
                             int64_t epochs_done) {
    const struct hone_pictures *pictures = &t->pictures[HONE_PART_VAL];
    struct hone_desc desc = hone_desc_make(HONE_F32, 2, (int32_t)pictures->count, t->classes, 0, 0);
    struct hone_metrics val = {0};
    int64_t epoch;
    bool best;
    HONE_TRY(note_number(from, "epoch", INT32_MAX, &epoch));
    // Nobody judged it: the last epoch is the best, and it may be one that comes again.
    if (!hone_checkpoint_find(from, answers_name) && (pictures->count || epoch > epochs_done))
        return HONE_OK;
    HONE_TRY(take_model(t, from));
    if (pictures->count) {
        float *answers =
            hone_calloc(pictures->count * (size_t)t->classes, sizeof *answers, "probabilities");
        if (!answers) return HONE_OUT_OF_MEMORY;
        hone_free(t->answers[HONE_PART_VAL]);
        t->answers[HONE_PART_VAL] = answers;
        HONE_TRY(take_tensor(from, answers_name, &desc, answers));
        HONE_TRY(hone_metrics_from_probabilities(answers, pictures->labels, pictures->count,
                                                 t->classes, &val));
    }
    return hone_trainer_consider(t, (int32_t)epoch, &val, &best);
}

static hone_status restore_best(struct hone_trainer *t, int64_t epochs_done) {
    struct hone_checkpoint from;
    char *path = hone_path_join(t->run.dir, BEST);
    if (!path) return HONE_OUT_OF_MEMORY;
    bool any = hone_file_exists(path);
    hone_free(path);
    hone_trainer_forget_best(t);
    if (!any) return HONE_OK;
    HONE_TRY(open_state(t, BEST, &from));
    hone_status status =
        hone_fail_context(take_best(t, &from, epochs_done), "%s/" BEST, t->run.dir);
    hone_checkpoint_close(&from);
    return status;
}

// What the run found out before its first step: --lr find, --budget.
static hone_status take_findings(struct hone_trainer *t, const struct hone_checkpoint *from) {
    const char *text = hone_checkpoint_note(from, "lr");
    int64_t epochs;
    double rate;
    if (t->params.lr == HONE_LR_FIND) {
        if (!text) return hone_fail(HONE_INVALID, "the checkpoint does not say its lr");
        HONE_TRY(hone_fail_context(hone_parse_f64(text, 1e-9, 100, &rate), "the checkpoint's lr"));
        t->params.lr = (float)rate;
    }
    if (!(t->budget > 0)) return HONE_OK;
    HONE_TRY(note_number(from, "epochs", 100000, &epochs));
    t->params.epochs = (int32_t)epochs;
    return HONE_OK;
}

// How far the run was.
static hone_status take_place(struct hone_trainer *t, const struct hone_checkpoint *from,
                              int32_t *epochs_done) {
    int64_t batches =
        (int64_t)hone_batch_count(t->pictures[HONE_PART_TRAIN].count, (size_t)t->params.batch);
    int64_t done, batch;
    HONE_TRY(note_number(from, "epoch", t->params.epochs, &done));
    HONE_TRY(note_number(from, "batch", batches, &batch));
    HONE_TRY(note_number(from, "step", INT64_MAX, &t->steps_done));
    if (t->steps_done != done * batches + batch)
        return hone_fail(HONE_INVALID, "step %lld is not batch %lld after %lld epochs of %lld",
                         (long long)t->steps_done, (long long)batch, (long long)done,
                         (long long)batches);
    t->batches_done = (size_t)batch;
    *epochs_done = (int32_t)done;
    return HONE_OK;
}

static hone_status take_last(struct hone_trainer *t, const struct hone_checkpoint *from) {
    HONE_TRY(take_model(t, from));
    HONE_TRY(hone_trainer_load(t));
    return take_states(t, from);
}

hone_status hone_trainer_restore(struct hone_trainer *t, int32_t *epoch) {
    struct hone_checkpoint last;
    HONE_TRY(open_state(t, LAST, &last));
    hone_status status = check_origin(t, &last);
    if (status == HONE_OK)
        status = hone_fail_context(take_findings(t, &last), "%s/" LAST, t->run.dir);
    if (status == HONE_OK)
        status = hone_fail_context(take_place(t, &last, epoch), "%s/" LAST, t->run.dir);
    if (status == HONE_OK) status = restore_best(t, *epoch);
    if (status == HONE_OK) status = hone_fail_context(take_last(t, &last), "%s/" LAST, t->run.dir);
    hone_checkpoint_close(&last);
    HONE_TRY(status);
    HONE_TRY(hone_run_rewind(&t->run, *epoch));
    t->saved = hone_seconds();
    t->result->epochs_done = *epoch;
    if (t->run.epoch_count)
        t->result->pictures_per_second = t->run.epochs[t->run.epoch_count - 1].pictures_per_second;
    hone_trainer_note(t, "going on after %d epochs and %zu batches (step %lld)", (int)*epoch,
                      t->batches_done, (long long)t->steps_done);
    return HONE_OK;
}
