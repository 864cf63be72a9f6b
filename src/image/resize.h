// resize.h: bilinear and bicubic resizing with antialiasing, bit-equal to Pillow's
// Image.resize(size, BILINEAR or BICUBIC).
#ifndef HONE_IMAGE_RESIZE_H
#define HONE_IMAGE_RESIZE_H

#include "image/image.h"

// bilinear: a triangle of half width 1; bicubic: Keys' cubic with a = -0.5, of half width 2; of
// pixels of the larger grid.
enum hone_filter { HONE_FILTER_BILINEAR, HONE_FILTER_BICUBIC, HONE_FILTERS };

// The filter is stretched by the scale of a reduction; first along rows, then along columns, each
// with 22-bit fixed-point weights and rounding to 8 bits between. Any thread; allocates the result,
// the rows between the passes, and the weights.
hone_status hone_image_resize(const struct hone_image *image, int32_t width, int32_t height,
                              enum hone_filter filter, struct hone_image *out);

#endif
