// image.h: a picture in memory: 8 bits, RGB, rows from the top, no padding. Every file becomes
// this.
#ifndef HONE_IMAGE_IMAGE_H
#define HONE_IMAGE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct hone_image {
    int32_t width, height;
    uint8_t *pixels; // (H,W,3); hone_free
};

// Memory for a picture of this size, zeroed.
hone_status hone_image_create(int32_t width, int32_t height, struct hone_image *out);
void hone_image_destroy(struct hone_image *image); // a zeroed one is fine; zeroes it

// Turns and mirrors in place of `image` so that a picture stored with this EXIF orientation (1..8,
// TIFF 6.0 tag 274) stands upright. Other values change nothing.
hone_status hone_image_orient(struct hone_image *image, int orientation);

#endif
