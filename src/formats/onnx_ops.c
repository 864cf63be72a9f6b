// onnx_ops.c: the operators that hone reads, by name.
#include "formats/onnx_import.h"

#include <string.h>

static const struct {
    const char *name;
    hone_onnx_translate_fn fn;
} onnx_ops[] = {
    {"Abs", hone_onnx_abs},
    {"Add", hone_onnx_add},
    {"AveragePool", hone_onnx_average_pool},
    {"BatchNormalization", hone_onnx_batch_norm},
    {"Cast", hone_onnx_cast},
    {"Clip", hone_onnx_clip},
    {"Concat", hone_onnx_concat},
    {"Conv", hone_onnx_conv},
    {"DepthToSpace", hone_onnx_depth_to_space},
    {"DequantizeLinear", hone_onnx_identity},
    {"Div", hone_onnx_div},
    {"Dropout", hone_onnx_dropout},
    {"Einsum", hone_onnx_einsum},
    {"Elu", hone_onnx_act_parts},
    {"Erf", hone_onnx_act},
    {"Exp", hone_onnx_act},
    {"Expand", hone_onnx_expand},
    {"Flatten", hone_onnx_flatten},
    {"Gather", hone_onnx_gather},
    {"Gelu", hone_onnx_act},
    {"Gemm", hone_onnx_gemm},
    {"GlobalAveragePool", hone_onnx_global_average_pool},
    {"GlobalMaxPool", hone_onnx_global_max_pool},
    {"GroupNormalization", hone_onnx_group_norm},
    {"HardSigmoid", hone_onnx_act},
    {"HardSwish", hone_onnx_act},
    {"Identity", hone_onnx_identity},
    {"InstanceNormalization", hone_onnx_instance_norm},
    {"LayerNormalization", hone_onnx_layer_norm},
    {"LeakyRelu", hone_onnx_act_parts},
    {"Log", hone_onnx_act},
    {"MatMul", hone_onnx_matmul},
    {"Max", hone_onnx_bound},
    {"MaxPool", hone_onnx_max_pool},
    {"Min", hone_onnx_bound},
    {"Mish", hone_onnx_act_parts},
    {"Mul", hone_onnx_mul},
    {"Neg", hone_onnx_neg},
    {"PRelu", hone_onnx_prelu},
    {"Pad", hone_onnx_pad},
    {"Pow", hone_onnx_pow},
    {"QuantizeLinear", hone_onnx_quantize},
    {"Reciprocal", hone_onnx_reciprocal},
    {"ReduceL2", hone_onnx_reduce},
    {"ReduceMax", hone_onnx_reduce_max},
    {"ReduceMean", hone_onnx_reduce},
    {"ReduceSum", hone_onnx_reduce},
    {"Relu", hone_onnx_act},
    {"Reshape", hone_onnx_reshape},
    {"Resize", hone_onnx_resize},
    {"Shape", hone_onnx_shape},
    {"Sigmoid", hone_onnx_act},
    {"Slice", hone_onnx_slice},
    {"Softmax", hone_onnx_softmax},
    {"Softplus", hone_onnx_act_parts},
    {"SpaceToDepth", hone_onnx_space_to_depth},
    {"Split", hone_onnx_split},
    {"Sqrt", hone_onnx_act},
    {"Squeeze", hone_onnx_squeeze},
    {"Sub", hone_onnx_sub},
    {"Sum", hone_onnx_sum},
    {"Tanh", hone_onnx_act},
    {"Tile", hone_onnx_tile},
    {"Transpose", hone_onnx_transpose},
    {"Unsqueeze", hone_onnx_unsqueeze},
    {"Upsample", hone_onnx_resize},
    {"Where", hone_onnx_where},
};

hone_onnx_translate_fn hone_onnx_translate_find(const char *op_type) {
    for (size_t i = 0; i < sizeof onnx_ops / sizeof *onnx_ops; i++)
        if (strcmp(onnx_ops[i].name, op_type) == 0) return onnx_ops[i].fn;
    return NULL;
}
