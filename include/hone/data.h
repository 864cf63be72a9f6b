// data.h: labelled pictures on disk: which there are, of which class, and for which part of the
// work.
//
// Three layouts are read:
//   DATA/<class>/*                     split by hone: seeded, every class in every part
//   DATA/{train,val,test}/<class>/*    split by folders ("valid" and "validation" are val, too)
//   list files                         lines of path<TAB>class, or path<TAB>class<TAB>group; '#'
//                                      begins a comment line
// Class folders are searched to any depth. Names that begin with a dot are passed over; so are
// files whose extension is not of a picture, which are counted. Classes are numbered in the order
// of their names' bytes. Opening a data set reads no picture.
#ifndef HONE_DATA_H
#define HONE_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hone/base.h>
#include <hone/options.h>

#ifdef __cplusplus
extern "C" {
#endif

// hone_options_init(&hone_data_options, &params) fills the defaults; a zeroed struct means the
// same. Strings are borrowed for the call of hone_dataset_open.
struct hone_data_params {
    // The folder above. With lists it is what their paths are relative to; without it, paths are
    // relative to the list's folder, or the nearest one above it that holds the list's first path.
    const char *folder;
    // Where any is given, the parts are these lists and nothing else.
    const char *train_list, *val_list, *test_list;
    const char *all_list; // or one list of all pictures, which hone splits
    // Photographs of one part belong on one side of a split. A POSIX extended pattern on the names:
    // what it matches in its first parentheses (or in all) is the group. Groups that folders or
    // lists put on two sides are warned of. NULL: as lists say, else none.
    const char *group;
    const char *split;  // shares of train/val/test where hone splits; NULL: "60/20/20"
    int64_t split_seed; // another seed, another split
    // Cross-validation: hone deals all pictures (whole groups, class by class) into `folds` parts;
    // number `fold` is the test part, the one after it validation, the rest training. 0: off.
    int32_t folds, fold; // fold from 1; 0: the first
    bool strict;         // a broken picture ends the work instead of being named and left out
    // Not an option: fewer than two classes, and empty ones, are fine. For evaluation.
    bool any_classes;
};
extern const hone_option_table hone_data_options;

enum hone_part { HONE_PART_TRAIN, HONE_PART_VAL, HONE_PART_TEST, HONE_PART_ALL };
enum { HONE_PART_COUNT = 3 };
// "train", "val", "test", "all". Static storage.
const char *hone_part_name(enum hone_part part);

struct hone_data_item {
    const char *path;  // opens from the working folder
    const char *name;  // relative to the data folder, where there is one; as the list has it
    const char *group; // of photographs of one part; NULL: none
    int32_t label;     // class
    enum hone_part part;
};

typedef struct hone_dataset hone_dataset;

// Finds the pictures. HONE_NOT_FOUND or HONE_IO: a folder or list that is missing or unreadable.
// HONE_INVALID, naming what is wrong and where: no class folders; an empty class; fewer than two
// classes; a class that training does not see; a list line without a tab (file:line); the same path
// in two parts or under two classes. What was passed over is logged as warnings. On failure *out is
// NULL. The data set copies what it needs; it is read-only, so that any number of threads may read
// it.
hone_status hone_dataset_open(const struct hone_data_params *params, hone_dataset **out);
void hone_dataset_close(hone_dataset **dataset); // NULL is fine; nulls the pointer

int32_t hone_dataset_class_count(const hone_dataset *dataset);
// NULL for an index out of range. Lives as long as the data set.
const char *hone_dataset_class_name(const hone_dataset *dataset, int32_t label);
// Pictures of a part, or of all.
size_t hone_dataset_count(const hone_dataset *dataset, enum hone_part part);
// Number `index` of the part, in an order that depends on the files and options only. NULL for an
// index out of range. Lives as long as the data set.
const struct hone_data_item *hone_dataset_item(const hone_dataset *dataset, enum hone_part part,
                                               size_t index);
// Files passed over for their extension.
size_t hone_dataset_skipped(const hone_dataset *dataset);

// Writes train.txt, val.txt and test.txt (those that are not empty) into `folder`, which is made.
// Given as lists, with the same data folder (or none where there was none), they read back to the
// same parts.
hone_status hone_dataset_write_lists(const hone_dataset *dataset, const char *folder);

#ifdef __cplusplus
}
#endif
#endif
