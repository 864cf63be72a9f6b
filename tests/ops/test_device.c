// test_device.c: every kernel row of every operator on the device, chosen or not, against the
// reference in double, as check/run.h judges it.
//
// Rows whose output may overwrite an input run a second time in that way; rows that can be cut once
// more as if the device bound half of the longest tensor at most; and all with their grids in three
// parts, as long dispatches are. On a CPU driver, rows that would launch something else on a GPU
// run in that way too. HONE_TEST_OP=name restricts the run to one operator, HONE_TEST_ROW=name to
// one row of each.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/run.h"
#include "exec/launch.h"
#include "support/gpu.h"
#include "support/op_case.h"

static struct hone_check_pool pool;
static int cut_count; // runs of launches that were cut
static int gpu_count; // launches that a GPU would get

static void run_once(const struct hone_case_eval *eval, const struct hone_op_row *row,
                     const struct hone_check_way *way) {
    struct hone_check_verdict verdict;
    hone_status status = hone_check_run(&pool, eval, row, way, &verdict);
    if (status != HONE_OK || !verdict.good) fail_msg("%s", verdict.why);
    cut_count += way->binding_bytes && verdict.ran;
}

// Bytes of the longest operand.
static uint64_t longest(const struct hone_case_eval *eval) {
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
static void run_tile(const struct hone_case_eval *eval, const struct hone_op_row *row, int turn) {
    const struct hone_row_args args = {.node = &eval->args, .caps = hone_gpu_caps(pool.gpu)};
    char name[HONE_TILE_NAME];
    int count = 0;
    while (row->tile && row->tile(&args, count + 1, name)) count++;
    if (turn < count) run_once(eval, row, &(struct hone_check_way){.tile = 1 + turn});
}

// What a row launches, as bytes: equal for equal launches, since padding is zero.
static void launch_of(const struct hone_case_eval *eval, const struct hone_op_row *row,
                      const struct hone_caps *caps, struct hone_launch *out) {
    const struct hone_row_args args = {.node = &eval->args, .caps = caps};
    memset(out, 0, sizeof *out);
    if (hone_launch_make(eval->test->op, row, &args, out) != HONE_OK)
        fail_msg("row %s: %s", row->name, hone_error_message());
}

static void run_as_gpu(const struct hone_case_eval *eval, const struct hone_op_row *row) {
    static struct hone_launch own, other;
    struct hone_caps caps = *hone_gpu_caps(pool.gpu);
    // Rows with tiles take their turns above.
    if (!(caps.features & HONE_FEATURE_CPU) || (row->needs & HONE_FEATURE_CPU) || row->tile) return;
    launch_of(eval, row, &caps, &own);
    caps.features &= ~(uint32_t)HONE_FEATURE_CPU;
    caps.kind = HONE_DEVICE_DISCRETE;
    if (!hone_check_fits(&caps, eval, row)) return;
    launch_of(eval, row, &caps, &other);
    if (memcmp(&own, &other, sizeof own) == 0) return;
    pool.caps = &caps;
    run_once(eval, row, &(struct hone_check_way){0});
    if (longest(eval) >= 2048)
        run_once(eval, row, &(struct hone_check_way){.binding_bytes = longest(eval) / 2});
    run_once(eval, row, &(struct hone_check_way){.parts = 3});
    pool.caps = NULL;
    gpu_count++;
}

// Apart; then with all updates in place; then with each permitted overwriting.
static void run_row(const struct hone_case_eval *eval, const struct hone_op_row *row, int turn) {
    uint64_t half = longest(eval) / 2;
    run_once(eval, row, &(struct hone_check_way){0});
    run_tile(eval, row, turn);
    if (half >= 1024) run_once(eval, row, &(struct hone_check_way){.binding_bytes = half});
    run_once(eval, row, &(struct hone_check_way){.parts = 3});
    run_as_gpu(eval, row);
    struct hone_alias updates[HONE_OP_MAX_OUTPUTS], alias;
    int update_count = 0;
    const struct hone_op *op = eval->test->op;
    for (int k = 0; op->alias && op->alias(&eval->args, k, &alias); k++) {
        if (alias.kind == HONE_ALIAS_UPDATE) updates[update_count++] = alias;
        if (alias.kind == HONE_ALIAS_IN_PLACE)
            run_once(eval, row, &(struct hone_check_way){.alias = &alias, .alias_count = 1});
    }
    if (update_count)
        run_once(eval, row,
                 &(struct hone_check_way){.alias = updates, .alias_count = update_count});
}

enum { MAX_ROWS = 16 };

static void check_op(const struct hone_op *op) {
    const struct hone_caps *caps = hone_gpu_caps(pool.gpu);
    const char *only = getenv("HONE_TEST_ROW");
    int reached[MAX_ROWS] = {0};
    assert_in_range(op->row_count, 0, MAX_ROWS);
    const struct hone_case *test;
    for (int i = 0; (test = hone_case_at(i)); i++) {
        if (test->op != op) continue;
        struct hone_case_eval eval;
        op_eval_init(&eval, test);
        hone_case_ref(&eval);
        for (int r = 0; r < op->row_count; r++) {
            const struct hone_op_row *row = &op->rows[r];
            if ((only && strcmp(only, row->name) != 0) || !hone_check_fits(caps, &eval, row))
                continue;
            run_row(&eval, row, reached[r]);
            reached[r]++;
        }
        hone_case_deinit(&eval);
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
    if (only || getenv("HONE_TEST_ROW")) return;
    assert_true(cut_count > 10);
    if (hone_gpu_caps(pool.gpu)->features & HONE_FEATURE_CPU) assert_true(gpu_count > 10);
}

static int open_device(void **state) {
    (void)state;
    pool.gpu = test_gpu_open();
    pool.compile_only = test_gpu_compile_only(pool.gpu);
    if (pool.compile_only) fprintf(stderr, "no hardware: kernels are compiled, not run\n");
    return 0;
}

static int close_device(void **state) {
    (void)state;
    hone_check_pool_deinit(&pool);
    test_gpu_close(&pool.gpu);
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
