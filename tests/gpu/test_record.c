// test_record: recordings, barriers, submits, timestamps and pipelines, by the fill kernel with
// exact results.
#include "support/gpu.h"

#include "base/alloc.h"

#include <string.h>

enum { COUNT = 10007 }; // prime: ragged against every workgroup

struct fill_push {
    uint32_t count;
    float value;
};

struct scene {
    struct hone_gpu *gpu;
    struct hone_gpu_pipeline *fill;
    struct hone_gpu_buffer *a, *b;
    struct hone_gpu_recording *rec;
};

static void scene_open(struct scene *s) {
    const uint32_t group = 64;
    *s = (struct scene){.gpu = test_gpu_open()};
    const struct hone_kernel *kernel = hone_kernel_find("fill_f32");
    assert_non_null(kernel);
    assert_ok(hone_gpu_pipeline_get(s->gpu, kernel, &group, 1, 0, &s->fill));
    assert_ok(hone_gpu_buffer_create(s->gpu, 4 * 4 * COUNT, HONE_GPU_DEVICE, "a", &s->a));
    assert_ok(hone_gpu_buffer_create(s->gpu, 4 * 4 * COUNT, HONE_GPU_DEVICE, "b", &s->b));
    assert_ok(hone_gpu_recording_create(s->gpu, &s->rec));
}

static void scene_close(struct scene *s) {
    hone_gpu_recording_destroy(s->gpu, &s->rec);
    hone_gpu_buffer_destroy(s->gpu, &s->a);
    hone_gpu_buffer_destroy(s->gpu, &s->b);
    test_gpu_close(&s->gpu);
}

// Fills `count` floats from float `first` on, by the kernel.
static hone_status fill(struct scene *s, struct hone_gpu_buffer *buffer, uint32_t first,
                        uint32_t count, float value) {
    struct fill_push push = {count, value};
    struct hone_gpu_range range = {buffer, 4 * first, 4 * count, true};
    const uint32_t grid[3] = {(count + 63) / 64, 1, 1};
    return hone_gpu_record_dispatch(s->rec, s->fill, &range, 1, &push, sizeof push, grid);
}

static void run(struct scene *s) {
    uint64_t ticket;
    assert_ok(hone_gpu_recording_end(s->rec));
    assert_ok(hone_gpu_submit(s->gpu, s->rec, &ticket));
    assert_true(ticket > 0);
    assert_ok(hone_gpu_wait(s->gpu, ticket, UINT64_MAX));
    assert_true(hone_gpu_done(s->gpu, ticket));
}

static void expect_floats(struct scene *s, struct hone_gpu_buffer *buffer, size_t first,
                          size_t count, float want) {
    float *got = hone_calloc(count, sizeof *got, "data");
    assert_ok(hone_gpu_read(s->gpu, buffer, first * 4, got, count * 4));
    for (size_t i = 0; i < count; i++)
        if (got[i] != want)
            fail_msg("float %zu is %g and not %g", first + i, (double)got[i], (double)want);
    hone_free(got);
}

static void test_fill(void **state) {
    (void)state;
    struct scene s;
    scene_open(&s);
    assert_ok(hone_gpu_record_fill(s.rec, s.a, 0, 4 * 2 * COUNT, 0x3f800000)); // 1.0f
    assert_ok(fill(&s, s.a, 0, COUNT, 2.5f));
    run(&s);
    expect_floats(&s, s.a, 0, COUNT, 2.5f);
    expect_floats(&s, s.a, COUNT, COUNT, 1.0f); // not a word beyond
    scene_close(&s);
}

// Each command depends on the one before: RAW, WAR and WAW between kernels, copies and fills, twice
// over.
static void test_hazards(void **state) {
    (void)state;
    struct scene s;
    scene_open(&s);
    assert_ok(fill(&s, s.a, 0, COUNT, 1.0f));
    assert_ok(hone_gpu_record_copy(s.rec, s.a, 0, s.b, 0, 4 * COUNT));         // reads a: RAW
    assert_ok(fill(&s, s.a, 0, COUNT, 2.0f));                                  // over a: WAR
    assert_ok(fill(&s, s.a, 0, COUNT, 3.0f));                                  // WAW
    assert_ok(hone_gpu_record_copy(s.rec, s.b, 0, s.b, 8 * COUNT, 4 * COUNT)); // no conflict now
    assert_ok(hone_gpu_record_fill(s.rec, s.b, 0, 4 * COUNT, 0));              // WAR on b
    assert_int_equal(hone_gpu_recording_stats(s.rec).barriers, 4);
    assert_int_equal(hone_gpu_recording_stats(s.rec).dispatches, 3);
    assert_int_equal(hone_gpu_recording_stats(s.rec).copies, 2);
    assert_int_equal(hone_gpu_recording_stats(s.rec).fills, 1);
    run(&s);
    expect_floats(&s, s.a, 0, COUNT, 3.0f);
    expect_floats(&s, s.b, 0, COUNT, 0.0f);
    expect_floats(&s, s.b, 2 * COUNT, COUNT, 1.0f);
    scene_close(&s);
}

static void test_no_needless_barriers(void **state) {
    (void)state;
    struct scene s;
    scene_open(&s);
    const uint32_t step = 1024; // 4096 bytes: a multiple of every offset alignment
    for (uint32_t i = 0; i < 8; i++) assert_ok(fill(&s, s.a, i * step, step, (float)i));
    for (uint32_t i = 0; i < 8; i++) assert_ok(fill(&s, s.b, i * step, step, (float)i));
    assert_int_equal(hone_gpu_recording_stats(s.rec).barriers, 0);
    assert_ok(fill(&s, s.b, 7 * step, step, 9.0f));
    assert_int_equal(hone_gpu_recording_stats(s.rec).barriers, 1);
    run(&s);
    for (uint32_t i = 0; i < 8; i++) expect_floats(&s, s.a, i * step, step, (float)i);
    expect_floats(&s, s.b, 7 * step, step, 9.0f);
    scene_close(&s);
}

// Runs of one recording, and of two in turn, without a wait between them: each sees the one before.
static void test_resubmit(void **state) {
    (void)state;
    struct scene s;
    struct hone_gpu_recording *copy;
    uint64_t ticket = 0, last = 0;
    scene_open(&s);
    assert_ok(hone_gpu_recording_create(s.gpu, &copy));
    assert_ok(hone_gpu_record_copy(copy, s.a, 0, s.b, 0, 4 * COUNT));
    assert_ok(hone_gpu_recording_end(copy));
    assert_ok(fill(&s, s.a, 0, COUNT, 4.0f));
    assert_ok(hone_gpu_recording_end(s.rec));
    for (int i = 0; i < 3; i++) {
        assert_ok(hone_gpu_submit(s.gpu, s.rec, &ticket));
        assert_true(ticket > last);
        assert_ok(hone_gpu_submit(s.gpu, copy, &last));
        assert_true(last > ticket);
    }
    expect_floats(&s, s.b, 0, COUNT, 4.0f); // reads wait by themselves
    assert_true(hone_gpu_done(s.gpu, ticket));
    hone_gpu_recording_destroy(s.gpu, &copy);
    scene_close(&s);
}

// More dispatches than one descriptor pool or one query pool holds.
static void test_long_recording(void **state) {
    (void)state;
    enum { STEPS = 300 };
    struct scene s;
    scene_open(&s);
    bool times = hone_gpu_caps(s.gpu)->timestamp_ns > 0;
    for (int i = 0; i < STEPS; i++) {
        assert_ok(fill(&s, s.a, 0, 64, (float)i));
        if (times) assert_ok(hone_gpu_record_timestamp(s.rec, i ? "fill" : "start"));
    }
    assert_int_equal(hone_gpu_recording_stats(s.rec).barriers, STEPS - 1);
    run(&s);
    expect_floats(&s, s.a, 0, 64, STEPS - 1);
    if (times) {
        double ms[STEPS], sum = 0;
        int count = STEPS;
        assert_ok(hone_gpu_recording_times(s.rec, ms, &count));
        assert_int_equal(count, STEPS - 1);
        for (int i = 0; i < count; i++) {
            assert_true(ms[i] >= 0 && ms[i] < 60000);
            sum += ms[i];
        }
        assert_true(sum > 0);
        assert_string_equal(hone_gpu_recording_label(s.rec, 0), "fill");
        assert_string_equal(hone_gpu_recording_label(s.rec, STEPS), "");
        count = 2;
        assert_ok(hone_gpu_recording_times(s.rec, ms, &count));
        assert_int_equal(count, STEPS - 1);
    }
    scene_close(&s);
}

// A range beyond the bindings counts for barriers: bytes reached by address.
static void test_address_ranges(void **state) {
    (void)state;
    struct scene s;
    scene_open(&s);
    struct fill_push push = {64, 1.0f};
    const uint32_t grid[3] = {1, 1, 1};
    struct hone_gpu_range ranges[2] = {{s.a, 0, 256, true}, {s.b, 4, 8, false}};
    assert_ok(hone_gpu_record_fill(s.rec, s.b, 0, 4, 0));
    assert_ok(hone_gpu_record_dispatch(s.rec, s.fill, ranges, 2, &push, sizeof push, grid));
    assert_int_equal(hone_gpu_recording_stats(s.rec).barriers, 0);
    assert_ok(hone_gpu_record_fill(s.rec, s.b, 8, 4, 0));
    assert_int_equal(hone_gpu_recording_stats(s.rec).barriers, 1);
    run(&s);
    scene_close(&s);
}

static void test_refusals(void **state) {
    (void)state;
    struct scene s;
    uint64_t ticket;
    scene_open(&s);
    struct fill_push push = {1, 1.0f};
    const uint32_t grid[3] = {1, 1, 1}, none[3] = {1, 0, 1};
    struct hone_gpu_range range = {s.a, 0, 4, true}, beyond = {s.a, 16 * COUNT, 4, true};
    test_expect_failure(hone_gpu_submit(s.gpu, s.rec, &ticket), HONE_INTERNAL, "not ended");
    // An empty grid records nothing.
    assert_ok(hone_gpu_record_dispatch(s.rec, s.fill, &range, 1, &push, sizeof push, none));
    assert_int_equal(hone_gpu_recording_stats(s.rec).dispatches, 0);
    test_expect_failure(
        hone_gpu_record_dispatch(s.rec, s.fill, &beyond, 1, &push, sizeof push, grid), HONE_INVALID,
        "kernel fill_f32: bytes");
    // The first failure stays, through to the end.
    test_expect_failure(hone_gpu_record_fill(s.rec, s.a, 0, 4, 0), HONE_INVALID, "kernel fill_f32");
    test_expect_failure(hone_gpu_recording_end(s.rec), HONE_INVALID, "exceed buffer 'a'");
    const struct {
        int ranges, push_bytes;
        const char *text;
    } wrong[] = {{0, 8, "0 ranges given, 1 bindings"}, {1, 4, "4 bytes pushed, the block has 8"}};
    for (int i = 0; i < 2; i++) {
        hone_gpu_recording_destroy(s.gpu, &s.rec);
        assert_ok(hone_gpu_recording_create(s.gpu, &s.rec));
        test_expect_failure(hone_gpu_record_dispatch(s.rec, s.fill, &range, wrong[i].ranges, &push,
                                                     wrong[i].push_bytes, grid),
                            HONE_INTERNAL, wrong[i].text);
    }
    scene_close(&s);
}

// Commands that are wrong by themselves: each refuses, and so does the end of its recording.
static void test_wrong_commands(void **state) {
    (void)state;
    static const char *const messages[] = {
        "more of a dispatch, but none was recorded just before",
        "a copy inside 'a' overlaps itself",
        "a fill of 'a' is not made of whole words",
        "exceed buffer 'b'",
    };
    const uint32_t grid[3] = {1, 1, 1}, base[3] = {0};
    for (int i = 0; i < (int)(sizeof messages / sizeof *messages); i++) {
        struct scene s;
        hone_status got = HONE_OK;
        double ms[1];
        int intervals = 1;
        scene_open(&s);
        assert_ok(hone_gpu_record_fill(s.rec, s.a, 0, 64, 0));
        switch (i) {
        case 0: got = hone_gpu_record_more(s.rec, base, grid); break;
        case 1: got = hone_gpu_record_copy(s.rec, s.a, 0, s.a, 32, 64); break;
        case 2: got = hone_gpu_record_fill(s.rec, s.a, 0, 6, 0); break;
        case 3: got = hone_gpu_record_copy(s.rec, s.a, 0, s.b, 4 * 4 * COUNT - 4, 8); break;
        }
        test_expect_failure(got, i == 3 ? HONE_INVALID : HONE_INTERNAL, messages[i]);
        test_expect_failure(hone_gpu_recording_end(s.rec), got, messages[i]);
        test_expect_failure(hone_gpu_recording_times(s.rec, ms, &intervals), HONE_INTERNAL,
                            "times of a recording that never ran");
        assert_int_equal(intervals, 0);
        scene_close(&s);
    }
}

static void test_pipelines(void **state) {
    (void)state;
    struct hone_gpu *gpu = test_gpu_open();
    const struct hone_caps *caps = hone_gpu_caps(gpu);
    const struct hone_kernel *kernel = hone_kernel_find("fill_f32");
    struct hone_gpu_pipeline *a, *b, *c, *d;
    const uint32_t group = 64, other = 128;
    assert_ok(hone_gpu_pipeline_get(gpu, kernel, &group, 1, 0, &a));
    assert_ok(hone_gpu_pipeline_get(gpu, kernel, &group, 1, 0, &b));
    assert_ok(hone_gpu_pipeline_get(gpu, kernel, &other, 1, 0, &c));
    assert_ptr_equal(a, b);
    assert_ptr_not_equal(a, c);
    assert_ok(hone_gpu_pipeline_get(gpu, kernel, &group, 1, caps->subgroup_max, &d));
    assert_ptr_not_equal(a, d);
    assert_int_equal(hone_gpu_cache_stats(gpu).compiled, 3);
    assert_int_equal(hone_gpu_cache_stats(gpu).reused, 1);
    test_expect_failure(hone_gpu_pipeline_get(gpu, kernel, &group, 1, 2048, &d), HONE_UNSUPPORTED,
                        "subgroups of 2048");
    assert_null(d);
    test_expect_failure(hone_gpu_pipeline_get(gpu, kernel, NULL, 0, 0, &d), HONE_INTERNAL,
                        "1 specialisation constants, 0 given");
    struct hone_kernel needy = *kernel;
    needy.needs = ~caps->features & (HONE_FEATURE_COOPERATIVE_MATRIX | HONE_FEATURE_F16);
    if (needy.needs)
        test_expect_failure(hone_gpu_pipeline_get(gpu, &needy, &group, 1, 0, &d), HONE_UNSUPPORTED,
                            "kernel fill_f32 needs");
    needy = *kernel;
    needy.bindings = 255;
    test_expect_failure(hone_gpu_pipeline_get(gpu, &needy, &group, 1, 0, &d), HONE_UNSUPPORTED,
                        "kernel fill_f32 binds 255 buffers");
    needy = *kernel;
    needy.push_bytes = 32767;
    test_expect_failure(hone_gpu_pipeline_get(gpu, &needy, &group, 1, 0, &d), HONE_UNSUPPORTED,
                        "kernel fill_f32 pushes 32767 bytes");
    test_gpu_close(&gpu);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fill),           cmocka_unit_test(test_hazards),
        cmocka_unit_test(test_resubmit),       cmocka_unit_test(test_no_needless_barriers),
        cmocka_unit_test(test_long_recording), cmocka_unit_test(test_address_ranges),
        cmocka_unit_test(test_refusals),       cmocka_unit_test(test_wrong_commands),
        cmocka_unit_test(test_pipelines),
    };
    int needed = test_gpu_require_running();
    return needed ? needed : cmocka_run_group_tests(tests, NULL, NULL);
}
