// test_rows: the rows of a run that is taken up again: read back as they were, later ones taken
// back, in results.csv and in TensorBoard's file alike, whatever a kill has left there.
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "train/events.h"
#include "train/run.h"

static char dir[256];

static int set_up(void **state) {
    (void)state;
    test_temp_dir(dir);
    return chdir(dir);
}

static int tear_down(void **state) {
    (void)state;
    test_temp_remove(dir);
    return 0;
}

static struct hone_train_epoch row_of(int32_t epoch) {
    return (struct hone_train_epoch){.epoch = epoch,
                                     .train_loss = 1.0 / (epoch + 1),
                                     .val_loss = NAN,
                                     .train_accuracy = 0.25,
                                     .val_accuracy = NAN,
                                     .val_macro_f1 = 0.125,
                                     .lr = 0.0001,
                                     .pictures_per_second = 12.34,
                                     .seconds = 5.5};
}

// A run with rows 0 to `rows` - 1 in a folder of its own.
static void make_run(const char *name, int32_t rows) {
    struct hone_run run = {0};
    assert_ok(hone_run_begin(name, &run));
    run.kept = true;
    assert_ok(hone_run_begin_events(&run));
    for (int32_t e = 0; e < rows; e++) {
        struct hone_train_epoch row = row_of(e);
        assert_ok(hone_run_add_epoch(&run, &row));
    }
    hone_run_end(&run);
}

static size_t count_records(const struct hone_run *run) {
    size_t count;
    assert_ok(hone_events_cut(run->events, SIZE_MAX, &count));
    return count;
}

static void expect_same_file(const char *a, const char *b) {
    char *text[2];
    size_t bytes[2];
    assert_ok(hone_file_read(a, 0, &text[0], &bytes[0]));
    assert_ok(hone_file_read(b, 0, &text[1], &bytes[1]));
    assert_string_equal(text[0], text[1]);
    hone_free(text[0]);
    hone_free(text[1]);
}

static void test_rewind(void **state) {
    (void)state;
    struct hone_run run = {0};
    make_run("five", 5);
    make_run("three", 3);
    assert_ok(hone_file_write("five/.last.safetensors.tmp-12-3", "torn", 4));
    assert_ok(hone_run_reopen("five", &run));
    assert_false(hone_file_exists("five/.last.safetensors.tmp-12-3"));
    assert_int_equal(run.epoch_count, 5);
    assert_true(fabs(run.epochs[4].train_loss - 0.2) < 1e-6 && isnan(run.epochs[4].val_loss));
    assert_true(run.epochs[4].val_macro_f1 == 0.125 && run.epochs[4].seconds == 5.5);
    assert_ok(hone_run_rewind(&run, 2));
    assert_int_equal(run.epoch_count, 3);
    assert_int_equal(count_records(&run), 1 + 3);
    expect_same_file("five/results.csv", "three/results.csv");
    struct hone_train_epoch row = row_of(3);
    assert_ok(hone_run_add_epoch(&run, &row));
    assert_int_equal(count_records(&run), 1 + 4);
    assert_ok(hone_run_rewind(&run, -1));
    assert_int_equal(run.epoch_count, 0);
    assert_int_equal(count_records(&run), 1);
    hone_run_end(&run);
    assert_true(hone_file_exists("five/results.csv")); // it is kept
}

// Killed between a row and its record, in the middle of a record, and before the first one.
static void test_torn_events(void **state) {
    (void)state;
    static const size_t cuts[] = {3, 60, 0};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        struct hone_run run = {0};
        char name[32], *text;
        size_t bytes;
        snprintf(name, sizeof name, "torn%zu", i);
        make_run(name, 4);
        assert_ok(hone_run_reopen(name, &run));
        assert_ok(hone_file_read(run.events, 0, &text, &bytes));
        hone_free(text);
        assert_int_equal(truncate(run.events, (off_t)(cuts[i] ? bytes - cuts[i] : 0)), 0);
        assert_ok(hone_run_rewind(&run, 100));
        assert_int_equal(run.epoch_count, 4);
        assert_int_equal(count_records(&run), 1 + 4);
        hone_run_end(&run);
    }
}

static void test_foreign_rows(void **state) {
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"epoch,loss\n1,2\n", "columns"},
        {"", "columns"},
        {"epoch,train_loss,val_loss,train_accuracy,val_accuracy,macro_f1,lr,img_per_s,seconds\n"
         "1,2,3\n",
         "is no row"},
        {"epoch,train_loss,val_loss,train_accuracy,val_accuracy,macro_f1,lr,img_per_s,seconds\n"
         "1,2,3,x,5,6,7,8,9\n",
         "x"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hone_run run = {0};
        assert_ok(hone_dir_make("foreign"));
        assert_ok(hone_file_write("foreign/results.csv", cases[i].text, strlen(cases[i].text)));
        test_expect_failure(hone_run_reopen("foreign", &run), HONE_INVALID, cases[i].why);
        hone_run_end(&run);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rewind),
        cmocka_unit_test(test_torn_events),
        cmocka_unit_test(test_foreign_rows),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
