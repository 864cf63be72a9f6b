// mobilenet_v3.c: Howard et al.: Searching for MobileNetV3 (2019), small and large, with
// torchvision's names.
#include "model/zoo/zoo.h"

static const struct hone_act_attrs swish = {.kind = HONE_ACT_HARD_SWISH},
                                   relu = {.kind = HONE_ACT_RELU},
                                   gate = {.kind = HONE_ACT_HARD_SIGMOID, .a = 1 / 6.0f, .b = 0.5f};

struct mobilenet_block {
    int32_t kernel, expanded, out;
    bool squeeze, swish;
    int32_t stride;
};

static hone_value conv_norm(struct hone_zoo *zoo, const char *module, hone_value x,
                            struct hone_zoo_conv conv) {
    char name[HONE_ZOO_NAME];
    x = hone_zoo_conv(zoo, hone_zoo_name(name, "%s.0", module), x, &conv);
    return hone_zoo_norm(zoo, hone_zoo_name(name, "%s.1", module), x);
}

static hone_value bottleneck(struct hone_zoo *zoo, int number, hone_value x,
                             const struct mobilenet_block *b) {
    char name[HONE_ZOO_NAME];
    const struct hone_act_attrs act = b->swish ? swish : relu;
    int32_t in = hone_zoo_channels(zoo, x), wide = b->expanded;
    int at = 0;
    hone_value y = x;
    if (wide != in) {
        hone_zoo_name(name, "features.%d.block.%d", number, at++);
        y = conv_norm(zoo, name, y, (struct hone_zoo_conv){.out = wide, .kernel = 1});
        y = hone_zoo_act(zoo, y, act);
    }
    hone_zoo_name(name, "features.%d.block.%d", number, at++);
    y = conv_norm(zoo, name, y,
                  (struct hone_zoo_conv){
                      .out = wide, .kernel = b->kernel, .stride = b->stride, .groups = wide});
    y = hone_zoo_act(zoo, y, act);
    if (b->squeeze) {
        hone_zoo_name(name, "features.%d.block.%d", number, at++);
        y = hone_zoo_squeeze_excite(zoo, name, y, hone_zoo_divisible(wide / 4), HONE_ACT_RELU,
                                    gate);
    }
    hone_zoo_name(name, "features.%d.block.%d", number, at);
    y = conv_norm(zoo, name, y, (struct hone_zoo_conv){.out = b->out, .kernel = 1});
    if (b->stride == 1 && in == b->out)
        y = HONE_EMIT(zoo->model->graph, &hone_op_add, NULL, NULL, y, x);
    return y;
}

hone_value hone_zoo_mobilenet_v3(struct hone_zoo *zoo, hone_value image, int variant) {
    static const struct mobilenet_block small[] = {
        {3, 16, 16, true, false, 2}, {3, 72, 24, false, false, 2}, {3, 88, 24, false, false, 1},
        {5, 96, 40, true, true, 2},  {5, 240, 40, true, true, 1},  {5, 240, 40, true, true, 1},
        {5, 120, 48, true, true, 1}, {5, 144, 48, true, true, 1},  {5, 288, 96, true, true, 2},
        {5, 576, 96, true, true, 1}, {5, 576, 96, true, true, 1},
    };
    static const struct mobilenet_block large[] = {
        {3, 16, 16, false, false, 1}, {3, 64, 24, false, false, 2}, {3, 72, 24, false, false, 1},
        {5, 72, 40, true, false, 2},  {5, 120, 40, true, false, 1}, {5, 120, 40, true, false, 1},
        {3, 240, 80, false, true, 2}, {3, 200, 80, false, true, 1}, {3, 184, 80, false, true, 1},
        {3, 184, 80, false, true, 1}, {3, 480, 112, true, true, 1}, {3, 672, 112, true, true, 1},
        {5, 672, 160, true, true, 2}, {5, 960, 160, true, true, 1}, {5, 960, 160, true, true, 1},
    };
    const struct mobilenet_block *blocks = variant ? large : small;
    int count = variant ? (int)(sizeof large / sizeof *large) : (int)(sizeof small / sizeof *small);
    char name[HONE_ZOO_NAME];
    struct hone_graph *graph = zoo->model->graph;
    zoo->norm_eps = 1e-3f;
    hone_value x = conv_norm(zoo, "features.0", image,
                             (struct hone_zoo_conv){.out = 16, .kernel = 3, .stride = 2});
    x = hone_zoo_act(zoo, x, swish);
    for (int b = 0; b < count; b++) x = bottleneck(zoo, b + 1, x, &blocks[b]);
    int32_t wide = 6 * hone_zoo_channels(zoo, x);
    x = conv_norm(zoo, hone_zoo_name(name, "features.%d", count + 1), x,
                  (struct hone_zoo_conv){.out = wide, .kernel = 1});
    x = hone_zoo_act(zoo, x, swish);
    struct hone_shape_attrs flat = {.rank = 2, .dim = {0, wide}};
    x = HONE_EMIT(graph, &hone_op_global_avg_pool, "avgpool", NULL, x);
    x = HONE_EMIT(graph, &hone_op_reshape, "flatten", &flat, x);
    x = hone_zoo_act(zoo, hone_zoo_linear(zoo, "classifier.0", x, variant ? 1280 : 1024), swish);
    return hone_zoo_linear(zoo, "classifier.3", x, hone_zoo_classes(zoo, "classifier.3", 1000));
}
