// batch.c: see batch.h.
#include "data/batch.h"

#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"

// Streams of random numbers are named by their use in the upper half.
#define HONE_STREAM_ORDER   ((uint64_t)0x6F726472 << 32) // "ordr"
#define HONE_STREAM_BALANCE ((uint64_t)0x62616C61 << 32) // "bala"
#define HONE_STREAM_TURN    ((uint64_t)0x7475726E << 32) // "turn"

void hone_epoch_order(uint64_t seed, uint32_t epoch, uint32_t *out, uint32_t count) {
    hone_rng_permutation(seed, HONE_STREAM_ORDER | epoch, out, count);
}

// Pictures sorted by class, random within: those of class c at members[first[c]] .. first[c + 1]
// - 1.
static void sort_by_class(const int32_t *labels, int32_t classes, const uint32_t *shuffled,
                          uint32_t count, uint32_t *members, uint32_t *first) {
    for (uint32_t i = 0; i < count; i++) first[labels[i] + 1]++;
    for (int32_t c = 0; c < classes; c++) first[c + 1] += first[c];
    for (uint32_t i = count; i-- > 0;) // from the end, so that first[c + 1] walks back to first[c]
        members[--first[labels[shuffled[i]] + 1]] = shuffled[i];
    memmove(first, first + 1, (size_t)classes * sizeof *first);
    first[classes] = count;
}

hone_status hone_epoch_order_balanced(uint64_t seed, uint32_t epoch, const int32_t *labels,
                                      int32_t classes, uint32_t *out, uint32_t count) {
    size_t slots = (size_t)classes + 1;
    uint32_t *members = hone_calloc(2 * (size_t)count + 3 * slots, sizeof *members, "an order");
    if (!members) return HONE_OUT_OF_MEMORY;
    uint32_t *turns = members + count, *first = turns + count, *next = first + slots,
             *present = next + slots, kinds = 0;
    hone_rng_permutation(seed, HONE_STREAM_BALANCE | epoch, out, count);
    sort_by_class(labels, classes, out, count, members, first);
    for (int32_t c = 0; c < classes; c++)
        if (first[c + 1] > first[c]) present[kinds++] = (uint32_t)c;
    hone_rng_permutation(seed, HONE_STREAM_TURN | epoch, turns, count);
    for (uint32_t i = 0; i < count; i++) {
        // NOLINTNEXTLINE(clang-analyzer-core.DivideZero): a picture has a class, so that kinds > 0
        uint32_t c = present[turns[i] % kinds], size = first[c + 1] - first[c];
        out[i] = members[first[c] + next[c]++ % size];
    }
    hone_free(members);
    return HONE_OK;
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
