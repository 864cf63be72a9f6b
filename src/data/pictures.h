// pictures.h: the pictures of a part, decoded once on all cores and kept as u8 at the net's size.
#ifndef HONE_DATA_PICTURES_H
#define HONE_DATA_PICTURES_H

#include <hone/data.h>

#include "image/preprocess.h"

// Zero it to begin; deinit to end. Read-only after loading, so that any thread may read it.
struct hone_pictures {
    size_t count; // readable pictures, in the order of the data set
    int32_t height, width;
    uint8_t *pixels; // (count,H,W,3) RGB
    int32_t *labels; // (count)
    size_t *items;   // (count): index within the data set's part
    size_t broken;   // pictures that could not be read
};

struct hone_pictures_params {
    bool strict;      // the first broken picture ends the load
    unsigned threads; // 0: one a core
    // Called from the loading thread, at most about ten times a second and once at the end; may be
    // NULL. Returning false stops: HONE_CANCELLED.
    bool (*progress)(void *user, size_t done, size_t total);
    void *user;
};

// Bytes of pixels that `count` pictures of this size take.
uint64_t hone_pictures_bytes(size_t count, int32_t height, int32_t width);

// Blocks until all are decoded and fitted. Broken pictures are named in warnings, in the order of
// the data set, counted and left out. Failures: a broken picture under strict (HONE_INVALID,
// HONE_IO or HONE_NOT_FOUND, named); no readable picture; a class of the training part of which
// none is readable; more pixels than this machine has memory (HONE_OUT_OF_MEMORY, saying how much
// is needed). An empty part gives count 0. `params` may be NULL.
hone_status hone_pictures_load(const hone_dataset *dataset, enum hone_part part,
                               const struct hone_preprocess *preprocess,
                               const struct hone_pictures_params *params,
                               struct hone_pictures *out);
void hone_pictures_deinit(struct hone_pictures *pictures);

#endif
