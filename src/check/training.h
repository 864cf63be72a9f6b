// training.h: a short training of a small net on a device beside the same training in double: all
// that lies between kernels that are right alone (fusion, memory plan, barriers, staging, updates).
#ifndef HONE_CHECK_TRAINING_H
#define HONE_CHECK_TRAINING_H

#include "exec/device.h"

struct hone_check_training {
    int steps;
    double first_loss, last_loss, ref_last_loss;
    double gradient_error; // largest error of the first update, of the largest element of it
    double loss_error;     // largest difference of the losses of a step, of the first loss
    bool good;
    char why[200];
};

// `steps` of at least 2. Blocks; the reference takes most of the time. What is wrong is in *out;
// the status is that of the devices.
hone_status hone_check_training(struct hone_device *device, int steps,
                                struct hone_check_training *out);

#endif
