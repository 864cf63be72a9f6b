// run.h: the folder of a run: its name, and the small files in it. Every file appears whole or not
// at all.
#ifndef HONE_TRAIN_RUN_H
#define HONE_TRAIN_RUN_H

#include <hone/train.h>

#include "base/text.h"

struct hone_run {
    char *dir;       // hone_run_end frees it
    bool made;       // the folder is ours: it was not there before
    bool made_above; // so is the folder "runs" above it
    bool kept;       // holds something worth keeping
    bool claimed;    // no other process works there; `claim` says so
    int claim;
    char *files[24]; // names written so far, below dir
    size_t file_count;
    struct hone_text results;        // rows of results.csv
    struct hone_train_epoch *epochs; // the same as numbers
    char *events;                    // TensorBoard's file; NULL: none
    size_t epoch_count, epoch_capacity;
};

// Makes the folder: `out`, which must be missing or empty, or where it is NULL the first free one
// of runs/train1, runs/train2, ... (two runs that start at once get two folders). Zero *run before.
hone_status hone_run_begin(const char *out, struct hone_run *run);
// The same of a run that is there already, with its rows and TensorBoard's file. It is kept.
// HONE_INVALID where another process is at work in it.
hone_status hone_run_reopen(const char *dir, struct hone_run *run);
// Frees, and where nothing was kept removes what this run wrote, and its folder.
void hone_run_end(struct hone_run *run);

// "DIR/name", hone_free; notes the name as one of this run. NULL: memory.
char *hone_run_path(struct hone_run *run, const char *name);
hone_status hone_run_write(struct hone_run *run, const char *name, const char *text);

// args.json: every option of the tables, as JSON.
struct hone_run_options {
    const hone_option_table *table;
    const void *params;
};
hone_status hone_run_write_args(struct hone_run *run, const struct hone_run_options *options,
                                size_t count);
// ---- rows.c ----
// Makes TensorBoard's file, to which each epoch is added from then on.
hone_status hone_run_begin_events(struct hone_run *run);
// Appends a row to results.csv, and to TensorBoard's file where there is one.
hone_status hone_run_add_epoch(struct hone_run *run, const struct hone_train_epoch *epoch);
// Reads results.csv, where there is one, and finds TensorBoard's file. HONE_INVALID: no rows of
// hone's.
hone_status hone_run_load_rows(struct hone_run *run);
// Takes back the rows of later epochs than `epoch`; below 0: all.
hone_status hone_run_rewind(struct hone_run *run, int32_t epoch);

// confusion.csv: rows "part,truth,COUNT,..." under a heading with the class names. Parts whose
// class_count is 0 are left out.
struct hone_run_part {
    const char *name;
    const struct hone_metrics *metrics;
};
hone_status hone_run_write_confusion(struct hone_run *run, const struct hone_run_part *parts,
                                     size_t count, const char *const *class_names);
// A field of a CSV file (RFC 4180): quoted where it must be.
hone_status hone_run_csv_field(struct hone_text *text, const char *field);

#endif
