// squeezenet.c: Iandola et al.: SqueezeNet (2016), 1.0 and 1.1, as torchvision builds them. The
// classifier is a 1x1 convolution with its activation in front of the global pool.
#include "model/zoo/zoo.h"

static const struct hone_act_attrs relu = {.kind = HONE_ACT_RELU};

static hone_value conv_relu(struct hone_zoo *zoo, const char *module, hone_value x, int32_t out,
                            int32_t kernel) {
    struct hone_zoo_conv conv = {.out = out, .kernel = kernel, .bias = true};
    return hone_zoo_act(zoo, hone_zoo_conv(zoo, module, x, &conv), relu);
}

// A narrow 1x1 convolution feeds a 1x1 and a 3x3, whose channels follow each other.
static hone_value fire(struct hone_zoo *zoo, int place, hone_value x, int32_t squeeze,
                       int32_t expand) {
    char name[HONE_ZOO_NAME];
    x = conv_relu(zoo, hone_zoo_name(name, "features.%d.squeeze", place), x, squeeze, 1);
    hone_value a =
        conv_relu(zoo, hone_zoo_name(name, "features.%d.expand1x1", place), x, expand, 1);
    hone_value b =
        conv_relu(zoo, hone_zoo_name(name, "features.%d.expand3x3", place), x, expand, 3);
    struct hone_concat_attrs channels = {.axis = 3};
    return HONE_EMIT(zoo->model->graph, &hone_op_concat, NULL, &channels, a, b);
}

// 3x3 at stride 2, a last odd row or column in a window of its own (ceil_mode).
static hone_value pool(struct hone_zoo *zoo, hone_value x) {
    if (zoo->model->graph->status != HONE_OK) return x;
    const struct hone_desc *desc = hone_graph_desc(zoo->model->graph, x);
    struct hone_pool_attrs attrs = {.kernel = {3, 3}, .stride = {2, 2}};
    attrs.pad[2] = (desc->dim[1] - 3) % 2 != 0;
    attrs.pad[3] = (desc->dim[2] - 3) % 2 != 0;
    return HONE_EMIT(zoo->model->graph, &hone_op_max_pool, NULL, &attrs, x);
}

hone_value hone_zoo_squeezenet(struct hone_zoo *zoo, hone_value image, int variant) {
    static const struct {
        int first, kernel;  // filters of the stem
        int pool_before[2]; // places in `features` where pictures halve again
    } shapes[] = {{96, 7, {7, 12}}, {64, 3, {6, 9}}};
    static const int32_t widths[][2] = {{16, 64},  {16, 64},  {32, 128}, {32, 128},
                                        {48, 192}, {48, 192}, {64, 256}, {64, 256}};
    int s = variant == 10 ? 0 : 1;
    struct hone_zoo_conv stem = {.out = shapes[s].first,
                                 .kernel = shapes[s].kernel,
                                 .stride = 2,
                                 .bias = true,
                                 .valid = true};
    hone_value x = hone_zoo_act(zoo, hone_zoo_conv(zoo, "features.0", image, &stem), relu);
    x = pool(zoo, x);
    int place = 3; // convolution, activation and pool take 0 to 2
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        if (place == shapes[s].pool_before[0] - 1 || place == shapes[s].pool_before[1] - 1) {
            x = pool(zoo, x);
            place++;
        }
        x = fire(zoo, place++, x, widths[i][0], widths[i][1]);
    }
    int32_t classes = hone_zoo_classes(zoo, "classifier.1", 1000);
    x = conv_relu(zoo, "classifier.1", x, classes, 1);
    struct hone_shape_attrs flat = {.rank = 2, .dim = {0, classes}};
    x = HONE_EMIT(zoo->model->graph, &hone_op_global_avg_pool, "avgpool", NULL, x);
    return HONE_EMIT(zoo->model->graph, &hone_op_reshape, "flatten", &flat, x);
}
