// scan.c: finds the pictures of the two folder layouts. A folder is read once, in the order of its
// names' bytes, so that a data set is the same on every machine.
#include "data/dataset.h"

#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "image/decode.h"

// Deeper nesting is a link that leads back to a folder above it.
enum { HONE_SCAN_DEPTH = 32 };

struct hone_scan {
    struct hone_dataset *dataset;
    const char *root;
    const char *class_name;
    enum hone_part part;
};

// Everything below root/relative is of the class.
static hone_status hone_scan_class(const struct hone_scan *scan, const char *relative, int depth) {
    if (depth > HONE_SCAN_DEPTH)
        return hone_fail(HONE_INVALID,
                         "%s/%s: folders within folders, %d deep: does a link lead back?",
                         scan->root, relative, HONE_SCAN_DEPTH);
    struct hone_arena arena = {0};
    struct hone_dir_entry *list;
    size_t count;
    char *path = hone_path_join(scan->root, relative);
    hone_status status = path ? hone_dir_list(path, &arena, &list, &count) : HONE_OUT_OF_MEMORY;
    for (size_t i = 0; status == HONE_OK && i < count; i++) {
        if (list[i].name[0] == '.') continue;
        char *name = hone_path_join(relative, list[i].name);
        if (!name) {
            status = HONE_OUT_OF_MEMORY;
        } else if (list[i].is_dir) {
            status = hone_scan_class(scan, name, depth + 1);
        } else if (hone_image_extension_known(name)) {
            status = hone_dataset_add(scan->dataset, scan->root, name, scan->class_name, scan->part,
                                      NULL, 0);
        } else if (!scan->dataset->skipped++) {
            scan->dataset->skipped_name = hone_arena_strdup(&scan->dataset->arena, name);
            if (!scan->dataset->skipped_name) status = HONE_OUT_OF_MEMORY;
        }
        hone_free(name);
    }
    hone_free(path);
    hone_arena_deinit(&arena);
    return status;
}

// root/below/<class>/*; `below` is "" or the folder of a part.
static hone_status hone_scan_classes(struct hone_dataset *dataset, const char *root,
                                     const char *below, enum hone_part part) {
    struct hone_arena arena = {0};
    struct hone_dir_entry *list;
    size_t count;
    char *path = hone_path_join(root, below);
    hone_status status = path ? hone_dir_list(path, &arena, &list, &count) : HONE_OUT_OF_MEMORY;
    for (size_t i = 0; status == HONE_OK && i < count; i++) {
        if (list[i].name[0] == '.') continue;
        if (!list[i].is_dir) {
            dataset->outside += hone_image_extension_known(list[i].name);
            continue;
        }
        struct hone_scan scan = {
            .dataset = dataset, .root = root, .class_name = list[i].name, .part = part};
        char *relative = hone_path_join(below, list[i].name);
        status = relative ? hone_dataset_add_class(dataset, list[i].name) : HONE_OUT_OF_MEMORY;
        if (status == HONE_OK) status = hone_scan_class(&scan, relative, 0);
        hone_free(relative);
    }
    hone_free(path);
    hone_arena_deinit(&arena);
    return status;
}

// The part that a folder's name stands for; HONE_PART_ALL: none.
static enum hone_part hone_scan_part(const char *name) {
    static const struct {
        const char *name;
        enum hone_part part;
    } names[] = {{"train", HONE_PART_TRAIN},
                 {"val", HONE_PART_VAL},
                 {"valid", HONE_PART_VAL},
                 {"validation", HONE_PART_VAL},
                 {"test", HONE_PART_TEST}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i].name) == 0) return names[i].part;
    }
    return HONE_PART_ALL;
}

// Parts, when there is train and val or test, or nothing else than folders of parts. A lone "train"
// beside other folders is a class: somebody sorts vehicles.
static bool hone_scan_has_parts(const struct hone_dir_entry *list, size_t count) {
    bool seen[HONE_PART_COUNT + 1] = {false};
    for (size_t i = 0; i < count; i++) {
        if (list[i].is_dir && list[i].name[0] != '.') seen[hone_scan_part(list[i].name)] = true;
    }
    bool train = seen[HONE_PART_TRAIN], held = seen[HONE_PART_VAL] || seen[HONE_PART_TEST];
    return (train && held) || ((train || held) && !seen[HONE_PART_ALL]);
}

static hone_status hone_scan_parts(struct hone_dataset *dataset, const char *folder,
                                   const struct hone_dir_entry *list, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!list[i].is_dir || list[i].name[0] == '.') continue;
        enum hone_part part = hone_scan_part(list[i].name);
        if (part == HONE_PART_ALL)
            hone_log(HONE_LOG_WARNING, "%s/%s: neither train, val nor test; left out", folder,
                     list[i].name);
        else
            HONE_TRY(hone_scan_classes(dataset, folder, list[i].name, part));
    }
    return HONE_OK;
}

hone_status hone_dataset_scan(struct hone_dataset *dataset, const char *folder, bool *split) {
    struct hone_arena arena = {0};
    struct hone_dir_entry *list;
    size_t count;
    *split = false;
    hone_status status = hone_dir_list(folder, &arena, &list, &count);
    if (status == HONE_OK) {
        *split = !hone_scan_has_parts(list, count);
        status = *split ? hone_scan_classes(dataset, folder, "", HONE_PART_TRAIN)
                        : hone_scan_parts(dataset, folder, list, count);
    }
    hone_arena_deinit(&arena);
    if (status == HONE_OK && !dataset->class_count)
        status =
            hone_fail(HONE_INVALID,
                      "%s: no class folders; put the pictures into %s/<class>/, a folder a class",
                      folder, folder);
    return status;
}
