// onnx_picture.c: what a net does to its pixels before its first layer, as files with their
// preprocessing inside do. Numbers there are not trained, and tell which pixels the net expects.
#include "formats/onnx_import.h"

#include <math.h>

// What takes pixels from 0 to 1, or -1 to 1, multiplies them by no less.
static const double LEAST = 1.0 / 8;

// True for arithmetic with numbers alone, and for what only moves; *factor: what it multiplies by.
static bool picture_plain(const struct hone_onnx_import *im, const struct hone_node *node,
                          double *factor) {
    *factor = 1;
    if (node->op == &hone_op_permute || node->op == &hone_op_reshape) return true;
    if (node->op == &hone_op_scale) {
        *factor = (double)((const struct hone_scale_attrs *)node->attrs)->alpha;
        return true;
    }
    if (node->op != &hone_op_add && node->op != &hone_op_mul) return false;
    int param = hone_model_param_of(im->model, node->inputs[1]);
    if (param >= 0 && node->op == &hone_op_mul) *factor = (double)im->model->params[param].data[0];
    return param >= 0;
}

bool hone_onnx_on_picture(const struct hone_onnx_import *im, hone_value value) {
    double factor;
    const struct hone_node *node;
    for (; value != im->model->image; value = node->inputs[0]) {
        node = hone_graph_producer(im->graph, value);
        if (!node || !picture_plain(im, node, &factor)) return false;
    }
    return true;
}

bool hone_onnx_takes_pixels(const struct hone_onnx_import *im) {
    double product = 1, factor;
    hone_value value = im->model->image;
    for (size_t n = 0; n < im->graph->node_count; n++) { // in the order of the file
        const struct hone_node *node = &im->graph->nodes[n];
        if (node->input_count < 1 || node->inputs[0] != value || !picture_plain(im, node, &factor))
            continue;
        product *= fabs(factor);
        value = node->outputs[0];
    }
    return product < LEAST;
}
