// test_doctor: hone doctor on the default device, and on the command whose backward norm computes
// wrongly (tools/cmake/HoneTests.cmake plants it): the kernel is found, training goes on with the
// next one, says so, and remembers. Skipped where there is no device.
#include "support/command.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"

#define BACKBONE HONE_SOURCE_DIR "/assets/backbone/hone_small.onnx"
#define SURFACES HONE_SOURCE_DIR "/assets/surfaces"
#define PLANTED  "tests/hone_planted"
#define WRONG    "batch_norm_train_bwd/vec4"

static char dir[256], cache[320];
static struct command_result r;
static struct command_how how;

static void write_list(const char *path, const char *part, int count) {
    static const char *const classes[] = {"good", "crack"};
    struct hone_text text = {0};
    for (int i = 0; i < count; i++)
        hone_text_printf(&text, "%s/%s/%04d.jpg\t%s\n", part, classes[i % 2], i / 2,
                         classes[i % 2]);
    assert_ok(hone_file_write(path, text.data, text.length));
    hone_text_deinit(&text);
}

static int set_up(void **state) {
    (void)state;
    test_temp_dir(dir);
    if (chdir(dir) != 0) return 1;
    snprintf(cache, sizeof cache, "XDG_CACHE_HOME=%s/cache", dir);
    how = (struct command_how){.env = {cache, "HONE_CHECK=on", "HONE_LOG=info"}};
    write_list("train.txt", "train", 8);
    write_list("val.txt", "val", 2);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    return command_leave(&r, dir);
}

// The file that a run of doctor names; hone_free().
static char *certificate(const char *out) {
    char path[512];
    const char *at = strstr(out, "certificate  ");
    assert_non_null(at);
    assert_int_equal(sscanf(at, "certificate  %511s", path), 1);
    return hone_strdup(path);
}

#define DOCTOR(...)                                                                                \
    command_hone(&how, &r, "doctor", "--depth", "short", "--steps", "4", "--memory", "64", "--op", \
                 __VA_ARGS__)
#define TRAIN(...)                                                                                 \
    command_hone(&how, &r, "train", SURFACES, "--train-list", "train.txt", "--val-list",           \
                 "val.txt", "--backbone", BACKBONE, "--size", "32", "--batch", "8", "--epochs",    \
                 "1", __VA_ARGS__)

static void test_healthy(void **state) {
    (void)state;
    DOCTOR("batch_norm_train_bwd", "-v");
    command_expect_success(&r);
    command_expect_text(r.out, " right, 0 wrong, ");
    command_expect_text(r.out, "  batch_norm_train_bwd ");
    command_expect_text(r.out, "training     4 steps");
    command_expect_text(r.out, "Nothing is wrong.");
    char *path = certificate(r.out), *text;
    size_t bytes;
    assert_ok(hone_file_read(path, 0, &text, &bytes));
    command_expect_text(text, "\"whole\": false");
    command_expect_text(text, "\"batch_norm_train_bwd/plain (");
    hone_free(text);

    // A certificate that is none is told and replaced.
    assert_ok(hone_file_write(path, "{ torn", 6));
    TRAIN("--out", "again");
    command_expect_success(&r);
    command_expect_text(r.err, "is not a certificate of hone; kernels are checked anew");
    command_expect_text(r.err, "kernels against the reference in");
    assert_ok(hone_file_read(path, 0, &text, &bytes));
    command_expect_text(text, "\"good\": true");
    hone_free(text);
    hone_free(path);
}

static void test_planted_training(void **state) {
    (void)state;
    how.program = PLANTED;
    TRAIN("--out", "planted");
    command_expect_success(&r);
    command_expect_text(r.err,
                        "warning: kernel " WRONG " is wrong on this device and driver and is "
                        "not used; the next one takes its place");
    command_expect_text(r.err, "kernels against the reference in");

    // The certificate remembers.
    TRAIN("--out", "remembered");
    command_expect_success(&r);
    command_expect_text(r.err, "warning: kernel " WRONG " is wrong");
    if (strstr(r.err, "kernels against the reference in")) fail_msg("checked again: %s", r.err);
}

static void test_planted_doctor(void **state) {
    (void)state;
    how.program = PLANTED;
    DOCTOR("batch_norm_train_bwd");
    assert_int_equal(r.code, 1);
    command_expect_text(r.out, "  WRONG " WRONG ": ");
    command_expect_text(r.out, "will do without the kernels that are wrong");
    command_expect_text(r.out, "training     4 steps"); // by the next row
    if (strstr(r.out, "Nothing is wrong")) fail_msg("%s", r.out);
}

static void test_refusals(void **state) {
    (void)state;
    how.program = NULL;
    command_hone(NULL, &r, "doctor", "--device", "ref");
    command_expect_line(&r, 1, "the ref device is the reference");
    command_hone(NULL, &r, "doctor", "--steps", "1");
    command_expect_line(&r, 2, "--steps: 1 is out of range");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_healthy),
        cmocka_unit_test(test_planted_training),
        cmocka_unit_test(test_planted_doctor),
        cmocka_unit_test(test_refusals),
    };
    command_hone(NULL, &r, "devices");
    bool any = r.code == 0;
    if (!any) fprintf(stderr, "skipped: %s", r.err);
    command_deinit(&r);
    return any ? cmocka_run_group_tests(tests, set_up, tear_down) : 77;
}
