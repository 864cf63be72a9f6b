// fixture.c: see fixture.h.
#include "support/fixture.h"

#include <stdio.h>
#include <string.h>

char test_dir[256];
char test_warnings[8192];

static void keep(void *user, hone_log_level level, const char *line) {
    (void)user;
    (void)level;
    size_t used = strlen(test_warnings);
    snprintf(test_warnings + used, sizeof test_warnings - used, "%s\n", line);
}

int test_fixture_setup(void **state) {
    (void)state;
    test_warnings[0] = '\0';
    hone_log_set(keep, NULL, HONE_LOG_WARNING);
    test_temp_dir(test_dir);
    return 0;
}

int test_fixture_teardown(void **state) {
    (void)state;
    hone_log_set(NULL, NULL, HONE_LOG_WARNING);
    test_temp_remove(test_dir);
    return 0;
}
