// schedule.c: learning rates, the order of pictures, class weights.
#include "train/schedule.h"

#include <math.h>

#include "data/batch.h"

double hone_train_rate(enum hone_schedule schedule, double peak, double warmup, int64_t step,
                       int64_t total) {
    const double pi = 3.14159265358979323846;
    double rise = floor(warmup * (double)total);
    if ((double)step < rise) return peak * (double)(step + 1) / (rise + 1);
    double length = (double)total - rise;
    double place = length > 0 ? ((double)step - rise) / length : 0;
    if (place > 1) place = 1;
    switch (schedule) {
    case HONE_SCHEDULE_COSINE: return peak * 0.5 * (1 + cos(pi * place));
    case HONE_SCHEDULE_LINEAR: return peak * (1 - place);
    case HONE_SCHEDULE_CONSTANT: break;
    }
    return peak;
}

void hone_train_hyper(double rate, double beta1, double beta2, double average, int64_t step,
                      float hyper[4]) {
    double t = (double)step + 1;
    hyper[0] = (float)rate;
    hyper[1] = (float)(1 - pow(beta1, t));
    hyper[2] = (float)(1 - pow(beta2, t));
    // Early on the average is that of all steps so far, nearly: (1 + s) / (10 + s) of TensorFlow's
    // ExponentialMovingAverage(num_updates).
    hyper[3] = (float)(1 - fmin(average, t / (t + 9)));
}

hone_status hone_train_order(const struct hone_train_params *params,
                             const struct hone_pictures *pictures, int32_t classes, int32_t epoch,
                             uint32_t *out) {
    uint64_t seed = (uint64_t)params->seed;
    uint32_t count = (uint32_t)pictures->count;
    if (params->sampling == HONE_SAMPLING_BALANCED)
        return hone_epoch_order_balanced(seed, (uint32_t)epoch, pictures->labels, classes, out,
                                         count);
    hone_epoch_order(seed, (uint32_t)epoch, out, count);
    return HONE_OK;
}

double hone_train_average_decay(double epochs, int64_t steps_an_epoch) {
    double steps = epochs * (double)steps_an_epoch;
    return steps > 1 ? 1 - 1 / steps : 0;
}

// Of Cui et al. 2019: the effective number of n pictures is (1 - b^n) / (1 - b).
static double class_weight(enum hone_class_weights kind, double n) {
    const double b = 0.999;
    if (n <= 0) return 0;
    switch (kind) {
    case HONE_CLASS_WEIGHTS_BALANCED: return 1 / n;
    case HONE_CLASS_WEIGHTS_SQRT: return 1 / sqrt(n);
    case HONE_CLASS_WEIGHTS_EFFECTIVE: return (1 - b) / (1 - pow(b, n));
    case HONE_CLASS_WEIGHTS_AUTO:
    case HONE_CLASS_WEIGHTS_NONE: break;
    }
    return 1;
}

void hone_train_class_weights(enum hone_class_weights kind, const int64_t *counts, int32_t classes,
                              float *weights) {
    double pictures = 0, sum = 0;
    for (int32_t c = 0; c < classes; c++) {
        pictures += (double)counts[c];
        sum += class_weight(kind, (double)counts[c]) * (double)counts[c];
    }
    for (int32_t c = 0; c < classes; c++)
        weights[c] = sum > 0 ? (float)(class_weight(kind, (double)counts[c]) * pictures / sum) : 0;
}

void hone_train_prior(const int64_t *counts, int32_t classes, double strength, float *prior) {
    double pictures = 0;
    for (int32_t c = 0; c < classes; c++) pictures += (double)counts[c];
    for (int32_t c = 0; c < classes; c++)
        prior[c] = counts[c] > 0 ? (float)(strength * log((double)counts[c] / pictures)) : 0;
}

int32_t hone_train_cpu_epochs(double each, double once, int32_t most) {
    const double operations = 8e12; // of lavapipe on two cores in about ten minutes
    double fit = floor((operations - once) / each);
    return fit >= most ? most : fit > 1 ? (int32_t)fit : 1;
}

double hone_train_trial_rate(size_t index, size_t count) {
    const double first = 1e-6, last = 1;
    return count > 1 ? first * pow(last / first, (double)index / (double)(count - 1)) : first;
}

// Mean of the losses up to `index`, each counting for 0.9 of the one after it.
static double running_mean(const double *losses, size_t index) {
    double sum = 0, weight = 0;
    for (size_t i = 0; i <= index; i++) {
        sum = 0.9 * sum + 0.1 * losses[i];
        weight = 0.9 * weight + 0.1;
    }
    return sum / weight;
}

// Steps whose mean is still that of a few batches are no minimum.
enum { TRIAL_FEW = 10 };

bool hone_train_diverged(const double *losses, size_t count, double *smooth) {
    double best = INFINITY;
    *smooth = running_mean(losses, count - 1);
    for (size_t i = TRIAL_FEW; i < count; i++) best = fmin(best, running_mean(losses, i));
    return !isfinite(*smooth) || (count > TRIAL_FEW && *smooth > 3 * best + 1);
}

double hone_train_pick_rate(const double *rates, const double *losses, size_t count) {
    size_t best = 0;
    double least = INFINITY;
    for (size_t i = TRIAL_FEW; i < count; i++) {
        double mean = running_mean(losses, i);
        if (mean < least) {
            least = mean;
            best = i;
        }
    }
    return best > TRIAL_FEW ? rates[best] / 10 : 0;
}
