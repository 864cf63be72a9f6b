// rows.h: kernel rows of a device against ref, over the table of cases: all of them, or the few
// that a program uses.
#ifndef HONE_CHECK_ROWS_H
#define HONE_CHECK_ROWS_H

#include "check/run.h"

enum hone_check_depth {
    HONE_CHECK_SHORT,  // of the cases that ask for the same code the quickest
    HONE_CHECK_NORMAL, // every case, each row in its own way
    HONE_CHECK_FULL, // and with other tiles, in parts, cut, and in place, as tests/ops/test_device
};

// One row. Fill op, row and only, and tile where a tuning record chose one; the rest is the answer.
struct hone_check_row {
    const struct hone_op *op;
    const struct hone_op_row *row;
    int only;                  // the case to run, as hone_case_at() counts; -1: by the depth
    char tile[HONE_TILE_NAME]; // "": the row's own choice
    int runs, wrong;           // launches; those that were not right
    char why[320];             // the first of them
};
// "conv2d/tiled"; with a tile "conv2d/tiled:64x64x16"; of one case "conv2d/tiled (stride 2)".
enum { HONE_CHECK_NAME = 160 };
const char *hone_check_row_name(const struct hone_check_row *row, char text[HONE_CHECK_NAME]);
const char *hone_check_case_name(const struct hone_check_row *row, int index,
                                 char text[HONE_CHECK_NAME]);

// The case that the row fits and that is most like the node, in types, attributes and which inputs
// there are, not in size: -1 where none fits.
int hone_check_nearest(const struct hone_caps *caps, const struct hone_op *op,
                       const struct hone_op_row *row, const struct hone_infer_args *node);

// Checks `count` rows, which may be of several operators. `hooks.progress` is told before
// each operator's rows; true stops with HONE_CANCELLED. Rows of an operator stand together. After
// HONE_DEVICE_LOST the row that ran has it as `why`. Blocks.
struct hone_check_hooks {
    bool (*progress)(void *user, size_t done, size_t total);
    // Told of each launch; why is NULL where it was right.
    hone_status (*ran)(void *user, const struct hone_check_row *row, int index, const char *why);
    void *user;
};
hone_status hone_check_rows(struct hone_check_pool *pool, enum hone_check_depth depth,
                            struct hone_check_row *rows, size_t count,
                            const struct hone_check_hooks *hooks);

// Every row of every operator that may run on a device with these caps, those for tests only
// left out. The caller hone_free()s *out.
hone_status hone_check_list(const struct hone_caps *caps, struct hone_check_row **out,
                            size_t *count);

#endif
