// test_cache: the pipeline cache on disk: kept, found again, and replaced when damaged.
#include "support/gpu.h"

#include "base/file.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct hone_gpu *open_with(const char *dir) {
    struct hone_gpu *gpu;
    assert_ok(hone_gpu_open(&(struct hone_gpu_open_params){.cache_dir = dir}, &gpu));
    return gpu;
}

// Opens, compiles one pipeline and closes; what was loaded at open.
static uint64_t use(const char *dir) {
    struct hone_gpu *gpu = open_with(dir);
    struct hone_gpu_pipeline *pipeline;
    const uint32_t group = 64;
    uint64_t loaded = hone_gpu_cache_stats(gpu).loaded_bytes;
    assert_ok(hone_gpu_pipeline_get(gpu, hone_kernel_find("fill_f32"), &group, 1, 0, &pipeline));
    test_gpu_close(&gpu);
    return loaded;
}

// The one file of the folder; the caller frees the path.
static char *only_file(const char *dir) {
    struct hone_arena arena = {0};
    struct hone_dir_entry *entries;
    size_t count;
    assert_ok(hone_dir_list(dir, &arena, &entries, &count));
    assert_int_equal(count, 1);
    char *path = hone_path_join(dir, entries[0].name);
    hone_arena_deinit(&arena);
    return path;
}

static void test_kept_and_found(void **state) {
    (void)state;
    char temp[256], dir[300];
    test_temp_dir(temp);
    snprintf(dir, sizeof dir, "%s/deep/er", temp); // made when needed
    assert_int_equal(use(dir), 0);
    uint64_t first = use(dir);
    assert_true(first >= 32); // Vulkan's own header at least
    hone_free(only_file(dir));
    test_temp_remove(temp);
}

static void test_damage(void **state) {
    (void)state;
    char dir[256];
    char *data;
    size_t bytes;
    test_temp_dir(dir);
    use(dir);
    char *path = only_file(dir);
    for (int damage = 0; damage < 4; damage++) {
        assert_true(use(dir) > 0);
        assert_ok(hone_file_read(path, 0, &data, &bytes));
        if (damage == 0) data[bytes - 1] ^= 1; // payload
        if (damage == 1) data[9] ^= 1;         // hone version
        if (damage == 2) bytes /= 2;           // cut
        if (damage == 3) bytes = 0;            // empty
        assert_ok(hone_file_write(path, data, bytes));
        hone_free(data);
        assert_int_equal(use(dir), 0); // ignored, and replaced
        assert_true(use(dir) > 0);
    }
    hone_free(path);
    test_temp_remove(dir);
}

static void test_places(void **state) {
    (void)state;
    char dir[256];
    test_temp_dir(dir);
    const char *old = getenv("XDG_CACHE_HOME");
    char *kept = old ? hone_strdup(old) : NULL;
    setenv("XDG_CACHE_HOME", dir, 1);
    use(NULL);
    assert_true(use(NULL) > 0);
    assert_int_equal(use(""), 0);               // none is wanted
    char *folder = hone_path_join(dir, "hone"); // drivers keep folders of their own beside it
    hone_free(only_file(folder));
    hone_free(folder);
    if (kept)
        setenv("XDG_CACHE_HOME", kept, 1);
    else
        unsetenv("XDG_CACHE_HOME");
    hone_free(kept);
    // A place that can't be written to costs nothing but the cache.
    char file[300];
    snprintf(file, sizeof file, "%s/file", dir);
    assert_ok(hone_file_write(file, "x", 1));
    assert_int_equal(use(file), 0);
    test_temp_remove(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept_and_found),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_places),
    };
    int needed = test_gpu_require();
    return needed ? needed : cmocka_run_group_tests(tests, NULL, NULL);
}
