// group.c: photographs of one part belong together: on one side of a split, or the figures are too
// good. A group comes from a pattern on the file's name, or from the third column of a list.
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/rng.h"
#include "data/dataset.h"

// ---- Names ----------------------------------------------------------------------------------

static hone_status bad_pattern(int code, const regex_t *regex, const char *pattern) {
    char reason[128];
    regerror(code, regex, reason, sizeof reason);
    return hone_fail(HONE_INVALID, "--group: '%.100s' is no pattern: %s", pattern, reason);
}

// The text of the first ( ), or of the whole match where there is none.
static const char *match_group(struct hone_dataset *dataset, const char *name,
                               const regmatch_t match[2]) {
    const regmatch_t *m = match[1].rm_so >= 0 ? &match[1] : &match[0];
    size_t length = (size_t)(m->rm_eo - m->rm_so);
    char *group = hone_arena_alloc(&dataset->arena, length + 1, 1);
    if (group) memcpy(group, name + m->rm_so, length);
    return group;
}

hone_status hone_dataset_group(struct hone_dataset *dataset, const char *pattern) {
    regex_t regex;
    size_t matched = 0;
    const char *stranger = NULL;
    int code = regcomp(&regex, pattern, REG_EXTENDED);
    if (code) return bad_pattern(code, &regex, pattern);
    hone_status status = HONE_OK;
    for (size_t i = 0; i < dataset->count && status == HONE_OK; i++) {
        struct hone_data_entry *entry = &dataset->entries[i];
        regmatch_t match[2];
        if (regexec(&regex, entry->item.name, 2, match, 0) != 0) {
            stranger = entry->item.name;
            continue;
        }
        matched++;
        entry->item.group = match_group(dataset, entry->item.name, match);
        if (!entry->item.group) status = HONE_OUT_OF_MEMORY;
    }
    regfree(&regex);
    HONE_TRY(status);
    if (!matched)
        return hone_fail(HONE_INVALID, "--group: '%.100s' matches no name, such as %s", pattern,
                         stranger ? stranger : "(there are no pictures)");
    if (stranger)
        hone_log(HONE_LOG_WARNING,
                 "--group: %zu of %zu names do not match (such as %s); each is a group of its own",
                 dataset->count - matched, dataset->count, stranger);
    return HONE_OK;
}

// ---- Order by group -------------------------------------------------------------------------

// By group, then by place.
static int by_group(const void *a, const void *b) {
    const struct hone_data_entry *x = *(struct hone_data_entry *const *)a;
    const struct hone_data_entry *y = *(struct hone_data_entry *const *)b;
    int order = strcmp(x->item.group, y->item.group);
    return order ? order : (x > y) - (x < y);
}

// Pointers to the entries that have a group, sorted by it. hone_free.
static hone_status sort_grouped(struct hone_dataset *dataset, struct hone_data_entry ***out,
                                size_t *count) {
    *count = 0;
    *out = hone_calloc(dataset->count, sizeof **out, "groups");
    if (!*out) return HONE_OUT_OF_MEMORY;
    for (size_t i = 0; i < dataset->count; i++)
        if (dataset->entries[i].item.group) (*out)[(*count)++] = &dataset->entries[i];
    qsort(*out, *count, sizeof **out, by_group);
    return HONE_OK;
}

// The end of the run of equal groups that begins at `first`.
static size_t group_end(struct hone_data_entry *const *sorted, size_t count, size_t first) {
    size_t end = first + 1;
    while (end < count && strcmp(sorted[end]->item.group, sorted[first]->item.group) == 0) end++;
    return end;
}

// ---- Leaks ----------------------------------------------------------------------------------

hone_status hone_dataset_check_groups(struct hone_dataset *dataset) {
    struct hone_data_entry **sorted;
    size_t count, groups = 0, pictures = 0;
    const struct hone_data_entry *a = NULL, *b = NULL;
    HONE_TRY(sort_grouped(dataset, &sorted, &count));
    for (size_t i = 0, end; i < count; i = end) {
        bool split = false;
        end = group_end(sorted, count, i);
        for (size_t k = i + 1; k < end; k++)
            if (sorted[k]->item.part != sorted[i]->item.part) {
                if (!a) {
                    a = sorted[i];
                    b = sorted[k];
                }
                split = true;
            }
        groups += split;
        if (split) pictures += end - i;
    }
    if (a)
        hone_log(
            HONE_LOG_WARNING,
            "%zu group%s of photographs (%zu pictures) on more than one side of the split, such "
            "as %s (%s) and %s (%s): the figures will be better than on new parts",
            groups, groups == 1 ? "" : "s", pictures, a->item.name, hone_part_name(a->item.part),
            b->item.name, hone_part_name(b->item.part));
    hone_free(sorted);
    return HONE_OK;
}

// ---- Dealing --------------------------------------------------------------------------------

// What a class has got so far, against what it shall get.
struct deal {
    double target[HONE_PART_COUNT]; // pictures
    size_t have[HONE_PART_COUNT];   // pictures
    size_t left;                    // groups that are not dealt
};

// The part that lacks most; but while the groups just suffice, one that has none yet.
static enum hone_part choose_part(const struct deal *deal) {
    int best = HONE_PART_TRAIN, empty = 0;
    for (int part = 0; part < HONE_PART_COUNT; part++)
        empty += deal->target[part] > 0 && deal->have[part] == 0;
    bool must = deal->left <= (size_t)empty;
    double most = -1e300;
    for (int part = 0; part < HONE_PART_COUNT; part++) {
        if (!(deal->target[part] > 0) || (must && deal->have[part] > 0)) continue;
        double lack = deal->target[part] - (double)deal->have[part];
        if (lack > most) {
            most = lack;
            best = part;
        }
    }
    return (enum hone_part)best;
}

struct group_run {
    size_t first, end; // of the sorted entries
    int32_t label;     // of its first picture
};

// Near to the shares at `user`.
static hone_status deal_shares(void *user, struct hone_data_entry *const *sorted,
                               const struct group_run *runs, const uint32_t *places,
                               const uint32_t *order, uint32_t count) {
    const double *shares = user;
    struct deal deal = {.left = count};
    size_t pictures = 0;
    for (uint32_t i = 0; i < count; i++) pictures += runs[places[i]].end - runs[places[i]].first;
    for (int part = 0; part < HONE_PART_COUNT; part++)
        deal.target[part] = shares[part] * (double)pictures;
    for (uint32_t i = 0; i < count; i++) {
        const struct group_run *run = &runs[places[order[i]]];
        enum hone_part part = choose_part(&deal);
        for (size_t k = run->first; k < run->end; k++) sorted[k]->item.part = part;
        deal.have[part] += run->end - run->first;
        deal.left--;
    }
    return HONE_OK;
}

struct fold_deal {
    int32_t folds, fold; // fold from 0
    uint32_t first;      // the fold that the next class begins with, so that small classes spread
};

// Each group to the fold that has fewest pictures of the class.
static hone_status deal_folds(void *user, struct hone_data_entry *const *sorted,
                              const struct group_run *runs, const uint32_t *places,
                              const uint32_t *order, uint32_t count) {
    struct fold_deal *d = user;
    size_t have[100] = {0};
    if (!count) return HONE_OK; // its pictures lie in groups of other classes
    if (count < 3)
        return hone_fail(HONE_INVALID,
                         "class '%s' has %u %s of photographs: folds need three at least, so that "
                         "training sees it always",
                         sorted[runs[places[0]].first]->class_name, (unsigned)count,
                         count == 1 ? "group" : "groups");
    for (uint32_t i = 0; i < count; i++) {
        const struct group_run *run = &runs[places[order[i]]];
        int32_t to = (int32_t)(d->first % (uint32_t)d->folds), n = d->folds;
        for (int32_t k = 0; k < n; k++) {
            int32_t other = (int32_t)((d->first + (uint32_t)k) % (uint32_t)n);
            if (have[other] < have[to]) to = other;
        }
        have[to] += run->end - run->first;
        for (size_t k = run->first; k < run->end; k++)
            sorted[k]->item.part = to == d->fold             ? HONE_PART_TEST
                                   : to == (d->fold + 1) % n ? HONE_PART_VAL
                                                             : HONE_PART_TRAIN;
    }
    d->first += count;
    return HONE_OK;
}

// Deals one class: `count` runs, places[order[i]] in the order in which they are dealt.
typedef hone_status (*deal_fn)(void *user, struct hone_data_entry *const *sorted,
                               const struct group_run *runs, const uint32_t *places,
                               const uint32_t *order, uint32_t count);

static hone_status deal_all(struct hone_dataset *dataset, uint64_t seed, deal_fn deal, void *user) {
    struct hone_data_entry **sorted;
    size_t count, run_count = 0;
    // A picture without a group is one of its own, by its name.
    for (size_t i = 0; i < dataset->count; i++)
        if (!dataset->entries[i].item.group)
            dataset->entries[i].item.group = dataset->entries[i].item.name;
    HONE_TRY(sort_grouped(dataset, &sorted, &count));
    struct group_run *runs = hone_calloc(count, sizeof *runs, "groups");
    uint32_t *places = hone_calloc(count, sizeof *places, "groups");
    uint32_t *order = hone_calloc(count, sizeof *order, "groups");
    hone_status status = runs && places && order ? HONE_OK : HONE_OUT_OF_MEMORY;
    for (size_t i = 0, end; status == HONE_OK && i < count; i = end) {
        end = group_end(sorted, count, i);
        runs[run_count++] = (struct group_run){i, end, sorted[i]->item.label};
    }
    for (int32_t label = 0; status == HONE_OK && label < dataset->class_count; label++) {
        uint32_t groups = 0;
        for (size_t i = 0; i < run_count; i++)
            if (runs[i].label == label) places[groups++] = (uint32_t)i;
        hone_rng_permutation(seed, hone_split_stream(dataset->classes[label]), order, groups);
        status = deal(user, sorted, runs, places, order, groups);
    }
    hone_free(sorted);
    hone_free(runs);
    hone_free(places);
    hone_free(order);
    return status;
}

hone_status hone_dataset_split_groups(struct hone_dataset *dataset,
                                      const double shares[HONE_PART_COUNT], uint64_t seed) {
    double own[HONE_PART_COUNT];
    memcpy(own, shares, sizeof own);
    return deal_all(dataset, seed, deal_shares, own);
}

hone_status hone_dataset_fold(struct hone_dataset *dataset, int32_t folds, int32_t fold,
                              uint64_t seed) {
    struct fold_deal deal = {.folds = folds, .fold = fold - 1};
    if (folds < 3 || folds > 100)
        return hone_fail(HONE_INVALID, "--folds is %d: it must be 3 to 100", (int)folds);
    if (fold < 1 || fold > folds)
        return hone_fail(HONE_INVALID, "--fold %d: there are %d", (int)fold, (int)folds);
    return deal_all(dataset, seed, deal_folds, &deal);
}
