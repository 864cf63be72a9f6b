// shape.c: "n=8,h=56,c=64,k=64,r=3": shapes as people write them, with the letters that the whole
// tree uses. What follows from another number need not be written.
#include "bench/internal.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

// follows: the key whose value is taken when this one is not given; -1: the default. pad follows
// the filter in a way of its own.
static const struct {
    const char *name;
    int32_t initial, least, most;
    int follows;
} shape_keys[HONE_KEY_COUNT] = {
    [HONE_KEY_N] = {"n", 1, 1, 1 << 24, -1},
    [HONE_KEY_H] = {"h", 56, 1, 1 << 16, -1},
    [HONE_KEY_W] = {"w", 0, 1, 1 << 16, HONE_KEY_H},
    [HONE_KEY_C] = {"c", 64, 1, 1 << 24, -1},
    [HONE_KEY_K] = {"k", 0, 1, 1 << 24, HONE_KEY_C},
    [HONE_KEY_R] = {"r", 3, 1, 64, -1},
    [HONE_KEY_S] = {"s", 0, 1, 64, HONE_KEY_R},
    [HONE_KEY_STRIDE] = {"stride", 1, 1, 64, -1},
    [HONE_KEY_PAD] = {"pad", 0, 0, 64, HONE_KEY_R},
    [HONE_KEY_DILATION] = {"dilation", 1, 1, 64, -1},
    [HONE_KEY_GROUPS] = {"groups", 1, 1, 1 << 16, -1},
    [HONE_KEY_BIAS] = {"bias", 0, 0, 1, -1},
    [HONE_KEY_ACT] = {"act", 0, 0, HONE_ACT_COUNT - 1, -1},
    [HONE_KEY_M] = {"m", 512, 1, 1 << 24, -1},
    [HONE_KEY_TA] = {"ta", 0, 0, 1, -1},
    [HONE_KEY_TB] = {"tb", 0, 0, 1, -1},
    [HONE_KEY_L] = {"l", 1 << 20, HONE_PACK_ALIGN, 1 << 28, -1},
};
static const char *const shape_acts[HONE_ACT_COUNT] = {
    "none",      "relu", "clip", "sigmoid", "hard_sigmoid", "silu", "hard_swish", "gelu",
    "gelu_tanh", "tanh", "erf",  "exp",     "log",          "sqrt", "pow"};

// In a matrix product n and k stand beside m.
static int32_t initial_of(uint32_t keys, int key) {
    if ((keys & HONE_KEY(M)) && (key == HONE_KEY_N || key == HONE_KEY_K)) return 512;
    return shape_keys[key].initial;
}

void hone_bench_shape_help(uint32_t keys, char *text, size_t bytes) {
    size_t at = 0;
    *text = '\0';
    for (int key = 0; key < HONE_KEY_COUNT && at < bytes; key++) {
        if (!(keys >> key & 1)) continue;
        int follows = keys & HONE_KEY(M) ? -1 : shape_keys[key].follows;
        const char *name = shape_keys[key].name, *space = at ? " " : "";
        int wrote;
        if (key == HONE_KEY_PAD)
            wrote = snprintf(text + at, bytes - at, "%spad=(r-1)/2", space);
        else if (key == HONE_KEY_ACT)
            wrote = snprintf(text + at, bytes - at, "%sact=none", space);
        else if (follows >= 0)
            wrote =
                snprintf(text + at, bytes - at, "%s%s=%s", space, name, shape_keys[follows].name);
        else
            wrote =
                snprintf(text + at, bytes - at, "%s%s=%d", space, name, (int)initial_of(keys, key));
        at += (size_t)wrote;
    }
}

static int find_key(uint32_t keys, const char *name) {
    for (int key = 0; key < HONE_KEY_COUNT; key++)
        if ((keys >> key & 1) && strcmp(shape_keys[key].name, name) == 0) return key;
    return -1;
}

static hone_status read_value(int key, const char *text, int32_t *out) {
    int64_t number;
    for (int act = 0; key == HONE_KEY_ACT && act < HONE_ACT_COUNT; act++)
        if (strcmp(shape_acts[act], text) == 0) {
            *out = act;
            return HONE_OK;
        }
    if (key == HONE_KEY_ACT)
        return hone_fail(HONE_INVALID,
                         "--shape act=%s: none, relu, clip, sigmoid, hard_sigmoid, "
                         "silu, hard_swish, gelu, gelu_tanh, tanh, erf, exp, log, sqrt or pow",
                         text);
    HONE_TRY(hone_fail_context(
        hone_parse_i64(text, shape_keys[key].least, shape_keys[key].most, &number), "--shape %s=%s",
        shape_keys[key].name, text));
    *out = (int32_t)number;
    return HONE_OK;
}

// One "key=value".
static hone_status read_part(const char *part, uint32_t keys, int32_t *values, uint32_t *given) {
    char word[64], help[256];
    snprintf(word, sizeof word, "%s", part);
    char *equals = strchr(word, '=');
    if (equals) *equals++ = '\0';
    int key = equals ? find_key(keys, word) : -1;
    if (key < 0) {
        hone_bench_shape_help(keys, help, sizeof help);
        return hone_fail(HONE_INVALID, "--shape: '%s' is not understood; there are %s", part, help);
    }
    *given |= 1u << key;
    return read_value(key, equals, &values[key]);
}

hone_status hone_bench_shape_parse(const char *text, uint32_t keys,
                                   int32_t values[HONE_KEY_COUNT]) {
    uint32_t given = 0;
    memset(values, 0, HONE_KEY_COUNT * sizeof *values);
    while (text && *text) {
        char part[64];
        size_t length = strcspn(text, ", ");
        if (length >= sizeof part)
            return hone_fail(HONE_INVALID, "--shape: '%.20s...' is not understood", text);
        memcpy(part, text, length);
        part[length] = '\0';
        if (length) HONE_TRY(read_part(part, keys, values, &given));
        text += length + (text[length] != '\0');
    }
    for (int key = 0; key < HONE_KEY_COUNT; key++) {
        if (given >> key & 1) continue;
        int follows = keys & HONE_KEY(M) ? -1 : shape_keys[key].follows;
        values[key] = follows < 0 ? initial_of(keys, key) : values[follows];
        if (key == HONE_KEY_PAD) values[key] = (values[HONE_KEY_R] - 1) / 2;
    }
    return HONE_OK;
}
