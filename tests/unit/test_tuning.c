// test_tuning: records of measurements: reading and writing them, looking one up, and what a
// made-up record does to the choice of a row.
#include "support/support.h"

#include <stdio.h>
#include <string.h>

#include "exec/choice.h"
#include "ir/graph.h"
#include "ops/ops.h"

static const char good[] = "# comment\n"
                           "gpu|v1\tconv2d\tf32,f32\t1x8x8x4,4x3x3x4 1\tcpu\t8x2\t12.5\n"
                           "gpu|*\tconv2d\tf32,f32\t1x8x8x4,4x3x3x4 1\tplain\t-\t99.0\n"
                           "gpu|v1\tmatmul\tf32,f32\t8x8,8x8 0\tcpu\t-\t3.0\n";

static struct hone_tuning *parsed(const char *text, size_t *ignored) {
    struct hone_tuning *tuning;
    assert_ok(hone_tuning_create(&tuning));
    assert_ok(hone_tuning_parse(tuning, text, "made-up.tune", ignored));
    return tuning;
}

static const char *row_of(const struct hone_tuning *t, const char *device, const char *op,
                          const char *shapes) {
    const struct hone_tuning_record *r = hone_tuning_find(t, device, op, "f32,f32", shapes);
    return r ? r->row : NULL;
}

static void test_lookup(void **state) {
    (void)state;
    size_t ignored;
    struct hone_tuning *t = parsed(good, &ignored);
    assert_int_equal(ignored, 0);
    assert_int_equal(hone_tuning_count(t), 3);
    // This very driver, then any driver of the device, then nothing.
    assert_string_equal(row_of(t, "gpu|v1", "conv2d", "1x8x8x4,4x3x3x4 1"), "cpu");
    assert_string_equal(row_of(t, "gpu|v2", "conv2d", "1x8x8x4,4x3x3x4 1"), "plain");
    assert_null(row_of(t, "gpu|v2", "matmul", "8x8,8x8 0"));
    assert_null(row_of(t, "other|v1", "conv2d", "1x8x8x4,4x3x3x4 1"));
    assert_null(row_of(t, "gpu|v1", "conv2d", "2x8x8x4,4x3x3x4 1"));
    hone_tuning_destroy(&t);
    assert_null(t);
}

static void test_round_trip(void **state) {
    (void)state;
    struct hone_tuning *t = parsed(good, NULL), *again;
    struct hone_text text = {0};
    assert_ok(hone_tuning_print(t, &text));
    again = parsed(text.data, NULL);
    assert_int_equal(hone_tuning_count(again), 3);
    assert_true(hone_tuning_hash(t, "gpu|v1") == hone_tuning_hash(again, "gpu|v1"));
    assert_true(hone_tuning_hash(t, "gpu|v1") != hone_tuning_hash(t, "gpu|v2"));
    assert_true(hone_tuning_hash(t, "none|v1") == 0);
    // A later line replaces an earlier one; the time alone does not change what is chosen.
    uint64_t before = hone_tuning_hash(t, "gpu|v1");
    assert_ok(hone_tuning_parse(t, "gpu|v1\tmatmul\tf32,f32\t8x8,8x8 0\tcpu\t-\t4.0\n", "x", NULL));
    assert_true(hone_tuning_hash(t, "gpu|v1") == before);
    assert_ok(
        hone_tuning_parse(t, "gpu|v1\tmatmul\tf32,f32\t8x8,8x8 0\tplain\t-\t2.0\n", "x", NULL));
    assert_int_equal(hone_tuning_count(t), 3);
    assert_true(hone_tuning_hash(t, "gpu|v1") != before);
    assert_string_equal(row_of(t, "gpu|v1", "matmul", "8x8,8x8 0"), "plain");
    hone_text_deinit(&text);
    hone_tuning_destroy(&t);
    hone_tuning_destroy(&again);
}

static void test_bad_lines(void **state) {
    (void)state;
    static const char *const bad[] = {
        "gpu|v1\tconv2d\tf32\t1x1 1\tcpu\t-\n",            // six fields
        "gpu|v1\tconv2d\tf32\t1x1 1\tcpu\t-\t1.0\tmore\n", // eight
        "gpu\tconv2d\tf32\t1x1 1\tcpu\t-\t1.0\n",          // no driver
        "gpu|v1\tconv2d\tf32\t1x1 1\tcpu\t-\tfast\n",      // no number
        "gpu|v1\tconv2d\tf32\t1x1 1\tcpu\t-\t-1\n",        // out of range
        "gpu|v1\tconv2d\tf32\t1x1 1\tcpu\t-\tnan\n",       // not finite
        "gpu|v1\t\tf32\t1x1 1\tcpu\t-\t1.0\n",             // an empty field
        "\x01\x02\xff garbage\n",
        "gpu|v1", // cut off
    };
    char text[4096] = "";
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        size_t ignored;
        struct hone_tuning *t = parsed(bad[i], &ignored);
        if (ignored != 1 || hone_tuning_count(t)) fail_msg("line %zu was taken", i);
        hone_tuning_destroy(&t);
    }
    // Good lines around a bad one stay; a line longer than any record is one bad line.
    size_t ignored;
    int at = snprintf(text, sizeof text, "%sbad\n", good);
    memset(text + at, 'x', 3000);
    snprintf(text + at + 3000, sizeof text - (size_t)at - 3000, "\n");
    struct hone_tuning *t = parsed(text, &ignored);
    assert_int_equal(ignored, 2);
    assert_int_equal(hone_tuning_count(t), 3);
    hone_tuning_destroy(&t);
}

static void test_device_key(void **state) {
    (void)state;
    struct hone_caps caps = {.name = "A|B\tC", .driver = "x|y"};
    char text[HONE_TUNING_DEVICE];
    const char *key = hone_tuning_device(&caps, text);
    // One bar, no tab: what a line can hold.
    assert_ptr_equal(strchr(key, '|'), strrchr(key, '|'));
    assert_null(strchr(key, '\t'));
    assert_int_equal(strlen(key), strlen(caps.name) + 1 + strlen(caps.driver));
}

// ---- A made-up operator ----

static bool fits_even(const struct hone_row_args *args) {
    return args->node->in[0].dim[0] % 2 == 0;
}

static bool tile_two(const struct hone_row_args *args, int k, char name[HONE_TILE_NAME]) {
    (void)args;
    if (k < 1 || k > 2) return false;
    snprintf(name, HONE_TILE_NAME, k == 1 ? "8x8" : "16x4");
    return true;
}

static const struct hone_op_row rows[] = {
    {.name = "fast", .needs = HONE_FEATURE_F16, .tile = tile_two},
    {.name = "even", .fits = fits_even, .tile = tile_two},
    {.name = "plain"},
};
static const struct hone_field fields[] = {HONE_FIELD(hone_scale_attrs, alpha, HONE_FIELD_F32, 1)};
static const struct hone_op op = {
    .name = "made_up", .fields = fields, .field_count = 1, .rows = rows, .row_count = 3};

struct choice_case {
    struct hone_desc in;
    struct hone_scale_attrs attrs;
    struct hone_infer_args node;
    struct hone_caps caps;
    struct hone_row_args args;
};

static void case_init(struct choice_case *c, int32_t size, uint32_t features) {
    *c = (struct choice_case){.in = hone_desc_make(HONE_F32, 1, size, 0, 0, 0), .attrs = {0.5f}};
    c->node = (struct hone_infer_args){.attrs = &c->attrs, .input_count = 1, .in = &c->in};
    c->caps.features = features;
    c->args = (struct hone_row_args){.node = &c->node, .caps = &c->caps};
}

static void expect(const struct choice_case *c, const char *record, const char *const *skips,
                   const char *row, const char *tile) {
    char line[256];
    struct hone_tuning *t;
    struct hone_choice choice;
    snprintf(line, sizeof line, "d|v\tmade_up\tf32\t%d 0.5\t%s\t1.5\n", (int)c->in.dim[0], record);
    t = parsed(line, NULL);
    assert_int_equal(hone_tuning_count(t), 1);
    hone_choose(&op, &c->args, skips, t, "d|v", &choice);
    if (strcmp(choice.row->name, row) != 0 || strcmp(choice.tile_name, tile) != 0)
        fail_msg("'%s' gives %s %s, not %s %s", record, choice.row->name, choice.tile_name, row,
                 tile);
    hone_tuning_destroy(&t);
}

static void test_choice(void **state) {
    (void)state;
    static const char *const no_even[] = {"even", NULL};
    struct choice_case four, five, half;
    struct hone_choice choice;
    case_init(&four, 4, 0);
    case_init(&five, 5, 0);
    case_init(&half, 4, HONE_FEATURE_F16);
    hone_choose(&op, &four.args, NULL, NULL, "d|v", &choice);
    assert_string_equal(choice.row->name, "even");
    assert_true(!choice.tuned && choice.tile == HONE_TILE_DEFAULT);

    expect(&four, "plain\t-", NULL, "plain", "");
    expect(&four, "even\t16x4", NULL, "even", "16x4");
    expect(&half, "fast\t8x8", NULL, "fast", "8x8");
    // Rows and tiles that are gone, that do not fit, that the device cannot run, that are skipped.
    expect(&four, "gone\t-", NULL, "even", "");
    expect(&four, "even\t32x32", NULL, "even", "");
    expect(&four, "plain\t8x8", NULL, "even", "");
    expect(&five, "even\t8x8", NULL, "plain", "");
    expect(&four, "fast\t8x8", NULL, "even", "");
    expect(&four, "even\t8x8", no_even, "plain", "");
}

static void test_candidates(void **state) {
    (void)state;
    struct choice_case four;
    struct hone_choice choice = {0};
    char seen[256] = "";
    case_init(&four, 4, 0);
    while (hone_choice_next(&op, &four.args, NULL, &choice)) {
        size_t used = strlen(seen);
        snprintf(seen + used, sizeof seen - used, "%s:%s ", choice.row->name,
                 choice.tile ? choice.tile_name : "-");
    }
    assert_string_equal(seen, "even:- even:8x8 even:16x4 plain:- ");
}

static void test_reasons(void **state) {
    (void)state;
    static const char *const no_even[] = {"even", NULL};
    struct choice_case four;
    struct hone_choice choice;
    struct hone_text text = {0};
    case_init(&four, 4, 0);
    hone_choose(&op, &four.args, no_even, NULL, "d|v", &choice);
    assert_ok(hone_choice_explain(&op, &four.args, no_even, &choice, &text));
    assert_string_equal(text.data, "first row that fits; fast: needs what the device lacks; even: "
                                   "switched off");
    hone_text_deinit(&text);
    text = (struct hone_text){0};
    choice = (struct hone_choice){.row = &rows[2], .tuned = true, .us = 7};
    assert_ok(hone_choice_explain(&op, &four.args, NULL, &choice, &text));
    assert_non_null(strstr(text.data, "measured: 7.0 us"));
    assert_non_null(strstr(text.data, "even: measured slower"));
    hone_text_deinit(&text);
}

// The key of a real node holds all that a kernel may depend on.
static void test_key(void **state) {
    (void)state;
    struct hone_conv2d_attrs attrs = {
        .stride = {1, 2}, .pad = {1, 1, 1, 1}, .dilation = {1, 1}, .groups = 1};
    struct hone_desc in[3] = {hone_desc_make(HONE_F32, 4, 2, 8, 8, 4),
                              hone_desc_make(HONE_F32, 4, 6, 3, 3, 4),
                              {.rank = -1}};
    struct hone_infer_args node = {.attrs = &attrs, .input_count = 3, .in = in};
    char dtypes[HONE_TUNING_DTYPES], shapes[HONE_TUNING_SHAPES], other[HONE_TUNING_SHAPES];
    assert_true(hone_tuning_key(&hone_op_conv2d, &node, dtypes, shapes));
    assert_string_equal(dtypes, "f32,f32,-");
    assert_ptr_equal(strstr(shapes, "2x8x8x4,6x3x3x4,- 1,2 1,1,1,1 1,1 1"), shapes);
    attrs.act.kind = HONE_ACT_RELU;
    assert_true(hone_tuning_key(&hone_op_conv2d, &node, dtypes, other));
    assert_string_not_equal(shapes, other);
    node.input_count = 0;
    assert_false(hone_tuning_key(&hone_op_conv2d, &node, dtypes, other));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lookup),    cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_bad_lines), cmocka_unit_test(test_device_key),
        cmocka_unit_test(test_choice),    cmocka_unit_test(test_candidates),
        cmocka_unit_test(test_reasons),   cmocka_unit_test(test_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
