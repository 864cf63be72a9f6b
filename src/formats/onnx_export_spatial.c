// onnx_export_spatial.c: resized pictures in ONNX.
#include "formats/onnx_export_ops.h"
#include "formats/onnx_resize.h"

#include <math.h>

static const int8_t put_image[HONE_MAX_RANK] = {0, 3, 1, 2};

// True where `modes` give what the node has; `scaled`: by its steps, not by its sizes.
static bool resize_is(const struct hone_resize_attrs *a, const struct hone_desc *x,
                      const struct hone_onnx_resize *modes, bool scaled) {
    bool is = true;
    for (int i = 0; i < 2; i++) {
        float step, offset;
        double in = x->dim[1 + i], out = a->size[i], scale = out / in;
        if (scaled) scale = (double)(1 / a->step[i]);
        hone_onnx_resize_axis(modes, in, out, scale, &step, &offset);
        is &= step == a->step[i] && offset == a->offset[i];
        if (scaled) is &= floor(in * scale) == out;
    }
    return is;
}

static bool resize_find(const struct hone_resize_attrs *a, const struct hone_desc *x, bool scaled,
                        struct hone_onnx_resize *out) {
    for (int c = 0; c < HONE_ONNX_COORDINATES; c++)
        for (int n = 0; n < HONE_ONNX_NEAREST; n++) {
            *out = (struct hone_onnx_resize){.coordinates = (enum hone_onnx_coordinate)c,
                                             .nearest = (enum hone_onnx_near)n,
                                             .filter = a->linear ? HONE_ONNX_FILTER_LINEAR
                                                                 : HONE_ONNX_FILTER_NEAREST};
            if (resize_is(a, x, out, scaled)) return true;
        }
    return false;
}

// The batch and the channels as they are, then height and width.
static const char *resize_sizes(struct hone_onnx_writer *w, const char *in,
                                const struct hone_resize_attrs *a) {
    const int64_t size[2] = {a->size[0], a->size[1]};
    const char *shape = hone_onnx_put_step(w, "Shape", in, NULL), *front = hone_onnx_make_name(w),
               *whole = hone_onnx_make_name(w);
    hone_onnx_put_node(w, "Slice", front, front, 3,
                       (const char *[]){shape, hone_onnx_put_list(w, 1, (const int64_t[]){0}),
                                        hone_onnx_put_list(w, 1, (const int64_t[]){2})});
    HoneOnnx__Node *node = hone_onnx_put_node(
        w, "Concat", whole, whole, 2, (const char *[]){front, hone_onnx_put_list(w, 2, size)});
    hone_onnx_put_int(w, node, "axis", 0);
    return whole;
}

void hone_onnx_put_resize(struct hone_onnx_writer *w, const struct hone_node *node) {
    const struct hone_resize_attrs *a = node->attrs;
    const struct hone_desc *x = hone_onnx_put_desc(w, node->inputs[0]);
    struct hone_onnx_resize modes;
    bool sized = resize_find(a, x, false, &modes);
    if (!sized && !resize_find(a, x, true, &modes)) {
        hone_onnx_writer_fail(w, hone_fail(HONE_UNSUPPORTED, "pixels at places that ONNX has not"));
        return;
    }
    const char *in[4] = {hone_onnx_put_in(w, node->inputs[0], put_image), "", "", ""};
    if (sized) {
        in[3] = resize_sizes(w, in[0], a);
    } else {
        float *scale = hone_arena_alloc(&w->arena, 4, sizeof *scale);
        if (!scale) {
            hone_onnx_writer_fail(w, HONE_OUT_OF_MEMORY);
            return;
        }
        for (int i = 0; i < 4; i++) scale[i] = i < 2 ? 1 : 1 / a->step[i - 2];
        in[2] = hone_onnx_put_tensor(w, hone_onnx_make_name(w), HONE_ONNX_FLOAT, 1,
                                     (const int64_t[]){4}, scale);
    }
    HoneOnnx__Node *resize =
        hone_onnx_put_node(w, "Resize", node->name,
                           hone_onnx_put_out(w, node->outputs[0], put_image), sized ? 4 : 3, in);
    hone_onnx_put_text(w, resize, "mode", a->linear ? "linear" : "nearest");
    hone_onnx_put_text(w, resize, "coordinate_transformation_mode",
                       hone_onnx_coordinates[modes.coordinates]);
    if (!a->linear) hone_onnx_put_text(w, resize, "nearest_mode", hone_onnx_nearest[modes.nearest]);
}
