// onnx_pool.c: windows (kernel, stride, padding) as Conv and the pools state them, pooling, and
// Pad.
#include "formats/onnx_import.h"

#include <string.h>

enum { WINDOW_MOST = 4096, WINDOW_PAD_MOST = 65535, WINDOW_INPUT_MOST = 1 << 24 };

// SAME_UPPER and SAME_LOWER: ceil(in / stride) outputs; the odd zero goes below or above.
static void window_same(struct hone_onnx_window *w, int axis, int32_t in, bool lower) {
    int32_t out = (in + w->stride[axis] - 1) / w->stride[axis];
    int32_t need = (out - 1) * w->stride[axis] + (w->kernel[axis] - 1) * w->dilation[axis] + 1 - in;
    if (need < 0) need = 0;
    w->pad[axis] = lower ? need - need / 2 : need / 2;
    w->pad[2 + axis] = need - w->pad[axis];
}

// What ceil_mode adds behind the pads: a last window that starts inside the input or the leading
// pad, but not one that starts in the trailing pad (as PyTorch, and ONNX since opset 19).
static int32_t window_ceil(const struct hone_onnx_window *w, int axis, int32_t in) {
    int32_t stride = w->stride[axis];
    int32_t room = in + w->pad[axis] + w->pad[2 + axis] - w->kernel[axis];
    if (room < 0) return 0;
    int32_t out = (room + stride - 1) / stride + 1;
    if ((out - 1) * stride >= in + w->pad[axis]) out--;
    int32_t extra = (out - 1) * stride - room;
    return extra > 0 ? extra : 0;
}

hone_status hone_onnx_window(const struct hone_onnx_import *im, const HoneOnnx__Node *node,
                             const struct hone_onnx_tensor *x, const int32_t kernel[2],
                             struct hone_onnx_window *out) {
    *out = (struct hone_onnx_window){.kernel = {kernel[0], kernel[1]}};
    HONE_TRY(hone_onnx_attr_sizes(node, "strides", 2, 1, WINDOW_MOST, 1, out->stride));
    HONE_TRY(hone_onnx_attr_sizes(node, "dilations", 2, 1, WINDOW_MOST, 1, out->dilation));
    bool upper = hone_onnx_attr_is(node, "auto_pad", "SAME_UPPER");
    bool lower = hone_onnx_attr_is(node, "auto_pad", "SAME_LOWER");
    bool valid = hone_onnx_attr_is(node, "auto_pad", "VALID");
    if (!upper && !lower && !valid && !hone_onnx_attr_is(node, "auto_pad", "NOTSET") &&
        !hone_onnx_attr_is(node, "auto_pad", ""))
        return hone_fail(HONE_INVALID, "unknown auto_pad; re-export with explicit pads");
    if (!upper && !lower && !valid)
        HONE_TRY(hone_onnx_attr_sizes(node, "pads", 4, 0, WINDOW_PAD_MOST, 0, out->pad));
    for (int axis = 0; axis < 2; axis++) {
        int32_t in = (int32_t)hone_onnx_dim(im, x, 2 + axis); // waiting pads included
        if (in > WINDOW_INPUT_MOST) return hone_fail(HONE_UNSUPPORTED, "its input is too large");
        if (upper || lower) window_same(out, axis, in, lower);
        if ((in + out->pad[axis] + out->pad[2 + axis] - 1) / out->dilation[axis] + 1 <
            out->kernel[axis])
            return hone_fail(HONE_INVALID, "a window of %dx%d does not fit a picture of %lldx%lld",
                             (int)kernel[0], (int)kernel[1], (long long)hone_onnx_dim(im, x, 2),
                             (long long)hone_onnx_dim(im, x, 3));
        if (hone_onnx_attr_int(node, "ceil_mode", 0) && !upper && !lower)
            out->extra[axis] = window_ceil(out, axis, in);
    }
    return HONE_OK;
}

static hone_status pool_window(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                               struct hone_onnx_tensor *x, struct hone_onnx_window *out) {
    int32_t kernel[2];
    if (!hone_onnx_attr(node, "kernel_shape"))
        return hone_fail(HONE_INVALID, "it has no kernel_shape");
    HONE_TRY(hone_onnx_attr_sizes(node, "kernel_shape", 2, 1, WINDOW_MOST, 1, kernel));
    HONE_TRY(hone_onnx_window(im, node, x, kernel, out));
    if (out->dilation[0] != 1 || out->dilation[1] != 1)
        return hone_fail(HONE_UNSUPPORTED, "dilated pooling is not supported");
    for (int i = 0; i < 4; i++)
        if (out->pad[i] >= out->kernel[i % 2])
            return hone_fail(HONE_INVALID, "a pad of %d is not smaller than the kernel",
                             (int)out->pad[i]);
    return HONE_OK;
}

static hone_status pool_input(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                              struct hone_onnx_tensor **x) {
    HONE_TRY(hone_onnx_input_value(im, node, 0, x));
    if (hone_onnx_rank(im, *x) != 4)
        return hone_fail(HONE_UNSUPPORTED, "only 2-D pooling is supported");
    if (!hone_onnx_is(*x, hone_onnx_image, 4)) HONE_TRY(hone_onnx_arrange(im, *x, hone_onnx_image));
    return HONE_OK;
}

static void pool_fill(const struct hone_onnx_window *window, struct hone_pool_attrs *attrs) {
    for (int i = 0; i < 2; i++) {
        attrs->kernel[i] = window->kernel[i];
        attrs->stride[i] = window->stride[i];
        attrs->pad[i] = window->pad[i];
        attrs->pad[2 + i] = window->pad[2 + i] + window->extra[i];
    }
}

hone_status hone_onnx_max_pool(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x;
    HONE_TRY(pool_input(im, node, &x));
    HONE_TRY(hone_onnx_settle(im, x)); // zeros put around it may win, its own padding never does
    struct hone_onnx_window window;
    HONE_TRY(pool_window(im, node, x, &window));
    struct hone_pool_attrs attrs = {.count_pad = 0};
    pool_fill(&window, &attrs);
    hone_value y =
        HONE_EMIT(im->graph, &hone_op_max_pool, hone_onnx_node_name(node), &attrs, x->value);
    return hone_onnx_define(im, node, y, hone_onnx_image);
}

hone_status hone_onnx_average_pool(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x;
    HONE_TRY(pool_input(im, node, &x));
    struct hone_onnx_window window;
    HONE_TRY(pool_window(im, node, x, &window));
    bool counts = hone_onnx_attr_int(node, "count_include_pad", 0) != 0;
    bool own = window.pad[0] || window.pad[1] || window.pad[2] || window.pad[3];
    bool extra = window.extra[0] || window.extra[1];
    bool waits = x->pad[0] || x->pad[1] || x->pad[2] || x->pad[3];
    bool large = false;
    for (int i = 0; i < 4; i++) large |= x->pad[i] >= window.kernel[i % 2];
    if (waits && (own || extra || large)) {
        HONE_TRY(hone_onnx_settle(im, x));
        waits = false;
    }
    // What ceil_mode adds is never counted; the pads may be.
    if (extra && own && counts)
        return hone_fail(
            HONE_UNSUPPORTED,
            "ceil_mode with counted pads is not supported; re-export without ceil_mode");
    struct hone_pool_attrs attrs = {.count_pad = waits || (counts && own)};
    pool_fill(&window, &attrs);
    for (int i = 0; i < 4; i++) attrs.pad[i] += x->pad[i];
    hone_value y =
        HONE_EMIT(im->graph, &hone_op_avg_pool, hone_onnx_node_name(node), &attrs, x->value);
    return hone_onnx_define(im, node, y, hone_onnx_image);
}

hone_status hone_onnx_global_average_pool(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x;
    HONE_TRY(pool_input(im, node, &x));
    HONE_TRY(hone_onnx_settle(im, x));
    hone_value y =
        HONE_EMIT(im->graph, &hone_op_global_avg_pool, hone_onnx_node_name(node), NULL, x->value);
    return hone_onnx_define(im, node, y, hone_onnx_image);
}

// ---- Pad
// --------------------------------------------------------------------------------------------------

// Pads per ir axis: before and after.
static hone_status pad_read(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                            const struct hone_onnx_tensor *x, struct hone_pad_attrs *out) {
    int64_t pads[HONE_ONNX_NUMBERS_MOST], axes[HONE_ONNX_NUMBERS_MOST];
    int count, axis_count, rank = hone_onnx_rank(im, x);
    HONE_TRY(hone_onnx_numbers(im, node, 1, "pads", pads, &count));
    HONE_TRY(hone_onnx_numbers(im, node, 3, "axes", axes, &axis_count));
    for (int i = 0; axis_count == 0 && i < rank; i++) axes[i] = i;
    if (axis_count == 0) axis_count = rank;
    if (count != 2 * axis_count)
        return hone_fail(HONE_INVALID, "%d pads for %d axes", count, axis_count);
    for (int i = 0; i < axis_count; i++) {
        int64_t axis = axes[i] < 0 ? axes[i] + rank : axes[i];
        int64_t before = pads[i], after = pads[axis_count + i];
        if (axis < 0 || axis >= rank) return hone_fail(HONE_INVALID, "a wrong axis");
        if (before < 0 || after < 0 || before > WINDOW_PAD_MOST || after > WINDOW_PAD_MOST)
            return hone_fail(HONE_UNSUPPORTED, "pads of %lld and %lld are not supported",
                             (long long)before, (long long)after);
        if (axis == 0 && (before || after))
            return hone_fail(HONE_UNSUPPORTED, "the batch cannot be padded");
        if (hone_onnx_dim(im, x, (int)axis) > WINDOW_INPUT_MOST)
            return hone_fail(HONE_UNSUPPORTED, "its input is too large");
        out->before[x->perm[axis]] = (int32_t)before;
        out->after[x->perm[axis]] = (int32_t)after;
    }
    return HONE_OK;
}

// Zeros around height and width may wait for a convolution or a pool that counts them.
static bool pad_waits(struct hone_onnx_import *im, const HoneOnnx__Node *node, int rank,
                      const struct hone_pad_attrs *attrs) {
    const struct hone_onnx_tensor *out =
        node->n_output ? hone_onnx_name(im, node->output[0]) : NULL;
    if (!out || rank != 4 || attrs->value != 0 || attrs->before[3] || attrs->after[3] ||
        out->uses != 1 || out->reader == UINT32_MAX)
        return false;
    const char *op = hone_onnx_text(im->file.model->graph->node[out->reader]->op_type);
    return strcmp(op, "Conv") == 0 || strcmp(op, "AveragePool") == 0;
}

hone_status hone_onnx_pad(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    bool mirror = hone_onnx_attr_is(node, "mode", "reflect"),
         edge = hone_onnx_attr_is(node, "mode", "edge");
    if (!mirror && !edge && !hone_onnx_attr_is(node, "mode", "") &&
        !hone_onnx_attr_is(node, "mode", "constant"))
        return hone_fail(HONE_UNSUPPORTED, "only constant, reflect and edge are supported");
    struct hone_onnx_tensor *x;
    HONE_TRY(hone_onnx_input_value(im, node, 0, &x));
    struct hone_pad_attrs attrs = {.value = 0};
    HONE_TRY(hone_onnx_scalar(im, node, 2, "value", 0, &attrs.value));
    HONE_TRY(pad_read(im, node, x, &attrs));
    bool none = true;
    for (int i = 0; i < HONE_MAX_RANK; i++) none &= !attrs.before[i] && !attrs.after[i];
    if (none) return hone_onnx_alias(im, node, x);
    if (mirror || edge) {
        HONE_TRY(hone_onnx_settle(im, x));
        return hone_onnx_pad_border(im, node, x, &attrs, mirror);
    }
    if (pad_waits(im, node, hone_onnx_rank(im, x), &attrs)) {
        HONE_TRY(hone_onnx_alias(im, node, x));
        struct hone_onnx_tensor *out = hone_onnx_name(im, node->output[0]);
        for (int i = 0; i < 2; i++) {
            out->pad[i] += attrs.before[1 + i];
            out->pad[2 + i] += attrs.after[1 + i];
        }
        return HONE_OK;
    }
    HONE_TRY(hone_onnx_settle(im, x));
    hone_value y = HONE_EMIT(im->graph, &hone_op_pad, hone_onnx_node_name(node), &attrs, x->value);
    return hone_onnx_define(im, node, y, x->perm);
}
