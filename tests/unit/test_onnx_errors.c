// test_onnx_errors: what may be wrong with an ONNX file, one line of message each; damaged files;
// and memory that runs out.
#include "support/support.h"

#include <stdio.h>
#include <string.h>

#include "support/onnx.h"

typedef void (*build_fn)(struct test_onnx *f);

// The nodes that a case adds end in "y". `text` must stand in the message.
struct wrong {
    const char *text;
    hone_status status;
    build_fn build;
    int opset;
};

#define NODE(op, in, out) test_onnx_node(f, op, in, out)
#define INT(name, value)  test_onnx_int(f, name, value)
#define INTS(name, list)  test_onnx_ints(f, name, list)
#define TEXT(name, value) test_onnx_text(f, name, value)
#define W(name, dims)     test_onnx_weight(f, name, dims)
#define LIST(name, list)  test_onnx_list(f, name, list)
// case_NAME(f)
#define CASE(name) static void name(struct test_onnx *f)

CASE(no_graph) {
    f->graph.n_node = 0;
}
CASE(unknown) {
    NODE("NonZero", "x", "n12");
    NODE("Unique", "n12", "e");
    NODE("NonZero", "e", "y");
}
CASE(foreign) {
    NODE("Relu", "x", "y");
    f->last->domain = (char *)"com.microsoft";
}
CASE(late) {
    NODE("Relu", "z", "y");
    NODE("Relu", "x", "z");
}
CASE(twice) {
    NODE("Relu", "x", "y");
    NODE("Sigmoid", "x", "y");
}
CASE(no_writer) {
    NODE("Relu", "x", "z");
}
CASE(two_inputs) {
    NODE("Relu", "x", "y");
    static HoneOnnx__ValueInfo other = HONE_ONNX__VALUE_INFO__INIT, *inputs[2];
    other.name = (char *)"z";
    inputs[0] = f->graph.input[0];
    inputs[1] = &other;
    f->graph.input = inputs;
    f->graph.n_input = 2;
}
CASE(no_input) {
    NODE("Relu", "x", "y");
    f->graph.n_input = 0;
}
CASE(grey) {
    NODE("Relu", "x", "y");
    f->graph.input[0]->type->tensor_type->shape->dim[1]->dim_value = 1;
}
CASE(bytes) {
    NODE("Relu", "x", "y");
    f->graph.input[0]->type->tensor_type->elem_type = HONE_ONNX_UINT8;
}
CASE(flat_input) {
    NODE("Relu", "x", "y");
    f->graph.input[0]->type->tensor_type->shape->n_dim = 2;
}
CASE(huge_input) {
    NODE("Relu", "x", "y");
    HoneOnnx__Dimension *dim = f->graph.input[0]->type->tensor_type->shape->dim[2];
    dim->has_dim_value = 1;
    dim->dim_value = INT64_MAX;
}
CASE(conv_channels) {
    W("w", "4 5 3 3");
    NODE("Conv", "x w", "y");
}
CASE(conv_kernel) {
    W("w", "4 3 3 3");
    NODE("Conv", "x w", "y");
    INTS("kernel_shape", "5 5");
}
CASE(conv_bias) {
    W("w", "4 3 3 3");
    W("b", "5");
    NODE("Conv", "x w b", "y");
}
CASE(conv_line) {
    W("w", "4 3 3");
    NODE("Conv", "x w", "y");
}
CASE(conv_line_channels) {
    W("w", "4 5 3");
    LIST("s", "0 3 64");
    NODE("Reshape", "x s", "r");
    NODE("Conv", "r w", "y");
}
CASE(conv_groups) {
    W("w", "4 3 3 3");
    NODE("Conv", "x w", "y");
    INT("group", 0);
}
CASE(conv_pads) {
    W("w", "4 3 3 3");
    NODE("Conv", "x w", "y");
    INTS("pads", "-1 0 0 0");
}
CASE(conv_cube) {
    W("w", "4 3 3 3");
    NODE("Conv", "x w", "y");
    INTS("strides", "1 1 1");
}
CASE(conv_auto) {
    W("w", "4 3 3 3");
    NODE("Conv", "x w", "y");
    TEXT("auto_pad", "SOMETIMES");
}
CASE(conv_small) {
    W("w", "4 3 9 9");
    NODE("Conv", "x w", "y");
}
CASE(conv_computed) {
    NODE("Relu", "x", "w");
    NODE("Conv", "x w", "y");
}
CASE(data_short) {
    W("w", "4 3 3 3")->raw_data.len = 100;
    NODE("Conv", "x w", "y");
}
CASE(data_odd) {
    W("w", "4 3 3 3")->raw_data.len = 4 * 108 - 1;
    NODE("Conv", "x w", "y");
}
CASE(data_none) {
    W("w", "4 3 3 3")->has_raw_data = 0;
    NODE("Conv", "x w", "y");
}
CASE(data_strings) {
    W("w", "4 3 3 3")->data_type = 8;
    NODE("Conv", "x w", "y");
}
CASE(data_negative) {
    W("w", "4 3 3 3")->dims[0] = -4;
    NODE("Conv", "x w", "y");
}
CASE(data_many) {
    HoneOnnx__Tensor *w = W("w", "4 3 3 3");
    w->dims[0] = w->dims[1] = 1 << 20;
    NODE("Conv", "x w", "y");
}
CASE(data_empty) {
    HoneOnnx__Tensor *w = W("w", "4 3 3 3");
    w->dims[0] = 0;
    w->raw_data.len = 0;
    NODE("Conv", "x w", "y");
}
CASE(data_outside) {
    HoneOnnx__Tensor *w = W("w", "4 3 3 3");
    w->has_raw_data = 0;
    w->data_location = w->has_data_location = 1;
    static HoneOnnx__StringStringEntry entry = HONE_ONNX__STRING_STRING_ENTRY__INIT,
                                       *entries[1] = {&entry};
    entry.key = (char *)"location";
    entry.value = (char *)"w.bin";
    w->n_external_data = 1;
    w->external_data = entries;
    NODE("Conv", "x w", "y");
}
CASE(integers) {
    LIST("w", "1 2 3");
    NODE("Mul", "x w", "y");
}
CASE(reshape_rank) {
    LIST("s", "0 3 2 2 2 4 2");
    NODE("Reshape", "x s", "y");
}
CASE(reshape_batch) {
    LIST("s", "3 -1");
    NODE("Reshape", "x s", "y");
}
CASE(reshape_elements) {
    LIST("s", "0 100");
    NODE("Reshape", "x s", "y");
}
static void reshape_computed_by(struct test_onnx *f, const char *op) {
    NODE("Shape", "x", "s");
    LIST("zero", "0");
    LIST("two", "2");
    LIST("rest", "-1");
    NODE("Gather", "s zero", "n");
    NODE(op, "n two", "m");
    NODE("Concat", "m rest", "t");
    INT("axis", 0);
    NODE("Reshape", "x t", "y");
}
CASE(reshape_double) {
    reshape_computed_by(f, "Mul");
}
CASE(reshape_mixed) { // N + 2 is no multiple of the batch
    reshape_computed_by(f, "Add");
}
CASE(reshape_torn) {
    NODE("Transpose", "x", "t");
    INTS("perm", "1 0 2 3");
    LIST("s", "2 -1");
    NODE("Reshape", "t s", "y");
}
CASE(reshape_copy) {
    LIST("s", "0 0 0 0 0");
    NODE("Reshape", "x s", "y");
}
CASE(reshape_two) {
    LIST("s", "0 -1 -1");
    NODE("Reshape", "x s", "y");
}
CASE(reshape_computed) {
    NODE("Reshape", "x x", "y");
}
CASE(transpose_batch) {
    NODE("Transpose", "x", "y");
    INTS("perm", "1 0 2 3");
}
CASE(transpose_twice) {
    NODE("Transpose", "x", "y");
    INTS("perm", "0 1 1 3");
}
CASE(flatten_axis) {
    NODE("Flatten", "x", "y");
    INT("axis", 0);
}
CASE(squeeze_size) {
    NODE("Squeeze", "x", "y");
    INTS("axes", "2");
}
CASE(squeeze_batch) {
    NODE("Squeeze", "x", "y");
    INTS("axes", "0");
}
CASE(unsqueeze_rank) {
    NODE("Unsqueeze", "x", "y");
    INTS("axes", "1 2 3");
}
CASE(gemm_trans) {
    W("w", "3 3");
    NODE("Gemm", "x w", "y");
    INT("transA", 1);
}
CASE(gemm_rank) {
    W("w", "3 3");
    NODE("Gemm", "x w", "y");
}
CASE(gemm_sizes) {
    W("w", "7 5");
    NODE("Flatten", "x", "f");
    NODE("Gemm", "f w", "y");
}
CASE(gemm_bias) {
    W("w", "192 5");
    W("b", "3 5");
    NODE("Flatten", "x", "f");
    NODE("Gemm", "f w b", "y");
}
CASE(norm_training) {
    W("p", "3");
    NODE("BatchNormalization", "x p p p p", "y");
    INT("training_mode", 1);
}
CASE(norm_size) {
    W("p", "4");
    NODE("BatchNormalization", "x p p p p", "y");
}
CASE(norm_missing) {
    W("p", "3");
    NODE("BatchNormalization", "x p p", "y");
}
CASE(softmax_rows) {
    NODE("Softmax", "x", "y");
    INT("axis", 0);
}
CASE(mean_batch) {
    NODE("ReduceMean", "x", "y");
    INTS("axes", "0 1");
}
CASE(mean_all) {
    NODE("ReduceMean", "x", "y");
}
CASE(pool_dilated) {
    NODE("MaxPool", "x", "y");
    INTS("kernel_shape", "2 2");
    INTS("dilations", "2 2");
}
CASE(pool_pads) {
    NODE("MaxPool", "x", "y");
    INTS("kernel_shape", "2 2");
    INTS("pads", "2 0 0 0");
}
CASE(pool_kernel) {
    NODE("MaxPool", "x", "y");
}
CASE(pool_large) {
    NODE("AveragePool", "x", "y");
    INTS("kernel_shape", "9 1");
}
CASE(pool_ceil) {
    NODE("AveragePool", "x", "y");
    INTS("kernel_shape", "3 3");
    INTS("strides", "2 2");
    INTS("pads", "1 1 1 1");
    INT("ceil_mode", 1);
    INT("count_include_pad", 1);
}
CASE(pool_index) {
    static char *outputs[2] = {(char *)"m", (char *)"index"};
    NODE("MaxPool", "x", "m");
    INTS("kernel_shape", "2 2");
    f->last->output = outputs;
    f->last->n_output = 2;
    NODE("Relu", "index", "y");
}
CASE(pad_reflect) {
    LIST("p", "0 0 1 1 0 0 1 1");
    NODE("Pad", "x p", "y");
    TEXT("mode", "wrap");
}
CASE(pad_mirror) {
    LIST("p", "0 0 8 0 0 0 0 0");
    NODE("Pad", "x p", "y");
    TEXT("mode", "reflect");
}
CASE(pad_wide) {
    LIST("p", "0 0 20 0 0 0 20 0");
    NODE("Pad", "x p", "y");
    TEXT("mode", "edge");
}
CASE(resize_cubic) {
    LIST("s", "1 3 16 16");
    NODE("Resize", "x - - s", "y");
    TEXT("mode", "cubic");
}
CASE(resize_area) {
    LIST("s", "1 3 16 16");
    NODE("Resize", "x - - s", "y");
    TEXT("mode", "area");
}
CASE(resize_aspect) {
    LIST("s", "1 3 16 16");
    NODE("Resize", "x - - s", "y");
    TEXT("keep_aspect_ratio_policy", "not_larger");
}
CASE(resize_table) { // of more places than a sound file needs
    W("t", "1 1 1 4");
    LIST("s", "1 1 1000000 1000000");
    NODE("Resize", "t - - s", "r");
    NODE("Add", "x r", "y");
}
CASE(quantised_apart) {
    W("s", "3");
    NODE("QuantizeLinear", "x s", "y");
}
CASE(quantised_type) {
    test_onnx_floats(f, "s", "1", (const float[]){1});
    LIST("z", "0");
    NODE("QuantizeLinear", "x s z", "y");
}
CASE(quantised_integers) {
    W("w", "4 3 3 3");
    NODE("QLinearConv", "x w w w w w w w", "y");
}
CASE(branch) {
    NODE("If", "x", "y");
}
CASE(where_computed) {
    NODE("Relu", "x", "c");
    NODE("Where", "c x x", "y");
}
CASE(tile_batch) {
    LIST("t", "2 1 1 1");
    NODE("Tile", "x t", "y");
}
CASE(tile_often) {
    LIST("t", "1 1 1 2147483647");
    NODE("Tile", "x t", "y");
}
CASE(tile_rank) {
    LIST("t", "1 2");
    NODE("Tile", "x t", "y");
}
CASE(einsum_scale) {
    W("w", "3");
    NODE("Einsum", "x w", "y");
    TEXT("equation", "nchw,c->nchw");
}
CASE(einsum_weights) {
    W("w", "5 3");
    NODE("Einsum", "w x", "y");
    TEXT("equation", "ao,nchw->nohw");
}
CASE(einsum_sizes) {
    W("w", "5 4");
    NODE("Einsum", "w x", "y");
    TEXT("equation", "oc,nchw->nohw");
}
CASE(einsum_sum_batch) {
    W("w", "5 1");
    NODE("Einsum", "w x", "y");
    TEXT("equation", "on,nchw->ochw");
}
CASE(resize_nothing) {
    NODE("Resize", "x", "y");
    TEXT("mode", "linear");
}
CASE(resize_crop) {
    test_onnx_floats(f, "s", "4", (const float[]){1, 1, 2, 2});
    NODE("Resize", "x x s", "y");
    TEXT("coordinate_transformation_mode", "tf_crop_and_resize");
}
CASE(resize_channels) {
    test_onnx_floats(f, "s", "4", (const float[]){1, 2, 2, 2});
    NODE("Resize", "x x s", "y");
}
CASE(blocks_torn) {
    NODE("SpaceToDepth", "x", "y");
    INT("blocksize", 3);
}
CASE(blocks_channels) {
    NODE("DepthToSpace", "x", "y");
    INT("blocksize", 2);
}
CASE(groups) {
    W("s", "3");
    NODE("GroupNormalization", "x s s", "y");
    INT("num_groups", 2);
}
CASE(instance_scale) {
    W("s", "2");
    NODE("InstanceNormalization", "x s s", "y");
}
CASE(largest_apart) {
    NODE("ReduceMax", "x", "y");
    INTS("axes", "1 2");
}
CASE(matrix_sizes) {
    W("w", "5 7");
    LIST("s", "0 3 64");
    NODE("Reshape", "x s", "r");
    NODE("MatMul", "w r", "y");
}
CASE(range_step) {
    LIST("z", "0");
    NODE("Range", "z z z", "r");
    NODE("Reshape", "x r", "y");
}
CASE(scatter_far) {
    LIST("z", "0 0");
    LIST("i", "7");
    LIST("u", "1");
    NODE("ScatterND", "z i u", "r");
    NODE("Reshape", "x r", "y");
}
CASE(slice_step) {
    LIST("s", "0");
    LIST("e", "8");
    LIST("a", "2");
    LIST("t", "0");
    NODE("Slice", "x s e a t", "y");
}
CASE(cycle) {
    NODE("Add", "x b", "a");
    NODE("Relu", "a", "b");
    NODE("Relu", "b", "y");
}
static void claim(struct test_onnx *f, int64_t rows) { // a tensor of 4 bytes that says it is larger
    static int64_t dim[2];
    static HoneOnnx__Tensor tensor = HONE_ONNX__TENSOR__INIT, *tensors[1] = {&tensor};
    static uint8_t bytes[4];
    dim[0] = rows;
    dim[1] = 1 << 20;
    tensor.name = (char *)"w";
    tensor.has_data_type = 1;
    tensor.data_type = HONE_ONNX_FLOAT;
    tensor.n_dims = 2;
    tensor.dims = dim;
    tensor.has_raw_data = 1;
    tensor.raw_data.len = sizeof bytes;
    tensor.raw_data.data = bytes;
    f->graph.initializer = tensors;
    f->graph.n_initializer = 1;
    NODE("Add", "x w", "y");
}
CASE(claims_2_gib) {
    claim(f, 512);
}
CASE(claims_more) {
    claim(f, 1 << 20);
}
CASE(claims_less) {
    claim(f, -1);
}
CASE(claims_zeros) { // 2 GiB of zeros by two numbers
    LIST("s", "512 1048576");
    NODE("ConstantOfShape", "s", "z");
    NODE("Add", "x z", "y");
}
CASE(einsum_trace) {
    NODE("Einsum", "x x", "y");
    TEXT("equation", "nchh,nchw->nchw");
}
CASE(einsum_outer) {
    NODE("Einsum", "x x", "y");
    TEXT("equation", "nchw,ncij->nchwij");
}
CASE(einsum_rank) {
    NODE("Einsum", "x x", "y");
    TEXT("equation", "nij,njk->nik");
}
CASE(einsum_silent) {
    NODE("Einsum", "x x", "y");
    TEXT("equation", "nchw,nchw");
}
CASE(expand_much) {
    LIST("f", "0 1 1 1 192");
    LIST("s", "1 2147483647 2147483647 2147483647 192");
    NODE("Reshape", "x f", "r");
    NODE("Expand", "r s", "y");
}
CASE(expand_other) {
    LIST("s", "1 5 8 8");
    NODE("Expand", "x s", "y");
}
CASE(constant_picture) { // as many as there are pictures, but all alike
    W("c", "1 3 4 4");
    W("w", "2 3 1 1");
    NODE("Conv", "c w", "y");
}
CASE(pad_crop) {
    LIST("p", "0 0 -1 0 0 0 0 0");
    NODE("Pad", "x p", "y");
}
CASE(pad_batch) {
    LIST("p", "1 0 0 0 0 0 0 0");
    NODE("Pad", "x p", "y");
}
CASE(pad_count) {
    LIST("p", "1 1");
    NODE("Pad", "x p", "y");
}
CASE(add_ranks) {
    NODE("Flatten", "x", "f");
    NODE("Add", "x f", "y");
}
CASE(add_shape) {
    W("c", "5 1 1");
    NODE("Add", "x c", "y");
}
CASE(add_batch) {
    W("c", "2 3 1 1");
    NODE("Add", "x c", "y");
}
CASE(div_activation) {
    W("w", "3 8 8");
    NODE("Div", "w x", "y");
}
CASE(clip_range) {
    test_onnx_floats(f, "lo", "", (const float[]){2});
    test_onnx_floats(f, "hi", "", (const float[]){1});
    NODE("Clip", "x lo hi", "y");
}
CASE(concat_batch) {
    NODE("Concat", "x x", "y");
    INT("axis", 0);
}
CASE(gather_picture) {
    LIST("i", "0");
    NODE("Gather", "x i", "y");
}
CASE(gather_many) {
    LIST("i", "2 0 1 2 0 1 2 0 1 2 0 1 2 0 1 2 0 1 2 0 1 2 0 1 2");
    NODE("Gather", "x i", "y");
    INT("axis", 1);
}
CASE(gather_batch) { // every second row, not all of them
    NODE("Shape", "x", "s");
    LIST("zero", "0");
    LIST("two", "2");
    LIST("flat", "-1");
    NODE("Gather", "s zero", "n");
    NODE("Range", "zero n two", "i");
    NODE("Reshape", "x flat", "r");
    NODE("Gather", "r i", "y");
}
CASE(gather_scattered) {
    LIST("i", "2 7");
    NODE("Gather", "x i", "y");
    INT("axis", 1);
}
CASE(ceil_picture) {
    NODE("Ceil", "x", "y");
}
CASE(split_short) {
    LIST("s", "2");
    NODE("Split", "x s", "y");
    INT("axis", 1);
}
CASE(cast_integer) {
    NODE("Cast", "x", "y");
    INT("to", 7);
}
CASE(constant_output) {
    LIST("i", "0");
    NODE("Identity", "i", "y");
}
CASE(divide_zero) {
    LIST("a", "4");
    LIST("b", "0");
    NODE("Div", "a b", "c");
    NODE("Reshape", "x c", "y");
}
CASE(pass_through) {
    NODE("Identity", "x", "y");
}
CASE(rank_one) {
    LIST("s", "-1");
    NODE("Reshape", "x s", "y");
}
CASE(meta_json) {
    NODE("Relu", "x", "y");
    test_onnx_meta(f, "hone.classes", "[\"a\",");
}
CASE(meta_classes) {
    NODE("Relu", "x", "y");
    test_onnx_meta(f, "hone.classes", "[1,2]");
}
CASE(meta_no_class) {
    NODE("Relu", "x", "y");
    test_onnx_meta(f, "hone.classes", "[]");
}
CASE(meta_mean) {
    NODE("Relu", "x", "y");
    test_onnx_meta(f, "hone.preprocess", "{\"mean\":[1,2],\"std\":[1,1,1]}");
}
CASE(meta_std) {
    NODE("Relu", "x", "y");
    test_onnx_meta(f, "hone.preprocess", "{\"mean\":[1,2,3],\"std\":[1,0,1]}");
}

static const struct wrong cases[] = {
    {"it holds no graph", HONE_INVALID, no_graph, 13},
    {"opset 6 is not supported", HONE_UNSUPPORTED, pass_through, 6},
    {"opset 22 is not supported", HONE_UNSUPPORTED, pass_through, 22},
    {"import net.onnx: 2 operators are not supported: 'NonZero' (node 'n12' and 1 more), 'Unique' (node 'e')",
     HONE_UNSUPPORTED, unknown, 13},
    {"1 operator is not supported: 'Relu' (node 'y')", HONE_UNSUPPORTED, foreign, 13},
    {"node 'y': its input 'z' is not written before it", HONE_INVALID, late, 13},
    {"two tensors are named 'y'", HONE_INVALID, twice, 13},
    {"no node writes the output 'y'", HONE_INVALID, no_writer, 13},
    {"more than one input: 'x' and 'z'", HONE_UNSUPPORTED, two_inputs, 13},
    {"takes no input", HONE_INVALID, no_input, 13},
    {"has 1 channels", HONE_UNSUPPORTED, grey, 13},
    {"is not of floats", HONE_UNSUPPORTED, bytes, 13},
    {"has 2 dimensions", HONE_UNSUPPORTED, flat_input, 13},
    {"out of range 1..16384", HONE_INVALID, huge_input, 13},
    {"node 'y' (Conv): weights (4,5,3,3) in 1 groups do not fit 3 channels", HONE_INVALID,
     conv_channels, 13},
    {"kernel_shape is 5x5, the weights are 3x3", HONE_INVALID, conv_kernel, 13},
    {"bias 'b' has 5 elements, not 4", HONE_INVALID, conv_bias, 13},
    {"weights (4,5,3) do not fit 3 channels", HONE_INVALID, conv_line_channels, 13},
    {"only 1-D and 2-D convolutions", HONE_UNSUPPORTED, conv_line, 13},
    {"in 0 groups", HONE_INVALID, conv_groups, 13},
    {"pads: -1 is out of range", HONE_INVALID, conv_pads, 13},
    {"strides has 3 numbers, not 2", HONE_UNSUPPORTED, conv_cube, 13},
    {"unknown auto_pad", HONE_INVALID, conv_auto, 13},
    {"a window of 9x9 does not fit a picture of 8x8", HONE_INVALID, conv_small, 13},
    {"weight 'w' must be constant", HONE_UNSUPPORTED, conv_computed, 13},
    {"tensor 'w': its shape has 108 elements, its data 25", HONE_INVALID, data_short, 13},
    {"tensor 'w': its shape has 108 elements, its data 107", HONE_INVALID, data_odd, 13},
    {"its data 0", HONE_INVALID, data_none, 13},
    {"element type 8 is not supported", HONE_UNSUPPORTED, data_strings, 13},
    {"a dimension of -4", HONE_INVALID, data_negative, 13},
    {"2^31 elements or more", HONE_UNSUPPORTED, data_many, 13},
    {"must be floats, not empty", HONE_INVALID, data_empty, 13},
    {"'w.bin' cannot be read from here", HONE_INVALID, data_outside, 13},
    {"'w' must be floats", HONE_UNSUPPORTED, integers, 13},
    {"rank 7 are not supported", HONE_UNSUPPORTED, reshape_rank, 13},
    {"has 3 rows a picture", HONE_UNSUPPORTED, reshape_batch, 13},
    {"would tear the pictures", HONE_UNSUPPORTED, reshape_torn, 13},
    {"no dimension 4 to copy", HONE_INVALID, reshape_copy, 13},
    {"192 elements a picture cannot become 100", HONE_INVALID, reshape_elements, 13},
    {"has 2 rows a picture", HONE_UNSUPPORTED, reshape_double, 13},
    {"dimension 0 depends on the batch size", HONE_UNSUPPORTED, reshape_mixed, 13},
    {"two dimensions of -1", HONE_INVALID, reshape_two, 13},
    {"must be constant integers", HONE_UNSUPPORTED, reshape_computed, 13},
    {"the batch must stay the first axis", HONE_UNSUPPORTED, transpose_batch, 13},
    {"names an axis twice", HONE_INVALID, transpose_twice, 13},
    {"axis 0 would mix the batch", HONE_UNSUPPORTED, flatten_axis, 13},
    {"axis 2 of size 8 cannot go", HONE_INVALID, squeeze_size, 11},
    {"the batch cannot be squeezed", HONE_UNSUPPORTED, squeeze_batch, 11},
    {"rank 7 are not supported", HONE_UNSUPPORTED, unsqueeze_rank, 11},
    {"transA is not supported", HONE_UNSUPPORTED, gemm_trans, 13},
    {"only matrices can be multiplied", HONE_UNSUPPORTED, gemm_rank, 13},
    {"weights for 7 inputs, but there are 192", HONE_INVALID, gemm_sizes, 13},
    {"bias 'b' is not one number an output", HONE_UNSUPPORTED, gemm_bias, 13},
    {"export with model.eval()", HONE_UNSUPPORTED, norm_training, 14},
    {"scale 'p' has 4 elements, not 3", HONE_INVALID, norm_size, 13},
    {"input 3 is missing", HONE_INVALID, norm_missing, 13},
    {"softmax over axis 0 of 4", HONE_UNSUPPORTED, softmax_rows, 13},
    {"axis 0 of rank 4 cannot be summed up", HONE_UNSUPPORTED, mean_batch, 13},
    {"a sum over the batch", HONE_UNSUPPORTED, mean_all, 13},
    {"dilated pooling", HONE_UNSUPPORTED, pool_dilated, 13},
    {"a pad of 2 is not smaller than the kernel", HONE_INVALID, pool_pads, 13},
    {"it has no kernel_shape", HONE_INVALID, pool_kernel, 13},
    {"a window of 9x1 does not fit", HONE_INVALID, pool_large, 13},
    {"ceil_mode with counted pads", HONE_UNSUPPORTED, pool_ceil, 13},
    {"'index' is a second output", HONE_UNSUPPORTED, pool_index, 13},
    {"only constant, reflect and edge", HONE_UNSUPPORTED, pad_reflect, 13},
    {"pads of -1 and 0", HONE_UNSUPPORTED, pad_crop, 13},
    {"each named once", HONE_UNSUPPORTED, einsum_trace, 13},
    {"no product of batches of matrices", HONE_UNSUPPORTED, einsum_outer, 13},
    {"has not the 3 axes of its equation", HONE_INVALID, einsum_rank, 13},
    {"names no result", HONE_UNSUPPORTED, einsum_silent, 13},
    {"2^31 elements or more", HONE_UNSUPPORTED, expand_much, 13},
    {"3 cannot become 5", HONE_INVALID, expand_other, 13},
    {"does not depend on the picture", HONE_INVALID, constant_picture, 13},
    {"mirror an axis of 8", HONE_INVALID, pad_mirror, 13},
    {"too wide", HONE_UNSUPPORTED, pad_wide, 13},
    {"supported on constants only", HONE_UNSUPPORTED, resize_cubic, 13},
    {"nearest, linear and cubic are", HONE_UNSUPPORTED, resize_area, 13},
    {"export with sizes", HONE_UNSUPPORTED, resize_aspect, 18},
    {"2^31 elements or more", HONE_UNSUPPORTED, resize_table, 13},
    {"not with one for each channel", HONE_UNSUPPORTED, quantised_apart, 13},
    {"integers of type 7 are not supported", HONE_UNSUPPORTED, quantised_type, 13},
    {"the file computes in integers; export it with pairs", HONE_UNSUPPORTED, quantised_integers,
     13},
    {"(node 'y'): a branch; export for pictures of one size", HONE_UNSUPPORTED, branch, 13},
    {"'c' must be known at import", HONE_UNSUPPORTED, where_computed, 13},
    {"the batch stays as it is", HONE_UNSUPPORTED, tile_batch, 13},
    {"1 to 1024 are supported", HONE_UNSUPPORTED, tile_often, 13},
    {"2 repeats of rank 4", HONE_INVALID, tile_rank, 13},
    {"must sum over all axes that both have", HONE_UNSUPPORTED, einsum_scale, 13},
    {"must sum over all axes that both have", HONE_UNSUPPORTED, einsum_weights, 13},
    {"weights for 4 inputs, but there are 3", HONE_INVALID, einsum_sizes, 13},
    {"its sum is over the batch", HONE_UNSUPPORTED, einsum_sum_batch, 13},
    {"needs sizes or scales", HONE_INVALID, resize_nothing, 13},
    {"its coordinates are not supported", HONE_UNSUPPORTED, resize_crop, 13},
    {"only height and width can be resized", HONE_UNSUPPORTED, resize_channels, 13},
    {"no whole blocks of 3x3", HONE_INVALID, blocks_torn, 13},
    {"3 channels are no blocks of 2x2", HONE_INVALID, blocks_channels, 13},
    {"3 channels in 2 groups", HONE_INVALID, groups, 18},
    {"its scale has 2 numbers for 3 channels", HONE_INVALID, instance_scale, 13},
    {"only neighbouring axes", HONE_UNSUPPORTED, largest_apart, 13},
    {"a matrix of rank 2 times an activation of rank 3", HONE_UNSUPPORTED, matrix_sizes, 13},
    {"a step of 0", HONE_INVALID, range_step, 13},
    {"place 7 of 2", HONE_INVALID, scatter_far, 13},
    {"a step of 0", HONE_INVALID, slice_step, 13},
    {"node 'a': its input 'b' is not written before it", HONE_INVALID, cycle, 13},
    {"its shape has 536870912 elements, its data 1", HONE_INVALID, claims_2_gib, 13},
    {"2^31 elements or more", HONE_UNSUPPORTED, claims_more, 13},
    {"a dimension of -1", HONE_INVALID, claims_less, 13},
    {"constants take more memory than a sound file needs", HONE_INVALID, claims_zeros, 13},
    {"the batch cannot be padded", HONE_UNSUPPORTED, pad_batch, 13},
    {"2 pads for 4 axes", HONE_INVALID, pad_count, 13},
    {"activations of rank 4 and 2", HONE_UNSUPPORTED, add_ranks, 13},
    {"node 'y' (add)", HONE_INVALID, add_shape, 13},
    {"runs over the batch", HONE_UNSUPPORTED, add_batch, 13},
    {"a division of a constant", HONE_UNSUPPORTED, div_activation, 13},
    {"min 2 is above max 1", HONE_INVALID, clip_range, 13},
    {"axis 0 of rank 4", HONE_UNSUPPORTED, concat_batch, 13},
    {"the batch stays whole", HONE_UNSUPPORTED, gather_picture, 13},
    {"place 7 of 3", HONE_INVALID, gather_scattered, 13},
    {"25 places that do not follow", HONE_UNSUPPORTED, gather_many, 13},
    {"depends on the batch size", HONE_UNSUPPORTED, gather_batch, 13},
    {"on constants only", HONE_UNSUPPORTED, ceil_picture, 13},
    {"its parts do not make up 3", HONE_INVALID, split_short, 13},
    {"cannot be cast to type 7", HONE_UNSUPPORTED, cast_integer, 13},
    {"the output 'y' does not depend on the picture", HONE_INVALID, constant_output, 13},
    {"a division by zero", HONE_INVALID, divide_zero, 13},
    {"has 192 rows a picture", HONE_UNSUPPORTED, rank_one, 13},
    {"metadata 'hone.classes'", HONE_INVALID, meta_json, 13},
    {"entry 0 is no string", HONE_INVALID, meta_classes, 13},
    {"'hone.classes' must be a list of names", HONE_INVALID, meta_no_class, 13},
    {"'mean' must be three numbers", HONE_INVALID, meta_mean, 13},
    {"'std' must be three numbers", HONE_INVALID, meta_std, 13},
};

static void test_messages(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct test_onnx file;
        size_t live = hone_alloc_live_bytes();
        test_onnx_init(&file, cases[i].opset, 8, 8);
        test_onnx_output(&file, "y");
        cases[i].build(&file);
        struct hone_model *model;
        hone_status status = test_onnx_import(&file, NULL, &model);
        if (status != cases[i].status) print_error("\"%s\": ", cases[i].text);
        test_expect_failure(status, cases[i].status, cases[i].text);
        test_expect_failure(status, cases[i].status, "import net.onnx: ");
        assert_null(model);
        test_onnx_free(&file);
        assert_int_equal(hone_alloc_live_bytes(), live);
    }
}

// ---- Sizes and settings
// -------------------------------------------------------------------------------------

static void build_classifier(struct test_onnx *f) {
    test_onnx_init(f, 13, 8, 8);
    W("c.w", "4 3 3 3");
    NODE("Conv", "x c.w", "c");
    W("fc.w", "144 2");
    W("fc.b", "2");
    NODE("Flatten", "c", "f");
    NODE("Gemm", "f fc.w fc.b", "y");
    test_onnx_output(f, "y");
}

static void test_other_size(void **state) {
    (void)state;
    struct test_onnx file;
    build_classifier(&file);
    struct hone_model *model;
    test_expect_failure(
        test_onnx_import(&file, &(hone_model_load_params){.size = 16}, &model), HONE_INVALID,
        "at 16x16, though the file is made for 8x8: node 'y' (Gemm): weights for 144 "
        "inputs, but there are 784");
    test_expect_failure(test_onnx_import(&file, &(hone_model_load_params){.size = 99999}, &model),
                        HONE_INVALID, "a picture size of 99999 is out of range");
    test_expect_failure(
        test_onnx_import(&file, &(hone_model_load_params){.preprocess = "imagnet"}, &model),
        HONE_INVALID, "imagnet");
    test_onnx_free(&file);
}

// ---- Damage
// -------------------------------------------------------------------------------------------------

static void try_import(const uint8_t *data, size_t bytes) {
    struct hone_model *model;
    hone_status status = hone_onnx_import(data, bytes, NULL, "net.onnx", NULL, &model);
    assert_int_equal(status == HONE_OK, model != NULL);
    hone_model_destroy(&model);
}

// Every prefix, and every byte with other bits: no crash, no leak, a status of some kind.
static void test_damage(void **state) {
    (void)state;
    struct test_onnx file;
    build_classifier(&file);
    size_t bytes, live = hone_alloc_live_bytes();
    uint8_t *data = test_onnx_pack(&file, &bytes);
    for (size_t n = 0; n < bytes; n += n < 300 ? 1 : 37) try_import(data, n);
    for (size_t n = 0; n < bytes; n += n < 300 ? 1 : 37) {
        for (int bit = 0; bit < 8; bit++) {
            data[n] ^= (uint8_t)(1 << bit);
            try_import(data, bytes);
            data[n] ^= (uint8_t)(1 << bit);
        }
    }
    hone_free(data);
    assert_int_equal(hone_alloc_live_bytes(), live);
    test_onnx_free(&file);
}

// A list of empty messages unpacks to 60 times its size and more; the budget stops it.
static void test_bomb(void **state) {
    (void)state;
    enum { NODES = 1 << 21 };
    uint8_t *data = hone_calloc(2 * NODES + 16, 1, "a bomb");
    assert_non_null(data);
    size_t length = 2 * (size_t)NODES, at = 0;
    data[at++] = 7 << 3 | 2; // Model.graph
    for (size_t rest = length; rest; rest >>= 7)
        data[at++] = (uint8_t)((rest & 127) | (rest > 127 ? 128 : 0));
    for (size_t i = 0; i < NODES; i++) {
        data[at++] = 1 << 3 | 2; // Graph.node
        data[at++] = 0;
    }
    struct hone_model *model;
    test_expect_failure(hone_onnx_import(data, at, NULL, "net.onnx", NULL, &model), HONE_INVALID,
                        "more memory than a sound file needs");
    hone_free(data);
}

// ---- Memory that runs out
// -----------------------------------------------------------------------------------

static void test_allocations(void **state) {
    (void)state;
    struct test_onnx file;
    build_classifier(&file);
    test_onnx_meta(&file, "hone.classes", "[\"good\",\"bad\"]");
    size_t bytes, live;
    uint8_t *data = test_onnx_pack(&file, &bytes), *written = NULL;
    live = hone_alloc_live_bytes();
    hone_status status = HONE_OUT_OF_MEMORY;
    for (long n = 0; status != HONE_OK; n++) {
        assert_true(n < 10000);
        struct hone_model *model = NULL;
        size_t written_bytes;
        hone_alloc_fail_after(n);
        status = hone_onnx_import(data, bytes, NULL, "net.onnx", NULL, &model);
        if (status == HONE_OK) status = hone_onnx_export_bytes(model, &written, &written_bytes);
        if (status == HONE_OK) status = hone_model_replace_head(model, 5, NULL, 1);
        hone_alloc_fail_after(-1);
        if (status != HONE_OK) test_expect_failure(status, HONE_OUT_OF_MEMORY, "");
        hone_model_destroy(&model);
        hone_free(written);
        written = NULL;
        assert_int_equal(hone_alloc_live_bytes(), live);
    }
    hone_free(data);
    test_onnx_free(&file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages),    cmocka_unit_test(test_other_size),
        cmocka_unit_test(test_damage),      cmocka_unit_test(test_bomb),
        cmocka_unit_test(test_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
