// vit.c: vision transformers (Dosovitskiy et al. 2021; DeiT: Touvron et al. 2021; DINOv2: Oquab et
// al. 2023), under the names of timm, which are DINOv2's own, too. Widths, depth, the patch and
// layer scale are those of the file's tensors.
//
//   tokens = [cls; patches] + positions
//   depth times: x += ls1 attention(norm1 x), x += ls2 mlp(norm2 x)
//   classes = head(norm(x)[cls])
//
// A distilled one has a second token and a classifier of its own, whose answers are averaged: that
// is one classifier of both tokens side by side.
//
// Heads have 64 channels in all of these nets. Positions of another grid are interpolated
// (positions.c).
#include "model/zoo/zoo.h"

#include <math.h>

enum { HEAD = 64 };
// Of nets whose numbers are drawn.
struct sizes {
    int32_t channels, depth, patch, hidden;
    bool scaled, classifies, distilled;
};
static const struct sizes published[] = {
    [HONE_VIT_ANY] = {192, 12, 16, 768, .classifies = true},
    [HONE_VIT_TINY_16] = {192, 12, 16, 768, .classifies = true},
    [HONE_VIT_SMALL_16] = {384, 12, 16, 1536, .classifies = true},
    [HONE_VIT_BASE_16] = {768, 12, 16, 3072, .classifies = true},
    [HONE_VIT_BASE_32] = {768, 12, 32, 3072, .classifies = true},
    [HONE_VIT_SMALL_14] = {384, 12, 14, 1536, .scaled = true},
    [HONE_VIT_BASE_14] = {768, 12, 14, 3072, .scaled = true},
    [HONE_VIT_TINY_DISTILLED] = {192, 12, 16, 768, .classifies = true, .distilled = true},
    [HONE_VIT_SMALL_DISTILLED] = {384, 12, 16, 1536, .classifies = true, .distilled = true},
    [HONE_VIT_BASE_DISTILLED] = {768, 12, 16, 3072, .classifies = true, .distilled = true},
};

struct vit {
    struct hone_zoo *zoo;
    struct hone_graph *graph;
    struct sizes sizes;
    int32_t tokens;
    float eps; // of the norms
    int block; // being built
};

static const char *in_block(const struct vit *v, char name[HONE_ZOO_NAME], const char *part) {
    return hone_zoo_name(name, "blocks.%d.%s", v->block, part);
}

// What the file says of itself; a tensor that is missing is named when it is read.
static void read_sizes(struct vit *v) {
    char name[HONE_ZOO_NAME];
    int rank;
    int64_t dim[8];
    if (hone_zoo_has(v->zoo, "patch_embed.proj.weight", &rank, dim) && rank == 4 &&
        dim[0] <= 4096 && dim[2] <= 256) {
        v->sizes.channels = (int32_t)dim[0];
        v->sizes.patch = (int32_t)dim[2];
    }
    v->block = 0;
    if (hone_zoo_has(v->zoo, in_block(v, name, "mlp.fc1.weight"), &rank, dim) && dim[0] <= 1 << 16)
        v->sizes.hidden = (int32_t)dim[0];
    v->sizes.scaled = hone_zoo_has(v->zoo, in_block(v, name, "ls1.gamma"), &rank, dim);
    for (v->block = 1; v->block < 128; v->block++)
        if (!hone_zoo_has(v->zoo, in_block(v, name, "mlp.fc1.weight"), &rank, dim)) break;
    v->sizes.depth = v->block;
    v->sizes.distilled = hone_zoo_has(v->zoo, "dist_token", &rank, dim);
    v->sizes.classifies = hone_zoo_has(v->zoo, "head.weight", &rank, dim) ||
                          hone_zoo_has(v->zoo, "head_cls.weight", &rank, dim);
}

// The table of positions, for the grid of this picture.
static hone_value positions(struct vit *v, int32_t height, int32_t width) {
    char theirs[HONE_ZOO_NAME_LONG];
    const char *name = hone_zoo_translate(v->zoo->dialect, "pos_embed", theirs);
    int rank;
    int64_t dim[8];
    int32_t channels = v->sizes.channels;
    struct hone_desc desc = hone_desc_make(HONE_F32, 3, 1, v->tokens, channels, 0);
    int32_t extra = v->sizes.distilled ? 2 : 1;
    bool given = hone_zoo_has(v->zoo, "pos_embed", &rank, dim) && rank == 3 && dim[2] == channels &&
                 dim[1] > extra;
    int32_t grid = given && dim[1] < 1 << 20 ? (int32_t)lround(sqrt((double)dim[1] - extra)) : 0;
    if (!given || dim[1] != extra + (int64_t)grid * grid || (grid == height && grid == width))
        return hone_zoo_param(v->zoo, "pos_embed", HONE_PARAM_TERM, desc, 0, 0.02);
    struct hone_model *model = v->zoo->model;
    float *table = hone_calloc((size_t)dim[1] * (size_t)channels, sizeof *table, "positions");
    float *data = hone_arena_alloc(&model->arena, (size_t)hone_desc_elements(&desc), sizeof *data);
    hone_status status = table && data ? HONE_OK : HONE_OUT_OF_MEMORY;
    if (status == HONE_OK)
        status = v->zoo->source->read(v->zoo->source->user, name,
                                      v->zoo->source->shapes_only ? NULL : table);
    if (status == HONE_OK)
        status = hone_zoo_positions(table, extra, grid, channels, height, width, data);
    hone_free(table);
    int index = -1;
    if (status == HONE_OK)
        status = hone_model_add_param(model, name, HONE_PARAM_TERM, HONE_LAYOUT_SAME, desc, data,
                                      &index);
    if (status == HONE_OK) return model->params[index].value;
    hone_graph_fail(v->graph, status);
    return HONE_NO_VALUE;
}

static hone_value reshape(struct vit *v, hone_value x, int rank, int32_t d1, int32_t d2, int32_t d3,
                          int32_t d4) {
    const struct hone_shape_attrs shape = {.rank = rank, .dim = {0, d1, d2, d3, d4}};
    return HONE_EMIT(v->graph, &hone_op_reshape, NULL, &shape, x);
}

static hone_value token(struct vit *v, const char *name) {
    return hone_zoo_param(v->zoo, name, HONE_PARAM_TERM,
                          hone_desc_make(HONE_F32, 3, 1, 1, v->sizes.channels, 0), 0, 0.02);
}

// [cls; patches] + positions
static hone_value embed(struct vit *v, hone_value image) {
    int32_t channels = v->sizes.channels;
    hone_value x = hone_zoo_conv(v->zoo, "patch_embed.proj", image,
                                 &(struct hone_zoo_conv){.out = channels,
                                                         .kernel = v->sizes.patch,
                                                         .stride = v->sizes.patch,
                                                         .bias = true,
                                                         .valid = true});
    if (v->graph->status != HONE_OK) return HONE_NO_VALUE;
    const int32_t *dim = hone_graph_desc(v->graph, x)->dim;
    int32_t height = dim[1], width = dim[2];
    v->tokens = (v->sizes.distilled ? 2 : 1) + height * width;
    x = reshape(v, x, 3, height * width, channels, 0, 0);
    const struct hone_concat_attrs behind = {.axis = 1};
    if (v->sizes.distilled)
        x = HONE_EMIT(v->graph, &hone_op_concat, "patches", &behind, token(v, "dist_token"), x);
    x = HONE_EMIT(v->graph, &hone_op_concat, "tokens", &behind, token(v, "cls_token"), x);
    return HONE_EMIT(v->graph, &hone_op_add, "embeddings", NULL, x, positions(v, height, width));
}

static hone_value linear(struct vit *v, const char *module, hone_value x, int32_t out) {
    char name[HONE_ZOO_NAME];
    return hone_zoo_linear(v->zoo, in_block(v, name, module), x, out);
}

static hone_value attention(struct vit *v, hone_value x) {
    static const char *const apart[] = {"attn.query", "attn.key", "attn.value"};
    char name[HONE_ZOO_NAME];
    int rank;
    int64_t dim[8];
    int32_t channels = v->sizes.channels, heads = channels / HEAD;
    const struct hone_attention_attrs attrs = {(float)(1 / sqrt((double)HEAD))};
    hone_value in[3], out[2];
    bool packed = !hone_zoo_has(v->zoo, in_block(v, name, "attn.query.weight"), &rank, dim);
    if (packed)
        in[0] = reshape(v, linear(v, "attn.qkv", x, 3 * channels), 5, v->tokens, 3, heads, HEAD);
    for (int i = 0; !packed && i < 3; i++)
        in[i] = reshape(v, linear(v, apart[i], x, channels), 4, v->tokens, heads, HEAD, 0);
    hone_graph_node(v->graph, &hone_op_attention, NULL, &attrs, in, packed ? 1 : 3, out);
    return linear(v, "attn.proj", reshape(v, out[0], 3, v->tokens, channels, 0, 0), channels);
}

static hone_value norm(struct vit *v, const char *module, hone_value x) {
    char name[HONE_ZOO_NAME];
    return hone_zoo_layer_norm(v->zoo, in_block(v, name, module), x, v->eps);
}

// x + scale branch
static hone_value residual(struct vit *v, hone_value x, hone_value branch, const char *scale) {
    char name[HONE_ZOO_NAME];
    if (v->sizes.scaled) {
        struct hone_desc desc = hone_desc_make(HONE_F32, 1, v->sizes.channels, 0, 0, 0);
        hone_value by =
            hone_zoo_param(v->zoo, in_block(v, name, scale), HONE_PARAM_FACTOR, desc, 1, 0);
        branch = HONE_EMIT(v->graph, &hone_op_mul, NULL, NULL, branch, by);
    }
    return HONE_EMIT(v->graph, &hone_op_add, NULL, NULL, x, branch);
}

static hone_value block(struct vit *v, hone_value x) {
    x = residual(v, x, attention(v, norm(v, "norm1", x)), "ls1.gamma");
    hone_value y = linear(v, "mlp.fc1", norm(v, "norm2", x), v->sizes.hidden);
    y = hone_zoo_act(v->zoo, y, (struct hone_act_attrs){.kind = HONE_ACT_GELU});
    return residual(v, x, linear(v, "mlp.fc2", y, v->sizes.channels), "ls2.gamma");
}

// Half of a classifier's numbers, and half of its bias, into columns of the one that is both.
static hone_status read_half(struct vit *v, const char *module, int32_t classes, int32_t first,
                             float *weight, float *bias) {
    const struct hone_zoo_source *source = v->zoo->source;
    int32_t channels = v->sizes.channels;
    char name[HONE_ZOO_NAME], theirs[HONE_ZOO_NAME_LONG];
    float *data = hone_calloc((size_t)classes * (size_t)channels, sizeof *data, "a classifier");
    if (!data) return HONE_OUT_OF_MEMORY;
    hone_status status = HONE_OK;
    for (int part = 0; part < 2 && status == HONE_OK; part++) {
        int rank;
        int64_t dim[8];
        hone_zoo_name(name, part ? "%s.bias" : "%s.weight", module);
        hone_zoo_translate(v->zoo->dialect, name, theirs);
        bool fits = hone_zoo_has(v->zoo, name, &rank, dim) && rank == 2 - part &&
                    dim[0] == classes && (part || dim[1] == channels);
        if (!fits)
            status = hone_fail(HONE_INVALID, "tensor '%s' is missing, or not of %d classes", name,
                               (int)classes);
        if (status == HONE_OK)
            status = source->read(source->user, v->zoo->dialect ? theirs : name,
                                  source->shapes_only ? NULL : data);
        for (int32_t k = 0; k < classes && status == HONE_OK && !source->shapes_only; k++) {
            if (part) bias[k] += data[k] / 2;
            for (int32_t c = 0; c < channels && !part; c++)
                weight[(int64_t)k * 2 * channels + first + c] = data[(int64_t)k * channels + c] / 2;
        }
    }
    hone_free(data);
    return status;
}

// Two classifiers of a file, one a token, as one of both tokens.
static hone_value both_heads(struct vit *v, hone_value x, const char *first, int32_t classes) {
    struct hone_model *model = v->zoo->model;
    int32_t channels = v->sizes.channels;
    struct hone_desc wide = hone_desc_make(HONE_F32, 2, classes, 2 * channels, 0, 0),
                     one = hone_desc_make(HONE_F32, 1, classes, 0, 0, 0);
    float *weight =
        hone_arena_alloc(&model->arena, (size_t)hone_desc_elements(&wide), sizeof *weight);
    float *bias = hone_arena_alloc(&model->arena, (size_t)classes, sizeof *bias);
    hone_status status = weight && bias ? HONE_OK : HONE_OUT_OF_MEMORY;
    if (status == HONE_OK) status = read_half(v, first, classes, 0, weight, bias);
    if (status == HONE_OK) status = read_half(v, "head_dist", classes, channels, weight, bias);
    char w_name[HONE_ZOO_NAME_LONG],
        b_name[HONE_ZOO_NAME_LONG]; // as a file of one classifier has it
    const char *names[] = {hone_zoo_translate(v->zoo->dialect, "head.weight", w_name),
                           hone_zoo_translate(v->zoo->dialect, "head.bias", b_name)};
    int w = -1, b = -1;
    if (status == HONE_OK)
        status = hone_model_add_param(model, names[0], HONE_PARAM_WEIGHT, HONE_LAYOUT_SAME, wide,
                                      weight, &w);
    if (status == HONE_OK)
        status =
            hone_model_add_param(model, names[1], HONE_PARAM_BIAS, HONE_LAYOUT_SAME, one, bias, &b);
    if (status != HONE_OK) {
        hone_graph_fail(v->graph, status);
        return HONE_NO_VALUE;
    }
    const struct hone_matmul_attrs attrs = {.trans_b = 1};
    return HONE_EMIT(v->graph, &hone_op_matmul, "head", &attrs, x, model->params[w].value,
                     model->params[b].value);
}

// Tokens that the classifier reads: transformers has a distilled net with that of the class alone.
static int32_t reads(const struct vit *v) {
    int rank;
    int64_t dim[8];
    bool alone = !hone_zoo_has(v->zoo, "head_dist.weight", &rank, dim) &&
                 hone_zoo_has(v->zoo, "head.weight", &rank, dim) && rank == 2 &&
                 dim[1] == v->sizes.channels;
    return v->sizes.distilled && !alone ? 2 : 1;
}

static hone_value classify(struct vit *v, hone_value x) {
    int rank;
    int64_t dim[8];
    bool teacher = hone_zoo_has(v->zoo, "head_cls.weight", &rank, dim);
    const char *head = teacher ? "head_cls" : "head";
    int32_t classes = hone_zoo_classes(v->zoo, head, 1000);
    if (v->sizes.distilled && hone_zoo_has(v->zoo, "head_dist.weight", &rank, dim))
        return both_heads(v, x, head, classes);
    return hone_zoo_linear(v->zoo, head, x, classes);
}

hone_value hone_zoo_vit(struct hone_zoo *zoo, hone_value image, int variant) {
    struct vit v = {
        .zoo = zoo, .graph = zoo->model->graph, .sizes = published[variant], .eps = 1e-6f};
    if (hone_zoo_speaks(zoo, "transformers_vit")) v.eps = 1e-12f;
    if (zoo->source) {
        struct sizes usual = v.sizes;
        read_sizes(&v);
        bool other = v.sizes.channels != usual.channels || v.sizes.depth != usual.depth ||
                     v.sizes.patch != usual.patch || v.sizes.hidden != usual.hidden ||
                     v.sizes.scaled != usual.scaled || v.sizes.distilled != usual.distilled;
        if (variant != HONE_VIT_ANY && other)
            hone_graph_fail(
                v.graph,
                hone_fail(
                    HONE_INVALID,
                    "the file holds a transformer of other sizes; --arch vit takes it as it is"));
    }
    if (v.sizes.channels % HEAD)
        hone_graph_fail(v.graph,
                        hone_fail(HONE_UNSUPPORTED, "%d channels: heads of %d do not divide them",
                                  (int)v.sizes.channels, HEAD));
    hone_value x = embed(&v, image);
    for (v.block = 0; v.block < v.sizes.depth && v.graph->status == HONE_OK; v.block++)
        x = block(&v, x);
    int32_t read = reads(&v);
    const struct hone_slice_attrs first = {.size = {0, read}};
    x = HONE_EMIT(v.graph, &hone_op_slice, "class_token", &first, x);
    x = hone_zoo_layer_norm(zoo, "norm", x, v.eps);
    x = reshape(&v, x, 2, read * v.sizes.channels, 0, 0, 0);
    return v.sizes.classifies ? classify(&v, x) : x;
}
