// file.c: reading, mapping, folders, paths. Writing stands in file_write.c.
#define _XOPEN_SOURCE   700 // realpath
#define _DEFAULT_SOURCE     // madvise

#include "base/file.h"

#include "base/file_call.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

hone_status hone_fail_errno(int code, const char *verb, const char *path) {
    char reason[128];
    if (strerror_r(code, reason, sizeof reason) != 0) strcpy(reason, "unknown error");
    hone_status status = HONE_IO;
    if (code == ENOENT || code == ENOTDIR) status = HONE_NOT_FOUND;
    if (code == ENOMEM) status = HONE_OUT_OF_MEMORY;
    return hone_fail(status, "cannot %s %s: %s", verb, path, reason);
}

// Opens a file that is not a folder (which open() would accept) and tells its size.
static hone_status hone_file_open(const char *path, int *out, struct stat *info) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    *out = -1;
    if (fd < 0) return hone_fail_errno(errno, "read", path);
    int code = 0;
    if (fstat(fd, info) != 0)
        code = errno;
    else if (S_ISDIR(info->st_mode))
        code = EISDIR;
    if (code) {
        close(fd);
        return hone_fail_errno(code, "read", path);
    }
    *out = fd;
    return HONE_OK;
}

// Reads to the end whatever the size was said to be: pipes and /proc say 0.
static hone_status hone_file_read_all(int fd, const char *path, uint64_t limit, size_t expected,
                                      char **out, size_t *out_bytes) {
    char *data = NULL;
    size_t bytes = 0, capacity = 0;
    hone_status status = HONE_OK;
    // One byte beyond the expected size lets the read that finds the end fit without growing.
    size_t room = expected + 2;
    for (;;) {
        if (bytes + 1 >= capacity) {
            if (bytes) room = bytes + 65536;
            if (!hone_grow(&data, &capacity, room, 1, path)) {
                status = HONE_OUT_OF_MEMORY;
                break;
            }
        }
        ssize_t got = hone_call_read(fd, data + bytes, capacity - bytes - 1);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) status = hone_fail_errno(errno, "read", path);
        if (got <= 0) break;
        bytes += (size_t)got;
        if (limit && bytes > limit) {
            status = hone_fail(HONE_INVALID, "cannot read %s: larger than the limit of %llu bytes",
                               path, (unsigned long long)limit);
            break;
        }
    }
    if (status != HONE_OK) {
        hone_free(data);
        return status;
    }
    data[bytes] = '\0';
    *out = data;
    *out_bytes = bytes;
    return HONE_OK;
}

hone_status hone_file_read(const char *path, uint64_t limit_bytes, char **out, size_t *out_bytes) {
    *out = NULL;
    *out_bytes = 0;
    struct stat info;
    int fd;
    HONE_TRY(hone_file_open(path, &fd, &info));
    size_t expected = S_ISREG(info.st_mode) ? (size_t)info.st_size : 4096;
    hone_status status;
    if (limit_bytes && expected > limit_bytes && S_ISREG(info.st_mode))
        status = hone_fail(HONE_INVALID, "cannot read %s: larger than the limit of %llu bytes",
                           path, (unsigned long long)limit_bytes);
    else
        status = hone_file_read_all(fd, path, limit_bytes, expected, out, out_bytes);
    close(fd);
    return status;
}

hone_status hone_file_map_open(const char *path, struct hone_file_map *out) {
    *out = (struct hone_file_map){0};
    struct stat info;
    int fd;
    HONE_TRY(hone_file_open(path, &fd, &info));
    if (info.st_size == 0) {
        close(fd);
        out->data = (const uint8_t *)"";
        return HONE_OK;
    }
    void *data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    int code = errno;
    close(fd);
    if (data == MAP_FAILED) return hone_fail_errno(code, "map", path);
    out->data = data;
    out->bytes = (size_t)info.st_size;
    return HONE_OK;
}

void hone_file_map_close(struct hone_file_map *map) {
    if (map->bytes) munmap((void *)map->data, map->bytes);
    *map = (struct hone_file_map){0};
}

void hone_file_map_release(const struct hone_file_map *map, const void *data, size_t bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uintptr_t start = (uintptr_t)map->data, at = (uintptr_t)data;
    if (at < start || at - start > map->bytes || bytes > map->bytes - (at - start)) return;
    size_t from = at - start, to = from + bytes;
    from = (from + page - 1) / page * page;
    if (to < map->bytes) to = to / page * page; // the last page of the file may be a part
    // Of no consequence where it fails.
    if (from < to) (void)madvise((void *)(uintptr_t)(map->data + from), to - from, MADV_DONTNEED);
}

bool hone_file_exists(const char *path) {
    struct stat info;
    return stat(path, &info) == 0;
}

bool hone_dir_exists(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

hone_status hone_dir_make(const char *path) {
    char *part = hone_strdup(path);
    if (!part) return HONE_OUT_OF_MEMORY;
    hone_status status = HONE_OK;
    for (char *at = part;; at++) {
        if (*at != '/' && *at != '\0') continue;
        char kept = *at;
        *at = '\0';
        int code = *part && mkdir(part, 0777) != 0 ? errno : 0;
        if (code && !hone_dir_exists(part)) {
            status = hone_fail_errno(code, "make the folder", part);
            break;
        }
        *at = kept;
        if (!kept) break;
    }
    hone_free(part);
    return status;
}

static int hone_dir_entry_order(const void *a, const void *b) {
    return strcmp(((const struct hone_dir_entry *)a)->name,
                  ((const struct hone_dir_entry *)b)->name);
}

// The growing list stands outside the arena until its length is known.
static hone_status hone_dir_collect(DIR *dir, const char *path, struct hone_arena *arena,
                                    struct hone_dir_entry **list, size_t *count) {
    size_t capacity = 0;
    for (;;) {
        errno = 0;
        struct dirent *found = readdir(dir);
        if (!found) return errno ? hone_fail_errno(errno, "read the folder", path) : HONE_OK;
        if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0) continue;
        if (!hone_grow(list, &capacity, *count + 1, sizeof **list, "a folder's list"))
            return HONE_OUT_OF_MEMORY;
        struct stat info;
        struct hone_dir_entry *entry = &(*list)[*count];
        entry->name = hone_arena_strdup(arena, found->d_name);
        if (!entry->name) return HONE_OUT_OF_MEMORY;
        // A link that leads nowhere counts as a file: whoever opens it gets the system's message.
        entry->is_dir = fstatat(dirfd(dir), found->d_name, &info, 0) == 0 && S_ISDIR(info.st_mode);
        ++*count;
    }
}

hone_status hone_dir_list(const char *path, struct hone_arena *arena, struct hone_dir_entry **out,
                          size_t *out_count) {
    *out = NULL;
    *out_count = 0;
    DIR *dir = opendir(path);
    if (!dir) return hone_fail_errno(errno, "read the folder", path);
    struct hone_dir_entry *list = NULL;
    size_t count = 0;
    hone_status status = hone_dir_collect(dir, path, arena, &list, &count);
    closedir(dir);
    if (status == HONE_OK) {
        if (count) qsort(list, count, sizeof *list, hone_dir_entry_order);
        *out = hone_arena_copy(arena, list, count * sizeof *list);
        if (*out)
            *out_count = count;
        else
            status = HONE_OUT_OF_MEMORY;
    }
    hone_free(list);
    return status;
}

char *hone_path_join(const char *folder, const char *name) {
    if (!*folder || *name == '/') return hone_strdup(name);
    size_t length = strlen(folder), extra = strlen(name);
    size_t slash = folder[length - 1] != '/';
    char *path = hone_calloc(length + slash + extra + 1, 1, "a path");
    if (!path) return NULL;
    // NOLINTNEXTLINE(bugprone-not-null-terminated-result): name, which follows, has the zero
    memcpy(path, folder, length);
    if (slash) path[length] = '/';
    memcpy(path + length + slash, name, extra + 1);
    return path;
}

const char *hone_path_base(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

const char *hone_path_extension(const char *path) {
    const char *base = hone_path_base(path);
    const char *dot = strrchr(base, '.');
    return dot && dot != base ? dot : base + strlen(base);
}

char *hone_path_folder(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash) return hone_strdup(".");
    size_t length = slash == path ? 1 : (size_t)(slash - path);
    char *folder = hone_calloc(length + 1, 1, "a path");
    if (folder) memcpy(folder, path, length);
    return folder;
}

char *hone_path_real(const char *path) {
    char *resolved = realpath(path, NULL);
    char *copy = hone_strdup(resolved ? resolved : path);
    free(resolved);
    return copy;
}
