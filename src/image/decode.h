// decode.h: picture files to RGB, 8 bits: JPEG, PNG, BMP, TGA, PGM and PPM.
//
// Grey becomes three equal channels; alpha is dropped, as Pillow's convert("RGB") does; 16 bits
// keep their high byte; PGM and PPM are scaled from their own maximum. A JPEG is turned upright by
// its EXIF orientation. JPEG goes through libjpeg-turbo where the build found it (what Pillow, and
// so PyTorch, read), else through stb_image, which differs by a few grey levels at colour edges.
//
// A broken picture is HONE_INVALID: "part.jpg: the file is cut short". Any thread.
#ifndef HONE_IMAGE_DECODE_H
#define HONE_IMAGE_DECODE_H

#include "image/image.h"

#define HONE_IMAGE_FORMATS "JPEG, PNG, BMP, TGA, PGM or PPM"

// Pixels a picture may have before it is decoded: a header may claim more than the memory holds.
enum { HONE_IMAGE_PIXELS_MAX = 200 * 1000 * 1000 };

// `name` stands in messages and tells a TGA, which has no signature, by its extension.
// `pixels_max` 0: HONE_IMAGE_PIXELS_MAX.
hone_status hone_image_decode(const uint8_t *data, size_t bytes, const char *name,
                              uint64_t pixels_max, struct hone_image *out);
hone_status hone_image_load(const char *path, uint64_t pixels_max, struct hone_image *out);

// Whether the extension is one of a format that hone reads. Nothing is opened.
bool hone_image_extension_known(const char *path);

#endif
