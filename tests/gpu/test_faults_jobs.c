// test_faults_jobs: whole imports, trainings and predictions of a tiny net in which the N-th Vulkan call
// fails in each of five ways, or the N-th allocation fails: each ends in a clear error, no block of
// memory is left, and no file is torn. After a device that is lost once, training goes on by itself
// and ends with the same bytes. HONE_FAULTS_STEP=1 tries every N; without it some dozens of each.
// HONE_FAULTS_TEST=test_predict: these tests only.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hone/hone.h>

#include "base/alloc.h"
#include "base/file.h"
#include "support/gpu.h"
#include "support/tiny.h"
#include "train/checkpoint.h"

static char dir[256];
static struct hone_train_params usual;
static struct hone_data_params data;

static int set_up(void **state) {
    (void)state;
    test_temp_dir(dir);
    if (chdir(dir) != 0) return 1;
    if (setenv("XDG_CACHE_HOME", dir, 1) != 0) return 1;
    struct hone_model *model = test_tiny_model(3);
    assert_ok(hone_model_save(model, "tiny.onnx"));
    hone_model_destroy(&model);
    test_tiny_pictures("pictures", 6);
    assert_ok(hone_options_init(&hone_data_options, &data));
    assert_ok(hone_options_init(&hone_train_options, &usual));
    data.folder = "pictures";
    usual.backbone = "tiny.onnx";
    usual.batch = 4;
    usual.epochs = 1;
    usual.out = "run";
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    if (chdir("/") != 0) return 1;
    test_temp_remove(dir);
    return 0;
}

// ---- Jobs ----

static bool fault_seen; // the run said that the device was lost

static void on_note(void *user, const char *line) {
    (void)user;
    fault_seen = fault_seen || strstr(line, "the device was lost");
}

static hone_status do_train(void) {
    struct hone_train_result result;
    struct hone_train_hooks hooks = {.note = on_note};
    hone_status status = hone_train(&usual, &data, &hooks, &result);
    hone_train_result_deinit(&result);
    return status;
}

static hone_status do_predict(void) {
    hone_session *session;
    float p[32] = {0};
    HONE_TRY(hone_session_create("whole/model.onnx", NULL, &session));
    hone_status status = hone_session_classify_file(session, "pictures/bar/000.pgm", p);
    hone_session_destroy(&session);
    if (status == HONE_OK && !(p[0] + p[1] > 0.99f))
        return hone_fail(HONE_INTERNAL, "wrong probabilities %g, %g", (double)p[0], (double)p[1]);
    return status;
}

static hone_status do_import(void) {
    hone_model *model;
    HONE_TRY(hone_model_load("tiny.onnx", NULL, &model));
    hone_status status = hone_dir_make("run");
    if (status == HONE_OK) status = hone_model_save(model, "run/model.onnx");
    hone_model_destroy(&model);
    return status;
}

// ---- What a failure leaves ----

// What stands in the folder of a run is whole: no temporary files, checkpoints and the model open.
static void expect_no_torn_file(const char *folder) {
    DIR *list = opendir(folder);
    struct dirent *entry;
    struct hone_checkpoint checkpoint;
    if (!list) return;
    while ((entry = readdir(list))) {
        char path[600];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (strstr(entry->d_name, ".tmp-")) fail_msg("%s was left", path);
        if (strcmp(hone_path_extension(path), ".safetensors") == 0) {
            assert_ok(hone_checkpoint_open(path, &checkpoint));
            hone_checkpoint_close(&checkpoint);
        }
        if (strcmp(hone_path_extension(path), ".onnx") == 0) {
            hone_model *model;
            assert_ok(hone_model_load(path, NULL, &model));
            hone_model_destroy(&model);
        }
    }
    closedir(list);
}

struct fault {
    const char *name;
    int vulkan; // enum hone_gpu_fault, or -1: allocations
};

static void arm(const struct fault *fault, long n) {
    if (fault->vulkan < 0)
        hone_alloc_fail_after(n);
    else if (n < 0)
        hone_gpu_fail_after(-1);
    else
        hone_gpu_fault_after(n, (enum hone_gpu_fault)fault->vulkan);
}

// Returns whether it succeeded. A fault that no result depends on (a cache that is not saved) may
// pass.
static bool try_one(const struct fault *fault, long n, hone_status (*job)(void)) {
    size_t before = hone_alloc_live_bytes();
    test_temp_remove("run");
    hone_fail(HONE_INTERNAL, "nobody reported");
    arm(fault, n);
    hone_status status = job();
    arm(fault, -1);
    if (hone_alloc_live_bytes() != before)
        fail_msg("%s %ld: %zu bytes are left after: %s", fault->name, n,
                 hone_alloc_live_bytes() - before, hone_error_message());
    expect_no_torn_file("run");
    if (status == HONE_OK) return true;
    if (strcmp(hone_error_message(), "nobody reported") == 0 || status == HONE_INTERNAL ||
        status == HONE_CANCELLED)
        fail_msg("%s %ld: %s: %s", fault->name, n, hone_status_name(status), hone_error_message());
    if (fault->vulkan == HONE_GPU_FAULT_LOST && status != HONE_DEVICE_LOST)
        fail_msg("%s %ld: %s", fault->name, n, hone_error_message());
    return false;
}

// N = 0, step, 2 step, ... until the job has no N-th call any more.
static void fail_each(const struct fault *fault, const char *what, hone_status (*job)(void),
                      long step) {
    const char *text = getenv("HONE_FAULTS_STEP");
    long n = 0, tried = 0, failed = 0;
    int passed = 0;
    if (text) step = atol(text);
    while (passed < (step > 16 ? 2 : 12)) { // so many in a row: nothing is left that could fail
        bool ok = try_one(fault, n, job);
        passed = ok ? passed + 1 : 0;
        tried++;
        failed += !ok;
        n += step;
    }
    fprintf(stderr, "%s, %s: %ld tried to N = %ld, %ld failed as they should\n", what, fault->name,
            tried, n - step, failed);
    assert_true(failed > 3);
}

static const struct fault faults[] = {{"device memory", HONE_GPU_FAULT_MEMORY},
                                      {"host memory", HONE_GPU_FAULT_HOST_MEMORY},
                                      {"device lost", HONE_GPU_FAULT_LOST},
                                      {"timeout", HONE_GPU_FAULT_TIMEOUT},
                                      {"failed map", HONE_GPU_FAULT_MAP}};

static void test_train(void **state) {
    (void)state;
    const struct fault memory = {"allocation", -1};
    usual.out = "whole";
    assert_ok(do_train());
    usual.out = "run";
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        fail_each(&faults[i], "train", do_train, 83 + 2 * (long)i);
    fail_each(&memory, "train", do_train, 211);
}

// The reference device compiles nothing: many more N in the same time.
static void test_train_reference(void **state) {
    (void)state;
    const struct fault memory = {"allocation", -1};
    usual.device = "ref";
    assert_ok(do_train());
    fail_each(&memory, "train on the reference device", do_train, 23);
    usual.device = NULL;
}

// The bytes of a file of the run are those of the one that nothing disturbed.
static void expect_undisturbed(const char *name, long n) {
    static const char *const folders[] = {"whole", "run"};
    char *text[2];
    size_t bytes[2];
    for (int i = 0; i < 2; i++) {
        char path[64];
        snprintf(path, sizeof path, "%s/%s", folders[i], name);
        assert_ok(hone_file_read(path, 0, &text[i], &bytes[i]));
    }
    if (bytes[0] != bytes[1] || memcmp(text[0], text[1], bytes[0]) != 0)
        fail_msg("%s after a device that was lost at call %ld is another", name, n);
    hone_free(text[0]);
    hone_free(text[1]);
}

// Only while the device is opened for the first time there is nothing to open anew.
static void test_reset(void **state) {
    (void)state;
    const struct fault reset = {"device lost once", HONE_GPU_FAULT_RESET};
    const char *text = getenv("HONE_FAULTS_STEP");
    long step = text ? atol(text) : 47, n = 0, recovered = 0, refused = 0;
    usual.epochs = 2;
    usual.checkpoint_minutes = 1e-6f;
    usual.out = "whole";
    test_temp_remove("whole");
    assert_ok(do_train());
    usual.out = "run";
    for (bool reached = true; reached; n += step) {
        fault_seen = false;
        bool ok = try_one(&reset, n, do_train);
        reached = fault_seen || !ok;
        if (ok) {
            expect_undisturbed("last.safetensors", n);
            expect_undisturbed("best.safetensors", n);
            expect_undisturbed("model.onnx", n);
        } else if (recovered) {
            fail_msg("call %ld: %s", n, hone_error_message());
        }
        recovered += ok && reached;
        refused += !ok;
    }
    fprintf(stderr, "train, %s: %ld recovered, %ld refused while opening, to N = %ld\n", reset.name,
            recovered, refused, n - step);
    assert_true(recovered > 10);
    usual.epochs = 1;
    usual.checkpoint_minutes = 10;
}

// No Vulkan call is made.
static void test_import(void **state) {
    (void)state;
    const struct fault memory = {"allocation", -1};
    assert_ok(do_import());
    fail_each(&memory, "import", do_import, 1);
}

static void test_predict(void **state) {
    (void)state;
    const struct fault memory = {"allocation", -1};
    usual.out = "whole";
    test_temp_remove("whole");
    assert_ok(do_train());
    usual.out = "run";
    assert_ok(do_predict());
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        fail_each(&faults[i], "predict", do_predict, 23 + 2 * (long)i);
    fail_each(&memory, "predict", do_predict, 97);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_train_reference),
        cmocka_unit_test(test_train),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_import),
        cmocka_unit_test(test_predict),
    };
    cmocka_set_test_filter(getenv("HONE_FAULTS_TEST"));
    int needed = test_gpu_require_running();
    return needed ? needed : cmocka_run_group_tests(tests, set_up, tear_down);
}
