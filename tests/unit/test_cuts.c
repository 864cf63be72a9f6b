// test_cuts.c: how a step is cut: the pieces of made-up times obey the limits, cover every
// workgroup once, and are no more than needed; times that are measured later correct the plan.
#include "support/support.h"

#include "base/rng.h"
#include "exec/cuts.h"

#include <math.h>
#include <string.h>

static const struct hone_cut_limits usual = {.submit_ms = 250, .dispatch_ms = 50};

static void test_short_step_is_one_submit(void **state) {
    (void)state;
    struct hone_cut_item items[3] = {
        {.ms = 20, .most = 9}, {.ms = 0, .most = 1}, {.ms = 39, .most = 9}};
    struct hone_cuts cuts;
    assert_ok(hone_cuts_make(items, 3, usual, &cuts));
    assert_int_equal(cuts.submit_count, 1);
    assert_int_equal(cuts.piece_count, 3);
    struct hone_cut_worst worst = hone_cuts_worst(&cuts, items);
    assert_true(fabs(worst.total_ms - 59) < 1e-9 && fabs(worst.submit_ms - 59) < 1e-9);
    assert_true(fabs(worst.dispatch_ms - 39) < 1e-9);
    hone_cuts_deinit(&cuts);
    assert_ok(hone_cuts_make(items, 0, usual, &cuts));
    assert_int_equal(cuts.submit_count, 1);
    assert_int_equal(cuts.piece_count, 0);
    hone_cuts_deinit(&cuts);
}

static void test_long_dispatches_are_split(void **state) {
    (void)state;
    struct hone_cut_item items[4] = {{.ms = 1000, .most = 64},
                                     {.ms = 1000, .most = 3}, // too few parts: as many as there are
                                     {.ms = 1, .most = 64},
                                     {.ms = INFINITY, .most = 1000000}};
    struct hone_cuts cuts;
    assert_ok(hone_cuts_make(items, 3, usual, &cuts));
    assert_int_equal(cuts.piece_count, 25 + 3 + 1); // 40 ms each
    struct hone_cut_worst worst = hone_cuts_worst(&cuts, items);
    assert_true(fabs(worst.dispatch_ms - 1000.0 / 3) < 1e-9);
    // 5 of 40 ms fill a submit; each third of the second item has one of its own
    assert_int_equal(cuts.submit_count, 5 + 3 + 1);
    for (size_t i = 0; i < cuts.piece_count; i++)
        if (cuts.pieces[i].item == 0) assert_int_equal(cuts.pieces[i].submit, i && i % 5 == 0);
    hone_cuts_deinit(&cuts);
    assert_ok(hone_cuts_make(items + 3, 1, usual, &cuts));
    assert_int_equal(cuts.piece_count, 256);
    hone_cuts_deinit(&cuts);
    items[0].ms = NAN;
    assert_ok(hone_cuts_make(items, 1, usual, &cuts));
    assert_int_equal(cuts.piece_count, 1);
    hone_cuts_deinit(&cuts);
}

static void test_pieces_of_their_own(void **state) {
    (void)state;
    struct hone_cut_item items[3] = {
        {.ms = 1, .most = 9}, {.ms = 100, .most = 9}, {.ms = 1, .most = 9}};
    struct hone_cuts cuts;
    assert_ok(hone_cuts_make(items, 3, (struct hone_cut_limits){0, 50}, &cuts));
    assert_int_equal(cuts.piece_count, 5);
    assert_int_equal(cuts.submit_count, 5);
    // What each took is known exactly, then.
    hone_cuts_learn(&cuts, (const double[]){2, 10, 20, 30, 4}, items, 3);
    assert_true(items[0].ms == 2 && items[1].ms == 60 && items[2].ms == 4);
    hone_cuts_deinit(&cuts);
}

static void test_learning_shares_out(void **state) {
    (void)state;
    struct hone_cut_item items[3] = {
        {.ms = 10, .most = 9}, {.ms = 30, .most = 9}, {.ms = 0, .most = 9}};
    struct hone_cuts cuts;
    assert_ok(hone_cuts_make(items, 3, usual, &cuts));
    assert_int_equal(cuts.submit_count, 1);
    hone_cuts_learn(&cuts, (const double[]){400}, items, 3);
    assert_true(fabs(items[0].ms - 100) < 1e-9 && fabs(items[1].ms - 300) < 1e-9);
    assert_true(items[2].ms == 0);
    hone_cuts_deinit(&cuts);
    assert_ok(hone_cuts_make(items, 3, usual, &cuts));
    assert_int_equal(cuts.piece_count, 3 + 8 + 1);
    struct hone_cut_worst worst = hone_cuts_worst(&cuts, items);
    assert_true(worst.submit_ms <= 200 && worst.dispatch_ms <= 40);
    hone_cuts_deinit(&cuts);
}

// Random times: every limit holds, all parts are there in order, and no two neighbouring submits
// would have fitted into one.
static void test_random_steps(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct hone_cut_item items[60];
        size_t count = 1 + hone_rng_below(seed, 1, 0, 60);
        for (size_t i = 0; i < count; i++)
            items[i] = (struct hone_cut_item){
                .ms = pow(10, 4 * (double)hone_rng_f32(seed, 2, i) - 1.5), .most = 4096};
        struct hone_cuts cuts;
        assert_ok(hone_cuts_make(items, count, usual, &cuts));
        struct hone_cut_worst worst = hone_cuts_worst(&cuts, items);
        assert_true(worst.submit_ms <= 200 + 1e-9 && worst.dispatch_ms <= 40 + 1e-9);
        size_t submits = 1;
        double now = 0;
        for (size_t i = 0, item = 0, part = 0; i < cuts.piece_count; i++) {
            const struct hone_cut_piece *piece = &cuts.pieces[i];
            assert_int_equal(piece->item, item);
            assert_int_equal(piece->part, part);
            double ms = items[item].ms / piece->parts;
            if (piece->submit) {
                assert_true(now + ms > 200 - 1e-9);
                now = 0;
                submits++;
            }
            now += ms;
            part = part + 1 == piece->parts ? 0 : part + 1;
            item += part == 0;
            if (i + 1 == cuts.piece_count) assert_int_equal(item, count);
        }
        assert_int_equal(submits, cuts.submit_count);
        hone_cuts_deinit(&cuts);
    }
}

// Every workgroup is in one part, and what a kernel may know of gl_NumWorkGroups stays true.
static void test_grids(void **state) {
    (void)state;
    static const uint32_t grids[][3] = {{1, 1, 1}, {7, 1, 1}, {5, 3, 1},
                                        {2, 3, 4}, {9, 2, 2}, {0, 1, 1}};
    for (size_t g = 0; g < sizeof grids / sizeof *grids; g++)
        for (int counts = 0; counts < 2; counts++) {
            uint32_t most = hone_cut_most(grids[g], counts);
            assert_true(most >= 1);
            for (uint32_t parts = 1; parts <= most; parts++) {
                uint32_t seen[9][3][4] = {{{0}}};
                for (uint32_t k = 0; k < parts; k++) {
                    uint32_t base[3], size[3];
                    hone_cut_grid(grids[g], counts, k, parts, base, size);
                    for (uint32_t x = 0; x < size[0]; x++)
                        for (uint32_t y = 0; y < size[1]; y++)
                            for (uint32_t z = 0; z < size[2]; z++)
                                seen[base[0] + x][base[1] + y][base[2] + z]++;
                    // y num.x and z num.y count only where y and z are not always 0.
                    if (counts && grids[g][1] > 1) assert_int_equal(size[0], grids[g][0]);
                    if (counts && grids[g][2] > 1) assert_int_equal(size[1], grids[g][1]);
                }
                for (uint32_t x = 0; x < 9; x++)
                    for (uint32_t y = 0; y < 3; y++)
                        for (uint32_t z = 0; z < 4; z++)
                            assert_int_equal(seen[x][y][z],
                                             x < grids[g][0] && y < grids[g][1] && z < grids[g][2]);
            }
        }
    assert_int_equal(hone_cut_most((const uint32_t[]){9, 2, 2}, true), 2);
    assert_int_equal(hone_cut_most((const uint32_t[]){9, 2, 2}, false), 9);
}

static void test_estimates(void **state) {
    (void)state;
    double cpu = hone_cut_estimate_ms(HONE_DEVICE_CPU, 1e9, 1e8);
    double shared = hone_cut_estimate_ms(HONE_DEVICE_INTEGRATED, 1e9, 1e8);
    double own = hone_cut_estimate_ms(HONE_DEVICE_DISCRETE, 1e9, 1e8);
    assert_true(fabs(cpu - 2200) < 1e-6);
    assert_true(cpu > shared && shared > own && own > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_short_step_is_one_submit),
        cmocka_unit_test(test_long_dispatches_are_split),
        cmocka_unit_test(test_pieces_of_their_own),
        cmocka_unit_test(test_learning_shares_out),
        cmocka_unit_test(test_random_steps),
        cmocka_unit_test(test_grids),
        cmocka_unit_test(test_estimates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
