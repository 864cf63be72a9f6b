// test_faults: the N-th Vulkan call and the N-th allocation fail, for every N of a small job: each
// time one clear failure, nothing leaks, and the next try works.
#include "support/gpu.h"

#include "base/alloc.h"

#include <string.h>

static hone_status work(struct hone_gpu *gpu, struct hone_gpu_buffer *buffer,
                        struct hone_gpu_recording *rec) {
    const uint32_t group = 64, grid[3] = {1, 1, 1};
    struct hone_gpu_pipeline *pipeline;
    struct {
        uint32_t count;
        float value;
    } push = {64, 3.0f};
    struct hone_gpu_range range = {buffer, 0, 0, true};
    uint64_t ticket;
    float out[64] = {0};
    double ms[4];
    int count = 4;
    HONE_TRY(hone_gpu_pipeline_get(gpu, hone_kernel_find("fill_f32"), &group, 1, 0, &pipeline));
    HONE_TRY(hone_gpu_write(gpu, buffer, 0, out, sizeof out));
    HONE_TRY(hone_gpu_record_timestamp(rec, "begin"));
    HONE_TRY(hone_gpu_record_dispatch(rec, pipeline, &range, 1, &push, sizeof push, grid));
    HONE_TRY(hone_gpu_record_timestamp(rec, "end"));
    HONE_TRY(hone_gpu_recording_end(rec));
    HONE_TRY(hone_gpu_submit(gpu, rec, &ticket));
    HONE_TRY(hone_gpu_wait(gpu, ticket, UINT64_MAX));
    HONE_TRY(hone_gpu_recording_times(rec, ms, &count));
    HONE_TRY(hone_gpu_read(gpu, buffer, 0, out, sizeof out));
    return out[0] == 3.0f && out[63] == 3.0f ? HONE_OK : hone_fail(HONE_INTERNAL, "wrong values");
}

static hone_status job(bool staged) {
    struct hone_gpu *gpu;
    struct hone_gpu_buffer *buffer = NULL;
    struct hone_gpu_recording *rec = NULL;
    HONE_TRY(hone_gpu_open(&(struct hone_gpu_open_params){.cache_dir = ""}, &gpu));
    if (staged) hone_gpu_hide_memory(gpu);
    hone_status status = hone_gpu_buffer_create(gpu, 256, HONE_GPU_DEVICE, "job", &buffer);
    if (status == HONE_OK) status = hone_gpu_recording_create(gpu, &rec);
    if (status == HONE_OK) status = work(gpu, buffer, rec);
    hone_gpu_recording_destroy(gpu, &rec);
    hone_gpu_buffer_destroy(gpu, &buffer);
    hone_gpu_close(&gpu);
    return status;
}

static void fail_each(void (*set)(long), bool staged) {
    size_t before = hone_alloc_live_bytes();
    for (long n = 0;; n++) {
        hone_fail(HONE_INTERNAL, "nobody reported");
        set(n);
        hone_status status = job(staged);
        set(-1);
        assert_int_equal(hone_alloc_live_bytes(), before);
        if (status == HONE_OK) {
            assert_true(n > 10);
            break;
        }
        assert_int_equal(status, HONE_OUT_OF_MEMORY);
        assert_string_not_equal(hone_error_message(), "nobody reported");
        assert_true(n < 500);
    }
    assert_ok(job(staged));
    assert_int_equal(hone_gpu_validation_messages(), 0);
}

static void test_vulkan_calls(void **state) {
    (void)state;
    fail_each(hone_gpu_fail_after, false);
}

static void test_vulkan_calls_staged(void **state) {
    (void)state;
    fail_each(hone_gpu_fail_after, true);
}

static void test_allocations(void **state) {
    (void)state;
    fail_each(hone_alloc_fail_after, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vulkan_calls),
        cmocka_unit_test(test_vulkan_calls_staged),
        cmocka_unit_test(test_allocations),
    };
    int needed = test_gpu_require_running();
    return needed ? needed : cmocka_run_group_tests(tests, NULL, NULL);
}
