// resnet_cifar.c: the nets for 32 x 32 pictures of He et al. (2016), section 4.2, with shortcuts of
// kind A: every second pixel, and zeros for the channels that are new. Names of tensors as in
// akamaster/pytorch_resnet_cifar10.
#include "model/zoo/zoo.h"

static const struct hone_act_attrs relu = {.kind = HONE_ACT_RELU};

static hone_value conv_norm(struct hone_zoo *zoo, const char *block, int number, hone_value x,
                            int32_t out, int32_t stride) {
    char name[HONE_ZOO_NAME];
    struct hone_zoo_conv conv = {.out = out, .kernel = 3, .stride = stride};
    x = hone_zoo_conv(zoo, hone_zoo_name(name, "%sconv%d", block, number), x, &conv);
    return hone_zoo_norm(zoo, hone_zoo_name(name, "%sbn%d", block, number), x);
}

static hone_value shortcut(struct hone_zoo *zoo, hone_value x, int32_t out, int32_t stride) {
    int32_t more = out - hone_zoo_channels(zoo, x);
    if (stride == 1 && more == 0) return x;
    struct hone_pool_attrs second = {.kernel = {1, 1}, .stride = {stride, stride}, .count_pad = 1};
    struct hone_pad_attrs zeros = {.before = {0, 0, 0, more / 2},
                                   .after = {0, 0, 0, more - more / 2}};
    x = HONE_EMIT(zoo->model->graph, &hone_op_avg_pool, NULL, &second, x);
    return HONE_EMIT(zoo->model->graph, &hone_op_pad, NULL, &zeros, x);
}

hone_value hone_zoo_resnet_cifar(struct hone_zoo *zoo, hone_value image, int variant) {
    int blocks = (variant - 2) / 6;
    hone_value x = hone_zoo_act(zoo, conv_norm(zoo, "", 1, image, 16, 1), relu);
    for (int stage = 0; stage < 3; stage++)
        for (int block = 0; block < blocks; block++) {
            char name[HONE_ZOO_NAME];
            int32_t width = 16 << stage, stride = stage && !block ? 2 : 1;
            hone_zoo_name(name, "layer%d.%d.", stage + 1, block);
            hone_value y = hone_zoo_act(zoo, conv_norm(zoo, name, 1, x, width, stride), relu);
            y = conv_norm(zoo, name, 2, y, width, 1);
            y = HONE_EMIT(zoo->model->graph, &hone_op_add, NULL, NULL, y,
                          shortcut(zoo, x, width, stride));
            x = hone_zoo_act(zoo, y, relu);
        }
    return hone_zoo_classifier(zoo, "linear", x, 10);
}
