// onnx_resize.h: how ONNX says where the pixels of a resized picture lie, for both ways, and how
// much of each a new one takes. Inside formats/.
#ifndef HONE_FORMATS_ONNX_RESIZE_H
#define HONE_FORMATS_ONNX_RESIZE_H

#include <stdbool.h>
#include <stdint.h>

#include "formats/onnx_file.h"

enum hone_onnx_coordinate {
    HONE_ONNX_HALF_PIXEL,
    HONE_ONNX_ALIGN_CORNERS,
    HONE_ONNX_ASYMMETRIC,
    HONE_ONNX_COORDINATES,
    HONE_ONNX_HALF_PIXEL_BUT_ONE,   // pytorch_half_pixel: a single pixel is the first
    HONE_ONNX_HALF_PIXEL_SYMMETRIC, // about the middle, where scales make no whole size
};
enum hone_onnx_near {
    HONE_ONNX_PREFER_FLOOR,
    HONE_ONNX_PREFER_CEIL,
    HONE_ONNX_FLOOR,
    HONE_ONNX_CEIL,
    HONE_ONNX_NEAREST,
};
enum hone_onnx_filter { HONE_ONNX_FILTER_NEAREST, HONE_ONNX_FILTER_LINEAR, HONE_ONNX_FILTER_CUBIC };
struct hone_onnx_resize {
    enum hone_onnx_coordinate coordinates;
    enum hone_onnx_near nearest;
    enum hone_onnx_filter filter;
    double cubic;         // coefficient a of the cubic filter
    bool antialias;       // the filter is as wide as the step where pictures shrink
    bool exclude_outside; // what lies outside counts nothing, rather than as the edge
};
// Values of coordinate_transformation_mode and nearest_mode.
extern const char *const hone_onnx_coordinates[HONE_ONNX_COORDINATES];
extern const char *const hone_onnx_nearest[HONE_ONNX_NEAREST];

// What the attributes of a Resize (old: of Upsample, or before opset 11) say.
hone_status hone_onnx_resize_modes(const HoneOnnx__Node *node, bool old,
                                   struct hone_onnx_resize *out);

// step and offset of resize (ops.h) for an axis from `in` to `out` pixels, larger by `scale`.
void hone_onnx_resize_axis(const struct hone_onnx_resize *modes, double in, double out,
                           double scale, float *step, float *offset);
// The same as a matrix (out,in) of shares, zeroed at the start: row o is what pixel o takes of
// each.
void hone_onnx_resize_matrix(const struct hone_onnx_resize *modes, int32_t in, int32_t out,
                             double scale, float *matrix);

#endif
