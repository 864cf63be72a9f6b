// codec.h: the decoders behind decode.c. Each returns HONE_INVALID with the bare reason as message
// ("bad huffman code"); decode.c puts the file's name in front.
#ifndef HONE_IMAGE_CODEC_H
#define HONE_IMAGE_CODEC_H

#include "image/image.h"

// "5000x4000 pixels are more than the limit of N" where that is so.
hone_status hone_image_check_size(int64_t width, int64_t height, uint64_t pixels_max);

// JPEG, PNG, BMP, TGA.
hone_status hone_codec_stb(const uint8_t *data, size_t bytes, uint64_t pixels_max,
                           struct hone_image *out);
// HONE_UNSUPPORTED where the build has no libjpeg and for colour spaces that it leaves to stb
// (CMYK).
hone_status hone_codec_libjpeg(const uint8_t *data, size_t bytes, uint64_t pixels_max,
                               struct hone_image *out);
// PGM and PPM, binary and plain, 1 to 16 bits.
hone_status hone_codec_pnm(const uint8_t *data, size_t bytes, uint64_t pixels_max,
                           struct hone_image *out);

#endif
