// test_metrics: figures against numbers worked out by hand, and their text and JSON.
#include "support/support.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include <hone/eval.h>

static const char *const names[] = {"good", "pit", "scratch"};

static void test_by_hand(void **state) {
    (void)state;
    // good: 5 right, 1 called pit. pit: 2 right, 2 called good. scratch: 0 right, 2 called good.
    const int64_t confusion[] = {5, 1, 0, 2, 2, 0, 2, 0, 0};
    struct hone_metrics m;
    assert_ok(hone_metrics_from_confusion(confusion, 3, &m));
    assert_true(m.count == 12 && isnan(m.loss));
    assert_true(fabs(m.accuracy - 7.0 / 12) < 1e-12);
    assert_true(fabs(m.classes[0].precision - 5.0 / 9) < 1e-12);
    assert_true(fabs(m.classes[0].recall - 5.0 / 6) < 1e-12);
    assert_true(fabs(m.classes[0].f1 - 10.0 / 15) < 1e-12);
    assert_true(fabs(m.classes[1].f1 - 4.0 / 7) < 1e-12);
    assert_true(m.classes[2].precision == 0 && m.classes[2].recall == 0 && m.classes[2].f1 == 0);
    assert_true(m.classes[2].support == 2 && m.classes[2].predicted == 0);
    assert_true(fabs(m.macro_f1 - (10.0 / 15 + 4.0 / 7) / 3) < 1e-12);
    hone_metrics_deinit(&m);
    assert_null(m.classes);
}

// A class that neither occurs nor is predicted has no part in macro-F1.
static void test_absent_class(void **state) {
    (void)state;
    const int64_t confusion[] = {3, 0, 0, 0, 1, 0, 0, 0, 0};
    struct hone_metrics m;
    assert_ok(hone_metrics_from_confusion(confusion, 3, &m));
    assert_true(m.macro_f1 == 1 && m.accuracy == 1);
    hone_metrics_deinit(&m);
    const int64_t nothing[4] = {0};
    assert_ok(hone_metrics_from_confusion(nothing, 2, &m));
    assert_true(m.macro_f1 == 0 && m.accuracy == 0 && m.count == 0);
    hone_metrics_deinit(&m);
}

static void test_probabilities(void **state) {
    (void)state;
    const float p[] = {0.5f, 0.5f, 0.25f, 0.75f, 0.9f, 0.1f, 0.6f, 0.4f};
    const int32_t labels[] = {0, 1, 1, -1}; // a tie goes to the first; the last counts nothing
    struct hone_metrics m;
    assert_ok(hone_metrics_from_probabilities(p, labels, 4, 2, &m));
    assert_true(m.count == 3 && fabs(m.accuracy - 2.0 / 3) < 1e-12);
    const int64_t want[] = {1, 0, 1, 1};
    assert_memory_equal(m.confusion, want, sizeof want);
    assert_true(fabs(m.loss + (log(0.5) + log(0.75) + log((double)0.1f)) / 3) < 1e-9);
    hone_metrics_deinit(&m);
}

static void test_reports(void **state) {
    (void)state;
    const int64_t confusion[] = {5, 1, 0, 2, 2, 0, 2, 0, 0};
    struct hone_metrics m;
    char *text;
    assert_ok(hone_metrics_from_confusion(confusion, 3, &m));
    assert_ok(hone_metrics_text(&m, names, &text));
    assert_non_null(strstr(text, "12 pictures   accuracy 0.583   macro-F1 0.413\n"));
    assert_non_null(strstr(text, "good         0.556   0.833  0.667         6\n"));
    hone_text_free(&text);
    assert_null(text);
    assert_ok(hone_metrics_json(&m, names, &text));
    json_t *root = json_loads(text, 0, NULL);
    assert_non_null(root);
    assert_true(json_is_null(json_object_get(root, "loss")));
    assert_true(json_integer_value(json_object_get(root, "pictures")) == 12);
    json_t *pit = json_array_get(json_object_get(root, "classes"), 1);
    assert_string_equal(json_string_value(json_object_get(pit, "name")), "pit");
    assert_true(json_integer_value(
                    json_array_get(json_array_get(json_object_get(root, "confusion"), 1), 0)) == 2);
    json_decref(root);
    hone_text_free(&text);
    hone_metrics_deinit(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_absent_class),
        cmocka_unit_test(test_probabilities),
        cmocka_unit_test(test_reports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
