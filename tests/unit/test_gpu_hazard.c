// test_gpu_hazard: where barriers stand, by tables and against a model that keeps one state for
// each byte; and the spans of the heap against a map of bytes.
#include "support/support.h"

#include "base/alloc.h"
#include "gpu/hazard.h"
#include "gpu/span.h"

#include <string.h>

static int buffer_a, buffer_b;

static struct hone_gpu_access access(const void *buffer, uint64_t begin, uint64_t end, bool write,
                                     enum hone_gpu_stage stage) {
    return (struct hone_gpu_access){buffer, begin, end, write, stage};
}

static struct hone_gpu_access rd(const void *buffer, uint64_t begin, uint64_t end) {
    return access(buffer, begin, end, false, HONE_GPU_STAGE_COMPUTE);
}

static struct hone_gpu_access wr(const void *buffer, uint64_t begin, uint64_t end) {
    return access(buffer, begin, end, true, HONE_GPU_STAGE_COMPUTE);
}

// Whether the second access needs a barrier after the first.
static bool pair(struct hone_gpu_access first, struct hone_gpu_access second) {
    struct hone_gpu_hazards hazards = {0};
    struct hone_gpu_barrier barrier;
    assert_true(hone_gpu_hazards_command(&hazards, &first, 1, &barrier));
    assert_false(barrier.needed);
    assert_true(hone_gpu_hazards_command(&hazards, &second, 1, &barrier));
    if (barrier.needed) {
        assert_ptr_equal(barrier.earlier.buffer, first.buffer);
        assert_int_equal(barrier.earlier.begin, first.begin);
        assert_int_equal(barrier.later.begin, second.begin);
        assert_int_equal(barrier.later.write, second.write);
    }
    hone_gpu_hazards_deinit(&hazards);
    return barrier.needed;
}

static void test_pairs(void **state) {
    (void)state;
    assert_true(pair(wr(&buffer_a, 0, 8), rd(&buffer_a, 4, 12)));  // RAW
    assert_true(pair(rd(&buffer_a, 0, 8), wr(&buffer_a, 7, 8)));   // WAR
    assert_true(pair(wr(&buffer_a, 0, 8), wr(&buffer_a, 0, 8)));   // WAW
    assert_false(pair(rd(&buffer_a, 0, 8), rd(&buffer_a, 0, 8)));  // reads of reads
    assert_false(pair(wr(&buffer_a, 0, 8), rd(&buffer_a, 8, 12))); // neighbours
    assert_false(pair(wr(&buffer_a, 8, 16), wr(&buffer_a, 0, 8)));
    assert_false(pair(wr(&buffer_a, 0, 8), wr(&buffer_b, 0, 8))); // another buffer
    assert_false(pair(wr(&buffer_a, 0, 8), wr(&buffer_a, 4, 4))); // nothing
    assert_true(pair(wr(&buffer_a, 0, UINT64_MAX), rd(&buffer_a, 4, 5)));
}

// The barrier is from the stages and writers since the last one, and clears the list.
static void test_masks(void **state) {
    (void)state;
    struct hone_gpu_hazards hazards = {0};
    struct hone_gpu_barrier barrier;
    struct hone_gpu_access list[] = {
        access(&buffer_a, 0, 8, true, HONE_GPU_STAGE_TRANSFER),
        access(&buffer_b, 0, 8, false, HONE_GPU_STAGE_COMPUTE),
    };
    assert_true(hone_gpu_hazards_command(&hazards, list, 2, &barrier));
    struct hone_gpu_access read = rd(&buffer_a, 0, 4);
    assert_true(hone_gpu_hazards_command(&hazards, &read, 1, &barrier));
    assert_true(barrier.needed);
    assert_int_equal(barrier.src_stages, HONE_GPU_STAGE_COMPUTE | HONE_GPU_STAGE_TRANSFER);
    assert_false(barrier.src_writes[0]);
    assert_true(barrier.src_writes[1]);
    // The read of b was before the barrier: a write to it now is free; the read of a was after.
    struct hone_gpu_access write = wr(&buffer_b, 0, 8);
    assert_true(hone_gpu_hazards_command(&hazards, &write, 1, &barrier));
    assert_false(barrier.needed);
    write = wr(&buffer_a, 0, 8);
    assert_true(hone_gpu_hazards_command(&hazards, &write, 1, &barrier));
    assert_true(barrier.needed);
    assert_int_equal(barrier.src_stages, HONE_GPU_STAGE_COMPUTE);
    assert_true(barrier.src_writes[0] && !barrier.src_writes[1]);
    hone_gpu_hazards_clear(&hazards);
    assert_true(hone_gpu_hazards_command(&hazards, &write, 1, &barrier));
    assert_false(barrier.needed);
    hone_gpu_hazards_deinit(&hazards);
}

// Accesses of one command are its own business: an update in place reads and writes the same bytes.
static void test_in_place(void **state) {
    (void)state;
    struct hone_gpu_hazards hazards = {0};
    struct hone_gpu_barrier barrier;
    struct hone_gpu_access list[] = {rd(&buffer_a, 0, 8), wr(&buffer_a, 0, 8)};
    assert_true(hone_gpu_hazards_command(&hazards, list, 2, &barrier));
    assert_false(barrier.needed);
    assert_true(hone_gpu_hazards_command(&hazards, list, 2, &barrier));
    assert_true(barrier.needed);
    hone_gpu_hazards_deinit(&hazards);
}

static uint32_t next_random(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

// 20,000 random commands over two buffers of 32 bytes, against one state a byte.
static void test_against_model(void **state) {
    (void)state;
    enum { BYTES = 32, READ = 1, WRITTEN = 2 };
    struct hone_gpu_hazards hazards = {0};
    unsigned char model[2][BYTES] = {{0}};
    const void *buffers[2] = {&buffer_a, &buffer_b};
    uint32_t seed = 1;
    int barriers = 0;
    for (int step = 0; step < 20000; step++) {
        struct hone_gpu_access list[3];
        struct hone_gpu_barrier barrier;
        size_t count = 1 + next_random(&seed) % 3;
        bool want = false;
        for (size_t i = 0; i < count; i++) {
            uint64_t begin = next_random(&seed) % BYTES, size = next_random(&seed) % 5;
            uint64_t end = begin + size < BYTES ? begin + size : BYTES;
            list[i] = access(buffers[next_random(&seed) % 2], begin, end,
                             next_random(&seed) % 3 == 0, HONE_GPU_STAGE_COMPUTE);
            for (uint64_t k = begin; k < end; k++) {
                int had = model[list[i].buffer == &buffer_b][k];
                want |= list[i].write ? had != 0 : (had & WRITTEN) != 0;
            }
        }
        assert_true(hone_gpu_hazards_command(&hazards, list, count, &barrier));
        assert_int_equal(barrier.needed, want);
        if (want) memset(model, 0, sizeof model);
        barriers += want;
        for (size_t i = 0; i < count; i++)
            for (uint64_t k = list[i].begin; k < list[i].end; k++)
                model[list[i].buffer == &buffer_b][k] |= list[i].write ? WRITTEN : READ;
    }
    assert_true(barriers > 1000 && barriers < 19000);
    hone_gpu_hazards_deinit(&hazards);
}

static void test_no_memory(void **state) {
    (void)state;
    struct hone_gpu_hazards hazards = {0};
    struct hone_gpu_barrier barrier;
    struct hone_gpu_access write = wr(&buffer_a, 0, 8);
    hone_alloc_fail_after(0);
    bool kept = hone_gpu_hazards_command(&hazards, &write, 1, &barrier);
    hone_alloc_fail_after(-1);
    assert_false(kept);
    hone_gpu_hazards_deinit(&hazards);
}

static void test_spans(void **state) {
    (void)state;
    struct hone_gpu_spans spans = {.bytes = 1000};
    uint64_t a, b, c, d;
    assert_int_equal(hone_gpu_spans_take(&spans, 100, 256, &a), HONE_GPU_SPAN_OK);
    assert_int_equal(hone_gpu_spans_take(&spans, 200, 256, &b), HONE_GPU_SPAN_OK);
    assert_int_equal(hone_gpu_spans_take(&spans, 488, 256, &c), HONE_GPU_SPAN_OK);
    assert_int_equal(a, 0);
    assert_int_equal(b, 256);
    assert_int_equal(c, 512);
    assert_int_equal(hone_gpu_spans_take(&spans, 1, 256, &d), HONE_GPU_SPAN_FULL);
    assert_int_equal(hone_gpu_spans_take(&spans, 100, 4, &d), HONE_GPU_SPAN_OK); // in the gap
    assert_int_equal(d, 100);
    assert_true(hone_gpu_spans_give(&spans, b));
    assert_false(hone_gpu_spans_give(&spans, b));
    assert_int_equal(hone_gpu_spans_take(&spans, 256, 256, &d), HONE_GPU_SPAN_OK);
    assert_int_equal(d, 256);
    assert_int_equal(hone_gpu_spans_take(&spans, 2000, 1, &d), HONE_GPU_SPAN_FULL);
    hone_gpu_spans_deinit(&spans);
}

// Random takes and gives against a map of bytes: no overlap, aligned, and full only when no gap
// fits.
static void test_spans_against_model(void **state) {
    (void)state;
    enum { BYTES = 512, LIVE = 24 };
    struct hone_gpu_spans spans = {.bytes = BYTES};
    unsigned char map[BYTES] = {0};
    struct hone_gpu_span live[LIVE] = {{0, 0}};
    uint32_t seed = 7;
    for (int step = 0; step < 20000; step++) {
        struct hone_gpu_span *slot = &live[next_random(&seed) % LIVE];
        if (slot->bytes) {
            assert_true(hone_gpu_spans_give(&spans, slot->offset));
            memset(map + slot->offset, 0, slot->bytes);
            slot->bytes = 0;
            continue;
        }
        uint64_t bytes = 1 + next_random(&seed) % 60, align = 1u << next_random(&seed) % 6;
        uint64_t offset = 0;
        bool fits = false;
        for (uint64_t at = 0; at + bytes <= BYTES && !fits; at += align)
            fits = !memchr(map + at, 1, bytes);
        enum hone_gpu_span_result result = hone_gpu_spans_take(&spans, bytes, align, &offset);
        assert_int_equal(result == HONE_GPU_SPAN_OK, fits);
        if (!fits) continue;
        assert_int_equal(offset % align, 0);
        assert_true(offset + bytes <= BYTES);
        assert_null(memchr(map + offset, 1, bytes));
        memset(map + offset, 1, bytes);
        *slot = (struct hone_gpu_span){offset, bytes};
    }
    hone_gpu_spans_deinit(&spans);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_masks),
        cmocka_unit_test(test_in_place),
        cmocka_unit_test(test_against_model),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_spans),
        cmocka_unit_test(test_spans_against_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
