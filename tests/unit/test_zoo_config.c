// test_zoo_config: what names the net of a weight file: the caller, its metadata, config.json
// beside it, or its tensors, in this order; and the pictures and classes that a configuration asks
// for.
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "formats/zoo_config.h"
#include "model/zoo/zoo.h"

struct fixture {
    char folder[256], weights[300];
};

static void put(const struct fixture *f, const char *name, const char *text) {
    char path[400];
    snprintf(path, sizeof path, "%s/%s", f->folder, name);
    assert_ok(hone_file_write(path, text, strlen(text)));
}

// The weights of a small net; bare: without what hone writes into the metadata.
static void write_weights(struct fixture *f, const char *net, bool bare) {
    struct hone_model *model;
    snprintf(f->weights, sizeof f->weights, "%s/model.safetensors", f->folder);
    assert_ok(hone_zoo_model(net, 64, 5, &model));
    assert_ok(hone_model_save(model, f->weights));
    hone_model_destroy(&model);
    if (!bare) return;
    char *data;
    size_t bytes;
    assert_ok(hone_file_read(f->weights, 0, &data, &bytes));
    static const char *const notes[] = {"hone.preprocess", "hone.arch"};
    for (int i = 0; i < 2; i++) { // the header is text with its own zero-free bytes
        char *note = strstr(data + 8, notes[i]);
        assert_non_null(note);
        note[0] = 'x';
    }
    assert_ok(hone_file_write(f->weights, data, bytes));
    hone_free(data);
}

static struct hone_model *load(const struct fixture *f, const char *arch, const char *preprocess) {
    struct hone_model *model;
    const hone_model_load_params params = {.arch = arch, .preprocess = preprocess};
    assert_ok(hone_model_load(f->weights, &params, &model));
    return model;
}

static void expect_info(struct hone_model *model, const char *preprocess, int32_t size,
                        const char *how) {
    hone_model_info info;
    hone_model_get_info(model, &info);
    assert_string_equal(info.preprocess, preprocess);
    assert_int_equal(info.height, size);
    bool said = false;
    for (size_t i = 0; i < info.warnings; i++)
        said |= strstr(hone_model_warning(model, i), how) != NULL;
    if (!said) fail_msg("nothing says '%s'", how);
}

static void test_timm(void **state) {
    (void)state;
    struct fixture f;
    test_temp_dir(f.folder);
    write_weights(&f, "resnet20_cifar", true);
    put(&f, "config.json",
        "{\"architecture\": \"resnet20_cifar\", \"num_classes\": 10, \"label_names\": [\"a\", \"b\", "
        "\"c\", \"d\", \"e\", \"f\", \"g\", \"h\", \"i\", \"j\"], \"pretrained_cfg\": "
        "{\"input_size\": [3, 48, 48], \"mean\": [0.5, 0.5, 0.5], \"std\": [0.5, 0.5, 0.5], "
        "\"interpolation\": \"bicubic\", \"crop_pct\": 0.9, \"crop_mode\": \"center\"}}");
    struct hone_model *model = load(&f, NULL, NULL);
    expect_info(model, "tf:bicubic:crop=0.9", 48, "resnet20_cifar, as config.json beside it says");
    assert_string_equal(hone_model_class_name(model, 9), "j");
    // What hone writes of it says the same, without the configuration.
    char again[300];
    snprintf(again, sizeof again, "%s/again/model.safetensors", f.folder);
    char inner[300];
    snprintf(inner, sizeof inner, "%s/again", f.folder);
    assert_ok(hone_dir_make(inner));
    assert_ok(hone_model_save(model, again));
    hone_model_destroy(&model);
    assert_ok(hone_model_load(again, &(hone_model_load_params){.size = 48}, &model));
    expect_info(model, "tf:bicubic:crop=0.9", 48, "resnet20_cifar, as its metadata says");
    assert_string_equal(hone_model_class_name(model, 0), "a");
    hone_model_destroy(&model);
    // The caller's word goes above it.
    model = load(&f, "resnet20_cifar", "imagenet:stretch:bilinear");
    expect_info(model, "imagenet", 48, "as asked");
    hone_model_destroy(&model);
    put(&f, "config.json",
        "{\"architecture\": \"resnet20_cifar.x_in1k\", \"pretrained_cfg\": {\"mean\": [0, 0, 0], "
        "\"std\": [1, 1, 1], \"crop_pct\": 0.8, \"crop_mode\": \"squash\", \"interpolation\": "
        "\"lanczos\"}}");
    model = load(&f, NULL, NULL);
    expect_info(model, "0,0,0,1,1,1:stretch=0.8", 32, "(lanczos); hone resizes them bilinearly");
    hone_model_destroy(&model);
    put(&f, "config.json", "{\"architecture\": \"tf_efficientnetv2_s\"}");
    test_expect_failure(hone_model_load(f.weights, NULL, &model), HONE_UNSUPPORTED,
                        "config.json beside it says that the net is tf_efficientnetv2_s");
    test_temp_remove(f.folder);
}

static void test_transformers(void **state) {
    (void)state;
    struct fixture f;
    struct hone_model *model;
    test_temp_dir(f.folder);
    write_weights(&f, "convnext_atto", true);
    put(&f, "config.json",
        "{\"architectures\": [\"ConvNextForImageClassification\"], \"model_type\": \"convnext\", "
        "\"image_size\": 224, \"id2label\": {\"0\": \"LABEL_0\", \"1\": \"LABEL_1\"}}");
    put(&f, "preprocessor_config.json",
        "{\"crop_pct\": 0.875, \"image_mean\": [0.485, 0.456, 0.406], \"image_std\": [0.229, 0.224, "
        "0.225], \"resample\": 3, \"size\": {\"shortest_edge\": 64}}");
    model = load(&f, NULL, NULL);
    expect_info(model, "imagenet:bicubic:crop=0.875", 64,
                "convnext_atto, as config.json beside it says");
    assert_null(hone_model_class_name(model, 0));
    hone_model_destroy(&model);
    put(&f, "preprocessor_config.json", // as DINOv2's and ResNet's files have it
        "{\"crop_size\": {\"height\": 96, \"width\": 96}, \"do_center_crop\": true, \"image_mean\": "
        "[0.5, 0.5, 0.5], \"image_std\": [0.5, 0.5, 0.5], \"resample\": 2, \"size\": "
        "{\"shortest_edge\": 128}}");
    model = load(&f, NULL, NULL);
    expect_info(model, "tf:crop=0.75", 96, "convnext_atto, as config.json beside it says");
    hone_model_destroy(&model);
    put(&f, "preprocessor_config.json",
        "{\"image_mean\": [0.5, 0.5, 0.5], \"image_std\": [0.5, 0.5, 0.5], \"resample\": 2, "
        "\"size\": 64}");
    model = load(&f, NULL, NULL);
    expect_info(model, "tf", 64, "convnext_atto, as config.json beside it says");
    hone_model_destroy(&model);
    put(&f, "config.json", "{\"model_type\": \"vit\"}");
    test_expect_failure(hone_model_load(f.weights, NULL, &model), HONE_UNSUPPORTED,
                        "the nearest is vit");
    put(&f, "config.json", "{\"model_type\": \"segformer\"}");
    test_expect_failure(hone_model_load(f.weights, NULL, &model), HONE_UNSUPPORTED,
                        "the net is segformer, which hone does not build");
    model = load(&f, "convnext", NULL);
    expect_info(model, "tf", 64, "convnext, as asked");
    hone_model_destroy(&model);
    test_temp_remove(f.folder);
}

// Other programs' files of that name, and damaged ones.
static void test_strangers(void **state) {
    (void)state;
    static const char *const texts[] = {
        "", "{", "[1, 2]", "{\"port\": 8080}", "{\"architecture\": 7, \"model_type\": []}",
    };
    struct fixture f;
    test_temp_dir(f.folder);
    write_weights(&f, "resnet20_cifar", true);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        put(&f, "config.json", texts[i]);
        put(&f, "preprocessor_config.json", texts[i]);
        struct hone_model *model = load(&f, NULL, NULL);
        expect_info(model, "imagenet", 32, "resnet20_cifar, by the names of its tensors");
        hone_model_destroy(&model);
    }
    static const char *const wrong[] = {
        "{\"architecture\": \"resnet20_cifar\", \"mean\": [1, 2], \"std\": [1, 2, 3]}",
        "{\"architecture\": \"resnet20_cifar\", \"mean\": [1, 2, 3], \"std\": [1, 0, 3]}",
        "{\"architecture\": \"resnet20_cifar\", \"mean\": [1, 2, 1e300], \"std\": [1, 1, 1]}",
        "{\"architecture\": \"resnet20_cifar\", \"input_size\": [3, -4, 100000], \"crop_pct\": -1}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        put(&f, "config.json", wrong[i]);
        struct hone_model *model = load(&f, NULL, NULL);
        expect_info(model, "imagenet", 32, "as config.json beside it says");
        hone_model_destroy(&model);
    }
    write_weights(&f, "resnet20_cifar", false);
    put(&f, "config.json", "{\"architecture\": \"resnet18\"}");
    struct hone_model *model = load(&f, NULL, NULL);
    expect_info(model, "imagenet", 32, "resnet20_cifar, as its metadata says");
    hone_model_destroy(&model);
    test_temp_remove(f.folder);
}

static void test_allocation_failures(void **state) {
    (void)state;
    struct fixture f;
    test_temp_dir(f.folder);
    put(&f, "config.json",
        "{\"architecture\": \"resnet18\", \"label_names\": [\"a\", \"b\"], \"mean\": [0, 0, 0], "
        "\"std\": [1, 1, 1], \"interpolation\": \"nearest\"}");
    size_t live = hone_alloc_live_bytes();
    long failures = 0;
    for (;; failures++) {
        struct hone_zoo_config config;
        hone_alloc_fail_after(failures);
        hone_status status = hone_zoo_config_read(f.folder, &config);
        hone_alloc_fail_after(-1);
        if (status == HONE_OK) {
            assert_string_equal(config.net, "resnet18");
            assert_string_equal(config.filter, "nearest");
            assert_int_equal(config.class_count, 2);
        }
        hone_zoo_config_deinit(&config);
        assert_int_equal(hone_alloc_live_bytes(), live);
        if (status == HONE_OK) break;
        assert_int_equal(status, HONE_OUT_OF_MEMORY);
    }
    assert_true(failures >= 3);
    test_temp_remove(f.folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timm),
        cmocka_unit_test(test_transformers),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
