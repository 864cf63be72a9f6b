// cache.h: what frozen layers say of pictures, kept on disk between runs: folds, seeds and other
// options see the same pictures again. A record is a row of numbers under the hash of a picture's
// pixels: the features that the classifier reads (features.c), or the maps at which training goes
// on (prefix.c). A file holds the records of one net (weights, preprocessing, size) on one device
// with one choice of kernels, so that what is read has the bits that would be computed. Files take
// 8 GiB of the user's cache at most; those that were added to longest ago make room.
#ifndef HONE_TRAIN_CACHE_H
#define HONE_TRAIN_CACHE_H

#include "base/file.h"
#include "data/pictures.h"

struct hone_model;
struct hone_program;

// What took less to compute, in seconds, is not worth a file, where nobody asks for one.
enum { HONE_CACHE_SECONDS = 2 };

struct hone_feature_cache {
    char *path; // NULL: nothing is kept on disk
    uint64_t key;
    int32_t width;             // numbers of a row
    struct hone_file_map file; // what was there
    size_t stored;             // records in it, damaged ones included
    uint32_t *slots;           // record by hash, open addressing; UINT32_MAX: free
    size_t slot_count;
};

// What rows are made of: all that their bits follow from, but device and program.
struct hone_feature_cache_source {
    const struct hone_model *model; // its preprocessing and its parameters
    bool (*leaves_out)(const void *user, size_t param);
    const void *user;
    int32_t batch; // pictures at a time
    int32_t flips; // mask of HONE_MODEL_FLIP_*
};
// The key of rows of a source by a program: its operators, kernels and their tiles count, too.
hone_status hone_feature_cache_key(struct hone_program *program, const char *device_key,
                                   const struct hone_feature_cache_source *source, uint64_t *out);

// Finds the file of this key in the user's cache (`cache_dir` as hone_cache_path). One that is
// absent or another's is as an empty one. Fails for want of memory only. `path` stays NULL where
// `cache_dir` is "".
hone_status hone_feature_cache_open(const char *cache_dir, uint64_t key, int32_t width,
                                    struct hone_feature_cache *out);
void hone_feature_cache_close(struct hone_feature_cache *cache);

// The hash of picture `index` as the net sees it.
uint64_t hone_feature_cache_hash(const struct hone_pictures *pictures, size_t index);
// Its row (width), in the file's memory; NULL: it is not there, or damaged. *seconds (may be NULL)
// receives what it took to compute.
const float *hone_feature_cache_find(const struct hone_feature_cache *cache, uint64_t hash,
                                     double *seconds);

// Adds these rows (count, width), but for those that the file has already, whoever added them;
// find() sees them after the cache is opened again. `seconds`: what one of them took. *kept: rows
// that were added; none where there is no room.
hone_status hone_feature_cache_add(const struct hone_feature_cache *cache, const uint64_t *hashes,
                                   const float *rows, size_t count, double seconds, size_t *kept);
// Whether `rows` rows of `width` numbers find room in the user's cache, if files of other keys go
// for them; none goes yet.
bool hone_feature_cache_has_room(const char *cache_dir, int64_t rows, int64_t width);

#endif
