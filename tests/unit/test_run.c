// test_run: numbering of run folders, what is taken back after a failure, and the small files.
#include "support/support.h"

#include <jansson.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
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

static void test_numbering(void **state) {
    (void)state;
    struct hone_run one = {0}, two = {0}, three = {0};
    assert_ok(hone_run_begin(NULL, &one));
    assert_string_equal(one.dir, "runs/train1");
    assert_ok(hone_run_begin(NULL, &two));
    assert_string_equal(two.dir, "runs/train2");
    one.kept = true;
    hone_run_end(&one);
    hone_run_end(&two); // held nothing
    assert_true(hone_dir_exists("runs/train1") && !hone_dir_exists("runs/train2"));
    assert_ok(hone_run_begin(NULL, &three));
    assert_string_equal(three.dir, "runs/train2");
    hone_run_end(&three);
}

static void test_named(void **state) {
    (void)state;
    struct hone_run run = {0};
    assert_ok(hone_run_begin("a/b", &run));
    assert_ok(hone_run_write(&run, "note.txt", "x"));
    run.kept = true;
    hone_run_end(&run);
    assert_true(hone_file_exists("a/b/note.txt"));
    test_expect_failure(hone_run_begin("a/b", &run), HONE_INVALID, "a/b is not empty");
    hone_run_end(&run);
    assert_true(hone_file_exists("a/b/note.txt"));
    assert_ok(hone_dir_make("empty"));
    assert_ok(hone_run_begin("empty", &run));
    hone_run_end(&run);
    assert_true(hone_dir_exists("empty")); // was there before
}

static void test_taken_back(void **state) {
    (void)state;
    struct hone_run run = {0};
    assert_ok(hone_run_begin("failed", &run));
    char *folder = hone_run_path(&run, "splits");
    assert_ok(hone_dir_make(folder));
    hone_free(folder);
    assert_ok(hone_run_write(&run, "splits/train.txt", "x"));
    assert_ok(hone_run_write(&run, "args.json", "{}"));
    hone_run_end(&run);
    assert_false(hone_dir_exists("failed"));
}

static void test_results(void **state) {
    (void)state;
    struct hone_run run = {.kept = true};
    char *text;
    size_t bytes;
    assert_ok(hone_run_begin("results", &run));
    run.kept = true;
    assert_ok(hone_run_add_epoch(&run, &(struct hone_train_epoch){.epoch = 1,
                                                                  .train_loss = 0.5,
                                                                  .val_loss = NAN,
                                                                  .train_accuracy = 0.25,
                                                                  .val_accuracy = NAN,
                                                                  .val_macro_f1 = NAN,
                                                                  .lr = 0.0001,
                                                                  .pictures_per_second = 12.34,
                                                                  .seconds = 5}));
    assert_ok(hone_file_read("results/results.csv", 0, &text, &bytes));
    assert_string_equal(text, "epoch,train_loss,val_loss,train_accuracy,val_accuracy,macro_f1,lr,"
                              "img_per_s,seconds\n1,0.500000,,0.250000,,,0.0001,12.3,5.00\n");
    hone_free(text);
    const int64_t confusion[] = {1, 2, 3, 4};
    const char *const names[] = {"good", "a \"b\", c"};
    struct hone_metrics m, none = {0};
    assert_ok(hone_metrics_from_confusion(confusion, 2, &m));
    struct hone_run_part parts[] = {{"val", &none}, {"test", &m}};
    assert_ok(hone_run_write_confusion(&run, parts, 2, names));
    assert_ok(hone_file_read("results/confusion.csv", 0, &text, &bytes));
    assert_string_equal(text, "part,truth,good,\"a \"\"b\"\", c\"\ntest,good,1,2\n"
                              "test,\"a \"\"b\"\", c\",3,4\n");
    hone_free(text);
    hone_metrics_deinit(&m);
    hone_run_end(&run);
}

static void test_args(void **state) {
    (void)state;
    struct hone_run run = {0};
    struct hone_train_params params;
    assert_ok(hone_options_init(&hone_train_options, &params));
    params.backbone = "net.onnx";
    struct hone_run_options options = {&hone_train_options, &params};
    assert_ok(hone_run_begin("args", &run));
    run.kept = true;
    assert_ok(hone_run_write_args(&run, &options, 1));
    json_t *root = json_load_file("args/args.json", 0, NULL);
    assert_non_null(root);
    assert_string_equal(json_string_value(json_object_get(root, "backbone")), "net.onnx");
    assert_true(json_integer_value(json_object_get(root, "batch")) == 16);
    assert_true(json_real_value(json_object_get(root, "warmup")) == 0.05);
    assert_string_equal(json_string_value(json_object_get(root, "lr")), "auto");
    assert_string_equal(json_string_value(json_object_get(root, "optimizer")), "adamw");
    assert_true(json_is_false(json_object_get(root, "validate")));
    assert_true(json_is_null(json_object_get(root, "out")));
    json_decref(root);
    hone_run_end(&run);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbering),  cmocka_unit_test(test_named),
        cmocka_unit_test(test_taken_back), cmocka_unit_test(test_results),
        cmocka_unit_test(test_args),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
