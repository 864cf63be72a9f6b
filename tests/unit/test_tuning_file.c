// test_tuning_file: where the user's tuning records lie, reading a damaged file, and processes and
// threads that add to one file at the same time.
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/thread.h"
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

enum { WRITERS = 4, EACH = 40 };
static const char *const writers[WRITERS] = {"made_up_a", "made_up_b", "made_up_c", "made_up_d"};

// One writer adds to the file as often as there are records.
static hone_status write_often(void *user, size_t writer) {
    for (int i = 1; i <= EACH; i++) {
        struct hone_tuning *t = records(writers[writer], i);
        hone_status status = hone_tuning_save(user, t);
        hone_tuning_destroy(&t);
        HONE_TRY(status);
    }
    return HONE_OK;
}

static hone_status write_second_half(void *user, size_t index) {
    return write_often(user, WRITERS / 2 + index);
}

static void expect_all_records(const char *path) {
    for (int w = 0; w < WRITERS; w++) assert_int_equal(count_of(path, writers[w]), EACH);
}

static void test_threads(void **state) {
    (void)state;
    char folder[256], path[300];
    test_temp_dir(folder);
    snprintf(path, sizeof path, "%s/shared.tune", folder);
    assert_ok(hone_parallel_for(WRITERS, WRITERS, write_often, path));
    expect_all_records(path);
    test_temp_remove(folder);
}

// Two processes of two threads each.
static void test_processes(void **state) {
    (void)state;
    char folder[256], path[300];
    int status;
    test_temp_dir(folder);
    snprintf(path, sizeof path, "%s/shared.tune", folder);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) _exit(hone_parallel_for(2, 2, write_second_half, path) != HONE_OK);
    hone_status own = hone_parallel_for(WRITERS / 2, 2, write_often, path);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_ok(own);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    expect_all_records(path);
    test_temp_remove(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path),
        cmocka_unit_test(test_save_and_load),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_processes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
