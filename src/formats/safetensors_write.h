// safetensors_write.h: weights of a model, for other programs and for hone itself.
#ifndef HONE_FORMATS_SAFETENSORS_WRITE_H
#define HONE_FORMATS_SAFETENSORS_WRITE_H

#include "model/model.h"

// F32 tensors by the parameters' names, in PyTorch's order of axes, and as metadata hone.preprocess
// and hone.classes as in an ONNX file. The file appears whole or not at all.
hone_status hone_safetensors_write(const struct hone_model *model, const char *path);

#endif
