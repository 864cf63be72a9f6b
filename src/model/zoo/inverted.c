// inverted.c: the block of MobileNetV2, MobileNetV3 and EfficientNet.
#include "model/zoo/zoo.h"

hone_value hone_zoo_conv_norm(struct hone_zoo *zoo, const char *module, hone_value x,
                              const struct hone_zoo_conv *conv) {
    char name[HONE_ZOO_NAME];
    x = hone_zoo_conv(zoo, hone_zoo_name(name, "%s.conv", module), x, conv);
    return hone_zoo_norm(zoo, hone_zoo_name(name, "%s.norm", module), x);
}

hone_value hone_zoo_inverted(struct hone_zoo *zoo, hone_value x,
                             const struct hone_zoo_inverted *b) {
    char name[HONE_ZOO_NAME];
    int32_t in = hone_zoo_channels(zoo, x);
    int expands = b->wide != in, part = 0;
    hone_value y = x;
#define MODULE(part_name)                                                                          \
    hone_zoo_name(name, "block.%d.%d.%d.%d.%d." part_name, b->flat, b->stage, b->index, part++,    \
                  expands)
    if (expands) {
        const struct hone_zoo_conv conv = {.out = b->wide, .kernel = 1};
        y = hone_zoo_act(zoo, hone_zoo_conv_norm(zoo, MODULE("expand"), y, &conv), b->act);
    }
    const struct hone_zoo_conv depthwise = {
        .out = b->wide, .kernel = b->kernel, .stride = b->stride, .groups = b->wide};
    y = hone_zoo_act(zoo, hone_zoo_conv_norm(zoo, MODULE("depthwise"), y, &depthwise), b->act);
    if (b->squeeze)
        y = hone_zoo_squeeze_excite(zoo, MODULE("squeeze"), y, b->squeeze,
                                    b->gate_act ? b->gate_act : (enum hone_act)b->act.kind,
                                    b->gate);
    const struct hone_zoo_conv project = {.out = b->out, .kernel = 1};
    y = hone_zoo_conv_norm(zoo, MODULE("project"), y, &project);
#undef MODULE
    if (b->stride != 1 || in != b->out) return y;
    return HONE_EMIT(zoo->model->graph, &hone_op_add, NULL, NULL, y, x);
}
