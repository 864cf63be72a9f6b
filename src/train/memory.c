// memory.c: what a run takes of the device's memory, known before it starts: the programs of the
// step and of judging are planned against a store without memory (exec/store.h). Where a batch does
// not fit, it goes through the device in parts, or parts of the forward pass are made again in the
// backward pass. Parts cost no time, but batch norms in batch statistics see fewer pictures at
// once; where there are such, recomputation comes first.
#include "train/internal.h"

#include <hone/data.h>

static const double FREE_SHARE = 0.9; // of what the device says is free: others are there, too
static const uint64_t CHECK_BYTES = 4 << 20; // for the check of kernels, at their first use
enum { BATCH_USUAL = 16, BATCH_MOST = 64, STEPS_LEAST = 10, SEGMENTS_MOST = 32 };

static double megabytes(uint64_t bytes) {
    return (double)bytes / 1e6;
}

// Adds what a graph needs against the dry store.
static hone_status add_program(struct hone_store *store, const struct hone_graph *graph,
                               enum hone_dtype compute, uint64_t *pool, uint64_t *staging) {
    const struct hone_compile_params params = {.compute = compute};
    struct hone_program *program;
    HONE_TRY(hone_program_compile(store, graph, &params, &program));
    struct hone_program_memory memory = hone_program_memory(program);
    hone_program_destroy(&program);
    *pool += memory.pool_bytes;
    *staging += memory.input_bytes;
    return HONE_OK;
}

static hone_status forecast_step(struct hone_trainer *t, struct hone_store *store,
                                 struct hone_trainer_plan *plan) {
    struct hone_graph *step, *update;
    HONE_TRY(hone_trainer_step_graphs(t, plan, &step, &update));
    hone_status status =
        add_program(store, step, hone_trainer_compute(t), &plan->pool, &plan->staging);
    if (status == HONE_OK && update)
        status = add_program(store, update, HONE_F32, &plan->pool, &plan->staging);
    hone_graph_destroy(&step);
    hone_graph_destroy(&update);
    return status;
}

// Fills the bytes of a plan whose cuts are given.
static hone_status forecast(struct hone_trainer *t, struct hone_trainer_plan *plan) {
    const struct hone_caps *caps = hone_device_caps(t->device);
    struct hone_store *store;
    struct hone_graph *judge;
    uint64_t slab = (uint64_t)t->layout.length * sizeof(float);
    plan->pool = plan->judge = plan->staging = 0;
    HONE_TRY(hone_store_create_dry(t->device, &store));
    hone_status status = t->recipe == HONE_RECIPE_HEAD ? HONE_OK : forecast_step(t, store, plan);
    if (status == HONE_OK) status = hone_trainer_judge_graph(t, plan->at_once, &judge);
    if (status == HONE_OK) {
        status = add_program(store, judge, HONE_F32, &plan->judge, &plan->staging);
        hone_graph_destroy(&judge);
    }
    static const char *const slabs[] = {"momentum", "variance", "average", "gradients"};
    plan->optimizer = 0;
    for (size_t i = 0; i < sizeof slabs / sizeof *slabs; i++)
        if (hone_store_has(store, slabs[i])) plan->optimizer += slab;
    plan->weights = hone_store_bytes(store) - plan->optimizer;
    hone_store_destroy(&store);
    // Elsewhere, pictures wait in the host's memory.
    if (!caps->unified_memory) plan->staging = 0;
    plan->total = plan->weights + plan->optimizer + plan->pool + plan->judge + plan->staging;
    return status;
}

// The first cut of a batch in `parts` that fits: as it is, then with more and more segments, which
// are tried where `again` says so. *fits.
static hone_status try_parts(struct hone_trainer *t, int32_t parts, bool again,
                             struct hone_trainer_plan *plan, bool *fits) {
    uint64_t budget = plan->budget;
    *fits = false;
    uint32_t asked = (uint32_t)t->params.recompute;
    uint32_t first = asked ? asked : again ? 2 : 1;
    uint32_t most = asked ? asked : again ? SEGMENTS_MOST : 1;
    for (uint32_t segments = first; segments <= most; segments *= 2) {
        struct hone_trainer_plan tried = {.at_once = t->params.batch / parts,
                                          .parts = parts,
                                          .segments = segments,
                                          .budget = budget};
        HONE_TRY(forecast(t, &tried));
        bool better = !plan->total || tried.total < plan->total;
        if (better) *plan = tried;
        *fits = tried.total <= budget;
        if (*fits) {
            *plan = tried;
            return HONE_OK;
        }
        if (again && segments > 2 && !better) break; // more would only cost more
    }
    return HONE_OK;
}

static bool sees_batch(const struct hone_trainer *t) {
    for (size_t n = 0; n < t->model->graph->node_count; n++)
        if (t->layout.train_norm[n]) return true;
    return false;
}

// For the batch of the options. *fits; else *plan is the smallest that was found.
static hone_status fit(struct hone_trainer *t, struct hone_trainer_plan *plan, bool *fits) {
    int32_t batch = t->params.batch, first = t->params.accumulate ? t->params.accumulate : 1;
    bool steps = t->recipe != HONE_RECIPE_HEAD, norms_first = steps && sees_batch(t);
    int32_t most = t->params.accumulate ? first : batch;
    *fits = false;
    // Turn 0: parts without recomputation (and, for norms, with it at once); turn 1: with it.
    bool once = norms_first || !steps || t->params.recompute;
    for (int turn = 0; turn < (once ? 1 : 2) && !*fits; turn++)
        for (int32_t parts = first; parts <= most && !*fits; parts++) {
            if (batch % parts) continue;
            if (turn == 0) HONE_TRY(try_parts(t, parts, false, plan, fits));
            if (!*fits && steps && !t->params.recompute && (norms_first || turn == 1))
                HONE_TRY(try_parts(t, parts, true, plan, fits));
        }
    return HONE_OK;
}

// --batch auto: the largest power of two that fits as it is; where none does, the usual one in
// parts.
static hone_status choose_batch(struct hone_trainer *t, struct hone_trainer_plan *plan) {
    size_t pictures = hone_dataset_count(t->data, HONE_PART_TRAIN);
    int32_t batch = BATCH_MOST;
    bool fits = false;
    while (batch > 1 && pictures / (size_t)batch < STEPS_LEAST) batch /= 2;
    int32_t most = batch;
    for (; batch >= 1 && !fits; batch /= 2) {
        struct hone_trainer_plan tried = {.budget = plan->budget};
        t->params.batch = batch;
        HONE_TRY(try_parts(t, 1, false, &tried, &fits));
        if (batch < BATCH_USUAL && batch < most && !fits) break;
    }
    if (!fits) t->params.batch = most < BATCH_USUAL ? most : BATCH_USUAL;
    hone_trainer_note(t, "batch: %d (%s)", (int)t->params.batch,
                      !fits                     ? "in parts, since it does not fit"
                      : t->params.batch == most ? "with ten steps an epoch and more"
                                                : "the most that fits in memory");
    return HONE_OK;
}

static hone_status fail_fit(const struct hone_trainer *t, const struct hone_trainer_plan *plan) {
    bool steps = t->recipe != HONE_RECIPE_HEAD;
    return hone_fail(HONE_OUT_OF_MEMORY,
                     "a step takes %.0f MB of the device's memory%s, and %.0f MB are there: try a "
                     "smaller --size%s",
                     megabytes(plan->total),
                     steps && !t->params.accumulate
                         ? ", even picture by picture and with all that can be made again"
                         : "",
                     megabytes(plan->budget),
                     t->params.accumulate ? ", more parts (--accumulate)"
                     : steps              ? ", --freeze N, or --recipe head"
                                          : "");
}

static void tell(struct hone_trainer *t) {
    const struct hone_trainer_plan *p = &t->plan;
    hone_trainer_note(t,
                      "memory: %.0f MB weights, %.0f MB optimiser, %.0f MB activations, gradients "
                      "and workspace, %.0f MB to judge, %.0f MB pictures: %.1f MB at most, of %.0f",
                      megabytes(p->weights), megabytes(p->optimizer), megabytes(p->pool),
                      megabytes(p->judge), megabytes(p->staging), megabytes(p->total),
                      megabytes(p->budget));
    if (p->parts > 1)
        hone_trainer_note(t, "batch of %d: in %d parts of %d (%s)%s", (int)t->params.batch,
                          (int)p->parts, (int)p->at_once,
                          t->params.accumulate ? "as asked" : "it does not fit in one",
                          sees_batch(t) ? "; batch norms see a part at a time" : "");
    if (p->segments > 1)
        hone_trainer_note(t,
                          "recomputation: the forward pass in %u segments, all but the last made "
                          "again in the backward pass (%s)",
                          (unsigned)p->segments,
                          t->params.recompute ? "as asked" : "it does not fit in memory");
}

hone_status hone_trainer_plan_memory(struct hone_trainer *t) {
    struct hone_train_params *p = &t->params;
    const struct hone_caps *caps = hone_device_caps(t->device);
    uint64_t given = (uint64_t)p->memory << 20;
    struct hone_trainer_plan plan = {.budget =
                                         !given ? (uint64_t)(FREE_SHARE * (double)caps->heap_bytes)
                                         : given > CHECK_BYTES ? given - CHECK_BYTES
                                                               : 0};
    bool fits;
    if (p->batch == HONE_BATCH_AUTO) HONE_TRY(choose_batch(t, &plan));
    if (p->accumulate && p->batch % p->accumulate)
        return hone_fail(HONE_INVALID,
                         "--accumulate %d does not divide --batch %d into equal parts",
                         (int)p->accumulate, (int)p->batch);
    HONE_TRY(fit(t, &plan, &fits));
    if (!fits) return fail_fit(t, &plan);
    t->plan = plan;
    if (t->recipe == HONE_RECIPE_HEAD) return HONE_OK;
    tell(t);
    // Whoever goes on with the run cuts it the same way, so that sums have the same order.
    p->accumulate = plan.parts;
    p->recompute = (int32_t)plan.segments;
    return HONE_OK;
}

void hone_trainer_tell_memory(struct hone_trainer *t) {
    uint64_t peak = hone_device_memory(t->device).peak_bytes;
    if (!t->step || !peak) return;
    t->result->memory_planned_bytes = t->plan.total;
    t->result->memory_peak_bytes = peak;
    hone_trainer_note(t, "memory: %.1f MB at most, %.1f MB planned", megabytes(peak),
                      megabytes(t->plan.total));
}
