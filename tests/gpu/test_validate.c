// test_validate: that validation finds what it is for. Kernels are recorded wrongly on purpose: a
// missing barrier, and accesses past the range that is bound, of a buffer that is long enough for
// them (so that a run without validation would pass by luck). The mode is HONE_VALIDATE's, set
// here.
#include "support/gpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BOUND = 64, FLOATS = 1024 }; // of the range, of the buffers

static bool assisted;      // by a layer that sees what kernels access
static char said[1 << 15]; // what the layer said

static void keep_line(void *user, hone_log_level level, const char *line) {
    (void)user;
    (void)level;
    size_t used = strlen(said);
    snprintf(said + used, sizeof said - used, "%s\n", line);
}

struct scene {
    struct hone_gpu *gpu;
    struct hone_gpu_buffer *a, *b;
    struct hone_gpu_recording *rec;
    size_t messages; // before
};

static void scene_open(struct scene *s) {
    said[0] = 0;
    *s = (struct scene){.gpu = test_gpu_open(), .messages = hone_gpu_validation_messages()};
    assert_ok(hone_gpu_buffer_create(s->gpu, 4 * FLOATS, HONE_GPU_DEVICE, "first", &s->a));
    assert_ok(hone_gpu_buffer_create(s->gpu, 4 * FLOATS, HONE_GPU_DEVICE, "second", &s->b));
    assert_ok(hone_gpu_recording_create(s->gpu, &s->rec));
}

// Runs what was recorded; the number of messages since scene_open().
static size_t scene_run(struct scene *s) {
    uint64_t ticket;
    assert_ok(hone_gpu_recording_end(s->rec));
    assert_ok(hone_gpu_submit(s->gpu, s->rec, &ticket));
    assert_ok(hone_gpu_wait(s->gpu, ticket, UINT64_MAX));
    hone_gpu_recording_destroy(s->gpu, &s->rec);
    hone_gpu_buffer_destroy(s->gpu, &s->a);
    hone_gpu_buffer_destroy(s->gpu, &s->b);
    hone_gpu_close(&s->gpu);
    return hone_gpu_validation_messages() - s->messages;
}

static void expect_said(const char *text) {
    if (!strstr(said, text)) fail_msg("'%s' is not in what the layer said:\n%s", text, said);
}

// Fills `count` floats of a range of BOUND.
static void record_fill(struct scene *s, uint32_t count, bool declared) {
    const uint32_t group = 64, grid[3] = {(count + 63) / 64, 1, 1};
    const struct {
        uint32_t count;
        float value;
    } push = {count, 1.0f};
    struct hone_gpu_pipeline *pipeline;
    const struct hone_gpu_range range = {s->a, 0, 4 * BOUND, declared};
    assert_ok(hone_gpu_pipeline_get(s->gpu, hone_kernel_find("fill_f32"), &group, 1, 0, &pipeline));
    assert_ok(hone_gpu_record_dispatch(s->rec, pipeline, &range, 1, &push, sizeof push, grid));
}

// Casts `count` floats of a range of BOUND.
static void record_cast(struct scene *s, uint32_t count) {
    const uint32_t group = 64, grid[3] = {(count + 127) / 128, 1, 1};
    struct hone_gpu_pipeline *pipeline;
    const struct hone_gpu_range ranges[2] = {{s->a, 0, 4 * BOUND, false},
                                             {s->b, 0, 4 * FLOATS, true}};
    assert_ok(
        hone_gpu_pipeline_get(s->gpu, hone_kernel_find("cast_f32_f16"), &group, 1, 0, &pipeline));
    assert_ok(hone_gpu_record_dispatch(s->rec, pipeline, ranges, 2, &count, sizeof count, grid));
}

// A kernel writes, and says that it reads: no barrier stands before the next one, which reads. (Of
// two kernels that write the layer takes it that they write different bytes.)
static void test_hazard(void **state) {
    (void)state;
    struct scene s;
    scene_open(&s);
    record_fill(&s, BOUND, false);
    record_cast(&s, BOUND);
    assert_int_equal(hone_gpu_recording_stats(s.rec).barriers, 0);
    assert_true(scene_run(&s) > 0);
    expect_said("READ_AFTER_WRITE");
    expect_said("first");
}

// Runs what was recorded: the layer says which kernel left the range of which buffer.
static void expect_out_of_bounds(struct scene *s, const char *kernel) {
    assert_true(scene_run(s) > 0);
    expect_said("out of bounds");
    expect_said(kernel);
    expect_said("first");
}

static void test_store_out_of_bounds(void **state) {
    (void)state;
    struct scene s;
    if (!assisted) skip();
    scene_open(&s);
    record_fill(&s, BOUND + 1, true);
    expect_out_of_bounds(&s, "fill_f32");
}

static void test_load_out_of_bounds(void **state) {
    (void)state;
    struct scene s;
    if (!assisted) skip();
    scene_open(&s);
    record_cast(&s, BOUND + 1);
    expect_out_of_bounds(&s, "cast_f32_f16");
}

// The same kernels within their ranges: nothing to say.
static void test_in_bounds(void **state) {
    (void)state;
    struct scene s;
    scene_open(&s);
    record_fill(&s, BOUND, true);
    record_cast(&s, BOUND);
    assert_int_equal(scene_run(&s), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_bounds),
        cmocka_unit_test(test_hazard),
        cmocka_unit_test(test_store_out_of_bounds),
        cmocka_unit_test(test_load_out_of_bounds),
    };
    setenv("HONE_VALIDATE", "gpu", 1);
    int needed = test_gpu_require_running();
    if (needed) return needed;
    struct hone_gpu *gpu = test_gpu_open();
    bool validating = hone_gpu_validating(gpu);
    assisted = hone_gpu_validating_kernels(gpu);
    hone_gpu_close(&gpu);
    if (!validating) fprintf(stderr, "skipped: the validation layer is missing\n");
    if (!validating) return 77;
    if (!assisted)
        fprintf(stderr, "skipped in part: this layer does not see what kernels access\n");
    hone_log_set(keep_line, NULL, HONE_LOG_WARNING);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
