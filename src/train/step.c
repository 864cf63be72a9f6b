// step.c: the step of fine-tuning, recorded once. The CPU's work in it is to gather a batch, write
// four small inputs and submit; losses add up on the device and are read now and then.
#include "train/internal.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/thread.h"
#include "check/trust.h"
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

static hone_status compile_step(struct hone_trainer *t) {
    const struct hone_train_params *p = &t->params;
    struct hone_train_graph_params build = {.model = t->model,
                                            .layout = &t->layout,
                                            .batch = p->batch,
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
                                            .scaled = p->precision == HONE_PRECISION_F16};
    const struct hone_compile_params compile = {.compute = hone_trainer_compute(t)};
    hone_train_augment_plan(p, &build.augment);
    struct hone_graph *graph;
    t->clock = build.augment.any;
    t->mix = build.augment.mix;
    HONE_TRY(hone_train_graph(&build, &graph));
    hone_status status = hone_trainer_tune_kernels(t, graph);
    if (status == HONE_OK) status = hone_trust_compile(t->store, graph, &compile, &t->step);
    hone_graph_destroy(&graph);
    HONE_TRY(status);
    struct hone_program_memory memory = hone_program_memory(t->step);
    hone_trainer_note(t,
                      "training step: %d nodes, %.0f MB activations and gradients, %.0f MB "
                      "weights and optimiser",
                      hone_program_node_count(t->step), (double)memory.pool_bytes / 1e6,
                      (double)memory.state_bytes / 1e6);
    return HONE_OK;
}

hone_status hone_trainer_prepare(struct hone_trainer *t) {
    const struct hone_train_params *p = &t->params;
    size_t segments = (size_t)t->layout.length / HONE_PACK_ALIGN * 2;
    double start = hone_seconds();
    hone_trainer_progress(t,
                          &(struct hone_train_progress){.phase = HONE_TRAIN_COMPILE, .loss = NAN});
    t->labels = hone_calloc((size_t)p->batch, sizeof *t->labels, "labels");
    t->partners = hone_calloc((size_t)p->batch, sizeof *t->partners, "labels");
    float *table = hone_calloc(segments, sizeof *table, "the optimiser's table");
    hone_status status = t->labels && t->partners && table ? HONE_OK : HONE_OUT_OF_MEMORY;
    if (status == HONE_OK) status = hone_store_create(t->device, &t->store);
    if (status == HONE_OK) status = compile_step(t);
    hone_trainer_phase(t, "training step compiled");
    if (status == HONE_OK) status = hone_trainer_compile_judge(t);
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
    if (status == HONE_OK && p->logit_adjust > 0)
        status =
            hone_store_write(t->store, "prior", t->prior, (size_t)t->classes * sizeof *t->prior);
    hone_free(table);
    return status;
}

// How the pictures of the step are mixed, and the labels of their partners.
static hone_status write_mix(struct hone_trainer *t) {
    const struct hone_pictures *pictures = &t->pictures[HONE_PART_TRAIN];
    size_t batch = (size_t)t->params.batch;
    float mix[HONE_MIX_NUMBERS];
    hone_train_draw_mix(&t->params, t->steps_done, pictures->height, pictures->width, mix);
    HONE_TRY(hone_program_write(t->step, "mix", mix, sizeof mix));
    for (size_t i = 0; i < batch; i++) t->partners[i] = t->labels[batch - 1 - i];
    return hone_program_write(t->step, "partners", t->partners, batch * sizeof *t->partners);
}

// One batch. Rows past the end of the epoch have no label, but hold pictures from its start, so
// that batch statistics see nothing artificial.
hone_status hone_trainer_run_step(struct hone_trainer *t, const uint32_t *order, size_t index,
                                  int64_t total, double *rate, size_t *filled) {
    const struct hone_train_params *p = &t->params;
    const struct hone_pictures *pictures = &t->pictures[HONE_PART_TRAIN];
    size_t batch = (size_t)p->batch, bytes = (size_t)pictures->height * (size_t)pictures->width * 3;
    double start = hone_seconds(), mapped;
    int32_t clock[2] = {(int32_t)(uint32_t)p->seed, (int32_t)t->steps_done};
    float hyper[4];
    void *pixels;
    HONE_TRY(hone_program_map(t->step, "images", batch * bytes, &pixels));
    mapped = hone_seconds();
    *filled = hone_batch_fill(pictures, order, pictures->count, index, batch, pixels, t->labels);
    for (size_t row = *filled; row < batch; row++)
        memcpy((uint8_t *)pixels + row * bytes,
               pictures->pixels + order[(row - *filled) % pictures->count] * bytes, bytes);
    *rate = t->fixed_rate > 0 ? (double)t->fixed_rate
                              : hone_train_rate((enum hone_schedule)p->schedule, p->lr, p->warmup,
                                                t->steps_done, total);
    hone_train_hyper(*rate, BETA1, BETA2, t->average_decay, t->steps_done, hyper);
    HONE_TRY(hone_program_write(t->step, "labels", t->labels, batch * sizeof *t->labels));
    if (t->clock) HONE_TRY(hone_program_write(t->step, "clock", clock, sizeof clock));
    if (t->mix) HONE_TRY(write_mix(t));
    HONE_TRY(hone_program_write(t->step, "hyper", hyper, sizeof hyper));
    if (t->steps_done == 0) hone_trainer_phase(t, "first step begins");
    double filled_at = hone_seconds();
    HONE_TRY(hone_program_run(t->step));
    t->spent.fill += filled_at - mapped;
    t->spent.wait += mapped - start + hone_seconds() - filled_at;
    if (t->steps_done == 0) hone_trainer_phase(t, "first step is done");
    t->steps_done++;
    return HONE_OK;
}
