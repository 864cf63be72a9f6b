// chart.h: curves as SVG, within a page without scripts or as a file.
#ifndef HONE_REPORT_CHART_H
#define HONE_REPORT_CHART_H

#include "base/text.h"

enum { HONE_CHART_LINES = 4 };
struct hone_chart {
    const char *title;
    size_t count;    // points
    const double *x; // (count), rising
    struct {
        const char *name;
        const double *y; // (count); NaN: nothing there. A line without any number is left out
    } line[HONE_CHART_LINES];
    int line_count;
    bool share;  // y runs from 0 to 1; else from 0 to the largest
    bool log_x;  // x is above 0, and drawn by its logarithm
    double mark; // an upright line at this x; NaN: none
};

// Appends <svg>; nothing where no line has a number. At most 400 points of a line are drawn, the
// last one always.
void hone_chart_svg(struct hone_text *out, const struct hone_chart *chart);
// The same as a file of its own.
void hone_chart_file(struct hone_text *out, const struct hone_chart *chart);

#endif
