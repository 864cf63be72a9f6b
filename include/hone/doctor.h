// doctor.h: is this device, with this driver, right? Every kernel against the reference in double,
// memory, a short training beside the same one in double, and how fast the device is at best.
//
//   struct hone_doctor_params params;
//   hone_options_init(&hone_doctor_options, &params);
//   struct hone_doctor_result result;
//   if (hone_doctor(&params, NULL, &result) == HONE_OK && !result.healthy) ...
#ifndef HONE_DOCTOR_H
#define HONE_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hone/base.h>
#include <hone/options.h>

#ifdef __cplusplus
extern "C" {
#endif

enum hone_doctor_depth {
    HONE_DOCTOR_SHORT,  // a case for each code that a kernel has
    HONE_DOCTOR_NORMAL, // every case
    HONE_DOCTOR_FULL,   // every case in every way that programs may launch it
};

// hone_options_init(&hone_doctor_options, &params) fills the defaults.
struct hone_doctor_params {
    const char *device; // NULL: the best GPU
    int depth;          // enum hone_doctor_depth
    const char *op;     // kernels of this operator only; NULL: all
    int32_t steps;      // of the training
    int32_t memory_mb;  // device memory to fill; 0: half of a GPU's own, less of what is shared
    bool validate;      // with the Vulkan validation layers; their messages count as faults
};
extern const hone_option_table hone_doctor_options;

// A kernel.
struct hone_doctor_kernel {
    const char *name; // "conv2d/tiled"
    int runs, wrong;  // launches that were compared, and those that were not right
    const char *why;  // the first of these; "" without
};

struct hone_doctor_result {
    char device[256], driver[256], build[64];
    char features[512], matrices[512]; // matrices: those that compute rightly
    uint32_t subgroup_size, subgroup_min, subgroup_max;

    struct hone_doctor_kernel *kernels;
    size_t kernel_count, kernels_wrong;
    size_t kernels_absent; // that need what the device lacks
    double kernel_seconds;

    uint64_t memory_bytes;  // held at once, with all of it right
    uint64_t staging_bytes; // sent and read back
    char memory_fault[256]; // "" without

    int32_t steps;
    double first_loss, last_loss, reference_loss; // reference: of the last step
    double gradient_error, loss_error;            // relative
    char training_fault[256];                     // "" without

    double copy_gbs, fma_gflops, dispatch_us, barrier_us; // 0 where nothing was measured

    uint64_t validation_messages;
    bool lost;                         // the device was lost on the way
    bool healthy;                      // nothing was wrong
    char certificate[1024];            // the file that later runs look up; "" where there is none
    struct hone_doctor_memory *memory; // owns the texts
};

// Told what is being done; true stops with HONE_CANCELLED. May be NULL.
struct hone_doctor_hooks {
    bool (*progress)(void *user, const char *what, size_t done, size_t total);
    void *user;
};

// Blocks: a minute or so on a CPU driver, less on a GPU. What is wrong with the device is in the
// result, and the status is HONE_OK; a failure is one of opening it, or of memory.
// hone_doctor_result_deinit() ends a result, of a failure too.
hone_status hone_doctor(const struct hone_doctor_params *params,
                        const struct hone_doctor_hooks *hooks, struct hone_doctor_result *out);
void hone_doctor_result_deinit(struct hone_doctor_result *result);

#ifdef __cplusplus
}
#endif
#endif
