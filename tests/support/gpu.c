// gpu.c: see gpu.h.
#include "support/gpu.h"

#include <stdio.h>
#include <string.h>

static void print_line(void *user, hone_log_level level, const char *line) {
    (void)user;
    fprintf(stderr, "%s: %s\n", level == HONE_LOG_WARNING ? "warning" : "info", line);
}

int test_gpu_require(void) {
    struct hone_gpu *gpu;
    hone_log_set(print_line, NULL, HONE_LOG_WARNING);
    hone_status status = hone_gpu_open(&(struct hone_gpu_open_params){.cache_dir = ""}, &gpu);
    if (status == HONE_OK) {
        fprintf(stderr, "device: %s, %s%s\n", hone_gpu_caps(gpu)->name, hone_gpu_caps(gpu)->driver,
                hone_gpu_validating(gpu) ? ", validated" : "");
        hone_gpu_close(&gpu);
        return 0;
    }
    fprintf(stderr, "skipped: %s\n", hone_error_message());
    return status == HONE_NOT_FOUND ? 77 : 1;
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

int test_gpu_compile_only(struct hone_gpu *gpu) {
    struct hone_gpu_buffer *buffer;
    struct hone_gpu_recording *rec;
    uint32_t words[2] = {0, 0};
    uint64_t ticket;
    assert_ok(hone_gpu_buffer_create(gpu, 8, HONE_GPU_READBACK, "probe", &buffer));
    memset(hone_gpu_buffer_map(buffer), 0, 8);
    assert_ok(hone_gpu_recording_create(gpu, &rec));
    assert_ok(hone_gpu_record_fill(rec, buffer, 0, 8, 0x600df00d));
    assert_ok(hone_gpu_recording_end(rec));
    assert_ok(hone_gpu_submit(gpu, rec, &ticket));
    assert_ok(hone_gpu_read(gpu, buffer, 0, words, 8));
    hone_gpu_recording_destroy(gpu, &rec);
    hone_gpu_buffer_destroy(gpu, &buffer);
    return words[0] != 0x600df00d && words[1] != 0x600df00d;
}
