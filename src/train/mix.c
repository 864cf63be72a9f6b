// mix.c: how the pictures of a step are mixed (augment.h): drawn on the host, in double, from the
// counter generator, since a beta distribution takes a number of draws that nobody knows before.
#include "train/augment.h"

#include <math.h>

#include "base/rng.h"

#define STREAM_MIX ((uint64_t)0x6D697820 << 32) // "mix "

struct draws {
    uint64_t seed, stream, at;
};

static double uniform(struct draws *d) { // in (0, 1)
    return ((double)hone_rng_u32(d->seed, d->stream, d->at++) + 0.5) / 4294967296.0;
}

static double normal(struct draws *d) {
    double radius = sqrt(-2 * log(uniform(d)));
    return radius * cos(6.283185307179586 * uniform(d));
}

// Marsaglia and Tsang 2000; below 1 by a power of one with shape + 1.
static double gamma_of(struct draws *d, double shape) {
    if (shape < 1) {
        double u = uniform(d);
        return gamma_of(d, shape + 1) * pow(u, 1 / shape);
    }
    double a = shape - 1.0 / 3, b = 1 / sqrt(9 * a);
    for (;;) {
        double x = normal(d), v = 1 + b * x, u = uniform(d);
        if (v <= 0) continue;
        v = v * v * v;
        if (log(u) < 0.5 * x * x + a - a * v + a * log(v)) return a * v;
    }
}

static double beta_of(struct draws *d, double alpha) {
    double x = gamma_of(d, alpha), y = gamma_of(d, alpha);
    return x + y > 0 ? x / (x + y) : 0.5; // both vanish for tiny alpha only
}

void hone_train_draw_mix(const struct hone_train_params *p, int64_t step, int32_t height,
                         int32_t width, float mix[HONE_MIX_NUMBERS]) {
    struct draws d = {(uint64_t)p->seed, STREAM_MIX | (uint32_t)step, 0};
    double which = uniform(&d);
    bool cut = p->cutmix > 0 && (!(p->mixup > 0) || which < 0.5);
    double keep = beta_of(&d, cut ? (double)p->cutmix : (double)p->mixup);
    for (int i = 0; i < HONE_MIX_NUMBERS; i++) mix[i] = 0;
    mix[0] = cut ? 1 : (float)keep;
    mix[HONE_MIX_SHARE] = (float)keep;
    if (!cut) return;
    // A box of the share that is not kept, centred anywhere, cut off at the edges: as CutMix does.
    double side = sqrt(1 - keep), y = uniform(&d) * height, x = uniform(&d) * width;
    double top = fmax(floor(y - side * height / 2), 0), left = fmax(floor(x - side * width / 2), 0),
           bottom = fmin(floor(y + side * height / 2), height),
           right = fmin(floor(x + side * width / 2), width);
    mix[1] = (float)top;
    mix[2] = (float)left;
    mix[3] = (float)bottom;
    mix[4] = (float)right;
    mix[HONE_MIX_SHARE] = (float)(1 - (bottom - top) * (right - left) / ((double)height * width));
}
