// file_cache.c: the user's cache folder, and locks between those that add to a file in it: a lock
// on a file keeps out other processes, and not the threads of this one, which a mutex does.
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/text.h"

hone_status hone_cache_path(const char *cache_dir, const char *name, char **out) {
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    const char *folder = NULL, *below = "";
    struct hone_text text = {0};
    *out = NULL;
    // The XDG specification says to ignore relative paths.
    if (cache_dir) {
        folder = cache_dir;
    } else if (xdg && *xdg == '/') {
        folder = xdg;
        below = "/hone";
    } else if (home && *home == '/') {
        folder = home;
        below = "/.cache/hone";
    }
    if (!folder || !*folder) return HONE_OK;
    hone_status status = hone_text_printf(&text, "%s%s/%s", folder, below, name);
    if (status == HONE_OK) *out = hone_text_take(&text);
    hone_text_deinit(&text);
    return status == HONE_OK && !*out ? HONE_OUT_OF_MEMORY : status;
}

// POSIX locks belong to a process: a thread gets what another holds, and loses it for both where it
// closes its handle. One mutex for all files: whoever adds to one holds it for milliseconds.
static pthread_mutex_t hone_file_lock_mutex = PTHREAD_MUTEX_INITIALIZER;

static hone_status hone_file_lock_open(const char *path, int *lock) {
    struct hone_text name = {0};
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char *folder = hone_path_folder(path);
    if (!folder) return HONE_OUT_OF_MEMORY;
    hone_status status = hone_dir_make(folder);
    hone_free(folder);
    if (status == HONE_OK) status = hone_text_printf(&name, "%s.lock", path);
    if (status == HONE_OK) *lock = open(name.data, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    while (*lock >= 0 && fcntl(*lock, F_SETLKW, &whole) != 0 && errno == EINTR) continue;
    hone_text_deinit(&name);
    return status;
}

hone_status hone_file_lock(const char *path, int *lock) {
    *lock = -1;
    pthread_mutex_lock(&hone_file_lock_mutex);
    hone_status status = hone_file_lock_open(path, lock);
    if (status != HONE_OK) pthread_mutex_unlock(&hone_file_lock_mutex);
    return status;
}

void hone_file_unlock(int lock) {
    if (lock >= 0) close(lock);
    pthread_mutex_unlock(&hone_file_lock_mutex);
}

hone_status hone_dir_claim(const char *path, int *claim) {
    *claim = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*claim < 0) return hone_fail_errno(errno, "open folder", path);
    if (flock(*claim, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return HONE_OK;
    hone_dir_release(*claim);
    *claim = -1;
    return hone_fail(HONE_INVALID, "%s: another process is at work there: wait for it, or stop it",
                     path);
}

void hone_dir_release(int claim) {
    if (claim >= 0) close(claim);
}
