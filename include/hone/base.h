// base.h: status codes, the error message of this thread, and the log callback.
//
// Every hone function that can fail returns hone_status; its outputs come last and are NULL or zero
// on failure. The text of the failure is per thread and lasts until the thread's next failure.
#ifndef HONE_BASE_H
#define HONE_BASE_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum hone_status {
    HONE_OK = 0,
    HONE_INVALID,       // an argument, an option or a file's content is wrong
    HONE_NOT_FOUND,     // a file, a device or a name does not exist
    HONE_UNSUPPORTED,   // valid, but not something that hone can do
    HONE_OUT_OF_MEMORY, // host or device memory
    HONE_IO,            // reading or writing failed: permissions, a full disk
    HONE_DEVICE,        // a Vulkan call failed
    HONE_DEVICE_LOST,   // the GPU was reset; sticky: the device must be reopened
    HONE_CANCELLED,     // the caller's callback or flag asked to stop
    HONE_INTERNAL,      // a broken promise inside hone; please report it
} hone_status;

// A short name of the status ("out of memory"). Static storage; any thread.
const char *hone_status_name(hone_status status);

// The message of this thread's last failure, outermost context first: "import net.onnx: node
// 'Conv_12': ...". Never NULL; owned by the library; valid until this thread's next failure.
const char *hone_error_message(void);

typedef enum hone_log_level {
    HONE_LOG_DEBUG,
    HONE_LOG_INFO,
    HONE_LOG_WARNING,
} hone_log_level;

// Receives one line, without newline. May be called from any thread, one call at a time.
typedef void (*hone_log_fn)(void *user, hone_log_level level, const char *line);

// Sets the process-wide log receiver; NULL (the default) drops all lines. Not thread-safe: call it
// before other hone functions.
void hone_log_set(hone_log_fn fn, void *user, hone_log_level least);

#ifdef __cplusplus
}
#endif
#endif
