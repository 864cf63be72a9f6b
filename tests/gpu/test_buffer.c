// test_buffer: device memory: every kind of buffer, transfers, neighbours, limits.
#include "support/gpu.h"

#include "base/alloc.h"

#include <string.h>

static void round_trip(struct hone_gpu *gpu, enum hone_gpu_memory memory, size_t bytes) {
    struct hone_gpu_buffer *buffer;
    unsigned char *data = hone_calloc(bytes, 1, "data"), *back = hone_calloc(bytes, 1, "data");
    for (size_t i = 0; i < bytes; i++) data[i] = (unsigned char)(i * 7 + i / 251);
    assert_ok(hone_gpu_buffer_create(gpu, bytes, memory, "round trip", &buffer));
    assert_int_equal(hone_gpu_buffer_bytes(buffer), bytes);
    if (memory != HONE_GPU_DEVICE || hone_gpu_caps(gpu)->unified_memory)
        assert_non_null(hone_gpu_buffer_map(buffer));
    if (hone_gpu_caps(gpu)->features & HONE_FEATURE_BUFFER_ADDRESS)
        assert_true(hone_gpu_buffer_address(buffer) != 0);
    else
        assert_int_equal(hone_gpu_buffer_address(buffer), 0);
    assert_ok(hone_gpu_write(gpu, buffer, 0, data, bytes));
    assert_ok(hone_gpu_read(gpu, buffer, 0, back, bytes));
    assert_memory_equal(data, back, bytes);
    if (bytes > 100) { // an odd piece in the middle
        memset(data + 33, 0xaa, 55);
        assert_ok(hone_gpu_write(gpu, buffer, 33, data + 33, 55));
        assert_ok(hone_gpu_read(gpu, buffer, 0, back, bytes));
        assert_memory_equal(data, back, bytes);
    }
    test_expect_failure(hone_gpu_write(gpu, buffer, bytes - 1, data, 2), HONE_INVALID,
                        "round trip");
    test_expect_failure(hone_gpu_read(gpu, buffer, UINT64_MAX, back, 2), HONE_INVALID, "exceeds");
    hone_gpu_buffer_destroy(gpu, &buffer);
    assert_null(buffer);
    hone_free(data);
    hone_free(back);
}

static const size_t round_trip_bytes[] = {1, 4, 255, 4097, 1 << 20, (20 << 20) + 3};

static void test_round_trips(void **state) {
    (void)state;
    struct hone_gpu *gpu = test_gpu_open();
    for (int memory = HONE_GPU_DEVICE; memory <= HONE_GPU_READBACK; memory++)
        for (size_t i = 0; i < sizeof round_trip_bytes / sizeof *round_trip_bytes; i++)
            round_trip(gpu, (enum hone_gpu_memory)memory, round_trip_bytes[i]);
    test_gpu_close(&gpu);
}

// The path of a discrete GPU: device memory that the host can't see.
static void test_staged_round_trips(void **state) {
    (void)state;
    struct hone_gpu *gpu = test_gpu_open();
    hone_gpu_hide_memory(gpu);
    for (size_t i = 0; i < sizeof round_trip_bytes / sizeof *round_trip_bytes; i++)
        round_trip(gpu, HONE_GPU_DEVICE, round_trip_bytes[i]);
    test_gpu_close(&gpu);
}

// Many buffers of odd sizes come and go and do not touch each other.
static void test_neighbours(void **state) {
    (void)state;
    enum { COUNT = 200 };
    struct hone_gpu *gpu = test_gpu_open();
    struct hone_gpu_buffer *buffers[COUNT];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < COUNT; i++) {
            if (round && i % 3) continue;
            size_t bytes = (size_t)i * 997 + 1;
            assert_ok(hone_gpu_buffer_create(gpu, bytes, HONE_GPU_UPLOAD, "many", &buffers[i]));
            memset(hone_gpu_buffer_map(buffers[i]), i, bytes);
        }
        for (int i = 0; i < COUNT; i++) {
            const unsigned char *bytes = hone_gpu_buffer_map(buffers[i]);
            for (int k = 0; k < i * 997 + 1; k++)
                if (bytes[k] != i) fail_msg("buffer %d was overwritten at %d", i, k);
        }
        for (int i = 0; i < COUNT; i++)
            if (round || i % 3 == 0) hone_gpu_buffer_destroy(gpu, &buffers[i]);
    }
    test_gpu_close(&gpu);
}

static void test_limits(void **state) {
    (void)state;
    struct hone_gpu *gpu = test_gpu_open();
    struct hone_gpu_buffer *buffer;
    test_expect_failure(hone_gpu_buffer_create(gpu, 0, HONE_GPU_DEVICE, "none", &buffer),
                        HONE_INVALID, "'none' has no bytes");
    test_expect_failure(
        hone_gpu_buffer_create(gpu, (UINT64_C(1) << 30) + 4, HONE_GPU_DEVICE, "huge", &buffer),
        HONE_UNSUPPORTED, "'huge' of 1025 MiB is above");
    // vkCreateBuffer works and vkAllocateMemory doesn't.
    hone_gpu_fail_after(1);
    hone_status status = hone_gpu_buffer_create(gpu, 32 << 20, HONE_GPU_DEVICE, "late", &buffer);
    hone_gpu_fail_after(-1);
    test_expect_failure(status, HONE_OUT_OF_MEMORY, "32 MiB for 'late'");
    assert_null(buffer);
    test_gpu_close(&gpu);
}

// A limit of hone's own holds for what is held, small buffers fill it, and what they had is known.
static void test_memory_limit(void **state) {
    (void)state;
    const uint64_t limit = 48 << 20, piece = 1 << 20;
    struct hone_gpu_open_params params = {.cache_dir = "", .memory_bytes = limit};
    struct hone_gpu *gpu;
    struct hone_gpu_buffer *buffers[64] = {NULL}, *none;
    size_t count = 0;
    assert_ok(hone_gpu_open(&params, &gpu));
    while (count < 64 &&
           hone_gpu_buffer_create(gpu, piece, HONE_GPU_DEVICE, "piece", &buffers[count]) == HONE_OK)
        count++;
    struct hone_gpu_memory_use use = hone_gpu_memory_use(gpu);
    assert_true(count >= 44 && count <= 48);
    assert_true(use.held_bytes <= limit && use.bytes >= count * piece);
    assert_true(use.peak_bytes == use.bytes && use.bytes <= use.held_bytes);
    test_expect_failure(hone_gpu_buffer_create(gpu, 8 << 20, HONE_GPU_DEVICE, "more", &none),
                        HONE_OUT_OF_MEMORY, "of a budget of 48 MiB");
    for (size_t i = 0; i < count; i++) hone_gpu_buffer_destroy(gpu, &buffers[i]);
    use = hone_gpu_memory_use(gpu);
    assert_true(use.bytes == 0 && use.held_bytes == 0 && use.peak_bytes >= count * piece);
    hone_gpu_memory_mark(gpu);
    assert_true(hone_gpu_memory_use(gpu).peak_bytes == 0);
    test_gpu_close(&gpu);
}

static void test_lost(void **state) {
    (void)state;
    struct hone_gpu *gpu = test_gpu_open();
    struct hone_gpu_buffer *buffer;
    uint32_t word = 0;
    assert_ok(hone_gpu_buffer_create(gpu, 64, HONE_GPU_DEVICE, "b", &buffer));
    hone_gpu_lose(gpu);
    assert_int_equal(hone_gpu_write(gpu, buffer, 0, &word, 4), HONE_DEVICE_LOST);
    assert_int_equal(hone_gpu_read(gpu, buffer, 0, &word, 4), HONE_DEVICE_LOST);
    hone_gpu_buffer_destroy(gpu, &buffer);
    test_gpu_close(&gpu);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips),  cmocka_unit_test(test_staged_round_trips),
        cmocka_unit_test(test_neighbours),   cmocka_unit_test(test_limits),
        cmocka_unit_test(test_memory_limit), cmocka_unit_test(test_lost),
    };
    int needed = test_gpu_require_running();
    return needed ? needed : cmocka_run_group_tests(tests, NULL, NULL);
}
