// test_file: reading, mapping, atomic writing (a full disk and failing allocations included),
// folders and path helpers.
#include "support/fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"


static const char *in_dir(const char *name) {
    static char path[4][512];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", test_dir, name);
    return path[turn];
}

static size_t entries(const char *path) {
    struct hone_arena arena = {0};
    struct hone_dir_entry *list;
    size_t count;
    assert_ok(hone_dir_list(path, &arena, &list, &count));
    hone_arena_deinit(&arena);
    return count;
}

static void expect_content(const char *path, const char *want) {
    char *data;
    size_t bytes;
    assert_ok(hone_file_read(path, 0, &data, &bytes));
    assert_int_equal(bytes, strlen(want));
    assert_string_equal(data, want);
    hone_free(data);
}

static void test_write_then_read(void **state) {
    (void)state;
    const char *path = in_dir("a.txt");
    assert_ok(hone_file_write(path, "hello", 5));
    expect_content(path, "hello");
    assert_ok(hone_file_write(path, "", 0));
    expect_content(path, "");
    assert_int_equal(entries(test_dir), 1);
}

static void test_read_limits_and_errors(void **state) {
    (void)state;
    char *data;
    size_t bytes;
    assert_ok(hone_file_write(in_dir("ten"), "0123456789", 10));
    assert_ok(hone_file_read(in_dir("ten"), 10, &data, &bytes));
    hone_free(data);
    test_expect_failure(hone_file_read(in_dir("ten"), 9, &data, &bytes), HONE_INVALID,
                        "larger than the limit of 9 bytes");
    assert_null(data);
    test_expect_failure(hone_file_read("/dev/zero", 100000, &data, &bytes), HONE_INVALID, "limit");
    test_expect_failure(hone_file_read(in_dir("none"), 0, &data, &bytes), HONE_NOT_FOUND,
                        "none: No such file or directory");
    test_expect_failure(hone_file_read(in_dir("ten/x"), 0, &data, &bytes), HONE_NOT_FOUND,
                        "Not a directory");
    test_expect_failure(hone_file_read(test_dir, 0, &data, &bytes), HONE_IO, "Is a directory");
}

static void test_map(void **state) {
    (void)state;
    struct hone_file_map map;
    assert_ok(hone_file_write(in_dir("m"), "mapped", 6));
    assert_ok(hone_file_map_open(in_dir("m"), &map));
    assert_int_equal(map.bytes, 6);
    assert_memory_equal(map.data, "mapped", 6);
    hone_file_map_close(&map);
    assert_null(map.data);
    hone_file_map_close(&map);
    assert_ok(hone_file_write(in_dir("m"), "", 0));
    assert_ok(hone_file_map_open(in_dir("m"), &map));
    assert_non_null(map.data);
    assert_int_equal(map.bytes, 0);
    hone_file_map_close(&map);
    test_expect_failure(hone_file_map_open(in_dir("none"), &map), HONE_NOT_FOUND, "cannot read");
}

static void test_writer_commits_or_leaves_the_old(void **state) {
    (void)state;
    const char *path = in_dir("w");
    struct hone_file_writer *writer;
    assert_ok(hone_file_write(path, "old", 3));
    assert_int_equal(chmod(path, 0600), 0);
    assert_ok(hone_file_writer_open(path, &writer));
    assert_ok(hone_file_writer_write(writer, "ne", 2));
    expect_content(path, "old");
    assert_ok(hone_file_writer_write(writer, "w", 1));
    assert_ok(hone_file_writer_commit(&writer));
    assert_null(writer);
    expect_content(path, "new");
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);

    assert_ok(hone_file_writer_open(path, &writer));
    assert_ok(hone_file_writer_write(writer, "lost", 4));
    hone_file_writer_discard(&writer);
    assert_null(writer);
    hone_file_writer_discard(&writer);
    expect_content(path, "new");
    assert_int_equal(entries(test_dir), 1);
}

static void test_writer_follows_a_link(void **state) {
    (void)state;
    assert_ok(hone_dir_make(in_dir("real")));
    assert_ok(hone_file_write(in_dir("real/target"), "1", 1));
    assert_int_equal(symlink("real/target", in_dir("link")), 0);
    assert_ok(hone_file_write(in_dir("link"), "22", 2));
    expect_content(in_dir("real/target"), "22");
    struct stat info;
    assert_int_equal(lstat(in_dir("link"), &info), 0);
    assert_true(S_ISLNK(info.st_mode));
}

static void test_writer_errors(void **state) {
    (void)state;
    struct hone_file_writer *writer;
    test_expect_failure(hone_file_writer_open(in_dir("no/such/file"), &writer), HONE_NOT_FOUND,
                        "cannot write ");
    assert_null(writer);
    test_expect_failure(hone_file_write(test_dir, "x", 1), HONE_IO, "Is a directory");
    // A device is written in place; this one is always full.
    if (hone_file_exists("/dev/full"))
        test_expect_failure(hone_file_write("/dev/full", "x", 1), HONE_IO,
                            "cannot write /dev/full: No space left on device");
    assert_ok(hone_file_write("/dev/null", "x", 1));
}

// A limit on the size of files stands for a full disk: the write stops half-way in the same manner.
static void test_write_cut_short_leaves_nothing(void **state) {
    (void)state;
    assert_ok(hone_file_write(in_dir("big"), "old", 3));
    struct rlimit before, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 4096;
    signal(SIGXFSZ, SIG_IGN);
    char *data = calloc(1, 100000);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    hone_status status = hone_file_write(in_dir("big"), data, 100000);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_DFL);
    free(data);
    test_expect_failure(status, HONE_IO, "big: File too large");
    expect_content(in_dir("big"), "old");
    assert_int_equal(entries(test_dir), 1);
}

static void test_full_disk(void **state) {
    (void)state;
    char command[600];
    assert_ok(hone_dir_make(in_dir("disk")));
    snprintf(command, sizeof command, "mount -t tmpfs -o size=64k tmpfs '%s' 2>/dev/null",
             in_dir("disk"));
    if (system(command) != 0) {
        fprintf(stderr, "skipped: no right to mount a small tmpfs\n");
        skip();
    }
    char *data = calloc(1, 200000);
    hone_status kept = hone_file_write(in_dir("disk/f"), "old", 3);
    hone_status status = hone_file_write(in_dir("disk/f"), data, 200000);
    char message[1024];
    snprintf(message, sizeof message, "%s", hone_error_message());
    size_t count = entries(in_dir("disk"));
    char *content;
    size_t bytes;
    hone_status read = hone_file_read(in_dir("disk/f"), 0, &content, &bytes);
    free(data);
    snprintf(command, sizeof command, "umount '%s'", in_dir("disk"));
    assert_int_equal(system(command), 0);
    assert_ok(kept);
    assert_int_equal(status, HONE_IO);
    assert_non_null(strstr(message, "/disk/f: No space left on device"));
    assert_int_equal(count, 1);
    assert_ok(read);
    assert_string_equal(content, "old");
    hone_free(content);
}

static void test_allocation_failures(void **state) {
    (void)state;
    assert_ok(hone_file_write(in_dir("f"), "keep", 4));
    assert_int_equal(symlink("f", in_dir("l")), 0);
    size_t live = hone_alloc_live_bytes();
    int failures = 0;
    for (long n = 0;; n++) {
        struct hone_arena arena = {0};
        struct hone_dir_entry *list;
        char *data = NULL;
        size_t count, bytes;
        hone_alloc_fail_after(n);
        hone_status status = hone_file_write(in_dir("l"), "new!", 4);
        if (status == HONE_OK) status = hone_file_read(in_dir("f"), 0, &data, &bytes);
        if (status == HONE_OK) status = hone_dir_list(test_dir, &arena, &list, &count);
        if (status == HONE_OK) status = hone_dir_make(in_dir("x/y"));
        hone_alloc_fail_after(-1);
        hone_free(data);
        hone_arena_deinit(&arena);
        assert_int_equal(hone_alloc_live_bytes(), live);
        if (status == HONE_OK) break;
        assert_int_equal(status, HONE_OUT_OF_MEMORY);
        assert_int_equal(entries(test_dir), 2);
        failures++;
    }
    assert_true(failures >= 6);
}

static void test_folders(void **state) {
    (void)state;
    assert_ok(hone_dir_make(in_dir("a/b//c/")));
    assert_ok(hone_dir_make(in_dir("a/b/c")));
    assert_true(hone_dir_exists(in_dir("a/b/c")));
    assert_ok(hone_file_write(in_dir("B"), "", 0));
    assert_ok(hone_file_write(in_dir("f10"), "", 0));
    assert_ok(hone_file_write(in_dir("f9"), "", 0));
    assert_int_equal(symlink("a", in_dir("folder_link")), 0);
    assert_int_equal(symlink("nowhere", in_dir("lost_link")), 0);
    static const char *const names[] = {"B", "a", "f10", "f9", "folder_link", "lost_link"};
    static const bool dirs[] = {false, true, false, false, true, false};
    struct hone_arena arena = {0};
    struct hone_dir_entry *list;
    size_t count;
    assert_ok(hone_dir_list(test_dir, &arena, &list, &count));
    assert_int_equal(count, 6);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(list[i].name, names[i]);
        assert_int_equal(list[i].is_dir, dirs[i]);
    }
    test_expect_failure(hone_dir_list(in_dir("B"), &arena, &list, &count), HONE_NOT_FOUND,
                        "cannot read the folder ");
    test_expect_failure(hone_dir_make(in_dir("B/x")), HONE_IO, "/B: File exists");
    hone_arena_deinit(&arena);
}

static void expect_text(char *got, const char *want) {
    assert_non_null(got);
    assert_string_equal(got, want);
    hone_free(got);
}

static void test_paths(void **state) {
    (void)state;
    expect_text(hone_path_join("a", "b"), "a/b");
    expect_text(hone_path_join("a/", "b/c"), "a/b/c");
    expect_text(hone_path_join("", "b"), "b");
    expect_text(hone_path_join("a", "/b"), "/b");
    expect_text(hone_path_folder("a/b/c.png"), "a/b");
    expect_text(hone_path_folder("c.png"), ".");
    expect_text(hone_path_folder("/c"), "/");
    assert_string_equal(hone_path_base("a/b/c.png"), "c.png");
    assert_string_equal(hone_path_base("c"), "c");
    assert_string_equal(hone_path_extension("a.b/c.tar.PNG"), ".PNG");
    assert_string_equal(hone_path_extension("a.b/c"), "");
    assert_string_equal(hone_path_extension("a/.hidden"), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_write_then_read),
        FIXTURE_TEST(test_read_limits_and_errors),
        FIXTURE_TEST(test_map),
        FIXTURE_TEST(test_writer_commits_or_leaves_the_old),
        FIXTURE_TEST(test_writer_follows_a_link),
        FIXTURE_TEST(test_writer_errors),
        FIXTURE_TEST(test_write_cut_short_leaves_nothing),
        FIXTURE_TEST(test_full_disk),
        FIXTURE_TEST(test_allocation_failures),
        FIXTURE_TEST(test_folders),
        FIXTURE_TEST(test_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
