// report.h: a run as one HTML page that needs nothing else: no network, no script, styles, curves
// and pictures inside. A pure function of a record that the trainer fills.
#ifndef HONE_REPORT_REPORT_H
#define HONE_REPORT_REPORT_H

#include <hone/data.h>
#include <hone/eval.h>
#include <hone/train.h>

#include "base/text.h"
#include "image/image.h"

enum { HONE_REPORT_PICTURES = 24, HONE_REPORT_PICTURE_SIDE = 160 };

// A picture that was hard: its answer, and its pixels, borrowed.
struct hone_report_picture {
    const char *name;
    int32_t label, said; // classes
    float label_score, said_score;
    struct hone_image image;
};

struct hone_report_part {
    struct hone_metrics metrics; // class_count 0: not judged. Borrowed
    size_t pictures, groups, broken;
    const int64_t *counts; // (classes): pictures; NULL: none
};

// A row of a table of facts and of options.
struct hone_report_fact {
    const char *name, *value;
    bool changed; // an option that differs from its default
};

struct hone_report {
    const char *run, *created; // the folder; a date for people
    const char *const *class_names;
    int32_t class_count, best_epoch;
    bool cancelled;
    struct hone_report_part parts[HONE_PART_COUNT];
    const struct hone_train_epoch *epochs;
    size_t epoch_count;
    const struct hone_report_picture *pictures; // hardest first
    size_t picture_count;
    enum hone_part pictures_part;
    // Pictures held out that look like one of another part: of `compared`, with an example.
    size_t alike, equal, compared;
    const char *alike_held, *alike_seen;
    const struct hone_report_fact *net, *machine, *times, *options;
    size_t net_count, machine_count, time_count, option_count;
    // The range test of the learning rate, and what it found; tried 0: there was none.
    const double *tried_rates, *tried_losses;
    size_t tried;
    double found_rate;
    const char *notes; // what the run said, a line each
};

// The page's text, hone_free. Some 50 KB, and about 6 KB a picture: at most HONE_REPORT_PICTURES of
// them are shown; tables of more than 32 classes are cut to the pairs that are confused most.
hone_status hone_report_html(const struct hone_report *report, char **out);

// tables.c: parts of the page.
void hone_report_verdict(struct hone_text *out, const struct hone_report *report);
void hone_report_classes(struct hone_text *out, const struct hone_report *report,
                         enum hone_part part);
void hone_report_confusion(struct hone_text *out, const struct hone_report *report,
                           enum hone_part part);
void hone_report_data(struct hone_text *out, const struct hone_report *report);
// The part that the verdict is about: test, else val, else none (HONE_PART_ALL).
enum hone_part hone_report_judged(const struct hone_report *report);

#endif
