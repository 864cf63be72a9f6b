// test_schedules: one step and ten steps of every optimiser under every schedule, against PyTorch
// (tools/golden/make_schedules.py): the rates that the trainer gives, and what its update makes of
// weights, moments and the average, on the ref device and on the device. 1e-5 of what has changed.
#include "support/golden.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "exec/program.h"
#include "ops/ops.h"
#include "support/gpu.h"
#include "support/support.h"
#include "train/graph.h"
#include "train/schedule.h"

enum { LENGTH = 128, STEPS = 10 };

static const struct optimizer {
    const char *name;
    int kind; // enum hone_optimizer
    float momentum;
} optimizers[] = {{"plain", HONE_OPTIMIZER_SGD, 0},
                  {"sgd", HONE_OPTIMIZER_SGD, 0.9f},
                  {"adamw", HONE_OPTIMIZER_ADAMW, 0}};
static const char *const schedules[] = {
    [HONE_SCHEDULE_COSINE] = "cosine",
    [HONE_SCHEDULE_LINEAR] = "linear",
    [HONE_SCHEDULE_CONSTANT] = "constant",
};

struct walk {
    struct golden *golden;
    struct hone_device *device;
    const struct optimizer *optimizer;
    const char *schedule;
    struct hone_store *store;
    struct hone_program *program;
    double worst;
};

static void write_state(struct walk *w, const char *name, const double *values, size_t count) {
    float *data = hone_calloc(count, sizeof *data, name);
    assert_non_null(data);
    for (size_t i = 0; i < count; i++) data[i] = (float)values[i];
    assert_ok(hone_store_write(w->store, name, data, count * sizeof *data));
    hone_free(data);
}

// The state against PyTorch's, as a share of what has changed since the start.
static void compare(struct walk *w, const char *state, int step, const double *start) {
    char name[128];
    float got[LENGTH];
    double apart = 0, change = 0;
    snprintf(name, sizeof name, "%s.%s.%d.%s", w->optimizer->name, w->schedule, step, state);
    const double *want = golden_find(w->golden, name, NULL);
    if (!want && !strcmp(w->optimizer->name, "plain")) return; // PyTorch keeps no moment of it
    assert_non_null(want);
    assert_ok(hone_store_read(w->store, state, got, sizeof got));
    for (int i = 0; i < LENGTH; i++) {
        apart += pow((double)got[i] - want[i], 2);
        change += pow(want[i] - (start ? start[i] : 0), 2);
    }
    double error = sqrt(apart / change);
    w->worst = fmax(w->worst, error);
    if (!(error < 1e-5)) fail_msg("%s: off by %g of what has changed", name, error);
}

static void walk(struct walk *w, int schedule) {
    struct hone_desc shape;
    const double *start = golden_get(w->golden, NULL, "start");
    const double *gradients = golden_get(w->golden, NULL, "gradients");
    const double *numbers = golden_get(w->golden, NULL, "peak_warmup_average");
    const double *rates =
        golden_get(w->golden, &shape, "%s.%s.rates", w->optimizer->name, w->schedule);
    assert_int_equal(shape.dim[0], STEPS);
    write_state(w, "params", start, LENGTH);
    write_state(w, "average", start, LENGTH);
    write_state(w, "segments", golden_get(w->golden, NULL, "segments"),
                LENGTH / HONE_PACK_ALIGN * 2);
    for (int step = 0; step < STEPS; step++) {
        float hyper[4];
        double rate =
            hone_train_rate((enum hone_schedule)schedule, numbers[0], numbers[1], step, STEPS);
        if (fabs(rate - rates[step]) > 1e-12)
            fail_msg("%s.%s: step %d has the rate %g, not %g", w->optimizer->name, w->schedule,
                     step, rate, rates[step]);
        hone_train_hyper(rate, 0.9f, 0.999f, numbers[2], step, hyper);
        write_state(w, "gradients", gradients + step * LENGTH, LENGTH);
        assert_ok(hone_program_write(w->program, "hyper", hyper, sizeof hyper));
        assert_ok(hone_program_run(w->program));
        if (step != 0 && step + 1 != STEPS) continue;
        compare(w, "params", step + 1, start);
        compare(w, "average", step + 1, start);
        compare(w, "momentum", step + 1, NULL);
        if (w->optimizer->kind == HONE_OPTIMIZER_ADAMW) compare(w, "variance", step + 1, NULL);
    }
}

static void walk_all(struct hone_device *device) {
    struct hone_train_layout layout = {.length = LENGTH};
    struct golden *golden = golden_open("schedules.safetensors");
    double worst = 0;
    for (size_t o = 0; o < sizeof optimizers / sizeof *optimizers; o++)
        for (int s = 0; s < (int)(sizeof schedules / sizeof *schedules); s++) {
            struct walk w = {.golden = golden,
                             .device = device,
                             .optimizer = &optimizers[o],
                             .schedule = schedules[s]};
            const struct hone_train_graph_params params = {.layout = &layout,
                                                           .optimizer = optimizers[o].kind,
                                                           .momentum = optimizers[o].momentum,
                                                           .beta1 = 0.9f,
                                                           .beta2 = 0.999f,
                                                           .epsilon = 1e-8f,
                                                           .average = true};
            struct hone_graph *graph;
            assert_ok(hone_train_update_graph(&params, &graph));
            assert_ok(hone_store_create(device, &w.store));
            assert_ok(hone_program_compile(w.store, graph, NULL, &w.program));
            hone_graph_destroy(&graph);
            walk(&w, s);
            worst = fmax(worst, w.worst);
            hone_program_destroy(&w.program);
            hone_store_destroy(&w.store);
        }
    fprintf(stderr, "%s: at most %.2g of what has changed\n", hone_device_caps(device)->name,
            worst);
    golden_close(&golden);
}

static void test_ref(void **state) {
    (void)state;
    walk_all(test_gpu_ref);
}

static void test_device(void **state) {
    (void)state;
    walk_all(test_gpu_device);
}

int main(void) {
    int skip = test_gpu_require_running();
    if (skip) return skip;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ref),
        cmocka_unit_test(test_device),
    };
    return cmocka_run_group_tests(tests, test_gpu_open_pair, test_gpu_close_pair);
}
