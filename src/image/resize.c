// resize.c: see resize.h. Output pixel i has its centre at (i + 1/2) * scale of the input, and
// weights by the distance of the input pixels whose centres lie within the filter's support.
#include "image/resize.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"

// 8 bits of pixel, 2 of headroom for sums: 22 are left for the weight in 32.
enum { WEIGHT_BITS = 32 - 8 - 2 };

// Weights of one axis: output i takes input first[i] .. first[i] + count[i] - 1.
struct hone_resize_axis {
    int32_t *first, *count;
    int32_t *weights; // (outputs, stride)
    int32_t stride;
};

static void hone_resize_axis_deinit(struct hone_resize_axis *axis) {
    hone_free(axis->first);
    hone_free(axis->count);
    hone_free(axis->weights);
}

static int32_t hone_clamp(double value, int32_t most) {
    int32_t whole = (int32_t)value;
    return whole < 0 ? 0 : whole > most ? most : whole;
}

static const double hone_filter_support[HONE_FILTERS] = {1, 2};

static double hone_filter_weight(enum hone_filter filter, double distance) {
    if (filter == HONE_FILTER_BILINEAR) return distance < 1 ? 1 - distance : 0;
    // Keys 1981, a = -0.5.
    if (distance < 1) return (1.5 * distance - 2.5) * distance * distance + 1;
    if (distance < 2) return (((distance - 5) * distance + 8) * distance - 4) * -0.5;
    return 0;
}

// `row` is scratch for one output's weights in double.
static void hone_resize_weights(struct hone_resize_axis *axis, int32_t input, int32_t output,
                                enum hone_filter filter, double *row) {
    double scale = (double)input / output, stretch = scale < 1 ? 1 : scale;
    double support = hone_filter_support[filter] * stretch;
    for (int32_t i = 0; i < output; i++) {
        double centre = (i + 0.5) * scale, sum = 0;
        int32_t first = hone_clamp(centre - support + 0.5, input);
        int32_t count = hone_clamp(centre + support + 0.5, input) - first;
        for (int32_t k = 0; k < count; k++) {
            double distance = fabs((k + first - centre + 0.5) * (1.0 / stretch));
            row[k] = hone_filter_weight(filter, distance);
            sum += row[k];
        }
        for (int32_t k = 0; k < count; k++) {
            double weight = sum != 0 ? row[k] / sum : row[k];
            axis->weights[(size_t)i * (size_t)axis->stride + (size_t)k] =
                (int32_t)((weight < 0 ? -0.5 : 0.5) + weight * (1 << WEIGHT_BITS));
        }
        axis->first[i] = first;
        axis->count[i] = count;
    }
}

static hone_status hone_resize_axis_init(int32_t input, int32_t output, enum hone_filter filter,
                                         struct hone_resize_axis *axis) {
    double scale = (double)input / output;
    double support = hone_filter_support[filter] * (scale < 1 ? 1 : scale);
    size_t outputs = (size_t)output;
    *axis = (struct hone_resize_axis){.stride = (int32_t)ceil(support) * 2 + 1};
    axis->first = hone_calloc(outputs, sizeof *axis->first, "resizing");
    axis->count = hone_calloc(outputs, sizeof *axis->count, "resizing");
    axis->weights = hone_calloc(outputs * (size_t)axis->stride, sizeof *axis->weights, "resizing");
    double *row = hone_calloc((size_t)axis->stride, sizeof *row, "resizing");
    bool ok = axis->first && axis->count && axis->weights && row;
    if (ok)
        hone_resize_weights(axis, input, output, filter, row);
    else
        hone_resize_axis_deinit(axis);
    hone_free(row);
    return ok ? HONE_OK : HONE_OUT_OF_MEMORY;
}

static uint8_t hone_resize_round(int32_t sum) {
    if (sum < 0) return 0; // a cubic overshoots
    int32_t value = sum >> WEIGHT_BITS;
    return (uint8_t)(value > 255 ? 255 : value);
}

static void hone_resize_row(const uint8_t *from, const struct hone_resize_axis *axis, int32_t width,
                            uint8_t *to) {
    for (int32_t x = 0; x < width; x++, to += 3) {
        const int32_t *weight = axis->weights + (size_t)x * (size_t)axis->stride;
        const uint8_t *pixel = from + (size_t)axis->first[x] * 3;
        int32_t r = 1 << (WEIGHT_BITS - 1), g = r, b = r;
        for (int32_t k = 0; k < axis->count[x]; k++, pixel += 3) {
            r += pixel[0] * weight[k];
            g += pixel[1] * weight[k];
            b += pixel[2] * weight[k];
        }
        to[0] = hone_resize_round(r);
        to[1] = hone_resize_round(g);
        to[2] = hone_resize_round(b);
    }
}

static hone_status hone_resize_rows(const struct hone_image *image, int32_t width,
                                    enum hone_filter filter, struct hone_image *out) {
    struct hone_resize_axis axis;
    HONE_TRY(hone_resize_axis_init(image->width, width, filter, &axis));
    hone_status status = hone_image_create(width, image->height, out);
    if (status == HONE_OK) {
        for (size_t y = 0; y < (size_t)image->height; y++)
            hone_resize_row(image->pixels + y * (size_t)image->width * 3, &axis, width,
                            out->pixels + y * (size_t)width * 3);
    }
    hone_resize_axis_deinit(&axis);
    return status;
}

// Row after row into 32-bit sums, so that memory is read in order.
static void hone_resize_column_pass(const struct hone_image *image,
                                    const struct hone_resize_axis *axis, int32_t *sums,
                                    struct hone_image *out) {
    size_t row = (size_t)image->width * 3;
    for (int32_t y = 0; y < out->height; y++) {
        for (size_t i = 0; i < row; i++) sums[i] = 1 << (WEIGHT_BITS - 1);
        const uint8_t *from = image->pixels + (size_t)axis->first[y] * row;
        for (int32_t k = 0; k < axis->count[y]; k++, from += row) {
            int32_t weight = axis->weights[(size_t)y * (size_t)axis->stride + (size_t)k];
            for (size_t i = 0; i < row; i++) sums[i] += from[i] * weight;
        }
        uint8_t *to = out->pixels + (size_t)y * row;
        for (size_t i = 0; i < row; i++) to[i] = hone_resize_round(sums[i]);
    }
}

static hone_status hone_resize_columns(const struct hone_image *image, int32_t height,
                                       enum hone_filter filter, struct hone_image *out) {
    struct hone_resize_axis axis;
    HONE_TRY(hone_resize_axis_init(image->height, height, filter, &axis));
    int32_t *sums = hone_calloc((size_t)image->width * 3, sizeof *sums, "resizing");
    hone_status status = sums ? hone_image_create(image->width, height, out) : HONE_OUT_OF_MEMORY;
    if (status == HONE_OK) hone_resize_column_pass(image, &axis, sums, out);
    hone_free(sums);
    hone_resize_axis_deinit(&axis);
    return status;
}

hone_status hone_image_resize(const struct hone_image *image, int32_t width, int32_t height,
                              enum hone_filter filter, struct hone_image *out) {
    *out = (struct hone_image){0};
    if (width < 1 || height < 1)
        return hone_fail(HONE_INVALID, "cannot resize to %dx%d pixels", (int)width, (int)height);
    bool rows = width != image->width, columns = height != image->height;
    if (!rows && !columns) {
        HONE_TRY(hone_image_create(width, height, out));
        memcpy(out->pixels, image->pixels, (size_t)width * (size_t)height * 3);
        return HONE_OK;
    }
    if (!columns) return hone_resize_rows(image, width, filter, out);
    if (!rows) return hone_resize_columns(image, height, filter, out);
    struct hone_image between;
    HONE_TRY(hone_resize_rows(image, width, filter, &between));
    hone_status status = hone_resize_columns(&between, height, filter, out);
    hone_image_destroy(&between);
    return status;
}
