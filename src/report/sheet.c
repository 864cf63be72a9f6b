// sheet.c: see sheet.h. Letters are stb_easy_font's, which gives them as rectangles.
#include "report/sheet.h"

#include <stdio.h>
#include <string.h>

#include "image/resize.h"

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wsign-compare"
#endif
#include <stb_easy_font.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

enum { GAP = 6, TITLE = 30, SCALE = 2, TITLE_MOST = 60 };

static void fill(struct hone_image *sheet, int32_t x0, int32_t y0, int32_t x1, int32_t y1,
                 uint8_t level) {
    if (x1 > sheet->width) x1 = sheet->width;
    if (y1 > sheet->height) y1 = sheet->height;
    for (int32_t y = y0; y < y1; y++)
        for (int32_t x = x0; x < x1; x++)
            memset(sheet->pixels + ((size_t)y * (size_t)sheet->width + (size_t)x) * 3, level, 3);
}

static void draw_title(struct hone_image *sheet, int32_t left, int32_t top, const char *title) {
    struct {
        float x, y, z;
        unsigned char colour[4];
    } corner[TITLE_MOST * 20 * 4];
    char text[TITLE_MOST + 1];
    size_t length = 0;
    for (const char *c = title; *c && length < TITLE_MOST; c++) {
        unsigned char byte = (unsigned char)*c;
        if ((byte & 0xC0) == 0x80) continue; // the rest of a letter that shows as '?'
        text[length++] = byte >= 32 && byte < 127 ? *c : '?';
    }
    text[length] = 0;
    int count = stb_easy_font_print(0, 0, text, NULL, corner, (int)sizeof corner);
    for (int i = 0; i < 4 * count; i += 4) // upper left corner, then clockwise
        fill(sheet, left + SCALE * (int32_t)corner[i].x, top + SCALE * (int32_t)corner[i].y,
             left + SCALE * (int32_t)corner[i + 2].x, top + SCALE * (int32_t)corner[i + 2].y, 235);
}

static hone_status draw_picture(struct hone_image *sheet, int32_t left, int32_t top,
                                const struct hone_image *image, int32_t width, int32_t height) {
    struct hone_image small = {0};
    const struct hone_image *shown = image;
    if (width != image->width || height != image->height) {
        HONE_TRY(hone_image_resize(image, width, height, HONE_FILTER_BILINEAR, &small));
        shown = &small;
    }
    for (int32_t y = 0; y < height; y++)
        memcpy(sheet->pixels + ((size_t)(top + y) * (size_t)sheet->width + (size_t)left) * 3,
               shown->pixels + (size_t)y * (size_t)width * 3, (size_t)width * 3);
    hone_image_destroy(&small);
    return HONE_OK;
}

// All pictures have the size of the first.
static void tile_size(const struct hone_image *image, int32_t *width, int32_t *height) {
    int32_t longest = image->width > image->height ? image->width : image->height;
    *width = image->width;
    *height = image->height;
    if (longest <= HONE_SHEET_SIDE) return;
    *width = (int32_t)((int64_t)image->width * HONE_SHEET_SIDE / longest);
    *height = (int32_t)((int64_t)image->height * HONE_SHEET_SIDE / longest);
    if (*width < 1) *width = 1;
    if (*height < 1) *height = 1;
}

hone_status hone_sheet_draw(const struct hone_sheet_row *rows, size_t count,
                            struct hone_image *out) {
    int32_t width = 1, height = 1, top = 0;
    size_t columns = 1;
    *out = (struct hone_image){0};
    if (count > HONE_SHEET_ROWS)
        return hone_fail(HONE_INVALID, "%zu rows are too many for one sheet: %d at most", count,
                         (int)HONE_SHEET_ROWS);
    for (size_t r = count; r-- > 0;) {
        if (rows[r].count) tile_size(&rows[r].images[0], &width, &height);
        if (rows[r].count > columns) columns = rows[r].count;
    }
    HONE_TRY(hone_image_create((int32_t)columns * (width + GAP) + GAP,
                               (int32_t)count * (TITLE + height) + GAP, out));
    fill(out, 0, 0, out->width, out->height, 28);
    hone_status status = HONE_OK;
    for (size_t r = 0; r < count && status == HONE_OK; r++, top += TITLE + height) {
        draw_title(out, GAP, top + GAP, rows[r].title);
        for (size_t i = 0; i < rows[r].count && status == HONE_OK; i++)
            status = draw_picture(out, GAP + (int32_t)i * (width + GAP), top + TITLE,
                                  &rows[r].images[i], width, height);
    }
    if (status != HONE_OK) hone_image_destroy(out);
    return status;
}
