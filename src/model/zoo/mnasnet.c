// mnasnet.c: Tan, Chen, Pang, Vasudevan, Sandler, Howard, Le: MnasNet: platform-aware neural
// architecture search for mobile (2019), B1, `variant` hundredths as wide.
#include "model/zoo/zoo.h"

static const struct hone_act_attrs relu = {.kind = HONE_ACT_RELU};

hone_value hone_zoo_mnasnet(struct hone_zoo *zoo, hone_value image, int variant) {
    static const struct {
        int32_t expand, kernel, stride, out, blocks;
    } stages[] = {{1, 3, 1, 16, 1}, {3, 3, 2, 24, 3},  {3, 5, 2, 40, 3}, {6, 5, 2, 80, 3},
                  {6, 3, 1, 96, 2}, {6, 5, 2, 192, 4}, {6, 3, 1, 320, 1}};
    double width = variant / 100.0;
    const struct hone_zoo_conv stem = {
        .out = hone_zoo_divisible(32 * width), .kernel = 3, .stride = 2};
    struct hone_zoo_inverted block = {.act = relu};
    hone_value x = hone_zoo_act(zoo, hone_zoo_conv_norm(zoo, "stem", image, &stem), relu);
    for (int s = 0; s < (int)(sizeof stages / sizeof *stages); s++)
        for (int b = 0; b < stages[s].blocks; b++, block.flat++) {
            block.stage = s;
            block.index = b;
            block.kernel = stages[s].kernel;
            block.wide = hone_zoo_channels(zoo, x) * stages[s].expand;
            block.out = hone_zoo_divisible(stages[s].out * width);
            block.stride = b ? 1 : stages[s].stride;
            x = hone_zoo_inverted(zoo, x, &block);
        }
    const struct hone_zoo_conv head = {.out = 1280, .kernel = 1};
    x = hone_zoo_act(zoo, hone_zoo_conv_norm(zoo, "head", x, &head), relu);
    return hone_zoo_classifier(zoo, "classifier", x, 1000);
}
