// gpu.c: see gpu.h.
#include "support/gpu.h"

#include <stdio.h>

static void print_line(void *user, hone_log_level level, const char *line) {
    (void)user;
    fprintf(stderr, "%s: %s\n", level == HONE_LOG_WARNING ? "warning" : "info", line);
}

static int require(bool memory) {
    struct hone_gpu *gpu;
    hone_log_set(print_line, NULL, HONE_LOG_WARNING);
    hone_status status = hone_gpu_open(&(struct hone_gpu_open_params){.cache_dir = ""}, &gpu);
    if (status == HONE_OK) {
        fprintf(stderr, "device: %s, %s%s\n", hone_gpu_caps(gpu)->name, hone_gpu_caps(gpu)->driver,
                hone_gpu_validating(gpu) ? ", validated" : "");
        bool enough = !memory || hone_gpu_caps(gpu)->heap_bytes;
        hone_gpu_close(&gpu);
        if (!enough) fprintf(stderr, "skipped: it has no memory and can only compile kernels\n");
        return enough ? 0 : 77;
    }
    fprintf(stderr, "skipped: %s\n", hone_error_message());
    return status == HONE_NOT_FOUND ? 77 : 1; // another failure is a fault
}

int test_gpu_require(void) {
    return require(false);
}

int test_gpu_require_memory(void) {
    return require(true);
}

struct hone_gpu *test_gpu_open(void) {
    struct hone_gpu *gpu;
    assert_ok(hone_gpu_open(&(struct hone_gpu_open_params){.cache_dir = ""}, &gpu));
    return gpu;
}

void test_gpu_close(struct hone_gpu **gpu) {
    hone_gpu_close(gpu);
    assert_null(*gpu);
    if (hone_gpu_validation_messages())
        fail_msg("%zu validation messages", hone_gpu_validation_messages());
}

int test_gpu_compile_only(const struct hone_gpu *gpu) {
    return hone_gpu_caps(gpu)->heap_bytes == 0;
}
