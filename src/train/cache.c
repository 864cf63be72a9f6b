// cache.c: see cache.h. The file: a header, then hashes and features of each record, in the order
// in which they were added. It is replaced as a whole, under a lock.
#include "train/cache.h"

#include <stdio.h>
#include <string.h>

#include <xxhash.h>

#include "base/alloc.h"

static const char MAGIC[8] = "honefea1";
static const uint64_t MOST_BYTES = 1ull << 30;

struct header {
    char magic[8];
    uint64_t key;
    int32_t feature_count, reserved;
    double seconds;
    uint64_t check; // of all records
};
_Static_assert(sizeof(struct header) == 40, "the header has no gaps");

static size_t record_bytes(const struct hone_feature_cache *cache) {
    return sizeof(uint64_t) + (size_t)cache->feature_count * sizeof(float);
}

static const uint8_t *record(const struct hone_feature_cache *cache, size_t index) {
    return cache->file.data + sizeof(struct header) + index * record_bytes(cache);
}

static uint64_t record_hash(const struct hone_feature_cache *cache, size_t index) {
    uint64_t hash;
    memcpy(&hash, record(cache, index), sizeof hash);
    return hash;
}

static size_t slot_of(const struct hone_feature_cache *cache, uint64_t hash) {
    size_t slot = (size_t)hash & (cache->slot_count - 1);
    while (cache->slots[slot] != UINT32_MAX && record_hash(cache, cache->slots[slot]) != hash)
        slot = (slot + 1) & (cache->slot_count - 1);
    return slot;
}

// Whether the file is what it should be; *stored: its records.
static bool is_whole(const struct hone_feature_cache *cache, uint64_t key, size_t *stored,
                     double *seconds) {
    struct header head;
    if (cache->file.bytes < sizeof head) return false;
    memcpy(&head, cache->file.data, sizeof head);
    size_t bytes = cache->file.bytes - sizeof head;
    *stored = bytes / record_bytes(cache);
    *seconds = head.seconds;
    return memcmp(head.magic, MAGIC, sizeof MAGIC) == 0 && head.key == key &&
           head.feature_count == cache->feature_count && bytes % record_bytes(cache) == 0 &&
           bytes <= MOST_BYTES && head.check == XXH64(cache->file.data + sizeof head, bytes, 0);
}

static hone_status index_records(struct hone_feature_cache *cache) {
    cache->slot_count = 16;
    while (cache->slot_count < 2 * cache->stored) cache->slot_count *= 2;
    cache->slots = hone_calloc(cache->slot_count, sizeof *cache->slots, "the feature cache");
    if (!cache->slots) return HONE_OUT_OF_MEMORY;
    memset(cache->slots, 0xFF, cache->slot_count * sizeof *cache->slots);
    for (size_t i = 0; i < cache->stored; i++)
        cache->slots[slot_of(cache, record_hash(cache, i))] = (uint32_t)i;
    return HONE_OK;
}

hone_status hone_feature_cache_open(const char *cache_dir, uint64_t key, int32_t feature_count,
                                    struct hone_feature_cache *out) {
    char name[48];
    *out = (struct hone_feature_cache){.feature_count = feature_count};
    snprintf(name, sizeof name, "features-%016llx.bin", (unsigned long long)key);
    HONE_TRY(hone_cache_path(cache_dir, name, &out->path));
    if (out->path && hone_file_exists(out->path) &&
        hone_file_map_open(out->path, &out->file) == HONE_OK &&
        !is_whole(out, key, &out->stored, &out->seconds)) {
        out->stored = 0;
        out->seconds = 0;
    }
    hone_status status = index_records(out);
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

const float *hone_feature_cache_find(const struct hone_feature_cache *cache, uint64_t hash) {
    uint32_t index = cache->slots[slot_of(cache, hash)];
    // Records are multiples of four bytes behind a header that is one of eight.
    return index == UINT32_MAX ? NULL : (const float *)(record(cache, index) + sizeof(uint64_t));
}

// The new records behind each other, hone_free; *count: those that the file does not have.
static hone_status new_records(const struct hone_feature_cache *cache, const uint64_t *hashes,
                               const float *rows, size_t *count, uint8_t **out) {
    size_t bytes = record_bytes(cache), kept = 0;
    *out = hone_calloc(*count ? *count : 1, bytes, "the feature cache");
    if (!*out) return HONE_OUT_OF_MEMORY;
    for (size_t i = 0; i < *count; i++) {
        if (hone_feature_cache_find(cache, hashes[i])) continue;
        uint8_t *to = *out + kept++ * bytes;
        memcpy(to, &hashes[i], sizeof hashes[i]);
        memcpy(to + sizeof hashes[i], rows + i * (size_t)cache->feature_count,
               bytes - sizeof hashes[i]);
    }
    *count = kept;
    return HONE_OK;
}

static hone_status write_all(const struct hone_feature_cache *cache, uint64_t key,
                             const uint8_t *fresh, size_t count, double seconds) {
    size_t old_bytes = cache->stored * record_bytes(cache), new_bytes = count * record_bytes(cache);
    struct header head = {.key = key, .feature_count = cache->feature_count, .seconds = seconds};
    struct hone_file_writer *writer;
    XXH64_state_t *hash = XXH64_createState();
    if (!hash) return hone_fail_memory(0, "the feature cache");
    memcpy(head.magic, MAGIC, sizeof MAGIC);
    XXH64_reset(hash, 0);
    if (old_bytes) XXH64_update(hash, record(cache, 0), old_bytes);
    XXH64_update(hash, fresh, new_bytes);
    head.check = XXH64_digest(hash);
    XXH64_freeState(hash);
    HONE_TRY(hone_file_writer_open(cache->path, &writer));
    hone_status status = hone_file_writer_write(writer, &head, sizeof head);
    if (status == HONE_OK && old_bytes)
        status = hone_file_writer_write(writer, record(cache, 0), old_bytes);
    if (status == HONE_OK) status = hone_file_writer_write(writer, fresh, new_bytes);
    if (status == HONE_OK) return hone_file_writer_commit(&writer);
    hone_file_writer_discard(&writer);
    return status;
}

hone_status hone_feature_cache_add(struct hone_feature_cache *cache, const uint64_t *hashes,
                                   const float *rows, size_t count, double seconds, size_t *kept) {
    unsigned long long key = 0;
    uint8_t *fresh;
    int lock;
    *kept = 0;
    if (!cache->path) return HONE_OK;
    sscanf(hone_path_base(cache->path), "features-%16llx", &key);
    HONE_TRY(hone_file_lock(cache->path, &lock));
    // Another run may have added to it since.
    struct hone_feature_cache now = {.feature_count = cache->feature_count, .path = cache->path};
    double before = 0;
    if (hone_file_exists(now.path) && hone_file_map_open(now.path, &now.file) == HONE_OK &&
        !is_whole(&now, key, &now.stored, &before))
        now.stored = 0;
    hone_status status = index_records(&now);
    if (status == HONE_OK) status = new_records(&now, hashes, rows, &count, &fresh);
    if (status == HONE_OK) {
        uint64_t bytes = (uint64_t)(now.stored + count) * record_bytes(&now);
        if (count && bytes <= MOST_BYTES) {
            status = write_all(&now, key, fresh, count, seconds);
            if (status == HONE_OK) *kept = count;
        }
        hone_free(fresh);
    }
    now.path = NULL; // the caller's
    hone_feature_cache_close(&now);
    hone_file_unlock(lock);
    return status;
}
