// error.c: the per-thread error record. Fixed storage, so that reporting "out of memory" cannot
// fail.
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#undef hone_fail // the analysers' view of them
#undef hone_fail_memory

static _Thread_local char hone_message[1024];

const char *hone_error_message(void) {
    return hone_message;
}

const char *hone_status_name(hone_status status) {
    static const char *const names[] = {
        [HONE_OK] = "ok",
        [HONE_INVALID] = "invalid",
        [HONE_NOT_FOUND] = "not found",
        [HONE_UNSUPPORTED] = "unsupported",
        [HONE_OUT_OF_MEMORY] = "out of memory",
        [HONE_IO] = "input/output error",
        [HONE_DEVICE] = "device error",
        [HONE_DEVICE_LOST] = "device lost",
        [HONE_CANCELLED] = "cancelled",
        [HONE_INTERNAL] = "internal error",
    };
    unsigned index = (unsigned)status;
    return index < sizeof names / sizeof *names ? names[index] : "unknown status";
}

hone_status hone_fail(hone_status status, const char *format, ...) {
    // The arguments may point into the message that is being replaced, hence the copy.
    char text[sizeof hone_message];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    memcpy(hone_message, text, sizeof text);
    return status;
}

hone_status hone_fail_context(hone_status status, const char *format, ...) {
    if (status == HONE_OK) return status;
    char text[sizeof hone_message];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (length >= 0 && (size_t)length < sizeof text)
        snprintf(text + length, sizeof text - (size_t)length, ": %s", hone_message);
    memcpy(hone_message, text, sizeof text);
    return status;
}

hone_status hone_fail_memory(unsigned long long bytes, const char *what) {
    return hone_fail(HONE_OUT_OF_MEMORY, "out of memory: %llu bytes for %s", bytes, what);
}

void hone_error_save(hone_status status, struct hone_error_record *out) {
    out->status = status;
    snprintf(out->message, sizeof out->message, "%s", status == HONE_OK ? "" : hone_message);
}

hone_status hone_error_restore(const struct hone_error_record *record) {
    if (record->status == HONE_OK) return HONE_OK;
    return hone_fail(record->status, "%s", record->message);
}
