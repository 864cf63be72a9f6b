// metrics.c: figures of merit from a confusion matrix, and their text and JSON forms. Pure.
#include <hone/eval.h>

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "eval/json.h"

static double ratio(int64_t part, int64_t whole) {
    return whole ? (double)part / (double)whole : 0;
}

static void class_figures(const struct hone_metrics *m, int32_t c) {
    struct hone_class_metrics *k = &m->classes[c];
    *k = (struct hone_class_metrics){.correct = m->confusion[c * m->class_count + c]};
    for (int32_t i = 0; i < m->class_count; i++) {
        k->support += m->confusion[c * m->class_count + i];
        k->predicted += m->confusion[i * m->class_count + c];
    }
    k->precision = ratio(k->correct, k->predicted);
    k->recall = ratio(k->correct, k->support);
    k->f1 = ratio(2 * k->correct, k->support + k->predicted);
}

hone_status hone_metrics_from_confusion(const int64_t *confusion, int32_t class_count,
                                        struct hone_metrics *out) {
    size_t n = (size_t)class_count;
    *out = (struct hone_metrics){.class_count = class_count, .loss = NAN};
    out->classes = hone_calloc(n, sizeof *out->classes, "metrics");
    out->confusion = hone_calloc(n * n, sizeof *out->confusion, "metrics");
    if (!out->classes || !out->confusion) {
        hone_metrics_deinit(out);
        return HONE_OUT_OF_MEMORY;
    }
    memcpy(out->confusion, confusion, n * n * sizeof *confusion);
    int64_t correct = 0, seen = 0;
    for (int32_t c = 0; c < class_count; c++) {
        class_figures(out, c);
        correct += out->classes[c].correct;
        out->count += out->classes[c].support;
        out->macro_f1 += out->classes[c].f1;
        seen += out->classes[c].support || out->classes[c].predicted;
    }
    out->accuracy = ratio(correct, out->count);
    out->macro_f1 = seen ? out->macro_f1 / (double)seen : 0;
    return HONE_OK;
}

hone_status hone_metrics_from_probabilities(const float *probabilities, const int32_t *labels,
                                            size_t count, int32_t class_count,
                                            struct hone_metrics *out) {
    size_t n = (size_t)class_count;
    *out = (struct hone_metrics){0};
    int64_t *confusion = hone_calloc(n * n, sizeof *confusion, "a confusion matrix");
    if (!confusion) return HONE_OUT_OF_MEMORY;
    double loss = 0;
    int64_t counted = 0;
    for (size_t i = 0; i < count; i++) {
        const float *p = probabilities + i * n;
        int32_t best = 0;
        if (labels[i] < 0 || labels[i] >= class_count) continue;
        for (int32_t c = 1; c < class_count; c++)
            if (p[c] > p[best]) best = c;
        confusion[labels[i] * class_count + best]++;
        loss -= log(fmax(p[labels[i]], 1e-38));
        counted++;
    }
    hone_status status = hone_metrics_from_confusion(confusion, class_count, out);
    hone_free(confusion);
    if (status == HONE_OK && counted) out->loss = loss / (double)counted;
    return status;
}

void hone_metrics_deinit(struct hone_metrics *metrics) {
    hone_free(metrics->classes);
    hone_free(metrics->confusion);
    *metrics = (struct hone_metrics){0};
}

hone_status hone_metrics_text(const struct hone_metrics *m, const char *const *class_names,
                              char **out) {
    struct hone_text text = {0};
    int width = 5;
    for (int32_t c = 0; c < m->class_count; c++) {
        int length = (int)strlen(class_names[c]);
        if (length > width) width = length;
    }
    if (width > 24) width = 24;
    hone_text_printf(&text, "%lld pictures   accuracy %.3f   macro-F1 %.3f", (long long)m->count,
                     m->accuracy, m->macro_f1);
    if (!isnan(m->loss)) hone_text_printf(&text, "   loss %.3f", m->loss);
    hone_text_printf(&text, "\n\n%-*s  precision  recall     F1  pictures\n", width, "class");
    for (int32_t c = 0; c < m->class_count; c++) {
        const struct hone_class_metrics *k = &m->classes[c];
        hone_text_printf(&text, "%-*.*s      %.3f   %.3f  %.3f  %8lld\n", width, width,
                         class_names[c], k->precision, k->recall, k->f1, (long long)k->support);
    }
    hone_text_printf(&text, "\n%-*s", width, "is \\ said");
    for (int32_t c = 0; c < m->class_count; c++) hone_text_printf(&text, " %8.8s", class_names[c]);
    for (int32_t t = 0; t < m->class_count; t++) {
        hone_text_printf(&text, "\n%-*.*s", width, width, class_names[t]);
        for (int32_t p = 0; p < m->class_count; p++)
            hone_text_printf(&text, " %8lld", (long long)m->confusion[t * m->class_count + p]);
    }
    hone_text_printf(&text, "\n");
    *out = hone_text_take(&text);
    return *out ? HONE_OK : HONE_OUT_OF_MEMORY;
}

static json_t *class_json(const struct hone_metrics *m, const char *name, int32_t c) {
    const struct hone_class_metrics *k = &m->classes[c];
    return json_pack("{s:s, s:I, s:I, s:I, s:f, s:f, s:f}", "name", name, "pictures",
                     (json_int_t)k->support, "predicted", (json_int_t)k->predicted, "correct",
                     (json_int_t)k->correct, "precision", k->precision, "recall", k->recall, "f1",
                     k->f1);
}

hone_status hone_metrics_json(const struct hone_metrics *m, const char *const *class_names,
                              char **out) {
    json_t *classes = json_array(), *confusion = json_array();
    int bad = 0;
    for (int32_t t = 0; t < m->class_count; t++) {
        json_t *row = json_array();
        for (int32_t p = 0; p < m->class_count; p++)
            bad |= json_array_append_new(
                row, json_integer((json_int_t)m->confusion[t * m->class_count + p]));
        bad |= json_array_append_new(confusion, row);
        bad |= json_array_append_new(classes, class_json(m, class_names[t], t));
    }
    json_t *root = json_pack("{s:I, s:f, s:f, s:o, s:o, s:o}", "pictures", (json_int_t)m->count,
                             "accuracy", m->accuracy, "macro_f1", m->macro_f1, "loss",
                             hone_json_number(m->loss), "classes", classes, "confusion", confusion);
    if (bad) {
        json_decref(root);
        root = NULL;
    }
    return hone_json_text(root, out);
}

void hone_text_free(char **text) {
    hone_free(*text);
    *text = NULL;
}
