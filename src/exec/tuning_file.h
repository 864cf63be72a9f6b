// tuning_file.h: where tuning records live: those that hone ships (assets/tuning/*.tune, embedded
// by the build), and above them the user's file, which the tuner adds to.
#ifndef HONE_EXEC_TUNING_FILE_H
#define HONE_EXEC_TUNING_FILE_H

#include "exec/tuning.h"

// The user's file: $HONE_TUNING, else tuning.tune in `cache_dir`, $XDG_CACHE_HOME/hone or
// ~/.cache/hone. *out is NULL when HONE_TUNING is "off", cache_dir is "" or there is no such place.
// The caller hone_free()s it.
hone_status hone_tuning_path(const char *cache_dir, char **out);

// The shipped records and those of the file above them; `path` may be NULL. A file that is not
// there is as an empty one; one that cannot be read is a warning. Fails for want of memory only.
hone_status hone_tuning_load(const char *path, struct hone_tuning **out);

// Adds `records` to the file and replaces it at once. Two processes that do this at the same time
// wait for each other, and both sets of records are kept.
hone_status hone_tuning_save(const char *path, const struct hone_tuning *records);

// Generated: the shipped files, one behind the other, a zero byte at the end.
extern const char hone_tuning_shipped[];

#endif
