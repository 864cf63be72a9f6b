// test_compile.c: what a vendor's compiler makes of the kernels: every pipeline that rows and tiles
// ask for, over all test cases and three real nets. None may spill, registers and shared memory
// stay under tests/rack/ceilings.csv, and kernels that multiply matrices do so with the matrix
// units.
//
// Needs no hardware: tools/drivers opens drivers without it. HONE_DRIVER names the device in the
// tables (tools/drivers sets it); HONE_STATISTICS=FOLDER writes FOLDER/$HONE_DRIVER.csv, which
// tests/rack/statistics/ keeps for comparison between commits. HONE_TEST_KERNEL=PATTERN restricts
// the run to kernels of such names, HONE_STATISTICS too.
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "support/dispatches.h"
#include "support/gpu.h"

// Two openings of the device: listings cost as much as the rest of a compilation, so that only
// kernels that multiply matrices are listed.
static struct hone_gpu *gpu, *lister;
static char device[64];

// ---- Ceilings ----------------------------------------------------------------------------------

// The first line whose patterns match a device and a kernel holds for it.
struct ceiling {
    char device[32], kernel[48];
    long registers, scratch, shared;
};
static struct ceiling ceilings[64];
static int ceiling_count;

static void read_ceilings(void) {
    char *data, *save = NULL;
    size_t bytes;
    assert_ok(hone_file_read(HONE_SOURCE_DIR "/tests/rack/ceilings.csv", 1 << 20, &data, &bytes));
    for (char *line = strtok_r(data, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        struct ceiling *c = &ceilings[ceiling_count];
        if (*line == '#' || strncmp(line, "device,", 7) == 0) continue;
        assert_in_range(ceiling_count, 0, 63);
        if (sscanf(line, "%31[^,],%47[^,],%ld,%ld,%ld", c->device, c->kernel, &c->registers,
                   &c->scratch, &c->shared) != 5)
            fail_msg("tests/rack/ceilings.csv: '%s' has not five columns", line);
        ceiling_count++;
    }
    hone_free(data);
}

static const struct ceiling *ceiling_of(const char *kernel) {
    for (int i = 0; i < ceiling_count; i++)
        if (fnmatch(ceilings[i].device, device, 0) == 0 &&
            fnmatch(ceilings[i].kernel, kernel, 0) == 0)
            return &ceilings[i];
    fail_msg("tests/rack/ceilings.csv has no line for %s on %s", kernel, device);
    return NULL;
}

// ---- One pipeline ------------------------------------------------------------------------------

// "64 3 1", and "64 3 1 /32" where subgroups of 32 are asked for.
static const char *constants_text(const struct hone_dispatch *d, char text[256]) {
    int used = 0;
    text[0] = 0;
    for (int i = 0; i < d->spec_count; i++)
        used += snprintf(text + used, (size_t)(256 - used), "%s%u", i ? " " : "", d->spec[i]);
    if (d->subgroup) snprintf(text + used, (size_t)(256 - used), " /%u", d->subgroup);
    return text;
}

// 1 where it broke a rule, with a line on stderr.
static int complain(const struct hone_dispatch *d, const char *what, long long value,
                    long long limit) {
    char constants[256];
    if (value <= limit) return 0;
    fprintf(stderr, "%s: %s (%s): %s %lld, the ceiling is %lld\n", device, d->kernel->name,
            constants_text(d, constants), what, value, limit);
    return 1;
}

static int check(const struct hone_dispatch *d, const struct hone_gpu_pipeline_statistics *s) {
    const struct ceiling *c = ceiling_of(d->kernel->name);
    int wrong = complain(d, "spills", s->spills, c->scratch ? INT64_MAX : 0) +
                complain(d, "scratch bytes", s->scratch_bytes, c->scratch) +
                complain(d, "registers", s->registers, c->registers) +
                complain(d, "shared bytes", s->shared_bytes, c->shared);
    if ((d->kernel->needs & HONE_FEATURE_COOPERATIVE_MATRIX) && s->matrix_instructions == 0) {
        fprintf(stderr, "%s: %s has no matrix instruction\n", device, d->kernel->name);
        wrong++;
    }
    return wrong;
}

static void write_number(struct hone_text *table, int64_t value) {
    if (value == HONE_GPU_UNKNOWN)
        hone_text_printf(table, ",");
    else
        hone_text_printf(table, ",%lld", (long long)value);
}

static void write_line(struct hone_text *table, const struct hone_dispatch *d,
                       const struct hone_gpu_pipeline_statistics *s) {
    char constants[256];
    hone_text_printf(table, "%s,%s", d->kernel->name, constants_text(d, constants));
    const int64_t numbers[] = {
        s->subgroup_size,      s->registers,    s->scalar_registers,   s->spills,
        s->scratch_bytes,      s->shared_bytes, s->instructions,       s->memory_instructions,
        s->code_bytes,         s->cycles,       s->inverse_throughput, s->subgroups_in_flight,
        s->matrix_instructions};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) write_number(table, numbers[i]);
    hone_text_printf(table, "\n");
}

// ---- All of them -------------------------------------------------------------------------------

static void write_table(const struct hone_text *table) {
    const char *folder = getenv("HONE_STATISTICS");
    char path[512];
    if (!folder || !*folder) return;
    snprintf(path, sizeof path, "%s/%s.csv", folder, device);
    assert_ok(hone_file_write(path, table->data, table->length));
}

static void test_pipelines(void **state) {
    (void)state;
    static const char *const nets[] = {"resnet50", "mobilenet_v2", "efficientnet_b0"};
    struct test_dispatches set;
    struct hone_text table = {0};
    const char *only = getenv("HONE_TEST_KERNEL");
    int wrong = 0;
    read_ceilings();
    test_dispatches_init(&set, hone_gpu_caps(gpu));
    test_dispatches_add_cases(&set);
    for (int i = 0; i < 3; i++) {
        test_dispatches_add_net(&set, nets[i], 1);
        test_dispatches_add_net(&set, nets[i], 32);
    }
    test_dispatches_sort(&set);
    assert_true(set.count > 0);
    hone_text_printf(&table, "kernel,constants,subgroup,registers,scalars,spills,scratch,shared,"
                             "instructions,memory,code,cycles,throughput,flight,matrix\n");
    for (size_t i = 0; i < set.count; i++) {
        const struct hone_dispatch *d = &set.items[i];
        struct hone_gpu_pipeline *pipeline;
        struct hone_gpu_pipeline_statistics s;
        char constants[256];
        if (only && fnmatch(only, d->kernel->name, 0) != 0) continue;
        struct hone_gpu *with = d->kernel->needs & HONE_FEATURE_COOPERATIVE_MATRIX ? lister : gpu;
        if (hone_gpu_pipeline_get(with, d->kernel, d->spec, d->spec_count, d->subgroup,
                                  &pipeline) != HONE_OK)
            fail_msg("%s (%s): %s", d->kernel->name, constants_text(d, constants),
                     hone_error_message());
        assert_ok(hone_gpu_pipeline_statistics(with, pipeline, &s));
        wrong += check(d, &s);
        write_line(&table, d, &s);
    }
    assert_int_equal(table.status, HONE_OK);
    write_table(&table);
    fprintf(stderr, "%s: %zu pipelines, %d break a rule\n", device, set.count, wrong);
    hone_text_deinit(&table);
    test_dispatches_deinit(&set);
    assert_int_equal(wrong, 0);
}

int main(void) {
    int skip = test_gpu_require();
    if (skip) return skip;
    const char *name = getenv("HONE_DRIVER");
    snprintf(device, sizeof device, "%s", name && *name ? name : "this");
    const struct hone_gpu_open_params numbers = {.cache_dir = "",
                                                 .capture = HONE_GPU_CAPTURE_NUMBERS};
    const struct hone_gpu_open_params listings = {.cache_dir = "",
                                                  .capture = HONE_GPU_CAPTURE_LISTINGS};
    struct hone_gpu_pipeline *pipeline;
    struct hone_gpu_pipeline_statistics s;
    const uint32_t group = 64;
    if (hone_gpu_open(&numbers, &gpu) != HONE_OK || hone_gpu_open(&listings, &lister) != HONE_OK ||
        hone_gpu_pipeline_get(gpu, hone_kernel_find("fill_f32"), &group, 1, 0, &pipeline) !=
            HONE_OK) {
        fprintf(stderr, "failed: %s\n", hone_error_message());
        return 1;
    }
    bool says = hone_gpu_pipeline_statistics(gpu, pipeline, &s) == HONE_OK;
    if (!says) fprintf(stderr, "skipped: %s\n", hone_error_message());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pipelines),
    };
    int result = says ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
    hone_gpu_close(&lister);
    hone_gpu_close(&gpu);
    return result;
}
