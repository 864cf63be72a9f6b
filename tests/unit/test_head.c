// test_head.c: the classifier's solver on the reference device.
#include "support/support.h"

#include <math.h>

#include "train/head.h"

enum { COUNT = 24, FEATURES = 3, CLASSES = 2 };

// Two clouds that the second feature tells apart; the third says nothing.
static void make_features(float *features, int32_t *labels) {
    for (int i = 0; i < COUNT; i++) {
        labels[i] = i % 2;
        features[i * FEATURES] = (float)(i % 5) * 100.0f;
        features[i * FEATURES + 1] = (float)(labels[i] ? 1 : -1) + 0.01f * (float)(i % 7);
        features[i * FEATURES + 2] = 5;
    }
}

static void test_solves_and_refuses_what_is_no_number(void **state) {
    (void)state;
    struct hone_device *device;
    float features[COUNT * FEATURES], weight[CLASSES * FEATURES], bias[CLASSES];
    float weights[CLASSES] = {1, 1}, probabilities[COUNT * CLASSES];
    int32_t labels[COUNT], iterations;
    make_features(features, labels);
    assert_ok(hone_device_open(&(struct hone_device_params){.name = "ref"}, &device));
    struct hone_head_problem problem = {.features = features,
                                        .labels = labels,
                                        .count = COUNT,
                                        .feature_count = FEATURES,
                                        .classes = CLASSES,
                                        .class_weights = weights,
                                        .l2 = 0.01f,
                                        .iterations = 50,
                                        .tolerance = 1e-4};
    assert_ok(hone_head_solve(device, &problem, weight, bias, &iterations));
    assert_in_range(iterations, 1, 50);
    assert_ok(hone_head_apply(features, COUNT, FEATURES, CLASSES, weight, bias, probabilities));
    for (int i = 0; i < COUNT; i++) assert_true(probabilities[i * CLASSES + labels[i]] > 0.9f);
    // What is added in the loss is not in the answers: the bias alone makes up for it.
    const float prior[CLASSES] = {0, -2};
    float own_weight[CLASSES * FEATURES], own_bias[CLASSES];
    problem.prior = prior;
    assert_ok(hone_head_solve(device, &problem, own_weight, own_bias, &iterations));
    for (int i = 0; i < CLASSES * FEATURES; i++) assert_true(own_weight[i] == weight[i]);
    assert_true(own_bias[0] == bias[0] && fabsf(own_bias[1] - bias[1] - 2) < 1e-5f);
    problem.prior = NULL;
    // A solver left to itself would give weights of zero and call that converged.
    const float broken[] = {NAN, INFINITY};
    for (int i = 0; i < 2; i++) {
        features[FEATURES + 1] = broken[i];
        test_expect_failure(hone_head_solve(device, &problem, weight, bias, &iterations),
                            HONE_INVALID, "not finite");
        assert_int_equal(iterations, 0);
    }
    hone_device_close(&device);
}

static void test_chunks_fit_a_binding(void **state) {
    (void)state;
    const struct hone_caps small = {.storage_range_bytes = 1u << 27},
                           large = {.storage_range_bytes = 1ull << 40};
    assert_int_equal(hone_head_chunk_rows(&small, 1280), 8192);
    assert_int_equal(hone_head_chunk_rows(&small, 4096), 8192); // exactly
    assert_int_equal(hone_head_chunk_rows(&small, 9216), (1u << 27) / 9216 / 4);
    assert_int_equal(hone_head_chunk_rows(&small, 1 << 30), 1); // the binding says what is wrong
    assert_int_equal(hone_head_chunk_rows(&large, 1 << 16), 4096);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chunks_fit_a_binding),
        cmocka_unit_test(test_solves_and_refuses_what_is_no_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
