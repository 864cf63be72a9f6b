// onnx_file.h: the ONNX container in memory: parsing within a memory budget, and reading
// attributes.
#ifndef HONE_FORMATS_ONNX_FILE_H
#define HONE_FORMATS_ONNX_FILE_H

#include <stdbool.h>

#include "base/alloc.h"
#include "base/error.h"
#include "formats/onnx.pb-c.h"

// Numbers of TensorProto.DataType that hone knows.
enum hone_onnx_type {
    HONE_ONNX_FLOAT = 1,
    HONE_ONNX_UINT8 = 2,
    HONE_ONNX_INT8 = 3,
    HONE_ONNX_UINT16 = 4,
    HONE_ONNX_INT16 = 5,
    HONE_ONNX_INT32 = 6,
    HONE_ONNX_INT64 = 7,
    HONE_ONNX_BOOL = 9,
    HONE_ONNX_FLOAT16 = 10,
    HONE_ONNX_DOUBLE = 11,
    HONE_ONNX_BFLOAT16 = 16,
};
// AttributeProto.AttributeType, for writing.
enum {
    HONE_ONNX_ATTR_FLOAT = 1,
    HONE_ONNX_ATTR_INT = 2,
    HONE_ONNX_ATTR_TEXT = 3,
    HONE_ONNX_ATTR_TENSOR = 4,
    HONE_ONNX_ATTR_INTS = 7,
};

// Memory that protobuf-c may take: a parsed message is larger than its bytes, a hostile one without
// end.
struct hone_onnx_memory {
    ProtobufCAllocator allocator; // points back at this struct: it must not move
    size_t used, limit;
    const uint8_t *file; // what lies in it is not freed
    size_t file_bytes;
    bool over, failed;
};

struct hone_onnx_file {
    struct hone_onnx_memory memory;
    HoneOnnx__Model *model; // graph is never NULL
    int opset;              // of the default domain
};
// Parses `data`, which must stay until close: the raw_data of large initializers lies in it. Close
// is harmless on a zeroed struct.
hone_status hone_onnx_file_parse(const uint8_t *data, size_t bytes, struct hone_onnx_file *out);
void hone_onnx_file_close(struct hone_onnx_file *file);

// An absent string is "".
const char *hone_onnx_text(const char *text);

// Attributes by name; the fallback where absent.
const HoneOnnx__Attribute *hone_onnx_attr(const HoneOnnx__Node *node, const char *name);
int64_t hone_onnx_attr_int(const HoneOnnx__Node *node, const char *name, int64_t fallback);
float hone_onnx_attr_float(const HoneOnnx__Node *node, const char *name, float fallback);
// True when the string attribute `name` is `text`; an absent attribute is "".
bool hone_onnx_attr_is(const HoneOnnx__Node *node, const char *name, const char *text);
// Exactly `count` numbers, each within least..most, or the fallback in all of them where absent.
hone_status hone_onnx_attr_sizes(const HoneOnnx__Node *node, const char *name, size_t count,
                                 int64_t least, int64_t most, int32_t fallback, int32_t *out);

#endif
