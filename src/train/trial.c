// trial.c: steps that are taken back. They tell what cannot be known before: how fast the device
// is, for --budget; at which learning rates the loss falls and where it runs away, for --lr find
// (Smith 2015). Weights, optimiser, statistics and the place in the data are then as they were.
#include "train/internal.h"

#include <math.h>

#include "base/alloc.h"
#include "base/thread.h"
#include "report/chart.h"
#include "train/schedule.h"

enum { RANGE_STEPS = 100, TIMED_STEPS = 5 };

// The weights as in t->model, an optimiser that has seen nothing.
static hone_status take_back(struct hone_trainer *t) {
    static const char *const states[] = {"momentum", "variance"};
    size_t bytes = (size_t)t->layout.length * sizeof(float);
    float *zeros = hone_calloc((size_t)t->layout.length, sizeof *zeros, "zeros");
    if (!zeros) return HONE_OUT_OF_MEMORY;
    t->steps_done = 0;
    t->fixed_rate = 0;
    hone_status status = hone_trainer_load(t);
    for (size_t i = 0; i < sizeof states / sizeof *states && status == HONE_OK; i++)
        if (hone_store_has(t->store, states[i]))
            status = hone_store_write(t->store, states[i], zeros, bytes);
    float scaler[8];
    hone_train_scaler(scaler);
    if (status == HONE_OK && hone_store_has(t->store, "scaler"))
        status = hone_store_write(t->store, "scaler", scaler, sizeof scaler);
    t->left_out = 0;
    if (status == HONE_OK) status = hone_store_write(t->store, "stats", zeros, 4 * sizeof *zeros);
    hone_free(zeros);
    return status;
}

// One step; *loss (may be NULL) receives its loss, NaN or infinite where it has run away.
static hone_status try_step(struct hone_trainer *t, uint32_t *order, size_t index, double *loss) {
    size_t steps = hone_batch_count(t->pictures[HONE_PART_TRAIN].count, (size_t)t->params.batch);
    float stats[4] = {0};
    double rate;
    size_t filled;
    if (hone_trainer_cancelled(t))
        return hone_fail(HONE_CANCELLED, "stopped before the first epoch");
    HONE_TRY(hone_store_write(t->store, "stats", stats, sizeof stats));
    HONE_TRY(hone_trainer_run_step(t, order, index % steps, (int64_t)steps * t->params.epochs,
                                   &rate, &filled));
    HONE_TRY(hone_store_read(t->store, "stats", stats, sizeof stats));
    if (loss) *loss = (double)stats[0] / (double)stats[1];
    return HONE_OK;
}

static hone_status draw_range(struct hone_trainer *t) {
    struct hone_text svg = {0};
    struct hone_chart chart = {.title = "Range test of the learning rate",
                               .count = t->tried,
                               .x = t->tried_rates,
                               .line = {{"loss", t->tried_losses}},
                               .line_count = 1,
                               .log_x = true,
                               .mark = t->found_rate};
    hone_chart_file(&svg, &chart);
    hone_status status = svg.status;
    if (status == HONE_OK) status = hone_run_write(&t->run, "lr_find.svg", svg.data);
    hone_text_deinit(&svg);
    return status;
}

static hone_status range_test(struct hone_trainer *t, uint32_t *order) {
    double *losses = hone_calloc(RANGE_STEPS, sizeof *losses, "a range test");
    hone_free(t->tried_rates); // of a test that a lost device ended
    hone_free(t->tried_losses);
    t->tried_rates = hone_calloc(RANGE_STEPS, sizeof *t->tried_rates, "a range test");
    t->tried_losses = hone_calloc(RANGE_STEPS, sizeof *t->tried_losses, "a range test");
    hone_status status = losses && t->tried_rates && t->tried_losses ? HONE_OK : HONE_OUT_OF_MEMORY;
    bool over = false;
    for (size_t i = 0; i < RANGE_STEPS && !over && status == HONE_OK; i++) {
        t->tried_rates[i] = hone_train_trial_rate(i, RANGE_STEPS);
        t->fixed_rate = (float)t->tried_rates[i];
        status = try_step(t, order, i, &losses[i]);
        if (status != HONE_OK) break;
        over = hone_train_diverged(losses, i + 1, &t->tried_losses[i]);
        t->tried = i + 1;
    }
    if (status == HONE_OK) t->found_rate = hone_train_pick_rate(t->tried_rates, losses, t->tried);
    hone_free(losses);
    return status;
}

// An order of the pictures for the steps of a trial, hone_free; NULL: memory.
static uint32_t *trial_order(struct hone_trainer *t) {
    const struct hone_pictures *pictures = &t->pictures[HONE_PART_TRAIN];
    uint32_t *order = hone_calloc(pictures->count, sizeof *order, "an order");
    if (order && hone_train_order(&t->params, pictures, t->classes, 1, order) != HONE_OK) {
        hone_free(order);
        return NULL;
    }
    return order;
}

hone_status hone_trainer_find_rate(struct hone_trainer *t) {
    const float fallback = 1e-4f;
    double start = hone_seconds();
    t->params.lr = fallback;
    uint32_t *order = trial_order(t);
    if (!order) return HONE_OUT_OF_MEMORY;
    hone_status status = range_test(t, order);
    hone_free(order);
    HONE_TRY(status);
    HONE_TRY(take_back(t));
    if (t->found_rate > 0) {
        t->params.lr = (float)t->found_rate;
        hone_trainer_note(t,
                          "learning rate: %.2g (a tenth of where the loss was lowest, in a range "
                          "test of %zu steps, %.1f s; lr_find.svg)",
                          t->found_rate, t->tried, hone_seconds() - start);
    } else {
        t->found_rate = (double)fallback;
        hone_trainer_note(t,
                          "learning rate: %.2g (the loss fell at none, in a range test of %zu "
                          "steps; lr_find.svg)",
                          (double)fallback, t->tried);
    }
    return draw_range(t);
}

// Seconds of a step and of judging a picture, measured.
static hone_status measure(struct hone_trainer *t, uint32_t *order, double *step, double *picture) {
    struct hone_metrics val;
    *step = INFINITY;
    *picture = 0;
    for (size_t i = 0; i < TIMED_STEPS; i++) {
        double start = hone_seconds(); // the first ones are submitted in pieces, and timed
        HONE_TRY(try_step(t, order, i, NULL));
        *step = fmin(*step, hone_seconds() - start);
    }
    HONE_TRY(take_back(t));
    if (!t->pictures[HONE_PART_VAL].count) return HONE_OK;
    double start = hone_seconds();
    HONE_TRY(hone_trainer_judge(t, HONE_PART_VAL, &val));
    hone_metrics_deinit(&val);
    *picture = (hone_seconds() - start) / (double)t->pictures[HONE_PART_VAL].count;
    return HONE_OK;
}

hone_status hone_trainer_fit_budget(struct hone_trainer *t) {
    size_t steps = hone_batch_count(t->pictures[HONE_PART_TRAIN].count, (size_t)t->params.batch);
    double step, picture;
    uint32_t *order = trial_order(t);
    if (!order) return HONE_OUT_OF_MEMORY;
    hone_status status = measure(t, order, &step, &picture);
    hone_free(order);
    HONE_TRY(status);
    double left = t->budget - (hone_seconds() - t->start) -
                  picture * (double)t->pictures[HONE_PART_TEST].count;
    double epoch = step * (double)steps + picture * (double)t->pictures[HONE_PART_VAL].count;
    double fit = floor(left / epoch);
    t->params.epochs = fit < 1 ? 1 : fit > 100000 ? 100000 : (int32_t)fit;
    hone_trainer_note(t, "epochs: %d of %.1f s each (%s --budget %s)", (int)t->params.epochs, epoch,
                      fit < 1 ? "one at least, though more than fits in" : "as many as fit in",
                      t->params.budget);
    return HONE_OK;
}
