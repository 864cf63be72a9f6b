// test_thread: every index once, the failure of the lowest index, a clock that goes forward.
#include "support/support.h"

#include <stdatomic.h>

#include "base/alloc.h"
#include "base/thread.h"

enum { COUNT = 10000 };
static atomic_int hits[COUNT];

static hone_status hit(void *user, size_t index) {
    (void)user;
    atomic_fetch_add(&hits[index], 1);
    return HONE_OK;
}

static void test_each_index_once(void **state) {
    (void)state;
    static const unsigned threads[] = {0, 1, 3, 16};
    for (size_t t = 0; t < sizeof threads / sizeof *threads; t++) {
        for (size_t i = 0; i < COUNT; i++) atomic_store(&hits[i], 0);
        assert_ok(hone_parallel_for(COUNT, threads[t], hit, NULL));
        for (size_t i = 0; i < COUNT; i++) assert_int_equal(atomic_load(&hits[i]), 1);
    }
    assert_ok(hone_parallel_for(0, 0, hit, NULL));
    assert_int_equal(atomic_load(&hits[0]), 1);
}

static hone_status fail_some(void *user, size_t index) {
    atomic_fetch_add((atomic_int *)user, 1);
    if (index >= 100 && index % 3 == 1)
        return hone_fail(index == 100 ? HONE_UNSUPPORTED : HONE_IO, "index %zu", index);
    return HONE_OK;
}

static void test_lowest_failure_wins(void **state) {
    (void)state;
    for (int round = 0; round < 50; round++) {
        atomic_int calls = 0;
        test_expect_failure(hone_parallel_for(COUNT, 8, fail_some, &calls), HONE_UNSUPPORTED,
                            "index 100");
        assert_true(atomic_load(&calls) < COUNT);
    }
}

static void test_no_memory(void **state) {
    (void)state;
    hone_alloc_fail_after(0);
    hone_status status = hone_parallel_for(COUNT, 4, hit, NULL);
    hone_alloc_fail_after(-1);
    assert_int_equal(status, HONE_OUT_OF_MEMORY);
}

static void test_cores_and_clock(void **state) {
    (void)state;
    assert_true(hone_core_count() >= 1);
    double start = hone_seconds(), now = start;
    for (int i = 0; i < 1000000 && now == start; i++) now = hone_seconds();
    assert_true(now > start);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_index_once),
        cmocka_unit_test(test_lowest_failure_wins),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_cores_and_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
