// gpu.c: see gpu.h.
#include "support/gpu.h"

#include "exec/device.h"
#include "gpu/gpu.h"
#include "support/support.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static void print_line(void *user, hone_log_level level, const char *line) {
    (void)user;
    fprintf(stderr, "%s: %s\n", level == HONE_LOG_WARNING ? "warning" : "info", line);
}

// Loaders unload drivers and layers with the last instance. Here they stay to the end, so that what
// they leak has a name that lsan.supp can match.
static void keep_libraries(void) {
    char line[1024];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof line, maps)) {
        char *path = strchr(line, '/');
        if (!path || !strstr(path, ".so")) continue;
        path[strcspn(path, "\n")] = '\0';
        dlopen(path, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
    }
    if (maps) fclose(maps);
}

static int require(bool runs) {
    struct hone_gpu *gpu;
    hone_log_set(print_line, NULL, HONE_LOG_WARNING);
    hone_status status = hone_gpu_open(&(struct hone_gpu_open_params){.cache_dir = ""}, &gpu);
    if (status == HONE_OK) {
        fprintf(stderr, "device: %s, %s%s%s\n", hone_gpu_caps(gpu)->name,
                hone_gpu_caps(gpu)->driver, hone_gpu_validating(gpu) ? ", validated" : "",
                hone_gpu_validating_kernels(gpu) ? " with its kernels" : "");
        bool enough = !runs || !test_gpu_compile_only(gpu);
        keep_libraries();
        hone_gpu_close(&gpu);
        if (!enough) fprintf(stderr, "skipped: it runs nothing and can only compile kernels\n");
        return enough ? 0 : 77;
    }
    bool absent = status == HONE_NOT_FOUND; // any other failure is a fault
    fprintf(stderr, "%s: %s\n", absent ? "skipped" : "failed", hone_error_message());
    return absent ? 77 : 1;
}

int test_gpu_require(void) {
    return require(false);
}

int test_gpu_require_running(void) {
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

int test_gpu_compile_only(struct hone_gpu *gpu) {
    struct hone_gpu_buffer *buffer;
    struct hone_gpu_recording *rec;
    const uint32_t before = 0, word = 0x600df00d;
    uint32_t after;
    uint64_t ticket;
    if (!hone_gpu_caps(gpu)->heap_bytes) return 1;
    assert_ok(hone_gpu_buffer_create(gpu, 4, HONE_GPU_READBACK, "probe", &buffer));
    assert_ok(hone_gpu_write(gpu, buffer, 0, &before, 4));
    assert_ok(hone_gpu_recording_create(gpu, &rec));
    assert_ok(hone_gpu_record_fill(rec, buffer, 0, 4, word));
    assert_ok(hone_gpu_recording_end(rec));
    assert_ok(hone_gpu_submit(gpu, rec, &ticket));
    assert_ok(hone_gpu_read(gpu, buffer, 0, &after, 4));
    hone_gpu_recording_destroy(gpu, &rec);
    hone_gpu_buffer_destroy(gpu, &buffer);
    return after != word;
}

struct hone_device *test_gpu_device, *test_gpu_ref;

int test_gpu_open_pair(void **state) {
    (void)state;
    assert_ok(hone_device_open(NULL, &test_gpu_device));
    assert_ok(hone_device_open(&(struct hone_device_params){.name = "ref"}, &test_gpu_ref));
    return 0;
}

int test_gpu_close_pair(void **state) {
    (void)state;
    hone_device_close(&test_gpu_device);
    hone_device_close(&test_gpu_ref);
    assert_int_equal(hone_gpu_validation_messages(), 0);
    return 0;
}
