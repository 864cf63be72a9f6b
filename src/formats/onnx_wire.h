// onnx_wire.h: an ONNX file's bytes without the numbers of its large tensors, so that parsing
// copies shapes and names only. Inside formats/.
#ifndef HONE_FORMATS_ONNX_WIRE_H
#define HONE_FORMATS_ONNX_WIRE_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

// raw_data of an initializer: it stays where it lies in the file. data NULL: left in the message.
struct hone_onnx_cut {
    const uint8_t *data;
    size_t bytes;
};

struct hone_onnx_slim {
    uint8_t *data; // the message without them; NULL: nothing was cut, parse the file's own bytes
    size_t bytes;
    struct hone_onnx_cut *cuts; // one for each initializer, in the file's order
    size_t count;
};

// What is no sound message is left to the parser: nothing is cut. HONE_OUT_OF_MEMORY.
hone_status hone_onnx_wire_cut(const uint8_t *data, size_t bytes, struct hone_onnx_slim *out);
void hone_onnx_slim_deinit(struct hone_onnx_slim *slim);

#endif
