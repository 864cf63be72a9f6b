// net.c: steps of a net: the rate by the host's clock over whole steps, the layers by the device's.
#include "bench/net.h"

#include <math.h>

#include "base/thread.h"

enum { SCALE_POINTS = 4, STEPS_MOST = 1000, BESIDE_RUNS = 11 };
static const double SAMPLE_SECONDS =
    0.1; // a sample of short steps holds several, one behind the other

static struct hone_compile_params compile_params(const struct hone_bencher *b, unsigned passes_off,
                                                 bool profile) {
    return (struct hone_compile_params){.passes_off = passes_off,
                                        .compute = hone_bench_dtype(b->params),
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

// A net at one batch and size, ready to step.
struct point {
    struct hone_bench_job job;
    struct hone_store *store;
    struct hone_program *program;
    struct hone_bench_net net;
    unsigned passes_off;
    int steps; // a sample
    int runs;  // samples taken
    double seconds[HONE_BENCH_RUNS_MOST], own[HONE_BENCH_RUNS_MOST];
};

static void point_close(struct point *point) {
    hone_program_destroy(&point->program);
    hone_store_destroy(&point->store);
    hone_bench_job_deinit(&point->job);
}

static hone_status point_compile(struct hone_bencher *b, struct point *point) {
    struct hone_compile_params compile = compile_params(b, point->passes_off, false);
    struct hone_bench_net *net = &point->net;
    size_t compiled = hone_device_compiled(b->device);
    double start = hone_seconds();
    HONE_TRY(hone_program_compile(point->store, point->job.graph, &compile, &point->program));
    net->compile_s = hone_seconds() - start;
    net->compiled = hone_device_compiled(b->device) - compiled;
    struct hone_program_memory memory = hone_program_memory(point->program);
    net->activation_bytes = memory.pool_bytes;
    net->state_bytes = memory.state_bytes;
    net->staging_bytes = memory.input_bytes;
    for (int i = 0; i < hone_program_node_count(point->program); i++) {
        struct hone_program_node node;
        HONE_TRY(hone_program_node(point->program, i, &node));
        net->flops += node.flops;
    }
    return b->params->allow_plain ? HONE_OK : hone_bench_check_plain(point->program);
}

static hone_status point_warm(struct point *point) {
    double seconds = 0, own;
    HONE_TRY(hone_bench_job_fill(&point->job, point->store, point->program));
    for (int i = 0; i < 2; i++) HONE_TRY(run_steps(&point->job, point->program, 1, &seconds, &own));
    point->steps = seconds > 0 ? (int)ceil(SAMPLE_SECONDS / seconds) : 1;
    if (point->steps > STEPS_MOST) point->steps = STEPS_MOST;
    return HONE_OK;
}

// Close it whatever this returns.
static hone_status point_open(struct hone_bencher *b, int32_t batch, int32_t size,
                              unsigned passes_off, struct point *point) {
    *point = (struct point){.net = {.batch = batch, .size = size}, .passes_off = passes_off};
    hone_bench_note(b, "%s, batch %d, %d x %d", b->params->net, (int)batch, (int)size, (int)size);
    HONE_TRY(hone_bench_job_init(b->params, batch, size, &point->job));
    HONE_TRY(hone_bench_tune(b, point->job.graph));
    HONE_TRY(hone_store_create(b->device, &point->store));
    HONE_TRY(point_compile(b, point));
    return point_warm(point);
}

static hone_status point_sample(struct point *point) {
    int run = point->runs++;
    return run_steps(&point->job, point->program, point->steps, &point->seconds[run],
                     &point->own[run]);
}

static void point_judge(struct point *point) {
    struct hone_bench_net *net = &point->net;
    double seconds = hone_bench_median(point->seconds, point->runs);
    net->step_ms = seconds * 1e3;
    net->images_per_second = net->batch / seconds;
    net->submit_us = hone_bench_median(point->own, point->runs) * 1e6;
    struct hone_program_commands commands = hone_program_commands(point->program);
    net->dispatches = commands.dispatches;
    net->barriers = commands.barriers;
}

// The layers, from a second program that has timestamps between its nodes.
static hone_status time_layers(struct hone_bencher *b, struct hone_bench_job *job,
                               struct hone_store *store, struct hone_bench_net *net) {
    struct hone_compile_params compile = compile_params(b, b->passes_off, true);
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
    struct point point;
    hone_status status = point_open(b, batch, size, b->passes_off, &point);
    for (int i = 0; i < HONE_BENCH_RUNS && status == HONE_OK; i++) status = point_sample(&point);
    if (status == HONE_OK) point_judge(&point);
    hone_program_destroy(&point.program); // the layers' is another, and needs its memory
    if (status == HONE_OK && layers) status = time_layers(b, &point.job, point.store, &point.net);
    if (status == HONE_OK) status = hone_bench_add_net(b, &point.net);
    point_close(&point);
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

// All points step in turn: a machine whose clock or load changes within a minute changes all alike.
static hone_status run_line(struct hone_bencher *b, const int32_t *batches, const int32_t *sizes) {
    struct point points[SCALE_POINTS] = {0};
    hone_status status = HONE_OK;
    for (int i = 0; i < SCALE_POINTS && status == HONE_OK; i++)
        status = point_open(b, batches[i], sizes[i], b->passes_off, &points[i]);
    for (int run = 0; run < HONE_BENCH_RUNS; run++)
        for (int i = 0; i < SCALE_POINTS && status == HONE_OK; i++)
            status = point_sample(&points[i]);
    for (int i = 0; i < SCALE_POINTS; i++) {
        if (status == HONE_OK) point_judge(&points[i]);
        if (status == HONE_OK) status = hone_bench_add_net(b, &points[i].net);
        point_close(&points[i]);
    }
    return status;
}

static hone_status run_scaling(struct hone_bencher *b) {
    int32_t batch = b->params->batch, size = b->params->size;
    int32_t batches[SCALE_POINTS], sizes[SCALE_POINTS];
    if (batch < SCALE_POINTS || size < 64 * SCALE_POINTS / 2)
        return hone_fail(HONE_INVALID,
                         "--scaling needs a --batch of at least %d and a --size of at "
                         "least %d",
                         SCALE_POINTS, 64 * SCALE_POINTS / 2);
    for (int i = 0; i < SCALE_POINTS; i++) {
        batches[i] = batch * (i + 1) / SCALE_POINTS;
        sizes[i] = size;
    }
    HONE_TRY(run_line(b, batches, sizes));
    for (int i = 0; i < SCALE_POINTS; i++) {
        batches[i] = batch;
        sizes[i] = size - 32 * (SCALE_POINTS - 1 - i);
    }
    HONE_TRY(run_line(b, batches, sizes));
    judge_line(b->result->nets, SCALE_POINTS);
    judge_line(b->result->nets + SCALE_POINTS, SCALE_POINTS);
    return HONE_OK;
}

// The net and the net without some passes step in turn: the median of the ratios of neighbours is
// steady where the machine's clock or load is not.
static hone_status run_beside(struct hone_bencher *b) {
    const unsigned off[2] = {b->passes_off, b->passes_off | b->beside};
    struct point points[2] = {0};
    double ratios[BESIDE_RUNS];
    hone_status status = HONE_OK;
    for (int i = 0; i < 2 && status == HONE_OK; i++)
        status = point_open(b, b->params->batch, b->params->size, off[i], &points[i]);
    for (int run = 0; run < BESIDE_RUNS && status == HONE_OK; run++) {
        for (int i = 0; i < 2 && status == HONE_OK; i++) status = point_sample(&points[i]);
        ratios[run] = points[1].seconds[run] / points[0].seconds[run];
    }
    for (int i = 0; i < 2; i++) {
        if (status == HONE_OK) {
            point_judge(&points[i]);
            if (i == 1) points[i].net.deviation = hone_bench_median(ratios, BESIDE_RUNS) - 1;
            status = hone_bench_add_net(b, &points[i].net);
        }
        point_close(&points[i]);
    }
    return status;
}

hone_status hone_bench_run_net(struct hone_bencher *b) {
    if (b->params->scaling) return run_scaling(b);
    if (b->beside) return run_beside(b);
    return run_point(b, b->params->batch, b->params->size, b->params->explain);
}
