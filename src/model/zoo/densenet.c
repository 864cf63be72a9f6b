// densenet.c: Huang, Liu, van der Maaten, Weinberger: Densely connected convolutional networks
// (2017): each layer adds `growth` channels to all that came before it.
#include "model/zoo/zoo.h"

static const struct hone_act_attrs relu = {.kind = HONE_ACT_RELU};

// Norm, relu, convolution: "MODULE.normN", "MODULE.convN".
static hone_value norm_conv(struct hone_zoo *zoo, const char *module, const char *number,
                            hone_value x, int32_t out, int32_t kernel) {
    char name[HONE_ZOO_NAME];
    struct hone_zoo_conv conv = {.out = out, .kernel = kernel};
    x = hone_zoo_norm(zoo, hone_zoo_name(name, "%s.norm%s", module, number), x);
    x = hone_zoo_act(zoo, x, relu);
    return hone_zoo_conv(zoo, hone_zoo_name(name, "%s.conv%s", module, number), x, &conv);
}

hone_value hone_zoo_densenet(struct hone_zoo *zoo, hone_value image, int variant) {
    static const struct {
        int variant, layers[4];
        int32_t growth, first;
    } shapes[] = {{121, {6, 12, 24, 16}, 32, 64},
                  {161, {6, 12, 36, 24}, 48, 96},
                  {169, {6, 12, 32, 32}, 32, 64},
                  {201, {6, 12, 48, 32}, 32, 64}};
    struct hone_graph *graph = zoo->model->graph;
    char name[HONE_ZOO_NAME];
    int s = 0;
    while (shapes[s].variant != variant) s++;
    struct hone_zoo_conv stem = {.out = shapes[s].first, .kernel = 7, .stride = 2};
    struct hone_pool_attrs pool = {.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1}},
                           half = {.kernel = {2, 2}, .stride = {2, 2}};
    struct hone_concat_attrs channels = {.axis = 3};
    hone_value x = hone_zoo_conv(zoo, "features.conv0", image, &stem);
    x = hone_zoo_act(zoo, hone_zoo_norm(zoo, "features.norm0", x), relu);
    x = HONE_EMIT(graph, &hone_op_max_pool, "features.pool0", &pool, x);
    for (int b = 0; b < 4; b++) {
        for (int l = 0; l < shapes[s].layers[b]; l++) {
            hone_zoo_name(name, "features.denseblock%d.denselayer%d", b + 1, l + 1);
            hone_value y = norm_conv(zoo, name, "1", x, 4 * shapes[s].growth, 1);
            y = norm_conv(zoo, name, "2", y, shapes[s].growth, 3);
            x = HONE_EMIT(graph, &hone_op_concat, name, &channels, x, y);
        }
        if (b == 3) break;
        hone_zoo_name(name, "features.transition%d", b + 1);
        x = norm_conv(zoo, name, "", x, hone_zoo_channels(zoo, x) / 2, 1);
        x = HONE_EMIT(graph, &hone_op_avg_pool, name, &half, x);
    }
    x = hone_zoo_act(zoo, hone_zoo_norm(zoo, "features.norm5", x), relu);
    return hone_zoo_classifier(zoo, "classifier", x, 1000);
}
