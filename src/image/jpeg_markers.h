// jpeg_markers.h: what the markers of a JPEG file say without decoding it. Sources: ITU-T T.81
// annex B (markers), CIPA DC-008 (Exif APP1), TIFF 6.0 section 2 (the directory inside it).
#ifndef HONE_IMAGE_JPEG_MARKERS_H
#define HONE_IMAGE_JPEG_MARKERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hone_jpeg_markers {
    int orientation; // EXIF, 1..8; 1 where the file states none or nonsense
    bool complete;   // the end-of-image marker follows the pixels: the file was not cut short
};

// Reads `bytes` bytes of any content; never outside of them, never fails.
struct hone_jpeg_markers hone_jpeg_markers_read(const uint8_t *data, size_t bytes);

// Whether the file is built of whole segments and no Huffman table has more than its 256 codes. To
// be asked before stb_image decodes it, which (in the versions of today's distributions) writes
// past its tables otherwise.
bool hone_jpeg_tables_sound(const uint8_t *data, size_t bytes);

#endif
