// test_torch: files that no torch.save writes, and those that it writes in a way that hone does not
// read: each is refused with a line that says what is wrong. The pickles are of protocol 0, which
// is text.
#include <stdio.h>
#include <string.h>
#include <zip.h>

#include "formats/weights.h"
#include "support/fixture.h"

#define BAD  HONE_INVALID
#define LACK HONE_UNSUPPORTED

#define STORAGE(type, key, elements, more)                                                         \
    "(Vstorage\nctorch\n" type "\nV" key "\nVcpu\nI" elements "\n" more "tQ"
#define TENSOR(storage, offset, sizes, strides)                                                    \
    "Vw\nctorch._utils\n_rebuild_tensor_v2\n(" storage "I" offset "\n" sizes strides "I00\ntRs"
#define SIX        STORAGE("FloatStorage", "0", "6", "")
#define ROWS       "(I2\nI3\nt"
#define STEPS      "(I3\nI1\nt"
#define GOOD       "}" TENSOR(SIX, "0", ROWS, STEPS) "."
#define NINE_AXES  "(I1\nI1\nI1\nI1\nI1\nI1\nI1\nI1\nI1\nt"
#define LIST(keys) "(" keys "l."

static const float numbers[6] = {1, 2, 3, 4, 5, 6};

// The object that was saved; where `says` is NULL, it is read.
struct odd_object {
    const char *says;
    hone_status status;
    const char *pickle;
};

static const struct odd_object objects[] = {
    {NULL, HONE_OK, GOOD},
    {"storage '0' is a view of another; save again with a newer PyTorch", LACK,
     "}" TENSOR(STORAGE("FloatStorage", "0", "6", "(V1\nI0\nI6\nt"), "0", ROWS, STEPS) "."},
    {"'w': a tensor of 9 axes; up to 8 are read", LACK,
     "}" TENSOR(SIX, "0", NINE_AXES, NINE_AXES) "."},
    {"'w': a shape is not as torch.save writes it", BAD, "}" TENSOR(SIX, "0", "I6\n", STEPS) "."},
    {"'w': a shape is not as torch.save writes it", BAD,
     "}" TENSOR(SIX, "0", "(V2\nV3\nt", STEPS) "."},
    {"'w': a tensor is not as torch.save writes it", BAD, "}" TENSOR(SIX, "0", ROWS, "(I1\nt") "."},
    {"'w': a tensor is not as torch.save writes it", BAD, "}" TENSOR("N", "0", ROWS, STEPS) "."},
    {"'w': a tensor's place is not as torch.save writes it", BAD,
     "}" TENSOR(SIX, "7", ROWS, STEPS) "."},
    {"'w': a tensor's place is not as torch.save writes it", BAD,
     "}" TENSOR(SIX, "-1", ROWS, STEPS) "."},
    {"'w': tensor 'w' does not fit into the file", BAD, "}" TENSOR(SIX, "1", ROWS, STEPS) "."},
    {"'w': tensor 'w' has an impossible shape", BAD,
     "}" TENSOR(SIX, "0", "(I-2\nI3\nt", STEPS) "."},
    {"'w': tensor 'w' has an impossible shape", BAD,
     "}" TENSOR(SIX, "0", "(I65536\nI65536\nt", "(I0\nI0\nt") "."},
    {"a storage is not as torch.save writes it", BAD,
     "}" TENSOR(STORAGE("FloatStorage", "0", "-6", ""), "0", ROWS, STEPS) "."},
    {"the type of a storage is not as torch.save writes it", BAD,
     "}" TENSOR(STORAGE("float32", "0", "6", ""), "0", ROWS, STEPS) "."},
    {"the file asks to run 'torch.StorageOfMine'", LACK,
     "}" TENSOR(STORAGE("StorageOfMine", "0", "6", ""), "0", ROWS, STEPS) "."},
    {"no state dict in it: save with torch.save(model.state_dict(), path)", LACK,
     "}Vepoch\nI3\ns."},
};

static const char *write_file(const void *bytes, size_t count) {
    static char path[300];
    snprintf(path, sizeof path, "%s/x.pth", test_dir);
    assert_ok(hone_file_write(path, bytes, count));
    return path;
}

static void expect(const char *path, const char *says, hone_status status) {
    struct hone_weights file;
    float values[6];
    if (says) {
        test_expect_failure(hone_weights_open(path, &file), status, says);
        test_expect_failure(status, status, path);
        assert_null(file.items);
        return;
    }
    assert_ok(hone_weights_open(path, &file));
    assert_int_equal(file.count, 1);
    assert_ok(hone_weights_read(&file, hone_weights_find(&file, "w"), values));
    assert_memory_equal(values, numbers, sizeof values);
    hone_weights_close(&file);
}

// ---- Before 1.6: one file -----------------------------------------------------------------------

static size_t put(uint8_t *to, size_t at, const void *bytes, size_t count) {
    memcpy(to + at, bytes, count);
    return at + count;
}

// Magic number, version, facts of the machine, the object, the keys, then the one storage: how many
// elements it says that it has, and those of `data_bytes`.
static const char *write_legacy(const char *pickle, const char *keys, uint64_t says,
                                size_t data_bytes) {
    static const uint8_t magic[] = {0x80, 2,    0x8a, 10,   0x6c, 0xfc, 0x9c, 0x46,
                                    0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.'};
    uint8_t file[1024], count[8];
    size_t at = put(file, 0, magic, sizeof magic);
    for (int i = 0; i < 8; i++) count[i] = (uint8_t)(says >> 8 * i);
    at = put(file, at, "I1001\n.}.", 9);
    at = put(file, at, pickle, strlen(pickle));
    at = put(file, at, keys, strlen(keys));
    at = put(file, at, count, sizeof count);
    return write_file(file, put(file, at, numbers, data_bytes));
}

static void test_legacy(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof objects / sizeof *objects; i++) {
        const char *keys = strstr(objects[i].pickle, "Vstorage") ? LIST("V0\n") : LIST("");
        expect(write_legacy(objects[i].pickle, keys, 6, sizeof numbers), objects[i].says,
               objects[i].status);
    }
    static const char list[] = "the list of storages is not as torch.save writes it";
    static const char cut[] = "the file is damaged or cut short";
    expect(write_legacy(GOOD, LIST("V1\n"), 6, sizeof numbers), list, BAD);
    expect(write_legacy(GOOD, LIST("I0\n"), 6, sizeof numbers), list, BAD);
    expect(write_legacy(GOOD, LIST("V0\nV0\n"), 6, sizeof numbers), list, BAD);
    expect(write_legacy(GOOD, LIST("V0\n"), 5, sizeof numbers), cut, BAD);
    expect(write_legacy(GOOD, LIST("V0\n"), 6, sizeof numbers - 1), cut, BAD);
    // Named by the object, but not in the list: it has no place.
    expect(write_legacy(GOOD, LIST(""), 6, sizeof numbers), "a tensor's place is not", BAD);
    expect(write_file("\x80\x02}.", 4), "a pickle, but not one of torch.save", LACK);
}

// ---- Since 1.6: a zip ---------------------------------------------------------------------------

struct entry {
    const char *name;
    const void *data;
    size_t bytes;
    bool compressed;
};

// Up to four entries; the first without a name ends them.
static const char *write_zip(const struct entry entries[4]) {
    static char path[300];
    int code;
    snprintf(path, sizeof path, "%s/x.pt", test_dir);
    zip_t *zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &code);
    assert_non_null(zip);
    for (int i = 0; i < 4 && entries[i].name; i++) {
        zip_source_t *source = zip_source_buffer(zip, entries[i].data, entries[i].bytes, 0);
        zip_int64_t index = zip_file_add(zip, entries[i].name, source, ZIP_FL_ENC_UTF_8);
        assert_true(index >= 0);
        zip_int32_t method = entries[i].compressed ? ZIP_CM_DEFLATE : ZIP_CM_STORE;
        assert_int_equal(zip_set_file_compression(zip, (zip_uint64_t)index, method, 0), 0);
    }
    assert_int_equal(zip_close(zip), 0);
    return path;
}

#define TEXT_ENTRY(name, text)                                                                     \
    { name, text, sizeof(text) - 1, false }
#define NUMBERS                                                                                    \
    { "net/data/0", numbers, sizeof numbers, false }

static void test_zip(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof objects / sizeof *objects; i++) {
        const char *pickle = objects[i].pickle;
        const struct entry entries[4] = {{"net/data.pkl", pickle, strlen(pickle), false}, NUMBERS};
        expect(write_zip(entries), objects[i].says, objects[i].status);
    }
    static const struct {
        const char *says;
        hone_status status;
        struct entry entries[4];
    } zips[] = {
        {NULL,
         HONE_OK,
         {TEXT_ENTRY("net/data.pkl", GOOD), NUMBERS, TEXT_ENTRY("net/byteorder", "little")}},
        {"its numbers are big-endian: save again on another machine",
         LACK,
         {TEXT_ENTRY("net/data.pkl", GOOD), NUMBERS, TEXT_ENTRY("net/byteorder", "big")}},
        {"a zip without a data.pkl: not a file of torch.save", LACK, {NUMBERS}},
        {"storage '0' is missing", BAD, {TEXT_ENTRY("net/data.pkl", GOOD)}},
        {"storage '0' is missing",
         BAD,
         {TEXT_ENTRY("net/data.pkl", GOOD), {"other/data/0", numbers, sizeof numbers, false}}},
        {"'w': a tensor's place is not as torch.save writes it",
         BAD,
         {TEXT_ENTRY("net/data.pkl", GOOD), {"net/data/0", numbers, 20, false}}},
        {"the zip is compressed, which torch.save does not do",
         LACK,
         {{"net/data.pkl", GOOD, sizeof GOOD - 1, true}, NUMBERS}},
    };
    for (size_t i = 0; i < sizeof zips / sizeof *zips; i++)
        expect(write_zip(zips[i].entries), zips[i].says, zips[i].status);
}

// An entry whose bytes are not those that were written: libzip's checksum finds it when it is read.
static void test_damaged_entry(void **state) {
    (void)state;
    const struct entry entries[4] = {TEXT_ENTRY("net/data.pkl", GOOD), NUMBERS};
    const char *path = write_zip(entries);
    struct hone_weights file;
    float values[6];
    char *bytes, *at = NULL;
    size_t count;
    assert_ok(hone_file_read(path, 0, &bytes, &count));
    for (size_t i = 0; i + sizeof numbers <= count && !at; i++)
        if (memcmp(bytes + i, numbers, sizeof numbers) == 0) at = bytes + i;
    assert_non_null(at);
    at[3] ^= 1;
    assert_ok(hone_weights_open_bytes((const uint8_t *)bytes, count, &file));
    test_expect_failure(hone_weights_read(&file, hone_weights_find(&file, "w"), values), BAD,
                        "the checksum of an entry of the zip is not that of its bytes");
    hone_weights_close(&file);
    hone_free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_legacy),
        FIXTURE_TEST(test_zip),
        FIXTURE_TEST(test_damaged_entry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
