// dataset.h: inside of a data set, and the steps that build one: scan folders or read lists, order,
// split.
#ifndef HONE_DATA_DATASET_H
#define HONE_DATA_DATASET_H

#include <hone/data.h>

#include "base/alloc.h"

struct hone_data_entry {
    struct hone_data_item item;
    const char *class_name;
    const char *list; // where it was named; NULL: found in a folder
    uint32_t line;
};

struct hone_dataset {
    struct hone_arena arena;         // all strings
    const char *folder;              // NULL: none given
    struct hone_data_entry *entries; // by part, then in the order of finding
    size_t count, capacity;
    size_t part_first[HONE_PART_COUNT + 1]; // of each part's entries; the last is `count`
    const char **classes;                   // in order of their bytes
    int32_t class_count;
    size_t class_capacity;
    size_t skipped;           // files with a foreign extension
    const char *skipped_name; // one of them
    size_t outside;           // pictures beside the class folders
};

// Adds a picture. `folder` may be NULL or "": then `name` is the path. HONE_INVALID for names that
// a list cannot hold.
hone_status hone_dataset_add(struct hone_dataset *dataset, const char *folder, const char *name,
                             const char *class_name, enum hone_part part, const char *list,
                             uint32_t line);
// Sets the group of the picture added last.
hone_status hone_dataset_set_group(struct hone_dataset *dataset, const char *group);
// Notes a class, whether it has pictures or not.
hone_status hone_dataset_add_class(struct hone_dataset *dataset, const char *name);

// scan.c: one of the folder layouts. *split: it is the first one, whose pictures all count as
// train.
hone_status hone_dataset_scan(struct hone_dataset *dataset, const char *folder, bool *split);

// list.c: one list file; and its text alone, `name` for messages, `folder` for what its paths are
// relative to (NULL: find out from the list's own place).
hone_status hone_dataset_read_list(struct hone_dataset *dataset, const char *path,
                                   const char *folder, enum hone_part part);
hone_status hone_dataset_parse_list(struct hone_dataset *dataset, char *text, size_t bytes,
                                    const char *name, const char *folder, enum hone_part part);

// split.c: shares such as "60/20/20" or "80/20" (no test), made to sum to 1.
hone_status hone_split_parse(const char *text, double shares[HONE_PART_COUNT]);
// How many of a class's `count` pictures each part gets: rounded shares; from three pictures on,
// each part with a share gets one at least; below three all are for training.
void hone_split_counts(size_t count, const double shares[HONE_PART_COUNT],
                       size_t out[HONE_PART_COUNT]);
// Deals the pictures of each class to the parts, by a shuffle that depends on the seed, the class's
// name and the number of its pictures, and on no other class. Labels are set; entries are in order.
hone_status hone_dataset_split(struct hone_dataset *dataset, const double shares[HONE_PART_COUNT],
                               uint64_t seed);
// The stream of random numbers of a class.
uint64_t hone_split_stream(const char *class_name);

// group.c: which photographs show the same part. A pattern (POSIX extended) on the names gives each
// picture its group; HONE_INVALID when it is none, or matches nothing.
hone_status hone_dataset_group(struct hone_dataset *dataset, const char *pattern);
// Deals whole groups, class by class (a group counts as of its first picture's class), so that each
// part comes near to its share of the pictures; from three groups on, each part with a share gets
// one at least. Depends on the seed, the names of classes and groups, and on nothing else.
hone_status hone_dataset_split_groups(struct hone_dataset *dataset,
                                      const double shares[HONE_PART_COUNT], uint64_t seed);
// Deals whole groups, class by class, into `folds` parts of about as many pictures; number `fold`,
// from 1, becomes the test part, the next one (after the last the first) validation, the others
// training. HONE_INVALID where a class has fewer than three groups (without groups: pictures), so
// that training might not see it. Depends on the seed, the names of classes and groups, and
// `folds`.
hone_status hone_dataset_fold(struct hone_dataset *dataset, int32_t folds, int32_t fold,
                              uint64_t seed);
// Warns of groups that stand on more than one side.
hone_status hone_dataset_check_groups(struct hone_dataset *dataset);

#endif
