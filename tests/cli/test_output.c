// test_output: what eval and predict print for machines, on a run of a tiny net on the ref device
// whose class and file names need quoting; and what a pipe is spared.
#include "support/command.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "support/tiny.h"

static const char odd_class[] = "bar, \"bent\"";
static char dir[256];
static struct command_result r;

static int set_up(void **state) {
    (void)state;
    test_temp_dir(dir);
    if (chdir(dir) != 0) return 1;
    struct hone_model *model = test_tiny_model(3);
    assert_ok(hone_model_save(model, "tiny.onnx"));
    hone_model_destroy(&model);
    test_tiny_pictures("data", 20);
    if (rename("data/bar", "data/bar, \"bent\"") != 0) return 1;
    // From a random backbone a classifier found first is a poor start.
    command_hone(NULL, &r, "train", "data", "--backbone", "tiny.onnx", "--device", "ref",
                 "--recipe", "full", "--epochs", "8", "--batch", "8", "--lr", "0.02", "--head-lr",
                 "2", "--out", "run");
    command_expect_success(&r);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    return command_leave(&r, dir);
}

// Bars that redraw themselves are for terminals.
static void test_pipe(void **state) {
    (void)state;
    command_hone(NULL, &r, "train", "data", "--backbone", "tiny.onnx", "--device", "ref",
                 "--epochs", "2");
    command_expect_success(&r);
    assert_null(strpbrk(r.err, "\r\033"));
    assert_null(strpbrk(r.out, "\r\033"));
    command_expect_text(r.out, "\n   1/2 ");
    command_expect_text(r.out, "\n   2/2 ");
    command_expect_text(r.out, "runs/train1/model.onnx");
    command_expect_text(r.out, "macro-F1");
    command_hone(NULL, &r, "train", "data", "--backbone", "tiny.onnx", "--device", "ref",
                 "--freeze", "all");
    command_expect_success(&r);
    command_expect_text(r.out, "runs/train2/model.onnx");
}

// What import writes says the same: ONNX again, and weights that a net of the zoo reads.
static void test_import(void **state) {
    (void)state;
    command_hone(NULL, &r, "import", "tiny.onnx", "-o", "again.onnx", "--preprocess", "0.5,0.25");
    command_expect_success(&r);
    command_expect_text(r.out, "again.onnx: ");
    command_hone(NULL, &r, "inspect", "again.onnx");
    command_expect_success(&r);
    command_expect_text(r.out, "0.5,0.25");
    command_hone(NULL, &r, "import", "tiny.onnx", "-o", "tiny.safetensors");
    command_expect_success(&r);
    command_hone(NULL, &r, "import", "tiny.onnx", "-o", "tiny.txt");
    assert_int_equal(r.code, 2);
    command_expect_text(r.err, "must end in .onnx or .safetensors");
    command_hone(NULL, &r, "import", "tiny.onnx");
    assert_int_equal(r.code, 2);
    command_expect_text(r.err, "no output is given");
}

static void test_inspect(void **state) {
    (void)state;
    command_hone(NULL, &r, "inspect", "run/model.onnx", "--summary");
    command_expect_success(&r);
    command_expect_text(r.out, "trainable");
    assert_null(strstr(r.out, "conv2d"));
    command_hone(NULL, &r, "inspect", "run/model.onnx");
    command_expect_success(&r);
    command_expect_text(r.out, "output (N,H,W,C)");
    command_expect_text(r.out, "\ntotal ");
    command_expect_text(r.out, "preprocess");
    command_expect_text(r.out, odd_class);
    command_expect_text(r.out, "16 x 16");
    command_expect_text(r.out, "conv2d");
    assert_null(strstr(r.out, "assumed"));
}

static void test_eval_json(void **state) {
    (void)state;
    command_hone(NULL, &r, "eval", "run/model.onnx", "data", "--device", "ref", "--json");
    command_expect_success(&r);
    json_t *root = json_loads(r.out, 0, NULL);
    assert_true(json_is_object(root));
    assert_int_equal(json_integer_value(json_object_get(root, "pictures")), 8);
    double accuracy = json_real_value(json_object_get(root, "accuracy"));
    assert_true(accuracy > 0.8 && json_is_real(json_object_get(root, "macro_f1")) &&
                json_is_real(json_object_get(root, "loss")));
    json_t *classes = json_object_get(root, "classes");
    json_t *confusion = json_object_get(root, "confusion");
    assert_int_equal(json_array_size(classes), 2);
    json_int_t right = 0;
    for (size_t c = 0; c < 2; c++) {
        json_t *class = json_array_get(classes, c);
        assert_string_equal(json_string_value(json_object_get(class, "name")),
                            c ? "spot" : odd_class);
        assert_int_equal(json_integer_value(json_object_get(class, "pictures")), 4);
        assert_true(json_is_real(json_object_get(class, "precision")) &&
                    json_is_real(json_object_get(class, "recall")) &&
                    json_is_real(json_object_get(class, "f1")));
        right += json_integer_value(json_array_get(json_array_get(confusion, c), c));
    }
    assert_true(fabs((double)right / 8 - accuracy) < 1e-9);
    json_decref(root);

    // A list judges the same pictures alike.
    command_hone(NULL, &r, "eval", "run/model.onnx", "--list", "run/splits/test.txt", "data",
                 "--device", "ref", "--json");
    command_expect_success(&r);
    root = json_loads(r.out, 0, NULL);
    assert_true(json_real_value(json_object_get(root, "accuracy")) == accuracy);
    json_decref(root);
    command_hone(NULL, &r, "eval", "run/model.onnx", "data", "--device", "ref");
    command_expect_success(&r);
    command_expect_text(r.out, "8 pictures   accuracy");
}

static void test_predict_json(void **state) {
    (void)state;
    command_hone(NULL, &r, "predict", "run/model.onnx", "data/spot", "data/bar, \"bent\"/003.pgm",
                 "--device", "ref", "--json", "--top", "5");
    command_expect_success(&r);
    json_t *root = json_loads(r.out, 0, NULL), *picture;
    assert_int_equal(json_array_size(root), 21);
    size_t i;
    json_array_foreach(root, i, picture) {
        json_t *classes = json_object_get(picture, "classes");
        assert_true(json_is_string(json_object_get(picture, "path")));
        assert_int_equal(json_array_size(classes), 2);
        json_t *first = json_array_get(classes, 0), *second = json_array_get(classes, 1);
        double p = json_real_value(json_object_get(first, "probability"));
        double q = json_real_value(json_object_get(second, "probability"));
        assert_true(p >= q && fabs(p + q - 1) < 1e-5);
        int index = (int)json_integer_value(json_object_get(first, "index"));
        assert_string_equal(json_string_value(json_object_get(first, "class")),
                            index ? "spot" : odd_class);
    }
    json_decref(root);
}

static void test_predict_csv(void **state) {
    (void)state;
    command_hone(NULL, &r, "predict", "run/model.onnx", "data/bar, \"bent\"/003.pgm", "--device",
                 "ref", "--csv", "--top", "2");
    command_expect_success(&r);
    static const char start[] = "path,class,probability\n\"data/bar, \"\"bent\"\"/003.pgm\",\"";
    if (strncmp(r.out, start, sizeof start - 1) != 0) fail_msg("CSV: %s", r.out);
    command_expect_text(r.out, ",\"bar, \"\"bent\"\"\",0.");
    command_expect_text(r.out, ",\"spot\",0.");
    int lines = 0;
    for (const char *at = r.out; (at = strchr(at, '\n')); at++) lines++;
    assert_int_equal(lines, 3);

    char *text;
    size_t bytes;
    assert_ok(hone_file_read("run/confusion.csv", 0, &text, &bytes));
    command_expect_text(text, "\"bar, \"\"bent\"\"\"");
    hone_free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pipe),         cmocka_unit_test(test_import),
        cmocka_unit_test(test_inspect),      cmocka_unit_test(test_eval_json),
        cmocka_unit_test(test_predict_json), cmocka_unit_test(test_predict_csv),
    };
    return cmocka_run_group_tests_name("cli output", tests, set_up, tear_down);
}
