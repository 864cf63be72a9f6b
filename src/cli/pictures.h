// pictures.h: the picture files that command-line arguments mean: files as they are, folders with
// all pictures below them in order of their names.
#ifndef HONE_CLI_PICTURES_H
#define HONE_CLI_PICTURES_H

#include <stddef.h>

struct cli_pictures {
    char **paths;
    size_t count, capacity;
};

// CLI_OK, or an exit code after one line on stderr: nothing there, not readable, no pictures.
int cli_pictures_add(struct cli_pictures *pictures, const char *argument);
void cli_pictures_deinit(struct cli_pictures *pictures);

#endif
