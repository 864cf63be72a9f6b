// image.c: making pictures, and standing them upright.
#include "image/image.h"

#include <string.h>

#include "base/alloc.h"

hone_status hone_image_create(int32_t width, int32_t height, struct hone_image *out) {
    *out = (struct hone_image){0};
    if (width < 1 || height < 1)
        return hone_fail(HONE_INVALID, "a picture of %dx%d pixels cannot be made", (int)width,
                         (int)height);
    uint8_t *pixels = hone_calloc((size_t)width * (size_t)height, 3, "a picture");
    if (!pixels) return HONE_OUT_OF_MEMORY;
    *out = (struct hone_image){.width = width, .height = height, .pixels = pixels};
    return HONE_OK;
}

void hone_image_destroy(struct hone_image *image) {
    hone_free(image->pixels);
    *image = (struct hone_image){0};
}

hone_status hone_image_orient(struct hone_image *image, int orientation) {
    if (orientation < 2 || orientation > 8) return HONE_OK;
    // Where the upright pixel (x, y) lies in the stored picture: axes swapped or not, then each
    // axis read forwards or backwards.
    static const struct {
        bool swap, flip_x, flip_y;
    } table[9] = {
        [2] = {false, true, false}, [3] = {false, true, true}, [4] = {false, false, true},
        [5] = {true, false, false}, [6] = {true, false, true}, [7] = {true, true, true},
        [8] = {true, true, false},
    };
    bool swap = table[orientation].swap;
    struct hone_image upright;
    HONE_TRY(hone_image_create(swap ? image->height : image->width,
                               swap ? image->width : image->height, &upright));
    uint8_t *to = upright.pixels;
    for (int32_t y = 0; y < upright.height; y++) {
        for (int32_t x = 0; x < upright.width; x++, to += 3) {
            int32_t from_x = swap ? y : x, from_y = swap ? x : y;
            if (table[orientation].flip_x) from_x = image->width - 1 - from_x;
            if (table[orientation].flip_y) from_y = image->height - 1 - from_y;
            size_t at = (size_t)from_y * (size_t)image->width + (size_t)from_x;
            memcpy(to, image->pixels + at * 3, 3);
        }
    }
    hone_image_destroy(image);
    *image = upright;
    return HONE_OK;
}
