// run.c: see run.h. Binding and recording are those of exec/record.c, in small.
#include "check/run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "exec/cuts.h"
#include "exec/elements.h"
#include "exec/launch.h"

enum { ALIGN = 256 };
#define CANARY 0xcafef00du
#define POISON 0x7fc0dead // a NaN

// Where one operand lies. Aliased outputs have the place of their input.
struct place {
    uint64_t offset, bytes; // bytes 0: absent
};

struct run {
    struct hone_check_pool *pool;
    const struct hone_case_eval *eval;
    const struct hone_op_row *row;
    const struct hone_check_way *way;
    struct hone_launch launch;
    struct place in[HONE_CASE_INPUTS], out[HONE_OP_MAX_OUTPUTS], scratch[HONE_LAUNCH_SCRATCH];
    uint64_t bytes;
    unsigned char *before, *after; // the pool
    char label[200];
    struct hone_check_verdict *verdict;
};

bool hone_check_fits(const struct hone_caps *caps, const struct hone_case_eval *eval,
                     const struct hone_op_row *row) {
    const struct hone_row_args args = {.node = &eval->args, .caps = caps};
    return !(row->needs & ~caps->features) && (!row->fits || row->fits(&args));
}

void hone_check_pool_deinit(struct hone_check_pool *pool) {
    hone_gpu_buffer_destroy(pool->gpu, &pool->buffer);
}

static const struct hone_caps *caps_of(const struct hone_check_pool *pool) {
    return pool->caps ? pool->caps : hone_gpu_caps(pool->gpu);
}

// ---- Layout of the pool ----

static void place_next(struct run *run, struct place *place, uint64_t bytes) {
    place->offset = run->bytes;
    place->bytes = bytes;
    run->bytes = (run->bytes + bytes + ALIGN - 1) / ALIGN * ALIGN + ALIGN;
}

static void fill_words(struct run *run, const struct place *place, uint32_t word) {
    for (uint64_t i = 0; i < place->bytes; i += 4)
        memcpy(run->before + place->offset + i, &word, 4);
}

static void place_operands(struct run *run) {
    const struct hone_case_eval *eval = run->eval;
    const struct hone_check_way *way = run->way;
    run->bytes = ALIGN;
    for (int i = 0; i < eval->test->input_count; i++)
        if (eval->in_desc[i].rank >= 0)
            place_next(run, &run->in[i], hone_desc_bytes(&eval->in_desc[i]));
    for (int i = 0; i < eval->test->op->outputs; i++) {
        int input = -1;
        for (int k = 0; k < way->alias_count; k++)
            if (way->alias[k].output == i) input = way->alias[k].input;
        if (input >= 0)
            run->out[i] = run->in[input];
        else
            place_next(run, &run->out[i], hone_desc_bytes(&eval->out_desc[i]));
    }
    for (int i = 0; i < HONE_LAUNCH_SCRATCH; i++)
        if (run->launch.scratch_bytes[i])
            place_next(run, &run->scratch[i], run->launch.scratch_bytes[i]);
}

static hone_status run_init(struct run *run) {
    const struct hone_case_eval *eval = run->eval;
    place_operands(run);
    run->before = hone_calloc(run->bytes, 1, "the operands of a check");
    run->after = hone_calloc(run->bytes, 1, "the operands of a check");
    if (!run->before || !run->after) return HONE_OUT_OF_MEMORY;
    fill_words(run, &(struct place){0, run->bytes}, CANARY);
    for (int i = 0; i < HONE_LAUNCH_SCRATCH; i++) fill_words(run, &run->scratch[i], POISON);
    for (int i = 0; i < eval->test->op->outputs; i++) fill_words(run, &run->out[i], POISON);
    for (int i = 0; i < eval->test->input_count; i++)
        if (run->in[i].bytes)
            hone_elements_save(eval->in_desc[i].dtype, eval->in[i],
                               hone_desc_elements(&eval->in_desc[i]),
                               run->before + run->in[i].offset);
    struct hone_check_pool *pool = run->pool;
    if (pool->buffer && hone_gpu_buffer_bytes(pool->buffer) >= run->bytes) return HONE_OK;
    hone_gpu_buffer_destroy(pool->gpu, &pool->buffer);
    return hone_gpu_buffer_create(pool->gpu, run->bytes + (1 << 20), HONE_GPU_DEVICE,
                                  "the operands of a check", &pool->buffer);
}

static void run_deinit(struct run *run) {
    hone_free(run->before);
    hone_free(run->after);
}

// ---- Running ----

static struct hone_gpu_range operand_range(const struct run *run, const struct hone_operand *o) {
    const struct place *place = o->kind == HONE_OPERAND_INPUT    ? &run->in[o->index]
                                : o->kind == HONE_OPERAND_OUTPUT ? &run->out[o->index]
                                                                 : &run->scratch[o->index];
    // The binding covers the canaries behind the operand too: CPU drivers drop what goes past a
    // binding.
    uint64_t bytes = o->bytes ? o->bytes : place->bytes - o->offset;
    return (struct hone_gpu_range){.buffer = run->pool->buffer,
                                   .offset = place->offset + o->offset,
                                   .bytes = bytes + ALIGN,
                                   .write = o->kind != HONE_OPERAND_INPUT};
}

static hone_status compile(const struct run *run, const struct hone_dispatch *d,
                           struct hone_gpu_pipeline **out) {
    return hone_gpu_pipeline_get(run->pool->gpu, d->kernel, d->spec, d->spec_count, d->subgroup,
                                 out);
}

// As exec/record.c: kernels that take addresses find them in front of the row's own push constants.
static hone_status record(struct run *run, struct hone_gpu_recording *rec,
                          const struct hone_dispatch *d) {
    struct hone_gpu_range ranges[HONE_DISPATCH_OPERANDS];
    unsigned char push[HONE_DISPATCH_PUSH];
    int push_bytes = 0;
    bool addresses = d->kernel->needs & HONE_FEATURE_BUFFER_ADDRESS;
    for (int i = 0; i < d->operand_count; i++) {
        ranges[i] = operand_range(run, &d->operands[i]);
        uint64_t address = hone_gpu_buffer_address(run->pool->buffer) + ranges[i].offset;
        if (!addresses) continue;
        memcpy(push + push_bytes, &address, 8);
        push_bytes += 8;
    }
    memcpy(push + push_bytes, d->push, (size_t)d->push_bytes);
    struct hone_gpu_pipeline *pipeline;
    HONE_TRY(compile(run, d, &pipeline));
    bool counts = hone_kernel_counts_groups(d->kernel);
    uint32_t most = hone_cut_most(d->grid, counts), parts = run->way->parts ? run->way->parts : 1;
    if (parts > most) parts = most;
    for (uint32_t part = 0; part < parts; part++) {
        uint32_t base[3], size[3];
        hone_cut_grid(d->grid, counts, part, parts, base, size);
        HONE_TRY(part ? hone_gpu_record_more(rec, base, size)
                      : hone_gpu_record_part(rec, pipeline, ranges, d->operand_count, push,
                                             push_bytes + d->push_bytes, base, size));
    }
    return HONE_OK;
}

static hone_status record_all(struct run *run, struct hone_gpu_recording *rec) {
    for (int i = 0; i < run->launch.dispatch_count; i++)
        HONE_TRY(record(run, rec, &run->launch.dispatches[i]));
    return hone_gpu_recording_end(rec);
}

static hone_status run_launch(struct run *run) {
    struct hone_gpu *gpu = run->pool->gpu;
    struct hone_gpu_recording *rec;
    uint64_t ticket;
    HONE_TRY(hone_gpu_write(gpu, run->pool->buffer, 0, run->before, run->bytes));
    HONE_TRY(hone_gpu_recording_create(gpu, &rec));
    hone_status status = record_all(run, rec);
    if (status == HONE_OK) status = hone_gpu_submit(gpu, rec, &ticket);
    if (status == HONE_OK) status = hone_gpu_wait(gpu, ticket, UINT64_MAX);
    if (status == HONE_OK)
        status = hone_gpu_read(gpu, run->pool->buffer, 0, run->after, run->bytes);
    hone_gpu_recording_destroy(gpu, &rec);
    return status;
}

// ---- Judging ----

// Nothing outside outputs and scratch may have changed.
static hone_status check_untouched(struct run *run) {
    unsigned char *kept = hone_calloc(run->bytes, 1, "the marks of a check");
    if (!kept) return HONE_OUT_OF_MEMORY;
    memset(kept, 1, run->bytes);
    for (int i = 0; i < run->eval->test->op->outputs; i++)
        memset(kept + run->out[i].offset, 0, run->out[i].bytes);
    for (int i = 0; i < HONE_LAUNCH_SCRATCH; i++)
        memset(kept + run->scratch[i].offset, 0, run->scratch[i].bytes);
    for (uint64_t b = 0; b < run->bytes && run->verdict->good; b++) {
        if (!kept[b] || run->before[b] == run->after[b]) continue;
        const char *what = "a canary";
        for (int i = 0; i < run->eval->test->input_count; i++)
            if (b - run->in[i].offset < run->in[i].bytes) what = "an input";
        run->verdict->good = false;
        snprintf(run->verdict->why, sizeof run->verdict->why,
                 "%s: %s was overwritten, byte %llu of %llu", run->label, what,
                 (unsigned long long)b, (unsigned long long)run->bytes);
    }
    hone_free(kept);
    return HONE_OK;
}

static double bound_of(const struct hone_case_tolerance *tolerance, enum hone_dtype dtype,
                       const double *want, int64_t count) {
    double largest = 0;
    for (int64_t e = 0; e < count; e++) largest = fmax(largest, fabs(want[e]));
    double scale = tolerance->scale > 0 ? tolerance->scale : largest;
    double c = tolerance->c > 0 ? tolerance->c : 4;
    double sum = c * 0x1p-23 * sqrt(tolerance->reduction > 0 ? tolerance->reduction : 1);
    return (dtype == HONE_F32 ? sum : sum + hone_dtype_eps(dtype)) * scale;
}

static hone_status check_output(struct run *run, int output) {
    const struct hone_desc *desc = &run->eval->out_desc[output];
    const struct hone_case_tolerance *tolerance = &run->eval->test->tolerance;
    double *want = run->eval->out[output];
    int64_t count = hone_desc_elements(desc);
    double *got = hone_calloc((size_t)count, sizeof *got, "the results of a check");
    if (!got) return HONE_OUT_OF_MEMORY;
    hone_elements_load(desc->dtype, run->after + run->out[output].offset, count, got);
    if (tolerance->exact) hone_elements_round(desc->dtype, want, count);
    bool exact = tolerance->exact || !hone_dtype_is_float(desc->dtype);
    double bound = exact ? 0 : bound_of(tolerance, desc->dtype, want, count);
    int64_t worst = -1, wrong = 0;
    for (int64_t e = 0; e < count; e++) {
        if (fabs(got[e] - want[e]) <= bound) continue; // NaN is wrong, unless it is expected
        if (tolerance->nan && isnan(want[e]) && isnan(got[e])) continue;
        wrong++;
        if (worst < 0 || !(fabs(got[e] - want[e]) <= fabs(got[worst] - want[worst]))) worst = e;
    }
    if (wrong && run->verdict->good) {
        run->verdict->good = false;
        snprintf(run->verdict->why, sizeof run->verdict->why,
                 "%s: output %d: %lld of %lld elements are off by more than %.3g; element %lld is "
                 "%.9g, not %.9g",
                 run->label, output, (long long)wrong, (long long)count, bound, (long long)worst,
                 got[worst], want[worst]);
    }
    hone_free(got);
    return HONE_OK;
}

static void make_label(struct run *run, const struct hone_row_args *args) {
    char name[128], tile[HONE_TILE_NAME] = "";
    if (args->tile) run->row->tile(args, args->tile, tile);
    snprintf(run->label, sizeof run->label, "%s, row %s%s%s%s%s%s",
             hone_case_label(run->eval->test, name), run->row->name, *tile ? " " : "", tile,
             run->way->alias_count ? ", in place" : "", run->way->binding_bytes ? ", cut" : "",
             run->way->parts > 1 ? ", in parts" : "");
}

static hone_status run_and_judge(struct run *run) {
    if (run->pool->compile_only) {
        struct hone_gpu_pipeline *pipeline;
        for (int i = 0; i < run->launch.dispatch_count; i++)
            HONE_TRY(compile(run, &run->launch.dispatches[i], &pipeline));
        return HONE_OK;
    }
    hone_status status = run_init(run);
    if (status == HONE_OK) status = run_launch(run);
    if (status == HONE_OK) status = check_untouched(run);
    for (int i = 0; i < run->eval->test->op->outputs && status == HONE_OK; i++)
        status = check_output(run, i);
    run_deinit(run);
    return status;
}

hone_status hone_check_run(struct hone_check_pool *pool, const struct hone_case_eval *eval,
                           const struct hone_op_row *row, const struct hone_check_way *way,
                           struct hone_check_verdict *out) {
    static const struct hone_check_way plain = {0};
    struct run run = {
        .pool = pool, .eval = eval, .row = row, .way = way ? way : &plain, .verdict = out};
    struct hone_caps caps = *caps_of(pool);
    if (run.way->binding_bytes) caps.storage_range_bytes = run.way->binding_bytes;
    const struct hone_row_args args = {.node = &eval->args, .caps = &caps, .tile = run.way->tile};
    *out = (struct hone_check_verdict){.good = true};
    make_label(&run, &args);
    hone_status status = hone_launch_make(eval->test->op, row, &args, &run.launch);
    if (status == HONE_UNSUPPORTED && run.way->binding_bytes) return HONE_OK; // it can't be cut
    out->ran = true;
    if (status == HONE_OK) status = run_and_judge(&run);
    if (status == HONE_OK) return HONE_OK;
    out->good = false;
    snprintf(out->why, sizeof out->why, "%s: %s", run.label, hone_error_message());
    return status == HONE_DEVICE_LOST || status == HONE_OUT_OF_MEMORY ? status : HONE_OK;
}
