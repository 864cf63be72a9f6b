// convnext.c: ConvNeXt (Liu et al. 2022) and V2 (Woo et al. 2023), under the names that torchvision
// and timm give their tensors. Widths, depths, layer scale and response normalisation are those of
// the file's tensors.
//
//   block: y = x + scale fc2(gelu(fc1(norm(depthwise 7x7(x)))));   V2: grn(gelu(...)), no scale
//   grn(x) = x + weight x n + bias, n = g / (mean_c g + eps), g = sqrt(sum over the picture of x^2)
#include "model/zoo/zoo.h"

enum { STAGES = 4 };
struct sizes {
    int32_t width[STAGES], depth[STAGES];
    bool scaled, grn;
};
static const struct sizes published[] = {
    [HONE_CONVNEXT_ANY] = {{40, 80, 160, 320}, {2, 2, 6, 2}, true, false},
    [HONE_CONVNEXT_ATTO] = {{40, 80, 160, 320}, {2, 2, 6, 2}, true, false},
    [HONE_CONVNEXT_FEMTO] = {{48, 96, 192, 384}, {2, 2, 6, 2}, true, false},
    [HONE_CONVNEXT_PICO] = {{64, 128, 256, 512}, {2, 2, 6, 2}, true, false},
    [HONE_CONVNEXT_NANO] = {{80, 160, 320, 640}, {2, 2, 8, 2}, true, false},
    [HONE_CONVNEXT_TINY] = {{96, 192, 384, 768}, {3, 3, 9, 3}, true, false},
    [HONE_CONVNEXT_SMALL] = {{96, 192, 384, 768}, {3, 3, 27, 3}, true, false},
    [HONE_CONVNEXT_BASE] = {{128, 256, 512, 1024}, {3, 3, 27, 3}, true, false},
};

struct net {
    struct hone_zoo *zoo;
    struct hone_graph *graph;
    bool torchvision; // whose names; else timm's
    struct sizes sizes;
};

// Module `part` of block `block` of a stage; torchvision numbers what timm names.
enum part { DEPTHWISE, NORM, FC1, FC2, SCALE, GRN };
static const char *part_name(const struct net *n, char name[HONE_ZOO_NAME], int stage, int block,
                             enum part part) {
    static const char *const timm[] = {"conv_dw", "norm", "mlp.fc1", "mlp.fc2", "gamma", "mlp.grn"};
    static const char *const torchvision[] = {"block.0", "block.2",     "block.3",
                                              "block.5", "layer_scale", "grn"};
    if (n->torchvision)
        return hone_zoo_name(name, "features.%d.%d.%s", 2 * stage + 1, block, torchvision[part]);
    return hone_zoo_name(name, "stages.%d.blocks.%d.%s", stage, block, timm[part]);
}

static const char *join_name(const struct net *n, char name[HONE_ZOO_NAME], int stage, int index) {
    if (n->torchvision) return hone_zoo_name(name, "features.%d.%d", 2 * stage, index);
    return stage ? hone_zoo_name(name, "stages.%d.downsample.%d", stage, index)
                 : hone_zoo_name(name, "stem.%d", index);
}

static bool has(const struct net *n, const char *name, int64_t dim[8]) {
    const struct hone_zoo_source *source = n->zoo->source;
    int rank;
    return source && source->shape(source->user, name, &rank, dim);
}

// What the file says of itself, where it is one of these at all.
static bool read_sizes(struct net *n) {
    char name[HONE_ZOO_NAME], module[HONE_ZOO_NAME];
    int64_t dim[8];
    for (int i = 0; i < STAGES; i++) {
        int32_t depth = 0;
        for (; depth < 256; depth++) {
            hone_zoo_name(name, "%s.weight", part_name(n, module, i, depth, DEPTHWISE));
            if (!has(n, name, dim) || dim[0] < 1 || dim[0] > 8192) break;
            n->sizes.width[i] = (int32_t)dim[0];
        }
        if (depth == 0) return false;
        n->sizes.depth[i] = depth;
    }
    n->sizes.scaled = has(n, part_name(n, module, 0, 0, SCALE), dim);
    hone_zoo_name(name, "%s.weight", part_name(n, module, 0, 0, GRN));
    n->sizes.grn = has(n, name, dim);
    return true;
}

static hone_value act(const struct net *n, hone_value x, enum hone_act kind, float a) {
    return hone_zoo_act(n->zoo, x, (struct hone_act_attrs){.kind = kind, .a = a});
}

static hone_value pair(const struct net *n, const struct hone_op *op, hone_value a, hone_value b) {
    return HONE_EMIT(n->graph, op, NULL, NULL, a, b);
}

static hone_value grn(const struct net *n, hone_value x, const char *module) {
    if (n->graph->status != HONE_OK) return x;
    char name[HONE_ZOO_NAME];
    struct hone_desc desc = *hone_graph_desc(n->graph, x);
    int32_t channels = desc.dim[3];
    const struct hone_desc one = hone_desc_make(HONE_F32, 1, channels, 0, 0, 0);
    const struct hone_scale_attrs area = {(float)desc.dim[1] * (float)desc.dim[2]};
    const struct hone_shape_attrs column = {.rank = 4, .dim = {0, channels, 1, 1}};
    hone_value g =
        HONE_EMIT(n->graph, &hone_op_global_avg_pool, NULL, NULL, act(n, x, HONE_ACT_POW, 2));
    g = act(n, HONE_EMIT(n->graph, &hone_op_scale, NULL, &area, g), HONE_ACT_SQRT, 0);
    hone_value mean = HONE_EMIT(n->graph, &hone_op_reshape, NULL, &column, g);
    mean = HONE_EMIT(n->graph, &hone_op_global_avg_pool, NULL, NULL, mean);
    mean = pair(n, &hone_op_add, mean, hone_zoo_constant(n->zoo, "eps", 1e-6f));
    hone_zoo_name(name, "%s.weight", module);
    hone_value by = hone_zoo_param(n->zoo, name, HONE_PARAM_FACTOR, one, 0, 0);
    hone_zoo_name(name, "%s.bias", module);
    hone_value plus = hone_zoo_param(n->zoo, name, HONE_PARAM_TERM, one, 0, 0);
    hone_value y = pair(n, &hone_op_mul, x, pair(n, &hone_op_div, g, mean));
    y = pair(n, &hone_op_add, pair(n, &hone_op_mul, y, by), plus);
    return pair(n, &hone_op_add, y, x);
}

static hone_value block(const struct net *n, hone_value x, int stage, int index) {
    char name[HONE_ZOO_NAME];
    struct hone_zoo *zoo = n->zoo;
    int32_t width = n->sizes.width[stage];
    const struct hone_zoo_conv depthwise = {
        .out = width, .kernel = 7, .groups = width, .bias = true};
    hone_value y = hone_zoo_conv(zoo, part_name(n, name, stage, index, DEPTHWISE), x, &depthwise);
    y = hone_zoo_layer_norm(zoo, part_name(n, name, stage, index, NORM), y, 1e-6f);
    y = hone_zoo_linear(zoo, part_name(n, name, stage, index, FC1), y, 4 * width);
    y = act(n, y, HONE_ACT_GELU, 0);
    if (n->sizes.grn) y = grn(n, y, part_name(n, name, stage, index, GRN));
    y = hone_zoo_linear(zoo, part_name(n, name, stage, index, FC2), y, width);
    if (n->sizes.scaled) {
        part_name(n, name, stage, index, SCALE);
        struct hone_desc desc = hone_desc_make(HONE_F32, 1, width, 0, 0, 0);
        y = pair(n, &hone_op_mul, y, hone_zoo_param(zoo, name, HONE_PARAM_FACTOR, desc, 1e-6f, 0));
    }
    return pair(n, &hone_op_add, x, y);
}

static hone_value stage(const struct net *n, hone_value x, int i) {
    char name[HONE_ZOO_NAME];
    int norm = i == 0 ? 1 : 0; // behind the stem, in front of the others' convolution
    const struct hone_zoo_conv conv = {.out = n->sizes.width[i],
                                       .kernel = i ? 2 : 4,
                                       .stride = i ? 2 : 4,
                                       .bias = true,
                                       .valid = true};
    for (int k = 0; k < 2; k++)
        x = k == norm ? hone_zoo_layer_norm(n->zoo, join_name(n, name, i, k), x, 1e-6f)
                      : hone_zoo_conv(n->zoo, join_name(n, name, i, k), x, &conv);
    for (int k = 0; k < n->sizes.depth[i] && n->graph->status == HONE_OK; k++)
        x = block(n, x, i, k);
    return x;
}

static bool same(const struct sizes *a, const struct sizes *b) {
    bool equal = a->scaled == b->scaled && a->grn == b->grn;
    for (int i = 0; i < STAGES; i++)
        equal = equal && a->width[i] == b->width[i] && a->depth[i] == b->depth[i];
    return equal;
}

hone_value hone_zoo_convnext(struct hone_zoo *zoo, hone_value image, int variant) {
    int named = variant % HONE_CONVNEXT_V2;
    struct net n = {.zoo = zoo, .graph = zoo->model->graph, .sizes = published[named]};
    bool v2 = variant / HONE_CONVNEXT_V2 % 2;
    if (v2) {
        n.sizes.grn = true;
        n.sizes.scaled = false;
    }
    struct sizes usual = n.sizes;
    n.torchvision = variant >= HONE_CONVNEXT_TORCHVISION || zoo->source;
    if (zoo->source && !read_sizes(&n)) {
        n.torchvision = false;
        n.sizes = usual;
        if (!read_sizes(&n)) n.sizes = usual; // the tensor that is missing will be named
    }
    if (named != HONE_CONVNEXT_ANY && !same(&n.sizes, &usual))
        hone_graph_fail(n.graph,
                        hone_fail(HONE_INVALID, "the file holds a ConvNeXt of other sizes; "
                                                "--arch convnext takes it as it is"));
    hone_value x = image;
    for (int i = 0; i < STAGES && n.graph->status == HONE_OK; i++) x = stage(&n, x, i);
    const char *module = n.torchvision ? "classifier.2" : "head.fc";
    const struct hone_shape_attrs flat = {.rank = 2, .dim = {0, n.sizes.width[STAGES - 1]}};
    x = HONE_EMIT(n.graph, &hone_op_global_avg_pool, "avgpool", NULL, x);
    x = hone_zoo_layer_norm(zoo, n.torchvision ? "classifier.0" : "head.norm", x, 1e-6f);
    x = HONE_EMIT(n.graph, &hone_op_reshape, "flatten", &flat, x);
    return hone_zoo_linear(zoo, module, x, hone_zoo_classes(zoo, module, 1000));
}
