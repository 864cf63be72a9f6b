// file.h: files and folders. Reading whole or mapped; writing so that a reader sees the old file or
// the new one, never half of one: a temporary file in the same folder, fsync, rename, fsync of the
// folder.
//
// Messages read "cannot read PATH: Permission denied"; a missing file is HONE_NOT_FOUND, other
// causes HONE_IO. Every function may run on any thread.
#ifndef HONE_BASE_FILE_H
#define HONE_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/error.h"

// Whole file into memory (hone_free), with a zero byte after its end, so that text is a string. A
// file larger than `limit_bytes` is HONE_INVALID; 0 sets no limit.
hone_status hone_file_read(const char *path, uint64_t limit_bytes, char **out, size_t *out_bytes);

// Read-only map of a file. Zero it to begin; close is harmless on a zeroed one. An empty file maps
// to a valid pointer and 0 bytes. The process is killed when another program shortens a mapped
// file.
struct hone_file_map {
    const uint8_t *data;
    size_t bytes;
};
hone_status hone_file_map_open(const char *path, struct hone_file_map *out);
void hone_file_map_close(struct hone_file_map *map);
// Lets the whole pages of these bytes leave memory, if they lie in the map; they are read again
// when they are touched again.
void hone_file_map_release(const struct hone_file_map *map, const void *data, size_t bytes);

// Writes a file in pieces; nothing appears under `path` before commit. Where `path` is a device or
// a pipe, the pieces go to it at once. A link is followed. After a failed write, discard.
struct hone_file_writer;
hone_status hone_file_writer_open(const char *path, struct hone_file_writer **out);
hone_status hone_file_writer_write(struct hone_file_writer *writer, const void *data, size_t bytes);
// Both free the writer and null the pointer; a failed commit leaves no temporary file.
hone_status hone_file_writer_commit(struct hone_file_writer **writer);
void hone_file_writer_discard(struct hone_file_writer **writer);
// All of it in one call.
hone_status hone_file_write(const char *path, const void *data, size_t bytes);

bool hone_file_exists(const char *path); // of any kind
bool hone_dir_exists(const char *path);
// Makes the folder and those above it; an existing folder is fine.
hone_status hone_dir_make(const char *path);

struct hone_dir_entry {
    const char *name;
    bool is_dir; // links are followed
};
// Entries of a folder, without "." and "..", in order of their bytes: the same on every machine.
// Memory belongs to `arena`.
hone_status hone_dir_list(const char *path, struct hone_arena *arena, struct hone_dir_entry **out,
                          size_t *out_count);

// "folder/name", or a copy of `name` where it is absolute or `folder` is empty. hone_free; NULL:
// memory.
char *hone_path_join(const char *folder, const char *name);
// "a/b/c.png" -> "c.png"; points into `path`.
const char *hone_path_base(const char *path);
// "a/b/c.png" -> ".png"; ".hidden" and "plain" -> "". Points into `path`.
const char *hone_path_extension(const char *path);
// "a/b/c.png" -> "a/b"; "c.png" -> "."; "/c" -> "/". hone_free; NULL: memory.
char *hone_path_folder(const char *path);
// Absolute, links resolved; a copy of `path` where nothing is there. hone_free; NULL: memory.
char *hone_path_real(const char *path);

// The file of this name in the user's cache: `cache_dir`, else $XDG_CACHE_HOME/hone or
// ~/.cache/hone. *out is NULL when cache_dir is "" or there is no such place. hone_free.
hone_status hone_cache_path(const char *cache_dir, const char *name, char **out);

// Of files in the user's cache whose names begin with `prefix`, beside `path`: removes those that
// were written longest ago, but not `path` itself, until all of them and `more` bytes take no more
// than `most` and no more than half of what the disk could give. false: not even then, or the disk
// cannot be asked. Who has a removed file mapped keeps it.
bool hone_cache_make_room(const char *path, const char *prefix, uint64_t more, uint64_t most);
// What such files may take in all: nothing is removed; 0 where the disk cannot be asked.
uint64_t hone_cache_limit(const char *path, const char *prefix, uint64_t most);

// Adds to a file behind its first `keep` bytes; what lay there is cut off; keep 0: a new file takes
// the place of what was there. No reader is kept from a half-written end: what is added must tell
// by itself whether it is whole.
hone_status hone_file_append(const char *path, uint64_t keep, const void *data, size_t bytes);

// Waits for a lock beside the file, "PATH.lock", and makes the folder. One thread of one process
// holds it at a time; a thread holds no second one, and gives back its own. A folder without locks
// is no failure: whole files are replaced. After a failure nothing is held.
hone_status hone_file_lock(const char *path, int *lock);
void hone_file_unlock(int lock);
// Takes a folder for this process, as long as it lives or until it is released. HONE_INVALID where
// another has it; a file system without locks gives it to everybody. *claim: for the release.
hone_status hone_dir_claim(const char *path, int *claim);
void hone_dir_release(int claim);

// "cannot VERB PATH: strerror(code)", with the status that fits the code.
hone_status hone_fail_errno(int code, const char *verb, const char *path);

#endif
