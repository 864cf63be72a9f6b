// batch.h: the order of an epoch, and batches in that order. Nothing is kept between calls, so that
// a run that resumes at any step sees what it would have seen.
#ifndef HONE_DATA_BATCH_H
#define HONE_DATA_BATCH_H

#include "data/pictures.h"

// Numbers 0..count-1 in the order of this epoch: a shuffle that depends on seed and epoch alone.
void hone_epoch_order(uint64_t seed, uint32_t epoch, uint32_t *out, uint32_t count);

// As many numbers, in such an order that every class that has pictures comes as often as any other
// (once more at most): each class walks its own pictures in random order, as often as it takes, and
// goes on in the next epoch with another order. `labels` (count), below `classes`.
// HONE_OUT_OF_MEMORY.
hone_status hone_epoch_order_balanced(uint64_t seed, uint32_t epoch, const int32_t *labels,
                                      int32_t classes, uint32_t *out, uint32_t count);

// Batches of an epoch; the last may be partly filled.
size_t hone_batch_count(size_t pictures, size_t batch);

// Batch number `index` of `order` (`count` numbers of pictures; NULL: 0, 1, 2, ...) into the
// caller's pixels (batch,H,W,3) and labels (batch). Rows past the end have label -1 and black
// pixels. Returns the number of rows that hold pictures. Any thread.
size_t hone_batch_fill(const struct hone_pictures *pictures, const uint32_t *order, size_t count,
                       size_t index, size_t batch, uint8_t *pixels, int32_t *labels);

#endif
