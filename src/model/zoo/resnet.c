// resnet.c: He, Zhang, Ren, Sun: Deep residual learning for image recognition (2016), as
// torchvision builds it: the stride of a bottleneck is in its 3x3 convolution ("v1.5"). With groups
// in it: Xie et al., ResNeXt (2017); twice as wide: Zagoruyko, Komodakis, Wide residual networks
// (2016).
#include "model/zoo/zoo.h"

static const struct hone_act_attrs relu = {.kind = HONE_ACT_RELU};

struct resnet_shape {
    int depth, blocks[4];
    bool bottleneck;
    int32_t groups, group_width; // of the inner convolution, where the stage is 64 wide
};

static hone_value conv_norm(struct hone_zoo *zoo, const char *block, int number, hone_value x,
                            int32_t out, int32_t kernel, int32_t stride, int32_t groups) {
    char name[HONE_ZOO_NAME];
    struct hone_zoo_conv conv = {.out = out, .kernel = kernel, .stride = stride, .groups = groups};
    x = hone_zoo_conv(zoo, hone_zoo_name(name, "%s.conv%d", block, number), x, &conv);
    return hone_zoo_norm(zoo, hone_zoo_name(name, "%s.bn%d", block, number), x);
}

// Two 3x3 convolutions, or 1x1, 3x3 and 1x1 to four times the width; what enters is added.
static hone_value residual(struct hone_zoo *zoo, const char *block, hone_value x, int32_t width,
                           int32_t stride, const struct resnet_shape *shape) {
    char name[HONE_ZOO_NAME];
    int32_t out = shape->bottleneck ? 4 * width : width;
    int32_t inner = width / 64 * shape->group_width * shape->groups;
    hone_value y = x;
    if (shape->bottleneck) {
        y = hone_zoo_act(zoo, conv_norm(zoo, block, 1, y, inner, 1, 1, 1), relu);
        y = hone_zoo_act(zoo, conv_norm(zoo, block, 2, y, inner, 3, stride, shape->groups), relu);
        y = conv_norm(zoo, block, 3, y, out, 1, 1, 1);
    } else {
        y = hone_zoo_act(zoo, conv_norm(zoo, block, 1, y, width, 3, stride, 1), relu);
        y = conv_norm(zoo, block, 2, y, width, 3, 1, 1);
    }
    if (stride != 1 || hone_zoo_channels(zoo, x) != out) {
        struct hone_zoo_conv conv = {.out = out, .kernel = 1, .stride = stride};
        x = hone_zoo_conv(zoo, hone_zoo_name(name, "%s.downsample.0", block), x, &conv);
        x = hone_zoo_norm(zoo, hone_zoo_name(name, "%s.downsample.1", block), x);
    }
    y = HONE_EMIT(zoo->model->graph, &hone_op_add, NULL, NULL, y, x);
    return hone_zoo_act(zoo, y, relu);
}

hone_value hone_zoo_resnet(struct hone_zoo *zoo, hone_value image, int variant) {
    static const struct resnet_shape shapes[] = {{18, {2, 2, 2, 2}, false, 1, 64},
                                                 {34, {3, 4, 6, 3}, false, 1, 64},
                                                 {50, {3, 4, 6, 3}, true, 1, 64},
                                                 {101, {3, 4, 23, 3}, true, 1, 64},
                                                 {152, {3, 8, 36, 3}, true, 1, 64}};
    static const int32_t inner[][2] = {{1, 64}, {32, 4}, {32, 8}, {1, 128}};
    int s = 0;
    while (shapes[s].depth != variant % 1000) s++;
    struct resnet_shape shape = shapes[s];
    shape.groups = inner[variant / 1000][0];
    shape.group_width = inner[variant / 1000][1];
    struct hone_zoo_conv stem = {.out = 64, .kernel = 7, .stride = 2};
    hone_value x = hone_zoo_norm(zoo, "bn1", hone_zoo_conv(zoo, "conv1", image, &stem));
    x = hone_zoo_act(zoo, x, relu);
    struct hone_pool_attrs pool = {.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1}};
    x = HONE_EMIT(zoo->model->graph, &hone_op_max_pool, "maxpool", &pool, x);
    for (int stage = 0; stage < 4; stage++)
        for (int block = 0; block < shape.blocks[stage]; block++) {
            char name[HONE_ZOO_NAME];
            hone_zoo_name(name, "layer%d.%d", stage + 1, block);
            x = residual(zoo, name, x, 64 << stage, stage && !block ? 2 : 1, &shape);
        }
    return hone_zoo_classifier(zoo, "fc", x, 1000);
}
