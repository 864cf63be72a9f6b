// onnx_names.c: the names of a file's tensors in a hash table, who writes and who reads each, and
// which nodes the output needs.
#include "formats/onnx_import.h"

#include <string.h>

static uint64_t name_hash(const char *name) {
    uint64_t hash = 1469598103934665603u; // FNV-1a
    for (; *name; name++) hash = (hash ^ (unsigned char)*name) * 1099511628211u;
    return hash;
}

static struct hone_onnx_tensor *name_slot(struct hone_onnx_import *im, const char *name) {
    size_t at = (size_t)name_hash(name) & (im->slots - 1);
    while (im->tensors[at].name && strcmp(im->tensors[at].name, name) != 0)
        at = (at + 1) & (im->slots - 1);
    return &im->tensors[at];
}

struct hone_onnx_tensor *hone_onnx_name(struct hone_onnx_import *im, const char *name) {
    struct hone_onnx_tensor *tensor = name_slot(im, name);
    return tensor->name ? tensor : NULL;
}

static struct hone_onnx_tensor *name_add(struct hone_onnx_import *im, const char *name) {
    struct hone_onnx_tensor *tensor = name_slot(im, name);
    if (!tensor->name) {
        *tensor = (struct hone_onnx_tensor){
            .name = name, .writer = UINT32_MAX, .param = -1, .value = HONE_NO_VALUE};
        im->tensor_count++;
    }
    return tensor;
}

hone_status hone_onnx_names_init(struct hone_onnx_import *im) {
    const HoneOnnx__Graph *graph = im->file.model->graph;
    size_t count = graph->n_initializer + graph->n_input + graph->n_output;
    for (size_t n = 0; n < graph->n_node; n++) count += graph->node[n]->n_output;
    if (graph->n_node >= UINT32_MAX || count > SIZE_MAX / 8)
        return hone_fail(HONE_UNSUPPORTED, "too many nodes");
    for (im->slots = 64; im->slots < 2 * count; im->slots *= 2) {
    }
    im->tensors = hone_calloc(im->slots, sizeof *im->tensors, "tensor names");
    if (!im->tensors) return HONE_OUT_OF_MEMORY;

    for (size_t i = 0; i < graph->n_initializer; i++) {
        const char *name = hone_onnx_text(graph->initializer[i]->name);
        struct hone_onnx_tensor *tensor = name_add(im, name);
        if (tensor->initializer) return hone_fail(HONE_INVALID, "two tensors are named '%s'", name);
        tensor->initializer = graph->initializer[i];
    }
    for (size_t i = 0; i < graph->n_input; i++) name_add(im, hone_onnx_text(graph->input[i]->name));
    for (size_t n = 0; n < graph->n_node; n++) {
        for (size_t k = 0; k < graph->node[n]->n_output; k++) {
            const char *name = graph->node[n]->output[k];
            if (!*name) continue; // an output that nobody wants
            struct hone_onnx_tensor *tensor = name_add(im, name);
            if (tensor->initializer || tensor->writer != UINT32_MAX)
                return hone_fail(HONE_INVALID, "two tensors are named '%s'", name);
            tensor->writer = (uint32_t)n;
        }
    }
    return HONE_OK;
}

hone_status hone_onnx_names_live(struct hone_onnx_import *im) {
    const HoneOnnx__Graph *graph = im->file.model->graph;
    im->live = hone_calloc(graph->n_node, 1, "live nodes");
    im->absorbed = hone_calloc(graph->n_node, 1, "absorbed nodes");
    if (!im->live || !im->absorbed) return HONE_OUT_OF_MEMORY;
    struct hone_onnx_tensor *output = hone_onnx_name(im, im->output);
    if (!output || output->writer == UINT32_MAX)
        return hone_fail(HONE_INVALID, "no node writes the output '%s'", im->output);
    output->uses = 1;
    output->reader = UINT32_MAX;
    im->live[output->writer] = 1;
    // Nodes stand in an order in which names are written before they are read: one walk from the
    // end.
    for (size_t n = graph->n_node; n-- > 0;) {
        if (!im->live[n]) continue;
        const HoneOnnx__Node *node = graph->node[n];
        for (size_t k = 0; k < node->n_input; k++) {
            if (!*node->input[k]) continue;
            struct hone_onnx_tensor *tensor = hone_onnx_name(im, node->input[k]);
            bool known = tensor && (tensor->initializer || strcmp(tensor->name, im->input) == 0 ||
                                    (tensor->writer != UINT32_MAX && tensor->writer < n));
            if (!known)
                return hone_fail(HONE_INVALID, "node '%s': its input '%s' is not written before it",
                                 hone_onnx_node_name(node), node->input[k]);
            if (tensor->uses++ == 0) tensor->reader = (uint32_t)n;
            if (tensor->writer != UINT32_MAX) im->live[tensor->writer] = 1;
        }
    }
    return HONE_OK;
}
