// sheet.h: pictures by class on one sheet.
#ifndef HONE_REPORT_SHEET_H
#define HONE_REPORT_SHEET_H

#include "image/image.h"

enum { HONE_SHEET_SIDE = 192, HONE_SHEET_ROWS = 64 };

struct hone_sheet_row {
    const char *title;               // letters other than ASCII show as '?'
    const struct hone_image *images; // shrunk so that the longer side is at most HONE_SHEET_SIDE
    size_t count;
};
// A row of pictures under its title for each; hone_image_destroy. HONE_INVALID for more than
// HONE_SHEET_ROWS rows.
hone_status hone_sheet_draw(const struct hone_sheet_row *rows, size_t count,
                            struct hone_image *out);

#endif
