// schedule.h: numbers that a run needs before and between its steps: learning rates and class
// weights. Pure.
#ifndef HONE_TRAIN_SCHEDULE_H
#define HONE_TRAIN_SCHEDULE_H

#include <stdint.h>

#include <hone/train.h>

// Learning rate of step `step` (from 0) of `total`: rises in a straight line over the first
// warmup * total steps, then falls from `peak` towards 0 along half a cosine or a line, or stays.
double hone_train_rate(enum hone_schedule schedule, double peak, double warmup, int64_t step,
                       int64_t total);

// The input "hyper" of the optimisers at step `step` (from 0): rate, 1 - beta1^t, 1 - beta2^t with
// t = step + 1, and the share of the new weights in their average, whose decay is `average`: 1 -
// average, and more while there were few steps.
void hone_train_hyper(double rate, double beta1, double beta2, double average, int64_t step,
                      float hyper[4]);

// Decay of an average over about so many epochs.
double hone_train_average_decay(double epochs, int64_t steps_an_epoch);

// weights[c] from the pictures of each class, scaled so that their mean over the pictures is 1; a
// class without pictures gets 0. AUTO must have been decided before.
void hone_train_class_weights(enum hone_class_weights kind, const int64_t *counts, int32_t classes,
                              float *weights);

#endif
