// split.c: the seeded stratified split: pure arithmetic on counts and labels.
#include "data/dataset.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "base/text.h"

hone_status hone_split_parse(const char *text, double shares[HONE_PART_COUNT]) {
    int count = 0;
    double sum = 0;
    memset(shares, 0, HONE_PART_COUNT * sizeof *shares);
    for (const char *at = text;; at++) {
        char number[32];
        size_t length = strcspn(at, "/");
        if (count == HONE_PART_COUNT || length >= sizeof number) break;
        memcpy(number, at, length);
        number[length] = '\0';
        HONE_TRY(hone_fail_context(hone_parse_f64(number, 0, 1e6, &shares[count]), "'%s'", text));
        sum += shares[count++];
        at += length;
        if (*at) continue;
        if (count < 2 || !(shares[HONE_PART_TRAIN] > 0)) break;
        for (int part = 0; part < HONE_PART_COUNT; part++) shares[part] /= sum;
        return HONE_OK;
    }
    return hone_fail(HONE_INVALID,
                     "'%s' is no split; give shares for training, validation and test, "
                     "such as 60/20/20 or 80/20",
                     text);
}

void hone_split_counts(size_t count, const double shares[HONE_PART_COUNT],
                       size_t out[HONE_PART_COUNT]) {
    out[HONE_PART_VAL] = out[HONE_PART_TEST] = 0;
    if (count >= HONE_PART_COUNT) {
        for (int part = HONE_PART_VAL; part < HONE_PART_COUNT; part++) {
            out[part] = (size_t)floor((double)count * shares[part] + 0.5);
            if (!out[part] && shares[part] > 0) out[part] = 1;
        }
        // Training keeps one at least; what it lacks comes from the larger of the others.
        while (out[HONE_PART_VAL] + out[HONE_PART_TEST] >= count)
            out[out[HONE_PART_VAL] > out[HONE_PART_TEST] ? HONE_PART_VAL : HONE_PART_TEST]--;
    }
    out[HONE_PART_TRAIN] = count - out[HONE_PART_VAL] - out[HONE_PART_TEST];
}

// FNV-1a
uint64_t hone_split_stream(const char *name) {
    uint64_t hash = 0xCBF29CE484222325u;
    for (; *name; name++) hash = (hash ^ (unsigned char)*name) * 0x100000001B3u;
    return hash;
}

hone_status hone_dataset_split(struct hone_dataset *dataset, const double shares[HONE_PART_COUNT],
                               uint64_t seed) {
    uint32_t *places = hone_calloc(dataset->count, sizeof *places, "the split");
    uint32_t *order = hone_calloc(dataset->count, sizeof *order, "the split");
    hone_status status = places && order ? HONE_OK : HONE_OUT_OF_MEMORY;
    for (int32_t label = 0; status == HONE_OK && label < dataset->class_count; label++) {
        uint32_t count = 0;
        for (size_t i = 0; i < dataset->count; i++) {
            if (dataset->entries[i].item.label == label) places[count++] = (uint32_t)i;
        }
        size_t parts[HONE_PART_COUNT];
        hone_split_counts(count, shares, parts);
        hone_rng_permutation(seed, hone_split_stream(dataset->classes[label]), order, count);
        for (uint32_t i = 0; i < count; i++) {
            enum hone_part part = i < parts[0]              ? HONE_PART_TRAIN
                                  : i < parts[0] + parts[1] ? HONE_PART_VAL
                                                            : HONE_PART_TEST;
            dataset->entries[places[order[i]]].item.part = part;
        }
    }
    hone_free(places);
    hone_free(order);
    return status;
}
