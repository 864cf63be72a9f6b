// onnx_import.c: from an ONNX file to a model, on one screen: names, what is missing, the picture,
// the nodes in order, and what stands at the end. Translating an operator is left to the files
// beside it.
#include "formats/onnx_import.h"

#include <string.h>

#include "base/text.h"
#include "formats/onnx.h"
#include "formats/onnx_meta.h"

enum { IMPORT_SIZE_MOST = 16384, IMPORT_SIZE_DEFAULT = 224, IMPORT_NAMES_MOST = 8 };

// ---- Inputs and outputs of the file
// -------------------------------------------------------------------------

// The one input that is no weight.
static hone_status import_find_input(struct hone_onnx_import *im, const HoneOnnx__ValueInfo **out) {
    const HoneOnnx__Graph *graph = im->file.model->graph;
    *out = NULL;
    for (size_t i = 0; i < graph->n_input; i++) {
        const char *name = hone_onnx_text(graph->input[i]->name);
        if (hone_onnx_name(im, name)->initializer) continue; // older files list weights too
        if (*out)
            return hone_fail(HONE_UNSUPPORTED, "the net takes more than one input: '%s' and '%s'",
                             hone_onnx_text((*out)->name), name);
        *out = graph->input[i];
    }
    if (!*out) return hone_fail(HONE_INVALID, "the net takes no input");
    im->input = hone_onnx_text((*out)->name);
    if (hone_onnx_name(im, im->input)->writer != UINT32_MAX)
        return hone_fail(HONE_INVALID, "two tensors are named '%s'", im->input);
    return HONE_OK;
}

// "logits" where there is one (files of hone's own have "probabilities" too), else the first.
static hone_status import_find_output(struct hone_onnx_import *im) {
    const HoneOnnx__Graph *graph = im->file.model->graph;
    if (graph->n_output == 0) return hone_fail(HONE_INVALID, "the net gives no output");
    size_t chosen = 0;
    bool softmax = false;
    for (size_t i = 0; i < graph->n_output; i++) {
        const char *name = hone_onnx_text(graph->output[i]->name);
        if (strcmp(name, "logits") == 0) chosen = i;
        softmax |= strcmp(name, "probabilities") == 0;
    }
    im->output = hone_onnx_text(graph->output[chosen]->name);
    if (graph->n_output == 2 && softmax && strcmp(im->output, "logits") == 0) {
        im->model->output_kind = HONE_MODEL_PROBABILITIES; // hone's own files
        return HONE_OK;
    }
    if (graph->n_output > 1)
        return hone_model_warn(im->model, "the net has %zu outputs; '%s' is used", graph->n_output,
                               im->output);
    return HONE_OK;
}

// ---- The picture
// --------------------------------------------------------------------------------------------

struct import_picture {
    int64_t dim[4]; // as the file has it, 0 where open
    bool nhwc;
};

static hone_status import_read_picture(const HoneOnnx__ValueInfo *input,
                                       struct import_picture *out) {
    *out = (struct import_picture){{0, 3, 0, 0}, false};
    const HoneOnnx__TypeTensor *type = input->type ? input->type->tensor_type : NULL;
    if (!type) return HONE_OK;
    int elem = type->elem_type;
    if (elem && elem != HONE_ONNX_FLOAT && elem != HONE_ONNX_FLOAT16 && elem != HONE_ONNX_DOUBLE)
        return hone_fail(HONE_UNSUPPORTED, "input '%s' is not of floats",
                         hone_onnx_text(input->name));
    if (!type->shape) return HONE_OK;
    if (type->shape->n_dim != 4)
        return hone_fail(HONE_UNSUPPORTED, "input '%s' has %zu dimensions; a picture has 4",
                         hone_onnx_text(input->name), type->shape->n_dim);
    for (int i = 0; i < 4; i++) {
        int64_t size = type->shape->dim[i]->dim_value;
        out->dim[i] = size > 0 ? size : 0;
    }
    out->nhwc = out->dim[3] == 3 && out->dim[1] != 3;
    int64_t channels = out->dim[out->nhwc ? 3 : 1];
    if (channels == 0) out->dim[1] = channels = 3;
    if (channels != 3)
        return hone_fail(HONE_UNSUPPORTED,
                         "input '%s' has %lld channels; hone feeds colour pictures, 3",
                         hone_onnx_text(input->name), (long long)channels);
    return HONE_OK;
}

// Height or width: what the caller wants, else the file's, else what hone wrote beside it, else
// 224.
static hone_status import_size(int32_t wanted, int64_t file, int32_t meta, int32_t *out) {
    int64_t size = wanted ? wanted : file ? file : meta ? meta : IMPORT_SIZE_DEFAULT;
    if (size < 1 || size > IMPORT_SIZE_MOST)
        return hone_fail(HONE_INVALID, "a picture size of %lld is out of range 1..%d",
                         (long long)size, IMPORT_SIZE_MOST);
    *out = (int32_t)size;
    return HONE_OK;
}

static hone_status import_picture(struct hone_onnx_import *im, const struct import_picture *picture,
                                  const hone_model_load_params *params, bool *resized) {
    int32_t meta_h, meta_w, h, w;
    HONE_TRY(hone_onnx_meta_size(im->file.model, &meta_h, &meta_w));
    int64_t file_h = picture->dim[picture->nhwc ? 1 : 2],
            file_w = picture->dim[picture->nhwc ? 2 : 3];
    HONE_TRY(import_size(params->height ? params->height : params->size, file_h, meta_h, &h));
    HONE_TRY(import_size(params->width ? params->width : params->size, file_w, meta_w, &w));
    im->model->size_fixed = file_h && file_w;
    *resized = (file_h && file_h != h) || (file_w && file_w != w);
    im->file_batch = picture->dim[0];
    im->model->preprocess.height = h;
    im->model->preprocess.width = w;
    im->model->image =
        hone_graph_input(im->graph, "image", hone_desc_make(HONE_F32, 4, 1, h, w, 3));
    struct hone_onnx_tensor *tensor = hone_onnx_name(im, im->input);
    tensor->state = HONE_ONNX_NODE;
    tensor->value = im->model->image;
    memcpy(tensor->perm, picture->nhwc ? hone_onnx_plain : hone_onnx_image, sizeof tensor->perm);
    return hone_graph_status(im->graph);
}

// ---- What is missing
// ----------------------------------------------------------------------------------------

static bool import_supports(const HoneOnnx__Node *node) {
    const char *domain = hone_onnx_text(node->domain), *op = hone_onnx_text(node->op_type);
    return (*domain == '\0' || strcmp(domain, "ai.onnx") == 0) &&
           (hone_onnx_translate_find(op) || hone_onnx_fold_find(op));
}

// What to do about operators whose names begin so; NULL: nothing is known.
static const char *import_advice(const char *op) {
    static const char *const table[][2] = {
        {"QLinear", "the file computes in integers; export it with pairs of QuantizeLinear and "
                    "DequantizeLinear (QDQ), or the net before it was quantised"},
        {"ConvInteger", "the file computes in integers; export the net before it was quantised"},
        {"MatMulInteger", "the file computes in integers; export the net before it was quantised"},
        {"DynamicQuantize",
         "the file computes in integers; export the net before it was quantised"},
        {"If", "a branch; export for pictures of one size, with constants folded"},
        {"Loop", "a loop; export by tracing, not by scripting"},
        {"Scan", "a loop; export by tracing, not by scripting"},
        {"PartitionedCall",
         "a function that tf2onnx left as it was, as it does Keras's convolutions in groups; before "
         "the export, set Conv2D._jit_compiled_convolution_op = Conv2D.convolution_op"},
        {"NonMaxSuppression", "a detector's; hone reads nets that classify a picture"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strncmp(op, table[i][0], strlen(table[i][0])) == 0) return table[i][1];
    return NULL;
}

// Names every operator that hone lacks, with its first node and the number of the others.
static hone_status import_check_operators(struct hone_onnx_import *im) {
    const HoneOnnx__Graph *graph = im->file.model->graph;
    const HoneOnnx__Node *first[IMPORT_NAMES_MOST];
    size_t more[IMPORT_NAMES_MOST] = {0}, kinds = 0, beyond = 0;
    for (size_t n = 0; n < graph->n_node; n++) {
        const HoneOnnx__Node *node = graph->node[n];
        if (!im->live[n] || import_supports(node)) continue;
        size_t k = 0;
        while (k < kinds &&
               strcmp(hone_onnx_text(first[k]->op_type), hone_onnx_text(node->op_type)) != 0)
            k++;
        if (k < kinds)
            more[k]++;
        else if (kinds < IMPORT_NAMES_MOST)
            first[kinds++] = node;
        else
            beyond++;
    }
    if (kinds == 0) return HONE_OK;
    struct hone_text text = {0};
    for (size_t k = 0; k < kinds; k++) {
        hone_text_printf(&text, "%s'%.40s' (node '%.60s'", k ? ", " : "",
                         hone_onnx_text(first[k]->op_type), hone_onnx_node_name(first[k]));
        if (more[k]) hone_text_printf(&text, " and %zu more", more[k]);
        hone_text_printf(&text, ")");
    }
    if (beyond) hone_text_printf(&text, ", and %zu nodes of others", beyond);
    const char *advice = NULL;
    for (size_t k = 0; k < kinds && !advice; k++)
        advice = import_advice(hone_onnx_text(first[k]->op_type));
    if (advice) hone_text_printf(&text, ": %s", advice);
    hone_status status = text.status;
    if (status == HONE_OK)
        status = hone_fail(HONE_UNSUPPORTED,
                           kinds == 1 && !beyond ? "%zu operator is not supported: %s"
                                                 : "%zu operators are not supported: %s",
                           kinds, text.data);
    hone_text_deinit(&text);
    return status;
}

// ---- The nodes
// ----------------------------------------------------------------------------------------------

// Evaluates a node all of whose inputs are constant. *done is false where it is not such a node.
static hone_status import_fold(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                               bool *done) {
    *done = false;
    hone_onnx_fold_fn fold = hone_onnx_fold_find(hone_onnx_text(node->op_type));
    if (!fold || node->n_output == 0 || node->n_input > INT16_MAX) return HONE_OK;
    const struct hone_onnx_const *few[8] = {NULL}, **in = few;
    if (node->n_input > 8) in = hone_calloc(node->n_input, sizeof *in, "node inputs");
    if (!in) return HONE_OUT_OF_MEMORY;
    hone_status status = HONE_OK;
    bool all = true;
    for (size_t k = 0; k < node->n_input && status == HONE_OK && all; k++) {
        struct hone_onnx_tensor *tensor;
        status = hone_onnx_input(im, node, k, false, &tensor);
        if (status == HONE_OK && tensor) all = tensor->state == HONE_ONNX_CONST;
        if (status == HONE_OK && tensor) in[k] = &tensor->constant;
    }
    struct hone_onnx_const result = {.rank = 0};
    if (status == HONE_OK && all)
        status = fold(&(struct hone_onnx_fold_args){node, im->file.opset, &im->store,
                                                    (int)node->n_input, in, &result});
    struct hone_onnx_tensor *out = hone_onnx_name(im, node->output[0]);
    if (status == HONE_OK && all && out && out->state == HONE_ONNX_UNSET) {
        out->state = HONE_ONNX_CONST;
        out->constant = result;
        *done = true;
    }
    if (in != few) hone_free(in);
    return status;
}

static hone_status import_node(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    bool done;
    HONE_TRY(import_fold(im, node, &done));
    if (done) return HONE_OK;
    hone_onnx_translate_fn translate = hone_onnx_translate_find(hone_onnx_text(node->op_type));
    if (!translate)
        return hone_fail(HONE_UNSUPPORTED, "it is supported on constants only, not on activations");
    HONE_TRY(translate(im, node));
    return hone_graph_status(im->graph);
}

static hone_status import_nodes(struct hone_onnx_import *im) {
    const HoneOnnx__Graph *graph = im->file.model->graph;
    // Constants first: some stand between an operator and the one that absorbs it.
    for (int pass = 0; pass < 2; pass++) {
        for (size_t n = 0; n < graph->n_node; n++) {
            const HoneOnnx__Node *node = graph->node[n];
            const char *op = hone_onnx_text(node->op_type);
            if (!im->live[n] || im->absorbed[n] || (strcmp(op, "Constant") == 0) != (pass == 0))
                continue;
            im->at = n;
            hone_status status = import_node(im, node);
            // The graph puts the node's name in front of what it says itself.
            if (status != HONE_OK && im->graph->status != HONE_OK) return status;
            if (status != HONE_OK)
                return hone_fail_context(status, "node '%s' (%s)", hone_onnx_node_name(node), op);
        }
    }
    return HONE_OK;
}

// ---- The end
// ------------------------------------------------------------------------------------------------

// What stands before a softmax, or a sigmoid, at the very end, past reshapes of one vector.
// HONE_NO_VALUE: there is none.
static hone_value import_before_softmax(const struct hone_graph *graph, hone_value value,
                                        bool *sigmoid) {
    const struct hone_node *node = hone_graph_producer(graph, value);
    while (node && node->op == &hone_op_reshape) node = hone_graph_producer(graph, node->inputs[0]);
    *sigmoid = node && node->op == &hone_op_act &&
               ((const struct hone_act_attrs *)node->attrs)->kind == HONE_ACT_SIGMOID;
    if (!node || (node->op != &hone_op_softmax && !*sigmoid)) return HONE_NO_VALUE;
    const struct hone_desc *desc = hone_graph_desc(graph, node->inputs[0]);
    bool vector = hone_desc_elements(desc) == desc->dim[desc->rank - 1];
    return vector ? node->inputs[0] : HONE_NO_VALUE;
}

// The net at two pictures: what was the same for every one may not fit beside those that differ.
static hone_status import_check_batch(struct hone_model *model) {
    struct hone_graph *graph;
    struct hone_desc image = *hone_graph_desc(model->graph, model->image);
    hone_value output;
    image.dim[0] = 2;
    HONE_TRY(hone_graph_create(&graph));
    hone_value input = hone_graph_input(graph, "image", image);
    hone_status status = hone_model_emit(model, graph, input, NULL, &output, NULL);
    int32_t rows = status == HONE_OK ? hone_graph_desc(graph, output)->dim[0] : 2;
    hone_graph_destroy(&graph);
    if (rows != 2) return hone_fail(HONE_INVALID, "the output does not depend on the picture");
    if (status == HONE_OK || status == HONE_OUT_OF_MEMORY) return status;
    return hone_model_warn(model,
                           "the net takes one picture at a time, so that it cannot be trained (%s)",
                           hone_error_message());
}

static hone_status import_end(struct hone_onnx_import *im) {
    struct hone_model *model = im->model;
    struct hone_onnx_tensor *output = hone_onnx_name(im, im->output);
    if (!output || output->state != HONE_ONNX_NODE)
        return hone_fail(HONE_INVALID, "the output '%s' does not depend on the picture",
                         im->output);
    HONE_TRY(hone_onnx_settle(im, output));
    if (output->perm[0] != 0)
        return hone_fail(HONE_UNSUPPORTED, "the batch must stay the first axis; in '%s' it is not",
                         im->output);
    int32_t rows = hone_graph_desc(im->graph, output->value)->dim[0];
    if (rows != 1)
        return hone_fail(HONE_UNSUPPORTED, "the output '%s' has %d rows a picture; hone wants one",
                         im->output, (int)rows);
    if (hone_onnx_rank(im, output) == 4) HONE_TRY(hone_onnx_arrange(im, output, hone_onnx_image));
    hone_value end = output->value;
    HONE_TRY(hone_onnx_join_heads(im, &end));
    bool sigmoid;
    hone_value before = import_before_softmax(im->graph, end, &sigmoid);
    if (before != HONE_NO_VALUE) {
        end = before;
        model->output_kind = HONE_MODEL_PROBABILITIES;
    }
    if (before != HONE_NO_VALUE && sigmoid)
        HONE_TRY(hone_model_warn(model,
                                 "the net ends in a sigmoid, an answer for each class on its own, "
                                 "which is left out: hone says one class of several; train it with "
                                 "a folder of pictures for each (of one output: with two)"));
    struct hone_desc desc = *hone_graph_desc(im->graph, end);
    if (desc.rank != 2 && desc.rank != 4)
        return hone_fail(HONE_UNSUPPORTED, "the output '%s' has rank %d; hone wants (N,classes)",
                         im->output, desc.rank);
    if (desc.rank == 4 && desc.dim[1] * (int64_t)desc.dim[2] > 1)
        HONE_TRY(hone_model_warn(model, "the net ends in a map of %dx%d, which is averaged",
                                 (int)desc.dim[1], (int)desc.dim[2]));
    HONE_TRY(hone_model_finish(model, hone_model_flatten(im->graph, end)));
    HONE_TRY(hone_model_find_flips(model));
    return import_check_batch(model);
}

static hone_status import_meta(struct hone_onnx_import *im, const hone_model_load_params *params) {
    struct hone_model *model = im->model;
    HONE_TRY(hone_preprocess_parse("imagenet", &model->preprocess));
    HONE_TRY(hone_onnx_meta_read(im->file.model, model));
    if (params->preprocess) {
        HONE_TRY(hone_preprocess_parse(params->preprocess, &model->preprocess));
        model->preprocess_stated = true;
    }
    return HONE_OK;
}

// Of a file that does not state it: what the translated net says.
static hone_status import_guess_pixels(struct hone_onnx_import *im) {
    struct hone_model *model = im->model;
    if (model->preprocess_stated) return HONE_OK;
    bool pixels = hone_onnx_takes_pixels(im);
    if (pixels) HONE_TRY(hone_preprocess_parse("none", &model->preprocess));
    return hone_model_warn(
        model, pixels ? "the net scales its pixels itself: it is fed 0 to 255 "
                        "(--preprocess none; imagenet|tf|MEAN,STD feed it other numbers)"
                      : "the file does not state its preprocessing: imagenet is assumed "
                        "(--preprocess imagenet|tf|none|MEAN,STD)");
}

static hone_status import_build(struct hone_onnx_import *im, const hone_model_load_params *params) {
    const HoneOnnx__ValueInfo *input;
    struct import_picture picture;
    bool resized = false;
    HONE_TRY(hone_onnx_names_init(im));
    HONE_TRY(import_find_input(im, &input));
    HONE_TRY(import_find_output(im));
    HONE_TRY(hone_onnx_names_live(im));
    HONE_TRY(import_check_operators(im));
    HONE_TRY(import_meta(im, params));
    HONE_TRY(import_read_picture(input, &picture));
    HONE_TRY(import_picture(im, &picture, params, &resized));
    bool named = im->model->class_names != NULL;
    hone_status status = import_nodes(im);
    if (status == HONE_OK) status = import_guess_pixels(im);
    if (status == HONE_OK) status = import_end(im);
    if (status != HONE_OK && status != HONE_OUT_OF_MEMORY && resized)
        return hone_fail_context(status, "at %dx%d, though the file is made for %lldx%lld",
                                 (int)im->model->preprocess.height,
                                 (int)im->model->preprocess.width,
                                 (long long)picture.dim[picture.nhwc ? 1 : 2],
                                 (long long)picture.dim[picture.nhwc ? 2 : 3]);
    HONE_TRY(status);
    if (named && !im->model->class_names)
        HONE_TRY(hone_model_warn(im->model,
                                 "the file names other classes than it has outputs; ignored"));
    return HONE_OK;
}

static hone_status import_all(const uint8_t *data, size_t bytes, const struct hone_file_map *map,
                              const char *folder, const char *source,
                              const hone_model_load_params *params, struct hone_model **out) {
    static const hone_model_load_params defaults = {0};
    struct hone_onnx_import im = {
        .store = {.limit = 16 * (uint64_t)bytes + (64u << 20), .folder = folder, .map = map}};
    *out = NULL;
    hone_status status = hone_onnx_file_parse(data, bytes, &im.file);
    if (status == HONE_OK) status = hone_model_create(&im.model);
    if (status == HONE_OK) {
        im.graph = im.model->graph;
        im.model->opset = im.file.opset;
        im.model->source = hone_arena_strdup(&im.model->arena, source);
        status =
            im.model->source ? import_build(&im, params ? params : &defaults) : HONE_OUT_OF_MEMORY;
    }
    hone_onnx_file_close(&im.file);
    for (size_t i = 0; im.tensors && i < im.slots; i++)
        if (im.tensors[i].initializer) hone_onnx_const_drop(&im.store, &im.tensors[i].constant);
    hone_onnx_store_deinit(&im.store);
    hone_free(im.tensors);
    hone_free(im.live);
    hone_free(im.absorbed);
    if (status != HONE_OK) {
        hone_model_destroy(&im.model);
        return hone_fail_context(status, "import %s", source);
    }
    *out = im.model;
    return HONE_OK;
}

hone_status hone_onnx_import(const uint8_t *data, size_t bytes, const char *folder,
                             const char *source, const hone_model_load_params *params,
                             struct hone_model **out) {
    return import_all(data, bytes, NULL, folder, source, params, out);
}

hone_status hone_onnx_import_map(const struct hone_file_map *map, const char *folder,
                                 const char *source, const hone_model_load_params *params,
                                 struct hone_model **out) {
    return import_all(map->data, map->bytes, map, folder, source, params, out);
}
