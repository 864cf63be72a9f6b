// preprocess.c: see preprocess.h.
#include "image/preprocess.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "image/resize.h"

static const struct hone_preset {
    const char *name;
    double mean[3], std[3]; // grey levels
} hone_presets[] = {
    {"imagenet", {0.485 * 255, 0.456 * 255, 0.406 * 255}, {0.229 * 255, 0.224 * 255, 0.225 * 255}},
    {"tf", {127.5, 127.5, 127.5}, {127.5, 127.5, 127.5}},
    {"none", {0, 0, 0}, {1, 1, 1}},
};
enum { PRESET_COUNT = sizeof hone_presets / sizeof *hone_presets };

static hone_status hone_preprocess_usage(const char *text) {
    return hone_fail(
        HONE_INVALID,
        "'%s' is no preprocessing; give imagenet, tf, none, MEAN,STD or six numbers "
        "(three means, three deviations above 0); behind it :bgr, :bilinear, :bicubic, "
        ":stretch, :letterbox, :crop=SHARE as needed",
        text);
}

// Two or six numbers, separated by commas, from `text` of `length` bytes.
static int hone_preprocess_numbers(const char *text, size_t length, double out[6]) {
    int count = 0;
    for (const char *end = text + length;;) {
        const char *comma = memchr(text, ',', (size_t)(end - text));
        size_t size = (size_t)((comma ? comma : end) - text);
        char number[64];
        if (count == 6 || size >= sizeof number) return 0;
        memcpy(number, text, size);
        number[size] = '\0';
        if (hone_parse_f64(number, -1e6, 1e6, &out[count++]) != HONE_OK) return 0;
        if (!comma) return count;
        text = comma + 1;
    }
}

static void hone_preprocess_set(struct hone_preprocess *out, const double mean[3],
                                const double std[3], bool bgr) {
    for (int c = 0; c < 3; c++) {
        // Presets are written in the order of RGB.
        out->mean[c] = (float)mean[c];
        out->std[c] = (float)std[c];
    }
    out->bgr = bgr;
}

static const char *const hone_fit_words[] = {"stretch", "letterbox", "crop"};
static const char *const hone_filter_words[HONE_FILTERS] = {"bilinear", "bicubic"};

// What stands between two colons, or behind "WORD=".
static bool hone_preprocess_option(const char *word, size_t length, bool *bgr,
                                   struct hone_preprocess *out) {
    char name[32];
    if (length >= sizeof name) return false;
    memcpy(name, word, length);
    name[length] = '\0';
    if (hone_text_equal_nocase(name, "bgr")) return *bgr = true;
    for (int i = 0; i < HONE_FILTERS; i++)
        if (hone_text_equal_nocase(name, hone_filter_words[i])) {
            out->filter = i;
            return true;
        }
    char *share = strchr(name, '=');
    double kept = 0;
    if (share) *share++ = '\0';
    if (share &&
        (hone_parse_f64(share, 0.05, 1, &kept) != HONE_OK || strcmp(name, "letterbox") == 0))
        return false;
    for (int i = 0; i < 3; i++)
        if (hone_text_equal_nocase(name, hone_fit_words[i])) {
            out->fit = i;
            out->crop = (float)kept;
            return true;
        }
    return false;
}

hone_status hone_preprocess_parse(const char *text, struct hone_preprocess *result) {
    size_t length = strcspn(text, ":");
    bool bgr = false;
    struct hone_preprocess parsed = *result, *out = &parsed;
    for (const char *at = text + length; *at;) {
        size_t word = strcspn(++at, ":");
        if (!hone_preprocess_option(at, word, &bgr, out)) return hone_preprocess_usage(text);
        at += word;
    }
    for (int i = 0; i < PRESET_COUNT; i++) {
        const struct hone_preset *preset = &hone_presets[i];
        if (strlen(preset->name) != length || strncmp(text, preset->name, length) != 0) continue;
        double mean[3], std[3];
        for (int c = 0; c < 3; c++) {
            mean[c] = preset->mean[bgr ? 2 - c : c];
            std[c] = preset->std[bgr ? 2 - c : c];
        }
        hone_preprocess_set(out, mean, std, bgr);
        *result = parsed;
        return HONE_OK;
    }
    double v[6];
    int count = hone_preprocess_numbers(text, length, v);
    if (count == 2) {
        v[3] = v[4] = v[5] = v[1];
        v[1] = v[2] = v[0];
    } else if (count != 6) {
        return hone_preprocess_usage(text);
    }
    bool levels = false;
    for (int i = 0; i < 6; i++) levels = levels || v[i] > 1;
    for (int i = 0; i < 6; i++) v[i] *= levels ? 1 : 255;
    if (!(v[3] > 0 && v[4] > 0 && v[5] > 0)) return hone_preprocess_usage(text);
    hone_preprocess_set(out, v, v + 3, bgr);
    *result = parsed;
    return HONE_OK;
}

// What stands behind the numbers.
static hone_status hone_preprocess_print_rest(const struct hone_preprocess *p,
                                              struct hone_text *text) {
    bool kept = p->crop > 0 && p->crop < 1;
    if (p->bgr) hone_text_printf(text, ":bgr");
    if (p->filter) hone_text_printf(text, ":%s", hone_filter_words[p->filter]);
    if (p->fit || kept) hone_text_printf(text, ":%s", hone_fit_words[p->fit]);
    if (kept && p->fit != HONE_FIT_LETTERBOX) {
        hone_text_append(text, "=", 1);
        hone_text_append_f32(text, p->crop);
    }
    return text->status;
}

bool hone_preprocess_keep_all(struct hone_preprocess *preprocess) {
    bool crops = preprocess->fit == HONE_FIT_CROP || (preprocess->crop > 0 && preprocess->crop < 1);
    if (!crops) return false;
    preprocess->fit = HONE_FIT_STRETCH;
    preprocess->crop = 0;
    return true;
}

hone_status hone_preprocess_print(const struct hone_preprocess *preprocess,
                                  struct hone_text *text) {
    for (int i = 0; i < PRESET_COUNT; i++) {
        bool same = true;
        for (int c = 0; c < 3; c++) {
            int from = preprocess->bgr ? 2 - c : c;
            same = same && preprocess->mean[c] == (float)hone_presets[i].mean[from] &&
                   preprocess->std[c] == (float)hone_presets[i].std[from];
        }
        if (!same) continue;
        hone_text_printf(text, "%s", hone_presets[i].name);
        return hone_preprocess_print_rest(preprocess, text);
    }
    // Fractions, as people write them, unless they would be above 1 and read as grey levels.
    double v[6], most = 0;
    for (int c = 0; c < 3; c++) {
        v[c] = (double)preprocess->mean[c];
        v[3 + c] = (double)preprocess->std[c];
        most = fmax(most, fmax(v[c], v[3 + c]));
    }
    for (int i = 0; i < 6; i++) {
        if (i) hone_text_append(text, ",", 1);
        hone_text_append_f64(text, most > 255 ? v[i] : v[i] / 255);
    }
    return hone_preprocess_print_rest(preprocess, text);
}

// Rows of `image` into the middle of the net's picture, or the middle of `image` into all of it.
static void hone_image_centre(const struct hone_image *image,
                              const struct hone_preprocess *preprocess, uint8_t *pixels) {
    int32_t width = preprocess->width, height = preprocess->height;
    int32_t copy_w = image->width < width ? image->width : width;
    int32_t copy_h = image->height < height ? image->height : height;
    // Round half to even, as torchvision's CenterCrop does.
    int32_t from_x = (int32_t)nearbyint((image->width - copy_w) / 2.0);
    int32_t from_y = (int32_t)nearbyint((image->height - copy_h) / 2.0);
    int32_t to_x = (width - copy_w) / 2, to_y = (height - copy_h) / 2;
    for (int32_t y = 0; y < copy_h; y++) {
        size_t from = (size_t)(y + from_y) * (size_t)image->width + (size_t)from_x;
        size_t to = (size_t)(y + to_y) * (size_t)width + (size_t)to_x;
        memcpy(pixels + to * 3, image->pixels + from * 3, (size_t)copy_w * 3);
    }
}

static void hone_image_bars(const struct hone_preprocess *preprocess, uint8_t *pixels) {
    uint8_t colour[3];
    for (int c = 0; c < 3; c++) {
        float mean = preprocess->mean[preprocess->bgr ? 2 - c : c];
        colour[c] = (uint8_t)lrintf(fminf(fmaxf(mean, 0), 255));
    }
    size_t count = (size_t)preprocess->width * (size_t)preprocess->height;
    for (size_t i = 0; i < count; i++) memcpy(pixels + i * 3, colour, 3);
}

// The size that keeps the aspect: inside (height, width) for letterbox, around it for crop.
static void hone_image_aspect(const struct hone_image *image, bool inside, int32_t *width,
                              int32_t *height) {
    int64_t by_height = (int64_t)*height * image->width;
    int64_t by_width = (int64_t)*width * image->height;
    // The side that does not bind is scaled by the other; torchvision cuts the fraction off.
    if (inside ? by_height < by_width : by_height > by_width)
        *width = (int32_t)(by_height / image->height);
    else
        *height = (int32_t)(by_width / image->width);
    if (*width < 1) *width = 1;
    if (*height < 1) *height = 1;
}

hone_status hone_image_fit(const struct hone_image *image, const struct hone_preprocess *preprocess,
                           uint8_t *pixels) {
    int32_t width = preprocess->width, height = preprocess->height;
    bool inside = preprocess->fit == HONE_FIT_LETTERBOX;
    if (preprocess->crop > 0 && preprocess->crop < 1 && !inside) {
        // timm cuts the fraction off; the share is rounded to a float.
        width = (int32_t)(width / (double)preprocess->crop + 1e-4);
        height = (int32_t)(height / (double)preprocess->crop + 1e-4);
    }
    if (preprocess->fit != HONE_FIT_STRETCH) hone_image_aspect(image, inside, &width, &height);
    struct hone_image sized;
    HONE_TRY(hone_image_resize(image, width, height, (enum hone_filter)preprocess->filter, &sized));
    if (preprocess->fit == HONE_FIT_LETTERBOX) hone_image_bars(preprocess, pixels);
    hone_image_centre(&sized, preprocess, pixels);
    hone_image_destroy(&sized);
    return HONE_OK;
}

void hone_preprocess_affine(const struct hone_preprocess *preprocess, float scale[3],
                            float shift[3]) {
    for (int c = 0; c < 3; c++) {
        double std = (double)preprocess->std[c], mean = (double)preprocess->mean[c];
        scale[c] = (float)(1 / std);
        shift[c] = (float)(-mean / std);
    }
}

void hone_preprocess_normalize(const struct hone_preprocess *preprocess, const uint8_t *pixels,
                               size_t count, float *out) {
    float table[3][256]; // channel of the net's order, grey level
    for (int c = 0; c < 3; c++) {
        for (int x = 0; x < 256; x++)
            table[c][x] = (float)((x - (double)preprocess->mean[c]) / (double)preprocess->std[c]);
    }
    for (size_t i = 0; i < count; i++) {
        for (int c = 0; c < 3; c++)
            out[i * 3 + (size_t)c] =
                table[c][pixels[i * 3 + (size_t)(preprocess->bgr ? 2 - c : c)]];
    }
}
