// positions.c: a learned table of positions (1, extra + grid x grid, C) for another grid.
//
// As timm does it (resample_abs_pos_embed): bicubic, antialiased, which is PIL's filter with a =
// -0.5, stretched where the grid shrinks, its weights normalised at the borders. Extra tokens stay.
#include "model/zoo/zoo.h"

#include <math.h>
#include <string.h>

// Keys 1981, a = -0.5.
static double cubic(double x) {
    x = fabs(x);
    if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
    if (x < 2) return ((-0.5 * x + 2.5) * x - 4) * x + 2;
    return 0;
}

// Resamples the middle axis of (outer, from, inner).
static void resample(const float *in, int32_t outer, int32_t from, int32_t to, int64_t inner,
                     float *out) {
    double scale = (double)from / to, stretch = scale > 1 ? scale : 1, reach = 2 * stretch;
    for (int32_t i = 0; i < to; i++) {
        double centre = scale * (i + 0.5), total = 0;
        int32_t first = (int32_t)(centre - reach + 0.5), last = (int32_t)(centre + reach + 0.5);
        if (centre - reach + 0.5 < 0) first = 0;
        if (last > from) last = from;
        for (int32_t k = first; k < last; k++) total += cubic((k - centre + 0.5) / stretch);
        for (int32_t o = 0; o < outer; o++)
            for (int64_t c = 0; c < inner; c++) {
                double sum = 0;
                for (int32_t k = first; k < last; k++)
                    sum += cubic((k - centre + 0.5) / stretch) *
                           (double)in[((int64_t)o * from + k) * inner + c];
                out[((int64_t)o * to + i) * inner + c] = (float)(sum / total);
            }
    }
}

hone_status hone_zoo_positions(const float *in, int32_t extra, int32_t grid, int32_t channels,
                               int32_t height, int32_t width, float *out) {
    float *rows =
        hone_calloc((size_t)height * (size_t)grid * (size_t)channels, sizeof *rows, "positions");
    if (!rows) return HONE_OUT_OF_MEMORY;
    memcpy(out, in, (size_t)extra * (size_t)channels * sizeof *out);
    resample(in + (int64_t)extra * channels, 1, grid, height, (int64_t)grid * channels, rows);
    resample(rows, height, grid, width, channels, out + (int64_t)extra * channels);
    hone_free(rows);
    return HONE_OK;
}
