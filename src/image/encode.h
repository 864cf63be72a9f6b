// encode.h: pictures to JPEG and PNG, in memory.
#ifndef HONE_IMAGE_ENCODE_H
#define HONE_IMAGE_ENCODE_H

#include "base/text.h"
#include "image/image.h"

// Appends the file's bytes to `out`, which takes bytes of any value. Any thread.
hone_status hone_image_encode_jpeg(const struct hone_image *image, int quality, // 1..100
                                   struct hone_text *out);
hone_status hone_image_encode_png(const struct hone_image *image, struct hone_text *out);

#endif
