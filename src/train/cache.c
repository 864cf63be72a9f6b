// cache.c: see cache.h. The file: a header, then records one behind the other, each with a checksum
// of its own: it only grows, under a lock, and a record that a kill or a full disk left unfinished
// is cut off by the next that adds.
#include "train/cache.h"

#include <stdio.h>
#include <string.h>

#include <xxhash.h>

#include "base/alloc.h"
#include "exec/program.h"
#include "image/preprocess.h"
#include "model/model.h"

static const char MAGIC[8] = "honefea2";
static const char PREFIX[] = "features-";
static const uint64_t MOST_BYTES = 8ull << 30; // of all files

struct header {
    char magic[8];
    uint64_t key;
    int32_t width, reserved;
};
_Static_assert(sizeof(struct header) == 24, "the header has no gaps");

// In front of a row.
struct label {
    uint64_t hash;
    uint64_t check; // of hash, seconds and the row
    double seconds;
};
_Static_assert(sizeof(struct label) == 24, "a label has no gaps");

static size_t record_bytes(const struct hone_feature_cache *cache) {
    return sizeof(struct label) + (size_t)cache->width * sizeof(float);
}

static const uint8_t *record(const struct hone_feature_cache *cache, size_t index) {
    return cache->file.data + sizeof(struct header) + index * record_bytes(cache);
}

// Records are multiples of four bytes: a label is copied, a row can be read in place.
static struct label label_of(const struct hone_feature_cache *cache, size_t index) {
    struct label label;
    memcpy(&label, record(cache, index), sizeof label);
    return label;
}

static uint64_t check_of(const struct hone_feature_cache *cache, const struct label *label,
                         const void *row) {
    uint64_t seed = XXH64(&label->seconds, sizeof label->seconds, label->hash);
    return XXH64(row, (size_t)cache->width * sizeof(float), seed);
}

static size_t slot_of(const struct hone_feature_cache *cache, uint64_t hash) {
    size_t slot = (size_t)hash & (cache->slot_count - 1);
    while (cache->slots[slot] != UINT32_MAX && label_of(cache, cache->slots[slot]).hash != hash)
        slot = (slot + 1) & (cache->slot_count - 1);
    return slot;
}

// Records of the mapped file; false: it is not of this cache.
static bool count_records(const struct hone_feature_cache *cache, size_t *stored) {
    struct header head;
    if (cache->file.bytes < sizeof head) return false;
    memcpy(&head, cache->file.data, sizeof head);
    *stored = (cache->file.bytes - sizeof head) / record_bytes(cache);
    return memcmp(head.magic, MAGIC, sizeof MAGIC) == 0 && head.key == cache->key &&
           head.width == cache->width && *stored < UINT32_MAX / 4;
}

static hone_status index_records(struct hone_feature_cache *cache) {
    cache->slot_count = 16;
    while (cache->slot_count < 2 * cache->stored) cache->slot_count *= 2;
    cache->slots = hone_calloc(cache->slot_count, sizeof *cache->slots, "the feature cache");
    if (!cache->slots) return HONE_OUT_OF_MEMORY;
    memset(cache->slots, 0xFF, cache->slot_count * sizeof *cache->slots);
    // Of two with one hash the later counts: it was added since the first is damaged.
    for (size_t i = 0; i < cache->stored; i++)
        cache->slots[slot_of(cache, label_of(cache, i).hash)] = (uint32_t)i;
    return HONE_OK;
}

static hone_status open_records(struct hone_feature_cache *cache) {
    if (cache->path && hone_file_exists(cache->path) &&
        hone_file_map_open(cache->path, &cache->file) == HONE_OK &&
        !count_records(cache, &cache->stored)) {
        cache->stored = 0;
        hone_file_map_close(&cache->file);
    }
    return index_records(cache);
}

hone_status hone_feature_cache_key(struct hone_program *program, const char *device_key,
                                   const struct hone_feature_cache_source *source, uint64_t *out) {
    const struct hone_model *model = source->model;
    const struct hone_preprocess *p = &model->preprocess;
    const int64_t sizes[] = {source->batch, source->flips, p->height, p->width};
    struct hone_text how = {0};
    XXH64_hash_t hash = XXH64(device_key, strlen(device_key), XXH64(sizes, sizeof sizes, 0));
    HONE_TRY(hone_preprocess_print(p, &how));
    hash = XXH64(how.data, how.length, hash);
    hone_text_deinit(&how);
    for (size_t i = 0; i < model->param_count; i++) {
        const struct hone_desc *desc = hone_graph_desc(model->graph, model->params[i].value);
        if (source->leaves_out(source->user, i)) continue;
        hash = XXH64(model->params[i].data, (size_t)hone_desc_elements(desc) * sizeof(float), hash);
    }
    for (int i = 0; i < hone_program_node_count(program); i++) {
        struct hone_program_node node;
        HONE_TRY(hone_program_node(program, i, &node));
        hash = XXH64(node.op, strlen(node.op), hash);
        hash = XXH64(node.row, strlen(node.row), hash);
        hash = XXH64(node.tile, strlen(node.tile), hash);
    }
    *out = hash;
    return HONE_OK;
}

hone_status hone_feature_cache_open(const char *cache_dir, uint64_t key, int32_t width,
                                    struct hone_feature_cache *out) {
    char name[48];
    *out = (struct hone_feature_cache){.key = key, .width = width};
    snprintf(name, sizeof name, "%s%016llx-%d.bin", PREFIX, (unsigned long long)key, (int)width);
    HONE_TRY(hone_cache_path(cache_dir, name, &out->path));
    hone_status status = open_records(out);
    if (status != HONE_OK) hone_feature_cache_close(out);
    return status;
}

void hone_feature_cache_close(struct hone_feature_cache *cache) {
    hone_file_map_close(&cache->file);
    hone_free(cache->slots);
    hone_free(cache->path);
    *cache = (struct hone_feature_cache){0};
}

uint64_t hone_feature_cache_hash(const struct hone_pictures *pictures, size_t index) {
    size_t bytes = (size_t)pictures->height * (size_t)pictures->width * 3;
    return XXH64(pictures->pixels + index * bytes, bytes, 0);
}

const float *hone_feature_cache_find(const struct hone_feature_cache *cache, uint64_t hash,
                                     double *seconds) {
    if (!cache->slots) return NULL;
    uint32_t index = cache->slots[slot_of(cache, hash)];
    if (index == UINT32_MAX) return NULL;
    struct label label = label_of(cache, index);
    const float *row = (const float *)(record(cache, index) + sizeof label);
    if (check_of(cache, &label, row) != label.check) return NULL;
    if (seconds) *seconds = label.seconds;
    return row;
}

// Header, where the file has none, and the new records, behind each other: hone_free.
// *count: those that the file does not have.
static hone_status new_records(const struct hone_feature_cache *cache, const uint64_t *hashes,
                               const float *rows, double seconds, size_t *count, uint8_t **out,
                               size_t *out_bytes) {
    size_t row_bytes = (size_t)cache->width * sizeof(float), kept = 0;
    struct header head = {.key = cache->key, .width = cache->width};
    size_t start = cache->file.data ? 0 : sizeof head;
    *out = hone_calloc(start + *count * record_bytes(cache) + 1, 1, "the feature cache");
    if (!*out) return HONE_OUT_OF_MEMORY;
    memcpy(head.magic, MAGIC, sizeof MAGIC);
    if (start) memcpy(*out, &head, sizeof head);
    for (size_t i = 0; i < *count; i++) {
        if (hone_feature_cache_find(cache, hashes[i], NULL)) continue;
        const float *row = rows + i * (size_t)cache->width;
        struct label label = {.hash = hashes[i], .seconds = seconds};
        label.check = check_of(cache, &label, row);
        uint8_t *to = *out + start + kept++ * record_bytes(cache);
        memcpy(to, &label, sizeof label);
        memcpy(to + sizeof label, row, row_bytes);
    }
    *count = kept;
    *out_bytes = start + kept * record_bytes(cache);
    return HONE_OK;
}

hone_status hone_feature_cache_add(const struct hone_feature_cache *cache, const uint64_t *hashes,
                                   const float *rows, size_t count, double seconds, size_t *kept) {
    uint8_t *fresh = NULL;
    size_t bytes;
    int lock;
    *kept = 0;
    if (!cache->path) return HONE_OK;
    HONE_TRY(hone_file_lock(cache->path, &lock));
    // Another run may have added to it since.
    struct hone_feature_cache now = {.path = cache->path, .key = cache->key, .width = cache->width};
    hone_status status = open_records(&now);
    if (status == HONE_OK)
        status = new_records(&now, hashes, rows, seconds, &count, &fresh, &bytes);
    if (status == HONE_OK && count && hone_cache_make_room(now.path, PREFIX, bytes, MOST_BYTES)) {
        size_t whole = now.file.data ? sizeof(struct header) + now.stored * record_bytes(&now) : 0;
        status = hone_file_append(now.path, whole, fresh, bytes);
        if (status == HONE_OK) *kept = count;
    }
    hone_free(fresh);
    now.path = NULL; // the caller's
    hone_feature_cache_close(&now);
    hone_file_unlock(lock);
    return status;
}

bool hone_feature_cache_has_room(const char *cache_dir, int64_t rows, int64_t width) {
    char *path;
    int64_t bytes = rows * (width * (int64_t)sizeof(float) + (int64_t)sizeof(struct label));
    if (hone_cache_path(cache_dir, "features-.bin", &path) != HONE_OK || !path) return false;
    bool room = (uint64_t)bytes <= hone_cache_limit(path, PREFIX, MOST_BYTES);
    hone_free(path);
    return room;
}
