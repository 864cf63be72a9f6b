// batch.c: see batch.h.
#include "data/batch.h"

#include <string.h>

#include "base/rng.h"

// Streams of random numbers are named by their use in the upper half.
#define HONE_STREAM_ORDER ((uint64_t)0x6F726472 << 32) // "ordr"

void hone_epoch_order(uint64_t seed, uint32_t epoch, uint32_t *out, uint32_t count) {
    hone_rng_permutation(seed, HONE_STREAM_ORDER | epoch, out, count);
}

size_t hone_batch_count(size_t pictures, size_t batch) {
    return (pictures + batch - 1) / batch;
}

size_t hone_batch_fill(const struct hone_pictures *pictures, const uint32_t *order, size_t count,
                       size_t index, size_t batch, uint8_t *pixels, int32_t *labels) {
    size_t row = (size_t)pictures->height * (size_t)pictures->width * 3;
    size_t first = index * batch, filled = 0;
    for (size_t i = 0; i < batch; i++) {
        if (first + i >= count) {
            memset(pixels + i * row, 0, row);
            labels[i] = -1;
            continue;
        }
        size_t from = order ? order[first + i] : first + i;
        memcpy(pixels + i * row, pictures->pixels + from * row, row);
        labels[i] = pictures->labels[from];
        filled++;
    }
    return filled;
}
