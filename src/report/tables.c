// tables.c: the parts of the page that judge: the verdict in sentences, figures by class, the
// confusion matrix, the data.
#include "report/report.h"

#include <inttypes.h>
#include <string.h>

#include "report/html.h"

enum { MATRIX_MOST = 32, PAIRS = 20, FEW = 10 };

enum hone_part hone_report_judged(const struct hone_report *r) {
    if (r->parts[HONE_PART_TEST].metrics.class_count) return HONE_PART_TEST;
    return r->parts[HONE_PART_VAL].metrics.class_count ? HONE_PART_VAL : HONE_PART_ALL;
}

static int64_t cell(const struct hone_metrics *m, int32_t truth, int32_t said) {
    return m->confusion[(size_t)truth * (size_t)m->class_count + (size_t)said];
}

// ---- Verdict --------------------------------------------------------------------------------

static void verdict_card(struct hone_text *out, const char *name, const char *format,
                         double value) {
    hone_text_printf(out, "<div class=\"card\"><b>");
    hone_html_printf(out, format, value);
    hone_text_printf(out, "</b><span>%s</span></div>\n", name);
}

// The class with the lowest F1, and what it is mistaken for.
static void verdict_weakest(struct hone_text *out, const struct hone_report *r,
                            const struct hone_metrics *m) {
    int32_t weakest = -1, other = -1;
    for (int32_t c = 0; c < m->class_count; c++)
        if (m->classes[c].support && (weakest < 0 || m->classes[c].f1 < m->classes[weakest].f1))
            weakest = c;
    if (weakest < 0) return;
    for (int32_t p = 0; p < m->class_count; p++)
        if (p != weakest && (other < 0 || cell(m, weakest, p) > cell(m, weakest, other))) other = p;
    const struct hone_class_metrics *k = &m->classes[weakest];
    hone_text_printf(out, "<p>Weakest class: <b>");
    hone_html_text(out, r->class_names[weakest]);
    hone_text_printf(out, "</b>: %" PRId64 " of %" PRId64 " found", k->correct, k->support);
    if (other >= 0 && cell(m, weakest, other)) {
        hone_text_printf(out, ", %" PRId64 " called <b>", cell(m, weakest, other));
        hone_html_text(out, r->class_names[other]);
        hone_text_printf(out, "</b>");
    }
    if (k->predicted)
        hone_text_printf(out, "; when the model says it, it is right in %" PRId64 " of %" PRId64,
                         k->correct, k->predicted);
    hone_text_printf(out, ".</p>\n");
}

// What a reader should know before believing the figures.
static void verdict_cautions(struct hone_text *out, const struct hone_report *r,
                             const struct hone_metrics *m) {
    int32_t few = 0, example = -1;
    for (int32_t c = 0; c < m->class_count; c++)
        if (m->classes[c].support && m->classes[c].support < FEW) {
            if (example < 0 || m->classes[c].support < m->classes[example].support) example = c;
            few++;
        }
    if (few) {
        hone_text_printf(out, "<p class=\"caution\">%d %s fewer than %d pictures in this part, <b>",
                         (int)few, few == 1 ? "class has" : "classes have", (int)FEW);
        hone_html_text(out, r->class_names[example]);
        hone_text_printf(out,
                         "</b> only %" PRId64 ": a single picture moves its figures a lot.</p>\n",
                         m->classes[example].support);
    }
    if (r->alike) {
        hone_text_printf(out,
                         "<p class=\"caution\">%zu of %zu held-out pictures look like one on "
                         "another side of the split (%zu pixel for pixel), such as <code>",
                         r->alike, r->compared, r->equal);
        hone_html_text(out, r->alike_held ? r->alike_held : "");
        hone_text_printf(out, "</code> and <code>");
        hone_html_text(out, r->alike_seen ? r->alike_seen : "");
        hone_text_printf(out, "</code>. If they show the same part, the figures are better than "
                              "on new parts: split by part (--group).</p>\n");
    }
    if (r->cancelled)
        hone_text_printf(out, "<p class=\"caution\">The run was stopped before its end.</p>\n");
}

void hone_report_verdict(struct hone_text *out, const struct hone_report *r) {
    enum hone_part part = hone_report_judged(r);
    if (part == HONE_PART_ALL) {
        hone_text_printf(out, "<p class=\"caution\">No picture was held out: nothing is known of "
                              "how the model does on new ones.</p>\n");
        return;
    }
    const struct hone_metrics *m = &r->parts[part].metrics;
    int64_t most = 0, wrong = m->count;
    int32_t common = 0;
    for (int32_t c = 0; c < m->class_count; c++) {
        wrong -= m->classes[c].correct;
        if (m->classes[c].support <= most) continue;
        most = m->classes[c].support;
        common = c;
    }
    hone_text_printf(out, "<div class=\"cards\">\n");
    verdict_card(out, "macro-F1", "%.3f", m->macro_f1);
    verdict_card(out, "accuracy", "%.3f", m->accuracy);
    if (m->loss == m->loss) verdict_card(out, "loss", "%.3f", m->loss);
    verdict_card(out, part == HONE_PART_TEST ? "test pictures" : "validation pictures", "%.0f",
                 (double)m->count);
    verdict_card(out, "epoch that was kept", "%.0f", r->best_epoch);
    hone_text_printf(out,
                     "</div>\n<p>Of %" PRId64 " pictures that training did not see, %" PRId64
                     " are judged wrongly. Always saying <b>",
                     m->count, wrong);
    hone_html_text(out, r->class_names[common]);
    hone_text_printf(out, "</b> would be right in %.1f %%; the model is in %.1f %%.</p>\n",
                     m->count ? 100.0 * (double)most / (double)m->count : 0, 100 * m->accuracy);
    verdict_weakest(out, r, m);
    if (part == HONE_PART_VAL)
        hone_text_printf(out,
                         "<p class=\"caution\">There is no test part. The validation part chose "
                         "the epoch, so that its figures are a little too good.</p>\n");
    verdict_cautions(out, r, m);
}

// ---- Figures by class -----------------------------------------------------------------------

static void share_cell(struct hone_text *out, double share) {
    hone_text_printf(out,
                     "<td class=\"n bar\"><i style=\"width:%.0f%%\"></i><span>%.3f</span></td>",
                     100 * share, share);
}

void hone_report_classes(struct hone_text *out, const struct hone_report *r, enum hone_part part) {
    const struct hone_metrics *m = &r->parts[part].metrics;
    if (!m->class_count) return;
    hone_text_printf(out,
                     "<table><thead><tr><th>%s</th><th class=\"n\">pictures</th><th "
                     "class=\"n\">said</th><th class=\"n\">right</th><th>precision</th>"
                     "<th>recall</th><th>F1</th></tr></thead><tbody>\n",
                     part == HONE_PART_TEST ? "test" : "validation");
    for (int32_t c = 0; c < m->class_count; c++) {
        const struct hone_class_metrics *k = &m->classes[c];
        hone_text_printf(out, "<tr><th scope=\"row\">");
        hone_html_text(out, r->class_names[c]);
        hone_text_printf(out,
                         "</th><td class=\"n\">%" PRId64 "</td><td class=\"n\">%" PRId64
                         "</td><td class=\"n\">%" PRId64 "</td>",
                         k->support, k->predicted, k->correct);
        share_cell(out, k->precision);
        share_cell(out, k->recall);
        share_cell(out, k->f1);
        hone_text_printf(out, "</tr>\n");
    }
    hone_text_printf(out, "</tbody></table>\n");
}

// ---- Confusion ------------------------------------------------------------------------------

static void confusion_matrix(struct hone_text *out, const struct hone_report *r,
                             const struct hone_metrics *m) {
    hone_text_printf(out, "<table class=\"matrix\"><thead><tr><th>is \\ said</th>");
    for (int32_t p = 0; p < m->class_count; p++) {
        hone_text_printf(out, "<th class=\"n\">");
        hone_html_text(out, r->class_names[p]);
        hone_text_printf(out, "</th>");
    }
    hone_text_printf(out, "</tr></thead><tbody>\n");
    for (int32_t t = 0; t < m->class_count; t++) {
        int64_t support = m->classes[t].support;
        hone_text_printf(out, "<tr><th scope=\"row\">");
        hone_html_text(out, r->class_names[t]);
        hone_text_printf(out, "</th>");
        for (int32_t p = 0; p < m->class_count; p++)
            hone_text_printf(out, "<td class=\"n %s\" style=\"--s:%.2f\">%" PRId64 "</td>",
                             t == p ? "hit" : "miss",
                             support ? (double)cell(m, t, p) / (double)support : 0, cell(m, t, p));
        hone_text_printf(out, "</tr>\n");
    }
    hone_text_printf(out, "</tbody></table>\n");
}

// The next pair in falling order of count after (*truth, *said), false at the end.
static bool next_pair(const struct hone_metrics *m, int32_t *truth, int32_t *said) {
    int64_t last = *truth < 0 ? INT64_MAX : cell(m, *truth, *said), best = 0;
    int64_t n = m->class_count, from = *truth < 0 ? -1 : *truth * n + *said, found = -1;
    for (int64_t i = 0; i < n * n; i++) {
        int64_t count = m->confusion[i];
        bool later = count < last || (count == last && i > from);
        if (i / n == i % n || !later || count <= best) continue;
        best = count;
        found = i;
    }
    if (found < 0) return false;
    *truth = (int32_t)(found / n);
    *said = (int32_t)(found % n);
    return true;
}

static void confusion_pairs(struct hone_text *out, const struct hone_report *r,
                            const struct hone_metrics *m) {
    int32_t truth = -1, said = -1;
    hone_text_printf(out, "<p>The pairs that are confused most; confusion.csv has them all.</p>\n"
                          "<table><thead><tr><th>is</th><th>said</th><th "
                          "class=\"n\">pictures</th></tr></thead><tbody>\n");
    for (int i = 0; i < PAIRS && next_pair(m, &truth, &said); i++) {
        hone_text_printf(out, "<tr><td>");
        hone_html_text(out, r->class_names[truth]);
        hone_text_printf(out, "</td><td>");
        hone_html_text(out, r->class_names[said]);
        hone_text_printf(out, "</td><td class=\"n\">%" PRId64 "</td></tr>\n", cell(m, truth, said));
    }
    hone_text_printf(out, "</tbody></table>\n");
}

void hone_report_confusion(struct hone_text *out, const struct hone_report *r,
                           enum hone_part part) {
    const struct hone_metrics *m = &r->parts[part].metrics;
    if (!m->class_count) return;
    if (m->class_count <= MATRIX_MOST)
        confusion_matrix(out, r, m);
    else
        confusion_pairs(out, r, m);
}

// ---- Data -----------------------------------------------------------------------------------

void hone_report_data(struct hone_text *out, const struct hone_report *r) {
    bool groups = false;
    hone_text_printf(out, "<table><thead><tr><th>class</th>");
    for (int part = 0; part < HONE_PART_COUNT; part++) {
        groups = groups || r->parts[part].groups;
        hone_text_printf(out, "<th class=\"n\">%s</th>", hone_part_name((enum hone_part)part));
    }
    hone_text_printf(out, "</tr></thead><tbody>\n");
    for (int32_t c = 0; c < r->class_count; c++) {
        hone_text_printf(out, "<tr><th scope=\"row\">");
        hone_html_text(out, r->class_names[c]);
        hone_text_printf(out, "</th>");
        for (int part = 0; part < HONE_PART_COUNT; part++)
            hone_text_printf(out, "<td class=\"n\">%" PRId64 "</td>",
                             r->parts[part].counts ? r->parts[part].counts[c] : 0);
        hone_text_printf(out, "</tr>\n");
    }
    const char *const rows[] = {"all", "groups (parts photographed)", "left out: unreadable"};
    for (int row = 0; row < 3; row++) {
        if (row == 1 && !groups) continue;
        hone_text_printf(out, "<tr class=\"sum\"><th scope=\"row\">%s</th>", rows[row]);
        for (int part = 0; part < HONE_PART_COUNT; part++) {
            const struct hone_report_part *p = &r->parts[part];
            hone_text_printf(out, "<td class=\"n\">%zu</td>",
                             row == 0   ? p->pictures
                             : row == 1 ? p->groups
                                        : p->broken);
        }
        hone_text_printf(out, "</tr>\n");
    }
    hone_text_printf(out, "</tbody></table>\n");
    if (!groups)
        hone_text_printf(out, "<p>No groups are known: whether several photographs show one part "
                              "decides how far the figures hold. <code>--group REGEX</code> tells "
                              "hone.</p>\n");
    if (r->compared && !r->alike)
        hone_text_printf(out,
                         "<p>None of the %zu held-out pictures looks like one on another side of "
                         "the split.</p>\n",
                         r->compared);
}
