// fuzz_picture: any bytes as a picture file, through every decoder. The first byte chooses the
// extension.
#include <stdlib.h>

#include "image/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    if (!bytes) return 0;
    struct hone_image image;
    hone_status status =
        hone_image_decode(data + 1, bytes - 1, *data & 1 ? "a.tga" : "a.png", 1 << 20, &image);
    if (status == HONE_OK) {
        size_t last = (size_t)image.width * (size_t)image.height * 3 - 1;
        volatile uint8_t touch = image.pixels[last];
        (void)touch;
    } else if (image.pixels) {
        abort();
    }
    hone_image_destroy(&image);
    return 0;
}
