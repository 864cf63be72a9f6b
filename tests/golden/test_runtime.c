// test_runtime: the model.onnx of a run gives the same probabilities in ONNX Runtime (or PyTorch),
// which knows nothing of hone but the metadata in the file. Skipped where no device or no such
// Python is found (HONE_ORT_PYTHON names one).
#include "support/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SURFACES HONE_SOURCE_DIR "/assets/surfaces"
#define BACKBONE HONE_SOURCE_DIR "/assets/backbone/hone_small.onnx"
#define IMAGES   HONE_SOURCE_DIR "/tests/golden/data/images/"

static char dir[256];
static struct command_result r;

static int set_up(void **state) {
    (void)state;
    test_temp_dir(dir);
    if (chdir(dir) != 0) return 1;
    FILE *train = fopen("train.txt", "w"), *val = fopen("val.txt", "w");
    if (!train || !val) return 1;
    for (int i = 0; i < 8; i++)
        fprintf(train, "train/good/%04d.jpg\tgood\ntrain/crack/%04d.jpg\tcrack\n", i, i);
    fprintf(val, "val/good/0000.jpg\tgood\nval/crack/0000.jpg\tcrack\n");
    return fclose(train) + fclose(val);
}

static int tear_down(void **state) {
    (void)state;
    return command_leave(&r, dir);
}

// Compares run/model.onnx; skips the test where the Python cannot.
static void compare(const char *run, const char *python) {
    char command[3000];
    int length = snprintf(command, sizeof command, "'%s' '%s' '%s/hone' %s/model.onnx", python,
                          HONE_SOURCE_DIR "/tools/golden/compare_runtime.py", HONE_BINARY_DIR, run);
    static const char *const pictures[] = {IMAGES "rgb.png", IMAGES "rgb.bmp", IMAGES "palette.png",
                                           SURFACES "/test/good/0000.jpg",
                                           SURFACES "/test/crack/0001.jpg"};
    for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++)
        length += snprintf(command + length, sizeof command - (size_t)length, " '%s'", pictures[i]);
    fflush(NULL);
    int status = system(command);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_runtime(void **state) {
    (void)state;
    static const char *const freezes[] = {"none", "all"};
    const char *python = getenv("HONE_ORT_PYTHON");
    command_hone(NULL, &r, "devices");
    if (r.code != 0) {
        fprintf(stderr, "skipped: %s", r.err);
        skip();
    }
    for (int i = 0; i < 2; i++) {
        command_hone(NULL, &r, "train", SURFACES, "--train-list", "train.txt", "--val-list",
                     "val.txt", "--backbone", BACKBONE, "--size", "64", "--batch", "8", "--epochs",
                     "2", "--freeze", freezes[i], "--out", freezes[i]);
        command_expect_success(&r);
        compare(freezes[i], python && *python ? python : "/usr/bin/python3");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_runtime)};
    return cmocka_run_group_tests_name("golden runtime", tests, set_up, tear_down);
}
