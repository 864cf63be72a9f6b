// onnx_shuffle.c: the channel shuffle of ShuffleNet (Zhang, Zhou, Lin, Sun 2017): files see
// (N,C,H,W) as (N,G,C/G,H,W), swap the middle axes and join them again. Channels are ir's last
// axis, so that no tensor of rank 5 is needed: what was split remembers its groups until it is
// joined.
#include "formats/onnx_import.h"

bool hone_onnx_shuffle_splits(const struct hone_onnx_import *im, const struct hone_onnx_tensor *x,
                              const struct hone_onnx_const *shape) {
    if (shape->count != 5 || hone_onnx_rank(im, x) != 4) return false;
    int64_t groups = shape->i[1], each = shape->i[2], channels = hone_onnx_dim(im, x, 1);
    if (groups == -1 && each > 0) groups = channels / each;
    if (each == -1 && groups > 0) each = channels / groups;
    if (groups < 1 || each < 1 || groups > channels || each > channels) return false;
    for (int i = 1; i < 5; i++)
        if (hone_onnx_const_mark(shape, i) != HONE_MARK_NONE) return false;
    return groups * each == channels &&
           (shape->i[3] == -1 || shape->i[3] == hone_onnx_dim(im, x, 2)) &&
           (shape->i[4] == -1 || shape->i[4] == hone_onnx_dim(im, x, 3));
}

hone_status hone_onnx_shuffle_split(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                                    struct hone_onnx_tensor *x,
                                    const struct hone_onnx_const *shape) {
    HONE_TRY(hone_onnx_arrange(im, x, hone_onnx_image));
    HONE_TRY(hone_onnx_alias(im, node, x));
    struct hone_onnx_tensor *out = hone_onnx_name(im, node->output[0]);
    int64_t channels = hone_onnx_dim(im, x, 1);
    out->groups = (int32_t)(shape->i[1] > 0 ? shape->i[1] : channels / shape->i[2]);
    out->turned = false;
    return HONE_OK;
}

hone_status hone_onnx_shuffle_swap(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                                   const struct hone_onnx_tensor *x) {
    static const int32_t swap[5] = {0, 2, 1, 3, 4};
    int32_t perm[5];
    HONE_TRY(hone_onnx_attr_sizes(node, "perm", 5, 0, 4, -1, perm));
    for (int i = 0; i < 5; i++)
        if (perm[i] != swap[i])
            return hone_fail(HONE_UNSUPPORTED,
                             "of tensors of rank 5 only the shuffle of channels is supported");
    HONE_TRY(hone_onnx_alias(im, node, x));
    struct hone_onnx_tensor *out = hone_onnx_name(im, node->output[0]);
    out->groups = x->groups;
    out->turned = !x->turned;
    return HONE_OK;
}

// (N,HW,G,C/G) to (N,HW,C/G,G) and back to pictures.
static hone_value shuffle_emit(struct hone_onnx_import *im, const char *name,
                               const struct hone_onnx_tensor *x) {
    const struct hone_desc desc = *hone_graph_desc(im->graph, x->value);
    struct hone_shape_attrs split = {
        .rank = 4, .dim = {0, desc.dim[1] * desc.dim[2], x->groups, desc.dim[3] / x->groups}};
    struct hone_permute_attrs swap = {{0, 1, 3, 2}};
    struct hone_shape_attrs join = {.rank = 4, .dim = {0, desc.dim[1], desc.dim[2], desc.dim[3]}};
    hone_value y = HONE_EMIT(im->graph, &hone_op_reshape, name, &split, x->value);
    y = HONE_EMIT(im->graph, &hone_op_permute, name, &swap, y);
    return HONE_EMIT(im->graph, &hone_op_reshape, name, &join, y);
}

hone_status hone_onnx_shuffle_join(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                                   const struct hone_onnx_tensor *x,
                                   const struct hone_onnx_const *shape) {
    bool fits = shape->count == 4;
    for (int i = 1; i < 4 && fits; i++)
        fits = hone_onnx_const_mark(shape, i) == HONE_MARK_NONE &&
               (shape->i[i] == -1 || shape->i[i] == hone_onnx_dim(im, x, i));
    if (!fits)
        return hone_fail(HONE_UNSUPPORTED,
                         "of tensors of rank 5 only the shuffle of channels is supported");
    hone_value y = x->turned ? shuffle_emit(im, hone_onnx_node_name(node), x) : x->value;
    return hone_onnx_define(im, node, y, hone_onnx_image);
}
