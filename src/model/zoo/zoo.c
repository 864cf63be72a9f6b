// zoo.c: the list of nets, and the pieces that families are made of. A piece adds its parameters to
// the model under PyTorch's names and its node to the graph.
#include "model/zoo/zoo.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "base/text.h"

#define HONE_ZOO_NET(name, parameters, gmacs, family, variant, size, preprocess, dialect)          \
    {name, parameters, gmacs, hone_zoo_##family, #family, variant, size, preprocess, dialect},
static const struct hone_zoo_net zoo_nets[] = {
#include "model/zoo/families.def"
};
enum { ZOO_NETS = sizeof zoo_nets / sizeof *zoo_nets };

const struct hone_zoo_net *hone_zoo_net(int index) {
    return index >= 0 && index < ZOO_NETS ? &zoo_nets[index] : NULL;
}

const char *hone_zoo_name(char name[HONE_ZOO_NAME], const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(name, HONE_ZOO_NAME, format, args);
    va_end(args);
    return name;
}

int32_t hone_zoo_channels(const struct hone_zoo *zoo, hone_value x) {
    const struct hone_desc *desc = hone_graph_desc(zoo->model->graph, x);
    return zoo->model->graph->status == HONE_OK && desc->rank ? desc->dim[desc->rank - 1] : 1;
}

// Uniform numbers of this deviation about `middle`; every parameter has a stream of its own.
static void zoo_draw(const struct hone_zoo *zoo, float *data, int64_t count, float middle,
                     double deviation) {
    uint64_t stream = 0x7a6f6f00 + zoo->model->param_count;
    double width = 2 * sqrt(3.0) * deviation;
    for (int64_t i = 0; i < count; i++) data[i] = middle;
    for (int64_t i = 0; i < count && deviation > 0 && zoo->seed; i += 4) {
        uint32_t words[4];
        hone_rng_block(zoo->seed, stream, (uint64_t)i / 4, words);
        for (int64_t k = i; k < count && k < i + 4; k++)
            data[k] += (float)(((double)words[k - i] / 4294967296.0 - 0.5) * width);
    }
}

// From (K,C/G,R,S) as files have it to (K,R,S,C/G).
static void turn_filter(const struct hone_desc *desc, const float *from, float *to) {
    int64_t taps = (int64_t)desc->dim[1] * desc->dim[2], c = desc->dim[3];
    for (int64_t k = 0; k < desc->dim[0]; k++, from += taps * c, to += taps * c)
        for (int64_t t = 0; t < taps; t++)
            for (int64_t i = 0; i < c; i++) to[t * c + i] = from[i * taps + t];
}

// Whether the source's tensor has the shape of `desc`, whose filters are turned.
static hone_status check_shape(const struct hone_zoo_source *source, const char *name,
                               const struct hone_desc *desc) {
    static const int file_axis[4] = {0, 2, 3, 1};
    int rank;
    int64_t dim[8];
    if (!source->shape(source->user, name, &rank, dim))
        return hone_fail(HONE_INVALID, "tensor '%s' is missing", name);
    // Vectors and matrices may have axes of size 1 as well: (C,1,1), (K,C,1,1).
    int kept = 0;
    for (int i = 0; desc->rank < 3 && i < rank; i++)
        if (dim[i] != 1 || rank <= desc->rank) dim[kept++] = dim[i];
    if (desc->rank < 3) rank = kept;
    bool same = rank == desc->rank;
    for (int i = 0; same && i < rank; i++) same = dim[rank == 4 ? file_axis[i] : i] == desc->dim[i];
    char text[HONE_DESC_TEXT];
    if (same) return HONE_OK;
    return hone_fail(HONE_INVALID, "tensor '%s' has another shape than %s", name,
                     hone_desc_text(desc, text));
}

static hone_status zoo_read(const struct hone_zoo *zoo, const char *name,
                            const struct hone_desc *desc, float *data) {
    const struct hone_zoo_source *source = zoo->source;
    HONE_TRY(check_shape(source, name, desc));
    if (!data) return source->read(source->user, name, NULL); // shapes only
    if (desc->rank != 4) return source->read(source->user, name, data);
    float *turned = hone_calloc((size_t)hone_desc_elements(desc), sizeof *turned, "a filter");
    if (!turned) return HONE_OUT_OF_MEMORY;
    hone_status status = source->read(source->user, name, turned);
    if (status == HONE_OK) turn_filter(desc, turned, data);
    hone_free(turned);
    return status;
}

hone_value hone_zoo_param(struct hone_zoo *zoo, const char *name, enum hone_param_kind kind,
                          struct hone_desc desc, float middle, double deviation) {
    struct hone_model *model = zoo->model;
    int index;
    char theirs[HONE_ZOO_NAME_LONG];
    if (model->graph->status != HONE_OK) return HONE_NO_VALUE;
    name = hone_zoo_translate(zoo->dialect, name, theirs);
    int64_t count = hone_desc_elements(&desc);
    bool numbers = !zoo->source || !zoo->source->shapes_only;
    float *data = NULL;
    if (numbers) data = hone_arena_alloc(&model->arena, (size_t)count, sizeof *data);
    hone_status status = data || !numbers ? HONE_OK : HONE_OUT_OF_MEMORY;
    if (status == HONE_OK && zoo->source)
        status = zoo_read(zoo, name, &desc, data);
    else if (status == HONE_OK)
        zoo_draw(zoo, data, count, middle, deviation);
    enum hone_param_layout layout = desc.rank == 4 ? HONE_LAYOUT_FILTER : HONE_LAYOUT_SAME;
    if (status == HONE_OK)
        status = hone_model_add_param(model, name, kind, layout, desc, data, &index);
    if (status == HONE_OK) return model->params[index].value;
    hone_graph_fail(model->graph, status);
    return HONE_NO_VALUE;
}

static hone_value zoo_param(struct hone_zoo *zoo, const char *module, const char *suffix,
                            enum hone_param_kind kind, struct hone_desc desc, float middle,
                            double deviation) {
    char name[HONE_ZOO_NAME];
    hone_zoo_name(name, "%s.%s", module, suffix);
    return hone_zoo_param(zoo, name, kind, desc, middle, deviation);
}

int hone_zoo_tensorflow(struct hone_zoo *zoo, int variant) {
    if (!(variant & HONE_ZOO_TF)) return variant;
    zoo->same = true;
    zoo->norm_eps = 1e-3f;
    return variant & ~HONE_ZOO_TF;
}

// Zeros around an axis of `size` for ceil(size / stride) places, one more behind where they are
// odd.
static void zoo_pad_same(int32_t size, int32_t kernel, int32_t stride, int32_t *before,
                         int32_t *after) {
    int32_t most = ((size - 1) / stride) * stride + kernel - size;
    *before = most > 0 ? most / 2 : 0;
    *after = most > 0 ? most - *before : 0;
}

hone_value hone_zoo_conv(struct hone_zoo *zoo, const char *module, hone_value x,
                         const struct hone_zoo_conv *conv) {
    int32_t stride = conv->stride ? conv->stride : 1, groups = conv->groups ? conv->groups : 1;
    int32_t k = conv->out, r = conv->kernel, pad = conv->valid ? 0 : (r - 1) / 2;
    double fan_out = (double)k / groups * r * r;
    struct hone_desc filter =
        hone_desc_make(HONE_F32, 4, k, r, r, hone_zoo_channels(zoo, x) / groups);
    hone_value in[3] = {
        x, zoo_param(zoo, module, "weight", HONE_PARAM_WEIGHT, filter, 0, sqrt(2 / fan_out))};
    if (conv->bias)
        in[2] = zoo_param(zoo, module, "bias", HONE_PARAM_BIAS,
                          hone_desc_make(HONE_F32, 1, k, 0, 0, 0), 0, 0);
    struct hone_conv2d_attrs attrs = {.stride = {stride, stride},
                                      .pad = {pad, pad, pad, pad},
                                      .dilation = {1, 1},
                                      .groups = groups};
    if (zoo->same && !conv->valid && zoo->model->graph->status == HONE_OK) {
        const int32_t *dim = hone_graph_desc(zoo->model->graph, x)->dim;
        zoo_pad_same(dim[1], r, stride, &attrs.pad[0], &attrs.pad[2]);
        zoo_pad_same(dim[2], r, stride, &attrs.pad[1], &attrs.pad[3]);
    }
    return hone_graph_emit(zoo->model->graph, &hone_op_conv2d, module, &attrs, in,
                           conv->bias ? 3 : 2);
}

hone_value hone_zoo_norm(struct hone_zoo *zoo, const char *module, hone_value x) {
    struct hone_desc channels = hone_desc_make(HONE_F32, 1, hone_zoo_channels(zoo, x), 0, 0, 0);
    hone_value in[] = {
        x,
        zoo_param(zoo, module, "weight", HONE_PARAM_NORM_SCALE, channels, 1, 0),
        zoo_param(zoo, module, "bias", HONE_PARAM_NORM_SHIFT, channels, 0, 0),
        zoo_param(zoo, module, "running_mean", HONE_PARAM_NORM_MEAN, channels, 0, 0),
        zoo_param(zoo, module, "running_var", HONE_PARAM_NORM_VAR, channels, 1, 0),
    };
    struct hone_batch_norm_attrs attrs = {.eps = zoo->norm_eps != 0 ? zoo->norm_eps : 1e-5f};
    return hone_graph_emit(zoo->model->graph, &hone_op_batch_norm, module, &attrs, in, 5);
}

hone_value hone_zoo_act(struct hone_zoo *zoo, hone_value x, struct hone_act_attrs act) {
    return HONE_EMIT(zoo->model->graph, &hone_op_act, NULL, &act, x);
}

hone_value hone_zoo_squeeze_excite(struct hone_zoo *zoo, const char *module, hone_value x,
                                   int32_t narrow, enum hone_act act, struct hone_act_attrs gate) {
    char name[HONE_ZOO_NAME];
    struct hone_graph *graph = zoo->model->graph;
    struct hone_zoo_conv conv = {.out = narrow, .kernel = 1, .bias = true};
    hone_value s = HONE_EMIT(graph, &hone_op_global_avg_pool, NULL, NULL, x);
    s = hone_zoo_conv(zoo, hone_zoo_name(name, "%s.fc1", module), s, &conv);
    s = hone_zoo_act(zoo, s, (struct hone_act_attrs){.kind = (int32_t)act});
    conv.out = hone_zoo_channels(zoo, x);
    s = hone_zoo_conv(zoo, hone_zoo_name(name, "%s.fc2", module), s, &conv);
    return HONE_EMIT(graph, &hone_op_mul, NULL, NULL, x, hone_zoo_act(zoo, s, gate));
}

int32_t hone_zoo_divisible(double channels) {
    int32_t out = (int32_t)(channels + 4) / 8 * 8;
    if (out < 8) out = 8;
    return out < 0.9 * channels ? out + 8 : out;
}

int32_t hone_zoo_classes(const struct hone_zoo *zoo, const char *module, int32_t usual) {
    char name[HONE_ZOO_NAME];
    int rank;
    int64_t dim[8];
    hone_zoo_name(name, "%s.weight", module);
    bool known = hone_zoo_has(zoo, name, &rank, dim) && rank > 0;
    return known && dim[0] > 0 && dim[0] <= INT32_MAX ? (int32_t)dim[0] : usual;
}

hone_value hone_zoo_classifier(struct hone_zoo *zoo, const char *module, hone_value x,
                               int32_t classes) {
    classes = hone_zoo_classes(zoo, module, classes);
    struct hone_graph *graph = zoo->model->graph;
    int32_t features = hone_zoo_channels(zoo, x);
    struct hone_shape_attrs flat = {.rank = 2, .dim = {0, features}};
    x = HONE_EMIT(graph, &hone_op_global_avg_pool, "avgpool", NULL, x);
    x = HONE_EMIT(graph, &hone_op_reshape, "flatten", &flat, x);
    char name[HONE_ZOO_NAME];
    int rank;
    int64_t dim[8];
    bool headless =
        zoo->source && !hone_zoo_has(zoo, hone_zoo_name(name, "%s.weight", module), &rank, dim);
    return headless ? x : hone_zoo_linear(zoo, module, x, classes);
}

hone_value hone_zoo_constant(struct hone_zoo *zoo, const char *name, float value) {
    struct hone_model *model = zoo->model;
    int index = -1;
    float *data = hone_arena_alloc(&model->arena, 1, sizeof *data);
    if (data) *data = value;
    hone_status status =
        data ? hone_model_add_param(model, name, HONE_PARAM_CONSTANT, HONE_LAYOUT_SAME,
                                    hone_desc_make(HONE_F32, 1, 1, 0, 0, 0), data, &index)
             : HONE_OUT_OF_MEMORY;
    if (status == HONE_OK) return model->params[index].value;
    hone_graph_fail(model->graph, status);
    return HONE_NO_VALUE;
}

hone_value hone_zoo_linear_named(struct hone_zoo *zoo, const char *weight, const char *bias,
                                 hone_value x, int32_t out) {
    int32_t features = hone_zoo_channels(zoo, x);
    double deviation = sqrt(1.0 / 3 / features);
    const struct hone_desc shape = hone_desc_make(HONE_F32, 2, out, features, 0, 0);
    hone_value w = hone_zoo_param(zoo, weight, HONE_PARAM_WEIGHT, shape, 0, deviation);
    hone_value b = hone_zoo_param(zoo, bias, HONE_PARAM_BIAS,
                                  hone_desc_make(HONE_F32, 1, out, 0, 0, 0), 0, deviation);
    const struct hone_matmul_attrs attrs = {.trans_b = 1};
    char name[HONE_ZOO_NAME];
    snprintf(name, sizeof name, "%.*s", (int)(strrchr(weight, '.') - weight), weight);
    return HONE_EMIT(zoo->model->graph, &hone_op_matmul, name, &attrs, x, w, b);
}

hone_value hone_zoo_linear(struct hone_zoo *zoo, const char *module, hone_value x, int32_t out) {
    char weight[HONE_ZOO_NAME], bias[HONE_ZOO_NAME];
    hone_zoo_name(weight, "%s.weight", module);
    hone_zoo_name(bias, "%s.bias", module);
    return hone_zoo_linear_named(zoo, weight, bias, x, out);
}

hone_value hone_zoo_layer_norm(struct hone_zoo *zoo, const char *module, hone_value x, float eps) {
    struct hone_desc channels = hone_desc_make(HONE_F32, 1, hone_zoo_channels(zoo, x), 0, 0, 0);
    const hone_value in[] = {
        x,
        zoo_param(zoo, module, "weight", HONE_PARAM_NORM_SCALE, channels, 1, 0),
        zoo_param(zoo, module, "bias", HONE_PARAM_NORM_SHIFT, channels, 0, 0),
    };
    const struct hone_layer_norm_attrs attrs = {eps};
    return hone_graph_emit(zoo->model->graph, &hone_op_layer_norm, module, &attrs, in, 3);
}

const struct hone_zoo_net *hone_zoo_named(const char *name) {
    static const struct {
        const char *name, *net;
    } aliases[] = {
#define HONE_ZOO_ALIAS(name, net) {name, net},
#include "model/zoo/families.def"
    };
    size_t length = strcspn(name, ".");
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (strlen(aliases[i].name) == length && strncmp(aliases[i].name, name, length) == 0) {
            name = aliases[i].net;
            length = strlen(name);
            break;
        }
    for (int i = 0; i < ZOO_NETS; i++)
        if (strlen(zoo_nets[i].name) == length && strncmp(zoo_nets[i].name, name, length) == 0)
            return &zoo_nets[i];
    return NULL;
}

static hone_status zoo_find(const char *name, const struct hone_zoo_net **out) {
    struct hone_text names = {0};
    *out = hone_zoo_named(name);
    if (*out) return HONE_OK;
    for (int i = 0; i < ZOO_NETS; i++)
        hone_text_printf(&names, "%s%s", i ? ", " : "", zoo_nets[i].name);
    hone_status status = names.status;
    if (status == HONE_OK)
        status = hone_fail(HONE_NOT_FOUND, "no net is named '%s'; there are %s", name, names.data);
    hone_text_deinit(&names);
    return status;
}

static hone_status zoo_build(const struct hone_zoo_net *net, int32_t height, int32_t width,
                             uint64_t seed, const struct hone_zoo_source *source,
                             struct hone_model **out) {
    struct hone_model *model;
    *out = NULL;
    HONE_TRY(hone_model_create(&model));
    struct hone_zoo zoo = {.model = model, .seed = seed, .source = source};
    zoo.dialect = source ? hone_zoo_dialect_of(net->family, source)
                         : hone_zoo_dialect_named(net->family, net->dialect);
    model->image =
        hone_graph_input(model->graph, "image", hone_desc_make(HONE_F32, 4, 1, height, width, 3));
    hone_status status =
        hone_preprocess_parse(net->preprocess ? net->preprocess : "imagenet", &model->preprocess);
    model->preprocess.height = height;
    model->preprocess.width = width;
    model->preprocess_stated = true;
    model->output_kind = HONE_MODEL_LOGITS;
    model->source = model->arch = net->name;
    hone_value output = HONE_NO_VALUE;
    if (status == HONE_OK) output = net->build(&zoo, model->image, net->variant);
    if (status == HONE_OK) status = hone_graph_status(model->graph);
    if (status == HONE_OK) status = hone_model_finish(model, output);
    if (status != HONE_OK) {
        hone_model_destroy(&model);
        return hone_fail_context(status, "%s at %d x %d", net->name, (int)height, (int)width);
    }
    *out = model;
    return HONE_OK;
}

hone_status hone_zoo_model(const char *name, int32_t size, uint64_t seed, struct hone_model **out) {
    const struct hone_zoo_net *net;
    *out = NULL;
    HONE_TRY(zoo_find(name, &net));
    return zoo_build(net, size, size, seed, NULL, out);
}

hone_status hone_zoo_load(const char *name, int32_t height, int32_t width,
                          const struct hone_zoo_source *source, struct hone_model **out) {
    const struct hone_zoo_net *net;
    *out = NULL;
    HONE_TRY(zoo_find(name, &net));
    return zoo_build(net, height, width, 0, source, out);
}
