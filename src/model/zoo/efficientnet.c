// efficientnet.c: Tan, Le: EfficientNet: rethinking model scaling for convolutional neural networks
// (2019), B0, with torchvision's names. Stochastic depth and dropout are the trainer's business.
#include "model/zoo/zoo.h"

static const struct hone_act_attrs silu = {.kind = HONE_ACT_SILU};

static hone_value conv_norm(struct hone_zoo *zoo, const char *module, hone_value x,
                            const struct hone_zoo_conv *conv) {
    char name[HONE_ZOO_NAME];
    x = hone_zoo_conv(zoo, hone_zoo_name(name, "%s.0", module), x, conv);
    return hone_zoo_norm(zoo, hone_zoo_name(name, "%s.1", module), x);
}

// Squeeze and excitation (Hu, Shen, Sun 2018): each channel times a number from all channels'
// means.
static hone_value squeeze_excite(struct hone_zoo *zoo, const char *module, hone_value x,
                                 int32_t narrow) {
    char name[HONE_ZOO_NAME];
    struct hone_graph *graph = zoo->model->graph;
    int32_t channels = hone_zoo_channels(zoo, x);
    hone_value s = HONE_EMIT(graph, &hone_op_global_avg_pool, NULL, NULL, x);
    s = hone_zoo_conv(zoo, hone_zoo_name(name, "%s.fc1", module), s,
                      &(struct hone_zoo_conv){.out = narrow, .kernel = 1, .bias = true});
    s = hone_zoo_act(zoo, s, silu);
    s = hone_zoo_conv(zoo, hone_zoo_name(name, "%s.fc2", module), s,
                      &(struct hone_zoo_conv){.out = channels, .kernel = 1, .bias = true});
    s = hone_zoo_act(zoo, s, (struct hone_act_attrs){.kind = HONE_ACT_SIGMOID});
    return HONE_EMIT(graph, &hone_op_mul, NULL, NULL, x, s);
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
    y = squeeze_excite(zoo, hone_zoo_name(name, "%s.block.%d", block, at++), y,
                       in / 4 ? in / 4 : 1);
    y = conv_norm(zoo, hone_zoo_name(name, "%s.block.%d", block, at), y,
                  &(struct hone_zoo_conv){.out = out, .kernel = 1});
    if (stride == 1 && in == out) y = HONE_EMIT(zoo->model->graph, &hone_op_add, NULL, NULL, y, x);
    return y;
}

hone_value hone_zoo_efficientnet_b0(struct hone_zoo *zoo, hone_value image, int variant) {
    static const struct {
        int32_t expand, kernel, stride, out, blocks;
    } stages[] = {{1, 3, 1, 16, 1},  {6, 3, 2, 24, 2},  {6, 5, 2, 40, 2}, {6, 3, 2, 80, 3},
                  {6, 5, 1, 112, 3}, {6, 5, 2, 192, 4}, {6, 3, 1, 320, 1}};
    (void)variant;
    hone_value x = conv_norm(zoo, "features.0", image,
                             &(struct hone_zoo_conv){.out = 32, .kernel = 3, .stride = 2});
    x = hone_zoo_act(zoo, x, silu);
    for (int s = 0; s < (int)(sizeof stages / sizeof *stages); s++)
        for (int block = 0; block < stages[s].blocks; block++) {
            char name[HONE_ZOO_NAME];
            hone_zoo_name(name, "features.%d.%d", s + 1, block);
            x = mbconv(zoo, name, x, stages[s].out, stages[s].kernel, block ? 1 : stages[s].stride,
                       stages[s].expand);
        }
    x = conv_norm(zoo, "features.8", x, &(struct hone_zoo_conv){.out = 1280, .kernel = 1});
    x = hone_zoo_act(zoo, x, silu);
    return hone_zoo_classifier(zoo, "classifier.1", x, 1000);
}
