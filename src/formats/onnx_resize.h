// onnx_resize.h: how ONNX says where the pixels of a resized picture lie, for both ways. Inside
// formats/.
#ifndef HONE_FORMATS_ONNX_RESIZE_H
#define HONE_FORMATS_ONNX_RESIZE_H

#include <stdbool.h>

enum hone_onnx_coordinate {
    HONE_ONNX_HALF_PIXEL,
    HONE_ONNX_ALIGN_CORNERS,
    HONE_ONNX_ASYMMETRIC,
    HONE_ONNX_COORDINATES,
    HONE_ONNX_HALF_PIXEL_BUT_ONE, // pytorch_half_pixel: a single pixel is the first
};
enum hone_onnx_near {
    HONE_ONNX_PREFER_FLOOR,
    HONE_ONNX_PREFER_CEIL,
    HONE_ONNX_FLOOR,
    HONE_ONNX_CEIL,
    HONE_ONNX_NEAREST,
};
struct hone_onnx_resize {
    enum hone_onnx_coordinate coordinates;
    enum hone_onnx_near nearest;
};
// Values of coordinate_transformation_mode and nearest_mode.
extern const char *const hone_onnx_coordinates[HONE_ONNX_COORDINATES];
extern const char *const hone_onnx_nearest[HONE_ONNX_NEAREST];

// step and offset of resize (ops.h) for an axis from `in` to `out` pixels, larger by `scale`.
void hone_onnx_resize_axis(const struct hone_onnx_resize *modes, bool linear, double in, double out,
                           double scale, float *step, float *offset);

#endif
