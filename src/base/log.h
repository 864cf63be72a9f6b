// log.h: lines for whoever embeds hone. The library never prints; it hands finished lines to the
// receiver set by hone_log_set().
#ifndef HONE_BASE_LOG_H
#define HONE_BASE_LOG_H

#include "base/error.h"

// Formats one line (cut at 1,023 bytes) and hands it on. Any thread.
void hone_log(hone_log_level level, const char *format, ...) HONE_PRINTF(2, 3);

#endif
