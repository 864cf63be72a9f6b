// jpeg_markers.c: see jpeg_markers.h. Each read is checked against the end of its own block.
#include "image/jpeg_markers.h"

#include <string.h>

enum {
    MARKER_DHT = 0xC4,
    MARKER_RST0 = 0xD0,
    MARKER_SOI = 0xD8,
    MARKER_EOI = 0xD9,
    MARKER_SOS = 0xDA,
    MARKER_APP1 = 0xE1,
    TAG_ORIENTATION = 0x0112,
    TYPE_SHORT = 3,
};

// A TIFF block: numbers in the byte order that its first two letters give.
struct hone_tiff {
    const uint8_t *data;
    size_t bytes;
    bool little;
};

// `count` bytes at `at` as a number; 0 when they lie outside.
static uint32_t hone_tiff_number(const struct hone_tiff *tiff, size_t at, size_t count) {
    if (at > tiff->bytes || tiff->bytes - at < count) return 0;
    uint32_t value = 0;
    for (size_t i = 0; i < count; i++)
        value |= (uint32_t)tiff->data[at + i] << 8 * (tiff->little ? i : count - 1 - i);
    return value;
}

static int hone_tiff_orientation(const uint8_t *data, size_t bytes) {
    struct hone_tiff tiff = {.data = data, .bytes = bytes};
    if (bytes < 8) return 1;
    if (data[0] == 'I' && data[1] == 'I')
        tiff.little = true;
    else if (data[0] != 'M' || data[1] != 'M')
        return 1;
    if (hone_tiff_number(&tiff, 2, 2) != 42) return 1;
    size_t directory = hone_tiff_number(&tiff, 4, 4);
    uint32_t count = hone_tiff_number(&tiff, directory, 2);
    for (uint32_t i = 0; i < count; i++) {
        size_t entry = directory + 2 + (size_t)i * 12;
        if (entry >= bytes) break;
        if (hone_tiff_number(&tiff, entry, 2) != TAG_ORIENTATION) continue;
        uint32_t value = hone_tiff_number(&tiff, entry + 8, 2);
        bool sane = hone_tiff_number(&tiff, entry + 2, 2) == TYPE_SHORT && value >= 1 && value <= 8;
        return sane ? (int)value : 1;
    }
    return 1;
}

static bool hone_jpeg_has_end(const uint8_t *data, size_t bytes) {
    while (bytes >= 2) {
        const uint8_t *mark = memchr(data, 0xFF, bytes - 1);
        if (!mark) return false;
        if (mark[1] == MARKER_EOI) return true;
        bytes -= (size_t)(mark + 1 - data);
        data = mark + 1;
    }
    return false;
}

struct hone_jpeg_markers hone_jpeg_markers_read(const uint8_t *data, size_t bytes) {
    struct hone_jpeg_markers out = {.orientation = 1};
    if (bytes < 2 || data[0] != 0xFF || data[1] != MARKER_SOI) return out;
    bool found = false;
    for (size_t at = 2; at + 4 <= bytes;) {
        if (data[at] != 0xFF) break; // not a marker: damaged; the decoder will say so
        if (data[at + 1] == 0xFF) {  // fill byte
            at++;
            continue;
        }
        int marker = data[at + 1];
        size_t length = (size_t)data[at + 2] << 8 | data[at + 3];
        if (length < 2 || bytes - at - 2 < length) break;
        const uint8_t *body = data + at + 4;
        if (marker == MARKER_APP1 && !found && length >= 8 && memcmp(body, "Exif\0\0", 6) == 0) {
            out.orientation = hone_tiff_orientation(body + 6, length - 8);
            found = true;
        }
        at += 2 + length;
        if (marker != MARKER_SOS) continue;
        // Within the pixels an 0xFF byte is followed by 0, so the end marker cannot be part of
        // them.
        out.complete = hone_jpeg_has_end(data + at, bytes - at);
        break;
    }
    return out;
}

// One DHT segment: tables of a class byte, 16 counts and as many symbols.
static bool hone_jpeg_huffman_sound(const uint8_t *data, size_t bytes) {
    while (bytes) {
        if (bytes < 17) return false;
        size_t codes = 0;
        for (int i = 1; i <= 16; i++) codes += data[i];
        if (codes > 256 || bytes - 17 < codes) return false;
        data += 17 + codes;
        bytes -= 17 + codes;
    }
    return true;
}

// Past the pixels of a scan, to the next 0xFF of a marker; restart markers belong to the pixels.
static size_t hone_jpeg_skip_scan(const uint8_t *data, size_t bytes, size_t at) {
    for (; at + 1 < bytes; at++) {
        int next = data[at + 1];
        if (data[at] == 0xFF && next != 0 && next != 0xFF &&
            (next < MARKER_RST0 || next >= MARKER_SOI))
            return at;
    }
    return bytes;
}

bool hone_jpeg_tables_sound(const uint8_t *data, size_t bytes) {
    if (bytes < 2 || data[0] != 0xFF || data[1] != MARKER_SOI) return false;
    for (size_t at = 2; at + 4 <= bytes;) {
        if (data[at] != 0xFF) return false;
        int marker = data[at + 1];
        if (marker == 0xFF) { // fill byte
            at++;
            continue;
        }
        if (marker == MARKER_EOI) return true;
        size_t length = (size_t)data[at + 2] << 8 | data[at + 3];
        if (length < 2 || bytes - at - 2 < length) return false;
        if (marker == MARKER_DHT && !hone_jpeg_huffman_sound(data + at + 4, length - 2))
            return false;
        at += 2 + length;
        if (marker == MARKER_SOS) at = hone_jpeg_skip_scan(data, bytes, at);
    }
    return true;
}
