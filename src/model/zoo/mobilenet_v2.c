// mobilenet_v2.c: Sandler, Howard, Zhu, Zhmoginov, Chen: MobileNetV2: inverted residuals and linear
// bottlenecks (2018), width 1.0, with torchvision's names.
#include "model/zoo/zoo.h"

static const struct hone_act_attrs relu6 = {.kind = HONE_ACT_CLIP, .a = 0, .b = 6};

static hone_value conv_norm_relu6(struct hone_zoo *zoo, const char *module, hone_value x,
                                  const struct hone_zoo_conv *conv) {
    char name[HONE_ZOO_NAME];
    x = hone_zoo_conv(zoo, hone_zoo_name(name, "%s.0", module), x, conv);
    x = hone_zoo_norm(zoo, hone_zoo_name(name, "%s.1", module), x);
    return hone_zoo_act(zoo, x, relu6);
}

// Widen by `expand`, depthwise, narrow without an activation.
static hone_value inverted_residual(struct hone_zoo *zoo, int number, hone_value x, int32_t out,
                                    int32_t stride, int32_t expand) {
    char name[HONE_ZOO_NAME];
    int32_t in = hone_zoo_channels(zoo, x), wide = in * expand;
    int at = 0;
    hone_value y = x;
    if (expand != 1)
        y = conv_norm_relu6(zoo, hone_zoo_name(name, "features.%d.conv.%d", number, at++), y,
                            &(struct hone_zoo_conv){.out = wide, .kernel = 1});
    y = conv_norm_relu6(
        zoo, hone_zoo_name(name, "features.%d.conv.%d", number, at++), y,
        &(struct hone_zoo_conv){.out = wide, .kernel = 3, .stride = stride, .groups = wide});
    y = hone_zoo_conv(zoo, hone_zoo_name(name, "features.%d.conv.%d", number, at++), y,
                      &(struct hone_zoo_conv){.out = out, .kernel = 1});
    y = hone_zoo_norm(zoo, hone_zoo_name(name, "features.%d.conv.%d", number, at), y);
    if (stride == 1 && in == out) y = HONE_EMIT(zoo->model->graph, &hone_op_add, NULL, NULL, x, y);
    return y;
}

hone_value hone_zoo_mobilenet_v2(struct hone_zoo *zoo, hone_value image, int variant) {
    static const struct {
        int32_t expand, out, blocks, stride;
    } stages[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                  {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
    (void)variant;
    int number = 1;
    hone_value x = conv_norm_relu6(zoo, "features.0", image,
                                   &(struct hone_zoo_conv){.out = 32, .kernel = 3, .stride = 2});
    for (size_t s = 0; s < sizeof stages / sizeof *stages; s++)
        for (int block = 0; block < stages[s].blocks; block++)
            x = inverted_residual(zoo, number++, x, stages[s].out, block ? 1 : stages[s].stride,
                                  stages[s].expand);
    x = conv_norm_relu6(zoo, "features.18", x, &(struct hone_zoo_conv){.out = 1280, .kernel = 1});
    return hone_zoo_classifier(zoo, "classifier.1", x, 1000);
}
