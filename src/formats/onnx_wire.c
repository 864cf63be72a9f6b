// onnx_wire.c: see onnx_wire.h. Walks the wire format of protocol buffers (protobuf.dev,
// "Encoding") down the one path model, graph, initializer: a first walk measures what is left, a
// second writes it.
#include "formats/onnx_wire.h"

#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"

enum { CUT_LEAST = 1024 }; // bytes of numbers below which a copy costs nothing
enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };
enum level { MODEL, GRAPH, TENSOR };
// The field that leads further down (formats/onnx.proto): graph, initializer, raw_data.
static const uint32_t way[] = {[MODEL] = 7, [GRAPH] = 5, [TENSOR] = 9};

struct span {
    const uint8_t *at, *end;
};

static bool read_varint(struct span *from, uint64_t *out) {
    *out = 0;
    for (int shift = 0; shift < 64 && from->at < from->end; shift += 7) {
        uint8_t byte = *from->at++;
        *out |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) return true;
    }
    return false;
}

// One field: `body` is what stands in it, where it is a string of bytes. False: no sound message.
static bool read_field(struct span *from, uint64_t *tag, struct span *body) {
    uint64_t length = 0;
    if (!read_varint(from, tag)) return false;
    int type = (int)(*tag & 7);
    if (type == WIRE_VARINT && !read_varint(from, &length)) return false;
    length = type == WIRE_64 ? 8 : type == WIRE_32 ? 4 : length;
    if (type == WIRE_BYTES && !read_varint(from, &length)) return false;
    if (type == WIRE_VARINT) length = 0;
    if (type == 3 || type == 4 || type > 5 || length > (uint64_t)(from->end - from->at))
        return false;
    *body = (struct span){from->at, from->at + length};
    from->at += length;
    return true;
}

static bool leads_down(uint64_t tag, enum level level) {
    return (tag & 7) == WIRE_BYTES && tag >> 3 == way[level];
}

static size_t varint_bytes(uint64_t value) {
    size_t bytes = 1;
    for (; value > 127; value >>= 7) bytes++;
    return bytes;
}

static uint8_t *put_varint(uint8_t *to, uint64_t value) {
    for (; value > 127; value >>= 7) *to++ = (uint8_t)(value | 128);
    *to++ = (uint8_t)value;
    return to;
}

// The numbers of a tensor, if they are cut: more than a few, in one piece.
static bool find_cut(struct span tensor, struct hone_onnx_cut *out) {
    uint64_t tag;
    struct span body;
    int pieces = 0;
    *out = (struct hone_onnx_cut){0};
    while (tensor.at < tensor.end) {
        if (!read_field(&tensor, &tag, &body)) return false;
        if (!leads_down(tag, TENSOR)) continue;
        pieces++;
        *out = (struct hone_onnx_cut){body.at, (size_t)(body.end - body.at)};
    }
    if (pieces != 1 || out->bytes < CUT_LEAST) *out = (struct hone_onnx_cut){0};
    return true;
}

// Bytes of the message that are left, and the initializers in it.
static bool measure(struct span message, enum level level, size_t *left, size_t *count) {
    uint64_t tag;
    struct span body;
    struct hone_onnx_cut cut;
    size_t inner;
    *left = 0;
    if (level == TENSOR && !find_cut(message, &cut)) return false;
    while (message.at < message.end) {
        const uint8_t *start = message.at;
        if (!read_field(&message, &tag, &body)) return false;
        if (!leads_down(tag, level)) {
            *left += (size_t)(message.at - start);
        } else if (level == TENSOR) {
            if (!cut.data) *left += (size_t)(message.at - start);
        } else {
            if (level == GRAPH) ++*count;
            if (!measure(body, level + 1, &inner, count)) return false;
            *left += varint_bytes(tag) + varint_bytes(inner) + inner;
        }
    }
    return true;
}

// Writes what measure() counted; the message is sound.
static uint8_t *write_left(struct span message, enum level level, uint8_t *to,
                           struct hone_onnx_slim *slim) {
    uint64_t tag;
    struct span body;
    struct hone_onnx_cut cut = {0};
    size_t inner, ignored = 0;
    if (level == TENSOR) {
        find_cut(message, &cut);
        slim->cuts[slim->count++] = cut;
    }
    while (message.at < message.end) {
        const uint8_t *start = message.at;
        if (!read_field(&message, &tag, &body)) break;
        bool down = leads_down(tag, level);
        if (down && level != TENSOR) {
            measure(body, level + 1, &inner, &ignored);
            to = put_varint(put_varint(to, tag), inner);
            to = write_left(body, level + 1, to, slim);
        } else if (!down || !cut.data) {
            memcpy(to, start, (size_t)(message.at - start));
            to += message.at - start;
        }
    }
    return to;
}

hone_status hone_onnx_wire_cut(const uint8_t *data, size_t bytes, struct hone_onnx_slim *out) {
    struct span all = {data, data + bytes};
    size_t left, count = 0;
    *out = (struct hone_onnx_slim){0};
    if (!measure(all, MODEL, &left, &count) || left == bytes) return HONE_OK;
    out->data = hone_realloc(NULL, left ? left : 1, 1, "an ONNX file");
    out->cuts = hone_calloc(count, sizeof *out->cuts, "an ONNX file");
    if (!out->data || !out->cuts) {
        hone_onnx_slim_deinit(out);
        return HONE_OUT_OF_MEMORY;
    }
    out->bytes = (size_t)(write_left(all, MODEL, out->data, out) - out->data);
    return HONE_OK;
}

void hone_onnx_slim_deinit(struct hone_onnx_slim *slim) {
    hone_free(slim->data);
    hone_free(slim->cuts);
    *slim = (struct hone_onnx_slim){0};
}
