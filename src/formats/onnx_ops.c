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
    {"Elu", hone_onnx_act_parts},
    {"Erf", hone_onnx_act},
    {"Exp", hone_onnx_act},
    {"Flatten", hone_onnx_flatten},
    {"Gather", hone_onnx_gather},
    {"Gelu", hone_onnx_act},
    {"Gemm", hone_onnx_gemm},
    {"GlobalAveragePool", hone_onnx_global_average_pool},
    {"HardSigmoid", hone_onnx_act},
    {"HardSwish", hone_onnx_act},
    {"Identity", hone_onnx_identity},
    {"LayerNormalization", hone_onnx_layer_norm},
    {"LeakyRelu", hone_onnx_act_parts},
    {"Log", hone_onnx_act},
    {"MatMul", hone_onnx_matmul},
    {"MaxPool", hone_onnx_max_pool},
    {"Mish", hone_onnx_act_parts},
    {"Mul", hone_onnx_mul},
    {"Neg", hone_onnx_neg},
    {"PRelu", hone_onnx_prelu},
    {"Pad", hone_onnx_pad},
    {"Pow", hone_onnx_pow},
    {"ReduceL2", hone_onnx_reduce},
    {"ReduceMean", hone_onnx_reduce},
    {"ReduceSum", hone_onnx_reduce},
    {"Relu", hone_onnx_act},
    {"Reshape", hone_onnx_reshape},
    {"Shape", hone_onnx_shape},
    {"Sigmoid", hone_onnx_act},
    {"Slice", hone_onnx_slice},
    {"Softmax", hone_onnx_softmax},
    {"Softplus", hone_onnx_act_parts},
    {"Split", hone_onnx_split},
    {"Sqrt", hone_onnx_act},
    {"Squeeze", hone_onnx_squeeze},
    {"Sub", hone_onnx_sub},
    {"Sum", hone_onnx_sum},
    {"Tanh", hone_onnx_act},
    {"Transpose", hone_onnx_transpose},
    {"Unsqueeze", hone_onnx_unsqueeze},
};

hone_onnx_translate_fn hone_onnx_translate_find(const char *op_type) {
    for (size_t i = 0; i < sizeof onnx_ops / sizeof *onnx_ops; i++)
        if (strcmp(onnx_ops[i].name, op_type) == 0) return onnx_ops[i].fn;
    return NULL;
}
