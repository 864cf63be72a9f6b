// decode.c: tells the format by its first bytes, refuses what is cut short or too large, and hands
// over to a codec.
#include "image/decode.h"

#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "image/codec.h"
#include "image/jpeg_markers.h"

enum hone_image_format { FORMAT_NONE, FORMAT_JPEG, FORMAT_PNG, FORMAT_BMP, FORMAT_TGA, FORMAT_PNM };

bool hone_image_extension_known(const char *path) {
    static const char *const known[] = {".jpg", ".jpeg", ".jpe", ".png", ".bmp",
                                        ".tga", ".pgm",  ".ppm", ".pnm"};
    const char *extension = hone_path_extension(path);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (hone_text_equal_nocase(extension, known[i])) return true;
    }
    return false;
}

static enum hone_image_format hone_image_sniff(const uint8_t *data, size_t bytes,
                                               const char *name) {
    if (bytes >= 3 && memcmp(data, "\xFF\xD8\xFF", 3) == 0) return FORMAT_JPEG;
    if (bytes >= 8 && memcmp(data, "\x89PNG\r\n\x1A\n", 8) == 0) return FORMAT_PNG;
    if (bytes >= 26 && memcmp(data, "BM", 2) == 0) return FORMAT_BMP;
    if (bytes >= 3 && data[0] == 'P' && data[1] && strchr("2356", data[1]) && data[2] &&
        strchr(" \t\r\n#", data[2]))
        return FORMAT_PNM;
    // A TGA has no signature, but its second byte is 0 or 1: stb cannot take it for another format.
    if (bytes >= 18 && data[1] <= 1 && hone_text_equal_nocase(hone_path_extension(name), ".tga"))
        return FORMAT_TGA;
    return FORMAT_NONE;
}

hone_status hone_image_check_size(int64_t width, int64_t height, uint64_t pixels_max) {
    if (width < 1 || height < 1)
        return hone_fail(HONE_INVALID, "it has no pixels (%lldx%lld)", (long long)width,
                         (long long)height);
    if ((uint64_t)width > pixels_max / (uint64_t)height)
        return hone_fail(HONE_INVALID, "%lldx%lld pixels are more than the limit of %llu",
                         (long long)width, (long long)height, (unsigned long long)pixels_max);
    return HONE_OK;
}

static uint32_t hone_little(const uint8_t *data, int count) {
    uint32_t value = 0;
    for (int i = 0; i < count; i++) value |= (uint32_t)data[i] << 8 * i;
    return value;
}

// stb reads zeros past the end of a BMP or TGA, and black rows would pass for pixels.
static hone_status hone_bmp_check_length(const uint8_t *data, size_t bytes) {
    uint32_t header = hone_little(data + 14, 4);
    if (header < 40 || bytes < 34) return HONE_OK; // OS/2 1.x: rare, left to stb
    uint64_t width = hone_little(data + 18, 4), bits = hone_little(data + 28, 2);
    int64_t height = (int32_t)hone_little(data + 22, 4);
    uint64_t rows = (uint64_t)(height < 0 ? -height : height);
    uint64_t stride = (width * bits + 31) / 32 * 4;
    uint64_t offset = hone_little(data + 10, 4);
    // Some writers leave out the padding of the last row.
    if (rows && offset + stride * (rows - 1) + (width * bits + 7) / 8 > bytes)
        return hone_fail(HONE_INVALID, "the file is cut short");
    return HONE_OK;
}

static hone_status hone_tga_check_length(const uint8_t *data, size_t bytes) {
    bool packed = data[2] >= 8; // run lengths: the size cannot be told
    uint64_t map = data[1] ? (uint64_t)hone_little(data + 5, 2) * ((data[7] + 7u) / 8) : 0;
    uint64_t pixels = (uint64_t)hone_little(data + 12, 2) * hone_little(data + 14, 2);
    if (!packed && 18 + data[0] + map + pixels * ((data[16] + 7u) / 8) > bytes)
        return hone_fail(HONE_INVALID, "the file is cut short");
    return HONE_OK;
}

static hone_status hone_jpeg_decode(const uint8_t *data, size_t bytes, uint64_t pixels_max,
                                    struct hone_image *out) {
    struct hone_jpeg_markers markers = hone_jpeg_markers_read(data, bytes);
    if (!markers.complete) return hone_fail(HONE_INVALID, "the file is cut short or damaged");
    hone_status status = hone_codec_libjpeg(data, bytes, pixels_max, out);
    if (status == HONE_UNSUPPORTED && !hone_jpeg_tables_sound(data, bytes))
        return hone_fail(HONE_INVALID, "the picture is damaged (its Huffman tables)");
    if (status == HONE_UNSUPPORTED) status = hone_codec_stb(data, bytes, pixels_max, out);
    if (status == HONE_OK) status = hone_image_orient(out, markers.orientation);
    return status;
}

static hone_status hone_image_decode_bare(const uint8_t *data, size_t bytes, const char *name,
                                          uint64_t pixels_max, struct hone_image *out) {
    switch (hone_image_sniff(data, bytes, name)) {
    case FORMAT_JPEG: return hone_jpeg_decode(data, bytes, pixels_max, out);
    case FORMAT_PNM: return hone_codec_pnm(data, bytes, pixels_max, out);
    case FORMAT_BMP:
        HONE_TRY(hone_bmp_check_length(data, bytes));
        return hone_codec_stb(data, bytes, pixels_max, out);
    case FORMAT_TGA:
        HONE_TRY(hone_tga_check_length(data, bytes));
        return hone_codec_stb(data, bytes, pixels_max, out);
    case FORMAT_PNG: return hone_codec_stb(data, bytes, pixels_max, out);
    case FORMAT_NONE: break;
    }
    if (!bytes) return hone_fail(HONE_INVALID, "the file is empty");
    return hone_fail(HONE_INVALID, "not a picture that hone reads (" HONE_IMAGE_FORMATS ")");
}

hone_status hone_image_decode(const uint8_t *data, size_t bytes, const char *name,
                              uint64_t pixels_max, struct hone_image *out) {
    *out = (struct hone_image){0};
    if (!pixels_max) pixels_max = HONE_IMAGE_PIXELS_MAX;
    hone_status status = hone_image_decode_bare(data, bytes, name, pixels_max, out);
    if (status != HONE_OK) hone_image_destroy(out);
    return hone_fail_context(status, "%s", name);
}

hone_status hone_image_load(const char *path, uint64_t pixels_max, struct hone_image *out) {
    *out = (struct hone_image){0};
    char *data;
    size_t bytes;
    // Read rather than mapped: a camera may still be writing the file, and a shortened map kills.
    HONE_TRY(hone_file_read(path, (uint64_t)1 << 30, &data, &bytes));
    hone_status status = hone_image_decode((const uint8_t *)data, bytes, path, pixels_max, out);
    hone_free(data);
    return status;
}
