// test_nets: a small ResNet and a small MobileNetV2 (tools/golden/make_nets.py) against PyTorch, on
// the reference and on the device: forward, every gradient, and weights and statistics after 1 and
// 10 steps.
#include "support/gpu.h"
#include "support/support.h"

#include "support/golden_net.h"

static const char *const nets[] = {"resnet", "mobilenet"};
static const char *const devices[] = {"ref", NULL};

// The test for each net on each device.
typedef void net_test(struct golden_net *net, struct hone_device *device);
static void each(net_test *test) {
    for (int d = 0; d < 2; d++) {
        const struct hone_device_params params = {.name = devices[d]};
        struct hone_device *device;
        hone_status status = hone_device_open(&params, &device);
        if (status == HONE_NOT_FOUND && !devices[d]) skip();
        assert_ok(status);
        for (int i = 0; i < 2; i++) {
            struct golden_net net;
            golden_net_open(&net, NULL, nets[i]);
            test(&net, device);
            golden_net_close(&net);
        }
        hone_device_close(&device);
    }
}

static void check_eval(struct golden_net *net, struct hone_device *device) {
    double error = golden_net_eval(net, device);
    if (!(error <= 1e-5)) fail_msg("%s: logits are off by %g", net->model->source, error);
}

static void check_gradients(struct golden_net *net, struct hone_device *device) {
    struct golden_net_gradients got;
    golden_net_gradients(net, device, &got);
    if (!(got.logits <= 1e-5)) fail_msg("%s: logits are off by %g", net->model->source, got.logits);
    if (!(got.loss <= 1e-5)) fail_msg("%s: the loss is off by %g", net->model->source, got.loss);
    if (!(got.gradient.error <= 1e-4))
        fail_msg("%s: the gradient of %s is off by %g", net->model->source, got.gradient.name,
                 got.gradient.error);
}

static void check_steps(struct golden_net *net, struct hone_device *device) {
    // AdamW turns the rounding of gradients that are 0 into steps of some shifts (golden_net.c),
    // which the running mean behind them shows.
    static const struct {
        const char *optimizer;
        int steps;
        double weight, update;
    } rows[] = {{"sgd", 1, 1e-5, 1e-5},
                {"sgd", 10, 1e-4, 1e-4},
                {"adamw", 1, 1e-4, 1e-3},
                {"adamw", 10, 5e-3, 1e-3}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct golden_net_steps got;
        golden_net_steps(net, device, rows[i].optimizer, rows[i].steps, &got);
        if (!(got.weight.error <= rows[i].weight))
            fail_msg("%s: after %d steps of %s, %s is off by %g", net->model->source, rows[i].steps,
                     rows[i].optimizer, got.weight.name, got.weight.error);
        if (!(got.update <= rows[i].update))
            fail_msg("%s: after %d steps of %s, the way from the start is off by %g",
                     net->model->source, rows[i].steps, rows[i].optimizer, got.update);
    }
}

static void test_eval(void **state) {
    (void)state;
    each(check_eval);
}

static void test_gradients(void **state) {
    (void)state;
    each(check_gradients);
}

static void test_steps(void **state) {
    (void)state;
    each(check_steps);
}

int main(void) {
    test_gpu_require_running(); // says why; without a device the reference alone is compared
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_eval),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
