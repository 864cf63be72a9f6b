// resize.h: bilinear resizing with antialiasing, bit-equal to Pillow's Image.resize(size,
// BILINEAR).
#ifndef HONE_IMAGE_RESIZE_H
#define HONE_IMAGE_RESIZE_H

#include "image/image.h"

// A triangle filter whose half width is the scale of the reduction (1 pixel when enlarging), first
// along rows, then along columns, each with 22-bit fixed-point weights and rounding to 8 bits
// between. Any thread; allocates the result, the rows between the passes, and the weights.
hone_status hone_image_resize(const struct hone_image *image, int32_t width, int32_t height,
                              struct hone_image *out);

#endif
