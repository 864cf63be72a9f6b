// alloc.c: zeroed blocks with a size header (for the live count), and the arena on top of them.
#include "base/alloc.h"

#include "base/error.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

// The header keeps blocks aligned for any type.
union hone_block {
    size_t bytes;
    max_align_t align;
};

struct hone_arena_block {
    struct hone_arena_block *next;
    size_t used, capacity; // bytes after this header
    max_align_t data[];
};

enum { HONE_ARENA_BLOCK_BYTES = 32 * 1024 };

static atomic_long hone_fail_countdown = -1;
static atomic_size_t hone_live, hone_made;

void hone_alloc_fail_after(long count) {
    atomic_store(&hone_fail_countdown, count);
}

size_t hone_alloc_live_bytes(void) {
    return atomic_load(&hone_live);
}

size_t hone_alloc_count(void) {
    return atomic_load(&hone_made);
}

// True when this allocation is one that a test asked to fail.
static int hone_alloc_refused(void) {
    atomic_fetch_add(&hone_made, 1);
    long left = atomic_load(&hone_fail_countdown);
    if (left < 0) return 0;
    if (left == 0) return 1;
    atomic_fetch_sub(&hone_fail_countdown, 1);
    return 0;
}

void *hone_realloc(void *memory, size_t count, size_t size, const char *what) {
    if (size && count > (SIZE_MAX - sizeof(union hone_block)) / size) {
        hone_fail_memory(SIZE_MAX, what);
        return NULL;
    }
    size_t bytes = count * size;
    union hone_block *old = memory ? (union hone_block *)memory - 1 : NULL;
    size_t old_bytes = old ? old->bytes : 0;
    union hone_block *block = hone_alloc_refused() ? NULL : realloc(old, sizeof *block + bytes);
    if (!block) {
        hone_fail_memory(bytes, what);
        return NULL;
    }
    block->bytes = bytes;
    atomic_fetch_add(&hone_live, bytes - old_bytes);
    return block + 1;
}

void *hone_calloc(size_t count, size_t size, const char *what) {
    void *memory = hone_realloc(NULL, count, size, what);
    if (memory) memset(memory, 0, count * size);
    return memory;
}

void hone_free(void *memory) {
    if (!memory) return;
    union hone_block *block = (union hone_block *)memory - 1;
    atomic_fetch_sub(&hone_live, block->bytes);
    free(block);
}

char *hone_strdup(const char *text) {
    size_t bytes = strlen(text) + 1;
    char *copy = hone_calloc(bytes, 1, "a string");
    if (copy) memcpy(copy, text, bytes);
    return copy;
}

int hone_grow(void *items, size_t *capacity, size_t need, size_t size, const char *what) {
    if (need <= *capacity) return 1;
    size_t wanted = *capacity ? *capacity * 2 : 16;
    if (wanted < need) wanted = need;
    void *old;
    memcpy(&old, items, sizeof old); // `items` is a T **: read it without breaking aliasing rules
    void *memory = hone_realloc(old, wanted, size, what);
    if (!memory) return 0;
    memset((char *)memory + *capacity * size, 0, (wanted - *capacity) * size);
    memcpy(items, &memory, sizeof memory);
    *capacity = wanted;
    return 1;
}

void *hone_arena_alloc(struct hone_arena *arena, size_t count, size_t size) {
    size_t unit = sizeof(max_align_t);
    if (size && count > (SIZE_MAX / 2) / size) {
        hone_fail_memory(SIZE_MAX, "an arena");
        return NULL;
    }
    size_t bytes = (count * size + unit - 1) / unit * unit;
    struct hone_arena_block *block = arena->blocks;
    if (!block || block->capacity - block->used < bytes) {
        size_t capacity = bytes > HONE_ARENA_BLOCK_BYTES ? bytes : HONE_ARENA_BLOCK_BYTES;
        block = hone_calloc(1, sizeof *block + capacity, "an arena");
        if (!block) return NULL;
        block->capacity = capacity;
        block->next = arena->blocks;
        arena->blocks = block;
    }
    void *memory = (char *)block->data + block->used;
    block->used += bytes;
    return memory;
}

void *hone_arena_copy(struct hone_arena *arena, const void *data, size_t bytes) {
    void *copy = hone_arena_alloc(arena, bytes, 1);
    if (copy && bytes) memcpy(copy, data, bytes);
    return copy;
}

char *hone_arena_strdup(struct hone_arena *arena, const char *text) {
    return hone_arena_copy(arena, text, strlen(text) + 1);
}

void hone_arena_deinit(struct hone_arena *arena) {
    for (struct hone_arena_block *block = arena->blocks, *next; block; block = next) {
        next = block->next;
        hone_free(block);
    }
    arena->blocks = NULL;
}
