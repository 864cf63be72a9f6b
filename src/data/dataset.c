// dataset.c: opening a data set: scan or read, order the classes, refuse what cannot be trained on,
// split.
#include "data/dataset.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/options.h"
#include "base/text.h"
#include "image/decode.h"

#define HONE_DATA_SPLIT "60/20/20"

static const hone_option hone_data_rows[] = {
    HONE_OPTION(struct hone_data_params, folder, STRING, "data", .metavar = "DIR",
                .help = "folder of the pictures: DIR/<class>/*, or DIR/{train,val,test}/<class>/*; "
                        "with lists, what their paths are relative to"),
    HONE_OPTION(struct hone_data_params, train_list, STRING, "train-list", .metavar = "FILE",
                .help = "pictures to train on: lines of path<TAB>class"),
    HONE_OPTION(struct hone_data_params, val_list, STRING, "val-list", .metavar = "FILE",
                .help = "pictures that choose the best epoch"),
    HONE_OPTION(struct hone_data_params, test_list, STRING, "test-list", .metavar = "FILE",
                .help = "pictures for the final figures"),
    HONE_OPTION(struct hone_data_params, all_list, STRING, "all-list", .metavar = "FILE",
                .help = "all pictures, for hone to split: lines of path<TAB>class, or "
                        "path<TAB>class<TAB>group"),
    HONE_OPTION(struct hone_data_params, group, STRING, "group", .metavar = "REGEX",
                .help =
                    "pictures whose names agree in what this matches (in its first parentheses) "
                    "show one part, and stay on one side of the split"),
    HONE_OPTION(struct hone_data_params, split, STRING, "split", .initial = HONE_DATA_SPLIT,
                .metavar = "TRAIN/VAL/TEST",
                .help = "shares of the parts where neither folders nor lists give them"),
    HONE_OPTION(struct hone_data_params, split_seed, I64, "split-seed", .initial = "0",
                .metavar = "N", .help = "another seed gives another split"),
    HONE_OPTION(struct hone_data_params, folds, I32, "folds", .initial = "0", .least = 0,
                .most = 100, .metavar = "N",
                .help = "cross-validation: a run for each of N parts, which it tests; 0: one run"),
    HONE_OPTION(struct hone_data_params, fold, I32, "fold", .initial = "0", .least = 0, .most = 100,
                .metavar = "K", .help = "only fold K of --folds; 0: all"),
    HONE_OPTION(struct hone_data_params, strict, BOOL, "strict",
                .help = "stop at a broken picture instead of leaving it out"),
};
const hone_option_table hone_data_options =
    HONE_OPTION_TABLE("Data", hone_data_rows, struct hone_data_params);

const char *hone_part_name(enum hone_part part) {
    static const char *const names[] = {"train", "val", "test", "all"};
    return (unsigned)part < 4 ? names[part] : "unknown";
}

hone_status hone_dataset_add_class(struct hone_dataset *dataset, const char *name) {
    for (int32_t i = dataset->class_count; i-- > 0;) {
        if (strcmp(dataset->classes[i], name) == 0) return HONE_OK;
    }
    if (!hone_grow(&dataset->classes, &dataset->class_capacity, (size_t)dataset->class_count + 1,
                   sizeof *dataset->classes, "class names"))
        return HONE_OUT_OF_MEMORY;
    char *own = hone_arena_strdup(&dataset->arena, name);
    if (!own) return HONE_OUT_OF_MEMORY;
    dataset->classes[dataset->class_count++] = own;
    return HONE_OK;
}

hone_status hone_dataset_add(struct hone_dataset *dataset, const char *folder, const char *name,
                             const char *class_name, enum hone_part part, const char *list,
                             uint32_t line) {
    if (strpbrk(name, "\t\r\n") || strpbrk(class_name, "\t\r\n"))
        return hone_fail(HONE_INVALID,
                         "'%s' (class '%s'): a name with a tab or a line break; rename it", name,
                         class_name);
    if (!hone_grow(&dataset->entries, &dataset->capacity, dataset->count + 1,
                   sizeof *dataset->entries, "the list of pictures"))
        return HONE_OUT_OF_MEMORY;
    char *joined = hone_path_join(folder ? folder : "", name);
    struct hone_data_entry *entry = &dataset->entries[dataset->count];
    entry->item.path = joined ? hone_arena_strdup(&dataset->arena, joined) : NULL;
    entry->item.name = hone_arena_strdup(&dataset->arena, name);
    entry->class_name = hone_arena_strdup(&dataset->arena, class_name);
    entry->item.part = part;
    entry->list = list;
    entry->line = line;
    hone_free(joined);
    if (!entry->item.path || !entry->item.name || !entry->class_name) return HONE_OUT_OF_MEMORY;
    dataset->count++;
    return HONE_OK;
}

hone_status hone_dataset_set_group(struct hone_dataset *dataset, const char *group) {
    struct hone_data_entry *entry = &dataset->entries[dataset->count - 1];
    entry->item.group = hone_arena_strdup(&dataset->arena, group);
    return entry->item.group ? HONE_OK : HONE_OUT_OF_MEMORY;
}

static int hone_class_order(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

// Sorts the classes and gives each picture its number.
static void hone_dataset_label(struct hone_dataset *dataset) {
    if (dataset->class_count)
        qsort(dataset->classes, (size_t)dataset->class_count, sizeof *dataset->classes,
              hone_class_order);
    for (size_t i = 0; i < dataset->count; i++) {
        struct hone_data_entry *entry = &dataset->entries[i];
        const char **found =
            bsearch(&entry->class_name, dataset->classes, (size_t)dataset->class_count,
                    sizeof *dataset->classes, hone_class_order);
        entry->item.label = (int32_t)(found - dataset->classes);
    }
}

// By part, and within a part as before: a counting sort.
static hone_status hone_dataset_order(struct hone_dataset *dataset) {
    struct hone_data_entry *sorted =
        hone_calloc(dataset->count, sizeof *sorted, "the list of pictures");
    if (!sorted) return HONE_OUT_OF_MEMORY;
    size_t at = 0;
    for (int part = 0; part < HONE_PART_COUNT; part++) {
        dataset->part_first[part] = at;
        for (size_t i = 0; i < dataset->count; i++) {
            if ((int)dataset->entries[i].item.part == part) sorted[at++] = dataset->entries[i];
        }
    }
    dataset->part_first[HONE_PART_COUNT] = at;
    hone_free(dataset->entries);
    dataset->entries = sorted;
    dataset->capacity = dataset->count;
    return HONE_OK;
}

// The next component of a path, "." left out; false at the end. Equal paths give equal components.
static bool hone_path_next(const char **path, size_t *length) {
    for (;;) {
        while (**path == '/') ++*path;
        *length = strcspn(*path, "/");
        if (*length != 1 || **path != '.') return *length > 0;
        ++*path;
    }
}

static int hone_path_order(const char *a, const char *b) {
    if ((*a == '/') != (*b == '/')) return *a == '/' ? -1 : 1;
    for (;;) {
        size_t a_length, b_length;
        bool more_a = hone_path_next(&a, &a_length), more_b = hone_path_next(&b, &b_length);
        if (!more_a || !more_b) return (int)more_a - (int)more_b;
        int order = strncmp(a, b, a_length < b_length ? a_length : b_length);
        if (order == 0 && a_length != b_length) order = a_length < b_length ? -1 : 1;
        if (order) return order;
        a += a_length;
        b += b_length;
    }
}

// The place breaks ties, so that messages are the same on every machine.
static int hone_entry_order(const void *a, const void *b) {
    const struct hone_data_entry *x = *(const struct hone_data_entry *const *)a;
    const struct hone_data_entry *y = *(const struct hone_data_entry *const *)b;
    int order = hone_path_order(x->item.path, y->item.path);
    return order ? order : (x > y) - (x < y);
}

static hone_status hone_dataset_clash(const struct hone_data_entry *a,
                                      const struct hone_data_entry *b) {
    if (a->item.part != b->item.part)
        return hone_fail(HONE_INVALID,
                         "%s:%u: %s also stands in %s:%u; a picture belongs to one part only",
                         b->list, (unsigned)b->line, b->item.name, a->list, (unsigned)a->line);
    return hone_fail(HONE_INVALID, "%s:%u: %s is of class '%s', but of class '%s' in %s:%u",
                     b->list, (unsigned)b->line, b->item.name, b->class_name, a->class_name,
                     a->list, (unsigned)a->line);
}

// The same path in two parts would make the figures lie. Twice in one part, under one class, is
// allowed: some lists weight pictures that way.
static hone_status hone_dataset_check_twice(const struct hone_dataset *dataset) {
    const struct hone_data_entry **sorted =
        hone_calloc(dataset->count, sizeof *sorted, "a check for duplicates");
    if (!sorted) return HONE_OUT_OF_MEMORY;
    for (size_t i = 0; i < dataset->count; i++) sorted[i] = &dataset->entries[i];
    if (dataset->count) qsort(sorted, dataset->count, sizeof *sorted, hone_entry_order);
    hone_status status = HONE_OK;
    for (size_t i = 1; i < dataset->count && status == HONE_OK; i++) {
        const struct hone_data_entry *a = sorted[i - 1], *b = sorted[i];
        if (hone_path_order(a->item.path, b->item.path) != 0) continue;
        if (a->item.part != b->item.part || a->item.label != b->item.label)
            status = hone_dataset_clash(a, b);
    }
    hone_free(sorted);
    return status;
}

static hone_status hone_dataset_check_classes(const struct hone_dataset *dataset, const char *where,
                                              bool lists) {
    if (dataset->class_count < 2)
        return hone_fail(
            HONE_INVALID,
            "%s: one class only ('%s'); to tell classes apart, at least two are needed", where,
            dataset->classes[0]);
    for (int32_t label = 0; label < dataset->class_count; label++) {
        size_t all = 0, train = 0;
        for (size_t i = 0; i < dataset->count; i++) {
            if (dataset->entries[i].item.label != label) continue;
            all++;
            train += dataset->entries[i].item.part == HONE_PART_TRAIN;
        }
        const char *name = dataset->classes[label];
        if (!hone_text_is_utf8(name))
            return hone_fail(HONE_INVALID,
                             "class '%s': its name is not UTF-8, which a model file needs; rename "
                             "it",
                             name);
        if (!all)
            return hone_fail(HONE_INVALID,
                             "class '%s' has no pictures: put " HONE_IMAGE_FORMATS
                             " files into %s/%s, or remove that folder",
                             name, where, name);
        if (!train)
            return hone_fail(HONE_INVALID, "class '%s' has %zu pictures, but none for training: %s",
                             name, all,
                             lists ? "add some to the training list" : "add some to train/");
    }
    return HONE_OK;
}

static void hone_dataset_warn(const struct hone_dataset *dataset, const char *where) {
    if (dataset->skipped)
        hone_log(HONE_LOG_WARNING,
                 "%s: %zu file%s left out, having the extension of no picture that hone reads "
                 "(such as %s)",
                 where, dataset->skipped, dataset->skipped == 1 ? "" : "s", dataset->skipped_name);
    if (dataset->outside)
        hone_log(HONE_LOG_WARNING, "%s: %zu picture%s outside of the class folders left out", where,
                 dataset->outside, dataset->outside == 1 ? "" : "s");
}

// Reads what there is, into parts where that is said. *where: what messages name; *split: the parts
// are hone's to make; *listed: lists name the pictures.
static hone_status hone_dataset_find(struct hone_dataset *dataset,
                                     const struct hone_data_params *params, const char **where,
                                     bool *listed, bool *split) {
    const char *lists[HONE_PART_COUNT] = {params->train_list, params->val_list, params->test_list};
    *where = params->folder;
    *listed = *split = params->all_list != NULL;
    if (params->all_list) {
        *where = params->all_list;
        HONE_TRY(
            hone_dataset_read_list(dataset, params->all_list, params->folder, HONE_PART_TRAIN));
    }
    for (int part = 0; part < HONE_PART_COUNT; part++) {
        if (!lists[part]) continue;
        if (params->all_list)
            return hone_fail(
                HONE_INVALID,
                "--all-list names all pictures, for hone to split; give it alone, or the "
                "lists of the parts");
        if (!*listed) *where = lists[part];
        *listed = true;
        HONE_TRY(hone_dataset_read_list(dataset, lists[part], params->folder, part));
    }
    if (!*listed && !params->folder)
        return hone_fail(HONE_INVALID, "no data: give a folder of pictures, or list files");
    return *listed ? HONE_OK : hone_dataset_scan(dataset, params->folder, split);
}

// Groups, and with them the split.
static hone_status hone_dataset_deal(struct hone_dataset *dataset,
                                     const struct hone_data_params *params, bool split) {
    double shares[HONE_PART_COUNT];
    uint64_t seed = (uint64_t)params->split_seed;
    bool grouped = params->group != NULL;
    HONE_TRY(hone_fail_context(
        hone_split_parse(params->split ? params->split : HONE_DATA_SPLIT, shares), "--split"));
    if (params->group) HONE_TRY(hone_dataset_group(dataset, params->group));
    if (params->folds && !split)
        return hone_fail(HONE_INVALID, "--folds deals the pictures itself: give one folder of "
                                       "classes, or --all-list, and no parts");
    if (params->folds)
        return hone_dataset_fold(dataset, params->folds, params->fold ? params->fold : 1, seed);
    for (size_t i = 0; i < dataset->count && !grouped; i++)
        grouped = dataset->entries[i].item.group != NULL;
    if (split && grouped) return hone_dataset_split_groups(dataset, shares, seed);
    if (split) return hone_dataset_split(dataset, shares, seed);
    return grouped ? hone_dataset_check_groups(dataset) : HONE_OK;
}

static hone_status hone_dataset_fill(struct hone_dataset *dataset,
                                     const struct hone_data_params *params) {
    const char *where;
    bool listed, split;
    if (params->folder) {
        dataset->folder = hone_arena_strdup(&dataset->arena, params->folder);
        if (!dataset->folder) return HONE_OUT_OF_MEMORY;
    }
    HONE_TRY(hone_dataset_find(dataset, params, &where, &listed, &split));
    hone_dataset_label(dataset);
    hone_dataset_warn(dataset, where);
    // Lists without one to train on serve evaluation.
    bool trains = !params->any_classes && (!listed || params->train_list || params->all_list);
    if (trains) HONE_TRY(hone_dataset_check_classes(dataset, where, listed));
    HONE_TRY(hone_dataset_deal(dataset, params, split));
    if (listed) HONE_TRY(hone_dataset_check_twice(dataset));
    return hone_dataset_order(dataset);
}

hone_status hone_dataset_open(const struct hone_data_params *params, hone_dataset **out) {
    *out = NULL;
    struct hone_dataset *dataset = hone_calloc(1, sizeof *dataset, "a data set");
    if (!dataset) return HONE_OUT_OF_MEMORY;
    hone_status status = hone_dataset_fill(dataset, params);
    if (status != HONE_OK)
        hone_dataset_close(&dataset);
    else
        *out = dataset;
    return status;
}

void hone_dataset_close(hone_dataset **dataset) {
    struct hone_dataset *d = *dataset;
    if (!d) return;
    *dataset = NULL;
    hone_arena_deinit(&d->arena);
    hone_free(d->entries);
    hone_free(d->classes);
    hone_free(d);
}

int32_t hone_dataset_class_count(const hone_dataset *dataset) {
    return dataset->class_count;
}

const char *hone_dataset_class_name(const hone_dataset *dataset, int32_t label) {
    return label >= 0 && label < dataset->class_count ? dataset->classes[label] : NULL;
}

size_t hone_dataset_count(const hone_dataset *dataset, enum hone_part part) {
    if (part == HONE_PART_ALL) return dataset->count;
    return dataset->part_first[part + 1] - dataset->part_first[part];
}

const struct hone_data_item *hone_dataset_item(const hone_dataset *dataset, enum hone_part part,
                                               size_t index) {
    if (index >= hone_dataset_count(dataset, part)) return NULL;
    size_t first = part == HONE_PART_ALL ? 0 : dataset->part_first[part];
    return &dataset->entries[first + index].item;
}

size_t hone_dataset_skipped(const hone_dataset *dataset) {
    return dataset->skipped;
}

// Without a data folder a list must lead to its pictures from wherever it lies.
static hone_status hone_dataset_line(const struct hone_dataset *dataset,
                                     const struct hone_data_entry *entry, struct hone_text *text) {
    const char *group = entry->item.group;
    bool own = !group || strcmp(group, entry->item.name) == 0; // a group of one
    char *path = dataset->folder ? NULL : hone_path_real(entry->item.path);
    if (!dataset->folder && !path) return HONE_OUT_OF_MEMORY;
    hone_status status = hone_text_printf(text, "%s\t%s%s%s\n", path ? path : entry->item.name,
                                          entry->class_name, own ? "" : "\t", own ? "" : group);
    hone_free(path);
    return status;
}

hone_status hone_dataset_write_lists(const hone_dataset *dataset, const char *folder) {
    HONE_TRY(hone_dir_make(folder));
    hone_status status = HONE_OK;
    for (int part = 0; part < HONE_PART_COUNT && status == HONE_OK; part++) {
        size_t first = dataset->part_first[part], end = dataset->part_first[part + 1];
        if (first == end) continue;
        struct hone_text lines = {0}, path = {0};
        for (size_t i = first; i < end && status == HONE_OK; i++)
            status = hone_dataset_line(dataset, &dataset->entries[i], &lines);
        if (status == HONE_OK)
            status = hone_text_printf(&path, "%s/%s.txt", folder, hone_part_name(part));
        if (status == HONE_OK) status = hone_file_write(path.data, lines.data, lines.length);
        hone_text_deinit(&lines);
        hone_text_deinit(&path);
    }
    return status;
}
