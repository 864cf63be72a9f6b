// test_kernels: each embedded SPIR-V module against what the kernel table says of it. A wrong row
// would bind, push or specialise the wrong thing, and validation can't see all of that.
#include "support/spirv.h"
#include "support/support.h"

#include "base/caps.h"
#include "kernels/kernels.h"

#include <string.h>

static uint32_t low_bits(unsigned count) {
    return count >= 32 ? UINT32_MAX : (1u << count) - 1;
}

// Capability of the module -> feature that the row must name.
static const struct {
    uint32_t capability;
    uint32_t feature;
    const char *name;
} capability_rows[] = {
    {9, HONE_FEATURE_F16, "Float16"},
    {11, HONE_FEATURE_INT64, "Int64"},
    {61, HONE_FEATURE_SUBGROUP_BASIC, "GroupNonUniform"},
    {63, HONE_FEATURE_SUBGROUP_ARITHMETIC, "GroupNonUniformArithmetic"},
};

static void check(const struct hone_kernel *kernel, const struct test_spirv *module) {
    const char *name = kernel->name;
    if (module->other_resources)
        fail_msg("%s has resources besides storage buffers in set 0", name);
    if (module->bindings != low_bits(kernel->bindings))
        fail_msg("%s: the module binds 0x%x, the table says %d buffers", name, module->bindings,
                 kernel->bindings);
    if (module->specs != low_bits(kernel->specs))
        fail_msg("%s: the module has specialisation ids 0x%x, the table says %d", name,
                 module->specs, kernel->specs);
    if (module->push_bytes != kernel->push_bytes)
        fail_msg("%s: the module's push block is %u bytes, the table says %d", name,
                 module->push_bytes, kernel->push_bytes);
    for (size_t i = 0; i < sizeof capability_rows / sizeof *capability_rows; i++)
        if ((module->capabilities >> capability_rows[i].capability & 1) &&
            !(kernel->needs & capability_rows[i].feature))
            fail_msg("%s: capability %s, but the row doesn't need it", name,
                     capability_rows[i].name);
    if (module->buffer_addresses && !(kernel->needs & HONE_FEATURE_BUFFER_ADDRESS))
        fail_msg("%s uses buffer addresses, but the row doesn't need them", name);
    if (module->cooperative_matrix && !(kernel->needs & HONE_FEATURE_COOPERATIVE_MATRIX))
        fail_msg("%s uses cooperative matrices, but the row doesn't need them", name);
    if (module->cooperative_matrix2 && !(kernel->needs & HONE_FEATURE_COOPERATIVE_MATRIX2))
        fail_msg("%s has matrices of workgroups, but the row doesn't need them", name);
    if (module->storage_16bit && !(kernel->needs & HONE_FEATURE_STORAGE_16BIT))
        fail_msg("%s has 16-bit buffers, but the row doesn't need them", name);
}

static void test_modules(void **state) {
    (void)state;
    assert_true(hone_kernel_count > 0);
    for (size_t i = 0; i < hone_kernel_count; i++) {
        struct test_spirv module;
        if (!test_spirv_read(hone_kernels[i].code, hone_kernels[i].code_bytes, &module))
            fail_msg("%s is not a SPIR-V module", hone_kernels[i].name);
        check(&hone_kernels[i], &module);
    }
}

static void test_limits(void **state) {
    (void)state;
    for (size_t i = 0; i < hone_kernel_count; i++) {
        if (hone_kernels[i].push_bytes > 128) fail_msg("%s pushes too much", hone_kernels[i].name);
        if (hone_kernels[i].push_bytes % 4)
            fail_msg("%s pushes part of a word", hone_kernels[i].name);
        assert_true(hone_kernels[i].bindings <= 30); // SwiftShader's limit
    }
}

static void test_find(void **state) {
    (void)state;
    for (size_t i = 0; i < hone_kernel_count; i++)
        assert_ptr_equal(hone_kernel_find(hone_kernels[i].name), &hone_kernels[i]); // unique names
    assert_null(hone_kernel_find("no such kernel"));
    assert_null(hone_kernel_find(""));
}

static void test_reader_refuses(void **state) {
    (void)state;
    const struct hone_kernel *kernel = hone_kernel_find("fill_f32");
    struct test_spirv module;
    assert_true(test_spirv_read(kernel->code, kernel->code_bytes, &module));
    assert_int_equal(module.push_bytes, 8);
    assert_int_equal(module.bindings, 1);
    assert_false(test_spirv_read(kernel->code, kernel->code_bytes - 2, &module));
    assert_false(test_spirv_read(kernel->code + 1, kernel->code_bytes - 4, &module));
    assert_false(test_spirv_read(kernel->code, 12, &module));
    assert_false(test_spirv_read(kernel->code, 24, &module)); // inside the first instruction
    uint32_t words[8] = {0};
    memcpy(words, kernel->code, 5 * 4);
    assert_false(test_spirv_read(words, sizeof words, &module)); // an instruction of no words
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_modules),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_reader_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
