// model.h: a pretrained net read from a file: what it is, what it takes in, and what hone found in
// it.
//
// A model is plain host memory and needs no device. Functions on different models may run at the
// same time; a model that nobody changes may be read from any number of threads.
#ifndef HONE_MODEL_H
#define HONE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hone/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hone_model hone_model;

typedef struct hone_model_load_params {
    // Picture size; 0: the file's, or 224 where the file leaves it open. `size` sets both.
    int32_t size, height, width;
    // "imagenet", "tf", "none" or "MEAN,STD", and behind it, as needed, ":bgr", ":bilinear" or
    // ":bicubic", ":stretch", ":letterbox" or ":crop=SHARE"; NULL: what the file states, or
    // config.json beside it, else imagenet.
    const char *preprocess;
    // The net of a weight file, such as "resnet50"; NULL: as its metadata or config.json beside it
    // says, else found by the names of its tensors.
    const char *arch;
} hone_model_load_params;

// Reads an ONNX file, opset 7 to 21, or the weights of a net that hone builds (torchvision's names)
// out of a safetensors file or a file of torch.save, of which nothing is run. Blocking; the file is
// not held open. params may be NULL. HONE_UNSUPPORTED names every operator that hone lacks, before
// anything else is looked at, or the net that comes nearest; HONE_INVALID names the node or tensor
// that is wrong.
hone_status hone_model_load(const char *path, const hone_model_load_params *params,
                            hone_model **out);
void hone_model_destroy(hone_model **model);

// Writes an ONNX file of opset 13 (17 with layer norms), (N,3,H,W), batch open, with outputs
// "probabilities" and "logits" ("features" for a net without a classifier), and as metadata:
// hone.version, hone.classes (JSON array), hone.preprocess (JSON object), hone.thresholds. The file
// appears whole or not at all. A path that ends in .safetensors gets the weights alone, under their
// names and in PyTorch's order of axes, with hone.preprocess and hone.classes as metadata.
hone_status hone_model_save(const hone_model *model, const char *path);

typedef enum hone_model_output {
    HONE_MODEL_LOGITS,
    HONE_MODEL_PROBABILITIES, // the file ends in a softmax, which hone keeps outside the graph
    HONE_MODEL_FEATURES,      // no classifier: one is appended when it is trained
} hone_model_output;

// Strings belong to the model.
typedef struct hone_model_info {
    const char *source; // file name
    int32_t opset;
    int32_t height, width, channels;
    bool size_fixed;      // the file names the size; false: it is open and hone chose
    char preprocess[192]; // as hone_model_load_params takes it, with what a fit other than stretch
                          // adds
    bool preprocess_stated; // false: assumed
    hone_model_output output;
    int32_t classes;  // 0: ends in features
    int32_t features; // what the head reads; without a head, what the file ends in
    bool class_names_known;
    const char *head;      // "linear", "1x1 convolution", "none"
    const char *head_name; // node; "" when there is none
    size_t rows;           // operators
    size_t tensors;        // parameters, as tensors
    uint64_t parameters;   // as numbers
    uint64_t trainable;    // of these, what training may change
    uint64_t macs;         // multiply-adds for one picture, one copy of it
    int32_t copies;        // mirrored copies of a picture, itself included, that an answer is the
                           // mean over; 1: the picture alone
    size_t warnings;
} hone_model_info;
void hone_model_get_info(const hone_model *model, hone_model_info *out);

// One operator, in order. Strings belong to the model, shape to the row.
typedef struct hone_model_row {
    const char *name;
    const char *op;
    char shape[64]; // "f32[1,112,112,32]", (N,H,W,C)
    uint64_t parameters;
    uint64_t macs;
} hone_model_row;
hone_status hone_model_get_row(const hone_model *model, size_t index, hone_model_row *out);

// NULL where the file names no classes or index is out of range.
const char *hone_model_class_name(const hone_model *model, int32_t index);
// What a user should know: an assumed preprocessing, ignored outputs. NULL out of range.
const char *hone_model_warning(const hone_model *model, size_t index);

#ifdef __cplusplus
}
#endif
#endif
