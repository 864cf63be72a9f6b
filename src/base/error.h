// error.h: how a function fails. A fault is reported once, where it is seen, by hone_fail();
// callers that know more put context in front of it by hone_fail_context(). Both return the status,
// so that "return hone_fail(...)" is the whole idiom. The record is per thread and needs no memory.
#ifndef HONE_BASE_ERROR_H
#define HONE_BASE_ERROR_H

#include <hone/base.h>

#if defined(__GNUC__)
#define HONE_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define HONE_PRINTF(fmt, args)
#endif

// Replaces this thread's message and returns `status`, which must not be HONE_OK.
hone_status hone_fail(hone_status status, const char *format, ...) HONE_PRINTF(2, 3);

// Puts "context: " in front of this thread's message and returns `status`. HONE_OK passes through
// and leaves the message alone.
hone_status hone_fail_context(hone_status status, const char *format, ...) HONE_PRINTF(2, 3);

// HONE_OUT_OF_MEMORY with the message "out of memory: N bytes for WHAT".
hone_status hone_fail_memory(unsigned long long bytes, const char *what);

// Moves a failure between threads: a worker saves, the thread that joins it restores.
struct hone_error_record {
    hone_status status;
    char message[1024];
};
void hone_error_save(hone_status status, struct hone_error_record *out);
hone_status hone_error_restore(const struct hone_error_record *record);

// Returns from the calling function on failure.
#define HONE_TRY(expression)                                                                       \
    do {                                                                                           \
        hone_status hone_try_ = (expression);                                                      \
        if (hone_try_ != HONE_OK) return hone_try_;                                                \
    } while (0)

// Analysers read one file at a time, and would go on as if a failure might be HONE_OK.
#ifdef __clang_analyzer__
static inline hone_status hone_fail_as(hone_status status, hone_status returned) {
    (void)returned;
    return status;
}
#define hone_fail(status, ...) hone_fail_as(status, hone_fail(status, __VA_ARGS__))
#define hone_fail_memory(bytes, what)                                                              \
    hone_fail_as(HONE_OUT_OF_MEMORY, hone_fail_memory(bytes, what))
#endif

#endif
