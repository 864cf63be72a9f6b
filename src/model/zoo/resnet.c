// resnet.c: He, Zhang, Ren, Sun: Deep residual learning for image recognition (2016), as
// torchvision builds it: the stride of a bottleneck is in its 3x3 convolution ("v1.5").
#include "model/zoo/zoo.h"

static const struct hone_act_attrs relu = {.kind = HONE_ACT_RELU};

static hone_value conv_norm(struct hone_zoo *zoo, const char *block, int number, hone_value x,
                            int32_t out, int32_t kernel, int32_t stride) {
    char name[HONE_ZOO_NAME];
    struct hone_zoo_conv conv = {.out = out, .kernel = kernel, .stride = stride};
    x = hone_zoo_conv(zoo, hone_zoo_name(name, "%s.conv%d", block, number), x, &conv);
    return hone_zoo_norm(zoo, hone_zoo_name(name, "%s.bn%d", block, number), x);
}

// Two 3x3 convolutions, or 1x1, 3x3 and 1x1 to four times the width; what enters is added.
static hone_value residual(struct hone_zoo *zoo, const char *block, hone_value x, int32_t width,
                           int32_t stride, bool bottleneck) {
    char name[HONE_ZOO_NAME];
    int32_t out = bottleneck ? 4 * width : width;
    hone_value y = x;
    if (bottleneck) {
        y = hone_zoo_act(zoo, conv_norm(zoo, block, 1, y, width, 1, 1), relu);
        y = hone_zoo_act(zoo, conv_norm(zoo, block, 2, y, width, 3, stride), relu);
        y = conv_norm(zoo, block, 3, y, out, 1, 1);
    } else {
        y = hone_zoo_act(zoo, conv_norm(zoo, block, 1, y, width, 3, stride), relu);
        y = conv_norm(zoo, block, 2, y, width, 3, 1);
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
    static const struct {
        int variant, blocks[4];
        bool bottleneck;
    } shapes[] = {{18, {2, 2, 2, 2}, false},
                  {34, {3, 4, 6, 3}, false},
                  {50, {3, 4, 6, 3}, true},
                  {101, {3, 4, 23, 3}, true}};
    int s = 0;
    while (shapes[s].variant != variant) s++;
    struct hone_zoo_conv stem = {.out = 64, .kernel = 7, .stride = 2};
    hone_value x = hone_zoo_norm(zoo, "bn1", hone_zoo_conv(zoo, "conv1", image, &stem));
    x = hone_zoo_act(zoo, x, relu);
    struct hone_pool_attrs pool = {.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1}};
    x = HONE_EMIT(zoo->model->graph, &hone_op_max_pool, "maxpool", &pool, x);
    for (int stage = 0; stage < 4; stage++)
        for (int block = 0; block < shapes[s].blocks[stage]; block++) {
            char name[HONE_ZOO_NAME];
            hone_zoo_name(name, "layer%d.%d", stage + 1, block);
            x = residual(zoo, name, x, 64 << stage, stage && !block ? 2 : 1, shapes[s].bottleneck);
        }
    return hone_zoo_classifier(zoo, "fc", x, 1000);
}
