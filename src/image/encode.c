// encode.c: stb_image_write, the one place that compiles it. Memory comes from base/, so that the
// allocation tests reach into it; PNGs are packed by zlib, since stb's own packer writes past its
// buffer when memory runs out.
#include "image/encode.h"

#include <string.h>
#include <zlib.h>

#include "base/alloc.h"

// What pack() made last: stb loses it when it finds no memory for the file around it.
static _Thread_local unsigned char *packed;

// hone_free; NULL: memory.
static unsigned char *pack(unsigned char *data, int bytes, int *out_bytes, int quality) {
    uLongf room = compressBound((uLong)bytes);
    unsigned char *out = hone_realloc(NULL, room, 1, "a picture");
    if (out && compress2(out, &room, data, (uLong)bytes, quality) != Z_OK) {
        hone_free(out);
        out = NULL;
    }
    *out_bytes = out ? (int)room : 0;
    packed = out;
    return out;
}

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#define STBIW_ZLIB_COMPRESS        pack
#define STBIW_MALLOC(bytes)        hone_realloc(NULL, (bytes), 1, "a picture")
#define STBIW_REALLOC(data, bytes) hone_realloc((data), (bytes), 1, "a picture")
#define STBIW_FREE(data)           hone_free(data)
#define STBIW_ASSERT(condition)    ((void)0)
// Up to the end of the file: gcc reports unused functions there.
#if defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#endif
#include <stb_image_write.h>

static void take_bytes(void *user, void *data, int bytes) {
    hone_text_append(user, data, (size_t)bytes);
}

static hone_status encode_end(int written, const struct hone_text *out) {
    if (out->status != HONE_OK) return out->status;
    return written ? HONE_OK : hone_fail_memory(0, "a picture to be written");
}

hone_status hone_image_encode_jpeg(const struct hone_image *image, int quality,
                                   struct hone_text *out) {
    return encode_end(stbi_write_jpg_to_func(take_bytes, out, image->width, image->height, 3,
                                             image->pixels, quality),
                      out);
}

hone_status hone_image_encode_png(const struct hone_image *image, struct hone_text *out) {
    packed = NULL;
    int written = stbi_write_png_to_func(take_bytes, out, image->width, image->height, 3,
                                         image->pixels, image->width * 3);
    if (!written) hone_free(packed);
    packed = NULL;
    return encode_end(written, out);
}
