// alloc.h: host memory. The only place that calls malloc; tests make the N-th allocation fail here.
//
// Two shapes: single blocks (hone_calloc, hone_realloc, hone_free) and an arena, for things that
// are built up and die together: graphs, parsed files. Memory comes zeroed. A NULL return means
// that the message of this thread has been set: callers return HONE_OUT_OF_MEMORY.
#ifndef HONE_BASE_ALLOC_H
#define HONE_BASE_ALLOC_H

#include <stddef.h>
#include <stdint.h>

// Analysers read one file at a time: what comes from here may be NULL, and is to be freed.
#if defined(__clang_analyzer__) && defined(__GNUC__) && !defined(__clang__)
void hone_free(void *memory);
#define HONE_BLOCK __attribute__((malloc, malloc(hone_free, 1)))
#else
#define HONE_BLOCK
#endif

// `count * size` zeroed bytes, overflow checked. Zero bytes give a valid pointer.
HONE_BLOCK void *hone_calloc(size_t count, size_t size, const char *what);
// Grows or shrinks; new bytes are not zeroed. On failure NULL, and `memory` stays valid.
void *hone_realloc(void *memory, size_t count, size_t size, const char *what);
void hone_free(void *memory);
HONE_BLOCK char *hone_strdup(const char *text);

// Makes `*items` hold at least `need` elements of `size` bytes, at least doubling. False on
// failure. The idiom of growable arrays: if (!hone_grow((void **)&a.items, &a.capacity, a.count +
// 1, sizeof *a.items, "what")) return HONE_OUT_OF_MEMORY;
int hone_grow(void *items, size_t *capacity, size_t need, size_t size, const char *what);

// Arena: zero it to begin, deinit to end. Pointers stay valid until then.
struct hone_arena {
    struct hone_arena_block *blocks;
};
void *hone_arena_alloc(struct hone_arena *arena, size_t count, size_t size);
void *hone_arena_copy(struct hone_arena *arena, const void *data, size_t bytes);
char *hone_arena_strdup(struct hone_arena *arena, const char *text);
void hone_arena_deinit(struct hone_arena *arena);

// Test hook: after `count` more successful allocations all fail; a negative count switches it off.
void hone_alloc_fail_after(long count);
// Bytes of blocks that are alive in this process, for leak and growth tests.
size_t hone_alloc_live_bytes(void);
// Allocations made in this process so far: a loop that should make none can be watched.
size_t hone_alloc_count(void);

#endif
