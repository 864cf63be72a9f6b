// test_tuning_file: where the user's tuning records lie, reading a damaged file, and two processes
// that add to one file at the same time.
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "exec/tuning_file.h"

static void expect_path(const char *cache_dir, const char *want) {
    char *path;
    assert_ok(hone_tuning_path(cache_dir, &path));
    if (want)
        assert_string_equal(path, want);
    else
        assert_null(path);
    hone_free(path);
}

static void test_path(void **state) {
    (void)state;
    unsetenv("HONE_TUNING");
    setenv("HOME", "/home/me", 1);
    setenv("XDG_CACHE_HOME", "/cache", 1);
    expect_path(NULL, "/cache/hone/tuning.tune");
    expect_path("/mine", "/mine/tuning.tune");
    expect_path("", NULL);
    setenv("XDG_CACHE_HOME", "relative", 1); // the XDG specification says to ignore it
    expect_path(NULL, "/home/me/.cache/hone/tuning.tune");
    setenv("HONE_TUNING", "/there/x.tune", 1);
    expect_path("/mine", "/there/x.tune");
    setenv("HONE_TUNING", "off", 1);
    expect_path(NULL, NULL);
    unsetenv("HONE_TUNING");
    unsetenv("HOME");
    expect_path(NULL, NULL);
}

static struct hone_tuning *records(const char *op, int count) {
    struct hone_tuning *t;
    assert_ok(hone_tuning_create(&t));
    for (int i = 0; i < count; i++) {
        char shapes[32];
        snprintf(shapes, sizeof shapes, "%d", i);
        assert_ok(hone_tuning_add(t, &(struct hone_tuning_record){.device = "d|v",
                                                                  .op = op,
                                                                  .dtypes = "f32",
                                                                  .shapes = shapes,
                                                                  .row = "cpu",
                                                                  .tile = "-",
                                                                  .us = i}));
    }
    return t;
}

static size_t count_of(const char *path, const char *op) {
    struct hone_tuning *t;
    size_t count = 0;
    assert_ok(hone_tuning_load(path, &t));
    for (size_t i = 0; i < hone_tuning_count(t); i++)
        count += strcmp(hone_tuning_get(t, i)->op, op) == 0;
    hone_tuning_destroy(&t);
    return count;
}

static void test_save_and_load(void **state) {
    (void)state;
    char folder[256], path[300];
    test_temp_dir(folder);
    snprintf(path, sizeof path, "%s/not/yet/there.tune", folder);
    assert_int_equal(count_of(path, "made_up_a"), 0); // a missing file is an empty one
    struct hone_tuning *a = records("made_up_a", 3), *b = records("made_up_b", 2);
    assert_ok(hone_tuning_save(path, a));
    assert_ok(hone_tuning_save(path, b));
    assert_ok(hone_tuning_save(path, a)); // once more: in place of the old ones
    assert_int_equal(count_of(path, "made_up_a"), 3);
    assert_int_equal(count_of(path, "made_up_b"), 2);
    // A damaged line is dropped, and the next save writes a clean file.
    char *text;
    size_t bytes;
    assert_ok(hone_file_read(path, 0, &text, &bytes));
    text[bytes / 2] = '\t';
    assert_ok(hone_file_write(path, text, bytes));
    hone_free(text);
    assert_int_equal(count_of(path, "made_up_a") + count_of(path, "made_up_b"), 4);
    assert_ok(hone_tuning_save(path, a));
    assert_ok(hone_tuning_save(path, b));
    assert_int_equal(count_of(path, "made_up_a") + count_of(path, "made_up_b"), 5);
    // A folder under that name is a warning, not the end.
    assert_int_equal(count_of(folder, "made_up_a"), 0);
    hone_tuning_destroy(&a);
    hone_tuning_destroy(&b);
    test_temp_remove(folder);
}

static void test_two_processes(void **state) {
    (void)state;
    enum { EACH = 60 };
    char folder[256], path[300];
    test_temp_dir(folder);
    snprintf(path, sizeof path, "%s/shared.tune", folder);
    pid_t children[2];
    for (int c = 0; c < 2; c++) {
        children[c] = fork();
        assert_true(children[c] >= 0);
        if (children[c] == 0) {
            int failed = 0;
            for (int i = 1; i <= EACH && !failed; i++) {
                struct hone_tuning *t = records(c ? "made_up_a" : "made_up_b", i);
                failed = hone_tuning_save(path, t) != HONE_OK;
                hone_tuning_destroy(&t);
            }
            _exit(failed);
        }
    }
    for (int c = 0; c < 2; c++) {
        int status;
        assert_int_equal(waitpid(children[c], &status, 0), children[c]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    assert_int_equal(count_of(path, "made_up_a"), EACH);
    assert_int_equal(count_of(path, "made_up_b"), EACH);
    test_temp_remove(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path),
        cmocka_unit_test(test_save_and_load),
        cmocka_unit_test(test_two_processes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
