// options.h: a params struct described by a table. One row yields the command-line flag, its line
// of
// --help, the entry in a run's args file, the default and the check of its range.
//
// Functions here touch only what they are given and may run on any thread.
#ifndef HONE_OPTIONS_H
#define HONE_OPTIONS_H

#include <stddef.h>

#include <hone/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum hone_option_type {
    HONE_OPTION_I32,    // int32_t
    HONE_OPTION_I64,    // int64_t
    HONE_OPTION_F32,    // float
    HONE_OPTION_F64,    // double
    HONE_OPTION_BOOL,   // bool
    HONE_OPTION_STRING, // const char *, NULL: not given
    HONE_OPTION_ENUM,   // int: the place of the word in `words`
} hone_option_type;

typedef struct hone_option {
    const char *key; // "label-smoothing": without the dashes in front
    hone_option_type type;
    size_t offset;       // of the field
    const char *initial; // the default as text; NULL: zero, false, the first word, not given
    double least, most;  // numbers: the range, both included; both 0: any
    // enum: "stretch|letterbox|crop". Numbers: words that stand for -1, -2, ... in place of a
    // number in the range, which is then above 0.
    const char *words;
    const char *metavar; // "N", "FILE"; NULL: enums show their words, bools nothing
    const char *help;    // one sentence, no full stop
} hone_option;

typedef struct hone_option_table {
    const char *name; // heading in --help
    const hone_option *rows;
    size_t count;
    size_t params_bytes; // of the struct that the rows describe
} hone_option_table;

// A table of all rows of an array, which describe a struct of that type.
#define HONE_OPTION_TABLE(title, array, type)                                                      \
    { (title), (array), sizeof(array) / sizeof *(array), sizeof(type) }

// Row of this key (dashes in front are skipped, '_' counts as '-'), or NULL.
const hone_option *hone_options_find(const hone_option_table *table, const char *key);
// Key that was perhaps meant, or NULL. `distance` (may be NULL) receives the edits between the two,
// by which the best of several tables is found.
const char *hone_options_nearest(const hone_option_table *table, const char *key,
                                 unsigned *distance);

// Writes every default into `params`; fields that no option sets become zero.
hone_status hone_options_init(const hone_option_table *table, void *params);
// Sets one field. A string is not copied: `text` must outlive `params`. HONE_NOT_FOUND for an
// unknown key, HONE_INVALID ("--epochs: 0 is out of range 1..100000") for a wrong value; the field
// is then as before.
hone_status hone_options_set(const hone_option_table *table, void *params, const char *key,
                             const char *text);
// For structs filled by hand: a number that is 0 where 0 is out of range, and a NULL string, take
// the default; everything else must be in range.
hone_status hone_options_complete(const hone_option_table *table, void *params);

// Calls `fn` for each row with its value as text (what hone_options_set reads), NULL for a string
// that is not given; stops at the first failure and returns it.
typedef hone_status (*hone_option_fn)(void *user, const hone_option *option, const char *text);
hone_status hone_options_each(const hone_option_table *table, const void *params, hone_option_fn fn,
                              void *user);

// Calls `line` for each line of the help text, at most `columns` wide (at least 60), without
// newline.
void hone_options_help(const hone_option_table *table, unsigned columns,
                       void (*line)(void *user, const char *text), void *user);

#ifdef __cplusplus
}
#endif
#endif
