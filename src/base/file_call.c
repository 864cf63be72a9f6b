// file_call.c: see file_call.h. Without a fault each function is the system's call.
#include "base/file_call.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SHORT_BYTES = 7 };

static atomic_int fault; // enum hone_file_fault
static atomic_long calls, trip;
static int unsynced = -1; // a second handle on what was written and not synced, for a power cut
static off_t synced;      // bytes of it that are safe

void hone_file_fault_after(long count, enum hone_file_fault kind) {
    atomic_store(&calls, 0);
    atomic_store(&trip, count);
    atomic_store(&fault, kind);
}

long hone_file_fault_calls(void) {
    return atomic_load(&calls);
}

static void die(void) {
    if (atomic_load(&fault) == HONE_FILE_FAULT_POWER && unsynced >= 0 &&
        ftruncate(unsynced, synced) != 0)
        perror("a power cut");
    kill(getpid(), SIGKILL);
}

// What befalls this call: 0, or an errno. *mid: the process is to die halfway through it.
static int befall(bool transfer, bool *mid) {
    int kind = atomic_load(&fault);
    long now = atomic_fetch_add(&calls, 1), at = atomic_load(&trip);
    *mid = false;
    switch (kind) {
    case HONE_FILE_FAULT_INTERRUPT: return transfer && now % 2 == 0 ? EINTR : 0;
    case HONE_FILE_FAULT_FULL: return now >= at ? ENOSPC : 0;
    case HONE_FILE_FAULT_BROKEN: return now == at ? EIO : 0;
    case HONE_FILE_FAULT_KILL:
    case HONE_FILE_FAULT_POWER: *mid = now == at; return 0;
    default: return 0;
    }
}

static size_t shorten(size_t bytes) {
    bool brief = atomic_load(&fault) == HONE_FILE_FAULT_SHORT;
    return brief && bytes > SHORT_BYTES ? SHORT_BYTES : bytes;
}

ssize_t hone_call_read(int fd, void *data, size_t bytes) {
    bool mid;
    if (atomic_load(&fault) == HONE_FILE_FAULT_NONE) return read(fd, data, bytes);
    int code = befall(true, &mid);
    if (mid) die();
    if (code == ENOSPC) code = 0; // a full disk can be read
    if (code) {
        errno = code;
        return -1;
    }
    return read(fd, data, shorten(bytes));
}

ssize_t hone_call_write(int fd, const void *data, size_t bytes) {
    bool mid;
    if (atomic_load(&fault) == HONE_FILE_FAULT_NONE) return write(fd, data, bytes);
    int code = befall(true, &mid);
    if (code) {
        errno = code;
        return -1;
    }
    if (atomic_load(&fault) == HONE_FILE_FAULT_POWER && unsynced < 0) unsynced = dup(fd);
    ssize_t put = write(fd, data, mid ? (bytes + 1) / 2 : shorten(bytes));
    if (mid) die();
    return put;
}

// A call that is no transfer: dies before it, or fails in its place.
static bool fails(void) {
    bool mid;
    int code = befall(false, &mid);
    if (mid) die();
    if (code) errno = code;
    return code != 0;
}

int hone_call_fsync(int fd) {
    struct stat info;
    if (atomic_load(&fault) != HONE_FILE_FAULT_NONE && fails()) return -1;
    int failed = fsync(fd);
    if (!failed && unsynced >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode))
        synced = info.st_size;
    return failed;
}

// The handle is gone even where closing fails.
int hone_call_close(int fd) {
    bool failed = atomic_load(&fault) != HONE_FILE_FAULT_NONE && fails();
    int code = errno, result = close(fd);
    if (!failed) return result;
    errno = code;
    return -1;
}

int hone_call_rename(const char *from, const char *to) {
    if (atomic_load(&fault) != HONE_FILE_FAULT_NONE && fails()) return -1;
    return rename(from, to);
}
