// test_torchvision: gradients of every trainable tensor of full-size MobileNetV2 and ResNet-18
// against PyTorch. The files are made on the spot by tools/golden/make_torchvision.py; the test is
// skipped where no Python has torch and torchvision. HONE_PYTHON names the interpreter, else
// /usr/bin/python3; HONE_TORCHVISION a folder that holds the files already.
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>

#include "support/golden_net.h"

struct fixture {
    char folder[256];
    bool made;
    struct hone_device *device;
};

static bool python_runs(const char *python, const char *arguments) {
    char command[1024];
    snprintf(command, sizeof command, "%s %s >/dev/null 2>&1", python, arguments);
    return system(command) == 0;
}

// False, with a line that says why, where there is nothing to compare with.
static bool prepare(struct fixture *f) {
    const char *python = getenv("HONE_PYTHON"), *given = getenv("HONE_TORCHVISION");
    if (given) {
        snprintf(f->folder, sizeof f->folder, "%s", given);
        return true;
    }
    if (!python) python = "/usr/bin/python3";
    if (!python_runs(python, "-c 'import torch, torchvision, onnx'")) {
        fprintf(stderr, "skipped: %s has no torch, torchvision and onnx\n", python);
        return false;
    }
    test_temp_dir(f->folder);
    f->made = true;
    char arguments[512];
    snprintf(arguments, sizeof arguments, HONE_SOURCE_DIR "/tools/golden/make_torchvision.py %s",
             f->folder);
    if (!python_runs(python, arguments)) fail_msg("%s %s failed", python, arguments);
    return true;
}

static int setup(void **state) {
    static struct fixture fixture;
    *state = &fixture;
    hone_status status = hone_device_open(NULL, &fixture.device);
    if (status == HONE_NOT_FOUND) {
        fprintf(stderr, "skipped: no Vulkan device\n");
        return 0;
    }
    assert_ok(status);
    if (!prepare(&fixture)) hone_device_close(&fixture.device);
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    hone_device_close(&f->device);
    if (f->made) test_temp_remove(f->folder);
    return 0;
}

static void check(struct fixture *f, const char *name) {
    if (!f->device) skip();
    struct golden_net net;
    struct golden_net_gradients got;
    golden_net_open(&net, f->folder, name);
    double eval = golden_net_eval(&net, f->device);
    golden_net_gradients(&net, f->device, &got);
    golden_net_close(&net);
    print_message(
        "%s: %d tensors; logits %.1e; in training %.1e; all gradients %.1e; worst, %s, %.1e\n",
        name, got.tensors, eval, got.logits, got.all, got.gradient.name, got.gradient.error);
    assert_true(eval <= 1e-4);
    assert_true(got.gradient.error <= 1e-3);
}

static void test_mobilenet_v2(void **state) {
    check(*state, "mobilenet_v2");
}

static void test_resnet18(void **state) {
    check(*state, "resnet18");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mobilenet_v2),
        cmocka_unit_test(test_resnet18),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
