// head.c: which node classifies, and putting a fresh one in its place.
//
// The classifier is the last matmul or 1x1 convolution before the output, with only pooling,
// flattening and relu behind it. Behind a relu the same shape may also be the end of a trunk
// (MobileNet's last convolution and SqueezeNet's classifier look alike), so that there the names
// and the number of outputs must speak for a classifier.
#include "model/clone.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "ops/ops.h"

enum { HEAD_RNG_STREAM = 0x68656164 }; // "head"

// Numbers of classes of the common data sets: ImageNet with and without background, CIFAR,
// ImageNet-21k and its cleaned list, Places.
static const int32_t head_usual_classes[] = {10, 100, 365, 1000, 1001, 10450, 11221, 21841, 21843};
static const char *const head_usual_names[] = {"classif", "logit", "predict", "head", "fc"};

static bool head_is_usual(const struct hone_model *model, int weight, int32_t classes) {
    if (model->output_kind == HONE_MODEL_PROBABILITIES) return true;
    if (model->class_names && model->class_count == classes) return true;
    for (size_t i = 0; i < sizeof head_usual_classes / sizeof *head_usual_classes; i++)
        if (head_usual_classes[i] == classes) return true;
    for (size_t i = 0; i < sizeof head_usual_names / sizeof *head_usual_names; i++)
        if (strstr(model->params[weight].name, head_usual_names[i])) return true;
    return false;
}

// Walks back over what may stand behind a classifier. Tells whether a relu was among it.
static const struct hone_node *head_walk(const struct hone_model *model, bool *relu) {
    const struct hone_graph *graph = model->graph;
    const struct hone_node *node = hone_graph_producer(graph, model->output);
    *relu = false;
    while (node) {
        bool is_relu = node->op == &hone_op_act &&
                       ((const struct hone_act_attrs *)node->attrs)->kind == HONE_ACT_RELU;
        if (!is_relu && node->op != &hone_op_global_avg_pool && node->op != &hone_op_reshape &&
            node->op != &hone_op_avg_pool && node->op != &hone_op_permute)
            return node;
        *relu |= is_relu;
        node = hone_graph_producer(graph, node->inputs[0]);
    }
    return NULL;
}

static bool head_is_pointwise(const struct hone_node *node, const struct hone_desc *weight) {
    const struct hone_conv2d_attrs *a = node->attrs;
    return weight->dim[1] == 1 && weight->dim[2] == 1 && a->groups == 1 && a->stride[0] == 1 &&
           a->stride[1] == 1 && !a->pad[0] && !a->pad[1] && !a->pad[2] && !a->pad[3];
}

void hone_model_find_head(struct hone_model *model) {
    const struct hone_graph *graph = model->graph;
    struct hone_model_head head = {.feature = HONE_NO_VALUE, .weight = -1, .bias = -1};
    bool relu = false;
    const struct hone_node *node = head_walk(model, &relu);
    int weight = -1;
    if (node && (node->op == &hone_op_matmul || node->op == &hone_op_conv2d))
        weight = hone_model_param_of(model, node->inputs[1]);
    if (weight >= 0) {
        const struct hone_desc *w = hone_graph_desc(graph, node->inputs[1]);
        bool linear = node->op == &hone_op_matmul;
        bool by_rows = !linear || ((const struct hone_matmul_attrs *)node->attrs)->trans_b;
        head = (struct hone_model_head){
            .kind = linear ? HONE_HEAD_LINEAR : HONE_HEAD_CONV,
            .node = (uint32_t)(node - graph->nodes),
            .feature = node->inputs[0],
            .weight = weight,
            .bias = node->input_count > 2 ? hone_model_param_of(model, node->inputs[2]) : -1,
            .features = linear ? w->dim[by_rows ? 1 : 0] : w->dim[3],
            .classes = w->dim[by_rows ? 0 : 1],
        };
        bool fits = hone_desc_elements(hone_graph_desc(graph, model->output)) == head.classes &&
                    (linear || head_is_pointwise(node, w)) &&
                    (!relu || head_is_usual(model, weight, head.classes));
        if (!fits)
            head = (struct hone_model_head){.feature = HONE_NO_VALUE, .weight = -1, .bias = -1};
    }
    model->head = head;
    // A softmax says that these are classes, even where no replaceable node makes them.
    int32_t classes = head.classes;
    if (head.kind == HONE_HEAD_NONE && model->output_kind == HONE_MODEL_PROBABILITIES) {
        const struct hone_desc *desc = hone_graph_desc(graph, model->output);
        classes = desc->dim[desc->rank - 1];
    }
    if (model->class_count != classes) model->class_names = NULL; // names of something else
    model->class_count = classes;
    if (classes == 0)
        model->output_kind = HONE_MODEL_FEATURES;
    else if (model->output_kind == HONE_MODEL_FEATURES)
        model->output_kind = HONE_MODEL_LOGITS;
}

// Uniform in +-bound.
static float *head_draw(struct hone_model *model, int64_t count, float bound, uint64_t seed,
                        uint64_t first) {
    float *data = hone_arena_alloc(&model->arena, (size_t)count, sizeof *data);
    for (int64_t i = 0; data && i < count; i++)
        data[i] = (2 * hone_rng_f32(seed, HEAD_RNG_STREAM, first + (uint64_t)i) - 1) * bound;
    return data;
}

hone_status hone_model_replace_head(struct hone_model *model, int32_t classes,
                                    const char *const *class_names, uint64_t seed) {
    struct hone_graph *graph = model->graph;
    bool headless = model->head.kind == HONE_HEAD_NONE;
    hone_value feature = hone_model_flatten(graph, headless ? model->output : model->head.feature);
    HONE_TRY(hone_graph_status(graph));
    int32_t features = hone_graph_desc(graph, feature)->dim[1];
    int64_t count = (int64_t)classes * features;
    if (classes < 1 || count > INT32_MAX)
        return hone_fail(HONE_INVALID, "a classifier of %d classes cannot be made", (int)classes);

    float bound = (float)(1 / sqrt(features));
    float *w = head_draw(model, count, bound, seed, 0);
    float *b = head_draw(model, classes, bound, seed, (uint64_t)count);
    if (!w || !b) return HONE_OUT_OF_MEMORY;
    // The names of a head that goes are free again.
    if (!headless) graph->values[model->params[model->head.weight].value].name = "";
    if (!headless && model->head.bias >= 0)
        graph->values[model->params[model->head.bias].value].name = "";
    int weight, bias;
    HONE_TRY(hone_model_add_param(model, "head.weight", HONE_PARAM_WEIGHT, HONE_LAYOUT_SAME,
                                  hone_desc_make(HONE_F32, 2, classes, features, 0, 0), w,
                                  &weight));
    HONE_TRY(hone_model_add_param(model, "head.bias", HONE_PARAM_BIAS, HONE_LAYOUT_SAME,
                                  hone_desc_make(HONE_F32, 1, classes, 0, 0, 0), b, &bias));
    hone_value logits =
        HONE_EMIT(graph, &hone_op_matmul, "head", &(struct hone_matmul_attrs){.trans_b = 1},
                  feature, model->params[weight].value, model->params[bias].value);
    HONE_TRY(hone_graph_status(graph));
    model->output_kind = HONE_MODEL_LOGITS;
    model->thresholds = NULL; // they belong to the old classes
    HONE_TRY(hone_model_set_classes(model, class_names, classes));
    return hone_model_finish(model, logits);
}
