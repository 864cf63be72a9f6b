// test_precision: training in f16 and bf16 on the device: after 200 steps the loss is that of f32
// within 1 %, the same bits come again, a stopped run goes on with its scale, and losses that
// overflow are left out. HONE_PRECISION_NET (a file) and HONE_PRECISION_DATA (a folder) do it with
// a real net, at HONE_PRECISION_SIZE pixels.
#include "support/support.h"

#include <math.h>
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
    test_tiny_job(dir, 40, &usual, &data);
    usual.device = NULL; // what runs in 16 bits
    usual.epochs = 34;   // of 6 steps
    usual.lr = 0.002f;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    test_temp_remove(dir);
    return 0;
}

struct seen {
    double loss[256];
    int rows, asked, stop_after, left_out;
};

static void on_epoch(void *user, const struct hone_train_epoch *epoch) {
    struct seen *seen = user;
    if (seen->rows < 256) seen->loss[seen->rows++] = epoch->train_loss;
}

static void on_note(void *user, const char *line) {
    struct seen *seen = user;
    seen->left_out += strstr(line, "steps were left out") != NULL;
}

static bool on_cancel(void *user) {
    struct seen *seen = user;
    return seen->stop_after && seen->rows && ++seen->asked >= seen->stop_after;
}

static hone_status train(const struct hone_train_params *params, struct seen *seen,
                         struct hone_train_result *result) {
    struct hone_train_hooks hooks = {
        .user = seen, .epoch = on_epoch, .note = on_note, .cancelled = on_cancel};
    return hone_train(params, &data, &hooks, result);
}

static void expect_close(const struct seen *got, const struct seen *want, const char *what) {
    double worst = 0;
    int last = want->rows - 1;
    assert_int_equal(got->rows, want->rows);
    for (int i = 0; i <= last; i++)
        worst = fmax(worst, fabs(got->loss[i] - want->loss[i]) / want->loss[i]);
    double end = fabs(got->loss[last] - want->loss[last]) / want->loss[last];
    fprintf(stderr, "%s: loss %.5f, in f32 %.5f: %.3f %% apart, at most %.3f %% on the way\n", what,
            got->loss[last], want->loss[last], 100 * end, 100 * worst);
    if (!(end < 0.01)) fail_msg("%s: more than 1 %% apart", what);
}

static void test_loss(void **state) {
    (void)state;
    static const char *const names[] = {"auto", "f32", "f16", "bf16"};
    for (int sgd = 0; sgd < 2; sgd++) {
        struct seen seen[4] = {{.rows = 0}};
        for (int p = HONE_PRECISION_F32; p <= HONE_PRECISION_BF16; p++) {
            struct hone_train_result result;
            struct hone_train_params params = usual;
            char what[64];
            params.precision = p;
            params.optimizer = sgd ? HONE_OPTIMIZER_SGD : HONE_OPTIMIZER_ADAMW;
            if (sgd) params.lr = 0.01f;
            assert_ok(train(&params, &seen[p], &result));
            snprintf(what, sizeof what, "%s, %s", names[p], sgd ? "sgd" : "adamw");
            if (p > HONE_PRECISION_F32) expect_close(&seen[p], &seen[HONE_PRECISION_F32], what);
            hone_train_result_deinit(&result);
        }
        assert_true(seen[HONE_PRECISION_F16].loss[3] != seen[HONE_PRECISION_F32].loss[3]);
    }
}

// The nets whose gradients PyTorch vouches for (golden_nets): 204 steps.
static void test_golden_nets(void **state) {
    (void)state;
    static const char *const nets[] = {HONE_SOURCE_DIR "/tests/golden/data/resnet.onnx",
                                       HONE_SOURCE_DIR "/tests/golden/data/mobilenet.onnx"};
    for (size_t n = 0; n < sizeof nets / sizeof *nets; n++) {
        struct seen seen[4] = {{.rows = 0}};
        for (int p = HONE_PRECISION_F32; p <= HONE_PRECISION_BF16; p++) {
            struct hone_train_result result;
            struct hone_train_params params = usual;
            char what[64];
            params.backbone = nets[n];
            params.precision = p;
            params.lr = 0.0005f;
            assert_ok(train(&params, &seen[p], &result));
            snprintf(what, sizeof what, "%s, %s", n ? "mobilenet" : "resnet",
                     p == HONE_PRECISION_F16 ? "f16" : "bf16");
            if (p > HONE_PRECISION_F32) expect_close(&seen[p], &seen[HONE_PRECISION_F32], what);
            hone_train_result_deinit(&result);
        }
    }
}

static void read_file(const char *run, char **text, size_t *bytes) {
    char path[400];
    snprintf(path, sizeof path, "%s/last.safetensors", run);
    assert_ok(hone_file_read(path, 0, text, bytes));
}

// Stopped in the middle, an f16 run ends with the bytes, the scale among them, of one in one go.
static void test_resume(void **state) {
    (void)state;
    struct seen whole = {.rows = 0}, stopped = {.stop_after = 8}, rest = {.rows = 0};
    struct hone_train_result result;
    struct hone_train_params params = usual;
    struct hone_checkpoint last;
    char *text[2], path[400];
    size_t bytes[2];
    params.precision = HONE_PRECISION_F16;
    params.epochs = 4;
    assert_ok(train(&params, &whole, &result));
    read_file(result.run_dir, &text[0], &bytes[0]);
    snprintf(path, sizeof path, "%s/last.safetensors", result.run_dir);
    assert_ok(hone_checkpoint_open(path, &last));
    const float *scaler = hone_checkpoint_find(&last, "scaler")->data;
    // All but those left out were made, and the corrections counted those.
    double made = 24 - (double)scaler[4];
    assert_true(scaler[0] == 65536 / exp2(scaler[4]));
    assert_true(fabs(scaler[2] - (1 - pow(0.9, made))) < 1e-5);
    assert_true(fabs(scaler[3] - (1 - pow(0.999, made))) < 1e-6);
    hone_checkpoint_close(&last);
    hone_train_result_deinit(&result);
    params.out = "stopped";
    test_expect_failure(train(&params, &stopped, &result), HONE_CANCELLED, "holds what there is");
    hone_train_result_deinit(&result);
    assert_ok(hone_options_init(&hone_train_options, &params));
    params.resume = "stopped";
    assert_ok(train(&params, &rest, &result));
    assert_true(rest.rows > 0 && rest.rows < 4);
    read_file(result.run_dir, &text[1], &bytes[1]);
    assert_int_equal(bytes[0], bytes[1]);
    assert_memory_equal(text[0], text[1], bytes[0]);
    hone_free(text[0]);
    hone_free(text[1]);
    hone_train_result_deinit(&result);
}

// Writes the checkpoint of the run again, with this scale of the loss.
static void set_scale(const char *run, float scale) {
    struct hone_checkpoint last;
    char path[400];
    float scaler[8];
    snprintf(path, sizeof path, "%s/last.safetensors", run);
    assert_ok(hone_checkpoint_open(path, &last));
    for (size_t i = 0; i < last.tensor_count; i++) {
        if (strcmp(last.tensors[i].name, "scaler") != 0) continue;
        memcpy(scaler, last.tensors[i].data, sizeof scaler);
        scaler[0] = scale;
        last.tensors[i].data = scaler;
    }
    assert_ok(hone_checkpoint_write(path, &last));
    hone_checkpoint_close(&last);
}

// From a scale at which gradients of the logits overflow, the run comes down by itself: steps are
// left out, and nothing that is no number gets into the weights.
static void test_left_out(void **state) {
    (void)state;
    struct seen begun = {.stop_after = 1}, seen = {.rows = 0};
    struct hone_train_result result;
    struct hone_train_params params = usual;
    params.precision = HONE_PRECISION_F16;
    params.epochs = 4;
    params.out = "steep";
    test_expect_failure(train(&params, &begun, &result), HONE_CANCELLED, "holds what there is");
    hone_train_result_deinit(&result);
    set_scale("steep", 0x1p24f);
    assert_ok(hone_options_init(&hone_train_options, &params));
    params.resume = "steep";
    assert_ok(train(&params, &seen, &result));
    assert_true(seen.left_out > 0);
    assert_true(seen.rows > 0 && seen.loss[seen.rows - 1] < begun.loss[0]);
    hone_train_result_deinit(&result);
}

// A net and pictures of one's own, beside f32.
static void test_given(void **state) {
    (void)state;
    const char *net = getenv("HONE_PRECISION_NET"), *folder = getenv("HONE_PRECISION_DATA");
    const char *size = getenv("HONE_PRECISION_SIZE");
    struct seen seen[4] = {{.rows = 0}};
    if (!net || !folder) skip();
    data.folder = folder;
    for (int p = HONE_PRECISION_F32; p <= HONE_PRECISION_BF16; p++) {
        struct hone_train_result result;
        struct hone_train_params params = usual;
        params.backbone = net;
        params.size = size ? atoi(size) : 64;
        params.precision = p;
        params.epochs = 20;
        params.lr = 0.0003f;
        assert_ok(train(&params, &seen[p], &result));
        if (p > HONE_PRECISION_F32)
            expect_close(&seen[p], &seen[HONE_PRECISION_F32],
                         p == HONE_PRECISION_F16 ? "f16" : "bf16");
        hone_train_result_deinit(&result);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loss),
        cmocka_unit_test(test_golden_nets),
        cmocka_unit_test(test_resume),
        cmocka_unit_test(test_left_out),
        cmocka_unit_test(test_given),
    };
    int needed = test_gpu_require_running();
    return needed ? needed : cmocka_run_group_tests(tests, set_up, tear_down);
}
