// onnx.h: tiny ONNX files made in a test, and comparing models.
#ifndef HONE_TESTS_ONNX_H
#define HONE_TESTS_ONNX_H

#include "formats/onnx.h"
#include "formats/onnx_file.h"

// A file under construction: nodes "Op(inputs)->output" with attributes, initializers filled with a
// fixed pattern. Everything lives until test_onnx_free().
struct test_onnx {
    struct hone_arena arena;
    HoneOnnx__Model model;
    HoneOnnx__Graph graph;
    HoneOnnx__Node *last; // the node that attributes go to
};
// One input "x" (N,3,h,w), 0: open; opset of the default domain.
void test_onnx_init(struct test_onnx *file, int opset, int64_t h, int64_t w);
void test_onnx_free(struct test_onnx *file);

// Appends a node named after its output; inputs are separated by blanks, "-" is an absent one.
void test_onnx_node(struct test_onnx *file, const char *op, const char *inputs, const char *output);
void test_onnx_int(struct test_onnx *file, const char *name, int64_t value);
void test_onnx_float(struct test_onnx *file, const char *name, float value);
void test_onnx_text(struct test_onnx *file, const char *name, const char *value);
// `list`: whole numbers, separated by blanks
void test_onnx_ints(struct test_onnx *file, const char *name, const char *list);
void test_onnx_attr_tensor(struct test_onnx *file, const char *name, const char *dims,
                           const float *data);

// Initializers: floats of a fixed pattern in (-1/2, 1/2), given floats, or whole numbers. `dims` is
// a list. The tensor is returned for tests that bend it.
HoneOnnx__Tensor *test_onnx_weight(struct test_onnx *file, const char *name, const char *dims);
HoneOnnx__Tensor *test_onnx_floats(struct test_onnx *file, const char *name, const char *dims,
                                   const float *data);
HoneOnnx__Tensor *test_onnx_list(struct test_onnx *file, const char *name, const char *list);
void test_onnx_output(struct test_onnx *file, const char *name);
void test_onnx_meta(struct test_onnx *file, const char *key, const char *value);

// The bytes of the file (hone_free).
uint8_t *test_onnx_pack(struct test_onnx *file, size_t *bytes);
// Packs and imports as "net.onnx", with open external data beside `folder` (NULL: none).
hone_status test_onnx_import(struct test_onnx *file, const hone_model_load_params *params,
                             struct hone_model **out);

// Fails unless both have the same operators, attributes, shapes and parameters, bit for bit.
void test_models_equal(const struct hone_model *a, const struct hone_model *b);
// Exports and imports again; fails unless the result equals `model`.
void test_model_round_trip(const struct hone_model *model);

#endif
