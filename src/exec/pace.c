// pace.c: the first runs of a program are measured, until each submit and each dispatch is known to
// be short enough. In the first two each piece of an estimated plan is a submit of its own: drivers
// compile and touch memory in the first, the second tells the truth. Then the measured plan is
// recorded and timed in turn. A program that is far from every limit settles after its first run.
// cuts.c decides; here runs are timed and recorded again.
#include "exec/internal.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/thread.h"

enum {
    PACE_PIECES = 2, // runs whose pieces are timed one by one
    PACE_RUNS = 5,   // measured at most: then the plan stays, whatever the times say
};

// Keeps the launches, since programs are recorded more than once.
static hone_status keep_launches(struct hone_program *program, const struct hone_launch *launches) {
    struct hone_pace *pace = &program->pace;
    size_t nodes = program->graph->node_count, count = 0;
    for (size_t n = 0; n < nodes; n++) count += (size_t)launches[n].dispatch_count;
    pace->first = hone_calloc(nodes + 1, sizeof *pace->first, "kernel launches");
    pace->dispatches = hone_calloc(count, sizeof *pace->dispatches, "kernel launches");
    pace->items = hone_calloc(count, sizeof *pace->items, "kernel launches");
    if (!pace->first || !pace->dispatches || !pace->items) return HONE_OUT_OF_MEMORY;
    for (size_t n = 0; n < nodes; n++) {
        double ms = hone_cut_estimate_ms(program->caps.kind, program->costs[n].flops,
                                         program->costs[n].bytes);
        for (int i = 0; i < launches[n].dispatch_count; i++) {
            const struct hone_dispatch *d = &launches[n].dispatches[i];
            bool counts = hone_kernel_counts_groups(d->kernel);
            pace->items[pace->count] =
                (struct hone_cut_item){.ms = ms, .most = hone_cut_most(d->grid, counts)};
            pace->dispatches[pace->count++] = *d;
        }
        pace->first[n + 1] = pace->count;
    }
    return HONE_OK;
}

// All pipelines at once, so that they are compiled side by side.
static hone_status compile_kernels(struct hone_program *program) {
    struct hone_pace *pace = &program->pace;
    struct hone_gpu *gpu = program->store->device->gpu;
    struct hone_gpu_pipeline_request *requests =
        hone_calloc(pace->count, sizeof *requests, "pipelines");
    if (!requests) return HONE_OUT_OF_MEMORY;
    for (size_t i = 0; i < pace->count; i++) {
        const struct hone_dispatch *d = &pace->dispatches[i];
        requests[i] = (struct hone_gpu_pipeline_request){
            .kernel = d->kernel, .spec = d->spec, .spec_count = d->spec_count};
    }
    double start = hone_seconds();
    size_t before = hone_gpu_cache_stats(gpu).compiled;
    hone_status status = hone_gpu_pipelines_compile(gpu, requests, pace->count);
    hone_free(requests);
    HONE_TRY(status);
    hone_log(HONE_LOG_DEBUG, "%zu dispatches, %zu new pipelines in %.3f s", pace->count,
             hone_gpu_cache_stats(gpu).compiled - before, hone_seconds() - start);
    hone_gpu_cache_save(gpu); // a program that is killed later has it next time
    return HONE_OK;
}

static void drop_launches(struct hone_pace *pace) {
    hone_free(pace->first);
    hone_free(pace->dispatches);
    pace->first = NULL;
    pace->dispatches = NULL;
}

hone_status hone_pace_begin(struct hone_program *program, const struct hone_launch *launches,
                            const struct hone_compile_params *params) {
    struct hone_pace *pace = &program->pace;
    pace->limits.submit_ms = params->submit_ms > 0 ? params->submit_ms : 250;
    pace->limits.dispatch_ms = params->dispatch_ms > 0 ? params->dispatch_ms : 50;
    HONE_TRY(keep_launches(program, launches));
    HONE_TRY(compile_kernels(program));
    struct hone_cut_limits first = pace->limits;
    first.submit_ms = 0;
    HONE_TRY(hone_cuts_make(pace->items, pace->count, first, &pace->cuts));
    return hone_program_record(program, 0);
}

// Records the plan of what is known now for all slots; nothing of the program is in flight.
static hone_status plan_again(struct hone_program *program) {
    struct hone_pace *pace = &program->pace;
    hone_cuts_deinit(&pace->cuts);
    HONE_TRY(hone_cuts_make(pace->items, pace->count, pace->limits, &pace->cuts));
    for (int slot = 0; slot < HONE_PROGRAM_SLOTS; slot++)
        HONE_TRY(hone_program_record(program, slot));
    return HONE_OK;
}

static void settle(struct hone_pace *pace) {
    struct hone_cut_worst worst = hone_cuts_worst(&pace->cuts, pace->items);
    pace->settled = true;
    drop_launches(pace);
    hone_log(HONE_LOG_DEBUG,
             "a run takes %.1f ms: %zu submits of %.1f ms at most, %zu dispatches of %.1f ms",
             worst.total_ms, pace->cuts.submit_count, worst.submit_ms, pace->cuts.piece_count,
             worst.dispatch_ms);
    if (worst.dispatch_ms > pace->limits.dispatch_ms || worst.submit_ms > pace->limits.submit_ms)
        hone_log(HONE_LOG_INFO,
                 "a dispatch of %.0f ms, a submit of %.0f ms: above %.0f and %.0f ms, and it can't "
                 "be cut further",
                 worst.dispatch_ms, worst.submit_ms, pace->limits.dispatch_ms,
                 pace->limits.submit_ms);
}

// Is a plan that was timed as it should be: nothing too long, nothing cut without need?
static hone_status plan_holds(const struct hone_pace *pace, bool *holds) {
    struct hone_cut_worst worst = hone_cuts_worst(&pace->cuts, pace->items);
    struct hone_cuts better;
    HONE_TRY(hone_cuts_make(pace->items, pace->count, pace->limits, &better));
    *holds = worst.submit_ms <= pace->limits.submit_ms &&
             worst.dispatch_ms <= pace->limits.dispatch_ms &&
             better.submit_count >= pace->cuts.submit_count;
    hone_cuts_deinit(&better);
    return HONE_OK;
}

hone_status hone_pace_prepare(struct hone_program *program) {
    struct hone_pace *pace = &program->pace;
    if (pace->settled || pace->runs == 0) return HONE_OK;
    struct hone_cut_worst worst = hone_cuts_worst(&pace->cuts, pace->items);
    bool holds = false;
    if (worst.total_ms < pace->limits.submit_ms / 2 &&
        worst.dispatch_ms < pace->limits.dispatch_ms / 2) {
        HONE_TRY(plan_again(program));
        holds = true;
    } else if (pace->runs < PACE_PIECES) {
        HONE_TRY(hone_program_record(program, program->gpu.slot));
    } else {
        if (pace->runs > PACE_PIECES) HONE_TRY(plan_holds(pace, &holds));
        if (!holds) HONE_TRY(plan_again(program));
        holds = holds || pace->runs >= PACE_RUNS;
    }
    if (holds) settle(pace);
    return HONE_OK;
}

hone_status hone_pace_run(struct hone_program *program) {
    struct hone_pace *pace = &program->pace;
    struct hone_program_gpu *g = &program->gpu;
    struct hone_gpu *gpu = program->store->device->gpu;
    if (pace->settled) return hone_gpu_submit(gpu, g->recording[g->slot], &g->ticket[g->slot]);
    double *ms = hone_calloc(pace->cuts.submit_count, sizeof *ms, "times");
    if (!ms) return HONE_OUT_OF_MEMORY;
    hone_status status = hone_gpu_submit_timed(gpu, g->recording[g->slot], ms, &g->ticket[g->slot]);
    if (status == HONE_OK) hone_cuts_learn(&pace->cuts, ms, pace->items, pace->count);
    hone_free(ms);
    pace->runs++;
    return status;
}

void hone_pace_deinit(struct hone_pace *pace) {
    drop_launches(pace);
    hone_free(pace->items);
    hone_cuts_deinit(&pace->cuts);
}
