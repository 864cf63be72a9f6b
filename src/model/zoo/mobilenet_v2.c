// mobilenet_v2.c: Sandler, Howard, Zhu, Zhmoginov, Chen: MobileNetV2: inverted residuals and linear
// bottlenecks (2018), width 1.0. What transformers publishes was trained in TensorFlow.
#include "model/zoo/zoo.h"

static const struct hone_act_attrs relu6 = {.kind = HONE_ACT_CLIP, .a = 0, .b = 6};

hone_value hone_zoo_mobilenet_v2(struct hone_zoo *zoo, hone_value image, int variant) {
    static const struct {
        int32_t expand, out, blocks, stride;
    } stages[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                  {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
    if (hone_zoo_speaks(zoo, "transformers_mobilenet_v2")) variant |= HONE_ZOO_TF;
    hone_zoo_tensorflow(zoo, variant);
    struct hone_zoo_inverted block = {.flat = 1, .kernel = 3, .act = relu6};
    hone_value x = hone_zoo_conv_norm(zoo, "stem", image,
                                      &(struct hone_zoo_conv){.out = 32, .kernel = 3, .stride = 2});
    x = hone_zoo_act(zoo, x, relu6);
    for (int s = 0; s < (int)(sizeof stages / sizeof *stages); s++)
        for (int b = 0; b < stages[s].blocks; b++, block.flat++) {
            block.stage = s;
            block.index = b;
            block.wide = hone_zoo_channels(zoo, x) * stages[s].expand;
            block.out = stages[s].out;
            block.stride = b ? 1 : stages[s].stride;
            x = hone_zoo_inverted(zoo, x, &block);
        }
    x = hone_zoo_conv_norm(zoo, "head", x, &(struct hone_zoo_conv){.out = 1280, .kernel = 1});
    x = hone_zoo_act(zoo, x, relu6);
    return hone_zoo_classifier(zoo, "classifier", x, 1000);
}
