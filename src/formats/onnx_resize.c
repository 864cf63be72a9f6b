// onnx_resize.c: see onnx_resize.h.
#include "formats/onnx_resize.h"

#include <math.h>

const char *const hone_onnx_coordinates[HONE_ONNX_COORDINATES] = {"half_pixel", "align_corners",
                                                                  "asymmetric"};
const char *const hone_onnx_nearest[HONE_ONNX_NEAREST] = {"round_prefer_floor", "round_prefer_ceil",
                                                          "floor", "ceil"};

hone_status hone_onnx_resize_modes(const HoneOnnx__Node *node, bool old,
                                   struct hone_onnx_resize *out) {
    static const char *const filters[] = {"nearest", "linear", "cubic"};
    const char *key = "coordinate_transformation_mode", *keep = "keep_aspect_ratio_policy";
    *out = (struct hone_onnx_resize){
        .coordinates = old ? HONE_ONNX_ASYMMETRIC : HONE_ONNX_HALF_PIXEL,
        .nearest = old ? HONE_ONNX_FLOOR : HONE_ONNX_PREFER_FLOOR,
        .cubic = (double)hone_onnx_attr_float(node, "cubic_coeff_a", -0.75f),
        .antialias = hone_onnx_attr_int(node, "antialias", 0) != 0,
        .exclude_outside = hone_onnx_attr_int(node, "exclude_outside", 0) != 0,
    };
    bool known = !hone_onnx_attr(node, key), filtered = !hone_onnx_attr(node, "mode");
    if (hone_onnx_attr_is(node, key, "pytorch_half_pixel")) {
        out->coordinates = HONE_ONNX_HALF_PIXEL_BUT_ONE;
        known = true;
    } else if (hone_onnx_attr_is(node, key, "half_pixel_symmetric")) {
        out->coordinates = HONE_ONNX_HALF_PIXEL_SYMMETRIC;
        known = true;
    }
    for (int k = 0; k < HONE_ONNX_COORDINATES; k++)
        if (hone_onnx_attr_is(node, key, hone_onnx_coordinates[k])) {
            out->coordinates = (enum hone_onnx_coordinate)k;
            known = true;
        }
    for (int k = 0; k < HONE_ONNX_NEAREST; k++)
        if (hone_onnx_attr_is(node, "nearest_mode", hone_onnx_nearest[k]))
            out->nearest = (enum hone_onnx_near)k;
    for (int k = 0; k < 3; k++)
        if (hone_onnx_attr_is(node, "mode", filters[k])) {
            out->filter = (enum hone_onnx_filter)k;
            filtered = true;
        }
    if (!known)
        return hone_fail(HONE_UNSUPPORTED,
                         "its coordinates are not supported; half_pixel, align_corners and "
                         "asymmetric are");
    if (!filtered)
        return hone_fail(HONE_UNSUPPORTED,
                         "its mode is not supported; nearest, linear and cubic are");
    if (hone_onnx_attr(node, keep) && !hone_onnx_attr_is(node, keep, "stretch"))
        return hone_fail(HONE_UNSUPPORTED, "only %s = stretch is supported; export with sizes",
                         keep);
    return HONE_OK;
}

// How far inside a whole number a place must be to count as it: rounding of the steps is less.
static const float NEAREST_SLACK = 1.0f / 1024;

void hone_onnx_resize_axis(const struct hone_onnx_resize *modes, double in, double out,
                           double scale, float *step, float *offset) {
    *step = (float)(1 / scale);
    *offset = 0;
    switch (modes->coordinates) {
    case HONE_ONNX_HALF_PIXEL: *offset = (float)(0.5 / scale - 0.5); break;
    case HONE_ONNX_HALF_PIXEL_BUT_ONE: *offset = out > 1 ? (float)(0.5 / scale - 0.5) : 0; break;
    case HONE_ONNX_HALF_PIXEL_SYMMETRIC:
        *offset = (float)(in / 2 * (1 - out / (scale * in)) + 0.5 / scale - 0.5);
        break;
    case HONE_ONNX_ALIGN_CORNERS:
        *step = out > 1 && in > 1 ? (float)((in - 1) / (out - 1)) : 1;
        break;
    default: break;
    }
    if (modes->filter != HONE_ONNX_FILTER_NEAREST) return;
    switch (modes->nearest) {
    case HONE_ONNX_PREFER_FLOOR: *offset += 0.5f - NEAREST_SLACK; break;
    case HONE_ONNX_PREFER_CEIL: *offset += 0.5f + NEAREST_SLACK; break;
    case HONE_ONNX_CEIL: *offset += 1 - NEAREST_SLACK; break;
    default: *offset += NEAREST_SLACK; break;
    }
}

// What a pixel at distance d counts.
static double filter_share(const struct hone_onnx_resize *modes, double d) {
    double a = modes->cubic;
    d = fabs(d);
    if (modes->filter == HONE_ONNX_FILTER_LINEAR) return d < 1 ? 1 - d : 0;
    if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? ((d - 5) * d + 8) * d * a - 4 * a : 0;
}

static int32_t inside(double at, int32_t size) {
    return at < 0 ? 0 : at >= size ? size - 1 : (int32_t)at;
}

void hone_onnx_resize_matrix(const struct hone_onnx_resize *modes, int32_t in, int32_t out,
                             double scale, float *matrix) {
    float step, offset;
    hone_onnx_resize_axis(modes, in, out, scale, &step, &offset);
    double narrow = modes->antialias && scale < 1 ? scale : 1;
    double reach = (modes->filter == HONE_ONNX_FILTER_LINEAR ? 1 : 2) / narrow;
    for (int32_t o = 0; o < out; o++) {
        float *row = matrix + (int64_t)o * in;
        double at = (double)o * (double)step + (double)offset, sum = 0;
        if (modes->filter == HONE_ONNX_FILTER_NEAREST) {
            row[inside(floor(at), in)] = 1;
            continue;
        }
        // Far outside all is edge.
        at = fmin(fmax(at, -reach), in - 1 + reach);
        double first = ceil(at - reach), last = floor(at + reach);
        for (int64_t i = (int64_t)first; i <= (int64_t)last; i++) {
            double share = filter_share(modes, ((double)i - at) * narrow);
            if (modes->exclude_outside && (i < 0 || i >= in)) continue;
            row[inside((double)i, in)] += (float)share;
            sum += share;
        }
        for (int32_t i = 0; i < in && sum != 0; i++) row[i] = (float)((double)row[i] / sum);
    }
}
