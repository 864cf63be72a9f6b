// fuzz_exif: any bytes as the markers of a JPEG, and, since that needs luck to get far, any bytes
// as the TIFF block of a well-formed APP1.
#include <stdlib.h>
#include <string.h>

#include "image/jpeg_markers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check(const uint8_t *data, size_t bytes) {
    struct hone_jpeg_markers markers = hone_jpeg_markers_read(data, bytes);
    if (markers.orientation < 1 || markers.orientation > 8) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    check(data, bytes);
    if (bytes > 60000) return 0;
    size_t length = bytes + 8;
    uint8_t *jpeg = malloc(length + 4);
    if (!jpeg) return 0;
    const uint8_t head[12] = {
        0xFF, 0xD8, 0xFF, 0xE1, (uint8_t)(length >> 8), (uint8_t)length, 'E', 'x', 'i', 'f', 0, 0};
    memcpy(jpeg, head, sizeof head);
    if (bytes) memcpy(jpeg + sizeof head, data, bytes);
    check(jpeg, length + 4);
    free(jpeg);
    return 0;
}
