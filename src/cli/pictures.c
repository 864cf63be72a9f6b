// pictures.c: see pictures.h.
#include "cli/pictures.h"

#include "cli/cli.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static bool is_picture(const char *name) {
    static const char *const endings[] = {".jpg", ".jpeg", ".png", ".bmp", ".tga", ".pgm", ".ppm"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof *endings; i++)
        if (strcasecmp(dot, endings[i]) == 0) return true;
    return false;
}

// "folder/name", or a copy of `name` where folder is NULL.
static char *join(const char *folder, const char *name) {
    size_t bytes = (folder ? strlen(folder) + 1 : 0) + strlen(name) + 1;
    char *path = malloc(bytes);
    if (path) snprintf(path, bytes, "%s%s%s", folder ? folder : "", folder ? "/" : "", name);
    return path;
}

// Takes `path` over.
static int append(struct cli_pictures *pictures, char *path) {
    if (path && pictures->count == pictures->capacity) {
        size_t capacity = pictures->capacity ? pictures->capacity * 2 : 64;
        char **paths = realloc(pictures->paths, capacity * sizeof *paths);
        if (paths) {
            pictures->paths = paths;
            pictures->capacity = capacity;
        }
    }
    if (!path || pictures->count == pictures->capacity) {
        free(path);
        fprintf(stderr, "hone: out of memory for the list of pictures\n");
        return CLI_FAILED;
    }
    pictures->paths[pictures->count++] = path;
    return CLI_OK;
}

static int complain(const char *path) {
    fprintf(stderr, "hone: cannot read %s: %s\n", path, strerror(errno));
    return CLI_FAILED;
}

static int add_folder(struct cli_pictures *pictures, const char *folder) {
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, alphasort), code = CLI_OK;
    if (count < 0) return complain(folder);
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        char *path = code == CLI_OK && name[0] != '.' ? join(folder, name) : NULL;
        struct stat info;
        bool is_folder = path && stat(path, &info) == 0 && S_ISDIR(info.st_mode);
        if (is_folder) code = add_folder(pictures, path);
        if (path && !is_folder && is_picture(name))
            code = append(pictures, path);
        else
            free(path);
        free(entries[i]);
    }
    free(entries);
    return code;
}

int cli_pictures_add(struct cli_pictures *pictures, const char *argument) {
    struct stat info;
    if (stat(argument, &info) != 0) return complain(argument);
    if (!S_ISDIR(info.st_mode)) return append(pictures, join(NULL, argument));
    size_t before = pictures->count;
    int code = add_folder(pictures, argument);
    if (code != CLI_OK || pictures->count > before) return code;
    fprintf(stderr, "hone: no pictures (JPEG, PNG, BMP, TGA, PGM) below %s\n", argument);
    return CLI_FAILED;
}

void cli_pictures_deinit(struct cli_pictures *pictures) {
    for (size_t i = 0; i < pictures->count; i++) free(pictures->paths[i]);
    free(pictures->paths);
    *pictures = (struct cli_pictures){0};
}
