// schedule.h: numbers that a run needs before and between its steps: learning rates, the order of
// pictures, class weights. Pure.
#ifndef HONE_TRAIN_SCHEDULE_H
#define HONE_TRAIN_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hone/train.h>

#include "data/pictures.h"

// Learning rate of step `step` (from 0) of `total`: rises in a straight line over the first
// warmup * total steps, then falls from `peak` towards 0 along half a cosine or a line, or stays.
double hone_train_rate(enum hone_schedule schedule, double peak, double warmup, int64_t step,
                       int64_t total);

// The input "hyper" of the optimisers at step `step` (from 0): rate, 1 - beta1^t, 1 - beta2^t with
// t = step + 1, and the share of the new weights in their average, whose decay is `average`: 1 -
// average, and more while there were few steps.
void hone_train_hyper(double rate, double beta1, double beta2, double average, int64_t step,
                      float hyper[4]);

// The order of an epoch (from 1), out (pictures->count), by --sampling and the seed.
hone_status hone_train_order(const struct hone_train_params *params,
                             const struct hone_pictures *pictures, int32_t classes, int32_t epoch,
                             uint32_t *out);

// Epochs of fine-tuning for which a CPU takes some minutes, 1 to `most`: by the operations of an
// epoch and of what is done once before, so that the same data give the same number on every
// machine.
int32_t hone_train_cpu_epochs(double each, double once, int32_t most);

// The range test of the learning rate: rate number `index` of `count`, in equal ratios from 1e-6 to
// 1. Ends early where hone_train_diverged.
double hone_train_trial_rate(size_t index, size_t count);
// `losses` (count, of the steps so far) as a running mean whose last entry is far above the best
// one. *smooth receives the last entry.
bool hone_train_diverged(const double *losses, size_t count, double *smooth);
// The rate to train with: a tenth of that at which the running mean was lowest (fastai's
// "minimum"). 0 where the loss never fell.
double hone_train_pick_rate(const double *rates, const double *losses, size_t count);

// Decay of an average over about so many epochs.
double hone_train_average_decay(double epochs, int64_t steps_an_epoch);

// weights[c] from the pictures of each class, scaled so that their mean over the pictures is 1; a
// class without pictures gets 0. AUTO must have been decided before.
void hone_train_class_weights(enum hone_class_weights kind, const int64_t *counts, int32_t classes,
                              float *weights);

// What logit adjustment (Menon et al. 2021) adds to the scores in the loss, and nowhere else:
// strength * log(share of the class among the pictures); 0 for a class without any.
void hone_train_prior(const int64_t *counts, int32_t classes, double strength, float *prior);

#endif
