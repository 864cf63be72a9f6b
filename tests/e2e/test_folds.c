// test_folds: cross-validation: every picture is tested once and its group stays whole; what the
// folds come to; TensorBoard's file of each; and the example program, which is built by the tests.
#include "support/support.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hone/hone.h>

#include "base/file.h"
#include "support/tiny.h"

static char dir[256];
static struct hone_train_params usual;

static int set_up(void **state) {
    (void)state;
    test_temp_dir(dir);
    if (chdir(dir) != 0) return 1;
    struct hone_model *model = test_tiny_model(3);
    assert_ok(hone_model_save(model, "tiny.onnx"));
    hone_model_destroy(&model);
    test_tiny_pictures("pictures", 20); // 000.pgm to 019.pgm of each class
    assert_ok(hone_options_init(&hone_train_options, &usual));
    usual.backbone = "tiny.onnx";
    usual.device = "ref";
    usual.batch = 8;
    usual.freeze = "all";
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    if (chdir("/") != 0) return 1;
    test_temp_remove(dir);
    return 0;
}

static void test_dealing(void **state) {
    (void)state;
    static const char *const groups[] = {NULL, "(.)[.]pgm"}; // none; ten, by the last digit
    for (int g = 0; g < 2; g++) {
        int tested[40] = {0};
        for (int32_t fold = 1; fold <= 4; fold++) {
            struct hone_data_params data = {
                .folder = "pictures", .group = groups[g], .folds = 4, .fold = fold};
            int part_of_digit[10];
            hone_dataset *set;
            memset(part_of_digit, -1, sizeof part_of_digit);
            assert_ok(hone_dataset_open(&data, &set));
            assert_int_equal(hone_dataset_count(set, HONE_PART_ALL), 40);
            size_t test = hone_dataset_count(set, HONE_PART_TEST);
            assert_true(test >= 8 && test <= 12);
            assert_true(hone_dataset_count(set, HONE_PART_VAL) >= 8);
            for (size_t i = 0; i < 40; i++) {
                const struct hone_data_item *item = hone_dataset_item(set, HONE_PART_ALL, i);
                int number = atoi(strrchr(item->path, '/') + 1), digit = number % 10;
                if (item->part == HONE_PART_TEST) tested[item->label * 20 + number]++;
                if (!groups[g]) continue;
                assert_true(part_of_digit[digit] < 0 || part_of_digit[digit] == (int)item->part);
                part_of_digit[digit] = (int)item->part;
            }
            hone_dataset_close(&set);
        }
        for (int i = 0; i < 40; i++) assert_int_equal(tested[i], 1);
    }
}

static void test_refusals(void **state) {
    (void)state;
    struct hone_data_params data = {.folder = "pictures", .folds = 4, .group = "([0-9])[0-9][.]"};
    hone_dataset *set;
    struct hone_folds_result result;
    test_expect_failure(hone_dataset_open(&data, &set), HONE_INVALID, "2 groups of photographs");
    data.group = NULL;
    data.fold = 5;
    test_expect_failure(hone_dataset_open(&data, &set), HONE_INVALID, "--fold 5: there are 4");
    data.folds = data.fold = 2;
    test_expect_failure(hone_dataset_open(&data, &set), HONE_INVALID, "--folds is 2");
    test_expect_failure(hone_train_folds(&usual, &data, NULL, &result), HONE_INVALID, "three");
    assert_ok(hone_file_write("list.txt", "bar/000.pgm\tbar\n", 16));
    data = (struct hone_data_params){.folder = "pictures", .train_list = "list.txt", .folds = 3};
    data.any_classes = true;
    test_expect_failure(hone_dataset_open(&data, &set), HONE_INVALID, "--all-list");
}

static double number_at(json_t *root, const char *object, const char *key) {
    return json_number_value(json_object_get(json_object_get(root, object), key));
}

static void test_train(void **state) {
    (void)state;
    struct hone_data_params data = {.folder = "pictures", .folds = 4};
    struct hone_train_params params = usual;
    struct hone_folds_result result;
    double sum = 0, squares = 0;
    params.out = "folds";
    params.tensorboard = true;
    assert_ok(hone_train_folds(&params, &data, NULL, &result));
    assert_true(result.folds_done == 4 && !result.cancelled && result.class_count == 2);
    assert_true(result.pooled.count == 40 && result.pooled.accuracy > 0.7);
    assert_string_equal(result.class_names[1], "spot");
    json_t *root = json_load_file("folds/folds.json", 0, NULL);
    assert_non_null(root);
    json_t *folds = json_object_get(root, "folds");
    assert_int_equal(json_array_size(folds), 4);
    for (size_t i = 0; i < 4; i++) {
        double value = json_number_value(json_object_get(json_array_get(folds, i), "macro_f1"));
        sum += value;
        squares += value * value;
    }
    assert_true(fabs(result.macro_f1.mean - sum / 4) < 1e-6);
    double deviation = sqrt(fmax((squares - sum * sum / 4) / 3, 0));
    assert_true(fabs(result.macro_f1.deviation - deviation) < 1e-6);
    assert_true(fabs(number_at(root, "macro_f1", "mean") - sum / 4) < 1e-6);
    json_decref(root);
    for (int fold = 1; fold <= 4; fold++) {
        char command[100], path[100];
        snprintf(path, sizeof path, "folds/fold%d/model.onnx", fold);
        assert_true(hone_file_exists(path));
        snprintf(command, sizeof command, "test -s folds/fold%d/events.out.tfevents.*", fold);
        assert_int_equal(system(command), 0);
    }
    assert_true(hone_file_exists("folds/confusion.csv"));
    hone_folds_result_deinit(&result);
}

static bool stop_in_second(void *user) {
    return *(int *)user == 2;
}

static void count_fold(void *user, const char *line) {
    if (strncmp(line, "fold ", 5) == 0) ++*(int *)user;
}

// Stopped in the second fold: the first one counts.
static void test_cancel(void **state) {
    (void)state;
    struct hone_data_params data = {.folder = "pictures", .folds = 4};
    struct hone_train_params params = usual;
    struct hone_folds_result result;
    int at = 0;
    struct hone_train_hooks hooks = {.user = &at, .note = count_fold, .cancelled = stop_in_second};
    params.out = "stopped";
    test_expect_failure(hone_train_folds(&params, &data, &hooks, &result), HONE_CANCELLED,
                        "after 1 of 4 folds");
    assert_true(result.cancelled && result.folds_done == 1 && result.pooled.count > 0);
    assert_true(hone_file_exists("stopped/folds.json") && hone_file_exists("stopped/fold1"));
    assert_false(hone_dir_exists("stopped/fold2"));
    hone_folds_result_deinit(&result);
}

static void test_example(void **state) {
    (void)state;
    char line[300];
    bool accuracy = false;
    int classes = 0;
    FILE *pipe = popen(HONE_BINARY_DIR "/tests/finetune pictures tiny.onnx example ref", "r");
    assert_non_null(pipe);
    while (fgets(line, sizeof line, pipe)) {
        accuracy = accuracy || strstr(line, "example/report.html: test accuracy");
        classes += strstr(line, ".pgm: bar ") || strstr(line, ".pgm: spot ");
    }
    assert_int_equal(pclose(pipe), 0);
    assert_true(accuracy && classes == 2 && hone_file_exists("example/report.html"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dealing), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_train),   cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_example),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
