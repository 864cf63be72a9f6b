// op.c: the time of one operator on one kernel row after the other: a program of one node each, by
// the device's clock.
#include "bench/internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/half.h"
#include "base/rng.h"
#include "base/thread.h"
#include "exec/choice.h"

static const double OP_SECONDS = 0.3; // short kernels are run more often than five times

// One element of a state from a uniform number.
static void put_element(enum hone_dtype dtype, const struct hone_bench_state *state, double u,
                        void *to) {
    float value = (float)(state->least + u * (state->most - state->least));
    int32_t whole = (int32_t)(state->least + floor(u * (state->most - state->least + 1.0)));
    uint16_t half = dtype == HONE_F16 ? hone_half_from_float(value) : hone_bf16_from_float(value);
    const void *from = dtype == HONE_I32   ? (const void *)&whole
                       : dtype == HONE_F32 ? (const void *)&value
                                           : (const void *)&half;
    memcpy(to, from, hone_dtype_bytes(dtype));
}

// Random numbers into a state, the same in each run.
static hone_status fill_state(struct hone_store *store, const struct hone_graph *graph,
                              const struct hone_bench_state *state, uint64_t stream) {
    const struct hone_value_info *info = &graph->values[state->value];
    size_t count = (size_t)hone_desc_elements(&info->desc),
           each = hone_dtype_bytes(info->desc.dtype);
    unsigned char *data = hone_calloc(count, each, info->name);
    if (!data) return HONE_OUT_OF_MEMORY;
    for (size_t i = 0; i < count; i += 4) {
        uint32_t words[4];
        hone_rng_block(1, stream, i / 4, words);
        for (size_t k = i; k < count && k < i + 4; k++)
            put_element(info->desc.dtype, state, (double)words[k - i] / 4294967296.0,
                        data + k * each);
    }
    hone_status status = hone_store_write(store, info->name, data, count * each);
    hone_free(data);
    return status;
}

hone_status hone_bench_profile(struct hone_program *program, int runs, double *ms) {
    int count = hone_program_node_count(program);
    double *all = hone_calloc((size_t)count * (size_t)runs, sizeof *all, "timings");
    if (!all) return HONE_OUT_OF_MEMORY;
    hone_status status = HONE_OK;
    for (int r = 0; r < runs && status == HONE_OK; r++) {
        status = hone_program_run(program);
        if (status == HONE_OK) status = hone_program_wait(program);
        for (int n = 0; n < count && status == HONE_OK; n++) {
            struct hone_program_node node;
            status = hone_program_node(program, n, &node);
            all[(size_t)n * (size_t)runs + (size_t)r] = node.ms;
        }
    }
    for (int n = 0; n < count && status == HONE_OK; n++)
        ms[n] = hone_bench_median(all + (size_t)n * (size_t)runs, runs);
    hone_free(all);
    return status;
}

// Median time of the program's last node. `ms`: its time, 0 where the device has no clock: then the
// host's, which holds the submit too.
static hone_status time_node(struct hone_program *program, double *ms) {
    double samples[HONE_BENCH_RUNS_MOST], start = 0, begin;
    int last = hone_program_node_count(program) - 1, count = 0;
    HONE_TRY(hone_program_run(program)); // to warm up
    HONE_TRY(hone_program_wait(program));
    start = hone_seconds();
    while (count < HONE_BENCH_RUNS ||
           (count < HONE_BENCH_RUNS_MOST && hone_seconds() - start < OP_SECONDS)) {
        struct hone_program_node node;
        begin = hone_seconds();
        HONE_TRY(hone_program_run(program));
        HONE_TRY(hone_program_wait(program));
        double host = (hone_seconds() - begin) * 1e3;
        HONE_TRY(hone_program_node(program, last, &node));
        samples[count++] = node.ms > 0 ? node.ms : host;
    }
    *ms = hone_bench_median(samples, count);
    return HONE_OK;
}

// Compiles the graph so that its node runs as `choice` says, times it and adds a line.
static hone_status time_choice(struct hone_bencher *b, const struct hone_bench_build *build,
                               struct hone_store *store, const struct hone_tuning *tuning) {
    struct hone_compile_params compile = {.passes_off = b->passes_off,
                                          .skip_rows = b->skip_rows,
                                          .profile = true,
                                          .explain = true,
                                          .tuning = tuning};
    struct hone_program *program;
    double ms = 0;
    HONE_TRY(hone_program_compile(store, build->graph, &compile, &program));
    hone_status status = HONE_OK;
    for (int i = 0; i < build->state_count && status == HONE_OK; i++)
        status = fill_state(store, build->graph, &build->states[i], (uint64_t)i);
    if (status == HONE_OK && !tuning && !b->params->allow_plain)
        status = hone_bench_check_plain(program);
    if (status == HONE_OK) status = time_node(program, &ms);
    if (status == HONE_OK) {
        struct hone_bench_line line;
        status = hone_bench_describe(b, program, hone_program_node_count(program) - 1, ms, &line);
        if (status == HONE_OK) status = hone_bench_add_line(b, &line);
    }
    hone_program_destroy(&program);
    return status;
}

// A tuning of one record: this node on this row and tile.
static hone_status force(const struct hone_bencher *b, const struct hone_op *op,
                         const struct hone_infer_args *args, const struct hone_choice *choice,
                         struct hone_tuning **out) {
    char device[HONE_TUNING_DEVICE], dtypes[HONE_TUNING_DTYPES], shapes[HONE_TUNING_SHAPES];
    hone_tuning_device(hone_device_caps(b->device), device);
    hone_tuning_key(op, args, dtypes, shapes);
    HONE_TRY(hone_tuning_create(out));
    struct hone_tuning_record record = {.device = device,
                                        .op = op->name,
                                        .dtypes = dtypes,
                                        .shapes = shapes,
                                        .row = choice->row->name,
                                        .tile = choice->tile ? choice->tile_name : "-"};
    hone_status status = hone_tuning_add(*out, &record);
    if (status != HONE_OK) hone_tuning_destroy(out);
    return status;
}

static hone_status time_all(struct hone_bencher *b, const struct hone_bench_build *build,
                            struct hone_store *store) {
    const struct hone_node *node = &build->graph->nodes[build->graph->node_count - 1];
    struct hone_node_descs descs;
    struct hone_choice choice = {0};
    HONE_TRY(hone_node_descs_init(&descs, build->graph, node));
    struct hone_row_args args = {.node = &descs.args, .caps = hone_device_caps(b->device)};
    hone_status status = HONE_OK;
    const char *const *skip = b->skip_rows;
    while (status == HONE_OK && hone_choice_next(node->op, &args, NULL, &choice)) {
        char name[96];
        bool skipped = choice.tile && b->params->rows != HONE_BENCH_ROWS_TILES;
        snprintf(name, sizeof name, "%s/%s", node->op->name, choice.row->name);
        for (int i = 0; skip[i]; i++) skipped = skipped || strcmp(skip[i], name) == 0;
        struct hone_tuning *tuning = NULL;
        if (skipped) continue;
        hone_bench_note(b, "%s %s", name, choice.tile_name);
        status = force(b, node->op, &descs.args, &choice, &tuning);
        if (status == HONE_OK) status = time_choice(b, build, store, tuning);
        hone_tuning_destroy(&tuning);
    }
    hone_node_descs_deinit(&descs);
    return status;
}

hone_status hone_bench_run_op(struct hone_bencher *b) {
    struct hone_bench_build build;
    struct hone_store *store = NULL;
    HONE_TRY(
        hone_bench_op_build(b->params->op, b->params->shape, hone_bench_dtype(b->params), &build));
    hone_status status = hone_bench_tune(b, build.graph);
    if (status == HONE_OK) status = hone_store_create(b->device, &store);
    if (status == HONE_OK && b->params->rows == HONE_BENCH_ROWS_BEST)
        status = time_choice(b, &build, store, NULL);
    else if (status == HONE_OK)
        status = time_all(b, &build, store);
    hone_store_destroy(&store);
    hone_graph_destroy(&build.graph);
    return status;
}
