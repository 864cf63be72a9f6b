// convnext.c: ConvNeXt (Liu et al. 2022) and V2 (Woo et al. 2023), under timm's names. Widths,
// depths, layer scale and response normalisation are those of the file's tensors.
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
    struct sizes sizes;
};

static const char *in_block(char name[HONE_ZOO_NAME], int stage, int block, const char *part) {
    return hone_zoo_name(name, "stages.%d.blocks.%d.%s", stage, block, part);
}

// What the file says of itself, where it is one of these at all.
static bool read_sizes(struct net *n) {
    char name[HONE_ZOO_NAME];
    int rank;
    int64_t dim[8];
    for (int i = 0; i < STAGES; i++) {
        int32_t depth = 0;
        for (; depth < 256; depth++) {
            in_block(name, i, depth, "conv_dw.weight");
            if (!hone_zoo_has(n->zoo, name, &rank, dim) || dim[0] < 1 || dim[0] > 8192) break;
            n->sizes.width[i] = (int32_t)dim[0];
        }
        if (depth == 0) return false;
        n->sizes.depth[i] = depth;
    }
    n->sizes.scaled = hone_zoo_has(n->zoo, in_block(name, 0, 0, "gamma"), &rank, dim);
    n->sizes.grn = hone_zoo_has(n->zoo, in_block(name, 0, 0, "mlp.grn.weight"), &rank, dim);
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
    hone_value y = hone_zoo_conv(zoo, in_block(name, stage, index, "conv_dw"), x, &depthwise);
    y = hone_zoo_layer_norm(zoo, in_block(name, stage, index, "norm"), y, 1e-6f);
    y = hone_zoo_linear(zoo, in_block(name, stage, index, "mlp.fc1"), y, 4 * width);
    y = act(n, y, HONE_ACT_GELU, 0);
    if (n->sizes.grn) y = grn(n, y, in_block(name, stage, index, "mlp.grn"));
    y = hone_zoo_linear(zoo, in_block(name, stage, index, "mlp.fc2"), y, width);
    if (n->sizes.scaled) {
        in_block(name, stage, index, "gamma");
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
    for (int k = 0; k < 2; k++) {
        if (i)
            hone_zoo_name(name, "stages.%d.downsample.%d", i, k);
        else
            hone_zoo_name(name, "stem.%d", k);
        x = k == norm ? hone_zoo_layer_norm(n->zoo, name, x, 1e-6f)
                      : hone_zoo_conv(n->zoo, name, x, &conv);
    }
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
    bool v2 = variant / HONE_CONVNEXT_V2;
    if (v2) {
        n.sizes.grn = true;
        n.sizes.scaled = false;
    }
    struct sizes usual = n.sizes;
    if (zoo->source && !read_sizes(&n)) n.sizes = usual; // what is missing will be named
    if (named != HONE_CONVNEXT_ANY && !same(&n.sizes, &usual))
        hone_graph_fail(n.graph,
                        hone_fail(HONE_INVALID, "the file holds a ConvNeXt of other sizes; "
                                                "--arch convnext takes it as it is"));
    hone_value x = image;
    for (int i = 0; i < STAGES && n.graph->status == HONE_OK; i++) x = stage(&n, x, i);
    const struct hone_shape_attrs flat = {.rank = 2, .dim = {0, n.sizes.width[STAGES - 1]}};
    x = HONE_EMIT(n.graph, &hone_op_global_avg_pool, "avgpool", NULL, x);
    x = hone_zoo_layer_norm(zoo, "head.norm", x, 1e-6f);
    x = HONE_EMIT(n.graph, &hone_op_reshape, "flatten", &flat, x);
    int rank;
    int64_t dim[8];
    if (zoo->source && !hone_zoo_has(zoo, "head.fc.weight", &rank, dim)) return x;
    return hone_zoo_linear(zoo, "head.fc", x, hone_zoo_classes(zoo, "head.fc", 1000));
}
