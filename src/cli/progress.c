// progress.c: one bar at a time, redrawn at most ten times a second; in a pipe a line every five
// seconds.
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void draw_bar(int64_t done, int64_t total) {
    enum { WIDTH = 24 };
    int filled = total > 0 ? (int)(done * WIDTH / total) : 0;
    fputc('[', stderr);
    for (int i = 0; i < WIDTH; i++) fputc(i < filled ? '#' : ' ', stderr);
    fputc(']', stderr);
}

void cli_progress_update(struct cli_progress *progress, const char *label, int64_t done,
                         int64_t total, const char *extra) {
    double now = seconds_now();
    bool terminal = isatty(STDERR_FILENO);
    if (!progress->label || strcmp(progress->label, label) != 0 || done < progress->printed_done) {
        cli_progress_end(progress);
        *progress =
            (struct cli_progress){.label = label, .started = now, .printed = terminal ? 0 : now};
    }
    bool last = total > 0 && done >= total;
    if (now - progress->printed < (terminal ? 0.1 : 5.0) && !(last && terminal)) return;
    double elapsed = now - progress->started;
    double rate = elapsed > 0 ? (double)done / elapsed : 0;
    double left = rate > 0 && total > done ? (double)(total - done) / rate : 0;
    fprintf(stderr, terminal ? "\r%-9s " : "%s", label);
    if (terminal) draw_bar(done, total);
    fprintf(stderr, " %lld/%lld  %.1f/s  %d:%02d left%s%s%s", (long long)done, (long long)total,
            rate, (int)left / 60, (int)left % 60, extra && *extra ? "  " : "", extra ? extra : "",
            terminal ? "\033[K" : "\n");
    progress->printed = now;
    progress->printed_done = done;
    progress->open = terminal;
    if (last) cli_progress_end(progress);
}

void cli_progress_end(struct cli_progress *progress) {
    if (progress->open) fputc('\n', stderr);
    progress->open = false;
}
