// text.h: strings: a growable builder, comparison, and numbers from text with an error that names
// the range.
//
// Numbers are written and read with a point whatever locale the embedding program has set, so that
// files of one machine read on another.
#ifndef HONE_BASE_TEXT_H
#define HONE_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

// Zero it to begin, deinit to end. `data` is always a valid string once something was appended. The
// first failure sticks: later appends do nothing and return it, so that callers may check once.
struct hone_text {
    char *data;
    size_t length, capacity;
    hone_status status;
};
hone_status hone_text_printf(struct hone_text *text, const char *format, ...) HONE_PRINTF(2, 3);
hone_status hone_text_append(struct hone_text *text, const char *data, size_t bytes);
// The shortest decimal that reads back as the same double (or float).
hone_status hone_text_append_f64(struct hone_text *text, double value);
hone_status hone_text_append_f32(struct hone_text *text, float value);
// Gives the string away (hone_free); "" when nothing was appended. NULL when an append had failed.
char *hone_text_take(struct hone_text *text);
void hone_text_deinit(struct hone_text *text);

// ASCII only: file extensions and option words.
bool hone_text_equal_nocase(const char *a, const char *b);
bool hone_text_starts_with(const char *text, const char *prefix);

// Whether all of `text` is UTF-8 (RFC 3629: no overlong forms, no surrogates), which JSON and ONNX
// ask for. File names need not be.
bool hone_text_is_utf8(const char *text);

// Edits (insert, delete, replace, swap of neighbours) between two words, for "did you mean". Words
// longer than 63 bytes are as far apart as they are long.
unsigned hone_text_distance(const char *a, const char *b);

// The whole of `text` must be a number within least..most, both included. HONE_INVALID, with
// "'12x' is not a whole number" or "0 is out of range 1..100".
hone_status hone_parse_i64(const char *text, int64_t least, int64_t most, int64_t *out);
// Infinity and NaN are refused.
hone_status hone_parse_f64(const char *text, double least, double most, double *out);

#endif
