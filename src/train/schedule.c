// schedule.c: learning rates and class weights.
#include "train/schedule.h"

#include <math.h>

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

double hone_train_average_decay(double epochs, int64_t steps_an_epoch) {
    double steps = epochs * (double)steps_an_epoch;
    return steps > 1 ? 1 - 1 / steps : 0;
}

void hone_train_class_weights(enum hone_class_weights kind, const int64_t *counts, int32_t classes,
                              float *weights) {
    double pictures = 0, sum = 0;
    for (int32_t c = 0; c < classes; c++) {
        double n = (double)counts[c], w = 0;
        if (n > 0)
            w = kind == HONE_CLASS_WEIGHTS_BALANCED ? 1 / n
                : kind == HONE_CLASS_WEIGHTS_SQRT   ? 1 / sqrt(n)
                                                    : 1;
        weights[c] = (float)w;
        pictures += n;
        sum += w * n;
    }
    for (int32_t c = 0; c < classes && sum > 0; c++)
        weights[c] = (float)(weights[c] * pictures / sum);
}
