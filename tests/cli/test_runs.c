// test_runs: `hone train` on the bundled backbone and pictures, small, on the default device: the
// same seed gives the same bytes and another one does not, and Ctrl-C leaves a whole run. Skipped
// where there is no device.
#include "support/command.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"

#define BACKBONE HONE_SOURCE_DIR "/assets/backbone/hone_small.onnx"
#define SURFACES HONE_SOURCE_DIR "/assets/surfaces"

static char dir[256];
static struct command_result r;

// `count` pictures of each of two classes of a part.
static void write_list(const char *path, const char *part, int count) {
    static const char *const classes[] = {"good", "crack"};
    struct hone_text text = {0};
    for (int i = 0; i < 2 * count; i++)
        hone_text_printf(&text, "%s/%s/%04d.jpg\t%s\n", part, classes[i % 2], i / 2,
                         classes[i % 2]);
    assert_ok(hone_file_write(path, text.data, text.length));
    hone_text_deinit(&text);
}

static int set_up(void **state) {
    (void)state;
    test_temp_dir(dir);
    if (chdir(dir) != 0) return 1;
    write_list("train.txt", "train", 8);
    write_list("val.txt", "val", 2);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    return command_leave(&r, dir);
}

#define TRAIN(how, epochs, ...)                                                                    \
    command_hone(how, &r, "train", SURFACES, "--train-list", "train.txt", "--val-list", "val.txt", \
                 "--backbone", BACKBONE, "--size", "32", "--batch", "8", "--epochs", epochs,       \
                 "--recipe", "full", __VA_ARGS__)

static bool same_bytes(const char *a, const char *b) {
    char *bytes[2];
    size_t count[2];
    assert_ok(hone_file_read(a, 0, &bytes[0], &count[0]));
    assert_ok(hone_file_read(b, 0, &bytes[1], &count[1]));
    assert_true(count[0] > 100);
    bool same = count[0] == count[1] && memcmp(bytes[0], bytes[1], count[0]) == 0;
    hone_free(bytes[0]);
    hone_free(bytes[1]);
    return same;
}

static void test_seeds(void **state) {
    (void)state;
    static const char *const files[] = {"best.safetensors", "last.safetensors", "model.onnx"};
    static const char *const runs[] = {"a", "b", "other"};
    for (int i = 0; i < 3; i++) {
        TRAIN(NULL, "2", "--seed", i == 2 ? "8" : "7", "--out", runs[i]);
        command_expect_success(&r);
    }
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[3][64];
        for (int k = 0; k < 3; k++) snprintf(path[k], sizeof path[k], "%s/%s", runs[k], files[i]);
        if (!same_bytes(path[0], path[1])) fail_msg("%s differs at the same seed", files[i]);
        if (same_bytes(path[0], path[2])) fail_msg("%s is the same at another seed", files[i]);
    }
}

static void test_interrupt(void **state) {
    (void)state;
    static const char *const files[] = {"args.json",        "results.csv",   "best.safetensors",
                                        "last.safetensors", "model.onnx",    "confusion.csv",
                                        "summary.json",     "splits/val.txt"};
    struct command_how how = {.interrupt = "\n   2/500 "};
    TRAIN(&how, "500", "--out", "stopped");
    assert_int_equal(r.code, 130);
    command_expect_text(r.err, "stopping after this step");
    command_expect_text(r.out, "Stopped in ");
    command_expect_text(r.out, "stopped/model.onnx");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[64];
        snprintf(path, sizeof path, "stopped/%s", files[i]);
        if (!hone_file_exists(path)) fail_msg("%s is missing", path);
    }
    command_hone(NULL, &r, "eval", "stopped/model.onnx", SURFACES, "--list", "val.txt", "--json");
    command_expect_success(&r);
    command_expect_text(r.out, "\"pictures\": 4");

    // Before the first epoch has ended there is still a step to keep.
    how.interrupt = "training step:";
    TRAIN(&how, "500", "--out", "early");
    assert_int_equal(r.code, 130);
    assert_true(hone_file_exists("early/model.onnx") && hone_file_exists("early/last.safetensors"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_interrupt),
    };
    command_hone(NULL, &r, "devices");
    if (r.code != 0) {
        fprintf(stderr, "skipped: %s", r.err);
        command_deinit(&r);
        return 77;
    }
    return cmocka_run_group_tests_name("cli runs", tests, set_up, tear_down);
}
