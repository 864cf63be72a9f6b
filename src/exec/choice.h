// choice.h: which kernel row runs a node, and why. Pure: caps and records in, a row out.
#ifndef HONE_EXEC_CHOICE_H
#define HONE_EXEC_CHOICE_H

#include "exec/tuning.h"

struct hone_choice {
    const struct hone_op_row *row;  // NULL: none fits
    int tile;                       // for hone_row_args
    char tile_name[HONE_TILE_NAME]; // "" where the row chose itself
    bool tuned;                     // a record chose it
    double us;                      // what that record measured
};

// The row and tile of the node's record, where it still exists and fits; else the first row that
// fits. `skips` are rows to pass over (NULL-terminated, may be NULL); tuning may be NULL; `device`
// is the key of records. args->tile is ignored.
void hone_choose(const struct hone_op *op, const struct hone_row_args *args,
                 const char *const *skips, const struct hone_tuning *tuning, const char *device,
                 struct hone_choice *out);

// Walks all that could run the node: zero *choice to begin; each call makes it the next row and
// tile, rows in the order of the table, of each first its own choice. False past the last.
bool hone_choice_next(const struct hone_op *op, const struct hone_row_args *args,
                      const char *const *skips, struct hone_choice *choice);

// The number of the tile of this name, HONE_TILE_DEFAULT for "-", or -1.
int hone_choice_tile(const struct hone_op_row *row, const struct hone_row_args *args,
                     const char *name);

// One sentence: what chose the row, and for each row before it why it was passed over.
hone_status hone_choice_explain(const struct hone_op *op, const struct hone_row_args *args,
                                const char *const *skips, const struct hone_choice *choice,
                                struct hone_text *text);

#endif
