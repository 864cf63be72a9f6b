// test_device: opening, choosing, listing and losing a device.
#include "support/gpu.h"

#include "base/alloc.h"

#include <hone/device.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// False on drivers opened without hardware: they compile and run nothing.
static bool runs;

static void test_open_close(void **state) {
    (void)state;
    size_t before = hone_alloc_live_bytes();
    for (int i = 0; i < 2; i++) {
        struct hone_gpu *gpu = test_gpu_open();
        const struct hone_caps *caps = hone_gpu_caps(gpu);
        struct hone_gpu_pipeline *pipeline;
        const uint32_t group = 64;
        assert_ok(
            hone_gpu_pipeline_get(gpu, hone_kernel_find("fill_f32"), &group, 1, 0, &pipeline));
        assert_true(caps->name[0] && caps->driver[0]);
        assert_true(caps->storage_range_bytes >= 128u << 20);
        assert_true(caps->subgroup_min <= caps->subgroup_size);
        assert_true(caps->subgroup_size <= caps->subgroup_max);
        assert_true(caps->workgroup_count[0] >= 65535 && caps->push_bytes >= 128);
        test_gpu_close(&gpu);
    }
    hone_gpu_close(NULL);
    assert_int_equal(hone_alloc_live_bytes(), before);
}

// Two at once: closing one leaves the other whole.
static void test_two_devices(void **state) {
    (void)state;
    if (!runs) skip();
    struct hone_gpu *a = test_gpu_open(), *b = test_gpu_open();
    struct hone_gpu_recording *rec;
    uint64_t ticket;
    hone_gpu_close(&a);
    assert_ok(hone_gpu_recording_create(b, &rec));
    assert_ok(hone_gpu_recording_end(rec));
    assert_ok(hone_gpu_submit(b, rec, &ticket));
    assert_ok(hone_gpu_wait(b, ticket, UINT64_MAX));
    hone_gpu_recording_destroy(b, &rec);
    test_gpu_close(&b);
}

static void open_named(const char *name, hone_status want, const char *text) {
    struct hone_gpu *gpu;
    struct hone_gpu_open_params params = {.device = name, .cache_dir = ""};
    hone_status got = hone_gpu_open(&params, &gpu);
    if (want == HONE_OK) {
        assert_ok(got);
        test_gpu_close(&gpu);
    } else {
        test_expect_failure(got, want, text);
        assert_null(gpu);
    }
}

static void test_choice(void **state) {
    (void)state;
    struct hone_device_list *list;
    assert_ok(hone_devices_list(&list));
    assert_true(list->count > 0);
    const struct hone_device_info *first = &list->devices[0];
    char upper[256];
    snprintf(upper, sizeof upper, "%s", first->name);
    for (char *c = upper; *c; c++)
        if (*c >= 'a' && *c <= 'z') *c = (char)(*c - 'a' + 'A');
    open_named("0", HONE_OK, NULL);
    open_named(upper, HONE_OK, NULL);
    open_named(first->uuid, HONE_OK, NULL);
    open_named("no such device", HONE_NOT_FOUND, first->name);
    open_named("999999", HONE_NOT_FOUND, "no device matches '999999'");
    hone_devices_destroy(&list);
    assert_null(list);
}

static void test_list(void **state) {
    (void)state;
    struct hone_device_list *list;
    size_t before = hone_alloc_live_bytes(), defaults = 0;
    assert_ok(hone_devices_list(&list));
    for (size_t i = 0; i < list->count; i++) {
        const struct hone_device_info *info = &list->devices[i];
        assert_int_equal(info->index, i);
        assert_int_equal(strlen(info->uuid), 36);
        assert_true(info->name[0] && info->kind[0] && info->api_version[0]);
        assert_int_equal(info->usable, info->reason[0] == 0);
        defaults += info->is_default;
    }
    assert_int_equal(defaults, 1);
    hone_devices_destroy(&list);
    hone_devices_destroy(NULL);
    assert_int_equal(hone_alloc_live_bytes(), before);
}

// Runs `fn` with an environment variable set, then puts the old value back.
static void with_env(const char *name, const char *value, void (*fn)(void)) {
    const char *old = getenv(name);
    char *kept = old ? hone_strdup(old) : NULL;
    setenv(name, value, 1);
    fn();
    if (kept)
        setenv(name, kept, 1);
    else
        unsetenv(name);
    hone_free(kept);
}

static void expect_no_loader(void) {
    open_named(NULL, HONE_NOT_FOUND, "libvulkan1 mesa-vulkan-drivers");
    struct hone_device_list *list;
    test_expect_failure(hone_devices_list(&list), HONE_NOT_FOUND, "no Vulkan loader");
    assert_null(list);
}

static void expect_no_driver(void) {
    open_named(NULL, HONE_NOT_FOUND, "libvulkan1 mesa-vulkan-drivers");
}

// The name that newer loaders read first.
static void expect_no_driver_either(void) {
    with_env("VK_DRIVER_FILES", "/nonexistent/icd.json", expect_no_driver);
}

static void test_no_vulkan(void **state) {
    (void)state;
    with_env("HONE_VULKAN_LOADER", "/nonexistent/libvulkan.so.1", expect_no_loader);
    with_env("VK_ICD_FILENAMES", "/nonexistent/icd.json", expect_no_driver_either);
    struct hone_gpu *gpu = test_gpu_open(); // and it still works after that
    test_gpu_close(&gpu);
}

static void test_lost(void **state) {
    (void)state;
    if (!runs) skip();
    struct hone_gpu *gpu = test_gpu_open();
    struct hone_gpu_buffer *buffer;
    struct hone_gpu_recording *rec, *late;
    uint64_t ticket;
    assert_ok(hone_gpu_recording_create(gpu, &rec));
    assert_ok(hone_gpu_recording_end(rec));
    assert_ok(hone_gpu_submit(gpu, rec, &ticket));
    assert_ok(hone_gpu_wait(gpu, ticket, UINT64_MAX));
    hone_gpu_lose(gpu);
    test_expect_failure(hone_gpu_submit(gpu, rec, &ticket), HONE_DEVICE_LOST, "was lost");
    test_expect_failure(hone_gpu_wait(gpu, 1, 0), HONE_DEVICE_LOST, hone_gpu_caps(gpu)->name);
    assert_false(hone_gpu_done(gpu, 1));
    assert_int_equal(hone_gpu_buffer_create(gpu, 4, HONE_GPU_DEVICE, "c", &buffer),
                     HONE_DEVICE_LOST);
    assert_null(buffer);
    assert_int_equal(hone_gpu_recording_create(gpu, &late), HONE_DEVICE_LOST);
    assert_null(late);
    hone_gpu_recording_destroy(gpu, &rec);
    test_gpu_close(&gpu);
    gpu = test_gpu_open(); // a fresh one works
    test_gpu_close(&gpu);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_close), cmocka_unit_test(test_two_devices),
        cmocka_unit_test(test_choice),     cmocka_unit_test(test_list),
        cmocka_unit_test(test_no_vulkan),  cmocka_unit_test(test_lost),
    };
    int needed = test_gpu_require();
    runs = !needed && test_gpu_require_running() == 0;
    return needed ? needed : cmocka_run_group_tests(tests, NULL, NULL);
}
