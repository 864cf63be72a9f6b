// test_device.c: every kernel row of every operator on the device, chosen or not, against the
// reference in double.
//
// All operands of a launch lie in one buffer with canary words before, between and behind them;
// outputs and scratch start as NaN. After the run inputs and canaries must be untouched and every
// element of every output within c eps sqrt(reduction) scale of the reference (op_case.h). Rows
// whose output may overwrite an input run a second time in that way; rows that can be cut once more
// as if the device bound half of the longest tensor at most; and all with their grids in three
// parts, as long dispatches are. HONE_TEST_OP=name restricts the run to one operator,
// HONE_TEST_ROW=name to one row of each.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "exec/internal.h"
#include "ops/row.h"
#include "support/gpu.h"
#include "support/op_case.h"

enum { ALIGN = 256 };
#define CANARY 0xcafef00du
#define POISON 0x7fc0dead // a NaN

static struct hone_gpu *gpu;
static struct hone_gpu_buffer *pool; // grows
static int cut_count;                // runs of launches that were cut
static uint64_t binding_limit;       // what launches may bind at once; 0: what the device allows
static uint32_t grid_parts = 1;      // in which a dispatch is recorded
static int chosen_tile;              // HONE_TILE_DEFAULT: the choice of the row
static char chosen_tile_name[HONE_TILE_NAME];
static bool compile_only; // a driver without its hardware: pipelines compile, nothing runs

// Where one operand lies. Aliased outputs have the place of their input.
struct place {
    uint64_t offset, bytes; // bytes 0: absent
};

struct run {
    const struct op_eval *eval;
    const struct hone_op_row *row;
    struct hone_launch launch;
    struct place in[OP_CASE_INPUTS], out[HONE_OP_MAX_OUTPUTS], scratch[HONE_LAUNCH_SCRATCH];
    bool overwritten[OP_CASE_INPUTS]; // by an aliased output
    uint64_t bytes;
    unsigned char *before, *after; // the pool
    char label[200];
};

// ---- Layout of the pool
// --------------------------------------------------------------------------------------

static void place_next(struct run *run, struct place *place, uint64_t bytes) {
    place->offset = run->bytes;
    place->bytes = bytes;
    run->bytes = (run->bytes + bytes + ALIGN - 1) / ALIGN * ALIGN + ALIGN;
}

static void fill_words(struct run *run, const struct place *place, uint32_t word) {
    for (uint64_t i = 0; i < place->bytes; i += 4)
        memcpy(run->before + place->offset + i, &word, 4);
}

// `alias`: NULL, or the relation of `alias_count` outputs that share the place of an input.
static void run_init(struct run *run, const struct hone_alias *alias, int alias_count) {
    const struct op_eval *eval = run->eval;
    const struct op_case *test = eval->test;
    run->bytes = ALIGN;
    for (int i = 0; i < test->input_count; i++)
        if (eval->in_desc[i].rank >= 0)
            place_next(run, &run->in[i], hone_desc_bytes(&eval->in_desc[i]));
    for (int i = 0; i < test->op->outputs; i++) {
        int input = -1;
        for (int k = 0; k < alias_count; k++)
            if (alias[k].output == i) input = alias[k].input;
        if (input >= 0) {
            run->out[i] = run->in[input];
            run->overwritten[input] = true;
        } else {
            place_next(run, &run->out[i], hone_desc_bytes(&eval->out_desc[i]));
        }
    }
    for (int i = 0; i < HONE_LAUNCH_SCRATCH; i++)
        if (run->launch.scratch_bytes[i])
            place_next(run, &run->scratch[i], run->launch.scratch_bytes[i]);

    run->before = hone_calloc(run->bytes, 1, "test pool");
    run->after = hone_calloc(run->bytes, 1, "test pool");
    assert_true(run->before && run->after);
    fill_words(run, &(struct place){0, run->bytes}, CANARY);
    for (int i = 0; i < HONE_LAUNCH_SCRATCH; i++) fill_words(run, &run->scratch[i], POISON);
    for (int i = 0; i < test->op->outputs; i++) fill_words(run, &run->out[i], POISON);
    for (int i = 0; i < test->input_count; i++)
        if (run->in[i].bytes)
            hone_elements_save(eval->in_desc[i].dtype, eval->in[i],
                               hone_desc_elements(&eval->in_desc[i]),
                               run->before + run->in[i].offset);
}

static void run_deinit(struct run *run) {
    hone_free(run->before);
    hone_free(run->after);
}

// ---- Running
// -------------------------------------------------------------------------------------------------

static void pool_reserve(uint64_t bytes) {
    if (pool && hone_gpu_buffer_bytes(pool) >= bytes) return;
    hone_gpu_buffer_destroy(gpu, &pool);
    assert_ok(hone_gpu_buffer_create(gpu, bytes + (1 << 20), HONE_GPU_DEVICE, "test pool", &pool));
}

static struct hone_gpu_range operand_range(const struct run *run, const struct hone_operand *o) {
    const struct place *place = o->kind == HONE_OPERAND_INPUT    ? &run->in[o->index]
                                : o->kind == HONE_OPERAND_OUTPUT ? &run->out[o->index]
                                                                 : &run->scratch[o->index];
    // The binding covers the canaries behind the operand too: CPU drivers drop what goes past a
    // binding.
    uint64_t bytes = o->bytes ? o->bytes : place->bytes - o->offset;
    return (struct hone_gpu_range){.buffer = pool,
                                   .offset = place->offset + o->offset,
                                   .bytes = bytes + ALIGN,
                                   .write = o->kind != HONE_OPERAND_INPUT};
}

static struct hone_gpu_pipeline *compile(const struct run *run, const struct hone_dispatch *d) {
    struct hone_gpu_pipeline *pipeline;
    if (hone_gpu_pipeline_get(gpu, d->kernel, d->spec, d->spec_count, d->subgroup, &pipeline) !=
        HONE_OK)
        fail_msg("%s: %s", run->label, hone_error_message());
    return pipeline;
}

// As exec/record.c: kernels that take addresses find them in front of the row's own push constants.
static void record(struct run *run, struct hone_gpu_recording *rec, const struct hone_dispatch *d) {
    struct hone_gpu_range ranges[HONE_DISPATCH_OPERANDS];
    unsigned char push[HONE_DISPATCH_PUSH];
    int push_bytes = 0;
    bool addresses = d->kernel->needs & HONE_FEATURE_BUFFER_ADDRESS;
    for (int i = 0; i < d->operand_count; i++) {
        ranges[i] = operand_range(run, &d->operands[i]);
        uint64_t address = hone_gpu_buffer_address(pool) + ranges[i].offset;
        if (addresses) memcpy(push + 8 * i, &address, 8);
        if (addresses) push_bytes += 8;
    }
    memcpy(push + push_bytes, d->push, (size_t)d->push_bytes);
    struct hone_gpu_pipeline *pipeline = compile(run, d);
    bool counts = hone_kernel_counts_groups(d->kernel);
    uint32_t most = hone_cut_most(d->grid, counts), parts = grid_parts < most ? grid_parts : most;
    hone_status status = HONE_OK;
    for (uint32_t part = 0; part < parts && status == HONE_OK; part++) {
        uint32_t base[3], size[3];
        hone_cut_grid(d->grid, counts, part, parts, base, size);
        status = part ? hone_gpu_record_more(rec, base, size)
                      : hone_gpu_record_part(rec, pipeline, ranges, d->operand_count, push,
                                             push_bytes + d->push_bytes, base, size);
    }
    if (status != HONE_OK) fail_msg("%s: %s", run->label, hone_error_message());
}

static void run_launch(struct run *run) {
    struct hone_gpu_recording *rec;
    uint64_t ticket;
    pool_reserve(run->bytes);
    assert_ok(hone_gpu_write(gpu, pool, 0, run->before, run->bytes));
    assert_ok(hone_gpu_recording_create(gpu, &rec));
    for (int i = 0; i < run->launch.dispatch_count; i++)
        record(run, rec, &run->launch.dispatches[i]);
    assert_ok(hone_gpu_recording_end(rec));
    assert_ok(hone_gpu_submit(gpu, rec, &ticket));
    assert_ok(hone_gpu_wait(gpu, ticket, UINT64_MAX));
    assert_ok(hone_gpu_read(gpu, pool, 0, run->after, run->bytes));
    hone_gpu_recording_destroy(gpu, &rec);
}

// ---- Checking
// ------------------------------------------------------------------------------------------------

// Nothing outside outputs and scratch may have changed.
static void check_untouched(const struct run *run) {
    unsigned char *kept = hone_calloc(run->bytes, 1, "test marks");
    assert_non_null(kept);
    memset(kept, 1, run->bytes);
    for (int i = 0; i < run->eval->test->op->outputs; i++)
        memset(kept + run->out[i].offset, 0, run->out[i].bytes);
    for (int i = 0; i < HONE_LAUNCH_SCRATCH; i++)
        memset(kept + run->scratch[i].offset, 0, run->scratch[i].bytes);
    for (uint64_t b = 0; b < run->bytes; b++) {
        if (!kept[b] || run->before[b] == run->after[b]) continue;
        const char *what = "a canary";
        for (int i = 0; i < run->eval->test->input_count; i++)
            if (b - run->in[i].offset < run->in[i].bytes) what = "an input";
        fail_msg("%s: %s was overwritten, byte %llu of %llu", run->label, what,
                 (unsigned long long)b, (unsigned long long)run->bytes);
    }
    hone_free(kept);
}

static double bound_of(const struct op_tolerance *tolerance, enum hone_dtype dtype,
                       const double *want, int64_t count) {
    double largest = 0;
    for (int64_t e = 0; e < count; e++) largest = fmax(largest, fabs(want[e]));
    double scale = tolerance->scale > 0 ? tolerance->scale : largest;
    double c = tolerance->c > 0 ? tolerance->c : 4;
    double sum = c * 0x1p-23 * sqrt(tolerance->reduction > 0 ? tolerance->reduction : 1);
    return (dtype == HONE_F32 ? sum : sum + hone_dtype_eps(dtype)) * scale;
}

static void check_output(const struct run *run, int output) {
    const struct hone_desc *desc = &run->eval->out_desc[output];
    const struct op_tolerance *tolerance = &run->eval->test->tolerance;
    double *want = run->eval->out[output];
    int64_t count = hone_desc_elements(desc);
    double *got = hone_calloc((size_t)count, sizeof *got, "test values");
    assert_non_null(got);
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
    if (wrong)
        fail_msg("%s: output %d: %lld of %lld elements are off by more than %.3g; element %lld is "
                 "%.9g, not %.9g",
                 run->label, output, (long long)wrong, (long long)count, bound, (long long)worst,
                 got[worst], want[worst]);
    hone_free(got);
}

static void run_once(const struct op_eval *eval, const struct hone_op_row *row,
                     const struct hone_alias *alias, int alias_count) {
    struct run run = {.eval = eval, .row = row};
    char name[128];
    snprintf(run.label, sizeof run.label, "%s, row %s %s%s%s%s", op_case_label(eval->test, name),
             row->name, chosen_tile_name, alias_count ? ", in place" : "",
             binding_limit ? ", cut" : "", grid_parts > 1 ? ", in parts" : "");
    struct hone_caps caps = *hone_gpu_caps(gpu);
    if (binding_limit) caps.storage_range_bytes = binding_limit;
    const struct hone_row_args args = {.node = &eval->args, .caps = &caps, .tile = chosen_tile};
    hone_status status = hone_launch_make(eval->test->op, row, &args, &run.launch);
    if (status == HONE_UNSUPPORTED && binding_limit) return; // not every row can be cut
    if (status != HONE_OK) fail_msg("%s: %s", run.label, hone_error_message());
    cut_count += binding_limit != 0;
    if (compile_only) {
        for (int i = 0; i < run.launch.dispatch_count; i++)
            compile(&run, &run.launch.dispatches[i]);
        return;
    }
    run_init(&run, alias, alias_count);
    run_launch(&run);
    check_untouched(&run);
    for (int i = 0; i < eval->test->op->outputs; i++) check_output(&run, i);
    run_deinit(&run);
}

// Bytes of the longest operand.
static uint64_t longest(const struct op_eval *eval) {
    uint64_t most = 0;
    for (int i = 0; i < eval->test->input_count; i++)
        if (eval->in_desc[i].rank >= 0 && hone_desc_bytes(&eval->in_desc[i]) > most)
            most = hone_desc_bytes(&eval->in_desc[i]);
    for (int i = 0; i < eval->test->op->outputs; i++)
        if (hone_desc_bytes(&eval->out_desc[i]) > most) most = hone_desc_bytes(&eval->out_desc[i]);
    return most;
}

// With one of the row's tiles instead of its own choice: another one for each case until each had
// its turn, since CPU drivers take up to a second to compile one.
static void run_tile(const struct op_eval *eval, const struct hone_op_row *row, int turn) {
    const struct hone_row_args args = {.node = &eval->args, .caps = hone_gpu_caps(gpu)};
    int count = 0;
    while (row->tile && row->tile(&args, count + 1, chosen_tile_name)) count++;
    if (turn < count) {
        chosen_tile = 1 + turn;
        assert_true(row->tile(&args, chosen_tile, chosen_tile_name));
        run_once(eval, row, NULL, 0);
    }
    chosen_tile = HONE_TILE_DEFAULT;
    chosen_tile_name[0] = 0;
}

// Apart; then with all updates in place; then with each permitted overwriting.
static void run_row(const struct op_eval *eval, const struct hone_op_row *row, int turn) {
    run_once(eval, row, NULL, 0);
    run_tile(eval, row, turn);
    binding_limit = longest(eval) / 2;
    if (binding_limit >= 1024) run_once(eval, row, NULL, 0);
    binding_limit = 0;
    grid_parts = 3;
    run_once(eval, row, NULL, 0);
    grid_parts = 1;
    struct hone_alias updates[HONE_OP_MAX_OUTPUTS], alias;
    int update_count = 0;
    const struct hone_op *op = eval->test->op;
    for (int k = 0; op->alias && op->alias(&eval->args, k, &alias); k++) {
        if (alias.kind == HONE_ALIAS_UPDATE) updates[update_count++] = alias;
        if (alias.kind == HONE_ALIAS_IN_PLACE) run_once(eval, row, &alias, 1);
    }
    if (update_count) run_once(eval, row, updates, update_count);
}

// ---- Tests
// ---------------------------------------------------------------------------------------------------

enum { MAX_ROWS = 16 };

static void check_op(const struct hone_op *op) {
    const struct hone_caps *caps = hone_gpu_caps(gpu);
    const char *only = getenv("HONE_TEST_ROW");
    int reached[MAX_ROWS] = {0};
    assert_in_range(op->row_count, 0, MAX_ROWS);
    const struct op_case *test;
    for (int i = 0; (test = op_case_at(i)); i++) {
        if (test->op != op) continue;
        struct op_eval eval;
        op_eval_init(&eval, test);
        op_eval_ref(&eval);
        for (int r = 0; r < op->row_count; r++) {
            const struct hone_op_row *row = &op->rows[r];
            const struct hone_row_args args = {.node = &eval.args, .caps = caps};
            if (row->needs & ~caps->features || (only && strcmp(only, row->name) != 0)) continue;
            if (row->fits && !row->fits(&args)) continue;
            run_row(&eval, row, reached[r]);
            reached[r]++;
        }
        op_eval_deinit(&eval);
    }
    for (int r = 0; r < op->row_count; r++)
        if (!reached[r] && !only && !(op->rows[r].needs & ~caps->features))
            fail_msg("no case reaches row %s of %s on this device", op->rows[r].name, op->name);
}

static void test_every_row(void **state) {
    (void)state;
    const char *only = getenv("HONE_TEST_OP");
    for (int i = 0; i < hone_op_count; i++)
        if (!only || strcmp(only, hone_ops[i]->name) == 0) check_op(hone_ops[i]);
    if (!only && !getenv("HONE_TEST_ROW")) assert_true(cut_count > 10);
}

static int open_device(void **state) {
    (void)state;
    gpu = test_gpu_open();
    compile_only = test_gpu_compile_only(gpu);
    if (compile_only) fprintf(stderr, "no hardware: kernels are compiled, not run\n");
    return 0;
}

static int close_device(void **state) {
    (void)state;
    hone_gpu_buffer_destroy(gpu, &pool);
    test_gpu_close(&gpu);
    return 0;
}

int main(void) {
    int skip = test_gpu_require();
    if (skip) return skip;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row),
    };
    return cmocka_run_group_tests(tests, open_device, close_device);
}
