// tiny.c: see tiny.h.
#include "support/tiny.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/rng.h"
#include "ops/ops.h"

static hone_value add_param(struct hone_model *model, const char *name, enum hone_param_kind kind,
                            struct hone_desc desc, uint64_t seed) {
    int64_t count = hone_desc_elements(&desc);
    float *data = hone_arena_alloc(&model->arena, (size_t)count, sizeof *data);
    int index;
    assert_non_null(data);
    for (int64_t i = 0; i < count; i++) {
        double noise = hone_rng_normal(seed, model->param_count, (uint64_t)i);
        data[i] = kind == HONE_PARAM_WEIGHT ? (float)(noise * 0.3)
                  : kind == HONE_PARAM_NORM_SCALE || kind == HONE_PARAM_NORM_VAR ? 1
                                                                                 : 0;
    }
    enum hone_param_layout layout =
        kind == HONE_PARAM_WEIGHT ? HONE_LAYOUT_FILTER : HONE_LAYOUT_SAME;
    assert_ok(hone_model_add_param(model, name, kind, layout, desc, data, &index));
    return model->params[index].value;
}

static hone_value add_block(struct hone_model *model, int number, hone_value x, int32_t in,
                            int32_t out, uint64_t seed) {
    static const struct {
        const char *name;
        enum hone_param_kind kind;
    } norm[] = {{"gamma", HONE_PARAM_NORM_SCALE},
                {"beta", HONE_PARAM_NORM_SHIFT},
                {"mean", HONE_PARAM_NORM_MEAN},
                {"var", HONE_PARAM_NORM_VAR}};
    char name[32];
    snprintf(name, sizeof name, "c%d.weight", number);
    hone_value w =
        add_param(model, name, HONE_PARAM_WEIGHT, hone_desc_make(HONE_F32, 4, out, 3, 3, in), seed);
    struct hone_conv2d_attrs conv = {
        .stride = {2, 2}, .pad = {1, 1, 1, 1}, .dilation = {1, 1}, .groups = 1};
    hone_value values[5] = {HONE_EMIT(model->graph, &hone_op_conv2d, NULL, &conv, x, w)};
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "n%d.%s", number, norm[i].name);
        values[1 + i] =
            add_param(model, name, norm[i].kind, hone_desc_make(HONE_F32, 1, out, 0, 0, 0), seed);
    }
    x = hone_graph_emit(model->graph, &hone_op_batch_norm, NULL,
                        &(struct hone_batch_norm_attrs){.eps = 1e-5f}, values, 5);
    return HONE_EMIT(model->graph, &hone_op_act, NULL,
                     &(struct hone_act_attrs){.kind = HONE_ACT_RELU}, x);
}

struct hone_model *test_tiny_model(uint64_t seed) {
    struct hone_model *model;
    assert_ok(hone_model_create(&model));
    model->image =
        hone_graph_input(model->graph, "image", hone_desc_make(HONE_F32, 4, 1, 16, 16, 3));
    model->preprocess = (struct hone_preprocess){.height = 16, .width = 16};
    assert_ok(hone_preprocess_parse("tf", &model->preprocess));
    hone_value x = add_block(model, 1, model->image, 3, 8, seed);
    x = add_block(model, 2, x, 8, 16, seed);
    x = HONE_EMIT(model->graph, &hone_op_global_avg_pool, NULL, NULL, x);
    struct hone_shape_attrs flat = {.rank = 2, .dim = {0, 16}};
    x = HONE_EMIT(model->graph, &hone_op_reshape, NULL, &flat, x);
    assert_ok(hone_graph_status(model->graph));
    assert_ok(hone_model_finish(model, x));
    return model;
}

void test_tiny_pictures(const char *folder, int count) {
    static const char *const classes[] = {"bar", "spot"};
    for (int c = 0; c < 2; c++) {
        char path[400];
        snprintf(path, sizeof path, "%s/%s", folder, classes[c]);
        assert_ok(hone_dir_make(path));
        for (int i = 0; i < count; i++) {
            uint64_t stream = (uint64_t)(c * 100000 + i);
            int at = 3 + (int)hone_rng_below(7, stream, 1000, 10);
            char file[13 + 256];
            int head = snprintf(file, sizeof file, "P5\n16 16\n255\n");
            assert_int_equal(head, 13);
            for (int k = 0; k < 256; k++) {
                int y = k / 16, x = k % 16;
                bool lit = c == 0 ? y == at : hypot(x - at, y - at) < 2.5;
                file[head + k] =
                    (char)((lit ? 170 : 60) + (int)(60 * hone_rng_f32(7, stream, (uint64_t)k)));
            }
            snprintf(path, sizeof path, "%s/%s/%03d.pgm", folder, classes[c], i);
            assert_ok(hone_file_write(path, file, sizeof file));
        }
    }
}

void test_tiny_job(char dir[256], int count, struct hone_train_params *params,
                   struct hone_data_params *data) {
    test_temp_dir(dir);
    assert_int_equal(chdir(dir), 0);
    struct hone_model *model = test_tiny_model(3);
    assert_ok(hone_model_save(model, "tiny.onnx"));
    hone_model_destroy(&model);
    test_tiny_pictures("pictures", count);
    assert_ok(hone_options_init(&hone_data_options, data));
    assert_ok(hone_options_init(&hone_train_options, params));
    data->folder = "pictures";
    params->backbone = "tiny.onnx";
    params->device = "ref";
    params->recipe = HONE_RECIPE_FULL;
    params->batch = 8;
    params->lr = 0.02f;
}
