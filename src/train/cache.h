// cache.h: what a frozen backbone says of pictures, kept in memory during a run and on disk between
// runs: folds, seeds and other options see the same pictures again. A record is a picture's
// features under the hash of its pixels; a file holds the records of one net (weights,
// preprocessing, size) on one device with one choice of kernels, so that what is read has the bits
// that would be computed.
#ifndef HONE_TRAIN_CACHE_H
#define HONE_TRAIN_CACHE_H

#include "base/file.h"
#include "data/pictures.h"

struct hone_feature_cache {
    char *path; // NULL: nothing is kept on disk
    int32_t feature_count;
    struct hone_file_map file; // what was there
    size_t stored;             // records in it
    double seconds;            // what a picture took to compute, as the file says; 0: unknown
    uint32_t *slots;           // record by hash, open addressing; UINT32_MAX: free
    size_t slot_count;
};

// Finds and checks the file of this key in the user's cache (`cache_dir` as hone_cache_path). A
// file that is absent, damaged or another's is as an empty one. Fails for want of memory only.
// `path` stays NULL where `cache_dir` is "".
hone_status hone_feature_cache_open(const char *cache_dir, uint64_t key, int32_t feature_count,
                                    struct hone_feature_cache *out);
void hone_feature_cache_close(struct hone_feature_cache *cache);

// The hash of picture `index` as the net sees it.
uint64_t hone_feature_cache_hash(const struct hone_pictures *pictures, size_t index);
// Its features (feature_count), in the file's memory; NULL: it is not there.
const float *hone_feature_cache_find(const struct hone_feature_cache *cache, uint64_t hash);

// The file with these rows (count, feature_count) more, where it stays below 1 GiB; those that it
// has already are left out. `seconds`: what one of them took. *kept: rows that were added.
hone_status hone_feature_cache_add(struct hone_feature_cache *cache, const uint64_t *hashes,
                                   const float *rows, size_t count, double seconds, size_t *kept);

#endif
