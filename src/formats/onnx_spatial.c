// onnx_spatial.c: operators that move or choose pixels: other sizes, blocks of pixels as channels,
// mirrored borders, largest values.
#include "formats/onnx_import.h"
#include "formats/onnx_resize.h"
#include "ops/row.h"

#include <math.h>
#include <string.h>

static hone_status spatial_picture(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                                   struct hone_onnx_tensor **x) {
    HONE_TRY(hone_onnx_input_value(im, node, 0, x));
    if (hone_onnx_rank(im, *x) != 4)
        return hone_fail(HONE_UNSUPPORTED, "only pictures are supported, not rank %d",
                         hone_onnx_rank(im, *x));
    HONE_TRY(hone_onnx_settle(im, *x));
    return hone_onnx_arrange(im, *x, hone_onnx_image);
}

// ---- Resize
// -------------------------------------------------------------------------------------------------

// Input k as numbers of height and width, where it is there and has any.
static hone_status resize_read(struct hone_onnx_import *im, const HoneOnnx__Node *node, size_t k,
                               double out[2], bool *found) {
    struct hone_onnx_tensor *t;
    *found = false;
    HONE_TRY(hone_onnx_input(im, node, k, false, &t));
    if (!t || (t->state == HONE_ONNX_CONST && t->constant.count == 0)) return HONE_OK;
    const struct hone_onnx_const *c = &t->constant;
    if (t->state != HONE_ONNX_CONST || (c->count != 4 && c->count != 2))
        return hone_fail(HONE_UNSUPPORTED, "its sizes '%s' must be constant, of height and width",
                         t->name);
    if (c->count == 4 && !c->i &&
        (hone_onnx_const_number(c, 0) != 1 || hone_onnx_const_number(c, 1) != 1))
        return hone_fail(HONE_UNSUPPORTED, "only height and width can be resized");
    for (int i = 0; i < 2; i++) {
        if (hone_onnx_const_mark(c, c->count - 2 + i) != HONE_MARK_NONE)
            return hone_fail(HONE_UNSUPPORTED, "its sizes '%s' depend on the batch size", t->name);
        out[i] = hone_onnx_const_number(c, c->count - 2 + i);
    }
    *found = true;
    return HONE_OK;
}

hone_status hone_onnx_resize(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x;
    bool old = strcmp(node->op_type, "Upsample") == 0 || im->file.opset < 11, scaled, sized = false;
    double scale[2], size[2];
    struct hone_onnx_resize modes;
    HONE_TRY(hone_onnx_resize_modes(node, old, &modes));
    HONE_TRY(spatial_picture(im, node, &x));
    HONE_TRY(resize_read(im, node, old ? 1 : 2, scale, &scaled));
    if (!old) HONE_TRY(resize_read(im, node, 3, size, &sized));
    if (scaled == sized) return hone_fail(HONE_INVALID, "it needs sizes or scales");
    bool nearest = modes.filter == HONE_ONNX_FILTER_NEAREST, same = true, shrinks = false;
    struct hone_resize_attrs attrs = {.linear = !nearest};
    for (int i = 0; i < 2; i++) {
        double in = (double)hone_onnx_dim(im, x, 2 + i);
        double out = sized ? size[i] : floor(in * scale[i]);
        if (!(out >= 1 && out <= 1 << 20))
            return hone_fail(HONE_INVALID, "from %g pixels to %g", in, out);
        attrs.size[i] = (int32_t)out;
        if (sized) scale[i] = out / in;
        same &= scale[i] == 1; // 1.1 moves pixels, though 7 stay 7
        shrinks |= out < in;
        if (modes.coordinates == HONE_ONNX_HALF_PIXEL_SYMMETRIC && out != in * scale[i])
            return hone_fail(HONE_UNSUPPORTED, "%g pixels times %g are no whole number", in,
                             scale[i]);
        hone_onnx_resize_axis(&modes, in, out, scale[i], &attrs.step[i], &attrs.offset[i]);
    }
    if (same) return hone_onnx_alias(im, node, x);
    if (modes.filter == HONE_ONNX_FILTER_CUBIC || (!nearest && modes.antialias && shrinks))
        return hone_fail(HONE_UNSUPPORTED,
                         "pictures are resized with mode linear or nearest; cubic "
                         "and antialias are supported on constants only");
    hone_value y =
        HONE_EMIT(im->graph, &hone_op_resize, hone_onnx_node_name(node), &attrs, x->value);
    return hone_onnx_define(im, node, y, hone_onnx_image);
}

// ---- Pixels and channels
// ------------------------------------------------------------------------------------

static hone_value spatial_reshape(struct hone_onnx_import *im, const char *name, hone_value x,
                                  int rank, const int32_t *dim) {
    struct hone_shape_attrs attrs = {.rank = rank};
    memcpy(attrs.dim, dim, (size_t)rank * sizeof *dim);
    return hone_onnx_emit_reshape(im, name, &attrs, x);
}

static hone_value spatial_permute(struct hone_onnx_import *im, const char *name, hone_value x,
                                  const struct hone_permute_attrs *attrs) {
    return hone_onnx_emit_permute(im, name, attrs, x);
}

static hone_status spatial_block(const HoneOnnx__Node *node, int32_t *block) {
    int64_t size = hone_onnx_attr_int(node, "blocksize", 0);
    if (size < 1 || size > 4096) return hone_fail(HONE_INVALID, "a block of %lld", (long long)size);
    *block = (int32_t)size;
    return HONE_OK;
}

// Channels (b,b,C), or (C,b,b) where mode is CRD, to blocks of b x b pixels.
hone_status hone_onnx_depth_to_space(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    static const struct hone_permute_attrs blocks_first = {{0, 1, 2, 4, 5, 3}},
                                           to_pixels = {{0, 1, 3, 2, 4, 5}};
    const char *name = hone_onnx_node_name(node);
    struct hone_onnx_tensor *x;
    int32_t b;
    HONE_TRY(spatial_block(node, &b));
    HONE_TRY(spatial_picture(im, node, &x));
    const int32_t *dim = hone_graph_desc(im->graph, x->value)->dim;
    int32_t h = dim[1], w = dim[2], c = dim[3] / b / b;
    if (c * b * b != dim[3] || c < 1)
        return hone_fail(HONE_INVALID, "%d channels are no blocks of %dx%d", (int)dim[3], (int)b,
                         (int)b);
    hone_value y = x->value;
    if (hone_onnx_attr_is(node, "mode", "CRD")) {
        y = spatial_reshape(im, name, y, 6, (const int32_t[]){0, h, w, c, b, b});
        y = spatial_permute(im, name, y, &blocks_first);
    } else {
        y = spatial_reshape(im, name, y, 6, (const int32_t[]){0, h, w, b, b, c});
    }
    y = spatial_permute(im, name, y, &to_pixels);
    y = spatial_reshape(im, name, y, 4, (const int32_t[]){0, h * b, w * b, c});
    return hone_onnx_define(im, node, y, hone_onnx_image);
}

// Blocks of b x b pixels to channels (b,b,C).
hone_status hone_onnx_space_to_depth(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    static const struct hone_permute_attrs to_channels = {{0, 1, 3, 2, 4, 5}};
    const char *name = hone_onnx_node_name(node);
    struct hone_onnx_tensor *x;
    int32_t b;
    HONE_TRY(spatial_block(node, &b));
    HONE_TRY(spatial_picture(im, node, &x));
    const int32_t *dim = hone_graph_desc(im->graph, x->value)->dim;
    int32_t h = dim[1] / b, w = dim[2] / b, c = dim[3];
    if (h * b != dim[1] || w * b != dim[2])
        return hone_fail(HONE_INVALID, "pictures of %dx%d have no whole blocks of %dx%d",
                         (int)dim[1], (int)dim[2], (int)b, (int)b);
    hone_value y = spatial_reshape(im, name, x->value, 6, (const int32_t[]){0, h, b, w, b, c});
    y = spatial_permute(im, name, y, &to_channels);
    y = spatial_reshape(im, name, y, 4, (const int32_t[]){0, h, w, b * b * c});
    return hone_onnx_define(im, node, y, hone_onnx_image);
}

// ---- Borders
// ------------------------------------------------------------------------------------------------

// x with what lies inside repeated outside along axis j: mirrored, or the edge.
static hone_status border_axis(struct hone_onnx_import *im, const char *name, bool mirror, int j,
                               int32_t before, int32_t after, hone_value *x) {
    int32_t size = hone_graph_desc(im->graph, *x)->dim[j];
    if (before == 0 && after == 0) return HONE_OK;
    if (mirror && (before >= size || after >= size))
        return hone_fail(HONE_INVALID, "borders of %d and %d mirror an axis of %d", (int)before,
                         (int)after, (int)size);
    if (before + after + 1 > HONE_LAUNCH_DISPATCHES)
        return hone_fail(HONE_UNSUPPORTED, "borders of %d and %d are too wide; at most %d in all",
                         (int)before, (int)after, HONE_LAUNCH_DISPATCHES - 1);
    hone_value parts[HONE_LAUNCH_DISPATCHES];
    int count = 0;
    for (int32_t i = -before; i < size + after; i++) {
        if (i == 0) {
            parts[count++] = *x;
            i = size - 1;
            continue;
        }
        struct hone_slice_attrs one = {{0}, {0}};
        one.begin[j] = !mirror ? (i < 0 ? 0 : size - 1) : i < 0 ? -i : 2 * (size - 1) - i;
        one.size[j] = 1;
        parts[count++] = HONE_EMIT(im->graph, &hone_op_slice, name, &one, *x);
    }
    const struct hone_concat_attrs along = {.axis = j};
    *x = hone_graph_emit(im->graph, &hone_op_concat, name, &along, parts, count);
    return hone_graph_status(im->graph);
}

hone_status hone_onnx_pad_border(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                                 const struct hone_onnx_tensor *x,
                                 const struct hone_pad_attrs *attrs, bool mirror) {
    hone_value y = x->value;
    for (int j = 1; j < hone_onnx_rank(im, x); j++)
        HONE_TRY(border_axis(im, hone_onnx_node_name(node), mirror, j, attrs->before[j],
                             attrs->after[j], &y));
    return hone_onnx_define(im, node, y, x->perm);
}

// ---- The largest
// --------------------------------------------------------------------------------------------

// Over axes [first, first + count) in memory, which stay with size 1: a pool whose window is all.
static hone_value largest(struct hone_onnx_import *im, const char *name, hone_value x, int first,
                          int count) {
    const struct hone_desc desc = *hone_graph_desc(im->graph, x);
    int32_t flat[4] = {0, 1, 1, 1};
    struct hone_shape_attrs back = {.rank = desc.rank};
    for (int i = 1; i < desc.rank; i++) {
        bool gone = i >= first && i < first + count;
        flat[gone ? 2 : i < first ? 1 : 3] *= desc.dim[i];
        back.dim[i] = gone ? 1 : desc.dim[i];
    }
    const struct hone_pool_attrs window = {.kernel = {1, flat[2]}, .stride = {1, 1}};
    hone_value in = spatial_reshape(im, name, x, 4, flat), out[2];
    hone_graph_node(im->graph, &hone_op_max_pool, name, &window, &in, 1, out);
    return hone_onnx_emit_reshape(im, name, &back, out[0]);
}

hone_status hone_onnx_global_max_pool(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x;
    HONE_TRY(spatial_picture(im, node, &x));
    hone_value y = largest(im, hone_onnx_node_name(node), x->value, 1, 2);
    return hone_onnx_define(im, node, y, hone_onnx_image);
}

hone_status hone_onnx_reduce_max(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x;
    int64_t axes[HONE_ONNX_NUMBERS_MOST], dim[HONE_MAX_RANK] = {0};
    int count, left = 0, batch = 0, first = HONE_MAX_RANK, last = 0;
    bool gone[HONE_MAX_RANK] = {false};
    HONE_TRY(hone_onnx_input_value(im, node, 0, &x));
    HONE_TRY(hone_onnx_settle(im, x));
    HONE_TRY(hone_onnx_numbers(im, node, 1, "axes", axes, &count));
    int rank = hone_onnx_rank(im, x);
    for (int k = 0; k < count; k++) {
        int64_t axis = axes[k] < 0 ? axes[k] + rank : axes[k];
        if (axis < 0 || axis >= rank || gone[axis] || x->perm[axis] == 0)
            return hone_fail(HONE_UNSUPPORTED, "axis %lld of rank %d has no largest",
                             (long long)axes[k], rank);
        gone[axis] = true;
        first = x->perm[axis] < first ? x->perm[axis] : first;
        last = x->perm[axis] > last ? x->perm[axis] : last;
    }
    if (count == 0 || last - first + 1 != count)
        return hone_fail(HONE_UNSUPPORTED, "only neighbouring axes can give their largest");
    struct hone_onnx_tensor y = *x;
    y.value = largest(im, hone_onnx_node_name(node), x->value, first, count);
    HONE_TRY(hone_graph_status(im->graph));
    if (hone_onnx_attr_int(node, "keepdims", 1)) return hone_onnx_define(im, node, y.value, y.perm);
    for (int i = 0; i < rank; i++) {
        if (x->perm[i] == 0) batch = left;
        if (!gone[i]) dim[left++] = hone_onnx_dim(im, x, i);
    }
    return hone_onnx_reshape_to(im, node, &y, left, dim, batch);
}
