// onnx_ops.c: the operators that hone reads, by name.
#include "formats/onnx_import.h"

#include <string.h>

static const struct {
    const char *name;
    hone_onnx_translate_fn fn;
} onnx_ops[] = {
    {"Add", hone_onnx_add},
    {"AveragePool", hone_onnx_average_pool},
    {"BatchNormalization", hone_onnx_batch_norm},
    {"Cast", hone_onnx_cast},
    {"Clip", hone_onnx_clip},
    {"Concat", hone_onnx_concat},
    {"Conv", hone_onnx_conv},
    {"Div", hone_onnx_div},
    {"Dropout", hone_onnx_dropout},
    {"Flatten", hone_onnx_flatten},
    {"Gather", hone_onnx_gather},
    {"Gemm", hone_onnx_gemm},
    {"GlobalAveragePool", hone_onnx_global_average_pool},
    {"HardSigmoid", hone_onnx_hard_sigmoid},
    {"HardSwish", hone_onnx_hard_swish},
    {"Identity", hone_onnx_identity},
    {"MatMul", hone_onnx_matmul},
    {"MaxPool", hone_onnx_max_pool},
    {"Mul", hone_onnx_mul},
    {"Neg", hone_onnx_neg},
    {"Pad", hone_onnx_pad},
    {"ReduceMean", hone_onnx_reduce_mean},
    {"Relu", hone_onnx_relu},
    {"Reshape", hone_onnx_reshape},
    {"Shape", hone_onnx_shape},
    {"Sigmoid", hone_onnx_sigmoid},
    {"Slice", hone_onnx_slice},
    {"Softmax", hone_onnx_softmax},
    {"Split", hone_onnx_split},
    {"Squeeze", hone_onnx_squeeze},
    {"Sub", hone_onnx_sub},
    {"Sum", hone_onnx_sum},
    {"Transpose", hone_onnx_transpose},
    {"Unsqueeze", hone_onnx_unsqueeze},
};

hone_onnx_translate_fn hone_onnx_translate_find(const char *op_type) {
    for (size_t i = 0; i < sizeof onnx_ops / sizeof *onnx_ops; i++)
        if (strcmp(onnx_ops[i].name, op_type) == 0) return onnx_ops[i].fn;
    return NULL;
}
