// test_onnx_chains: what a node may not do behind others, a line each: the nodes, and what the user
// reads. One node that is wrong by itself stands in test_onnx_nodes.c, files that are wrong as a
// whole in test_onnx_errors.c.
#include "support/support.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "support/onnx.h"

// Nodes "OP input... > output attribute=value...", separated by ";", on the picture x (N,3,8,8).
// Inputs in brackets are constants: [0,3,64] whole numbers, {4,3,3} floats of that shape, <1,1.3>
// these floats. Attributes: 1 is a number, 1,2 and 1, are lists, all else is text.
struct chain {
    const char *says;
    hone_status status;
    const char *nodes;
};

#define BAD  HONE_INVALID
#define LACK HONE_UNSUPPORTED
// The batch, as a list of one; of two, behind a 2; half and twice of it.
#define N     "Shape x > s; Gather s [0] > n; "
#define TWO_N N "Concat [2] n > sizes axis=0; "
#define TWICE N "Mul n [2] > m; "
// (N,3,64), which is not a picture; (8,8,N,3), whose batch is inside; (N,192)
#define LINES "Reshape x [0,3,64] > r; "
#define DEEP  "Transpose x > t perm=2,3,0,1; "
#define FLAT  "Flatten x > f; "
// (3 N,64): rows of a channel of all pictures, then of the next
#define JOINED "Transpose x > t perm=1,0,2,3; Reshape t [-1,64] > j; "

static const struct chain chains[] = {
    // shapes that would be others at another batch
    {"its repeats depend on the batch size", LACK, TWICE "Tile [7] m > c; Reshape x c > y"},
    {"its shape depends on the batch size", LACK, TWICE "Expand [7] m > c; Reshape x c > y"},
    {"axes depend on the batch size", LACK, N "Unsqueeze [7] n > c; Reshape x c > y"},
    {"it depends on the batch size", LACK, "Shape x > s; ReduceSum s > c; Reshape x c > y"},
    {"its sizes depend on the batch size", LACK,
     TWO_N "Resize {2,3} - - sizes > c; Reshape x c > y"},
    {"its sizes 'sizes' depend on the batch size", LACK, TWO_N "Resize x - - sizes > y"},
    {"'sizes' must be constant, of height and width", LACK,
     "Relu x > sizes; Resize x - - sizes > y"},
    {"its shape 's' must be constant, of 4 dimensions", LACK, "Relu x > s; Expand x s > y"},
    // the batch elsewhere than in front
    {"in its input 't' it is not", LACK, DEEP "GlobalMaxPool t > y"},
    {"in its input 't' it is not", LACK, DEEP "Conv t {4,8,3,3} > y"},
    {"in its input 'j' it is not", LACK, JOINED "Tile j [1,2] > y"},
    {"in its input 'j' it is not", LACK, JOINED "Einsum j {64,5} > y equation=nd,dk->nk"},
    {"the batch is the last axis of its input 't'", LACK,
     "Transpose x > t perm=1,2,3,0; MatMul t {3,5} > y"},
    {"a matrix cannot be multiplied with the batch", LACK, DEEP "MatMul t t > y"},
    {"a matrix cannot be multiplied with the batch", LACK, DEEP "MatMul {5,1} t > y"},
    {"ranks 2 and 2: only batches of matrices", LACK, FLAT "MatMul f f > y"},
    {"'j' and 'f' differ in their rows a picture", LACK,
     "Reshape x [-1,64] > j; Reshape x [0,192] > f; Add j f > y"},
    // what is no picture
    {"batch norm of rank 3 is not supported", LACK,
     LINES "BatchNormalization r {3} {3} {3} {3} > y"},
    {"only 2-D pooling is supported", LACK, LINES "GlobalAveragePool r > y"},
    {"only pictures are supported, not rank 2", LACK, FLAT "DepthToSpace f > y blocksize=2"},
    {"auto_pad of a 1-D convolution; use explicit pads", LACK,
     LINES "Conv r {4,3,3} > y auto_pad=SAME_UPPER"},
    {"the output 'y' has rank 3; hone wants (N,classes)", LACK, LINES "Relu r > y"},
    {"steps along tensors of rank 6", LACK,
     "Reshape x [0,3,2,4,2,4] > r; Slice r [0] [9] [3] [2] > y"},
    {"its inputs differ in rank", BAD, FLAT "Concat x f > y axis=1"},
    {"constant '{2,192}' does not fit the others", LACK, FLAT "Concat f {2,192} > y axis=1"},
    // numbers and equations
    {"'{192}' has not the 2 axes of its equation", BAD,
     FLAT "Einsum f {192} > y equation=nd,dk->nk"},
    {"'x' has not the 2 axes of its equation", BAD, "Einsum x {8,5} > y equation=nd,dk->nk"},
    {"only two operands and an equation", LACK, FLAT "Einsum f > y equation=nd->nd"},
    {"the kernel is too large", LACK, "Conv x {1,3,4097,1} > y"},
    {"tensor '{1,1,1,1,1,1,1,1,1}': 9 dimensions are too many", LACK,
     "Mul x {1,1,1,1,1,1,1,1,1} > y"},
    {"8 pixels times 1.3 are no whole number", LACK,
     "Resize x - <1,1,1.3,1.3> > y coordinate_transformation_mode=half_pixel_symmetric"},
    {"its zero point is computed, so that its type is unknown", LACK,
     "Sub [4] [4] > z; QuantizeLinear x <0.5> z > y"},
    {"1.15292e+18 is too large", BAD, "Abs [1152921504606846976] > n; Reshape x n > y"},
    {"is too large", BAD, "ReduceProd [3037000500,3037000500] > n; Reshape x n > y"},
};

// A constant of that name, once. The name is its value.
static void add_constant(struct test_onnx *f, const char *name) {
    char list[80];
    for (size_t i = 0; i < f->graph.n_initializer; i++)
        if (strcmp(f->graph.initializer[i]->name, name) == 0) return;
    assert_true(strlen(name) < sizeof list);
    strcpy(list, name + 1);
    for (char *c = list; *c; c++)
        if (!isdigit((unsigned char)*c) && *c != '-' && *c != '.') *c = ' ';
    if (*name == '[') test_onnx_list(f, name, list);
    if (*name == '{') test_onnx_weight(f, name, list);
    if (*name != '<') return;
    float data[8];
    char dims[8];
    int count = 0, used = 0;
    for (const char *at = list; sscanf(at, "%f%n", &data[count], &used) == 1; at += used) count++;
    snprintf(dims, sizeof dims, "%d", count);
    test_onnx_floats(f, name, dims, data);
}

static void add_attribute(struct test_onnx *f, char *text) {
    char *value = strchr(text, '='), list[40];
    *value++ = '\0';
    bool number = isdigit((unsigned char)*value) || *value == '-';
    if (!number) {
        test_onnx_text(f, text, value);
    } else if (!strchr(value, ',')) {
        int whole;
        assert_int_equal(sscanf(value, "%d", &whole), 1);
        test_onnx_int(f, text, whole);
    } else {
        assert_true(strlen(value) < sizeof list);
        strcpy(list, value);
        for (char *c = list; *c; c++)
            if (*c == ',') *c = ' ';
        test_onnx_ints(f, text, list);
    }
}

static void add_node(struct test_onnx *f, char *text) {
    char *arrow = strstr(text, " >"), op[40], inputs[200] = "", output[40] = "", *at = arrow + 2;
    int used = 0;
    assert_non_null(arrow);
    *arrow = '\0';
    assert_int_equal(sscanf(text, "%39s%n", op, &used), 1);
    strcpy(inputs, text + used);
    for (char word[80], *from = inputs; sscanf(from, "%79s%n", word, &used) == 1; from += used)
        if (strchr("[{<", *word)) add_constant(f, word);
    if (sscanf(at, "%39s%n", output, &used) == 1) at += used;
    test_onnx_node(f, op, inputs, output);
    if (!*output) f->last->n_output = 0;
    for (char word[80]; sscanf(at, "%79s%n", word, &used) == 1; at += used) add_attribute(f, word);
}

static void test_chains(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof chains / sizeof *chains; i++) {
        const struct chain *chain = &chains[i];
        struct test_onnx file;
        struct hone_model *model;
        char text[400];
        size_t live = hone_alloc_live_bytes();
        assert_true(strlen(chain->nodes) < sizeof text);
        strcpy(text, chain->nodes);
        test_onnx_init(&file, 13, 8, 8);
        for (char *node = text; node;) {
            char *end = strchr(node, ';');
            if (end) *end++ = '\0';
            add_node(&file, node);
            node = end;
        }
        test_onnx_output(&file, "y");
        hone_status status = test_onnx_import(&file, NULL, &model);
        if (status != chain->status) print_error("%s: ", chain->nodes);
        test_expect_failure(status, chain->status, chain->says);
        test_expect_failure(status, chain->status, "import net.onnx: ");
        assert_null(model);
        test_onnx_free(&file);
        assert_int_equal(hone_alloc_live_bytes(), live);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
