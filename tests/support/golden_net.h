// golden_net.h: a net of tools/golden against what PyTorch computed with it: forward, gradients,
// and weights after some steps, through the importer, the trainer's graph and a program on any
// device.
#ifndef HONE_TESTS_GOLDEN_NET_H
#define HONE_TESTS_GOLDEN_NET_H

#include "exec/device.h"
#include "support/golden.h"
#include "train/graph.h"

struct golden_net {
    struct golden *golden;
    hone_model *model;
    struct hone_train_layout layout;
    int32_t batch;
    float smoothing;
};

// NAME.onnx and NAME.safetensors in `folder`; NULL: tests/golden/data. Failures of all calls fail
// the running test.
void golden_net_open(struct golden_net *net, const char *folder, const char *name);
// FILE.onnx in place of NAME.onnx: the same net from another export.
void golden_net_open_file(struct golden_net *net, const char *folder, const char *name,
                          const char *file);
void golden_net_close(struct golden_net *net);

// Greatest relative errors in the Euclidean norm, and the tensor that has it.
struct golden_net_error {
    double error;
    char name[128];
};

// |logits - PyTorch's| / |PyTorch's|, largest element, with the running statistics.
double golden_net_eval(struct golden_net *net, struct hone_device *device);

struct golden_net_gradients {
    double logits, loss;              // relative, training mode
    struct golden_net_error gradient; // the worst tensor
    double all;                       // all gradients as one vector
    int tensors;                      // compared
};
void golden_net_gradients(struct golden_net *net, struct hone_device *device,
                          struct golden_net_gradients *out);

// Runs `steps` steps of "sgd" or "adamw" and compares parameters and running statistics.
struct golden_net_steps {
    struct golden_net_error weight; // the worst tensor: |w - PyTorch's| / |PyTorch's|
    double update;                  // all parameters: |w - PyTorch's| / |PyTorch's - untrained|
    int tensors;
};
void golden_net_steps(struct golden_net *net, struct hone_device *device, const char *optimizer,
                      int steps, struct golden_net_steps *out);

#endif
