// head.h: the classifier alone, on features that never change: ridge softmax regression on
// standardised features, solved to its one optimum. The passes over the features run on the device.
#ifndef HONE_TRAIN_HEAD_H
#define HONE_TRAIN_HEAD_H

#include "exec/device.h"
#include "train/lbfgs.h"

// Minimises over W (classes, F) and b (classes)
//   sum_i w[y_i] crossentropy(W x_i + b, y_i) / sum_i w[y_i]  +  l2 / 2 |W|^2
// where x_i are the features minus their mean over their standard deviation.
struct hone_head_problem {
    const float *features; // (count, F), as the backbone gives them
    const int32_t *labels; // (count)
    size_t count;
    int32_t feature_count, classes;
    const float *class_weights; // (classes)
    const float *prior; // (classes), added to the scores in the loss; the solution is what goes
                        // without it. NULL: none
    float l2;
    int32_t iterations; // at most
    double tolerance;   // of the gradient's norm, see lbfgs.h
    // Told after each iteration, with the solution so far in terms of the features as they are, and
    // the training loss without the ridge; a failure ends the search with that status. May be NULL.
    hone_status (*observer)(void *user, int32_t iteration, const float *weight, const float *bias,
                            double loss);
    void *user;
};

// Rows of features that are one tensor on this device: what one binding and one buffer (1 GiB)
// hold, and no more than 8,192.
size_t hone_head_chunk_rows(const struct hone_caps *caps, int32_t feature_count);

// weight (classes, F) and bias (classes) apply to the features as they are: the standardisation is
// folded in.
hone_status hone_head_solve(struct hone_device *device, const struct hone_head_problem *problem,
                            float *weight, float *bias, int32_t *iterations);

// probabilities (count, classes) = softmax(W x + b), in double on the host.
hone_status hone_head_apply(const float *features, size_t count, int32_t feature_count,
                            int32_t classes, const float *weight, const float *bias,
                            float *probabilities);

#endif
