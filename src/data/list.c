// list.c: list files: a line a picture, path<TAB>class[<TAB>group]. Blank lines and lines that
// begin with '#' say nothing; line ends of any system and a byte-order mark are taken.
#include "data/dataset.h"

#include <string.h>

#include "base/file.h"

// What the paths of a list without a data folder are relative to: its own folder, or the nearest
// above it in which the first path leads to a file (lists often lie in a subfolder, splits/ or
// folds/).
static char *hone_list_folder(const char *list, const char *first) {
    char *own = hone_path_folder(list), *folder = own ? hone_strdup(own) : NULL;
    for (int level = 0; folder && level < 4; level++) {
        char *path = hone_path_join(folder, first);
        bool found = path && hone_file_exists(path);
        hone_free(path);
        if (!path) {
            hone_free(folder);
            folder = NULL;
        }
        if (found || !path) break;
        char *above = hone_path_join(folder, "..");
        hone_free(folder);
        folder = above;
        if (level == 3 && folder) { // nowhere: the message shall name the list's own folder
            hone_free(folder);
            folder = own;
            own = NULL;
        }
    }
    hone_free(own);
    return folder;
}

// A list whose first picture is missing has the wrong folder: say so before a thousand warnings.
static hone_status hone_list_check_first(const struct hone_data_entry *entry, const char *folder) {
    if (hone_file_exists(entry->item.path)) return HONE_OK;
    return hone_fail(HONE_NOT_FOUND,
                     "%s:%u: there is no %s in %s; give the folder that the list's paths are "
                     "relative to",
                     entry->list, (unsigned)entry->line, entry->item.name, folder);
}

// Cuts a line's end and the spaces before it.
static void hone_list_trim(char *line, size_t *length) {
    while (*length && strchr(" \t\r", line[*length - 1])) --*length;
    line[*length] = '\0';
}

hone_status hone_dataset_parse_list(struct hone_dataset *dataset, char *text, size_t bytes,
                                    const char *name, const char *folder, enum hone_part part) {
    if (memchr(text, '\0', bytes)) return hone_fail(HONE_INVALID, "%s: not a text file", name);
    const char *list = hone_arena_strdup(&dataset->arena, name);
    if (!list) return HONE_OUT_OF_MEMORY;
    if (bytes >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        text += 3;
        bytes -= 3;
    }
    uint32_t number = 0;
    for (char *end = text + bytes, *next; text < end; text = next) {
        size_t length = strcspn(text, "\n");
        next = text + length + 1;
        number++;
        hone_list_trim(text, &length);
        if (!length || *text == '#') continue;
        char *tab = strchr(text, '\t');
        char *second = tab ? strchr(tab + 1, '\t') : NULL;
        if (!tab || tab == text || second == tab + 1 || (second && strchr(second + 1, '\t')))
            return hone_fail(
                HONE_INVALID,
                "%s:%u: a line must be path<TAB>class or path<TAB>class<TAB>group, not "
                "'%.100s'",
                name, (unsigned)number, text);
        *tab = '\0';
        if (second) *second = '\0';
        HONE_TRY(hone_dataset_add_class(dataset, tab + 1));
        HONE_TRY(
            hone_fail_context(hone_dataset_add(dataset, folder, text, tab + 1, part, list, number),
                              "%s:%u", name, (unsigned)number));
        if (second) HONE_TRY(hone_dataset_set_group(dataset, second + 1));
    }
    return HONE_OK;
}

// The path of the first line that names a picture, copied; *out NULL where there is none.
static hone_status hone_list_first(const char *text, char **out) {
    *out = NULL;
    if (strncmp(text, "\xEF\xBB\xBF", 3) == 0) text += 3;
    while (*text && (*text == '#' || strchr(" \t\r\n", *text))) {
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    size_t length = strcspn(text, "\t\r\n");
    if (!length) return HONE_OK;
    *out = hone_calloc(length + 1, 1, "a path");
    if (!*out) return HONE_OUT_OF_MEMORY;
    memcpy(*out, text, length);
    return HONE_OK;
}

hone_status hone_dataset_read_list(struct hone_dataset *dataset, const char *path,
                                   const char *folder, enum hone_part part) {
    char *text, *first = NULL, *own = NULL;
    size_t bytes, before = dataset->count;
    HONE_TRY(hone_file_read(path, (uint64_t)1 << 30, &text, &bytes));
    hone_status status = HONE_OK;
    if (!folder) {
        status = hone_list_first(text, &first);
        own = status == HONE_OK ? hone_list_folder(path, first ? first : "") : NULL;
        folder = own;
        if (!own) status = HONE_OUT_OF_MEMORY;
    }
    if (status == HONE_OK)
        status = hone_dataset_parse_list(dataset, text, bytes, path, folder, part);
    if (status == HONE_OK && dataset->count == before)
        status = hone_fail(HONE_INVALID, "%s: the list names no pictures", path);
    if (status == HONE_OK) status = hone_list_check_first(&dataset->entries[before], folder);
    hone_free(own);
    hone_free(first);
    hone_free(text);
    return status;
}
