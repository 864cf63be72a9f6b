// test_dataset: layouts, splits, lists, and every refusal with its message.
#include "support/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "data/dataset.h"

static const char *in_dir(const char *name) {
    static char path[8][512];
    static int turn;
    turn = (turn + 1) % 8;
    snprintf(path[turn], sizeof path[turn], "%s/%s", test_dir, name);
    return path[turn];
}

// Opening reads no pictures: their content does not matter here.
static void put(const char *name, const char *content) {
    char *folder = hone_path_folder(in_dir(name));
    assert_ok(hone_dir_make(folder));
    hone_free(folder);
    assert_ok(hone_file_write(in_dir(name), content, strlen(content)));
}

static void put_many(const char *folder, int count) {
    char name[128];
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof name, "%s/p%03d.png", folder, i);
        put(name, "");
    }
}

static hone_dataset *open_folder(const char *name) {
    hone_dataset *dataset;
    struct hone_data_params params = {.folder = in_dir(name)};
    assert_ok(hone_dataset_open(&params, &dataset));
    return dataset;
}

static void refuse(struct hone_data_params params, hone_status status, const char *message) {
    hone_dataset *dataset = (hone_dataset *)&dataset;
    test_expect_failure(hone_dataset_open(&params, &dataset), status, message);
    assert_null(dataset);
}

static size_t of_class(const hone_dataset *dataset, enum hone_part part, int32_t label) {
    size_t found = 0;
    for (size_t i = 0; i < hone_dataset_count(dataset, part); i++)
        found += hone_dataset_item(dataset, part, i)->label == label;
    return found;
}

static void test_class_folders(void **state) {
    (void)state;
    put_many("d/scratch", 10);
    put_many("d/good/line 1/deep", 20);
    put_many("d/Pit", 3);
    put("d/good/notes.txt", "");
    put("d/good/.hidden.png", "");
    put("d/.cache/x.png", "");
    put("d/readme.md", "");
    put("d/loose.png", "");
    hone_dataset *dataset = open_folder("d");
    assert_int_equal(hone_dataset_class_count(dataset), 3);
    assert_string_equal(hone_dataset_class_name(dataset, 0), "Pit");
    assert_string_equal(hone_dataset_class_name(dataset, 1), "good");
    assert_string_equal(hone_dataset_class_name(dataset, 2), "scratch");
    assert_null(hone_dataset_class_name(dataset, 3));
    assert_null(hone_dataset_class_name(dataset, -1));
    assert_int_equal(hone_dataset_count(dataset, HONE_PART_ALL), 33);
    assert_int_equal(hone_dataset_skipped(dataset), 1);
    assert_non_null(strstr(test_warnings, "1 file left out"));
    assert_non_null(strstr(test_warnings, "good/notes.txt"));
    assert_non_null(strstr(test_warnings, "1 picture outside of the class folders"));
    static const size_t want[3][3] = {{1, 1, 1}, {12, 4, 4}, {6, 2, 2}};
    for (int label = 0; label < 3; label++) {
        for (int part = 0; part < 3; part++)
            assert_int_equal(of_class(dataset, part, label), want[label][part]);
    }
    for (size_t i = 0; i < 33; i++) {
        const struct hone_data_item *item = hone_dataset_item(dataset, HONE_PART_ALL, i);
        assert_true(hone_file_exists(item->path));
        assert_string_equal(item->path + strlen(in_dir("d")) + 1, item->name);
    }
    assert_null(hone_dataset_item(dataset, HONE_PART_ALL, 33));
    assert_null(hone_dataset_item(dataset, HONE_PART_TEST, 7));
    hone_dataset_close(&dataset);
    assert_null(dataset);
    hone_dataset_close(&dataset);
}

static void same_parts(const hone_dataset *a, const hone_dataset *b, bool same) {
    bool equal = true;
    for (int part = 0; part < 3; part++) {
        size_t count = hone_dataset_count(a, part);
        equal = equal && count == hone_dataset_count(b, part);
        for (size_t i = 0; equal && i < count; i++) {
            const struct hone_data_item *x = hone_dataset_item(a, part, i);
            const struct hone_data_item *y = hone_dataset_item(b, part, i);
            equal = strcmp(hone_path_base(x->name), hone_path_base(y->name)) == 0 &&
                    x->label == y->label;
        }
    }
    assert_int_equal(equal, same);
}

static void test_split_is_seeded(void **state) {
    (void)state;
    put_many("d/a", 50);
    put_many("d/b", 30);
    hone_dataset *first = open_folder("d"), *again = open_folder("d"), *other;
    same_parts(first, again, true);
    struct hone_data_params params = {.folder = in_dir("d"), .split_seed = 1};
    assert_ok(hone_dataset_open(&params, &other));
    same_parts(first, other, false);
    hone_dataset_close(&other);
    hone_dataset_close(&again);
    // Another class does not move the pictures of these.
    put_many("d/aa", 9);
    hone_dataset *more = open_folder("d");
    size_t j = 0;
    for (size_t i = 0; i < hone_dataset_count(more, HONE_PART_TRAIN); i++) {
        const struct hone_data_item *item = hone_dataset_item(more, HONE_PART_TRAIN, i);
        if (item->label == 1) continue;
        assert_string_equal(item->name, hone_dataset_item(first, HONE_PART_TRAIN, j++)->name);
    }
    assert_int_equal(j, hone_dataset_count(first, HONE_PART_TRAIN));
    hone_dataset_close(&more);
    hone_dataset_close(&first);
}

static void test_split_counts(void **state) {
    (void)state;
    double shares[3];
    assert_ok(hone_split_parse("60/20/20", shares));
    for (size_t count = 0; count < 200; count++) {
        size_t parts[3];
        hone_split_counts(count, shares, parts);
        assert_int_equal(parts[0] + parts[1] + parts[2], count);
        if (count < 3) assert_int_equal(parts[0], count);
        if (count >= 3) assert_true(parts[0] && parts[1] && parts[2]);
    }
    size_t parts[3];
    assert_ok(hone_split_parse("80/20", shares));
    hone_split_counts(10, shares, parts);
    assert_true(parts[0] == 8 && parts[1] == 2 && parts[2] == 0);
    assert_ok(hone_split_parse("1/0/1", shares));
    hone_split_counts(4, shares, parts);
    assert_true(parts[0] == 2 && parts[1] == 0 && parts[2] == 2);
    assert_ok(hone_split_parse("1/500/500", shares));
    hone_split_counts(3, shares, parts);
    assert_true(parts[0] == 1 && parts[1] + parts[2] == 2);
    static const char *const wrong[] = {"",    "60",       "60/20/20/0", "0/50/50",
                                        "a/b", "60/-1/20", "60//20"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(hone_split_parse(wrong[i], shares), HONE_INVALID);
    put_many("d/a", 5);
    put_many("d/b", 5);
    refuse((struct hone_data_params){.folder = in_dir("d"), .split = "7"}, HONE_INVALID,
           "--split: '7' is no split; give shares");
}

static void test_part_folders(void **state) {
    (void)state;
    put_many("d/train/a", 4);
    put_many("d/train/b", 5);
    put_many("d/valid/a", 2);
    put_many("d/test/b", 3);
    put_many("d/extra/c", 3);
    hone_dataset *dataset = open_folder("d");
    assert_int_equal(hone_dataset_class_count(dataset), 2);
    assert_int_equal(hone_dataset_count(dataset, HONE_PART_TRAIN), 9);
    assert_int_equal(hone_dataset_count(dataset, HONE_PART_VAL), 2);
    assert_int_equal(hone_dataset_count(dataset, HONE_PART_TEST), 3);
    assert_string_equal(hone_dataset_item(dataset, HONE_PART_TEST, 0)->name, "test/b/p000.png");
    assert_non_null(strstr(test_warnings, "extra: neither train, val nor test"));
    hone_dataset_close(&dataset);
    // A class that training does not see.
    put_many("d/test/unseen", 1);
    refuse((struct hone_data_params){.folder = in_dir("d")}, HONE_INVALID,
           "class 'unseen' has 1 pictures, but none for training");
    hone_dataset *eval;
    struct hone_data_params params = {.folder = in_dir("d"), .any_classes = true};
    assert_ok(hone_dataset_open(&params, &eval));
    assert_int_equal(hone_dataset_class_count(eval), 3);
    hone_dataset_close(&eval);
}

// Folders named train beside others are classes.
static void test_train_as_a_class(void **state) {
    (void)state;
    put_many("d/train", 5);
    put_many("d/bus", 5);
    hone_dataset *dataset = open_folder("d");
    assert_int_equal(hone_dataset_class_count(dataset), 2);
    assert_int_equal(hone_dataset_count(dataset, HONE_PART_ALL), 10);
    hone_dataset_close(&dataset);
}

static void test_folder_refusals(void **state) {
    (void)state;
    refuse((struct hone_data_params){0}, HONE_INVALID, "no data: give a folder");
    refuse((struct hone_data_params){.folder = in_dir("none")}, HONE_NOT_FOUND,
           "none: No such file or directory");
    put("file", "");
    refuse((struct hone_data_params){.folder = in_dir("file")}, HONE_NOT_FOUND,
           "file: Not a directory");
    assert_ok(hone_dir_make(in_dir("empty")));
    refuse((struct hone_data_params){.folder = in_dir("empty")}, HONE_INVALID,
           "empty: no class folders; put the pictures into ");
    put_many("one/good", 4);
    refuse((struct hone_data_params){.folder = in_dir("one")}, HONE_INVALID,
           "one class only ('good')");
    put("one/scratch/a.txt", "");
    refuse((struct hone_data_params){.folder = in_dir("one")}, HONE_INVALID,
           "class 'scratch' has no pictures: put JPEG, PNG, BMP, TGA, PGM or PPM files into ");
    put_many("latin/a", 4);
    put_many("latin/\xE9raflure", 4);
    refuse((struct hone_data_params){.folder = in_dir("latin")}, HONE_INVALID, "is not UTF-8");
    put_many("tab/a", 4);
    put("tab/b/x\ty.png", "");
    refuse((struct hone_data_params){.folder = in_dir("tab")}, HONE_INVALID,
           "a name with a tab or a line break");
    put_many("loop/a", 4);
    assert_int_equal(symlink("..", in_dir("loop/a/up")), 0);
    refuse((struct hone_data_params){.folder = in_dir("loop")}, HONE_INVALID,
           "does a link lead back?");
    if (geteuid() == 0) {
        fprintf(stderr, "root reads every folder: EACCES is not tried\n");
        return;
    }
    put_many("shut/a", 4);
    put_many("shut/b", 4);
    assert_int_equal(chmod(in_dir("shut/b"), 0), 0);
    refuse((struct hone_data_params){.folder = in_dir("shut")}, HONE_IO, "b: Permission denied");
    assert_int_equal(chmod(in_dir("shut/b"), 0700), 0);
}

static void test_lists(void **state) {
    (void)state;
    put_many("d/images/x", 6);
    put("d/folds/train.txt", "\xEF\xBB\xBF# a comment\r\nimages/x/p000.png\tgood\r\n\n"
                             "images/x/p001.png\tbad  \nimages/x/p001.png\tbad");
    put("d/folds/val.txt", "images/x/p002.png\tbad\n");
    struct hone_data_params params = {.train_list = in_dir("d/folds/train.txt"),
                                      .val_list = in_dir("d/folds/val.txt")};
    for (int given = 0; given < 2; given++) {
        hone_dataset *dataset;
        params.folder = given ? in_dir("d") : NULL;
        assert_ok(hone_dataset_open(&params, &dataset));
        assert_int_equal(hone_dataset_class_count(dataset), 2);
        assert_string_equal(hone_dataset_class_name(dataset, 0), "bad");
        assert_int_equal(hone_dataset_count(dataset, HONE_PART_TRAIN), 3);
        assert_int_equal(hone_dataset_count(dataset, HONE_PART_VAL), 1);
        assert_int_equal(hone_dataset_count(dataset, HONE_PART_TEST), 0);
        const struct hone_data_item *item = hone_dataset_item(dataset, HONE_PART_TRAIN, 0);
        assert_string_equal(item->name, "images/x/p000.png");
        assert_int_equal(item->label, 1);
        assert_true(hone_file_exists(item->path));
        hone_dataset_close(&dataset);
    }
    // A list to evaluate on may hold one class.
    hone_dataset *dataset;
    struct hone_data_params eval = {.test_list = in_dir("d/folds/val.txt")};
    assert_ok(hone_dataset_open(&eval, &dataset));
    assert_int_equal(hone_dataset_count(dataset, HONE_PART_TEST), 1);
    hone_dataset_close(&dataset);
}

static void test_list_refusals(void **state) {
    (void)state;
    put_many("images", 4);
    static const struct {
        const char *text, *message;
        hone_status status;
    } cases[] = {
        {"images/p000.png\ta\nimages/p001.png b\n",
         "l.txt:2: a line must be path<TAB>class or path<TAB>class<TAB>group, not 'images/p001.png b'",
         HONE_INVALID},
        {"images/p000.png\ta\tb\tc\n", "l.txt:1: a line must be path<TAB>class", HONE_INVALID},
        {"\ta\n", "l.txt:1: a line must be", HONE_INVALID},
        {"images/p000.png\t\n", "l.txt:1: a line must be", HONE_INVALID},
        {"", "l.txt: the list names no pictures", HONE_INVALID},
        {"# nothing\n\n", "l.txt: the list names no pictures", HONE_INVALID},
        {"p000.png\ta\n", "l.txt:1: there is no p000.png in ", HONE_NOT_FOUND},
        {"images/p000.png\ta\n", "l.txt: one class only ('a')", HONE_INVALID},
        {"images/p000.png\ta\nimages/p001.png\tb\nimages//./p000.png\tb\n",
         "l.txt:3: images//./p000.png is of class 'b', but of class 'a' in ", HONE_INVALID},
        {"images/p000.png\ta\nimages/p001.png\tb\nimages/p002.png\ta\n",
         "v.txt:1: images/p002.png also stands in ", HONE_INVALID},
    };
    put("v.txt", "images/p002.png\ta\n");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put("l.txt", cases[i].text);
        refuse(
            (struct hone_data_params){.train_list = in_dir("l.txt"), .val_list = in_dir("v.txt")},
            cases[i].status, cases[i].message);
    }
    refuse((struct hone_data_params){.train_list = in_dir("none.txt")}, HONE_NOT_FOUND, "none.txt");
    assert_ok(hone_file_write(in_dir("l.txt"), "a\0b\tc\n", 6));
    refuse((struct hone_data_params){.train_list = in_dir("l.txt")}, HONE_INVALID,
           "not a text file");
    put("l.txt", "images/p000.png\ta\nimages/p001.png\tb\n");
    put("v.txt", "images/p002.png\tc\n");
    refuse((struct hone_data_params){.train_list = in_dir("l.txt"), .val_list = in_dir("v.txt")},
           HONE_INVALID,
           "class 'c' has 1 pictures, but none for training: add some to the training list");
}

// Photographs of `count` parts, `views` of each, as FOLDER/t<part>_<view>.png.
static void put_parts(const char *folder, int count, int views) {
    char name[64];
    for (int i = 0; i < count * views; i++) {
        snprintf(name, sizeof name, "%s/t%02d_%d.png", folder, i / views, i % views);
        put(name, "x");
    }
}

// The part of the split on which all pictures of a group stand.
static int part_of(const hone_dataset *dataset, const char *group) {
    int part = -1;
    for (size_t i = 0; i < hone_dataset_count(dataset, HONE_PART_ALL); i++) {
        const struct hone_data_item *item = hone_dataset_item(dataset, HONE_PART_ALL, i);
        if (strcmp(item->group, group) != 0) continue;
        if (part >= 0) assert_int_equal(item->part, part);
        part = (int)item->part;
    }
    return part;
}

static void test_groups(void **state) {
    (void)state;
    put_parts("d/a", 40, 5);
    put_parts("d/b", 3, 6);
    struct hone_data_params params = {.folder = in_dir("d"), .group = "(./t[0-9]+)_"};
    hone_dataset *dataset, *again;
    assert_ok(hone_dataset_open(&params, &dataset));
    size_t in_b[3] = {0};
    for (size_t i = 0; i < hone_dataset_count(dataset, HONE_PART_ALL); i++) {
        const struct hone_data_item *item = hone_dataset_item(dataset, HONE_PART_ALL, i);
        assert_int_equal(part_of(dataset, item->group), item->part);
        in_b[item->part] += item->label == 1;
    }
    for (int part = 0; part < 3; part++) assert_int_equal(in_b[part], 6);
    assert_int_equal(hone_dataset_count(dataset, HONE_PART_TRAIN), 120 + 6);
    assert_int_equal(hone_dataset_count(dataset, HONE_PART_VAL), 40 + 6);
    assert_string_equal(test_warnings, "");

    // Lists keep the groups, and one list alone is split as the folder was.
    assert_ok(hone_dataset_write_lists(dataset, in_dir("splits")));
    struct hone_data_params lists = {.folder = in_dir("d"),
                                     .train_list = in_dir("splits/train.txt"),
                                     .val_list = in_dir("splits/val.txt"),
                                     .test_list = in_dir("splits/test.txt")};
    assert_ok(hone_dataset_open(&lists, &again));
    same_parts(dataset, again, true);
    assert_string_equal(hone_dataset_item(again, HONE_PART_TRAIN, 0)->group,
                        hone_dataset_item(dataset, HONE_PART_TRAIN, 0)->group);
    hone_dataset_close(&again);
    params.split_seed = 5;
    assert_ok(hone_dataset_open(&params, &again));
    same_parts(dataset, again, false);
    hone_dataset_close(&again);
    hone_dataset_close(&dataset);

    params.group = "^z";
    refuse(params, HONE_INVALID, "--group: '^z' matches no name, such as ");
    params.group = "(";
    refuse(params, HONE_INVALID, "--group: '(' is no pattern: ");
    params.group = "a/t0[0-9]";
    assert_ok(hone_dataset_open(&params, &dataset));
    assert_non_null(strstr(test_warnings, "--group: 168 of 218 names do not match"));
    hone_dataset_close(&dataset);
}

static void test_group_lists(void **state) {
    (void)state;
    put_many("images", 12);
    char text[1024] = "";
    for (int i = 0; i < 12; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "images/p%03d.png\t%c\tg%d\n", i,
                 i < 6 ? 'a' : 'b', i / 2);
    put("all.txt", text);
    struct hone_data_params params = {.all_list = in_dir("all.txt")};
    hone_dataset *dataset;
    assert_ok(hone_dataset_open(&params, &dataset));
    char group[8];
    for (int i = 0; i < 6; i++) {
        snprintf(group, sizeof group, "g%d", i);
        assert_true(part_of(dataset, group) >= 0);
    }
    for (int part = 0; part < 3; part++)
        assert_int_equal(hone_dataset_count(dataset, (enum hone_part)part), 4);
    hone_dataset_close(&dataset);
    put("t.txt", "images/p000.png\ta\tg0\nimages/p006.png\tb\tg3\n");
    put("v.txt", "images/p001.png\ta\tg0\n");
    params = (struct hone_data_params){.train_list = in_dir("t.txt"), .val_list = in_dir("v.txt")};
    assert_ok(hone_dataset_open(&params, &dataset));
    assert_non_null(
        strstr(test_warnings, "1 group of photographs (2 pictures) on more than one side"));
    assert_non_null(strstr(test_warnings, "images/p000.png (train) and images/p001.png (val)"));
    hone_dataset_close(&dataset);
    params.all_list = in_dir("all.txt");
    refuse(params, HONE_INVALID, "--all-list names all pictures");
}

static void test_written_lists_read_back(void **state) {
    (void)state;
    put_many("d/a", 12);
    put_many("d/b", 7);
    hone_dataset *dataset = open_folder("d"), *again, *third;
    assert_ok(hone_dataset_write_lists(dataset, in_dir("run/splits")));
    struct hone_data_params params = {.folder = in_dir("d"),
                                      .train_list = in_dir("run/splits/train.txt"),
                                      .val_list = in_dir("run/splits/val.txt"),
                                      .test_list = in_dir("run/splits/test.txt")};
    assert_ok(hone_dataset_open(&params, &again));
    same_parts(dataset, again, true);
    hone_dataset_close(&again);
    // Without a data folder, from lists whose paths go through their own place.
    put("near/train.txt", "../d/a/p000.png\ta\n../d/b/p000.png\tb\n");
    struct hone_data_params near = {.train_list = in_dir("near/train.txt")};
    assert_ok(hone_dataset_open(&near, &again));
    assert_ok(hone_dataset_write_lists(again, in_dir("far/away/splits")));
    assert_false(hone_file_exists(in_dir("far/away/splits/val.txt")));
    struct hone_data_params far = {.train_list = in_dir("far/away/splits/train.txt")};
    assert_ok(hone_dataset_open(&far, &third));
    same_parts(again, third, true);
    hone_dataset_close(&third);
    hone_dataset_close(&again);
    test_expect_failure(hone_dataset_write_lists(dataset, in_dir("d/a/p000.png/x")), HONE_IO,
                        "cannot make the folder");
    hone_dataset_close(&dataset);
}

static void test_allocation_failures(void **state) {
    (void)state;
    put_many("d/a", 5);
    put_many("d/b/c", 5);
    put("d/b/x.txt", "");
    put("l/train.txt", "../d/a/p000.png\ta\n../d/b/c/p000.png\tb\n");
    char folder[512], list[512]; // in_dir's memory is used again within the loop
    snprintf(folder, sizeof folder, "%s", in_dir("d"));
    snprintf(list, sizeof list, "%s", in_dir("l/train.txt"));
    size_t live = hone_alloc_live_bytes();
    struct hone_data_params params[2] = {{.folder = folder}, {.train_list = list}};
    for (int i = 0; i < 2; i++) {
        for (long n = 0;; n++) {
            hone_dataset *dataset;
            hone_alloc_fail_after(n);
            hone_status status = hone_dataset_open(&params[i], &dataset);
            if (status == HONE_OK) status = hone_dataset_write_lists(dataset, in_dir("out"));
            hone_alloc_fail_after(-1);
            hone_dataset_close(&dataset);
            assert_int_equal(hone_alloc_live_bytes(), live);
            if (status == HONE_OK) break;
            if (status != HONE_OUT_OF_MEMORY)
                fail_msg("allocation %ld: %s", n, hone_error_message());
            assert_true(n < 1000);
        }
    }
}

static void test_shared_lists(void **state) {
    (void)state;
    const char *shared = test_shared_dir();
    if (!shared) skip();
    char train[512], test[512];
    snprintf(train, sizeof train, "%s/data/defects/magnetic_tile/folds/0_train.txt", shared);
    snprintf(test, sizeof test, "%s/data/defects/magnetic_tile/folds/0_test.txt", shared);
    hone_dataset *dataset;
    struct hone_data_params params = {.train_list = train, .test_list = test};
    assert_ok(hone_dataset_open(&params, &dataset));
    assert_int_equal(hone_dataset_class_count(dataset), 6);
    assert_int_equal(hone_dataset_count(dataset, HONE_PART_ALL), 1344);
    for (size_t i = 0; i < 1344; i++)
        assert_true(hone_file_exists(hone_dataset_item(dataset, HONE_PART_ALL, i)->path));
    hone_dataset_close(&dataset);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_class_folders),
        FIXTURE_TEST(test_split_is_seeded),
        FIXTURE_TEST(test_split_counts),
        FIXTURE_TEST(test_part_folders),
        FIXTURE_TEST(test_train_as_a_class),
        FIXTURE_TEST(test_folder_refusals),
        FIXTURE_TEST(test_lists),
        FIXTURE_TEST(test_list_refusals),
        FIXTURE_TEST(test_groups),
        FIXTURE_TEST(test_group_lists),
        FIXTURE_TEST(test_written_lists_read_back),
        FIXTURE_TEST(test_allocation_failures),
        FIXTURE_TEST(test_shared_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
