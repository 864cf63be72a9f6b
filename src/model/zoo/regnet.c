// regnet.c: Radosavovic et al.: Designing network design spaces (2020), X and, with squeeze and
// excitation, Y. The widths are what the paper's formula gives.
#include "model/zoo/zoo.h"

static const struct hone_act_attrs relu = {.kind = HONE_ACT_RELU},
                                   gate = {.kind = HONE_ACT_SIGMOID};

struct regnet_shape {
    int depth[4];
    int32_t width[4], group_width;
    bool squeeze;
};

static hone_value conv_norm(struct hone_zoo *zoo, const char *block, const char *part, hone_value x,
                            struct hone_zoo_conv conv) {
    char name[HONE_ZOO_NAME];
    x = hone_zoo_conv(zoo, hone_zoo_name(name, "%s.%s.0", block, part), x, &conv);
    return hone_zoo_norm(zoo, hone_zoo_name(name, "%s.%s.1", block, part), x);
}

static hone_value regnet_block(struct hone_zoo *zoo, const char *block, hone_value x, int32_t out,
                               int32_t stride, const struct regnet_shape *shape) {
    char name[HONE_ZOO_NAME];
    int32_t in = hone_zoo_channels(zoo, x);
    struct hone_zoo_conv one = {.out = out, .kernel = 1};
    hone_value y = hone_zoo_act(zoo, conv_norm(zoo, block, "f.a", x, one), relu);
    y = conv_norm(
        zoo, block, "f.b", y,
        (struct hone_zoo_conv){
            .out = out, .kernel = 3, .stride = stride, .groups = out / shape->group_width});
    y = hone_zoo_act(zoo, y, relu);
    if (shape->squeeze)
        y = hone_zoo_squeeze_excite(zoo, hone_zoo_name(name, "%s.f.se", block), y, in / 4,
                                    HONE_ACT_RELU, gate);
    y = conv_norm(zoo, block, "f.c", y, one);
    if (in != out || stride != 1) {
        one.stride = stride;
        x = conv_norm(zoo, block, "proj", x, one);
    }
    return hone_zoo_act(zoo, HONE_EMIT(zoo->model->graph, &hone_op_add, NULL, NULL, x, y), relu);
}

hone_value hone_zoo_regnet(struct hone_zoo *zoo, hone_value image, int variant) {
    static const struct regnet_shape shapes[] = {
        {{1, 2, 7, 12}, {32, 64, 160, 400}, 16, false},
        {{1, 3, 7, 5}, {64, 128, 288, 672}, 16, false},
        {{2, 4, 10, 2}, {72, 168, 408, 912}, 24, false},
        {{2, 6, 15, 2}, {96, 192, 432, 1008}, 48, false},
        {{1, 3, 6, 6}, {48, 104, 208, 440}, 8, true},
        {{1, 3, 8, 2}, {64, 144, 320, 784}, 16, true},
        {{2, 6, 17, 2}, {48, 120, 336, 888}, 24, true},
        {{2, 5, 13, 1}, {72, 216, 576, 1512}, 24, true},
        {{1, 2, 7, 12}, {32, 64, 160, 384}, 16, false},
        {{1, 3, 8, 2}, {64, 128, 320, 768}, 16, true},
    };
    const struct regnet_shape *shape = &shapes[variant];
    struct hone_zoo_conv stem = {.out = 32, .kernel = 3, .stride = 2};
    hone_value x = hone_zoo_norm(zoo, "stem.1", hone_zoo_conv(zoo, "stem.0", image, &stem));
    x = hone_zoo_act(zoo, x, relu);
    for (int s = 0; s < 4; s++)
        for (int b = 0; b < shape->depth[s]; b++) {
            char name[HONE_ZOO_NAME];
            hone_zoo_name(name, "trunk_output.block%d.block%d-%d", s + 1, s + 1, b);
            x = regnet_block(zoo, name, x, shape->width[s], b ? 1 : 2, shape);
        }
    return hone_zoo_classifier(zoo, "fc", x, 1000);
}
