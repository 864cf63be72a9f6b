// options.c: see <hone/options.h>. One table of types says how a field is read and written; the
// rest is generic.
#include "base/options.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

// Key comparison that takes "--Label_smoothing" for "label-smoothing".
static bool hone_option_is(const char *key, const char *given) {
    for (; *key; key++, given++) {
        if (*key != (*given == '_' ? '-' : *given)) return false;
    }
    return !*given;
}

static const char *hone_option_bare(const char *key) {
    while (*key == '-') key++;
    return key;
}

const hone_option *hone_options_find(const hone_option_table *table, const char *key) {
    key = hone_option_bare(key);
    for (size_t i = 0; i < table->count; i++) {
        if (hone_option_is(table->rows[i].key, key)) return &table->rows[i];
    }
    return NULL;
}

const char *hone_options_nearest(const hone_option_table *table, const char *key,
                                 unsigned *distance) {
    key = hone_option_bare(key);
    // A third of the letters may be wrong: more is another word.
    unsigned best = (unsigned)strlen(key) / 3 + 1;
    const char *nearest = NULL;
    for (size_t i = 0; i < table->count; i++) {
        unsigned edits = hone_text_distance(table->rows[i].key, key);
        if (edits > best || (nearest && edits == best)) continue;
        best = edits;
        nearest = table->rows[i].key;
    }
    if (distance) *distance = nearest ? best : (unsigned)-1;
    return nearest;
}

static bool hone_option_ranged(const hone_option *option) {
    return option->least != 0 || option->most != 0;
}

// Word number `index` of "a|b|c": its start and length; false past the end.
static bool hone_option_word(const char *words, int index, const char **out, size_t *length) {
    for (; index > 0; index--) {
        words = strchr(words, '|');
        if (!words) return false;
        words++;
    }
    *out = words;
    *length = strcspn(words, "|");
    return index == 0;
}

static size_t hone_option_bytes(hone_option_type type) {
    static const size_t bytes[] = {
        [HONE_OPTION_I32] = sizeof(int32_t), [HONE_OPTION_I64] = sizeof(int64_t),
        [HONE_OPTION_F32] = sizeof(float),   [HONE_OPTION_F64] = sizeof(double),
        [HONE_OPTION_BOOL] = sizeof(bool),   [HONE_OPTION_STRING] = sizeof(const char *),
        [HONE_OPTION_ENUM] = sizeof(int),
    };
    return bytes[type];
}

// Which of the words `text` is, from 0; -1: none.
static int hone_option_find_word(const hone_option *option, const char *text) {
    const char *word;
    size_t length;
    for (int i = 0; option->words && hone_option_word(option->words, i, &word, &length); i++)
        if (strlen(text) == length && strncmp(text, word, length) == 0) return i;
    return -1;
}

static hone_status hone_option_read_integer(const hone_option *option, const char *text,
                                            void *field) {
    bool wide = option->type == HONE_OPTION_I64;
    int64_t least = wide ? INT64_MIN : INT32_MIN, most = wide ? INT64_MAX : INT32_MAX, value;
    if (hone_option_ranged(option)) {
        // Doubles at or beyond 2^63 do not convert: such an end means "any".
        if (option->least > (double)least) least = (int64_t)option->least;
        if (option->most < (double)most) most = (int64_t)option->most;
    }
    HONE_TRY(hone_parse_i64(text, least, most, &value));
    int32_t narrow = (int32_t)value;
    memcpy(field, wide ? (void *)&value : (void *)&narrow, wide ? sizeof value : sizeof narrow);
    return HONE_OK;
}

static hone_status hone_option_read_real(const hone_option *option, const char *text, void *field) {
    bool wide = option->type == HONE_OPTION_F64;
    double least = wide ? -1e300 : -3.4e38, most = -least, value;
    if (hone_option_ranged(option)) {
        least = option->least;
        most = option->most;
    }
    HONE_TRY(hone_parse_f64(text, least, most, &value));
    float narrow = (float)value;
    memcpy(field, wide ? (void *)&value : (void *)&narrow, wide ? sizeof value : sizeof narrow);
    return HONE_OK;
}

static hone_status hone_option_read_bool(const char *text, void *field) {
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!hone_text_equal_nocase(text, words[i])) continue;
        *(bool *)field = i % 2;
        return HONE_OK;
    }
    return hone_fail(HONE_INVALID, "'%s' is not yes or no", text);
}

static hone_status hone_option_read_enum(const hone_option *option, const char *text, int *field) {
    int word = hone_option_find_word(option, text);
    if (word < 0) return hone_fail(HONE_INVALID, "'%s' is not one of %s", text, option->words);
    *field = word;
    return HONE_OK;
}

// A word in place of a number.
static void hone_option_put_word(const hone_option *option, int word, void *field) {
    int32_t i32 = -1 - word;
    int64_t i64 = i32;
    float f32 = (float)i32;
    double f64 = i32;
    const void *values[] = {[HONE_OPTION_I32] = &i32,
                            [HONE_OPTION_I64] = &i64,
                            [HONE_OPTION_F32] = &f32,
                            [HONE_OPTION_F64] = &f64};
    memcpy(field, values[option->type], hone_option_bytes(option->type));
}

// The word that the number in the field stands for, or -1.
static int hone_option_get_word(const hone_option *option, const void *field) {
    const char *word;
    size_t length;
    if (option->type > HONE_OPTION_F64 || !option->words) return -1;
    double value = option->type == HONE_OPTION_I32   ? *(const int32_t *)field
                   : option->type == HONE_OPTION_I64 ? (double)*(const int64_t *)field
                   : option->type == HONE_OPTION_F32 ? (double)*(const float *)field
                                                     : *(const double *)field;
    if (!(value <= -1 && value >= -1000) || value != (int)value) return -1;
    int index = -1 - (int)value;
    return hone_option_word(option->words, index, &word, &length) ? index : -1;
}

static hone_status hone_option_read(const hone_option *option, void *params, const char *text) {
    void *field = (char *)params + option->offset;
    int word = option->type <= HONE_OPTION_F64 ? hone_option_find_word(option, text) : -1;
    if (word >= 0) {
        hone_option_put_word(option, word, field);
        return HONE_OK;
    }
    switch (option->type) {
    case HONE_OPTION_I32:
    case HONE_OPTION_I64: return hone_option_read_integer(option, text, field);
    case HONE_OPTION_F32:
    case HONE_OPTION_F64: return hone_option_read_real(option, text, field);
    case HONE_OPTION_BOOL: return hone_option_read_bool(text, field);
    case HONE_OPTION_STRING: *(const char **)field = text; return HONE_OK;
    case HONE_OPTION_ENUM: return hone_option_read_enum(option, text, field);
    }
    return hone_fail(HONE_INTERNAL, "unknown option type %d", (int)option->type);
}

static hone_status hone_option_reset(const hone_option *option, void *params) {
    if (!option->initial) {
        memset((char *)params + option->offset, 0, hone_option_bytes(option->type));
        return HONE_OK;
    }
    return hone_fail_context(hone_option_read(option, params, option->initial), "default of --%s",
                             option->key);
}

hone_status hone_options_init(const hone_option_table *table, void *params) {
    memset(params, 0, table->params_bytes);
    for (size_t i = 0; i < table->count; i++) HONE_TRY(hone_option_reset(&table->rows[i], params));
    return HONE_OK;
}

hone_status hone_options_set(const hone_option_table *table, void *params, const char *key,
                             const char *text) {
    const char *bare = hone_option_bare(key);
    const hone_option *option = hone_options_find(table, key);
    if (option)
        return hone_fail_context(hone_option_read(option, params, text), "--%s", option->key);
    const char *nearest = hone_options_nearest(table, key, NULL);
    if (nearest)
        return hone_fail(HONE_NOT_FOUND, "--%s: no such option; did you mean --%s?", bare, nearest);
    return hone_fail(HONE_NOT_FOUND, "--%s: no such option", bare);
}

// The value as text that hone_option_read takes back.
static hone_status hone_option_write(const hone_option *option, const void *params,
                                     struct hone_text *text) {
    const void *field = (const char *)params + option->offset;
    const char *word;
    size_t length;
    int special = hone_option_get_word(option, field);
    if (special >= 0) {
        hone_option_word(option->words, special, &word, &length);
        return hone_text_append(text, word, length);
    }
    switch (option->type) {
    case HONE_OPTION_I32: return hone_text_printf(text, "%ld", (long)*(const int32_t *)field);
    case HONE_OPTION_I64: return hone_text_printf(text, "%lld", (long long)*(const int64_t *)field);
    case HONE_OPTION_F32: return hone_text_append_f32(text, *(const float *)field);
    case HONE_OPTION_F64: return hone_text_append_f64(text, *(const double *)field);
    case HONE_OPTION_BOOL:
        return hone_text_printf(text, "%s", *(const bool *)field ? "true" : "false");
    case HONE_OPTION_STRING: return hone_text_printf(text, "%s", *(const char *const *)field);
    case HONE_OPTION_ENUM:
        if (*(const int *)field < 0 ||
            !hone_option_word(option->words, *(const int *)field, &word, &length))
            return hone_fail(HONE_INVALID, "value %d is not one of %s", *(const int *)field,
                             option->words);
        return hone_text_append(text, word, length);
    }
    return hone_fail(HONE_INTERNAL, "unknown option type %d", (int)option->type);
}

static bool hone_option_absent(const hone_option *option, const void *params) {
    return option->type == HONE_OPTION_STRING &&
           !*(const char *const *)((const char *)params + option->offset);
}

// True for a number that is 0 in a range without 0: the caller left it to the default.
static bool hone_option_unset(const hone_option *option, const void *params) {
    static const char zero[sizeof(int64_t)];
    if (hone_option_absent(option, params)) return true;
    return option->type <= HONE_OPTION_F64 && (option->least > 0 || option->most < 0) &&
           memcmp((const char *)params + option->offset, zero, hone_option_bytes(option->type)) ==
               0;
}

hone_status hone_options_complete(const hone_option_table *table, void *params) {
    hone_status status = HONE_OK;
    struct hone_text text = {0};
    for (size_t i = 0; i < table->count && status == HONE_OK; i++) {
        const hone_option *option = &table->rows[i];
        if (hone_option_unset(option, params)) {
            status = hone_option_reset(option, params);
            continue;
        }
        if (option->type == HONE_OPTION_STRING || option->type == HONE_OPTION_BOOL) continue;
        // Through text and back: the checks are those of the command line, and the value is
        // unchanged.
        text.length = 0;
        status = hone_option_write(option, params, &text);
        if (status == HONE_OK) status = hone_option_read(option, params, text.data);
        status = hone_fail_context(status, "--%s", option->key);
    }
    hone_text_deinit(&text);
    return status;
}

hone_status hone_options_each(const hone_option_table *table, const void *params, hone_option_fn fn,
                              void *user) {
    hone_status status = HONE_OK;
    struct hone_text text = {0};
    for (size_t i = 0; i < table->count && status == HONE_OK; i++) {
        const hone_option *option = &table->rows[i];
        bool absent = hone_option_absent(option, params);
        text.length = 0;
        if (!absent) status = hone_option_write(option, params, &text);
        if (status == HONE_OK) status = fn(user, option, absent ? NULL : text.data);
    }
    hone_text_deinit(&text);
    return status;
}
