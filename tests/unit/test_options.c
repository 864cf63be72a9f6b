// test_options: defaults, setting from text with its errors, completion, iteration, help, near
// misses.
#include "support/support.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/options.h"

struct params {
    int32_t epochs;
    int64_t seed;
    float lr;
    double decay;
    bool strict;
    const char *out;
    int mode;
    int no_option; // set by programs only
};

static const hone_option rows[] = {
    HONE_OPTION(struct params, epochs, I32, "epochs", .initial = "20", .least = 1, .most = 100000,
                .metavar = "N", .help = "passes over the training pictures"),
    HONE_OPTION(struct params, seed, I64, "seed", .initial = "0", .help = "of every random choice"),
    HONE_OPTION(struct params, lr, F32, "lr", .initial = "0.001", .least = 1e-9, .most = 10,
                .words = "find|keep", .help = "learning rate"),
    HONE_OPTION(struct params, decay, F64, "weight-decay", .most = 1, .help = "of the weights"),
    HONE_OPTION(struct params, strict, BOOL, "strict", .help = "stop at a broken picture"),
    HONE_OPTION(struct params, out, STRING, "out", .metavar = "DIR",
                .help = "folder of the run, which is made where it is missing, and which must not "
                        "hold another run"),
    HONE_OPTION(struct params, mode, ENUM, "mode", .initial = "crop",
                .words = "stretch|letterbox|crop", .help = "how pictures are brought to size"),
};
static const hone_option_table table = HONE_OPTION_TABLE("Training", rows, struct params);

static void test_defaults(void **state) {
    (void)state;
    struct params p;
    memset(&p, 0xAA, sizeof p);
    assert_ok(hone_options_init(&table, &p));
    assert_int_equal(p.epochs, 20);
    assert_true(p.seed == 0 && p.lr == 0.001f && p.decay == 0 && !p.strict && !p.out);
    assert_int_equal(p.mode, 2);
    assert_int_equal(p.no_option, 0);
}

static void test_set(void **state) {
    (void)state;
    struct params p;
    assert_ok(hone_options_init(&table, &p));
    assert_ok(hone_options_set(&table, &p, "--epochs", "3"));
    assert_ok(hone_options_set(&table, &p, "seed", "-9000000000"));
    assert_ok(hone_options_set(&table, &p, "lr", "0.5"));
    assert_ok(hone_options_set(&table, &p, "weight_decay", "1"));
    assert_ok(hone_options_set(&table, &p, "strict", "Yes"));
    assert_ok(hone_options_set(&table, &p, "out", "x"));
    assert_ok(hone_options_set(&table, &p, "mode", "letterbox"));
    assert_int_equal(p.epochs, 3);
    assert_true(p.seed == -9000000000 && p.lr == 0.5f && p.decay == 1 && p.strict);
    assert_string_equal(p.out, "x");
    assert_int_equal(p.mode, 1);
}

static void test_set_errors(void **state) {
    (void)state;
    static const struct {
        const char *key, *text, *message;
        hone_status status;
    } cases[] = {
        {"epochs", "0", "--epochs: 0 is out of range 1..100000", HONE_INVALID},
        {"epochs", "many", "--epochs: 'many' is not a whole number", HONE_INVALID},
        {"seed", "9223372036854775808", "--seed: 9223372036854775808 is out of", HONE_INVALID},
        {"lr", "11", "--lr: 11 is out of range 1e-09..10", HONE_INVALID},
        {"strict", "maybe", "--strict: 'maybe' is not yes or no", HONE_INVALID},
        {"mode", "letter", "--mode: 'letter' is not one of stretch|letterbox|crop", HONE_INVALID},
        {"--epoch", "1", "--epoch: no such option; did you mean --epochs?", HONE_NOT_FOUND},
        {"wieght-decay", "1", "did you mean --weight-decay?", HONE_NOT_FOUND},
        {"colour", "1", "--colour: no such option", HONE_NOT_FOUND},
    };
    struct params p;
    assert_ok(hone_options_init(&table, &p));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        test_expect_failure(hone_options_set(&table, &p, cases[i].key, cases[i].text),
                            cases[i].status, cases[i].message);
    assert_int_equal(p.epochs, 20);
    assert_int_equal(p.mode, 2);
    unsigned distance;
    assert_null(hone_options_nearest(&table, "zzzzzz", &distance));
    assert_true(distance == (unsigned)-1);
}

static void test_complete(void **state) {
    (void)state;
    struct params p = {.seed = 5, .mode = 1};
    assert_ok(hone_options_complete(&table, &p));
    assert_int_equal(p.epochs, 20);
    assert_true(p.seed == 5 && p.lr == 0.001f && p.mode == 1);
    p.epochs = -1;
    test_expect_failure(hone_options_complete(&table, &p), HONE_INVALID,
                        "--epochs: -1 is out of range 1..100000");
    p = (struct params){.mode = 3};
    test_expect_failure(hone_options_complete(&table, &p), HONE_INVALID, "--mode: value 3");
}

// Words stand for numbers below the range, and come back as words.
static hone_status find_lr(void *user, const hone_option *option, const char *text) {
    if (strcmp(option->key, "lr") == 0) snprintf(user, 32, "%s", text);
    return HONE_OK;
}

static void test_words_for_numbers(void **state) {
    (void)state;
    struct params p;
    char text[32];
    assert_ok(hone_options_init(&table, &p));
    assert_ok(hone_options_set(&table, &p, "lr", "keep"));
    assert_true(p.lr == -2);
    assert_ok(hone_options_complete(&table, &p));
    assert_ok(hone_options_each(&table, &p, find_lr, text));
    assert_string_equal(text, "keep");
    assert_ok(hone_options_set(&table, &p, "lr", "find"));
    assert_true(p.lr == -1);
    test_expect_failure(hone_options_set(&table, &p, "lr", "-1"), HONE_INVALID, "out of range");
    test_expect_failure(hone_options_set(&table, &p, "lr", "fin"), HONE_INVALID, "not a number");
    p.lr = -3; // no such word
    test_expect_failure(hone_options_complete(&table, &p), HONE_INVALID,
                        "--lr: -3 is out of range");
}

static hone_status copy(void *user, const hone_option *option, const char *text) {
    static char kept[16][32];
    static int turn;
    if (!text) return HONE_OK;
    char *own = kept[turn++ % 16];
    snprintf(own, 32, "%s", text);
    return hone_options_set(&table, user, option->key, own);
}

static void test_each_round_trips(void **state) {
    (void)state;
    struct params p = {.epochs = 7,
                       .seed = INT64_MIN,
                       .lr = 0.1f,
                       .decay = 1.0 / 3,
                       .strict = true,
                       .out = "here",
                       .mode = 1};
    struct params q = {0};
    assert_ok(hone_options_each(&table, &p, copy, &q));
    assert_int_equal(q.epochs, 7);
    assert_true(q.seed == INT64_MIN && q.lr == 0.1f && q.decay == 1.0 / 3 && q.strict);
    assert_string_equal(q.out, "here");
    assert_int_equal(q.mode, 1);
    hone_alloc_fail_after(0);
    hone_status status = hone_options_each(&table, &p, copy, &q);
    hone_alloc_fail_after(-1);
    assert_int_equal(status, HONE_OUT_OF_MEMORY);
}

static char help[4096];

static void collect(void *user, const char *line) {
    assert_true(strlen(line) <= *(unsigned *)user);
    snprintf(help + strlen(help), sizeof help - strlen(help), "%s\n", line);
}

static void test_help(void **state) {
    (void)state;
    unsigned columns = 80;
    help[0] = '\0';
    hone_options_help(&table, columns, collect, &columns);
    assert_non_null(strstr(help, "Training\n"));
    assert_non_null(strstr(help, "  --epochs N                passes over the training pictures "
                                 "(default 20;\n                            1..100000)\n"));
    assert_non_null(strstr(help, "  --strict                  stop at a broken picture\n"));
    assert_non_null(
        strstr(help, "  --mode stretch|letterbox|crop\n                            how"));
    assert_non_null(strstr(help, "(default crop)\n"));
    assert_non_null(strstr(help, "1e-09..10|find|keep)\n"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),          cmocka_unit_test(test_set),
        cmocka_unit_test(test_set_errors),        cmocka_unit_test(test_complete),
        cmocka_unit_test(test_each_round_trips),  cmocka_unit_test(test_help),
        cmocka_unit_test(test_words_for_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
