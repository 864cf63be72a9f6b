// test_schedule: learning rates by hand, class weights, the order of pictures.
#include "support/support.h"

#include <math.h>

#include "train/internal.h"
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
    // Effective numbers of a class: 90 give 86.1, 10 give 9.955.
    hone_train_class_weights(HONE_CLASS_WEIGHTS_EFFECTIVE, counts, 3, w);
    near(w[1] / w[0], (1 - pow(0.999, 90)) / (1 - pow(0.999, 10)));
    near((90 * w[0] + 10 * w[1]) / 100, 1);
    assert_true(w[2] == 0);
}

static void test_prior(void **state) {
    (void)state;
    const int64_t counts[] = {90, 10, 0};
    float prior[3];
    hone_train_prior(counts, 3, 1, prior);
    near(prior[0], log(0.9));
    near(prior[1], log(0.1));
    assert_true(prior[2] == 0);
    hone_train_prior(counts, 3, 0, prior);
    assert_true(prior[0] == 0 && prior[1] == 0);
}

static void test_order(void **state) {
    (void)state;
    int32_t labels[40];
    uint32_t natural[40], balanced[40], again[40];
    int seen[40] = {0}, of_class[4] = {0};
    for (int i = 0; i < 40; i++) labels[i] = i < 30 ? 0 : i < 39 ? 1 : 3; // none of class 2
    struct hone_pictures pictures = {.count = 40, .labels = labels};
    struct hone_train_params p = {.seed = 5};
    assert_ok(hone_train_order(&p, &pictures, 4, 2, natural));
    for (int i = 0; i < 40; i++) seen[natural[i]]++;
    for (int i = 0; i < 40; i++) assert_int_equal(seen[i], 1);
    p.sampling = HONE_SAMPLING_BALANCED;
    assert_ok(hone_train_order(&p, &pictures, 4, 2, balanced));
    for (int i = 0; i < 40; i++) {
        of_class[labels[balanced[i]]]++;
        seen[balanced[i]]++;
    }
    assert_int_equal(of_class[2], 0);
    for (int c = 0; c < 4; c++)
        if (c != 2) assert_in_range(of_class[c], 13, 14);
    assert_int_equal(seen[39], 1 + of_class[3]);
    for (int i = 30; i < 39; i++) assert_in_range(seen[i], 2, 3); // each of 9 once or twice
    for (int i = 0; i < 30; i++) assert_in_range(seen[i], 1, 2);  // of 30 none twice
    assert_ok(hone_train_order(&p, &pictures, 4, 2, again));
    assert_memory_equal(balanced, again, sizeof again);
    assert_ok(hone_train_order(&p, &pictures, 4, 3, again));
    assert_memory_not_equal(balanced, again, sizeof again);
}

static void test_range(void **state) {
    (void)state;
    double rates[100], losses[100], smooth;
    near(hone_train_trial_rate(0, 100), 1e-6);
    near(hone_train_trial_rate(99, 100), 1);
    near(hone_train_trial_rate(34, 103), 1e-4); // a third of the way, in equal ratios
    // A valley: flat, falling from 1e-4 on, lowest at 1e-2, then away.
    size_t count = 0;
    bool over = false;
    while (count < 100 && !over) {
        rates[count] = hone_train_trial_rate(count, 100);
        double x = log10(rates[count]);
        losses[count] = x < -4 ? 2 : x < -2 ? 2 - 0.75 * (x + 4) : 0.5 + 40 * (x + 2) * (x + 2);
        over = hone_train_diverged(losses, ++count, &smooth);
    }
    assert_true(over && count > 66 && count < 95 && isfinite(smooth));
    double picked = hone_train_pick_rate(rates, losses, count); // the mean lags behind
    assert_true(picked > 5e-4 && picked < 4e-3);
    // A loss that only rises gives no rate; one that is no number ends the test at once.
    for (int i = 0; i < 100; i++) losses[i] = 1 + i;
    near(hone_train_pick_rate(rates, losses, 60), 0);
    losses[5] = NAN;
    assert_true(hone_train_diverged(losses, 6, &smooth));
}

static void test_cpu_epochs(void **state) {
    (void)state;
    // MobileNetV2 at 224: 0.3e9 multiply-adds a picture, 1.8e12 operations for a thousand.
    assert_int_equal(hone_train_cpu_epochs(3e12, 0, 10), 2);
    assert_int_equal(hone_train_cpu_epochs(9e12, 0, 10), 1);
    assert_int_equal(hone_train_cpu_epochs(1e12, 2e12, 10), 6);
    assert_int_equal(hone_train_cpu_epochs(1e12, 9e12, 10), 1);
    assert_int_equal(hone_train_cpu_epochs(1e10, 0, 10), 10);
    assert_int_equal(hone_train_cpu_epochs(0, 0, 10), 10); // 8e12 / 0
}

static void test_budget(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double seconds;
    } good[] = {{"90s", 90},    {"10m", 600},  {"1h", 3600}, {"1h30m", 5400},
                {"2.5h", 9000}, {"1m30s", 90}, {"45", 45}};
    static const char *const bad[] = {"", "0s", "m", "10x", "5m1h", "-3m", "1h 5m", "nan"};
    double seconds;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_ok(hone_train_parse_budget(good[i].text, &seconds));
        near(seconds, good[i].seconds);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        test_expect_failure(hone_train_parse_budget(bad[i], &seconds), HONE_INVALID, "--budget");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cosine),     cmocka_unit_test(test_other_shapes),
        cmocka_unit_test(test_hyper),      cmocka_unit_test(test_class_weights),
        cmocka_unit_test(test_prior),      cmocka_unit_test(test_order),
        cmocka_unit_test(test_range),      cmocka_unit_test(test_budget),
        cmocka_unit_test(test_cpu_epochs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
