// file_cache.c: the user's cache folder, room in it, and locks between those that add to a file in
// it: a lock on a file keeps out other processes, and not the threads of this one, which a mutex
// does.
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/text.h"

hone_status hone_cache_path(const char *cache_dir, const char *name, char **out) {
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    const char *folder = NULL, *below = "";
    struct hone_text text = {0};
    *out = NULL;
    // The XDG specification says to ignore relative paths.
    if (cache_dir) {
        folder = cache_dir;
    } else if (xdg && *xdg == '/') {
        folder = xdg;
        below = "/hone";
    } else if (home && *home == '/') {
        folder = home;
        below = "/.cache/hone";
    }
    if (!folder || !*folder) return HONE_OK;
    hone_status status = hone_text_printf(&text, "%s%s/%s", folder, below, name);
    if (status == HONE_OK) *out = hone_text_take(&text);
    hone_text_deinit(&text);
    return status == HONE_OK && !*out ? HONE_OUT_OF_MEMORY : status;
}

// A file that may have to go.
struct hone_old_file {
    char *path;
    uint64_t bytes;
    struct timespec written;
};

static int hone_old_file_order(const void *a, const void *b) {
    const struct timespec *x = &((const struct hone_old_file *)a)->written;
    const struct timespec *y = &((const struct hone_old_file *)b)->written;
    if (x->tv_sec != y->tv_sec) return x->tv_sec < y->tv_sec ? -1 : 1;
    return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

// Files of the folder whose names begin with `prefix` and end as `path` does; *taken: the bytes of
// all of them, `path` included, which is not in the list.
static hone_status hone_old_files(const char *folder, const char *path, const char *prefix,
                                  struct hone_arena *arena, struct hone_old_file **out,
                                  size_t *count, uint64_t *taken) {
    struct hone_dir_entry *entries;
    size_t entry_count;
    *count = 0;
    HONE_TRY(hone_dir_list(folder, arena, &entries, &entry_count));
    *out = hone_arena_alloc(arena, entry_count ? entry_count : 1, sizeof **out);
    if (!*out) return HONE_OUT_OF_MEMORY;
    for (size_t i = 0; i < entry_count; i++) {
        struct stat info;
        const char *name = entries[i].name;
        if (!hone_text_starts_with(name, prefix) ||
            strcmp(hone_path_extension(name), hone_path_extension(path)) != 0)
            continue;
        char *joined = hone_path_join(folder, name);
        char *kept = joined ? hone_arena_strdup(arena, joined) : NULL;
        hone_free(joined);
        if (!kept) return HONE_OUT_OF_MEMORY;
        if (stat(kept, &info) != 0 || !S_ISREG(info.st_mode)) continue;
        *taken += (uint64_t)info.st_size;
        if (strcmp(name, hone_path_base(path)) != 0)
            (*out)[(*count)++] = (struct hone_old_file){kept, (uint64_t)info.st_size, info.st_mtim};
    }
    qsort(*out, *count, sizeof **out, hone_old_file_order);
    return HONE_OK;
}

// The files beside a path, and what all of them may take.
struct hone_cache_files {
    struct hone_arena arena;
    struct hone_old_file *old; // but for the path's own
    size_t count;
    uint64_t taken, limit; // bytes; the path's own are among those taken
};

static hone_status hone_cache_look(const char *path, const char *prefix, uint64_t most,
                                   struct hone_cache_files *out) {
    struct statvfs disk;
    char *folder = hone_path_folder(path);
    *out = (struct hone_cache_files){0};
    if (!folder) return HONE_OUT_OF_MEMORY;
    hone_status status = hone_dir_make(folder);
    if (status == HONE_OK && statvfs(folder, &disk) != 0)
        status = hone_fail_errno(errno, "read the size of the disk of", folder);
    if (status == HONE_OK)
        status =
            hone_old_files(folder, path, prefix, &out->arena, &out->old, &out->count, &out->taken);
    if (status == HONE_OK) {
        uint64_t half = ((uint64_t)disk.f_bavail * disk.f_frsize + out->taken) / 2;
        out->limit = most < half ? most : half;
    }
    hone_free(folder);
    return status;
}

static bool hone_cache_trim(struct hone_cache_files *files, uint64_t more) {
    uint64_t others = 0;
    for (size_t i = 0; i < files->count; i++) others += files->old[i].bytes;
    if (files->taken - others + more > files->limit) return false; // removing all would not do
    for (size_t i = 0; i < files->count && files->taken + more > files->limit; i++)
        if (unlink(files->old[i].path) == 0) files->taken -= files->old[i].bytes;
    return files->taken + more <= files->limit;
}

bool hone_cache_make_room(const char *path, const char *prefix, uint64_t more, uint64_t most) {
    struct hone_cache_files files;
    bool room =
        hone_cache_look(path, prefix, most, &files) == HONE_OK && hone_cache_trim(&files, more);
    hone_arena_deinit(&files.arena);
    return room;
}

uint64_t hone_cache_limit(const char *path, const char *prefix, uint64_t most) {
    struct hone_cache_files files;
    bool known = hone_cache_look(path, prefix, most, &files) == HONE_OK;
    hone_arena_deinit(&files.arena);
    return known ? files.limit : 0;
}

// POSIX locks belong to a process: a thread gets what another holds, and loses it for both where it
// closes its handle. One mutex for all files: whoever adds to one holds it for milliseconds.
static pthread_mutex_t hone_file_lock_mutex = PTHREAD_MUTEX_INITIALIZER;

static hone_status hone_file_lock_open(const char *path, int *lock) {
    struct hone_text name = {0};
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char *folder = hone_path_folder(path);
    if (!folder) return HONE_OUT_OF_MEMORY;
    hone_status status = hone_dir_make(folder);
    hone_free(folder);
    if (status == HONE_OK) status = hone_text_printf(&name, "%s.lock", path);
    if (status == HONE_OK) *lock = open(name.data, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    while (*lock >= 0 && fcntl(*lock, F_SETLKW, &whole) != 0 && errno == EINTR) continue;
    hone_text_deinit(&name);
    return status;
}

hone_status hone_file_lock(const char *path, int *lock) {
    *lock = -1;
    pthread_mutex_lock(&hone_file_lock_mutex);
    hone_status status = hone_file_lock_open(path, lock);
    if (status != HONE_OK) pthread_mutex_unlock(&hone_file_lock_mutex);
    return status;
}

void hone_file_unlock(int lock) {
    if (lock >= 0) close(lock);
    pthread_mutex_unlock(&hone_file_lock_mutex);
}

hone_status hone_dir_claim(const char *path, int *claim) {
    *claim = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*claim < 0) return hone_fail_errno(errno, "open folder", path);
    if (flock(*claim, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return HONE_OK;
    hone_dir_release(*claim);
    *claim = -1;
    return hone_fail(HONE_INVALID, "%s: another process is at work there: wait for it, or stop it",
                     path);
}

void hone_dir_release(int claim) {
    if (claim >= 0) close(claim);
}
