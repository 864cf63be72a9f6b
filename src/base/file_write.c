// file_write.c: the atomic writer of file.h, and adding to a file. On any failure, a full disk
// included, the file under the final name is the old one and the temporary file is gone.
#include "base/file.h"

#include "base/file_call.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct hone_file_writer {
    int fd;
    char *path; // as the caller gave it, for messages
    char *real; // where links lead
    char *temp; // NULL: written in place
};

static void hone_file_writer_free(struct hone_file_writer *writer) {
    hone_free(writer->path);
    hone_free(writer->real);
    hone_free(writer->temp);
    hone_free(writer);
}

// ".NAME.tmp-PID-N" beside the target. NAME is cut so that the whole fits in a file name.
static char *hone_file_temp_name(const char *real) {
    static atomic_uint serial;
    char *folder = hone_path_folder(real);
    if (!folder) return NULL;
    char name[NAME_MAX + 1];
    snprintf(name, sizeof name, ".%.180s.tmp-%ld-%u", hone_path_base(real), (long)getpid(),
             atomic_fetch_add(&serial, 1));
    char *temp = hone_path_join(folder, name);
    hone_free(folder);
    return temp;
}

// Follows a link, so that the link stays and its target is replaced.
static char *hone_file_real_path(const char *path) {
    struct stat info;
    if (lstat(path, &info) == 0 && S_ISLNK(info.st_mode)) return hone_path_real(path);
    return hone_strdup(path);
}

static hone_status hone_file_writer_begin(struct hone_file_writer *writer) {
    struct stat info;
    bool exists = stat(writer->real, &info) == 0;
    if (exists && S_ISDIR(info.st_mode)) return hone_fail_errno(EISDIR, "write", writer->path);
    if (exists && !S_ISREG(info.st_mode)) {
        writer->fd = open(writer->real, O_WRONLY | O_CLOEXEC);
        return writer->fd < 0 ? hone_fail_errno(errno, "write", writer->path) : HONE_OK;
    }
    // A file that its owner made read-only is not replaced behind his back.
    if (exists && access(writer->real, W_OK) != 0)
        return hone_fail_errno(errno, "write", writer->path);
    writer->temp = hone_file_temp_name(writer->real);
    if (!writer->temp) return HONE_OUT_OF_MEMORY;
    writer->fd = open(writer->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (writer->fd < 0) {
        int code = errno;
        hone_free(writer->temp);
        writer->temp = NULL;
        return hone_fail_errno(code, "write", writer->path);
    }
    // Keeping the mode is a courtesy; file systems without modes refuse it.
    if (exists && fchmod(writer->fd, info.st_mode & 07777) != 0) errno = 0;
    return HONE_OK;
}

hone_status hone_file_writer_open(const char *path, struct hone_file_writer **out) {
    *out = NULL;
    struct hone_file_writer *writer = hone_calloc(1, sizeof *writer, "a file writer");
    if (!writer) return HONE_OUT_OF_MEMORY;
    writer->fd = -1;
    writer->path = hone_strdup(path);
    writer->real = writer->path ? hone_file_real_path(path) : NULL;
    hone_status status = writer->real ? hone_file_writer_begin(writer) : HONE_OUT_OF_MEMORY;
    if (status != HONE_OK)
        hone_file_writer_free(writer);
    else
        *out = writer;
    return status;
}

static hone_status hone_file_put(int fd, const char *path, const void *data, size_t bytes) {
    const char *at = data;
    while (bytes) {
        ssize_t put = hone_call_write(fd, at, bytes);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return hone_fail_errno(errno, "write", path);
        at += put;
        bytes -= (size_t)put;
    }
    return HONE_OK;
}

hone_status hone_file_writer_write(struct hone_file_writer *writer, const void *data,
                                   size_t bytes) {
    return hone_file_put(writer->fd, writer->path, data, bytes);
}

// The rename itself must survive a power cut: fsync of the folder. Some file systems cannot do that
// (EINVAL), which is no reason to call the write failed.
static void hone_dir_sync(const char *file) {
    char *folder = hone_path_folder(file);
    int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        hone_call_fsync(fd);
        close(fd);
    }
    hone_free(folder);
}

hone_status hone_file_writer_commit(struct hone_file_writer **writer) {
    struct hone_file_writer *w = *writer;
    *writer = NULL;
    hone_status status = HONE_OK;
    // Pipes and devices cannot be synced and say EINVAL (or EROFS).
    if (hone_call_fsync(w->fd) != 0 && w->temp) status = hone_fail_errno(errno, "write", w->path);
    if (hone_call_close(w->fd) != 0 && status == HONE_OK)
        status = hone_fail_errno(errno, "write", w->path);
    if (w->temp) {
        if (status == HONE_OK && hone_call_rename(w->temp, w->real) != 0)
            status = hone_fail_errno(errno, "write", w->path);
        if (status == HONE_OK)
            hone_dir_sync(w->real);
        else
            unlink(w->temp);
    }
    hone_file_writer_free(w);
    return status;
}

void hone_file_writer_discard(struct hone_file_writer **writer) {
    struct hone_file_writer *w = *writer;
    if (!w) return;
    *writer = NULL;
    close(w->fd);
    if (w->temp) unlink(w->temp);
    hone_file_writer_free(w);
}

hone_status hone_file_write(const char *path, const void *data, size_t bytes) {
    struct hone_file_writer *writer;
    HONE_TRY(hone_file_writer_open(path, &writer));
    hone_status status = hone_file_writer_write(writer, data, bytes);
    if (status == HONE_OK) return hone_file_writer_commit(&writer);
    hone_file_writer_discard(&writer);
    return status;
}

hone_status hone_file_append(const char *path, uint64_t keep, const void *data, size_t bytes) {
    if (!keep && unlink(path) != 0 && errno != ENOENT) return hone_fail_errno(errno, "write", path);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) return hone_fail_errno(errno, "write", path);
    hone_status status = HONE_OK;
    if (ftruncate(fd, (off_t)keep) != 0 || lseek(fd, 0, SEEK_END) < 0)
        status = hone_fail_errno(errno, "write", path);
    if (status == HONE_OK) status = hone_file_put(fd, path, data, bytes);
    if (hone_call_close(fd) != 0 && status == HONE_OK)
        status = hone_fail_errno(errno, "write", path);
    return status;
}
