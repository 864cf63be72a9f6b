// efficientnet.c: Tan, Le: EfficientNet: rethinking model scaling for convolutional neural networks
// (2019), B0 to B4, and as TensorFlow has them (timm's tf_efficientnet_b0). Stochastic depth and
// dropout are the trainer's business.
#include "model/zoo/zoo.h"

#include <math.h>

static const struct hone_act_attrs silu = {.kind = HONE_ACT_SILU};

hone_value hone_zoo_efficientnet(struct hone_zoo *zoo, hone_value image, int variant) {
    static const struct {
        int32_t expand, kernel, stride, out, blocks;
    } stages[] = {{1, 3, 1, 16, 1},  {6, 3, 2, 24, 2},  {6, 5, 2, 40, 2}, {6, 3, 2, 80, 3},
                  {6, 5, 1, 112, 3}, {6, 5, 2, 192, 4}, {6, 3, 1, 320, 1}};
    static const double scales[][2] = {{1, 1}, {1, 1.1}, {1.1, 1.2}, {1.2, 1.4}, {1.4, 1.8}};
    variant = hone_zoo_tensorflow(zoo, variant);
    double wider = scales[variant][0], deeper = scales[variant][1];
    const struct hone_zoo_conv stem = {
        .out = hone_zoo_divisible(32 * wider), .kernel = 3, .stride = 2};
    struct hone_zoo_inverted block = {.act = silu, .gate = {.kind = HONE_ACT_SIGMOID}};
    hone_value x = hone_zoo_act(zoo, hone_zoo_conv_norm(zoo, "stem", image, &stem), silu);
    for (int s = 0; s < (int)(sizeof stages / sizeof *stages); s++)
        for (int b = 0; b < (int)ceil(stages[s].blocks * deeper); b++, block.flat++) {
            int32_t in = hone_zoo_channels(zoo, x);
            block.stage = s;
            block.index = b;
            block.kernel = stages[s].kernel;
            block.wide = in * stages[s].expand;
            block.squeeze = in / 4 ? in / 4 : 1;
            block.out = hone_zoo_divisible(stages[s].out * wider);
            block.stride = b ? 1 : stages[s].stride;
            x = hone_zoo_inverted(zoo, x, &block);
        }
    const struct hone_zoo_conv head = {.out = 4 * hone_zoo_channels(zoo, x), .kernel = 1};
    x = hone_zoo_act(zoo, hone_zoo_conv_norm(zoo, "head", x, &head), silu);
    return hone_zoo_classifier(zoo, "classifier", x, 1000);
}
