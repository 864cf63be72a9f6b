// html.c: see html.h.
#include "report/html.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "image/encode.h"
#include "image/resize.h"

enum { JPEG_QUALITY = 82 };

// Bytes of the UTF-8 character at `text`, 0 where it is none.
static size_t utf8_length(const char *text) {
    unsigned char first = (unsigned char)*text;
    size_t length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    char one[5] = {0};
    for (size_t i = 0; i < length; i++) {
        if (!text[i]) return 0;
        one[i] = text[i];
    }
    return hone_text_is_utf8(one) ? length : 0;
}

void hone_html_text(struct hone_text *out, const char *text) {
    while (*text) {
        unsigned char c = (unsigned char)*text;
        size_t length = utf8_length(text);
        const char *as = c == '&'                           ? "&amp;"
                         : c == '<'                         ? "&lt;"
                         : c == '>'                         ? "&gt;"
                         : c == '"'                         ? "&quot;"
                         : c == '\''                        ? "&#39;"
                         : !length || c < 0x20 || c == 0x7F ? "\xEF\xBF\xBD"
                                                            : NULL;
        if (as)
            hone_text_append(out, as, strlen(as));
        else
            hone_text_append(out, text, length);
        text += length ? length : 1;
    }
}

void hone_html_printf(struct hone_text *out, const char *format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    hone_html_text(out, text);
}

void hone_html_base64(struct hone_text *out, const void *data, size_t bytes) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *in = data;
    for (size_t i = 0; i < bytes; i += 3) {
        size_t left = bytes - i;
        uint32_t word = (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) |
                        (left > 2 ? in[i + 2] : 0);
        char four[4] = {digits[word >> 18], digits[word >> 12 & 63],
                        left > 1 ? digits[word >> 6 & 63] : '=',
                        left > 2 ? digits[word & 63] : '='};
        hone_text_append(out, four, sizeof four);
    }
}

static int32_t shrink(int32_t length, int32_t longest, int32_t side) {
    int64_t shrunk = ((int64_t)length * side + longest / 2) / longest;
    return shrunk < 1 ? 1 : (int32_t)shrunk;
}

hone_status hone_html_picture(struct hone_text *out, const struct hone_image *image, int32_t side,
                              const char *alt) {
    struct hone_image small = {0};
    struct hone_text file = {0};
    int32_t longest = image->width > image->height ? image->width : image->height;
    if (longest > side)
        HONE_TRY(hone_image_resize(image, shrink(image->width, longest, side),
                                   shrink(image->height, longest, side), HONE_FILTER_BILINEAR,
                                   &small));
    const struct hone_image *shown = longest > side ? &small : image;
    hone_status status = hone_image_encode_jpeg(shown, JPEG_QUALITY, &file);
    if (status == HONE_OK) {
        hone_text_printf(out, "<img width=\"%d\" height=\"%d\" alt=\"", (int)shown->width,
                         (int)shown->height);
        hone_html_text(out, alt);
        hone_text_printf(out, "\" src=\"data:image/jpeg;base64,");
        hone_html_base64(out, file.data, file.length);
        status = hone_text_printf(out, "\">");
    }
    hone_text_deinit(&file);
    hone_image_destroy(&small);
    return status;
}
