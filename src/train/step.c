// step.c: the step of fine-tuning, recorded once. The CPU's work in it is to gather a batch, write
// four small inputs and submit; losses add up on the device and are read now and then.
#include "train/internal.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/thread.h"
#include "check/trust.h"
#include "ir/passes.h"
#include "train/schedule.h"

static const float BETA1 = 0.9f, BETA2 = 0.999f, EPSILON = 1e-8f;

// From state "stats": loss n, n, correct, 0.
static hone_status take_stats(const struct hone_trainer *t, const float stats[4],
                              struct hone_step_stats *out) {
    *out = (struct hone_step_stats){NAN, NAN};
    if (stats[1] > 0) {
        out->loss = (double)stats[0] / stats[1];
        out->accuracy = (double)stats[2] / stats[1];
        if (!isfinite(out->loss))
            return hone_fail(HONE_INVALID,
                             "the loss is no longer a number at step %lld: lower --lr",
                             (long long)t->steps_done);
    }
    return HONE_OK;
}

hone_status hone_trainer_peek_stats(struct hone_trainer *t, struct hone_step_stats *out) {
    float totals[4];
    bool any;
    HONE_TRY(hone_program_read_done(t->step, "totals", totals, sizeof totals, &any));
    return any ? take_stats(t, totals, out) : HONE_OK;
}

hone_status hone_trainer_read_stats(struct hone_trainer *t, struct hone_step_stats *out) {
    float stats[4];
    HONE_TRY(hone_store_read(t->store, "stats", stats, sizeof stats));
    return take_stats(t, stats, out);
}

hone_status hone_trainer_step_graphs(const struct hone_trainer *t,
                                     const struct hone_trainer_plan *plan, struct hone_graph **step,
                                     struct hone_graph **update) {
    const struct hone_train_params *p = &t->params;
    struct hone_train_graph_params build = {.model = t->model,
                                            .layout = &t->layout,
                                            .batch = plan->at_once,
                                            .optimizer = p->optimizer,
                                            .momentum = p->momentum,
                                            .beta1 = BETA1,
                                            .beta2 = BETA2,
                                            .epsilon = EPSILON,
                                            .label_smoothing = p->label_smoothing,
                                            .focal_gamma =
                                                p->loss == HONE_LOSS_FOCAL ? p->focal_gamma : 0,
                                            .prior = p->logit_adjust > 0,
                                            .average = p->average > 0,
                                            .accumulate = plan->parts > 1,
                                            .scaled = p->precision == HONE_PRECISION_F16};
    hone_train_augment_plan(p, &build.augment);
    if (t->prefix.cut.count) build.cut = &t->prefix.cut;
    *step = *update = NULL;
    HONE_TRY(hone_train_graph(&build, step));
    hone_status status = HONE_OK;
    if (plan->segments > 1) {
        struct hone_graph *whole = *step;
        status = hone_graph_recompute(whole, HONE_TRAIN_LOSS, plan->segments, step);
        hone_graph_destroy(&whole);
    }
    if (status == HONE_OK && build.accumulate) status = hone_train_update_graph(&build, update);
    if (status != HONE_OK) hone_graph_destroy(step);
    return status;
}

static hone_status compile_step(struct hone_trainer *t) {
    const struct hone_compile_params compile = {.compute = hone_trainer_compute(t)};
    struct hone_graph *graph, *update;
    HONE_TRY(hone_trainer_step_graphs(t, &t->plan, &graph, &update));
    t->clock = hone_graph_find(graph, "clock") != HONE_NO_VALUE;
    t->mix = hone_graph_find(graph, "mix") != HONE_NO_VALUE;
    hone_status status = hone_trainer_tune_kernels(t, graph);
    if (status == HONE_OK) status = hone_trust_compile(t->store, graph, &compile, &t->step);
    if (status == HONE_OK && update)
        status = hone_trust_compile(t->store, update, NULL, &t->update);
    hone_graph_destroy(&graph);
    hone_graph_destroy(&update);
    HONE_TRY(status);
    hone_trainer_note(t, "training step: %d nodes", hone_program_node_count(t->step));
    return HONE_OK;
}

hone_status hone_trainer_prepare(struct hone_trainer *t) {
    size_t segments = (size_t)t->layout.length / HONE_PACK_ALIGN * 2;
    HONE_TRY(hone_trainer_fill_prefix(t));
    double start = hone_seconds();
    hone_trainer_progress(t,
                          &(struct hone_train_progress){.phase = HONE_TRAIN_COMPILE, .loss = NAN});
    t->labels = hone_calloc((size_t)t->plan.at_once, sizeof *t->labels, "labels");
    t->partners = hone_calloc((size_t)t->plan.at_once, sizeof *t->partners, "labels");
    float *table = hone_calloc(segments, sizeof *table, "the optimiser's table");
    hone_status status = t->labels && t->partners && table ? HONE_OK : HONE_OUT_OF_MEMORY;
    if (status == HONE_OK) status = hone_store_create(t->device, &t->store);
    if (status == HONE_OK) status = compile_step(t);
    hone_trainer_phase(t, "training step compiled");
    if (status == HONE_OK) status = hone_trainer_compile_judge(t);
    hone_device_memory_mark(t->device); // measuring and checking kernels took what is free again
    hone_trainer_phase(t, "validation compiled");
    t->spent.compile += hone_seconds() - start;
    if (status == HONE_OK) status = hone_trainer_load(t);
    if (status == HONE_OK) {
        hone_train_layout_segments(&t->layout, table);
        status = hone_store_write(t->store, "segments", table, segments * sizeof *table);
    }
    if (status == HONE_OK && hone_store_has(t->store, "scaler")) {
        float scaler[8];
        hone_train_scaler(scaler);
        status = hone_store_write(t->store, "scaler", scaler, sizeof scaler);
    }
    if (status == HONE_OK)
        status = hone_store_write(t->store, "class_weights", t->class_weights,
                                  (size_t)t->classes * sizeof *t->class_weights);
    if (status == HONE_OK && t->params.logit_adjust > 0)
        status =
            hone_store_write(t->store, "prior", t->prior, (size_t)t->classes * sizeof *t->prior);
    hone_free(table);
    return status;
}

// How the pictures of a part are mixed, and the labels of their partners.
static hone_status write_mix(struct hone_trainer *t) {
    const struct hone_pictures *pictures = &t->pictures[HONE_PART_TRAIN];
    size_t rows = (size_t)t->plan.at_once;
    float mix[HONE_MIX_NUMBERS];
    hone_train_draw_mix(&t->params, t->steps_done, pictures->height, pictures->width, mix);
    HONE_TRY(hone_program_write(t->step, "mix", mix, sizeof mix));
    for (size_t i = 0; i < rows; i++) t->partners[i] = t->labels[rows - 1 - i];
    return hone_program_write(t->step, "partners", t->partners, rows * sizeof *t->partners);
}

// Sum of the class weights of batch `index`, cut to `pictures`, from picture `first` on.
static double weight_of(const struct hone_trainer *t, const uint32_t *order, size_t first,
                        size_t pictures) {
    const struct hone_pictures *all = &t->pictures[HONE_PART_TRAIN];
    double sum = 0;
    for (size_t i = first; i < first + pictures && i < all->count; i++)
        sum += (double)t->class_weights[all->labels[order[i]]];
    return sum;
}

// Pictures, or what frozen layers make of them, and labels of part `index`. Rows past the end of
// the epoch have no label, but hold pictures from its start, so that batch statistics see nothing
// artificial.
static void fill_part(struct hone_trainer *t, const uint32_t *order, size_t index, int64_t draw,
                      void *to, size_t *filled) {
    const struct hone_pictures *pictures = &t->pictures[HONE_PART_TRAIN];
    size_t rows = (size_t)t->plan.at_once, first = index * rows;
    size_t bytes = (size_t)pictures->height * (size_t)pictures->width * 3;
    if (t->prefix.maps) {
        hone_trainer_prefix_batch(t, order, first, rows, draw, to);
        for (size_t i = 0; i < rows; i++)
            t->labels[i] = first + i < pictures->count ? pictures->labels[order[first + i]] : -1;
        *filled = pictures->count - first < rows ? pictures->count - first : rows;
        return;
    }
    *filled = hone_batch_fill(pictures, order, pictures->count, index, rows, to, t->labels);
    for (size_t row = *filled; row < rows; row++)
        memcpy((uint8_t *)to + row * bytes,
               pictures->pixels + order[(row - *filled) % pictures->count] * bytes, bytes);
}

// Part number `index` of the epoch.
static hone_status run_part(struct hone_trainer *t, const uint32_t *order, size_t index,
                            const float hyper[4], float share, size_t *filled) {
    const struct hone_pictures *pictures = &t->pictures[HONE_PART_TRAIN];
    size_t rows = (size_t)t->plan.at_once;
    size_t bytes = t->prefix.maps ? rows * (size_t)t->prefix.cut.width * sizeof(float)
                                  : rows * (size_t)pictures->height * (size_t)pictures->width * 3;
    double start = hone_seconds(), mapped;
    int64_t draw = t->steps_done * t->plan.parts + (int64_t)(index % (size_t)t->plan.parts);
    int32_t clock[2] = {(int32_t)(uint32_t)t->params.seed, (int32_t)draw};
    void *to;
    HONE_TRY(hone_program_map(t->step, t->prefix.maps ? "maps" : "images", bytes, &to));
    mapped = hone_seconds();
    fill_part(t, order, index, draw, to, filled);
    HONE_TRY(hone_program_write(t->step, "labels", t->labels, rows * sizeof *t->labels));
    if (t->clock) HONE_TRY(hone_program_write(t->step, "clock", clock, sizeof clock));
    if (t->mix) HONE_TRY(write_mix(t));
    if (t->update)
        HONE_TRY(hone_program_write(t->step, "part", &share, sizeof share));
    else
        HONE_TRY(hone_program_write(t->step, "hyper", hyper, 4 * sizeof *hyper));
    double filled_at = hone_seconds();
    HONE_TRY(hone_program_run(t->step));
    t->spent.fill += filled_at - mapped;
    t->spent.wait += mapped - start + hone_seconds() - filled_at;
    return HONE_OK;
}

hone_status hone_trainer_run_step(struct hone_trainer *t, const uint32_t *order, size_t index,
                                  int64_t total, double *rate, size_t *filled) {
    const struct hone_train_params *p = &t->params;
    size_t parts = (size_t)t->plan.parts, rows = (size_t)t->plan.at_once, first = index * parts;
    double all = weight_of(t, order, first * rows, parts * rows);
    float hyper[4];
    *filled = 0;
    *rate = t->fixed_rate > 0 ? (double)t->fixed_rate
                              : hone_train_rate((enum hone_schedule)p->schedule, p->lr, p->warmup,
                                                t->steps_done, total);
    hone_train_hyper(*rate, BETA1, BETA2, t->average_decay, t->steps_done, hyper);
    if (t->steps_done == 0) hone_trainer_phase(t, "first step begins");
    for (size_t part = 0; part < parts; part++) {
        size_t got, at = (first + part) * rows;
        if (part && at >= t->pictures[HONE_PART_TRAIN].count) break; // nothing is left for it
        double own = weight_of(t, order, at, rows);
        HONE_TRY(run_part(t, order, first + part, hyper, all > 0 ? (float)(own / all) : 0, &got));
        *filled += got;
    }
    if (t->update) {
        HONE_TRY(hone_program_write(t->update, "hyper", hyper, sizeof hyper));
        HONE_TRY(hone_program_run(t->update));
    }
    if (t->steps_done == 0) hone_trainer_phase(t, "first step is done");
    t->steps_done++;
    return HONE_OK;
}
