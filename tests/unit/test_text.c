// test_text: the string builder, comparison, distances, numbers from text, under a comma locale
// too.
#include "support/support.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

static void test_builder(void **state) {
    (void)state;
    struct hone_text text = {0};
    for (int i = 0; i < 100; i++) assert_ok(hone_text_printf(&text, "%d,", i));
    assert_ok(hone_text_append(&text, "a\0b", 3));
    assert_int_equal(text.length, 10 * 2 + 90 * 3 + 3);
    assert_memory_equal(text.data, "0,1,2,", 6);
    char *taken = hone_text_take(&text);
    assert_non_null(taken);
    hone_free(taken);
    assert_null(text.data);
    taken = hone_text_take(&text);
    assert_string_equal(taken, "");
    hone_free(taken);
}

static void test_builder_failure_sticks(void **state) {
    (void)state;
    size_t live = hone_alloc_live_bytes();
    struct hone_text text = {0};
    assert_ok(hone_text_printf(&text, "kept"));
    hone_alloc_fail_after(0);
    assert_int_equal(hone_text_printf(&text, "%100d", 1), HONE_OUT_OF_MEMORY);
    hone_alloc_fail_after(-1);
    assert_int_equal(hone_text_printf(&text, "x"), HONE_OUT_OF_MEMORY);
    assert_string_equal(text.data, "kept");
    assert_null(hone_text_take(&text));
    assert_int_equal(hone_alloc_live_bytes(), live);
}

static void expect_f64(double value, const char *want) {
    struct hone_text text = {0};
    assert_ok(hone_text_append_f64(&text, value));
    assert_string_equal(text.data, want);
    hone_text_deinit(&text);
}

static void expect_f32(float value, const char *want) {
    struct hone_text text = {0};
    assert_ok(hone_text_append_f32(&text, value));
    assert_string_equal(text.data, want);
    hone_text_deinit(&text);
}

static void test_shortest_numbers(void **state) {
    (void)state;
    expect_f64(0.1, "0.1");
    expect_f64(1.0 / 3.0, "0.3333333333333333");
    expect_f64(1e300, "1e+300");
    expect_f64(-5, "-5");
    expect_f32(0.1f, "0.1");
    expect_f32(16777216.0f, "16777216");
    expect_f32(3.14159274f, "3.1415927");
}

static void test_comma_locale(void **state) {
    (void)state;
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8"};
    bool set = false;
    for (size_t i = 0; i < 3 && !set; i++) set = setlocale(LC_NUMERIC, names[i]) != NULL;
    if (!set) fprintf(stderr, "no locale with a decimal comma here: checking under C only\n");
    expect_f64(0.5, "0.5");
    double value;
    hone_status status = hone_parse_f64("2.5", 0, 9, &value);
    setlocale(LC_NUMERIC, "C");
    assert_ok(status);
    assert_true(value == 2.5);
}

static void test_compare(void **state) {
    (void)state;
    assert_true(hone_text_equal_nocase(".JPG", ".jpg"));
    assert_true(hone_text_equal_nocase("", ""));
    assert_false(hone_text_equal_nocase("jpg", "jpeg"));
    assert_false(hone_text_equal_nocase("a", "ab"));
    assert_false(hone_text_equal_nocase("@", "`"));
    assert_true(hone_text_starts_with("train1", "train"));
    assert_false(hone_text_starts_with("tr", "train"));
}

static void test_utf8(void **state) {
    (void)state;
    static const char *const good[] = {"",
                                       "crack",
                                       "\xC3\xA9",
                                       "\xE2\x82\xAC",
                                       "\xED\x9F\xBF",
                                       "\xF0\x9F\x94\xA7",
                                       "\xF4\x8F\xBF\xBF"};
    // Latin-1, cut short, overlong, a surrogate, above U+10FFFF, a lone continuation.
    static const char *const bad[] = {"\xE9",         "\xE2\x82",     "\xC0\x80",
                                      "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                                      "\x80",         "\xFF"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!hone_text_is_utf8(good[i])) fail_msg("good %zu", i);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (hone_text_is_utf8(bad[i])) fail_msg("bad %zu", i);
}

static void test_distance(void **state) {
    (void)state;
    assert_int_equal(hone_text_distance("epochs", "epochs"), 0);
    assert_int_equal(hone_text_distance("epoch", "epochs"), 1);
    assert_int_equal(hone_text_distance("epcohs", "epochs"), 1);
    assert_int_equal(hone_text_distance("kitten", "sitting"), 3);
    assert_int_equal(hone_text_distance("", "abc"), 3);
    char longer[100];
    memset(longer, 'a', 99);
    longer[99] = '\0';
    assert_int_equal(hone_text_distance(longer, "a"), 99);
}

static void test_integers(void **state) {
    (void)state;
    int64_t value;
    assert_ok(hone_parse_i64("-12", -12, 12, &value));
    assert_int_equal(value, -12);
    assert_ok(hone_parse_i64("9223372036854775807", INT64_MIN, INT64_MAX, &value));
    assert_true(value == INT64_MAX);
    test_expect_failure(hone_parse_i64("9223372036854775808", INT64_MIN, INT64_MAX, &value),
                        HONE_INVALID, "9223372036854775808 is out of range");
    test_expect_failure(hone_parse_i64("0", 1, 100000, &value), HONE_INVALID,
                        "0 is out of range 1..100000");
    assert_int_equal(value, 0);
    static const char *const wrong[] = {"", "12x", "x", "1.5", "--1"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        test_expect_failure(hone_parse_i64(wrong[i], 0, 100, &value), HONE_INVALID,
                            "is not a whole number");
}

static void test_reals(void **state) {
    (void)state;
    double value;
    assert_ok(hone_parse_f64("1e-3", 0, 1, &value));
    assert_true(value == 1e-3);
    assert_ok(hone_parse_f64("1", 0, 1, &value));
    test_expect_failure(hone_parse_f64("1.5", 0, 1, &value), HONE_INVALID,
                        "1.5 is out of range 0..1");
    test_expect_failure(hone_parse_f64("inf", -INFINITY, INFINITY, &value), HONE_INVALID, "range");
    test_expect_failure(hone_parse_f64("nan", 0, 1, &value), HONE_INVALID, "'nan' is not a number");
    test_expect_failure(hone_parse_f64("0,5", 0, 1, &value), HONE_INVALID, "'0,5' is not a number");
    test_expect_failure(hone_parse_f64("", 0, 1, &value), HONE_INVALID, "'' is not a number");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_builder),
        cmocka_unit_test(test_builder_failure_sticks),
        cmocka_unit_test(test_shortest_numbers),
        cmocka_unit_test(test_comma_locale),
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_distance),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_reals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
