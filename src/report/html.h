// html.h: pieces of an HTML page in a text builder. What users wrote (names of files, classes,
// options) goes through hone_html_text(), and nothing else does.
#ifndef HONE_REPORT_HTML_H
#define HONE_REPORT_HTML_H

#include "base/text.h"
#include "image/image.h"

// Appends `text` so that it means itself in content and in quoted attributes: & < > " ' are
// escaped, control characters and bytes that are no UTF-8 become U+FFFD.
void hone_html_text(struct hone_text *out, const char *text);
// The same of what printf makes, at most 1023 bytes of it.
void hone_html_printf(struct hone_text *out, const char *format, ...) HONE_PRINTF(2, 3);
// Appends base64 (RFC 4648, padded).
void hone_html_base64(struct hone_text *out, const void *data, size_t bytes);
// Appends <img> with the picture inside as a JPEG, shrunk so that its longer side is at most
// `side`. `alt` is escaped.
hone_status hone_html_picture(struct hone_text *out, const struct hone_image *image, int32_t side,
                              const char *alt);

#endif
