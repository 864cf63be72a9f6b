// test_schedule: learning rates by hand, and class weights.
#include "support/support.h"

#include <math.h>

#include "train/schedule.h"

static void near(double got, double want) {
    if (fabs(got - want) > 1e-9 + 1e-6 * fabs(want)) fail_msg("%.9g is not %.9g", got, want);
}

static void test_cosine(void **state) {
    (void)state;
    // 100 steps, 5 of them rise: 1/6, 2/6, ..., 5/6, then half a cosine over 95 steps.
    near(hone_train_rate(HONE_SCHEDULE_COSINE, 6, 0.05, 0, 100), 1);
    near(hone_train_rate(HONE_SCHEDULE_COSINE, 6, 0.05, 4, 100), 5);
    near(hone_train_rate(HONE_SCHEDULE_COSINE, 6, 0.05, 5, 100), 6);
    near(hone_train_rate(HONE_SCHEDULE_COSINE, 6, 0.05, 24, 100),
         3 * (1 + cos(3.14159265358979323846 / 5)));
    double last = 7;
    for (int64_t k = 5; k < 100; k++) {
        double rate = hone_train_rate(HONE_SCHEDULE_COSINE, 6, 0.05, k, 100);
        assert_true(rate < last && rate > 0);
        last = rate;
    }
    near(hone_train_rate(HONE_SCHEDULE_COSINE, 6, 0.05, 100, 100), 0);
}

static void test_other_shapes(void **state) {
    (void)state;
    near(hone_train_rate(HONE_SCHEDULE_LINEAR, 2, 0, 0, 10), 2);
    near(hone_train_rate(HONE_SCHEDULE_LINEAR, 2, 0, 5, 10), 1);
    near(hone_train_rate(HONE_SCHEDULE_CONSTANT, 2, 0.2, 9, 10), 2);
    near(hone_train_rate(HONE_SCHEDULE_COSINE, 2, 0.05, 0, 1), 2); // too short for a warm-up
    near(hone_train_rate(HONE_SCHEDULE_COSINE, 2, 1, 0, 1), 1);    // nothing but warm-up
}

static void test_hyper(void **state) {
    (void)state;
    float hyper[4];
    hone_train_hyper(0.5, 0.9, 0.999, 0.98, 0, hyper);
    near(hyper[0], 0.5);
    assert_true(fabs(hyper[1] - 0.1) < 1e-7 && fabs(hyper[2] - 0.001) < 1e-9);
    assert_true(fabs(hyper[3] - 0.9) < 1e-7);
    hone_train_hyper(0.5, 0.9, 0.999, 0.98, 1, hyper);
    assert_true(fabs(hyper[1] - 0.19) < 1e-7 && fabs(hyper[2] - 0.001999) < 1e-9);
    hone_train_hyper(0.5, 0.9, 0.999, 0.98, 10000, hyper);
    assert_true(fabs(hyper[3] - 0.02) < 1e-7);
    near(hone_train_average_decay(2, 50), 0.99);
    near(hone_train_average_decay(1, 1), 0);
    near(hone_train_average_decay(0, 50), 0);
}

static void test_class_weights(void **state) {
    (void)state;
    const int64_t counts[] = {90, 10, 0};
    float w[3];
    hone_train_class_weights(HONE_CLASS_WEIGHTS_NONE, counts, 3, w);
    assert_true(w[0] == 1 && w[1] == 1 && w[2] == 0);
    hone_train_class_weights(HONE_CLASS_WEIGHTS_BALANCED, counts, 3, w);
    near(w[0], 100.0 / 2 / 90);
    near(w[1], 5);
    assert_true(w[2] == 0);
    hone_train_class_weights(HONE_CLASS_WEIGHTS_SQRT, counts, 3, w);
    near(w[1] / w[0], 3);
    near((90 * w[0] + 10 * w[1]) / 100, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cosine),
        cmocka_unit_test(test_other_shapes),
        cmocka_unit_test(test_hyper),
        cmocka_unit_test(test_class_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
