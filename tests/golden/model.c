// model.c: one net of tools/golden/make_model.py against PyTorch, on the default device:
//   golden_model FOLDER NAME [OPSET...]
// prints a line of JSON: the error of the logits of each stock export FOLDER/NAME.OPSET.onnx, and
// of FOLDER/NAME.onnx, where there is one, those in training, and of the gradient of each of its
// parameters.
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "support/golden_net.h"

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: golden_model FOLDER NAME [OPSET...]\n");
        return 2;
    }
    const char *folder = argv[1], *name = argv[2];
    struct hone_device *device;
    struct golden_net net;
    struct golden_net_gradients got = {.gradient = {.name = ""}};
    assert_ok(hone_device_open(NULL, &device));
    printf("{\"forward\": [");
    for (int i = 3; i < argc; i++) {
        char file[256];
        snprintf(file, sizeof file, "%s.%s", name, argv[i]);
        golden_net_open_file(&net, folder, name, file);
        printf("%s%.3g", i > 3 ? ", " : "", golden_net_eval(&net, device));
        golden_net_close(&net);
    }
    char path[512];
    snprintf(path, sizeof path, "%s/%s.onnx", folder, name);
    if (hone_file_exists(path)) {
        golden_net_open(&net, folder, name);
        golden_net_gradients(&net, device, &got);
        golden_net_close(&net);
    }
    hone_device_close(&device);
    printf("], \"train\": %.3g, \"gradient\": %.3g, \"worst\": \"%s\", \"all\": %.3g, "
           "\"tensors\": %d}\n",
           got.logits, got.gradient.error, got.gradient.name, got.all, got.tensors);
    return 0;
}
