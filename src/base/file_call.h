// file_call.h: the system calls by which base/ reads and writes files, with a hook by which tests
// make them fall short, be interrupted, fail, or end the process in their midst.
#ifndef HONE_BASE_FILE_CALL_H
#define HONE_BASE_FILE_CALL_H

#include <stddef.h>
#include <sys/types.h>

ssize_t hone_call_read(int fd, void *data, size_t bytes);
ssize_t hone_call_write(int fd, const void *data, size_t bytes);
int hone_call_fsync(int fd);
int hone_call_close(int fd);
int hone_call_rename(const char *from, const char *to);

// ---- Test hook ----

enum hone_file_fault {
    HONE_FILE_FAULT_NONE,
    HONE_FILE_FAULT_SHORT,     // every read and write moves seven bytes at most
    HONE_FILE_FAULT_INTERRUPT, // every other read and write is interrupted first (EINTR)
    HONE_FILE_FAULT_FULL,      // the N-th call fails with ENOSPC, and all writes after it
    HONE_FILE_FAULT_BROKEN,    // the N-th call fails with EIO
    HONE_FILE_FAULT_KILL,      // SIGKILL at the N-th call, in the midst of a write
    HONE_FILE_FAULT_POWER,     // the same, and what was written but not synced is lost
};
// After `count` more calls (all of them for the first two). For one thread that writes one file.
void hone_file_fault_after(long count, enum hone_file_fault fault);
// Calls since then.
long hone_file_fault_calls(void);

#endif
