// tune.c: fine-tuning: epochs of steps (step.c), what each comes to, and when to end.
#include "train/internal.h"

#include <math.h>

#include "base/alloc.h"
#include "base/thread.h"
#include "train/schedule.h"

// The steps of an epoch. *row receives the training figures; HONE_CANCELLED when asked to stop.
static hone_status run_epoch(struct hone_trainer *t, uint32_t *order,
                             struct hone_train_epoch *row) {
    const struct hone_pictures *pictures = &t->pictures[HONE_PART_TRAIN];
    size_t batch = (size_t)t->params.batch, steps = hone_batch_count(pictures->count, batch);
    size_t seen = t->batches_done * batch, filled, before;
    int64_t total = (int64_t)steps * t->params.epochs;
    struct hone_step_stats stats = {NAN, NAN};
    double start = hone_seconds(), read = start;
    bool cancelled = false;
    before = seen = seen < pictures->count ? seen : pictures->count;
    if (!t->batches_done)
        HONE_TRY(hone_store_write(t->store, "stats", (const float[4]){0}, 4 * sizeof(float)));
    else // all of them may be done
        row->lr = hone_train_rate((enum hone_schedule)t->params.schedule, t->params.lr,
                                  t->params.warmup, t->steps_done - 1, total);
    HONE_TRY(hone_train_order(&t->params, pictures, t->classes, row->epoch, order));
    for (size_t k = t->batches_done; k < steps && !cancelled; k++) {
        HONE_TRY(hone_trainer_run_step(t, order, k, total, &row->lr, &filled));
        seen += filled;
        t->batches_done = k + 1;
        if (k > 0 && hone_seconds() - read > 0.5) { // the step before the first is another epoch's
            HONE_TRY(hone_trainer_peek_stats(t, &stats));
            read = hone_seconds();
        }
        hone_trainer_progress(
            t, &(struct hone_train_progress){.phase = HONE_TRAIN_STEPS,
                                             .done = (int64_t)seen,
                                             .total = (int64_t)pictures->count,
                                             .epoch = row->epoch,
                                             .epochs = row->epochs,
                                             .loss = stats.loss,
                                             .pictures_per_second = (double)(seen - before) /
                                                                    (hone_seconds() - start)});
        cancelled = hone_trainer_cancelled(t);
        if (!cancelled && k + 1 < steps) HONE_TRY(hone_trainer_save_in_time(t, row->epoch - 1));
    }
    double last = hone_seconds();
    HONE_TRY(hone_trainer_read_stats(t, &stats));
    t->spent.wait += hone_seconds() - last;
    t->spent.train += hone_seconds() - start;
    if (!cancelled) HONE_TRY(hone_trainer_check_scale(t, steps));
    row->train_loss = stats.loss;
    row->train_accuracy = stats.accuracy;
    row->pictures_per_second = (double)(seen - before) / (hone_seconds() - start);
    return cancelled ? hone_fail(HONE_CANCELLED, "stopped in epoch %d", (int)row->epoch) : HONE_OK;
}

// Judges the weights, keeps them if they are the best, and writes the epoch down. `stopped`: no
// time is spent on judging.
static hone_status end_epoch(struct hone_trainer *t, struct hone_train_epoch *row, bool stopped) {
    struct hone_metrics val = {0};
    row->val_loss = row->val_accuracy = row->val_macro_f1 = NAN;
    if (!stopped) HONE_TRY(hone_trainer_judge(t, HONE_PART_VAL, &val));
    if (val.class_count) {
        row->val_loss = val.loss;
        row->val_accuracy = val.accuracy;
        row->val_macro_f1 = val.macro_f1;
    }
    hone_status status = hone_trainer_sync(t);
    if (status == HONE_OK && (!stopped || !t->best)) {
        status = hone_trainer_consider(t, row->epoch, &val, &row->best);
        if (status == HONE_OK && row->best) status = hone_trainer_write_best(t, row->epoch);
    } else {
        hone_metrics_deinit(&val);
    }
    HONE_TRY(status);
    row->seconds = hone_seconds() - t->start;
    // The row first: whoever goes on from the checkpoint finds the rows of all its epochs.
    HONE_TRY(hone_run_add_epoch(&t->run, row));
    if (!stopped) t->batches_done = 0;
    HONE_TRY(hone_trainer_write_last(t, row->epoch - stopped));
    t->run.kept = true; // a whole epoch: a full disk later does not undo it
    t->result->epochs_done += !stopped;
    t->result->pictures_per_second = row->pictures_per_second;
    if (t->hooks.epoch) t->hooks.epoch(t->hooks.user, row);
    return HONE_OK;
}

// No better epoch for so long that the run ends; without a validation part none is better.
static bool is_patience_over(struct hone_trainer *t, int32_t epoch) {
    int32_t patience = t->params.patience;
    bool over = patience > 0 && t->best_val.class_count && epoch - t->best_epoch >= patience &&
                epoch < t->params.epochs;
    if (over)
        hone_trainer_note(t, "stopped: no better epoch since number %d (--patience %d)",
                          (int)t->best_epoch, (int)patience);
    return over;
}

// More time has gone than the budget gives, where its estimate was too bright.
static bool is_time_over(struct hone_trainer *t, int32_t epoch) {
    double spent = hone_seconds() - t->start;
    bool over = t->budget > 0 && spent > t->budget && epoch < t->params.epochs;
    if (over)
        hone_trainer_note(t, "stopped: %.0f s of %.0f are over (--budget %s)", spent, t->budget,
                          t->params.budget);
    return over;
}

// Where the steps begin: at a checkpoint, or at the start, which becomes one.
static hone_status begin(struct hone_trainer *t, int32_t *epochs_done) {
    *epochs_done = 0;
    t->batches_done = 0;
    if (t->resumed) return hone_trainer_restore(t, epochs_done);
    if (t->params.lr == HONE_LR_FIND) HONE_TRY(hone_trainer_find_rate(t));
    if (t->budget > 0) HONE_TRY(hone_trainer_fit_budget(t));
    t->steps_done = 0;
    return hone_trainer_write_last(t, 0);
}

hone_status hone_trainer_tune(struct hone_trainer *t) {
    int32_t done;
    HONE_TRY(hone_trainer_prepare(t));
    HONE_TRY(begin(t, &done));
    HONE_TRY(hone_trainer_take_scale(t));
    size_t steps = hone_batch_count(t->pictures[HONE_PART_TRAIN].count, (size_t)t->params.batch);
    t->average_decay = hone_train_average_decay(t->params.average, (int64_t)steps);
    uint32_t *order = hone_calloc(t->pictures[HONE_PART_TRAIN].count, sizeof *order, "an order");
    if (!order) return HONE_OUT_OF_MEMORY;
    hone_status status = HONE_OK;
    while (done < t->params.epochs && !(done && !t->batches_done && is_patience_over(t, done))) {
        struct hone_train_epoch row = {.epoch = done + 1, .epochs = t->params.epochs};
        status = run_epoch(t, order, &row);
        if (status != HONE_OK && status != HONE_CANCELLED) break;
        hone_status end = end_epoch(t, &row, status == HONE_CANCELLED);
        if (end != HONE_OK) status = end;
        if (status != HONE_OK) break;
        done++;
        if (is_time_over(t, done)) break;
    }
    hone_free(order);
    return status;
}
