// report.c: the page: its head and style, and the order of its parts.
#include "report/report.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "report/chart.h"
#include "report/html.h"

// Nothing may be loaded, and no script runs.
static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
    "style-src 'unsafe-inline'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
    "<link rel=\"icon\" href=\"data:,\">\n<style>\n"
    ":root{--bg:#fff;--fg:#1c2126;--soft:#5c6670;--line:#dfe3e7;--card:#f5f7f8;--a:#0b6bcb;"
    "--b:#d1570b;--c:#2e8540;--bad:#c62f2f;--warn:#fff4dc;color-scheme:light dark}\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#14181c;--fg:#e4e8ec;--soft:#98a3ad;"
    "--line:#2d343b;--card:#1c2228;--a:#5aa9f2;--b:#f09452;--c:#63c278;--bad:#f07171;"
    "--warn:#3a3018}}\n"
    "body{margin:0 auto;max-width:1040px;padding:24px;background:var(--bg);color:var(--fg);"
    "font:15px/1.45 system-ui,sans-serif}\n"
    "h1{font-size:24px;margin:0}h2{font-size:18px;margin:34px 0 10px}p{margin:8px 0}\n"
    ".sub{color:var(--soft)}code{font-size:90%}\n"
    ".cards{display:flex;flex-wrap:wrap;gap:10px;margin:16px 0}\n"
    ".card{background:var(--card);border-radius:8px;padding:10px 18px;min-width:96px}\n"
    ".card b{display:block;font-size:26px;font-variant-numeric:tabular-nums}\n"
    ".card span{color:var(--soft);font-size:13px}\n"
    ".caution{background:var(--warn);border-radius:6px;padding:8px 12px}\n"
    ".wide{overflow-x:auto}\n"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:8px 0}\n"
    "th,td{padding:4px 12px;text-align:left;border-bottom:1px solid var(--line);"
    "overflow-wrap:anywhere}\n"
    "thead th{color:var(--soft);font-weight:600;font-size:13px}\n"
    "tbody th{font-weight:600}.n{text-align:right}.sum th,.sum td{color:var(--soft)}\n"
    ".bar{position:relative;min-width:110px}.bar i{position:absolute;left:8px;top:5px;bottom:5px;"
    "background:var(--a);opacity:.22;border-radius:3px;max-width:calc(100% - 16px)}\n"
    ".bar span{position:relative}\n"
    ".matrix td{min-width:36px}\n"
    ".matrix .hit{background:color-mix(in srgb,var(--c) calc(var(--s)*70%),transparent)}\n"
    ".matrix .miss{background:color-mix(in srgb,var(--bad) calc(var(--s)*70%),transparent)}\n"
    ".charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(330px,1fr));gap:12px}\n"
    "svg{width:100%;height:auto;background:var(--card);border-radius:8px}\n"
    "svg text{font:11px system-ui,sans-serif;fill:var(--soft)}svg .title{font-size:13px;"
    "font-weight:600;fill:var(--fg)}\n"
    ".ty{text-anchor:end}.tx{text-anchor:middle}.grid{stroke:var(--line)}\n"
    ".mark{stroke:var(--soft);stroke-dasharray:3 3}\n"
    ".line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}\n"
    ".line.l0{stroke:var(--a)}.line.l1{stroke:var(--b)}.line.l2{stroke:var(--c)}"
    ".line.l3{stroke:var(--bad)}\n"
    "svg tspan.l0{fill:var(--a)}svg tspan.l1{fill:var(--b)}svg tspan.l2{fill:var(--c)}"
    "svg tspan.l3{fill:var(--bad)}\n"
    ".shots{display:grid;grid-template-columns:repeat(auto-fill,minmax(164px,1fr));gap:14px}\n"
    "figure{margin:0;font-size:13px}figure img{width:160px;height:auto;border-radius:6px;"
    "display:block;image-rendering:auto}\n"
    "figcaption{overflow-wrap:anywhere}figcaption .name{color:var(--soft);font-size:12px}\n"
    ".wrong{color:var(--bad)}.changed td,.changed th{font-weight:600}\n"
    "pre{background:var(--card);border-radius:8px;padding:12px;overflow-x:auto;font-size:13px}\n"
    "details summary{cursor:pointer;color:var(--soft)}\n"
    ".two{display:grid;grid-template-columns:repeat(auto-fit,minmax(330px,1fr));gap:0 24px}\n"
    "</style>\n";

static hone_status page_curves(struct hone_text *out, const struct hone_report *r) {
    size_t n = r->epoch_count;
    if (!n) return HONE_OK;
    double *memory = hone_calloc(n * 7, sizeof *memory, "curves");
    if (!memory) return HONE_OUT_OF_MEMORY;
    double *x = memory, *column[6];
    for (int k = 0; k < 6; k++) column[k] = memory + (size_t)(k + 1) * n;
    for (size_t i = 0; i < n; i++) {
        const struct hone_train_epoch *e = &r->epochs[i];
        x[i] = e->epoch;
        column[0][i] = e->train_loss;
        column[1][i] = e->val_loss;
        column[2][i] = e->val_macro_f1;
        column[3][i] = e->val_accuracy;
        column[4][i] = e->train_accuracy;
        column[5][i] = e->lr;
    }
    struct hone_chart charts[] = {
        {.title = "Loss",
         .line = {{"training", column[0]}, {"validation", column[1]}},
         .line_count = 2},
        {.title = "Right answers",
         .share = true,
         .line_count = 3,
         .line = {{"macro-F1", column[2]}, {"accuracy", column[3]}, {"in training", column[4]}}},
        {.title = "Learning rate", .line = {{"", column[5]}}, .line_count = 1},
    };
    hone_text_printf(out, "<h2>Curves</h2>\n<div class=\"charts\">\n");
    for (size_t k = 0; k < sizeof charts / sizeof *charts; k++) {
        charts[k].count = n;
        charts[k].x = x;
        charts[k].mark = r->best_epoch;
        hone_chart_svg(out, &charts[k]);
    }
    if (r->tried)
        hone_chart_svg(out, &(struct hone_chart){.title = "Range test of the learning rate",
                                                 .count = r->tried,
                                                 .x = r->tried_rates,
                                                 .line = {{"loss", r->tried_losses}},
                                                 .line_count = 1,
                                                 .log_x = true,
                                                 .mark = r->found_rate});
    hone_text_printf(out, "</div>\n<p class=\"sub\">By epoch; the dashed line is the one that was "
                          "kept. The training loss has class weights and smoothing in it, the "
                          "validation loss has not.</p>\n");
    hone_free(memory);
    return HONE_OK;
}

static hone_status page_picture(struct hone_text *out, const struct hone_report *r,
                                const struct hone_report_picture *p) {
    hone_text_printf(out, "<figure>");
    HONE_TRY(hone_html_picture(out, &p->image, HONE_REPORT_PICTURE_SIDE, p->name));
    hone_text_printf(out, "<figcaption>is <b>");
    hone_html_text(out, r->class_names[p->label]);
    if (p->said == p->label) {
        hone_text_printf(out, "</b>, said so with %.2f", (double)p->label_score);
    } else {
        hone_text_printf(out, "</b> (%.2f), <span class=\"wrong\">said <b>",
                         (double)p->label_score);
        hone_html_text(out, r->class_names[p->said]);
        hone_text_printf(out, "</b> (%.2f)</span>", (double)p->said_score);
    }
    hone_text_printf(out, "<br><span class=\"name\">");
    hone_html_text(out, p->name);
    return hone_text_printf(out, "</span></figcaption></figure>\n");
}

static hone_status page_pictures(struct hone_text *out, const struct hone_report *r) {
    size_t count =
        r->picture_count < HONE_REPORT_PICTURES ? r->picture_count : HONE_REPORT_PICTURES;
    if (!count) return HONE_OK;
    hone_text_printf(out,
                     "<h2>Hardest pictures</h2>\n<p class=\"sub\">Of the %s part, those whose true "
                     "class scored lowest, as the net sees them.</p>\n<div class=\"shots\">\n",
                     r->pictures_part == HONE_PART_TEST ? "test" : "validation");
    for (size_t i = 0; i < count; i++) HONE_TRY(page_picture(out, r, &r->pictures[i]));
    return hone_text_printf(out, "</div>\n");
}

static void page_facts(struct hone_text *out, const char *title,
                       const struct hone_report_fact *facts, size_t count) {
    if (!count) return;
    hone_text_printf(out, "<div><h2>%s</h2>\n<table><tbody>\n", title);
    for (size_t i = 0; i < count; i++) {
        hone_text_printf(out, "<tr%s><th scope=\"row\">",
                         facts[i].changed ? " class=\"changed\"" : "");
        hone_html_text(out, facts[i].name);
        hone_text_printf(out, "</th><td>");
        hone_html_text(out, facts[i].value ? facts[i].value : "\xE2\x80\x93");
        hone_text_printf(out, "</td></tr>\n");
    }
    hone_text_printf(out, "</tbody></table></div>\n");
}

// A line of <pre> at a time: newlines are no control characters there.
static void page_notes(struct hone_text *out, const char *notes) {
    if (!notes || !*notes) return;
    hone_text_printf(out, "<h2>What the run said</h2>\n<pre>");
    for (const char *line = notes; *line;) {
        size_t length = strcspn(line, "\n");
        for (size_t done = 0; done < length;) {
            char piece[256];
            size_t n = length - done < sizeof piece - 1 ? length - done : sizeof piece - 1;
            // A character is not cut in two.
            while (n > 1 && done + n < length && (line[done + n] & 0xC0) == 0x80) n--;
            memcpy(piece, line + done, n);
            piece[n] = 0;
            hone_html_text(out, piece);
            done += n;
        }
        hone_text_append(out, "\n", 1);
        line += length + (line[length] == '\n');
    }
    hone_text_printf(out, "</pre>\n");
}

static hone_status page_body(struct hone_text *out, const struct hone_report *r) {
    hone_report_verdict(out, r);
    enum hone_part judged = hone_report_judged(r);
    if (judged != HONE_PART_ALL) {
        hone_text_printf(out, "<h2>By class</h2>\n<div class=\"wide\">\n");
        hone_report_classes(out, r, judged);
        hone_text_printf(out, "</div>\n<h2>Confusion</h2>\n<div class=\"wide\">\n");
        hone_report_confusion(out, r, judged);
        hone_text_printf(out, "</div>\n");
    }
    HONE_TRY(page_curves(out, r));
    HONE_TRY(page_pictures(out, r));
    if (judged == HONE_PART_TEST && r->parts[HONE_PART_VAL].metrics.class_count) {
        hone_text_printf(out, "<h2>Validation part</h2>\n<div class=\"wide\">\n");
        hone_report_classes(out, r, HONE_PART_VAL);
        hone_report_confusion(out, r, HONE_PART_VAL);
        hone_text_printf(out, "</div>\n");
    }
    hone_text_printf(out, "<h2>Data</h2>\n<div class=\"wide\">\n");
    hone_report_data(out, r);
    hone_text_printf(out, "</div>\n<div class=\"two\">\n");
    page_facts(out, "Net", r->net, r->net_count);
    page_facts(out, "Time", r->times, r->time_count);
    page_facts(out, "Machine", r->machine, r->machine_count);
    hone_text_printf(out, "</div>\n");
    page_facts(out, "Options", r->options, r->option_count);
    hone_text_printf(out, "<p class=\"sub\">Bold: not the default.</p>\n");
    page_notes(out, r->notes);
    return out->status;
}

hone_status hone_report_html(const struct hone_report *r, char **out) {
    struct hone_text text = {0};
    *out = NULL;
    hone_text_append(&text, head, sizeof head - 1);
    hone_text_printf(&text, "<title>hone: ");
    hone_html_text(&text, r->run);
    hone_text_printf(&text, "</title></head><body>\n<h1>");
    hone_html_text(&text, r->run);
    hone_text_printf(&text, "</h1>\n<p class=\"sub\">");
    hone_html_text(&text, r->created);
    hone_text_printf(&text, "</p>\n");
    hone_status status = page_body(&text, r);
    hone_text_printf(&text, "</body></html>\n");
    if (status == HONE_OK) *out = hone_text_take(&text);
    hone_text_deinit(&text);
    if (status != HONE_OK) return status;
    return *out ? HONE_OK : HONE_OUT_OF_MEMORY;
}
