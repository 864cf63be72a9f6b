// kernels.c: which kernels the step runs on is measured once for each device and driver; what held
// for a run stays in its folder, so that the run can be repeated bit for bit.
#include "train/internal.h"

#include "base/alloc.h"
#include "exec/tune.h"
#include "exec/tuning_file.h"

static const double TUNE_BUDGET_SECONDS = 20;

static bool stop_tuning(void *user, size_t done, size_t total, const char *node) {
    (void)done;
    (void)total;
    (void)node;
    return hone_trainer_cancelled(user);
}

// Quietly, where the user wants it and the records have a place: without one they would be measured
// anew at each start.
static hone_status measure(struct hone_trainer *t, const struct hone_graph *graph) {
    bool full = t->params.tune == HONE_TUNE_FULL;
    bool cpu = hone_device_caps(t->device)->kind == HONE_DEVICE_CPU;
    struct hone_tune_params params = {.budget_s = full ? 0 : TUNE_BUDGET_SECONDS,
                                      .compute = hone_trainer_compute(t),
                                      .progress = stop_tuning,
                                      .user = t};
    struct hone_tune_result result;
    char *path;
    if (t->params.tune == HONE_TUNE_OFF || t->params.tuning || (cpu && !full)) return HONE_OK;
    HONE_TRY(hone_tuning_path(NULL, &path));
    if (!path) return HONE_OK;
    hone_status status = hone_tune_and_keep(t->device, graph, &params, path, &result);
    if (result.measured)
        hone_trainer_note(t,
                          "tuning: measured %zu of %zu kinds of layers in %.1f s, %zu run faster "
                          "than by default; kept in %s",
                          result.measured, result.nodes, result.seconds, result.changed, path);
    hone_free(path);
    return status;
}

// Records of other devices stay out.
static hone_status write_records(struct hone_trainer *t) {
    struct hone_tuning *all = hone_device_tuning(t->device), *own;
    const char *key = hone_device_key(t->device);
    struct hone_text text = {0};
    if (!all || !hone_tuning_hash(all, key)) return HONE_OK;
    HONE_TRY(hone_tuning_create(&own));
    hone_status status = HONE_OK;
    for (size_t i = 0; i < hone_tuning_count(all) && status == HONE_OK; i++) {
        const struct hone_tuning_record *r = hone_tuning_get(all, i);
        if (hone_tuning_holds(r, key)) status = hone_tuning_add(own, r);
    }
    if (status == HONE_OK) status = hone_tuning_print(own, &text);
    if (status == HONE_OK) status = hone_run_write(&t->run, "tuning.tune", text.data);
    hone_text_deinit(&text);
    hone_tuning_destroy(&own);
    hone_trainer_note(t, "tuning records of this device: %016llx",
                      (unsigned long long)hone_tuning_hash(all, key));
    return status;
}

hone_status hone_trainer_tune_kernels(struct hone_trainer *t, const struct hone_graph *graph) {
    HONE_TRY(measure(t, graph));
    return write_records(t);
}
