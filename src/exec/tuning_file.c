// tuning_file.c: reading tuning records, and adding to them under a lock.
#include "exec/tuning_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/log.h"

enum { TUNING_FILE_MOST = 16 << 20 };

hone_status hone_tuning_path(const char *cache_dir, char **out) {
    const char *own = getenv("HONE_TUNING"), *xdg = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME"), *folder = NULL, *below = NULL;
    struct hone_text text = {0};
    *out = NULL;
    if (own && strcmp(own, "off") == 0) return HONE_OK;
    if (own && *own) {
        *out = hone_strdup(own);
        return *out ? HONE_OK : HONE_OUT_OF_MEMORY;
    }
    if (cache_dir) {
        folder = cache_dir;
        below = "";
    } else if (xdg && *xdg == '/') {
        folder = xdg;
        below = "/hone";
    } else if (home && *home == '/') {
        folder = home;
        below = "/.cache/hone";
    }
    if (!folder || !*folder) return HONE_OK;
    hone_status status = hone_text_printf(&text, "%s%s/tuning.tune", folder, below);
    if (status == HONE_OK) *out = hone_text_take(&text);
    hone_text_deinit(&text);
    return status == HONE_OK && !*out ? HONE_OUT_OF_MEMORY : status;
}

static hone_status add_file(struct hone_tuning *tuning, const char *path) {
    char *text;
    size_t bytes;
    hone_status status = hone_file_read(path, TUNING_FILE_MOST, &text, &bytes);
    if (status == HONE_NOT_FOUND) return HONE_OK;
    if (status == HONE_OUT_OF_MEMORY) return status;
    if (status != HONE_OK) {
        hone_log(HONE_LOG_WARNING, "%s; kernels are chosen without it", hone_error_message());
        return HONE_OK;
    }
    status = hone_tuning_parse(tuning, text, path, NULL);
    hone_free(text);
    return status;
}

hone_status hone_tuning_load(const char *path, struct hone_tuning **out) {
    HONE_TRY(hone_tuning_create(out));
    hone_status status = hone_tuning_parse(*out, hone_tuning_shipped, "shipped records", NULL);
    if (status == HONE_OK && path) status = add_file(*out, path);
    if (status != HONE_OK) hone_tuning_destroy(out);
    return status;
}

// Holds the lock beside the file until it is closed. -1 when there can be none: a folder without
// locks is no reason to lose what was measured.
static int lock(const char *path) {
    struct hone_text name = {0};
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = -1;
    if (hone_text_printf(&name, "%s.lock", path) == HONE_OK)
        fd = open(name.data, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    while (fd >= 0 && fcntl(fd, F_SETLKW, &whole) != 0 && errno == EINTR) continue;
    hone_text_deinit(&name);
    return fd;
}

static hone_status merge(const char *path, const struct hone_tuning *records) {
    struct hone_tuning *all;
    struct hone_text text = {0};
    HONE_TRY(hone_tuning_create(&all));
    hone_status status = add_file(all, path);
    for (size_t i = 0; i < hone_tuning_count(records) && status == HONE_OK; i++)
        status = hone_tuning_add(all, hone_tuning_get(records, i));
    if (status == HONE_OK)
        status = hone_text_printf(&text, "# hone tuning records: device|driver, operator, types, "
                                         "shapes, kernel, tile, microseconds\n");
    if (status == HONE_OK) status = hone_tuning_print(all, &text);
    if (status == HONE_OK) status = hone_file_write(path, text.data, text.length);
    hone_text_deinit(&text);
    hone_tuning_destroy(&all);
    return status;
}

hone_status hone_tuning_save(const char *path, const struct hone_tuning *records) {
    char *folder = hone_path_folder(path);
    if (!folder) return HONE_OUT_OF_MEMORY;
    hone_status status = hone_dir_make(folder);
    hone_free(folder);
    HONE_TRY(status);
    int fd = lock(path);
    status = merge(path, records);
    if (fd >= 0) close(fd);
    return status;
}
