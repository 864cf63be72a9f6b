// codec_stb.c: stb_image, the one place that compiles it. Formats that hone does not promise are
// left out; memory comes from base/, so that the allocation tests reach into it.
#include "image/codec.h"

#include <limits.h>
#include <string.h>

#include "base/alloc.h"

// What a block of the picture at hand may take, since a PNG of a few hundred bytes can inflate to
// gigabytes and its header says how much is right; and whether base/ had none, which stb may report
// as damage.
static _Thread_local struct {
    size_t block_max;
    bool exhausted;
} hone_stb_memory;

static void *hone_stb_realloc(void *memory, size_t bytes) {
    if (bytes > hone_stb_memory.block_max) return NULL;
    void *block = hone_realloc(memory, bytes, 1, "a picture");
    if (!block) hone_stb_memory.exhausted = true;
    return block;
}

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_NO_STDIO
#define STBI_NO_GIF
#define STBI_NO_HDR
#define STBI_NO_LINEAR
#define STBI_NO_PIC
#define STBI_NO_PNM
#define STBI_NO_PSD
#define STBI_MALLOC(bytes)        hone_stb_realloc(NULL, (bytes))
#define STBI_REALLOC(data, bytes) hone_stb_realloc((data), (bytes))
#define STBI_FREE(data)           hone_free(data)
#define STBI_ASSERT(condition)    ((void)0)
// Up to the end of the file: gcc reports unused functions there.
#if defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wshadow"
#endif
#include <stb_image.h>

static hone_status hone_stb_failed(void) {
    const char *reason = stbi_failure_reason();
    if (hone_stb_memory.exhausted) return HONE_OUT_OF_MEMORY; // base/ left the message
    return hone_fail(HONE_INVALID, "the picture is damaged or of an unknown kind (%s)",
                     reason ? reason : "no reason given");
}

// 16 bits to their high byte, within the same memory (stb's own reduction leaks when memory runs
// out).
static uint8_t *hone_stb_load_16(const uint8_t *data, int bytes, int *width, int *height) {
    int channels;
    uint16_t *wide = stbi_load_16_from_memory(data, bytes, width, height, &channels, 3);
    if (!wide) return NULL;
    uint8_t *pixels = (uint8_t *)wide;
    size_t samples = (size_t)*width * (size_t)*height * 3;
    for (size_t i = 0; i < samples; i++) {
        uint16_t sample = wide[i];
        pixels[i] = (uint8_t)(sample >> 8);
    }
    uint8_t *fitted = hone_realloc(pixels, samples, 1, "a picture");
    return fitted ? fitted : pixels; // a shrink that fails leaves the block as it was
}

hone_status hone_codec_stb(const uint8_t *data, size_t bytes, uint64_t pixels_max,
                           struct hone_image *out) {
    int width, height, channels;
    if (bytes > INT_MAX) return hone_fail(HONE_INVALID, "the file is larger than 2 GB");
    hone_stb_memory.exhausted = false;
    hone_stb_memory.block_max =
        ((size_t)1 << 20) + bytes * 2; // tables; the packed pixels, doubling
    if (!stbi_info_from_memory(data, (int)bytes, &width, &height, &channels))
        return hone_stb_failed();
    HONE_TRY(hone_image_check_size(width, height, pixels_max));
    // Four channels of 16 bits, doubled by growing.
    hone_stb_memory.block_max += (size_t)width * (size_t)height * 16;
    uint8_t *pixels = stbi_is_16_bit_from_memory(data, (int)bytes)
                          ? hone_stb_load_16(data, (int)bytes, &width, &height)
                          : stbi_load_from_memory(data, (int)bytes, &width, &height, &channels, 3);
    if (!pixels) return hone_stb_failed();
    *out = (struct hone_image){.width = width, .height = height, .pixels = pixels};
    return HONE_OK;
}
