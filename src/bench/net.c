// net.c: steps of a net: the rate by the host's clock over whole steps, the layers by the device's.
#include "bench/net.h"

#include <math.h>

#include "base/thread.h"

enum { SCALE_POINTS = 4, STEPS_MOST = 1000 };
static const double SAMPLE_SECONDS =
    0.1; // a sample of short steps holds several, one behind the other

static struct hone_compile_params compile_params(const struct hone_bencher *b, bool profile) {
    return (struct hone_compile_params){.passes_off = b->passes_off,
                                        .skip_rows = b->skip_rows,
                                        .profile = profile,
                                        .explain = true};
}

// `count` steps, then a wait. Seconds a step, and this thread's own.
static hone_status run_steps(struct hone_bench_job *job, struct hone_program *program, int count,
                             double *seconds, double *thread_seconds) {
    double start = hone_seconds(), own = hone_thread_seconds();
    for (int i = 0; i < count; i++) HONE_TRY(hone_bench_job_step(job, program));
    *thread_seconds = (hone_thread_seconds() - own) / count;
    HONE_TRY(hone_program_wait(program));
    *seconds = (hone_seconds() - start) / count;
    return HONE_OK;
}

static hone_status time_steps(struct hone_bench_job *job, struct hone_program *program,
                              struct hone_bench_net *net) {
    double seconds, own, all[HONE_BENCH_RUNS], owns[HONE_BENCH_RUNS];
    for (int i = 0; i < 2; i++) HONE_TRY(run_steps(job, program, 1, &seconds, &own)); // warm
    int count = seconds > 0 ? (int)ceil(SAMPLE_SECONDS / seconds) : 1;
    if (count > STEPS_MOST) count = STEPS_MOST;
    for (int i = 0; i < HONE_BENCH_RUNS; i++)
        HONE_TRY(run_steps(job, program, count, &all[i], &owns[i]));
    seconds = hone_bench_median(all, HONE_BENCH_RUNS);
    net->step_ms = seconds * 1e3;
    net->images_per_second = net->batch / seconds;
    net->submit_us = hone_bench_median(owns, HONE_BENCH_RUNS) * 1e6;
    return HONE_OK;
}

// The rate at one batch and size.
static hone_status time_net(struct hone_bencher *b, struct hone_bench_job *job,
                            struct hone_store *store, struct hone_bench_net *net) {
    struct hone_compile_params compile = compile_params(b, false);
    struct hone_program *program;
    size_t compiled = hone_device_compiled(b->device);
    double start = hone_seconds();
    HONE_TRY(hone_program_compile(store, job->graph, &compile, &program));
    net->compile_s = hone_seconds() - start;
    net->compiled = hone_device_compiled(b->device) - compiled;
    struct hone_program_memory memory = hone_program_memory(program);
    net->activation_bytes = memory.pool_bytes;
    net->state_bytes = memory.state_bytes;
    net->staging_bytes = memory.input_bytes;
    hone_status status = b->params->allow_plain ? HONE_OK : hone_bench_check_plain(program);
    if (status == HONE_OK) status = hone_bench_job_fill(job, store, program);
    if (status == HONE_OK) status = time_steps(job, program, net);
    struct hone_program_commands commands = hone_program_commands(program);
    net->dispatches = commands.dispatches;
    net->barriers = commands.barriers;
    for (int i = 0; i < hone_program_node_count(program) && status == HONE_OK; i++) {
        struct hone_program_node node;
        status = hone_program_node(program, i, &node);
        net->flops += node.flops;
    }
    hone_program_destroy(&program);
    return status;
}

// The layers, from a second program that has timestamps between its nodes.
static hone_status time_layers(struct hone_bencher *b, struct hone_bench_job *job,
                               struct hone_store *store, struct hone_bench_net *net) {
    struct hone_compile_params compile = compile_params(b, true);
    struct hone_program *program;
    HONE_TRY(hone_program_compile(store, job->graph, &compile, &program));
    int count = hone_program_node_count(program);
    double *ms = hone_calloc((size_t)count, sizeof *ms, "timings");
    hone_status status = ms ? hone_bench_job_fill(job, store, program) : HONE_OUT_OF_MEMORY;
    if (status == HONE_OK) status = hone_bench_job_step(job, program);
    if (status == HONE_OK) status = hone_bench_profile(program, HONE_BENCH_RUNS, ms);
    for (int i = 0; i < count && status == HONE_OK; i++) {
        struct hone_bench_line line;
        net->device_ms += ms[i];
        if (!b->params->explain) continue;
        status = hone_bench_describe(b, program, i, ms[i], &line);
        if (status == HONE_OK && line.dispatches) status = hone_bench_add_line(b, &line);
    }
    hone_free(ms);
    hone_program_destroy(&program);
    return status;
}

static hone_status run_point(struct hone_bencher *b, int32_t batch, int32_t size, bool layers) {
    struct hone_bench_job job;
    struct hone_store *store = NULL;
    struct hone_bench_net net = {.batch = batch, .size = size};
    hone_bench_note(b, "%s, batch %d, %d x %d", b->params->net, (int)batch, (int)size, (int)size);
    HONE_TRY(hone_bench_job_init(b->params, batch, size, &job));
    hone_status status = hone_bench_tune(b, job.graph);
    if (status == HONE_OK) status = hone_store_create(b->device, &store);
    if (status == HONE_OK) status = time_net(b, &job, store, &net);
    if (status == HONE_OK && layers) status = time_layers(b, &job, store, &net);
    if (status == HONE_OK) status = hone_bench_add_net(b, &net);
    hone_store_destroy(&store);
    hone_bench_job_deinit(&job);
    return status;
}

// How far each point lies from the straight line through all of them (least squares): time over
// pixels of the batch.
static void judge_line(struct hone_bench_net *nets, int count) {
    double sx = 0, sy = 0, sxx = 0, sxy = 0;
    for (int i = 0; i < count; i++) {
        double x = (double)nets[i].batch * nets[i].size * nets[i].size, y = nets[i].step_ms;
        sx += x;
        sy += y;
        sxx += x * x;
        sxy += x * y;
    }
    double slope = (count * sxy - sx * sy) / (count * sxx - sx * sx);
    double offset = (sy - slope * sx) / count;
    for (int i = 0; i < count; i++) {
        double x = (double)nets[i].batch * nets[i].size * nets[i].size;
        nets[i].deviation = nets[i].step_ms / (offset + slope * x) - 1;
    }
}

static hone_status run_scaling(struct hone_bencher *b) {
    int32_t batch = b->params->batch, size = b->params->size;
    if (batch < SCALE_POINTS || size < 64 * SCALE_POINTS / 2)
        return hone_fail(HONE_INVALID,
                         "--scaling needs a --batch of at least %d and a --size of at "
                         "least %d",
                         SCALE_POINTS, 64 * SCALE_POINTS / 2);
    for (int i = 1; i <= SCALE_POINTS; i++)
        HONE_TRY(run_point(b, batch * i / SCALE_POINTS, size, false));
    for (int i = SCALE_POINTS; i-- > 0;) HONE_TRY(run_point(b, batch, size - 32 * i, false));
    judge_line(b->result->nets, SCALE_POINTS);
    judge_line(b->result->nets + SCALE_POINTS, SCALE_POINTS);
    return HONE_OK;
}

hone_status hone_bench_run_net(struct hone_bencher *b) {
    if (b->params->scaling) return run_scaling(b);
    return run_point(b, b->params->batch, b->params->size, b->params->explain);
}
