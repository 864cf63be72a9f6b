// alike.h: pictures that look the same though their files differ: the same part photographed again,
// under another exposure. On two sides of a split they make figures too good.
//
// The fingerprint is a difference hash (Krawetz 2013, "Kind of Like That") of 512 bits: whether a
// pixel of a 17x16 grey thumbnail is brighter than its neighbour, both ways. Brightness and
// contrast leave it alone. On 1,344 photographs of magnetic tiles, six exposures of each, a
// distance of up to 76 bits finds one of the same tile for 94 % of them, and 157 pairs of others
// among 900,000.
#ifndef HONE_DATA_ALIKE_H
#define HONE_DATA_ALIKE_H

#include "data/pictures.h"

enum { HONE_ALIKE_WORDS = 8, HONE_ALIKE_BITS = 76 };
struct hone_fingerprint {
    uint64_t word[HONE_ALIKE_WORDS];
};

// Of u8 (H,W,3).
struct hone_fingerprint hone_fingerprint_of(const uint8_t *pixels, int32_t height, int32_t width);
// Bits that differ, 0 to 512.
int hone_fingerprint_distance(const struct hone_fingerprint *a, const struct hone_fingerprint *b);

// Pictures of validation and test that are, or look like, a picture of another part that comes
// before it (train, then val). Pictures without structure (a fingerprint that says nothing) are
// left out.
struct hone_alike {
    size_t compared; // pictures of val and test
    size_t equal;    // of them: same pixels at the net's size
    size_t alike;    // of them: near, the equal ones among them
    // The nearest pair: items of the data set. NULL where alike is 0.
    const struct hone_data_item *held, *seen;
};
// `parts`: HONE_PART_COUNT of them, decoded at one size. Work grows with the product of the parts'
// sizes: 5,000 pictures take a tenth of a second on one core.
hone_status hone_pictures_compare(const hone_dataset *dataset, const struct hone_pictures *parts,
                                  struct hone_alike *out);
// Warns of what was found, with what to do.
void hone_alike_warn(const struct hone_alike *alike);

#endif
