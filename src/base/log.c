// log.c: one receiver for the process, one line at a time.
#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

static struct {
    hone_log_fn fn;
    void *user;
    hone_log_level least;
} hone_log_sink;

static pthread_mutex_t hone_log_lock = PTHREAD_MUTEX_INITIALIZER;

void hone_log_set(hone_log_fn fn, void *user, hone_log_level least) {
    hone_log_sink.fn = fn;
    hone_log_sink.user = user;
    hone_log_sink.least = least;
}

void hone_log(hone_log_level level, const char *format, ...) {
    if (!hone_log_sink.fn || level < hone_log_sink.least) return;
    char line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    pthread_mutex_lock(&hone_log_lock);
    hone_log_sink.fn(hone_log_sink.user, level, line);
    pthread_mutex_unlock(&hone_log_lock);
}
