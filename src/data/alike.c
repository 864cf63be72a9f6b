// alike.c: see alike.h. Pure but for the warning.
#include "data/alike.h"

#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/thread.h"

enum { SIDE = 16 };

// ---- Fingerprints ---------------------------------------------------------------------------

// Mean luminance (BT.601) of each of rows x columns cells, by whole pixels.
static void thumbnail(const uint8_t *pixels, int32_t height, int32_t width, int rows, int columns,
                      float *out) {
    for (int r = 0; r < rows; r++) {
        int32_t y0 = (int32_t)((int64_t)r * height / rows);
        int32_t y1 = (int32_t)((int64_t)(r + 1) * height / rows);
        if (y1 == y0) y1 = y0 + 1;
        for (int c = 0; c < columns; c++) {
            int32_t x0 = (int32_t)((int64_t)c * width / columns);
            int32_t x1 = (int32_t)((int64_t)(c + 1) * width / columns);
            if (x1 == x0) x1 = x0 + 1;
            uint64_t sum = 0;
            for (int32_t y = y0; y < y1; y++)
                for (int32_t x = x0; x < x1; x++) {
                    const uint8_t *p = pixels + ((size_t)y * (size_t)width + (size_t)x) * 3;
                    sum += 299u * p[0] + 587u * p[1] + 114u * p[2];
                }
            out[r * columns + c] = (float)((double)sum / ((double)(y1 - y0) * (x1 - x0)));
        }
    }
}

struct hone_fingerprint hone_fingerprint_of(const uint8_t *pixels, int32_t height, int32_t width) {
    struct hone_fingerprint print = {{0}};
    float across[SIDE * (SIDE + 1)], down[(SIDE + 1) * SIDE];
    thumbnail(pixels, height, width, SIDE, SIDE + 1, across);
    thumbnail(pixels, height, width, SIDE + 1, SIDE, down);
    for (int r = 0; r < SIDE; r++)
        for (int c = 0; c < SIDE; c++) {
            int bit = r * SIDE + c;
            const float *a = &across[r * (SIDE + 1) + c], *d = &down[r * SIDE + c];
            print.word[bit / 64] |= (uint64_t)(a[1] > a[0]) << bit % 64;
            print.word[bit / 64 + 4] |= (uint64_t)(d[SIDE] > d[0]) << bit % 64;
        }
    return print;
}

static int ones(uint64_t word) {
    word -= word >> 1 & 0x5555555555555555u;
    word = (word & 0x3333333333333333u) + (word >> 2 & 0x3333333333333333u);
    word = (word + (word >> 4)) & 0x0F0F0F0F0F0F0F0Fu;
    return (int)(word * 0x0101010101010101u >> 56);
}

int hone_fingerprint_distance(const struct hone_fingerprint *a, const struct hone_fingerprint *b) {
    int distance = 0;
    for (int i = 0; i < HONE_ALIKE_WORDS; i++) distance += ones(a->word[i] ^ b->word[i]);
    return distance;
}

// A flat picture, or a ramp, says nothing about which part it shows: each half nearly all 0 or
// all 1.
static bool says_something(const struct hone_fingerprint *print) {
    int across = 0, down = 0;
    for (int i = 0; i < 4; i++) {
        across += ones(print->word[i]);
        down += ones(print->word[i + 4]);
    }
    const int least = HONE_ALIKE_BITS / 2, most = SIDE * SIDE - least;
    return (across >= least && across <= most) || (down >= least && down <= most);
}

// ---- Parts ----------------------------------------------------------------------------------

struct prints {
    const struct hone_pictures *pictures;
    struct hone_fingerprint *rows;
};

static size_t row_bytes(const struct hone_pictures *pictures) {
    return (size_t)pictures->height * (size_t)pictures->width * 3;
}

static hone_status take_one(void *user, size_t index) {
    struct prints *prints = user;
    const struct hone_pictures *p = prints->pictures;
    prints->rows[index] =
        hone_fingerprint_of(p->pixels + index * row_bytes(p), p->height, p->width);
    return HONE_OK;
}

// The nearest of `seen` to picture `index` of `held`, and whether it is the same pixel by pixel.
struct nearest {
    int distance;
    size_t index;
    bool equal;
};

static void look(const struct prints *held, size_t index, const struct prints *seen,
                 struct nearest *best) {
    size_t bytes = row_bytes(held->pictures);
    for (size_t i = 0; i < seen->pictures->count; i++) {
        int distance = hone_fingerprint_distance(&held->rows[index], &seen->rows[i]);
        if (distance > best->distance || (distance == best->distance && best->equal)) continue;
        bool equal = distance == 0 && memcmp(held->pictures->pixels + index * bytes,
                                             seen->pictures->pixels + i * bytes, bytes) == 0;
        if (distance == best->distance && !equal) continue;
        *best = (struct nearest){distance, i, equal};
    }
}

static void compare_part(const hone_dataset *dataset, const struct prints *prints, int part,
                         int *least, struct hone_alike *out) {
    const struct hone_pictures *held = prints[part].pictures;
    for (size_t i = 0; i < held->count; i++) {
        out->compared++;
        struct nearest best = {.distance = HONE_ALIKE_BITS + 1};
        int from = HONE_PART_TRAIN;
        for (int other = HONE_PART_TRAIN; other < part; other++) {
            int before = best.distance;
            bool equal = best.equal;
            look(&prints[part], i, &prints[other], &best);
            if (best.distance < before || best.equal != equal) from = other;
        }
        if (best.distance > HONE_ALIKE_BITS) continue;
        if (!best.equal && !says_something(&prints[part].rows[i])) continue;
        out->alike++;
        out->equal += best.equal;
        if (out->held && best.distance >= *least) continue;
        *least = best.distance;
        out->held = hone_dataset_item(dataset, (enum hone_part)part, held->items[i]);
        out->seen = hone_dataset_item(dataset, (enum hone_part)from,
                                      prints[from].pictures->items[best.index]);
    }
}

hone_status hone_pictures_compare(const hone_dataset *dataset, const struct hone_pictures *parts,
                                  struct hone_alike *out) {
    struct prints prints[HONE_PART_COUNT] = {{0}};
    hone_status status = HONE_OK;
    int least = 0;
    *out = (struct hone_alike){0};
    for (int part = 0; part < HONE_PART_COUNT && status == HONE_OK; part++) {
        prints[part].pictures = &parts[part];
        prints[part].rows =
            hone_calloc(parts[part].count, sizeof *prints[part].rows, "fingerprints");
        status = prints[part].rows
                     ? hone_parallel_for(parts[part].count, 0, take_one, &prints[part])
                     : HONE_OUT_OF_MEMORY;
    }
    for (int part = HONE_PART_VAL; part < HONE_PART_COUNT && status == HONE_OK; part++)
        compare_part(dataset, prints, part, &least, out);
    for (int part = 0; part < HONE_PART_COUNT; part++) hone_free(prints[part].rows);
    return status;
}

void hone_alike_warn(const struct hone_alike *alike) {
    if (!alike->alike) return;
    hone_log(
        HONE_LOG_WARNING,
        "%zu of %zu pictures held out for validation and test look like one on another side of "
        "the split (%zu of them pixel for pixel), such as %s (%s) and %s (%s): if they show the "
        "same part, the figures will be better than on new parts; split by part (--group)",
        alike->alike, alike->compared, alike->equal, alike->held->name,
        hone_part_name(alike->held->part), alike->seen->name, hone_part_name(alike->seen->part));
}
