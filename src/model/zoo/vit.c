// vit.c: vision transformers (Dosovitskiy et al. 2021; DeiT: Touvron et al. 2021; DINOv2: Oquab et
// al. 2023), under the names that torchvision, timm (DINOv2's own, too) and Hugging Face's
// transformers give their tensors. Which of them a file uses is seen by its class token; widths,
// depth, the patch and layer scale are those of its tensors.
//
//   tokens = [cls; patches] + positions;   depth times: x += ls1 attention(norm1 x), x += ls2
//   mlp(norm2 x) classes = head(norm(x)[cls])
//
// Heads have 64 channels in all of these nets. Positions of another grid are interpolated
// (positions.c).
#include "model/zoo/zoo.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// Names of modules, and of the tensors that have no module. "%d" is the block.
struct names {
    const char *prefix; // in front of all but the head
    const char *cls, *positions, *patch, *block, *norm1, *norm2, *scale1, *scale2;
    const char *packed, *packed_bias; // tensors of queries, keys and values in one; NULL: apart
    const char *apart[3];             // modules
    const char *project, *fc1, *fc2, *norm, *head;
};

// The names of transformers' ViT, behind what stands in front of all.
#define TRANSFORMERS_VIT(prefix)                                                                   \
    {                                                                                              \
        (prefix), "embeddings.cls_token", "embeddings.position_embeddings",                        \
            "embeddings.patch_embeddings.projection", "encoder.layer.%d.", "layernorm_before",     \
            "layernorm_after", NULL, NULL, NULL, NULL,                                             \
            {"attention.attention.query", "attention.attention.key", "attention.attention.value"}, \
            "attention.output.dense", "intermediate.dense", "output.dense", "layernorm",           \
            "classifier"                                                                           \
    }

static const struct names dialects[] = {
    // torchvision.models.vision_transformer
    {"",
     "class_token",
     "encoder.pos_embedding",
     "conv_proj",
     "encoder.layers.encoder_layer_%d.",
     "ln_1",
     "ln_2",
     NULL,
     NULL,
     "self_attention.in_proj_weight",
     "self_attention.in_proj_bias",
     {0},
     "self_attention.out_proj",
     "mlp.0",
     "mlp.3",
     "encoder.ln",
     "heads.head"},
    // the same before 0.13, as in its published files
    {"",
     "class_token",
     "encoder.pos_embedding",
     "conv_proj",
     "encoder.layers.encoder_layer_%d.",
     "ln_1",
     "ln_2",
     NULL,
     NULL,
     "self_attention.in_proj_weight",
     "self_attention.in_proj_bias",
     {0},
     "self_attention.out_proj",
     "mlp.linear_1",
     "mlp.linear_2",
     "encoder.ln",
     "heads.head"},
    // timm.models.vision_transformer, facebookresearch/dinov2
    {"",
     "cls_token",
     "pos_embed",
     "patch_embed.proj",
     "blocks.%d.",
     "norm1",
     "norm2",
     "ls1.gamma",
     "ls2.gamma",
     "attn.qkv.weight",
     "attn.qkv.bias",
     {0},
     "attn.proj",
     "mlp.fc1",
     "mlp.fc2",
     "norm",
     "head"},
    // transformers: ViTForImageClassification, and ViTModel
    TRANSFORMERS_VIT("vit."),
    TRANSFORMERS_VIT(""),
    // transformers: Dinov2Model
    {"",
     "embeddings.cls_token",
     "embeddings.position_embeddings",
     "embeddings.patch_embeddings.projection",
     "encoder.layer.%d.",
     "norm1",
     "norm2",
     "layer_scale1.lambda1",
     "layer_scale2.lambda1",
     NULL,
     NULL,
     {"attention.attention.query", "attention.attention.key", "attention.attention.value"},
     "attention.output.dense",
     "mlp.fc1",
     "mlp.fc2",
     "layernorm",
     "classifier"},
};
enum { TORCHVISION, TIMM = 2, DIALECTS = sizeof dialects / sizeof *dialects };

enum { HEAD = 64 };
// Of nets whose numbers are drawn.
struct sizes {
    int32_t channels, depth, patch, hidden;
    bool scaled, classifies;
};
static const struct sizes published[] = {
    [HONE_VIT_ANY] = {192, 12, 16, 768, false, true},
    [HONE_VIT_TINY_16] = {192, 12, 16, 768, false, true},
    [HONE_VIT_SMALL_16] = {384, 12, 16, 1536, false, true},
    [HONE_VIT_BASE_16] = {768, 12, 16, 3072, false, true},
    [HONE_VIT_BASE_32] = {768, 12, 32, 3072, false, true},
    [HONE_VIT_SMALL_14] = {384, 12, 14, 1536, true, false},
    [HONE_VIT_BASE_14] = {768, 12, 14, 3072, true, false},
};

struct vit {
    struct hone_zoo *zoo;
    struct hone_graph *graph;
    const struct names *names;
    struct sizes sizes;
    int32_t tokens;
    char prefix[HONE_ZOO_NAME]; // of the block being built
};

static bool has(const struct hone_zoo *zoo, const char *name, int *rank, int64_t dim[8]) {
    return zoo->source && zoo->source->shape(zoo->source->user, name, rank, dim);
}

static const char *in_block(const struct vit *v, char name[HONE_ZOO_NAME], const char *part) {
    return hone_zoo_name(name, "%s%s", v->prefix, part);
}

static void enter_block(struct vit *v, int block) {
    size_t digits = strcspn(v->names->block, "%");
    hone_zoo_name(v->prefix, "%s%.*s%d%s", v->names->prefix, (int)digits, v->names->block, block,
                  v->names->block + digits + 2);
}

static bool speaks(struct vit *v, const struct names *names) {
    char name[HONE_ZOO_NAME], first[HONE_ZOO_NAME];
    int rank;
    int64_t dim[8];
    v->names = names;
    enter_block(v, 0);
    hone_zoo_name(name, "%s.weight", names->fc1);
    in_block(v, first, name);
    hone_zoo_name(name, "%s%s", names->prefix, names->cls);
    if (!has(v->zoo, name, &rank, dim) || !has(v->zoo, first, &rank, dim)) return false;
    hone_zoo_name(name, "%s.weight", names->norm1);
    return has(v->zoo, in_block(v, first, name), &rank, dim);
}

// What the file says of itself; a tensor that is missing is named when it is read.
static void read_sizes(struct vit *v) {
    char name[HONE_ZOO_NAME], tail[HONE_ZOO_NAME];
    int rank;
    int64_t dim[8];
    hone_zoo_name(name, "%s%s.weight", v->names->prefix, v->names->patch);
    if (has(v->zoo, name, &rank, dim) && rank == 4 && dim[0] <= 4096 && dim[2] <= 256) {
        v->sizes.channels = (int32_t)dim[0];
        v->sizes.patch = (int32_t)dim[2];
    }
    enter_block(v, 0);
    hone_zoo_name(tail, "%s.weight", v->names->fc1);
    if (has(v->zoo, in_block(v, name, tail), &rank, dim) && dim[0] <= 1 << 16)
        v->sizes.hidden = (int32_t)dim[0];
    v->sizes.scaled =
        v->names->scale1 && has(v->zoo, in_block(v, name, v->names->scale1), &rank, dim);
    for (v->sizes.depth = 1; v->sizes.depth < 128; v->sizes.depth++) {
        enter_block(v, v->sizes.depth);
        if (!has(v->zoo, in_block(v, name, tail), &rank, dim)) break;
    }
    hone_zoo_name(name, "%s.weight", v->names->head);
    v->sizes.classifies = has(v->zoo, name, &rank, dim);
}

// The table of positions, for the grid of this picture.
static hone_value positions(struct vit *v, int32_t height, int32_t width) {
    char name[HONE_ZOO_NAME];
    int rank;
    int64_t dim[8];
    int32_t channels = v->sizes.channels;
    hone_zoo_name(name, "%s%s", v->names->prefix, v->names->positions);
    struct hone_desc desc = hone_desc_make(HONE_F32, 3, 1, v->tokens, channels, 0);
    bool given = has(v->zoo, name, &rank, dim) && rank == 3 && dim[2] == channels && dim[1] > 1;
    int32_t grid = given && dim[1] < 1 << 20 ? (int32_t)lround(sqrt((double)dim[1] - 1)) : 0;
    if (!given || dim[1] != 1 + (int64_t)grid * grid || (grid == height && grid == width))
        return hone_zoo_param(v->zoo, name, HONE_PARAM_TERM, desc, 0, 0.02);
    struct hone_model *model = v->zoo->model;
    float *table = hone_calloc((size_t)dim[1] * (size_t)channels, sizeof *table, "positions");
    float *data = hone_arena_alloc(&model->arena, (size_t)hone_desc_elements(&desc), sizeof *data);
    hone_status status = table && data ? HONE_OK : HONE_OUT_OF_MEMORY;
    if (status == HONE_OK) status = v->zoo->source->read(v->zoo->source->user, name, table);
    if (status == HONE_OK)
        status = hone_zoo_positions(table, 1, grid, channels, height, width, data);
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

// [cls; patches] + positions
static hone_value embed(struct vit *v, hone_value image) {
    char name[HONE_ZOO_NAME];
    int32_t channels = v->sizes.channels;
    hone_zoo_name(name, "%s%s", v->names->prefix, v->names->patch);
    hone_value x = hone_zoo_conv(v->zoo, name, image,
                                 &(struct hone_zoo_conv){.out = channels,
                                                         .kernel = v->sizes.patch,
                                                         .stride = v->sizes.patch,
                                                         .bias = true,
                                                         .valid = true});
    if (v->graph->status != HONE_OK) return HONE_NO_VALUE;
    const int32_t *dim = hone_graph_desc(v->graph, x)->dim;
    int32_t height = dim[1], width = dim[2];
    v->tokens = 1 + height * width;
    x = reshape(v, x, 3, height * width, channels, 0, 0);
    hone_zoo_name(name, "%s%s", v->names->prefix, v->names->cls);
    hone_value cls = hone_zoo_param(v->zoo, name, HONE_PARAM_TERM,
                                    hone_desc_make(HONE_F32, 3, 1, 1, channels, 0), 0, 0.02);
    const struct hone_concat_attrs behind = {.axis = 1};
    x = HONE_EMIT(v->graph, &hone_op_concat, "tokens", &behind, cls, x);
    return HONE_EMIT(v->graph, &hone_op_add, "embeddings", NULL, x, positions(v, height, width));
}

static hone_value linear(struct vit *v, const char *module, hone_value x, int32_t out) {
    char name[HONE_ZOO_NAME];
    return hone_zoo_linear(v->zoo, in_block(v, name, module), x, out);
}

static hone_value attention(struct vit *v, hone_value x) {
    char name[HONE_ZOO_NAME], bias[HONE_ZOO_NAME];
    int32_t channels = v->sizes.channels, heads = channels / HEAD;
    const struct hone_attention_attrs attrs = {(float)(1 / sqrt((double)HEAD))};
    hone_value in[3], out[2];
    int count = v->names->packed ? 1 : 3;
    if (count == 1) {
        in_block(v, name, v->names->packed);
        in_block(v, bias, v->names->packed_bias);
        x = hone_zoo_linear_named(v->zoo, name, bias, x, 3 * channels);
        in[0] = reshape(v, x, 5, v->tokens, 3, heads, HEAD);
    } else {
        for (int i = 0; i < 3; i++)
            in[i] = reshape(v, linear(v, v->names->apart[i], x, channels), 4, v->tokens, heads,
                            HEAD, 0);
    }
    hone_graph_node(v->graph, &hone_op_attention, NULL, &attrs, in, count, out);
    return linear(v, v->names->project, reshape(v, out[0], 3, v->tokens, channels, 0, 0), channels);
}

static hone_value norm(struct vit *v, const char *module, hone_value x) {
    char name[HONE_ZOO_NAME];
    return hone_zoo_layer_norm(v->zoo, in_block(v, name, module), x, 1e-6f);
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
    const struct names *names = v->names;
    x = residual(v, x, attention(v, norm(v, names->norm1, x)), names->scale1);
    hone_value y = linear(v, names->fc1, norm(v, names->norm2, x), v->sizes.hidden);
    y = hone_zoo_act(v->zoo, y, (struct hone_act_attrs){.kind = HONE_ACT_GELU});
    return residual(v, x, linear(v, names->fc2, y, v->sizes.channels), names->scale2);
}

hone_value hone_zoo_vit(struct hone_zoo *zoo, hone_value image, int variant) {
    struct vit v = {
        .zoo = zoo, .graph = zoo->model->graph, .sizes = published[variant % HONE_VIT_TORCHVISION]};
    int spoken = DIALECTS;
    for (int i = 0; i < DIALECTS && spoken == DIALECTS; i++)
        if (speaks(&v, &dialects[i])) spoken = i;
    if (spoken == DIALECTS) {
        v.names = &dialects[variant >= HONE_VIT_TORCHVISION ? TORCHVISION : TIMM];
    } else {
        struct sizes usual = v.sizes;
        v.names = &dialects[spoken];
        read_sizes(&v);
        bool other = v.sizes.channels != usual.channels || v.sizes.depth != usual.depth ||
                     v.sizes.patch != usual.patch || v.sizes.hidden != usual.hidden ||
                     v.sizes.scaled != usual.scaled;
        if (variant % HONE_VIT_TORCHVISION != HONE_VIT_ANY && other)
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
    for (int i = 0; i < v.sizes.depth && v.graph->status == HONE_OK; i++) {
        enter_block(&v, i);
        x = block(&v, x);
    }
    const struct hone_slice_attrs first = {.size = {0, 1}};
    x = HONE_EMIT(v.graph, &hone_op_slice, "class_token", &first, x);
    snprintf(v.prefix, sizeof v.prefix, "%s", v.names->prefix);
    x = reshape(&v, norm(&v, v.names->norm, x), 2, v.sizes.channels, 0, 0, 0);
    if (!v.sizes.classifies) return x;
    return hone_zoo_linear(zoo, v.names->head, x, hone_zoo_classes(zoo, v.names->head, 1000));
}
