// text.c: see text.h. printf and strtod run under the "C" locale of this thread only (POSIX
// uselocale).
#include "base/text.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

static locale_t hone_c_locale;

static void hone_c_locale_make(void) {
    hone_c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

// Returns the locale to go back to. Where "C" cannot be made (no memory), nothing changes.
static locale_t hone_c_locale_enter(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, hone_c_locale_make);
    return hone_c_locale ? uselocale(hone_c_locale) : (locale_t)0;
}

static void hone_c_locale_leave(locale_t before) {
    if (before) uselocale(before);
}

static hone_status hone_text_reserve(struct hone_text *text, size_t bytes) {
    if (text->status == HONE_OK &&
        !hone_grow(&text->data, &text->capacity, text->length + bytes + 1, 1, "text"))
        text->status = HONE_OUT_OF_MEMORY;
    return text->status;
}

hone_status hone_text_append(struct hone_text *text, const char *data, size_t bytes) {
    HONE_TRY(hone_text_reserve(text, bytes));
    if (bytes) memcpy(text->data + text->length, data, bytes);
    text->length += bytes;
    text->data[text->length] = '\0';
    return HONE_OK;
}

hone_status hone_text_printf(struct hone_text *text, const char *format, ...) {
    if (text->status != HONE_OK) return text->status;
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    locale_t before = hone_c_locale_enter();
    int bytes = vsnprintf(NULL, 0, format, args);
    if (bytes < 0) {
        text->status = hone_fail(HONE_INTERNAL, "text: bad format '%s'", format);
    } else if (hone_text_reserve(text, (size_t)bytes) == HONE_OK) {
        vsnprintf(text->data + text->length, (size_t)bytes + 1, format, again);
        text->length += (size_t)bytes;
    }
    hone_c_locale_leave(before);
    va_end(again);
    va_end(args);
    return text->status;
}

// Tries more and more digits until the text reads back as the value.
static hone_status hone_text_number(struct hone_text *text, double value, bool single) {
    int digits = single ? 6 : 15, most = single ? 9 : 17;
    char number[40];
    locale_t before = hone_c_locale_enter();
    for (; digits <= most; digits++) {
        snprintf(number, sizeof number, "%.*g", digits, value);
        if (single ? strtof(number, NULL) == (float)value : strtod(number, NULL) == value) break;
    }
    hone_c_locale_leave(before);
    return hone_text_append(text, number, strlen(number));
}

hone_status hone_text_append_f64(struct hone_text *text, double value) {
    return hone_text_number(text, value, false);
}

hone_status hone_text_append_f32(struct hone_text *text, float value) {
    return hone_text_number(text, (double)value, true);
}

char *hone_text_take(struct hone_text *text) {
    hone_text_append(text, "", 0);
    char *data = text->data;
    if (text->status != HONE_OK) {
        hone_free(data);
        data = NULL;
    }
    *text = (struct hone_text){0};
    return data;
}

void hone_text_deinit(struct hone_text *text) {
    hone_free(text->data);
    *text = (struct hone_text){0};
}

static int hone_lower(char c) {
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : (unsigned char)c;
}

bool hone_text_equal_nocase(const char *a, const char *b) {
    for (; *a && hone_lower(*a) == hone_lower(*b); a++, b++) {
    }
    return hone_lower(*a) == hone_lower(*b);
}

bool hone_text_starts_with(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static unsigned hone_least(unsigned a, unsigned b) {
    return a < b ? a : b;
}

bool hone_text_is_utf8(const char *text) {
    // By the first byte: how many follow, and the range of the next one, which rules out overlong
    // forms, surrogates and what lies above U+10FFFF.
    static const struct {
        unsigned char first, last, count, least, most;
    } forms[] = {
        {0x00, 0x7F, 0, 0, 0},       {0xC2, 0xDF, 1, 0x80, 0xBF}, {0xE0, 0xE0, 2, 0xA0, 0xBF},
        {0xE1, 0xEC, 2, 0x80, 0xBF}, {0xED, 0xED, 2, 0x80, 0x9F}, {0xEE, 0xEF, 2, 0x80, 0xBF},
        {0xF0, 0xF0, 3, 0x90, 0xBF}, {0xF1, 0xF3, 3, 0x80, 0xBF}, {0xF4, 0xF4, 3, 0x80, 0x8F},
    };
    const unsigned char *at = (const unsigned char *)text;
    while (*at) {
        size_t k = 0, forms_count = sizeof forms / sizeof *forms;
        while (k < forms_count && (*at < forms[k].first || *at > forms[k].last)) k++;
        if (k == forms_count) return false;
        at++;
        for (int i = 0; i < forms[k].count; i++, at++) {
            unsigned char least = i ? 0x80 : forms[k].least, most = i ? 0xBF : forms[k].most;
            if (*at < least || *at > most) return false;
        }
    }
    return true;
}

unsigned hone_text_distance(const char *a, const char *b) {
    enum { LONGEST = 63 };
    size_t rows = strlen(a), columns = strlen(b);
    if (rows > LONGEST || columns > LONGEST) return (unsigned)(rows > columns ? rows : columns);
    // Optimal string alignment: three rolling rows.
    unsigned table[3][LONGEST + 1];
    for (size_t j = 0; j <= columns; j++) table[0][j] = (unsigned)j;
    for (size_t i = 1; i <= rows; i++) {
        unsigned *now = table[i % 3], *before = table[(i + 2) % 3], *older = table[(i + 1) % 3];
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= columns; j++) {
            unsigned best = hone_least(before[j], now[j - 1]) + 1;
            best = hone_least(best, before[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                best = hone_least(best, older[j - 2] + 1);
            now[j] = best;
        }
    }
    return table[rows % 3][columns];
}

hone_status hone_parse_i64(const char *text, int64_t least, int64_t most, int64_t *out) {
    *out = 0;
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end) return hone_fail(HONE_INVALID, "'%s' is not a whole number", text);
    if (errno == ERANGE || value < least || value > most)
        return hone_fail(HONE_INVALID, "%s is out of range %lld..%lld", text, (long long)least,
                         (long long)most);
    *out = value;
    return HONE_OK;
}

hone_status hone_parse_f64(const char *text, double least, double most, double *out) {
    *out = 0;
    char *end;
    locale_t before = hone_c_locale_enter();
    double value = strtod(text, &end);
    hone_c_locale_leave(before);
    if (end == text || *end || isnan(value))
        return hone_fail(HONE_INVALID, "'%s' is not a number", text);
    if (isinf(value) || value < least || value > most)
        return hone_fail(HONE_INVALID, "%s is out of range %g..%g", text, least, most);
    *out = value;
    return HONE_OK;
}
