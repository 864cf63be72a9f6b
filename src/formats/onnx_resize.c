// onnx_resize.c: see onnx_resize.h.
#include "formats/onnx_resize.h"

const char *const hone_onnx_coordinates[HONE_ONNX_COORDINATES] = {"half_pixel", "align_corners",
                                                                  "asymmetric"};
const char *const hone_onnx_nearest[HONE_ONNX_NEAREST] = {"round_prefer_floor", "round_prefer_ceil",
                                                          "floor", "ceil"};

// How far inside a whole number a place must be to count as it: rounding of the steps is less.
static const float NEAREST_SLACK = 1.0f / 1024;

void hone_onnx_resize_axis(const struct hone_onnx_resize *modes, bool linear, double in, double out,
                           double scale, float *step, float *offset) {
    *step = (float)(1 / scale);
    *offset = 0;
    switch (modes->coordinates) {
    case HONE_ONNX_HALF_PIXEL: *offset = (float)(0.5 / scale - 0.5); break;
    case HONE_ONNX_HALF_PIXEL_BUT_ONE: *offset = out > 1 ? (float)(0.5 / scale - 0.5) : 0; break;
    case HONE_ONNX_ALIGN_CORNERS:
        *step = out > 1 && in > 1 ? (float)((in - 1) / (out - 1)) : 1;
        break;
    default: break;
    }
    if (linear) return;
    switch (modes->nearest) {
    case HONE_ONNX_PREFER_FLOOR: *offset += 0.5f - NEAREST_SLACK; break;
    case HONE_ONNX_PREFER_CEIL: *offset += 0.5f + NEAREST_SLACK; break;
    case HONE_ONNX_CEIL: *offset += 1 - NEAREST_SLACK; break;
    default: *offset += NEAREST_SLACK; break;
    }
}
