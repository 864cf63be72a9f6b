// test_lbfgs: known minima, the iteration limit, an observer that stops, a function that fails.
#include "support/support.h"

#include <math.h>

#include "train/lbfgs.h"

// Rosenbrock's valley in 10 pairs: minimum 0 at all ones.
static hone_status rosenbrock(void *user, const double *x, double *value, double *gradient) {
    (*(int *)user)++;
    *value = 0;
    for (int i = 0; i < 20; i += 2) {
        double a = 1 - x[i], b = x[i + 1] - x[i] * x[i];
        *value += a * a + 100 * b * b;
        gradient[i] = -2 * a - 400 * x[i] * b;
        gradient[i + 1] = 200 * b;
    }
    return HONE_OK;
}

static void test_rosenbrock(void **state) {
    (void)state;
    double x[20], again[20];
    int calls = 0;
    int32_t iterations;
    struct hone_lbfgs_params params = {
        .iterations = 500, .tolerance = 1e-9, .function = rosenbrock, .user = &calls};
    for (int i = 0; i < 20; i++) x[i] = again[i] = i % 2 ? 1 : -1.2;
    assert_ok(hone_lbfgs(&params, 20, x, &iterations));
    assert_true(iterations > 5 && iterations < 200 && calls < 300);
    for (int i = 0; i < 20; i++) assert_true(fabs(x[i] - 1) < 1e-6);
    assert_ok(hone_lbfgs(&params, 20, again, NULL));
    assert_memory_equal(x, again, sizeof x);
}

static hone_status stop_at_three(void *user, int32_t iteration, const double *x, double value,
                                 double gradient_norm) {
    (void)user;
    (void)x;
    (void)value;
    assert_true(gradient_norm >= 0);
    return iteration == 3 ? hone_fail(HONE_CANCELLED, "three") : HONE_OK;
}

static void test_stops(void **state) {
    (void)state;
    double x[20] = {0}, value, start, gradient[20];
    int calls = 0;
    int32_t iterations;
    struct hone_lbfgs_params params = {.iterations = 2, .function = rosenbrock, .user = &calls};
    assert_ok(rosenbrock(&calls, x, &start, gradient));
    assert_ok(hone_lbfgs(&params, 20, x, &iterations));
    assert_int_equal(iterations, 2);
    params.iterations = 100;
    params.observer = stop_at_three;
    test_expect_failure(hone_lbfgs(&params, 20, x, &iterations), HONE_CANCELLED, "three");
    assert_int_equal(iterations, 3);
    assert_ok(rosenbrock(&calls, x, &value, gradient));
    assert_true(value < start); // the best point so far is in x
}

static hone_status broken(void *user, const double *x, double *value, double *gradient) {
    (void)user;
    (void)x;
    (void)value;
    (void)gradient;
    return hone_fail(HONE_DEVICE, "gone");
}

static void test_failure_passes(void **state) {
    (void)state;
    double x[2] = {0};
    struct hone_lbfgs_params params = {.iterations = 5, .function = broken};
    test_expect_failure(hone_lbfgs(&params, 2, x, NULL), HONE_DEVICE, "gone");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rosenbrock),
        cmocka_unit_test(test_stops),
        cmocka_unit_test(test_failure_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
