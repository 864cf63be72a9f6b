// efficientnet.c: Tan, Le: EfficientNet: rethinking model scaling for convolutional neural networks
// (2019), B0 to B4, with torchvision's names. Stochastic depth and dropout are the trainer's
// business.
#include "model/zoo/zoo.h"

#include <math.h>

static const struct hone_act_attrs silu = {.kind = HONE_ACT_SILU};

static hone_value conv_norm(struct hone_zoo *zoo, const char *module, hone_value x,
                            const struct hone_zoo_conv *conv) {
    char name[HONE_ZOO_NAME];
    x = hone_zoo_conv(zoo, hone_zoo_name(name, "%s.0", module), x, conv);
    return hone_zoo_norm(zoo, hone_zoo_name(name, "%s.1", module), x);
}

static hone_value mbconv(struct hone_zoo *zoo, const char *block, hone_value x, int32_t out,
                         int32_t kernel, int32_t stride, int32_t expand) {
    char name[HONE_ZOO_NAME];
    int32_t in = hone_zoo_channels(zoo, x), wide = in * expand;
    int at = 0;
    hone_value y = x;
    if (expand != 1) {
        y = conv_norm(zoo, hone_zoo_name(name, "%s.block.%d", block, at++), y,
                      &(struct hone_zoo_conv){.out = wide, .kernel = 1});
        y = hone_zoo_act(zoo, y, silu);
    }
    y = conv_norm(
        zoo, hone_zoo_name(name, "%s.block.%d", block, at++), y,
        &(struct hone_zoo_conv){.out = wide, .kernel = kernel, .stride = stride, .groups = wide});
    y = hone_zoo_act(zoo, y, silu);
    y = hone_zoo_squeeze_excite(zoo, hone_zoo_name(name, "%s.block.%d", block, at++), y,
                                in / 4 ? in / 4 : 1, HONE_ACT_SILU,
                                (struct hone_act_attrs){.kind = HONE_ACT_SIGMOID});
    y = conv_norm(zoo, hone_zoo_name(name, "%s.block.%d", block, at), y,
                  &(struct hone_zoo_conv){.out = out, .kernel = 1});
    if (stride == 1 && in == out) y = HONE_EMIT(zoo->model->graph, &hone_op_add, NULL, NULL, y, x);
    return y;
}

hone_value hone_zoo_efficientnet(struct hone_zoo *zoo, hone_value image, int variant) {
    static const struct {
        int32_t expand, kernel, stride, out, blocks;
    } stages[] = {{1, 3, 1, 16, 1},  {6, 3, 2, 24, 2},  {6, 5, 2, 40, 2}, {6, 3, 2, 80, 3},
                  {6, 5, 1, 112, 3}, {6, 5, 2, 192, 4}, {6, 3, 1, 320, 1}};
    static const double scales[][2] = {{1, 1}, {1, 1.1}, {1.1, 1.2}, {1.2, 1.4}, {1.4, 1.8}};
    double wider = scales[variant][0], deeper = scales[variant][1];
    hone_value x = conv_norm(
        zoo, "features.0", image,
        &(struct hone_zoo_conv){.out = hone_zoo_divisible(32 * wider), .kernel = 3, .stride = 2});
    x = hone_zoo_act(zoo, x, silu);
    for (int s = 0; s < (int)(sizeof stages / sizeof *stages); s++)
        for (int block = 0; block < (int)ceil(stages[s].blocks * deeper); block++) {
            char name[HONE_ZOO_NAME];
            hone_zoo_name(name, "features.%d.%d", s + 1, block);
            x = mbconv(zoo, name, x, hone_zoo_divisible(stages[s].out * wider), stages[s].kernel,
                       block ? 1 : stages[s].stride, stages[s].expand);
        }
    x = conv_norm(zoo, "features.8", x,
                  &(struct hone_zoo_conv){.out = 4 * hone_zoo_channels(zoo, x), .kernel = 1});
    x = hone_zoo_act(zoo, x, silu);
    return hone_zoo_classifier(zoo, "classifier.1", x, 1000);
}
