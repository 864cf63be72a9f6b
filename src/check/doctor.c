// doctor.c: the examination: kernels, training, yardsticks, memory, and the certificate. A device
// that is lost under a kernel is opened again, so that one kernel does not hide what the others do.
#include <hone/doctor.h>

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/options.h"
#include "base/thread.h"
#include "check/certificate.h"
#include "check/memory.h"
#include "check/rows.h"
#include "check/training.h"
#include "exec/matrix_check.h"
#include "exec/trust.h"
#include "exec/yardstick.h"
#include "gpu/plan.h"

#define DOCTOR(field, kind, name, ...)                                                             \
    HONE_OPTION(struct hone_doctor_params, field, kind, name, __VA_ARGS__)

static const hone_option doctor_rows[] = {
    DOCTOR(device, STRING, "device", .metavar = "NAME",
           .help = "what to examine: an index, a part of a device's name, or a UUID; left out: the "
                   "best GPU"),
    DOCTOR(
        depth, ENUM, "depth", .initial = "normal", .words = "short|normal|full",
        .help =
            "short: one case for each code that a kernel has; normal: every case; full: each case in every "
            "way that programs may launch it"),
    DOCTOR(op, STRING, "op", .metavar = "NAME",
           .help = "kernels of this operator only, such as conv2d; left out: all"),
    DOCTOR(steps, I32, "steps", .initial = "50", .least = 2, .most = 1000, .metavar = "N",
           .help = "steps of the training that is compared with the reference"),
    DOCTOR(memory_mb, I32, "memory", .least = 0, .most = 1 << 20, .metavar = "MB",
           .help = "device memory to fill; left out: half of a GPU's own, an eighth of shared "
                   "memory, at most 1 GB of that"),
    DOCTOR(validate, BOOL, "validate",
           .help = "run with the Vulkan validation layers; their messages are faults"),
};
const hone_option_table hone_doctor_options =
    HONE_OPTION_TABLE("Examination", doctor_rows, struct hone_doctor_params);

struct hone_doctor_memory {
    struct hone_check_row *rows;
    char (*names)[HONE_CHECK_NAME];
};

struct doctor {
    const struct hone_doctor_params *params;
    const struct hone_doctor_hooks *hooks;
    struct hone_doctor_result *out;
    struct hone_device *device;
    struct hone_check_row *rows;
    size_t count, first; // rows that came before those of the walk
    struct hone_certificate certificate;
};

static hone_status told(const struct doctor *d, const char *what, size_t done, size_t total) {
    bool stop =
        d->hooks && d->hooks->progress && d->hooks->progress(d->hooks->user, what, done, total);
    return stop ? hone_fail(HONE_CANCELLED, "the examination was stopped") : HONE_OK;
}

static hone_status open_device(struct doctor *d) {
    return hone_device_open(&(struct hone_device_params){.name = d->params->device,
                                                         .validate = d->params->validate,
                                                         .tuning = ""},
                            &d->device);
}

// Shapes of matrices that compute wrongly are off before rows that use them are judged.
static hone_status sift(struct doctor *d) {
    struct hone_graph *graph;
    HONE_TRY(hone_graph_create(&graph));
    hone_graph_input(graph, "x", hone_desc_make(HONE_F16, 1, 4, 0, 0, 0));
    hone_status status = hone_device_sift_matrices(d->device, graph);
    hone_graph_destroy(&graph);
    return status;
}

static void describe(struct doctor *d) {
    const struct hone_caps *caps = hone_device_caps(d->device);
    struct hone_doctor_result *out = d->out;
    memcpy(out->device, caps->name, sizeof out->device);
    memcpy(out->driver, caps->driver, sizeof out->driver);
    hone_build_id(out->build);
    hone_gpu_feature_text(caps->features, out->features, sizeof out->features);
    hone_gpu_matrix_text(caps, out->matrices, sizeof out->matrices);
    out->subgroup_size = caps->subgroup_size;
    out->subgroup_min = caps->subgroup_min;
    out->subgroup_max = caps->subgroup_max;
    for (int i = 0; i < hone_op_count; i++)
        for (int r = 0; r < hone_ops[i]->row_count; r++)
            out->kernels_absent += !hone_ops[i]->rows[r].test_only;
}

// ---- Kernels ----

static bool on_rows(void *user, size_t done, size_t total) {
    const struct doctor *d = user;
    (void)total;
    return told(d, "kernels", d->first + done, d->count) != HONE_OK;
}

// A case that was run in several ways is as wrong as the worst of them.
static hone_status on_ran(void *user, const struct hone_check_row *row, int index,
                          const char *why) {
    struct doctor *d = user;
    char name[HONE_CHECK_NAME];
    hone_check_case_name(row, index, name);
    const struct hone_certificate *c = &d->certificate;
    const struct hone_certificate_row *last = c->count ? &c->rows[c->count - 1] : NULL;
    if (last && strcmp(last->name, name) != 0) last = NULL;
    if (last && last->why) return HONE_OK;
    return hone_certificate_put(&d->certificate, name, last ? last->runs + 1 : 1, why);
}

// One operator at a time, so that a device that is lost is opened again for the next.
static hone_status walk_op(struct doctor *d, size_t first, size_t count) {
    struct hone_check_pool pool = {.gpu = hone_device_gpu(d->device),
                                   .caps = hone_device_caps(d->device)};
    struct hone_check_hooks hooks = {on_rows, on_ran, d};
    d->first = first;
    hone_status status = hone_check_rows(&pool, (enum hone_check_depth)d->params->depth,
                                         d->rows + first, count, &hooks);
    hone_check_pool_deinit(&pool);
    if (status != HONE_DEVICE_LOST) return status;
    d->out->lost = true;
    hone_device_close(&d->device);
    HONE_TRY(open_device(d));
    return sift(d);
}

static void keep_op(struct doctor *d, const char *op) {
    size_t kept = 0;
    for (size_t i = 0; i < d->count; i++)
        if (strcmp(d->rows[i].op->name, op) == 0) d->rows[kept++] = d->rows[i];
    d->count = kept;
}

static hone_status check_kernels(struct doctor *d) {
    double start = hone_seconds();
    HONE_TRY(sift(d));
    describe(d);
    HONE_TRY(hone_check_list(hone_device_caps(d->device), &d->rows, &d->count));
    d->out->kernels_absent -= d->count;
    if (d->params->op) keep_op(d, d->params->op);
    if (d->params->op && !d->count)
        return hone_fail(HONE_NOT_FOUND, "no operator with kernels is named '%s' (hone doctor -v)",
                         d->params->op);
    hone_status status = HONE_OK;
    for (size_t first = 0, next; first < d->count && status == HONE_OK; first = next) {
        for (next = first; next < d->count && d->rows[next].op == d->rows[first].op; next++)
            continue;
        status = walk_op(d, first, next - first);
    }
    d->out->kernel_seconds = hone_seconds() - start;
    return status;
}

// What was found of the kernels, for the result, the device and the certificate.
static hone_status enter_kernels(struct doctor *d) {
    struct hone_doctor_memory *memory = d->out->memory;
    memory->names = hone_calloc(d->count + 1, sizeof *memory->names, "a report");
    d->out->kernels = hone_calloc(d->count + 1, sizeof *d->out->kernels, "a report");
    if (!memory->names || !d->out->kernels) return HONE_OUT_OF_MEMORY;
    for (size_t i = 0; i < d->count; i++) {
        const struct hone_check_row *row = &d->rows[i];
        const char *name = hone_check_row_name(row, memory->names[i]);
        d->out->kernels[i] = (struct hone_doctor_kernel){name, row->runs, row->wrong, row->why};
        d->out->kernels_wrong += row->wrong > 0;
        HONE_TRY(
            hone_device_set_trust(d->device, name, row->wrong ? HONE_ROW_WRONG : HONE_ROW_GOOD));
    }
    d->out->kernel_count = d->count;
    return HONE_OK;
}

static hone_status write_certificate(struct doctor *d) {
    const struct hone_caps *caps = hone_device_caps(d->device);
    char *path;
    d->certificate.whole = d->params->depth != HONE_DOCTOR_SHORT && !d->params->op;
    HONE_TRY(hone_certificate_path(NULL, caps, &path));
    if (!path) return HONE_OK;
    hone_status status = hone_certificate_save(path, caps, &d->certificate);
    if (status == HONE_OK) snprintf(d->out->certificate, sizeof d->out->certificate, "%s", path);
    hone_free(path);
    return status;
}

// ---- The rest ----

// A fault of the device is a finding; want of memory is a failure of this call.
static hone_status finding(struct doctor *d, hone_status status, char *fault, size_t room) {
    if (status == HONE_OK || status == HONE_CANCELLED) return status;
    snprintf(fault, room, "%s", hone_error_message());
    d->out->lost |= status == HONE_DEVICE_LOST;
    return HONE_OK;
}

static hone_status check_training(struct doctor *d) {
    struct hone_check_training training;
    struct hone_doctor_result *out = d->out;
    HONE_TRY(told(d, "training", 0, (size_t)d->params->steps));
    hone_status status = hone_check_training(d->device, d->params->steps, &training);
    HONE_TRY(finding(d, status, out->training_fault, sizeof out->training_fault));
    if (status != HONE_OK) return HONE_OK;
    out->steps = training.steps;
    out->first_loss = training.first_loss;
    out->last_loss = training.last_loss;
    out->reference_loss = training.ref_last_loss;
    out->gradient_error = training.gradient_error;
    out->loss_error = training.loss_error;
    snprintf(out->training_fault, sizeof out->training_fault, "%s", training.why);
    return HONE_OK;
}

static hone_status check_yardsticks(struct doctor *d) {
    struct hone_yardsticks y;
    if (d->out->lost) return HONE_OK;
    HONE_TRY(told(d, "speed", 0, 1));
    hone_status status = hone_device_measure(d->device, &y);
    if (status != HONE_OK)
        return finding(d, status, d->out->memory_fault, sizeof d->out->memory_fault);
    d->out->copy_gbs = y.copy_gbs;
    d->out->fma_gflops = y.fma_gflops;
    d->out->dispatch_us = y.dispatch_us;
    d->out->barrier_us = y.barrier_us;
    return HONE_OK;
}

static hone_status check_memory(struct doctor *d) {
    const struct hone_caps *caps = hone_device_caps(d->device);
    struct hone_check_memory memory;
    struct hone_doctor_result *out = d->out;
    uint64_t bytes =
        d->params->memory_mb ? (uint64_t)d->params->memory_mb << 20 : hone_check_memory_share(caps);
    HONE_TRY(told(d, "memory", 0, 1));
    hone_status status = hone_check_memory(hone_device_gpu(d->device), bytes, &memory);
    HONE_TRY(finding(d, status, out->memory_fault, sizeof out->memory_fault));
    out->memory_bytes = memory.held_bytes;
    out->staging_bytes = memory.staged_bytes;
    if (status == HONE_OK && !memory.good)
        snprintf(out->memory_fault, sizeof out->memory_fault, "%s", memory.why);
    return HONE_OK;
}

static hone_status examine(struct doctor *d) {
    struct hone_doctor_result *out = d->out;
    HONE_TRY(open_device(d));
    if (!hone_device_gpu(d->device))
        return hone_fail(HONE_UNSUPPORTED,
                         "the ref device is the reference: there is nothing to compare it with");
    if (!hone_device_caps(d->device)->heap_bytes)
        return hone_fail(HONE_UNSUPPORTED,
                         "%s is a driver without its hardware: it computes nothing",
                         hone_device_caps(d->device)->name);
    HONE_TRY(check_kernels(d));
    HONE_TRY(enter_kernels(d));
    HONE_TRY(check_training(d));
    HONE_TRY(check_yardsticks(d));
    HONE_TRY(check_memory(d));
    out->validation_messages = hone_gpu_validation_messages();
    HONE_TRY(write_certificate(d));
    out->healthy = !out->kernels_wrong && !*out->training_fault && !*out->memory_fault &&
                   !out->lost && !out->validation_messages;
    return HONE_OK;
}

hone_status hone_doctor(const struct hone_doctor_params *params,
                        const struct hone_doctor_hooks *hooks, struct hone_doctor_result *out) {
    struct hone_doctor_params own = *params;
    struct doctor d = {.params = &own, .hooks = hooks, .out = out};
    *out = (struct hone_doctor_result){0};
    HONE_TRY(hone_options_complete(&hone_doctor_options, &own));
    out->memory = hone_calloc(1, sizeof *out->memory, "a report");
    if (!out->memory) return HONE_OUT_OF_MEMORY;
    hone_status status = examine(&d);
    out->memory->rows = d.rows; // the reasons lie in it
    hone_certificate_deinit(&d.certificate);
    hone_device_close(&d.device);
    return status;
}

void hone_doctor_result_deinit(struct hone_doctor_result *result) {
    if (result->memory) {
        hone_free(result->memory->rows);
        hone_free(result->memory->names);
    }
    hone_free(result->memory);
    hone_free(result->kernels);
    *result = (struct hone_doctor_result){0};
}
