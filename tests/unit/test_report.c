// test_report: the page of a made-up run: what stands in it, that names of users cannot break it,
// its size, its curves, and that the pictures inside decode.
#include "support/support.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "image/decode.h"
#include "image/encode.h"
#include "report/chart.h"
#include "report/html.h"
#include "report/report.h"

static const char evil[] = "<script>alert(1)</script>\"'&\xFF\x01.jpg";
static const char tame[] = "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;\xEF\xBF\xBD"
                           "\xEF\xBF\xBD.jpg";

static size_t occurrences(const char *text, const char *part) {
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part)) count++;
    return count;
}

static void expect(const char *html, const char *part) {
    if (!strstr(html, part)) fail_msg("the page lacks '%s'", part);
}

static void test_escaping(void **state) {
    (void)state;
    struct hone_text text = {0};
    hone_html_text(&text, evil);
    assert_string_equal(text.data, tame);
    hone_text_deinit(&text);
    hone_html_text(&text, "Stra\xC3\x9F"
                          "e \xE5\x82\xB7 \xC3");
    assert_string_equal(text.data, "Stra\xC3\x9F"
                                   "e \xE5\x82\xB7 \xEF\xBF\xBD");
    hone_text_deinit(&text);
}

static void test_base64(void **state) {
    (void)state;
    // RFC 4648, section 10.
    static const char *const rows[][2] = {{"", ""},
                                          {"f", "Zg=="},
                                          {"fo", "Zm8="},
                                          {"foo", "Zm9v"},
                                          {"foob", "Zm9vYg=="},
                                          {"fooba", "Zm9vYmE="},
                                          {"\xFB\xFF", "+/8="}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct hone_text text = {0};
        hone_html_base64(&text, rows[i][0], strlen(rows[i][0]));
        assert_string_equal(text.data ? text.data : "", rows[i][1]);
        hone_text_deinit(&text);
    }
}

static struct hone_image noisy(int32_t width, int32_t height) {
    struct hone_image image;
    assert_ok(hone_image_create(width, height, &image));
    for (int32_t i = 0; i < width * height * 3; i++)
        image.pixels[i] =
            (uint8_t)(128 + 60 * sin(i / 3 % width * 0.2) + 30 * hone_rng_f32(1, 2, (uint64_t)i));
    return image;
}

static void test_encode(void **state) {
    (void)state;
    struct hone_image image = noisy(37, 21), back;
    struct hone_text png = {0}, jpeg = {0};
    assert_ok(hone_image_encode_png(&image, &png));
    assert_ok(hone_image_decode((const uint8_t *)png.data, png.length, "a.png", 0, &back));
    assert_true(back.width == 37 && back.height == 21);
    assert_memory_equal(back.pixels, image.pixels, 37 * 21 * 3);
    hone_image_destroy(&back);
    assert_ok(hone_image_encode_jpeg(&image, 90, &jpeg));
    assert_ok(hone_image_decode((const uint8_t *)jpeg.data, jpeg.length, "a.jpg", 0, &back));
    assert_true(back.width == 37 && back.height == 21);
    double sum = 0;
    for (int i = 0; i < 37 * 21 * 3; i++) sum += fabs((double)back.pixels[i] - image.pixels[i]);
    assert_true(sum / (37 * 21 * 3) < 12); // colour noise is what JPEG drops
    hone_image_destroy(&back);
    // Memory that runs out is a failure, and leaks nothing.
    size_t before = hone_alloc_live_bytes();
    for (long n = 0; n < 6; n++) {
        struct hone_text file = {0};
        hone_alloc_fail_after(n);
        hone_status status = hone_image_encode_png(&image, &file);
        hone_alloc_fail_after(-1);
        assert_true(status == HONE_OK || status == HONE_OUT_OF_MEMORY);
        assert_true(n > 0 || status == HONE_OUT_OF_MEMORY);
        hone_text_deinit(&file);
    }
    assert_true(hone_alloc_live_bytes() == before);
    hone_image_destroy(&image);
    hone_text_deinit(&png);
    hone_text_deinit(&jpeg);
}

static void test_chart(void **state) {
    (void)state;
    double x[2000], y[2000], none[2000];
    for (int i = 0; i < 2000; i++) {
        x[i] = i + 1;
        y[i] = i == 700 ? NAN : 1.0 / (i + 1);
        none[i] = NAN;
    }
    struct hone_text text = {0};
    struct hone_chart chart = {.title = "a < b",
                               .count = 2000,
                               .x = x,
                               .line = {{"one", y}, {"absent", none}},
                               .line_count = 2,
                               .mark = 4};
    hone_chart_svg(&text, &chart);
    expect(text.data, "<title>a &lt; b</title>");
    expect(text.data, ">one</tspan>");
    assert_true(occurrences(text.data, "absent") == 0 && occurrences(text.data, "nan") == 0);
    assert_true(occurrences(text.data, "class=\"mark\"") == 1);
    assert_true(text.length < 12000); // thinned
    hone_text_deinit(&text);
    chart.count = 1; // a run of one epoch
    hone_chart_svg(&text, &chart);
    assert_true(occurrences(text.data, "nan") == 0 && occurrences(text.data, "inf") == 0);
    expect(text.data, "M249.0"); // in the middle
    hone_text_deinit(&text);
    chart.line_count = 0;
    hone_chart_svg(&text, &chart);
    assert_true(text.length == 0);
    hone_text_deinit(&text);
}

static void test_chart_ticks(void **state) {
    (void)state;
    double rates[2] = {1e-4, 0.1}, y[2] = {0.5, 0.25};
    struct hone_text text = {0};
    struct hone_chart chart = {.title = "rates",
                               .count = 2,
                               .x = rates,
                               .line = {{"loss", y}},
                               .line_count = 1,
                               .log_x = true,
                               .mark = NAN};
    hone_chart_svg(&text, &chart);
    assert_true(occurrences(text.data, "class=\"tx\"") == 4); // one each power of ten
    expect(text.data, ">0.0001</text>");
    expect(text.data, ">0.1</text>"); // also the one at the end
    hone_text_deinit(&text);
    const double odd[] = {DBL_MAX, DBL_TRUE_MIN}; // no step of a tick may be lost to rounding
    for (int i = 0; i < 2; i++) {
        y[0] = odd[i];
        y[1] = 0;
        hone_chart_svg(&text, &chart);
        assert_true(occurrences(text.data, "class=\"ty\"") > 1 && text.length < 12000);
        hone_text_deinit(&text);
    }
}

// A run of two epochs over three classes, one of them badly named.
struct made_up {
    struct hone_report report;
    struct hone_metrics val, test;
    struct hone_train_epoch epochs[2];
    struct hone_report_picture pictures[30];
    struct hone_image image;
    int64_t counts[3];
    struct hone_report_fact facts[2];
};

static const char *const names[] = {"good", "scratch", evil};

static void make_up(struct made_up *m) {
    static const int64_t val[] = {8, 1, 1, 2, 3, 0, 1, 0, 4};
    static const int64_t test[] = {90, 8, 2, 12, 7, 1, 0, 0, 5};
    *m = (struct made_up){.image = noisy(224, 100), .counts = {100, 20, 5}};
    assert_ok(hone_metrics_from_confusion(val, 3, &m->val));
    assert_ok(hone_metrics_from_confusion(test, 3, &m->test));
    for (int i = 0; i < 2; i++)
        m->epochs[i] = (struct hone_train_epoch){.epoch = i + 1,
                                                 .train_loss = 1.0 / (i + 1),
                                                 .val_loss = 0.9,
                                                 .val_macro_f1 = 0.5,
                                                 .val_accuracy = 0.6,
                                                 .train_accuracy = 0.7,
                                                 .lr = 1e-3};
    for (int i = 0; i < 30; i++)
        m->pictures[i] = (struct hone_report_picture){.name = evil,
                                                      .label = 1,
                                                      .said = 2,
                                                      .label_score = 0.03f,
                                                      .said_score = 0.94f,
                                                      .image = m->image};
    m->facts[0] = (struct hone_report_fact){"epochs", "2", true};
    m->facts[1] = (struct hone_report_fact){"out", NULL, false};
    m->report = (struct hone_report){.run = "runs/<b>",
                                     .created = "2026-01-02 03:04",
                                     .class_names = names,
                                     .class_count = 3,
                                     .best_epoch = 2,
                                     .epochs = m->epochs,
                                     .epoch_count = 2,
                                     .pictures = m->pictures,
                                     .picture_count = 30,
                                     .pictures_part = HONE_PART_TEST,
                                     .alike = 3,
                                     .equal = 1,
                                     .compared = 40,
                                     .alike_held = evil,
                                     .alike_seen = "b.jpg",
                                     .options = m->facts,
                                     .option_count = 2,
                                     .machine = m->facts,
                                     .machine_count = 1,
                                     .notes = "device: <gpu>\nsecond & last\n"};
    for (int part = 0; part < HONE_PART_COUNT; part++) m->report.parts[part].counts = m->counts;
    m->report.parts[HONE_PART_TRAIN].groups = 17;
    m->report.parts[HONE_PART_VAL].metrics = m->val;
    m->report.parts[HONE_PART_TEST].metrics = m->test;
}

static void made_up_end(struct made_up *m) {
    hone_metrics_deinit(&m->val);
    hone_metrics_deinit(&m->test);
    hone_image_destroy(&m->image);
}

static void test_content(void **state) {
    (void)state;
    struct made_up m;
    char *html;
    make_up(&m);
    assert_ok(hone_report_html(&m.report, &html));
    static const char *const parts[] = {
        "<h1>runs/&lt;b&gt;</h1>",
        "Of 125 pictures that training did not see, 23 are judged wrongly.",
        "Always saying <b>good</b> would be right in 80.0 %; the model is in 81.6 %.",
        "Weakest class: <b>scratch</b>: 7 of 20 found, 12 called <b>good</b>; when the model says ",
        "it, it is right in 7 of 15.",
        "1 class has fewer than 10 pictures in this part",
        "3 of 40 held-out pictures look like one on another side of the split (1 pixel for pixel)",
        "<td class=\"n hit\" style=\"--s:0.35\">7</td>",
        "groups (parts photographed)",
        "is <b>scratch</b> (0.03), <span class=\"wrong\">said <b>",
        "<tr class=\"changed\"><th scope=\"row\">epochs</th><td>2</td></tr>",
        "device: &lt;gpu&gt;\nsecond &amp; last\n",
        "Learning rate",
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) expect(html, parts[i]);
    assert_true(occurrences(html, "<script") == 0 && occurrences(html, "\xFF") == 0);
    assert_true(occurrences(html, "http://") == 0 && occurrences(html, "https://") == 0);
    assert_true(occurrences(html, "<img ") == HONE_REPORT_PICTURES);
    assert_true(occurrences(html, "<svg ") == 3);
    assert_true(occurrences(html, tame) > HONE_REPORT_PICTURES);
    expect(html, "<img width=\"160\" height=\"71\"");
    assert_true(strlen(html) < 400 * 1000);
    hone_free(html);
    // Without a test part the validation part is judged; with neither there is nothing to say.
    m.report.parts[HONE_PART_TEST].metrics = (struct hone_metrics){0};
    assert_ok(hone_report_html(&m.report, &html));
    expect(html, "There is no test part.");
    hone_free(html);
    m.report.parts[HONE_PART_VAL].metrics = (struct hone_metrics){0};
    m.report.picture_count = m.report.epoch_count = 0;
    assert_ok(hone_report_html(&m.report, &html));
    expect(html, "No picture was held out");
    hone_free(html);
    made_up_end(&m);
}

// A thousand classes: the matrix gives way to the pairs.
static void test_many_classes(void **state) {
    (void)state;
    enum { N = 1000 };
    static const char *many[N];
    struct hone_report report = {.run = "r", .created = "", .class_names = many, .class_count = N};
    int64_t *confusion = hone_calloc((size_t)N * N, sizeof *confusion, "counts");
    struct hone_metrics metrics;
    char *html;
    for (int i = 0; i < N; i++) {
        many[i] = i == 3 ? "three" : i == 5 ? "five" : "other";
        confusion[i * N + i] = 10;
    }
    confusion[3 * N + 5] = 7;
    confusion[8 * N + 3] = 6;
    assert_ok(hone_metrics_from_confusion(confusion, N, &metrics));
    report.parts[HONE_PART_TEST].metrics = metrics;
    assert_ok(hone_report_html(&report, &html));
    expect(html, "<tr><td>three</td><td>five</td><td class=\"n\">7</td></tr>\n<tr><td>other</td>"
                 "<td>three</td><td class=\"n\">6</td></tr>\n</tbody>");
    assert_true(strlen(html) < 1000 * 1000);
    hone_free(html);
    hone_free(confusion);
    hone_metrics_deinit(&metrics);
}

static void test_no_memory(void **state) {
    (void)state;
    struct made_up m;
    make_up(&m);
    m.report.picture_count = 2;
    size_t before = hone_alloc_live_bytes();
    for (long n = 0;; n++) {
        char *html;
        hone_alloc_fail_after(n);
        hone_status status = hone_report_html(&m.report, &html);
        hone_alloc_fail_after(-1);
        hone_free(html);
        assert_true(hone_alloc_live_bytes() == before);
        if (status == HONE_OK) break;
        assert_int_equal(status, HONE_OUT_OF_MEMORY);
    }
    made_up_end(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escaping),     cmocka_unit_test(test_base64),
        cmocka_unit_test(test_encode),       cmocka_unit_test(test_chart),
        cmocka_unit_test(test_chart_ticks),  cmocka_unit_test(test_content),
        cmocka_unit_test(test_many_classes), cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
