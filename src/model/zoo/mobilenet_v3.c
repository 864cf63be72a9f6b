// mobilenet_v3.c: Howard et al.: Searching for MobileNetV3 (2019), small and large.
#include "model/zoo/zoo.h"

static const struct hone_act_attrs swish = {.kind = HONE_ACT_HARD_SWISH},
                                   relu = {.kind = HONE_ACT_RELU},
                                   gate = {.kind = HONE_ACT_HARD_SIGMOID, .a = 1 / 6.0f, .b = 0.5f};

struct mobilenet_block {
    int32_t kernel, expanded, out;
    bool squeeze, swish;
    int32_t stride;
};

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
    zoo->norm_eps = hone_zoo_speaks(zoo, "timm_blocks") ? 1e-5f : 1e-3f;
    variant = hone_zoo_tensorflow(zoo, variant);
    const struct mobilenet_block *blocks = variant ? large : small;
    int count = variant ? (int)(sizeof large / sizeof *large) : (int)(sizeof small / sizeof *small);
    char name[HONE_ZOO_NAME];
    struct hone_graph *graph = zoo->model->graph;
    const struct hone_zoo_conv stem = {.out = 16, .kernel = 3, .stride = 2};
    hone_value x = hone_zoo_act(zoo, hone_zoo_conv_norm(zoo, "stem", image, &stem), swish);
    struct hone_zoo_inverted block = {.gate = gate, .gate_act = HONE_ACT_RELU};
    for (int b = 0; b < count; b++) {
        bool same = b && blocks[b].out == blocks[b - 1].out;
        block.flat = b + 1;
        block.stage += b && !same;
        block.index = same ? block.index + 1 : 0;
        block.kernel = blocks[b].kernel;
        block.wide = blocks[b].expanded;
        // NOLINTNEXTLINE(bugprone-integer-division): as its authors divide
        block.squeeze = blocks[b].squeeze ? hone_zoo_divisible(blocks[b].expanded / 4) : 0;
        block.out = blocks[b].out;
        block.stride = blocks[b].stride;
        block.act = blocks[b].swish ? swish : relu;
        x = hone_zoo_inverted(zoo, x, &block);
    }
    const struct hone_zoo_conv last = {.out = 6 * hone_zoo_channels(zoo, x), .kernel = 1};
    hone_zoo_name(name, "last.%d.%d", count + 1, block.stage + 1);
    x = hone_zoo_act(zoo, hone_zoo_conv_norm(zoo, name, x, &last), swish);
    struct hone_shape_attrs flat = {.rank = 2, .dim = {0, last.out}};
    x = HONE_EMIT(graph, &hone_op_global_avg_pool, "avgpool", NULL, x);
    x = HONE_EMIT(graph, &hone_op_reshape, "flatten", &flat, x);
    x = hone_zoo_act(zoo, hone_zoo_linear(zoo, "head.conv", x, variant ? 1280 : 1024), swish);
    return hone_zoo_linear(zoo, "classifier", x, hone_zoo_classes(zoo, "classifier", 1000));
}
