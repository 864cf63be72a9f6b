// support.c: see support.h.
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void test_expect_failure(hone_status got, hone_status want, const char *text) {
    if (got != want)
        fail_msg("expected \"%s\", got \"%s\" (%s)", hone_status_name(want), hone_status_name(got),
                 got == HONE_OK ? "no failure" : hone_error_message());
    if (!strstr(hone_error_message(), text))
        fail_msg("message \"%s\" does not contain \"%s\"", hone_error_message(), text);
}

const char *test_shared_dir(void) {
    const char *given = getenv("HONE_SHARED");
    const char *dir = given ? given : HONE_SOURCE_DIR "/../shared";
    struct stat info;
    if (stat(dir, &info) == 0 && S_ISDIR(info.st_mode)) return dir;
    fprintf(stderr, "skipped: no shared data at %s (set HONE_SHARED)\n", dir);
    return NULL;
}

void test_temp_dir(char path[256]) {
    const char *base = getenv("TMPDIR");
    snprintf(path, 256, "%s/hone-test-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(path)) fail_msg("cannot make a folder below %s", base ? base : "/tmp");
}

void test_temp_remove(const char *path) {
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    if (system(command) != 0) fprintf(stderr, "cannot remove %s\n", path);
}
