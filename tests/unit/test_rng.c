// test_rng: the published vectors of Philox4x32-10, moments, bounds without bias, permutations.
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

// Known answers that the authors publish with Random123 (kat_vectors, philox4x32 10).
static void test_known_answers(void **state) {
    (void)state;
    static const struct {
        uint64_t block, stream, seed;
        uint32_t want[4];
    } rows[] = {
        {0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {UINT64_MAX, UINT64_MAX, UINT64_MAX, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {0x85a308d3243f6a88,
         0x0370734413198a2e,
         0x299f31d0a4093822,
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t got[4];
        hone_rng_block(rows[i].seed, rows[i].stream, rows[i].block, got);
        for (int j = 0; j < 4; j++) assert_int_equal(got[j], rows[i].want[j]);
    }
    assert_int_equal(hone_rng_u32(0, 0, 2), 0xbc57ac4c);
}

static void test_moments(void **state) {
    (void)state;
    enum { COUNT = 200000 };
    double sum = 0, normal = 0, square = 0, fourth = 0;
    for (uint64_t i = 0; i < COUNT; i++) {
        float u = hone_rng_f32(7, 1, i);
        assert_true(u >= 0 && u < 1);
        sum += (double)u;
        double n = hone_rng_normal(7, 2, i);
        assert_true(isfinite(n));
        normal += n;
        square += n * n;
        fourth += n * n * n * n;
    }
    // Five deviations of the mean of COUNT draws.
    assert_true(fabs(sum / COUNT - 0.5) < 5 * 0.2887 / sqrt(COUNT));
    assert_true(fabs(normal / COUNT) < 5 / sqrt(COUNT));
    assert_true(fabs(square / COUNT - 1) < 5 * sqrt(2.0 / COUNT));
    assert_true(fabs(fourth / COUNT - 3) < 5 * sqrt(96.0 / COUNT));
}

static void test_below(void **state) {
    (void)state;
    enum { COUNT = 60000 };
    int hits[6] = {0};
    for (uint64_t i = 0; i < COUNT; i++) hits[hone_rng_below(3, 9, i, 6)]++;
    for (int i = 0; i < 6; i++)
        assert_true(fabs(hits[i] - COUNT / 6.0) < 5 * sqrt(COUNT * 5.0 / 36.0));
    // A bound just above 2^31 rejects almost half of the words: the lower half must come as often.
    uint32_t bound = 0x80000001u;
    int low = 0;
    for (uint64_t i = 0; i < COUNT; i++) {
        uint32_t value = hone_rng_below(3, 10, i, bound);
        assert_true(value < bound);
        low += value < bound / 2;
    }
    assert_true(fabs(low - COUNT / 2.0) < 5 * sqrt(COUNT / 4.0));
    for (uint64_t i = 0; i < 100; i++) assert_int_equal(hone_rng_below(3, 11, i, 1), 0);
}

static void test_permutation(void **state) {
    (void)state;
    enum { COUNT = 1000 };
    uint32_t a[COUNT], b[COUNT];
    char seen[COUNT] = {0};
    hone_rng_permutation(1, 0, a, COUNT);
    hone_rng_permutation(1, 0, b, COUNT);
    assert_memory_equal(a, b, sizeof a);
    for (int i = 0; i < COUNT; i++) seen[a[i]]++;
    for (int i = 0; i < COUNT; i++) assert_int_equal(seen[i], 1);
    hone_rng_permutation(2, 0, b, COUNT);
    assert_memory_not_equal(a, b, sizeof a);
    hone_rng_permutation(1, 1, b, COUNT);
    assert_memory_not_equal(a, b, sizeof a);
    // All six orders of three come equally often.
    int orders[9] = {0};
    for (uint64_t stream = 0; stream < 6000; stream++) {
        hone_rng_permutation(5, stream, b, 3);
        orders[b[0] * 3 + b[1]]++;
    }
    for (int i = 0; i < 9; i++) {
        if (i % 4 == 0)
            assert_int_equal(orders[i], 0);
        else
            assert_true(abs(orders[i] - 1000) < 150);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_moments),
        cmocka_unit_test(test_below),
        cmocka_unit_test(test_permutation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
