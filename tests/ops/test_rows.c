// test_rows.c: what every kernel row asks for, without a device: for each case and a few made-up
// devices, setup() gives launches that agree with the kernel table, stay inside the limits and bind
// what exists.
#include "support/op_case.h"

#include "exec/internal.h"
#include "ops/common.h"
#include "ops/ops.h"
#include "ops/row.h"
#include "support/spirv.h"
#include "support/support.h"

#include <string.h>

// The least that Vulkan 1.2 promises, and three kinds of real devices.
enum { EVERYTHING = 0xffff & ~HONE_FEATURE_CPU };
static const struct hone_caps devices[] = {
    {.name = "the least",
     .subgroup_size = 1,
     .subgroup_min = 1,
     .subgroup_max = 1,
     .shared_bytes = 16384,
     .cores = 1,
     .workgroup_invocations = 128,
     .workgroup_size = {128, 128, 64},
     .workgroup_count = {65535, 65535, 65535},
     .push_bytes = 128,
     .storage_range_bytes = 1u << 27,
     .storage_offset_align = 256},
    {.name = "a discrete GPU",
     .features = EVERYTHING,
     .subgroup_size = 32,
     .subgroup_min = 32,
     .subgroup_max = 32,
     .shared_bytes = 49152,
     .cores = 132,
     .workgroup_invocations = 1024,
     .workgroup_size = {1024, 1024, 64},
     .workgroup_count = {2147483647, 65535, 65535},
     .push_bytes = 256,
     .storage_range_bytes = 0xffffffff,
     .storage_offset_align = 16,
     .matrices = {{16, 16, 16, HONE_MATRIX_F16, false, 0},
                  {16, 8, 16, HONE_MATRIX_F16, false, 0},
                  {16, 16, 16, HONE_MATRIX_BF16, false, 0},
                  {32, 32, 16, HONE_MATRIX_F16, true, 128},
                  {64, 32, 16, HONE_MATRIX_BF16, true, 256}},
     .matrix_count = 5,
     .matrix_subgroup = 32},
    {.name = "a GPU with narrow matrix units",
     .features = EVERYTHING,
     .subgroup_size = 32,
     .subgroup_min = 16,
     .subgroup_max = 32,
     .shared_bytes = 65536,
     .cores = 8,
     .workgroup_invocations = 1024,
     .workgroup_size = {1024, 1024, 1024},
     .workgroup_count = {65535, 65535, 65535},
     .push_bytes = 256,
     .storage_range_bytes = 1u << 30,
     .storage_offset_align = 64,
     .matrices = {{8, 16, 16, HONE_MATRIX_F16, false, 0}},
     .matrix_count = 1,
     .matrix_subgroup = 16},
    {.name = "an integrated GPU",
     .kind = HONE_DEVICE_INTEGRATED,
     .features = EVERYTHING & ~HONE_FEATURE_COOPERATIVE_MATRIX,
     .subgroup_size = 64,
     .subgroup_min = 8,
     .subgroup_max = 64,
     .shared_bytes = 32768,
     .workgroup_invocations = 1024,
     .workgroup_size = {1024, 1024, 1024},
     .workgroup_count = {65535, 65535, 65535},
     .push_bytes = 128,
     .storage_range_bytes = 1u << 30,
     .storage_offset_align = 64,
     .unified_memory = true},
    {.name = "a CPU with vectors of 4",
     .kind = HONE_DEVICE_CPU,
     .features = HONE_FEATURE_CPU | HONE_FEATURE_SUBGROUP_BASIC | HONE_FEATURE_SUBGROUP_BALLOT |
                 HONE_FEATURE_SUBGROUP_SHUFFLE | HONE_FEATURE_SUBGROUP_ARITHMETIC,
     .subgroup_size = 4,
     .subgroup_min = 4,
     .subgroup_max = 4,
     .shared_bytes = 32768,
     .workgroup_invocations = 256,
     .workgroup_size = {256, 256, 64},
     .workgroup_count = {65535, 65535, 65535},
     .push_bytes = 128,
     .storage_range_bytes = 1u << 27,
     .storage_offset_align = 16},
    {.name = "a CPU with vectors of 16",
     .kind = HONE_DEVICE_CPU,
     .features = 0xffff & ~HONE_FEATURE_COOPERATIVE_MATRIX,
     .subgroup_size = 16,
     .subgroup_min = 16,
     .subgroup_max = 16,
     .shared_bytes = 32768,
     .workgroup_invocations = 1024,
     .workgroup_size = {1024, 1024, 1024},
     .workgroup_count = {65535, 65535, 65535},
     .push_bytes = 256,
     .storage_range_bytes = 1u << 27,
     .storage_offset_align = 16},
};
enum { DEVICES = sizeof devices / sizeof *devices };

static uint64_t operand_bytes(const struct hone_infer_args *node, int outputs,
                              const struct hone_launch *launch, const struct hone_operand *o) {
    switch (o->kind) {
    case HONE_OPERAND_INPUT:
        assert_true(hone_op_has(node, o->index));
        return hone_desc_bytes(&node->in[o->index]);
    case HONE_OPERAND_OUTPUT:
        assert_true(o->index < outputs);
        return hone_desc_bytes(&node->out[o->index]);
    case HONE_OPERAND_SCRATCH:
        assert_true(o->index < HONE_LAUNCH_SCRATCH);
        return launch->scratch_bytes[o->index];
    }
    return 0;
}

// Where the node works in place, both bindings of the shared memory carry Aliased: without it a
// compiler may take them for apart.
static void check_aliases(const struct hone_op *op, const struct hone_infer_args *node,
                          const struct hone_dispatch *d) {
    struct hone_alias alias;
    for (int k = 0; op->alias && op->alias(node, k, &alias); k++) {
        uint32_t in = 0, out = 0;
        for (int i = 0; i < d->operand_count; i++) {
            const struct hone_operand *o = &d->operands[i];
            if (o->kind == HONE_OPERAND_INPUT && o->index == alias.input) in |= 1u << i;
            if (o->kind == HONE_OPERAND_OUTPUT && o->index == alias.output) out |= 1u << i;
        }
        if (!in || !out) continue;
        struct test_spirv module;
        assert_true(test_spirv_read(d->kernel->code, d->kernel->code_bytes, &module));
        if ((in | out) & ~module.aliased)
            fail_msg("%s: kernel %s works in place; mark bindings 0x%x ALIASED (lib/alias.glsl)",
                     op->name, d->kernel->name, in | out);
    }
}

// Fails with the case, the row and the device in front of hone's message.
static void check_launch(const char *label, const struct hone_op *op, const struct hone_op_row *row,
                         const struct hone_row_args *args) {
    struct hone_launch launch = {.dispatch_count = 0};
    hone_status status = row->setup(args, &launch);
    if (status == HONE_OK) status = hone_launch_check(&launch, args->caps);
    if (status != HONE_OK)
        fail_msg("%s, row %s, on %s: %s", label, row->name, args->caps->name, hone_error_message());
    if (launch.dispatch_count < 1)
        fail_msg("%s, row %s, on %s: nothing runs", label, row->name, args->caps->name);
    for (int i = 0; i < launch.dispatch_count; i++) {
        const struct hone_dispatch *d = &launch.dispatches[i];
        if (d->kernel->needs & ~row->needs)
            fail_msg("%s: row %s does not name all that kernel %s needs", op->name, row->name,
                     d->kernel->name);
        check_aliases(op, args->node, d);
        for (int k = 0; k < 3; k++) assert_in_range(d->grid[k], 1, 65535);
        // Constant 0 is the workgroup's x size.
        if (d->spec_count > 0) assert_in_range(d->spec[0], 1, args->caps->workgroup_invocations);
        for (int k = 0; k < d->operand_count; k++) {
            const struct hone_operand *o = &d->operands[k];
            uint64_t bytes = operand_bytes(args->node, op->outputs, &launch, o);
            if (o->offset + (o->bytes ? o->bytes : 1) > bytes ||
                o->offset % args->caps->storage_offset_align)
                fail_msg("%s, row %s, kernel %s: operand %d is outside its %llu bytes", label,
                         row->name, d->kernel->name, k, (unsigned long long)bytes);
        }
    }
}

static void check_rows(const char *label, const struct hone_op *op,
                       const struct hone_infer_args *node) {
    for (int d = 0; d < DEVICES; d++) {
        const struct hone_row_args args = {.node = node, .caps = &devices[d]};
        if (!(op->flags & (HONE_OP_VIEW | HONE_OP_PACK)))
            assert_non_null(hone_row_select(op, &args, NULL));
        for (int i = 0; i < op->row_count; i++) {
            const struct hone_op_row *row = &op->rows[i];
            if (row->needs & ~devices[d].features) continue;
            if (row->fits && !row->fits(&args)) continue;
            check_launch(label, op, row, &args);
            struct hone_row_args tiled = args;
            char name[HONE_TILE_NAME];
            for (tiled.tile = 1; row->tile && row->tile(&tiled, tiled.tile, name); tiled.tile++)
                check_launch(label, op, row, &tiled);
        }
    }
}

static void test_cases(void **state) {
    (void)state;
    const struct hone_case *test;
    for (int i = 0; (test = hone_case_at(i)); i++) {
        char label[128];
        struct hone_desc in[HONE_CASE_INPUTS], out[HONE_OP_MAX_OUTPUTS];
        for (int k = 0; k < test->input_count; k++) in[k] = test->in[k].desc;
        const struct hone_infer_args node = {test->attrs, test->input_count, in, out};
        assert_ok(test->op->infer(&node));
        check_rows(hone_case_label(test, label), test->op, &node);
    }
}

// Tensors near the limit of 2^31 elements: grids fold, 32-bit indices hold.
static void test_large(void **state) {
    (void)state;
    const struct hone_act_attrs relu = {.kind = HONE_ACT_RELU};
    const struct hone_scale_attrs half = {0.5f};
    const struct hone_shape_attrs channels = {.rank = 1, .dim = {63}};
    const struct hone_dropout_attrs dropout = {.rate = 0.5f};
    const struct hone_sgd_attrs sgd = {.momentum = 0.9f};
    const struct hone_desc x = hone_desc_make(HONE_F32, 4, 512, 255, 255, 63);
    const struct hone_desc slab = hone_desc_make(HONE_F32, 1, 1 << 30, 0, 0, 0);
    const struct hone_desc c = hone_desc_make(HONE_F32, 1, 63, 0, 0, 0);
    const struct hone_desc clock = hone_desc_make(HONE_I32, 1, 2, 0, 0, 0);
    const struct hone_desc segments = hone_desc_make(HONE_F32, 2, 1 << 24, 2, 0, 0);
    const struct hone_desc hyper = hone_desc_make(HONE_F32, 1, 4, 0, 0, 0);
    const struct hone_conv2d_attrs groups = {.stride = {1, 1},
                                             .dilation = {1, 1},
                                             .groups = 70001,
                                             .in_h = 1,
                                             .in_w = 2,
                                             .filter_h = 1,
                                             .filter_w = 1};
    const struct hone_desc wide = hone_desc_make(HONE_F32, 4, 1, 1, 2, 70001);
    const struct hone_desc filters = hone_desc_make(HONE_F32, 4, 70001, 1, 1, 1);
    const struct hone_cross_entropy_attrs hard = {0};
    const struct hone_desc scores = hone_desc_make(HONE_F32, 2, 2000000, 10, 0, 0);
    const struct hone_desc labels = hone_desc_make(HONE_I32, 1, 2000000, 0, 0, 0);
    const struct hone_desc ten = hone_desc_make(HONE_F32, 1, 10, 0, 0, 0);
    const struct hone_desc one = hone_desc_make(HONE_F32, 1, 1, 0, 0, 0);
    const struct hone_desc words = hone_desc_make(HONE_F32, 2, 3, 3000000, 0, 0);
    const struct {
        const struct hone_op *op;
        const void *attrs;
        int count;
        struct hone_desc in[5];
    } large[] = {
        {&hone_op_act, &relu, 1, {x}},
        {&hone_op_act_bwd, &relu, 2, {x, x}},
        {&hone_op_scale, &half, 1, {x}},
        {&hone_op_add, NULL, 2, {x, x}},
        {&hone_op_mul, NULL, 2, {x, c}},
        {&hone_op_reduce_to, &channels, 1, {x}},
        {&hone_op_dropout, &dropout, 2, {x, clock}},
        {&hone_op_sgd, &sgd, 5, {slab, slab, slab, segments, hyper}},
        {&hone_op_ema, NULL, 3, {slab, slab, hyper}},
        {&hone_op_conv2d, &groups, 2, {wide, filters}},
        {&hone_op_conv2d_bwd_x, &groups, 2, {wide, filters}},
        {&hone_op_conv2d_bwd_w, &groups, 2, {wide, wide}},
        {&hone_op_softmax, NULL, 1, {words}},
        {&hone_op_cross_entropy, &hard, 3, {scores, labels, ten}},
        {&hone_op_cross_entropy_bwd, &hard, 4, {one, scores, labels, ten}},
        {&hone_op_train_stats, NULL, 4, {hyper, one, scores, labels}},
    };
    for (size_t i = 0; i < sizeof large / sizeof *large; i++) {
        struct hone_desc out[HONE_OP_MAX_OUTPUTS];
        const struct hone_infer_args node = {large[i].attrs, large[i].count, large[i].in, out};
        assert_ok(large[i].op->infer(&node));
        check_rows(large[i].op->name, large[i].op, &node);
    }
}

// Loops of Mesa 22.3 end after 65,535 rounds without a word: a mean over more pixels than that is
// cut in slices even where there are results enough to keep the device busy.
static void test_no_mean_loops_too_long(void **state) {
    (void)state;
    struct hone_desc x = hone_desc_make(HONE_F32, 4, 100, 333, 333, 3), y;
    const struct hone_infer_args node = {NULL, 1, &x, &y};
    const struct hone_op *op = &hone_op_global_avg_pool;
    assert_ok(op->infer(&node));
    for (int d = 0; d < DEVICES; d++) {
        struct hone_row_args args = {.node = &node, .caps = &devices[d]};
        struct hone_launch launch = {.dispatch_count = 0};
        assert_ok(hone_row_select(op, &args, NULL)->setup(&args, &launch));
        uint32_t push[5]; // n rows c slices slice_rows
        memcpy(push, launch.dispatches[0].push, sizeof push);
        assert_int_equal(push[1], 333 * 333);
        assert_in_range(push[4], 1, 65535);
        assert_int_equal(push[3], (push[1] + push[4] - 1) / push[4]);
        assert_true(launch.scratch_bytes[0] == (uint64_t)push[3] * 100 * 3 * sizeof(float));
    }
}

// Invocations of a dispatch.
static uint64_t threads(const struct hone_dispatch *d) {
    return (uint64_t)d->grid[0] * d->grid[1] * d->grid[2] * d->spec[0];
}

// On a GPU sums with few results take two passes, both wide, and nobody adds long alone.
static void test_sums_fill_gpus(void **state) {
    (void)state;
    const struct hone_caps *gpu = &devices[1];
    const struct hone_shape_attrs channels = {.rank = 1, .dim = {64}}, scalar = {.rank = 0};
    const struct hone_desc in[5] = {
        hone_desc_make(HONE_F32, 4, 32, 56, 56, 64), hone_desc_make(HONE_F32, 1, 64, 0, 0, 0),
        hone_desc_make(HONE_F32, 1, 64, 0, 0, 0), hone_desc_make(HONE_F32, 1, 64, 0, 0, 0),
        hone_desc_make(HONE_F32, 1, 64, 0, 0, 0)};
    const struct hone_batch_norm_attrs norm = {.eps = 1e-5f, .momentum = 0.1f};
    const struct {
        const struct hone_op *op;
        const void *attrs;
        int count;
    } sums[] = {{&hone_op_reduce_to, &channels, 1},
                {&hone_op_reduce_to, &scalar, 1},
                {&hone_op_batch_norm_train, &norm, 5}};
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++) {
        struct hone_desc out[HONE_OP_MAX_OUTPUTS];
        const struct hone_infer_args node = {sums[i].attrs, sums[i].count, in, out};
        assert_ok(sums[i].op->infer(&node));
        const struct hone_row_args args = {.node = &node, .caps = gpu};
        struct hone_launch launch = {.dispatch_count = 0};
        assert_ok(hone_row_select(sums[i].op, &args, NULL)->setup(&args, &launch));
        // The third pass of a norm applies it.
        assert_int_equal(launch.dispatch_count, sums[i].op == &hone_op_reduce_to ? 2 : 3);
        assert_true(threads(&launch.dispatches[0]) >= 32768);
        assert_true(launch.dispatches[1].spec[1] >= 8); // invocations that share a result
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_no_mean_loops_too_long),
        cmocka_unit_test(test_sums_fill_gpus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
