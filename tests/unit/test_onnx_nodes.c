// test_onnx_nodes: one node that is wrong, a line each: on constants, which the import works out
// itself, and on the picture. What whole files may have wrong stands in test_onnx_errors.c.
#include "support/support.h"

#include <stdio.h>

#include "support/onnx.h"

// A node of `op`, which must fail with `text`. Its inputs are the picture x and constants of
// build(). `name` is an attribute: of numbers where there is a list, else of one.
struct wrong {
    const char *text;
    hone_status status;
    const char *op, *inputs, *name, *list;
    int64_t value;
};

#define BAD              HONE_INVALID
#define LACK             HONE_UNSUPPORTED
#define NONE             NULL, NULL, 0
#define INT(name, value) name, NULL, value
#define INTS(name, list) name, list, 0

static const struct wrong on_constants[] = {
    {"a constant that is no tensor", LACK, "Constant", "", NONE},
    {"input 1 is missing", BAD, "Gather", "p2", NONE},
    {"too many dimensions", LACK, "ConstantOfShape", "many", NONE},
    {"a dimension of -9", BAD, "ConstantOfShape", "m9", NONE},
    {"a wrong axis", BAD, "Unsqueeze", "p2 i9", NONE},
    {"too many dimensions", LACK, "Unsqueeze", "p2 many", NONE},
    {"axes are not integers", BAD, "Unsqueeze", "p2 f4", NONE},
    {"axis 9 is not of size 1", BAD, "Squeeze", "p2 i9", NONE},
    {"axis 0 is not of size 1", BAD, "Squeeze", "p2 i0", NONE},
    {"two sizes of -1", BAD, "Reshape", "p2 mm", NONE},
    {"2 elements cannot become 3", BAD, "Reshape", "p2 i3", NONE},
    {"too many dimensions", LACK, "Reshape", "p2 many", NONE},
    {"axis 3 of rank 1", BAD, "Gather", "p2 i0", INT("axis", 3)},
    {"its places must be integers", LACK, "Gather", "p2 f4", NONE},
    {"place 9 of 2", BAD, "Gather", "p2 i9", NONE},
    {"place 9 of 2", BAD, "Gather", "hollow i9", INT("axis", 1)},
    {"its lists differ in length", BAD, "Slice", "p3 i0 p2", NONE},
    {"a wrong axis", BAD, "Slice", "p3 i0 i1 i9", NONE},
    {"a step of 0", BAD, "Slice", "p3 i0 i1 i0 i0", NONE},
    {"its constants differ in type or shape", BAD, "Concat", "p2 f2", INT("axis", 0)},
    {"a range of no single numbers", LACK, "Range", "p2 i1 i1", NONE},
    {"only plain writes of constants", LACK, "ScatterND", "p2 f2 p2", NONE},
    {"3 updates for 1 places", BAD, "ScatterND", "p2 i0 p3", NONE},
    {"2 repeats of rank 2", BAD, "Tile", "f23 f2", NONE},
    {"-9 repeats", BAD, "Tile", "p2 m9", NONE},
    {"its inputs differ in type", BAD, "Where", "p2 p2 f2", NONE},
    {"its shape is no list of a few integers", LACK, "Expand", "p2 many", NONE},
    {"perm names an axis twice", BAD, "Transpose", "f23", INTS("perm", "0 0")},
    {"a cast to type 3", LACK, "Cast", "p2", INT("to", 3)},
    {"a cast of 1e+30", BAD, "Cast", "huge", INT("to", HONE_ONNX_INT64)},
    {"its inputs differ in type", BAD, "Add", "p2 f2", NONE},
    {"more than two constants", LACK, "Max", "p2 p2 p2", NONE},
    {"a division by zero", BAD, "Mod", "p2 i0", NONE},
    {"is too large", BAD, "Pow", "i9 i99", NONE},
    {"shapes do not fit: 2 and 3", BAD, "Mul", "p2 p3", NONE},
    {"its bounds are lists", BAD, "Clip", "f4 f2", NONE},
    {"a norm of constants that is not plain", LACK, "BatchNormalization", "f23 f4 f4 f4 f4", NONE},
    {"of no floats", LACK, "ReduceMean", "p2", NONE},
    {"a wrong axis", BAD, "ReduceSum", "p2 i9", NONE},
    {"a wrong axis", BAD, "CumSum", "p2 i9", NONE},
    {"only plain sums of constants", LACK, "CumSum", "p2 i0", INT("reverse", 1)},
    {"it needs floats, and sizes or scales", BAD, "Resize", "f23", NONE},
    {"1 sizes of rank 2", BAD, "Resize", "f23 - one", NONE},
    {"a wrong axis", BAD, "Resize", "f23 - one", INTS("axes", "9")},
    {"too many sizes", BAD, "Resize", "f23 - - many", NONE},
    {"from 2 places to -1", BAD, "Resize", "f23 - - mm", NONE},
    {"it is of no integers", BAD, "DequantizeLinear", "f4 one", NONE},
    {"it is of no floats", BAD, "QuantizeLinear", "p2 one", NONE},
    {"only one scale, or one along an axis", LACK, "DequantizeLinear", "p2 i1", NONE},
    {"axis 1 of rank 1", BAD, "DequantizeLinear", "p2 p2", NONE},
};

static const struct wrong on_picture[] = {
    {"axis 9 of rank 4: the batch stays whole", LACK, "Gather", "x i0", INT("axis", 9)},
    {"a constant beside pictures", LACK, "Concat", "x f4", INT("axis", 1)},
    {"axis 9 of rank 4", LACK, "Concat", "x x", INT("axis", 9)},
    {"its lists differ in length", BAD, "Slice", "x i0 p2", NONE},
    {"axis 9 of rank 4", BAD, "Slice", "x i0 i1 i9", NONE},
    {"an empty slice of axis 1", BAD, "Slice", "x i1 i1 i1", NONE},
    {"a slice of the batch, which stays whole", LACK, "Slice", "x i1 i9 i0", NONE},
    {"starts must be integers", BAD, "Slice", "x f4 f4", NONE},
    {"starts are too many", LACK, "Slice", "x more more", NONE},
    {"2 sizes for 1 parts", LACK, "Split", "x p2", INT("axis", 1)},
    {"axis 9 of rank 4 has no largest", LACK, "ReduceMax", "x", INTS("axes", "9")},
    {"a wrong axis", BAD, "Pad", "x p2 - i9", NONE},
    {"axis 9 of Squeeze is wrong", BAD, "Squeeze", "x i9", NONE},
    {"axis 9 of Unsqueeze is wrong", BAD, "Unsqueeze", "x i9", NONE},
    {"a block of 0", BAD, "DepthToSpace", "x", NONE},
    {"from 8 pixels to -1", BAD, "Resize", "x - - sides", NONE},
    {"must be one float", BAD, "Clip", "x f4", NONE},
    {"it chooses no floats", BAD, "Where", "i1 x i9", NONE},
    {"scale 'p3' must be floats", BAD, "BatchNormalization", "x p3 p3 p3 p3", NONE},
    {"spatial = 0 is not supported", LACK, "BatchNormalization", "x f4 f4 f4 f4",
     INT("spatial", 0)},
    {"only one exponent for all is supported", LACK, "Pow", "x f4", NONE},
    {"3 inputs; two are supported", LACK, "Max", "x one one", NONE},
    {"only with one number is it supported", LACK, "Min", "x f4", NONE},
    {"its slope must be one number or one a channel", LACK, "PRelu", "x f4", NONE},
    {"a constant of rank 5 on rank 4", LACK, "Mul", "x f5", NONE},
    {"its shape 'f4' must be constant, of 4 dimensions", LACK, "Expand", "x f4", NONE},
    {"only a norm over the last axis", LACK, "LayerNormalization", "x f4", INT("axis", 1)},
    {"'f4' must be 8 constant floats", BAD, "LayerNormalization", "x f4", NONE},
    {"its places must be a list of integers", LACK, "Gather", "x f4", INT("axis", 1)},
    {"place 9 of 3", BAD, "Gather", "x i9", INT("axis", 1)},
    {"place 9223372036854775807 of 3", BAD, "Gather", "x ends", INT("axis", 1)},
    {"place -9 of 3", BAD, "Gather", "x m9", INT("axis", 1)},
    {"a dimension of -9", BAD, "Reshape", "x m9", NONE},
    {"its sizes 'f23' must be constant, of height and width", LACK, "Resize", "x - f23", NONE},
};

// A node on constants is "n" and gives the shape of the output, so that it is looked at.
static void build(struct test_onnx *f, const struct wrong *node, bool constants) {
    static const char *const lists[][2] = {
        {"i0", "0"},
        {"i1", "1"},
        {"i3", "3"},
        {"i9", "9"},
        {"i99", "99"},
        {"m9", "-9"},
        {"mm", "-1 -1"},
        {"p2", "2 3"},
        {"p3", "4 5 6"},
        {"ends", "9223372036854775807 -9223372036854775808"},
        {"sides", "1 3 -1 -1"},
        {"many", "1 1 1 1 1 1 1 1 1"},
        {"more", "1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"},
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        test_onnx_list(f, lists[i][0], lists[i][1]);
    test_onnx_weight(f, "f2", "2");
    test_onnx_weight(f, "f4", "4");
    test_onnx_weight(f, "f23", "2 3");
    test_onnx_weight(f, "f5", "2 1 1 1 1");
    test_onnx_weight(f, "hollow", "1000000000 2 0");
    test_onnx_floats(f, "one", "1", (const float[]){1});
    test_onnx_floats(f, "huge", "1", (const float[]){1e30f});
    test_onnx_node(f, node->op, node->inputs, constants ? "n" : "y");
    if (node->list)
        test_onnx_ints(f, node->name, node->list);
    else if (node->name)
        test_onnx_int(f, node->name, node->value);
    if (constants) test_onnx_node(f, "Reshape", "x n", "y");
    test_onnx_output(f, "y");
}

static void expect_failures(const struct wrong *nodes, size_t count, bool constants) {
    for (size_t i = 0; i < count; i++) {
        const struct wrong *node = &nodes[i];
        struct test_onnx file;
        struct hone_model *model;
        char where[64];
        size_t live = hone_alloc_live_bytes();
        test_onnx_init(&file, 13, 8, 8);
        build(&file, node, constants);
        hone_status status = test_onnx_import(&file, NULL, &model);
        if (status != node->status) print_error("%s(%s): ", node->op, node->inputs);
        snprintf(where, sizeof where, "node '%s' (%s)", constants ? "n" : "y", node->op);
        test_expect_failure(status, node->status, node->text);
        test_expect_failure(status, node->status, where);
        assert_null(model);
        test_onnx_free(&file);
        assert_int_equal(hone_alloc_live_bytes(), live);
    }
}

static void test_on_constants(void **state) {
    (void)state;
    expect_failures(on_constants, sizeof on_constants / sizeof *on_constants, true);
}

static void test_on_the_picture(void **state) {
    (void)state;
    expect_failures(on_picture, sizeof on_picture / sizeof *on_picture, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_on_constants),
        cmocka_unit_test(test_on_the_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
