// Weight files: what PyTorch and safetensors write is read number by number; what is damaged or
// wants to run code is refused with its name.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/weights.h"
#include "support/fixture.h"

#define DATA HONE_SOURCE_DIR "/tests/golden/data/weights/"

// The formula of tools/golden/make_weights.py.
static float number(int k, int i) {
    return (float)((i * 37 + k * 11) % 64) / 8 - 4;
}

static const struct {
    const char *name;
    enum hone_weight_type type;
    int rank, dim[4];
} tensors[] = {
    {"conv.weight", HONE_WEIGHT_F32, 4, {4, 3, 3, 3}},
    {"conv.bias", HONE_WEIGHT_F32, 1, {4}},
    {"half", HONE_WEIGHT_F16, 2, {5, 2}},
    {"brain", HONE_WEIGHT_BF16, 1, {7}},
    {"double", HONE_WEIGHT_F64, 2, {2, 3}},
    {"turned", HONE_WEIGHT_F32, 2, {4, 3}},
    {"part", HONE_WEIGHT_F32, 2, {2, 2}},
    {"tracked", HONE_WEIGHT_I64, 0, {0}},
    {"empty", HONE_WEIGHT_F32, 2, {0, 3}},
};

// Where element i of tensor k was in the sequence that the script drew.
static float expected(int k, int i) {
    if (k == 5) return number(k, i % 3 * 4 + i / 3);           // a transposed (3,4)
    if (k == 6) return number(k, (i / 2 + 2) * 4 + i % 2 + 1); // [2:4, 1:3] of (6,4)
    if (k == 7) return 7;
    return number(k, i);
}

static void check_file(const char *path) {
    struct hone_weights file;
    float values[128];
    assert_ok(hone_weights_open(path, &file));
    assert_int_equal(file.count, sizeof tensors / sizeof *tensors);
    for (int k = 0; k < (int)file.count; k++) {
        const struct hone_weight *w = hone_weights_find(&file, tensors[k].name);
        if (!w) fail_msg("%s: no tensor %s", path, tensors[k].name);
        assert_int_equal(w->type, tensors[k].type);
        assert_int_equal(w->rank, tensors[k].rank);
        for (int i = 0; i < w->rank; i++) assert_int_equal(w->dim[i], tensors[k].dim[i]);
        assert_ok(hone_weights_read(&file, w, values));
        for (int i = 0; i < (int)w->count; i++) assert_true(values[i] == expected(k, i));
    }
    assert_null(hone_weights_find(&file, "conv"));
    hone_weights_close(&file);
}

static void test_torch(void **state) {
    (void)state;
    check_file(DATA "net.pth");
    check_file(DATA "legacy.pth");
    check_file(DATA "wrapped.pth");
    check_file(DATA "wrapped_legacy.pth");
}

// A safetensors file in test_dir with this header and `bytes` bytes of data 0, 1, 2, ...
static const char *write_safetensors(const char *header, size_t bytes) {
    static char path[300];
    uint8_t file[1024] = {0};
    size_t length = strlen(header);
    assert_true(8 + length + bytes < sizeof file);
    file[0] = (uint8_t)length;
    file[1] = (uint8_t)(length >> 8);
    memcpy(file + 8, header, length);
    for (size_t i = 0; i < bytes; i++) file[8 + length + i] = (uint8_t)i;
    snprintf(path, sizeof path, "%s/x.safetensors", test_dir);
    assert_ok(hone_file_write(path, file, 8 + length + bytes));
    return path;
}

static void expect(const char *path, hone_status want, const char *text) {
    struct hone_weights file;
    test_expect_failure(hone_weights_open(path, &file), want, text);
    assert_null(file.items);
    assert_null(file.map.data);
}

#define TENSOR(name, dtype, shape, first, last)                                                    \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" #first          \
    "," #last "]}"

static void test_safetensors(void **state) {
    (void)state;
    struct hone_weights file;
    float values[4];
    const char *path = write_safetensors(
        "{\"__metadata__\":{\"format\":\"pt\"}," TENSOR("a", "U8", "[2,2]", 3, 7) "," TENSOR(
            "b", "I16", "[1]", 0, 2) "," TENSOR("none", "F32", "[0]", 2, 2) "}",
        7);
    assert_ok(hone_weights_open(path, &file));
    assert_int_equal(file.count, 3);
    assert_string_equal(file.notes[0].text, "pt");
    assert_ok(hone_weights_read(&file, hone_weights_find(&file, "a"), values));
    for (int i = 0; i < 4; i++) assert_true(values[i] == (float)(3 + i));
    assert_ok(hone_weights_read(&file, hone_weights_find(&file, "b"), values));
    assert_true(values[0] == 256);
    hone_weights_close(&file);

    expect(write_safetensors("{\"a\":1}", 4), HONE_INVALID, "not described");
    expect(write_safetensors("{ ]", 4), HONE_INVALID, "not JSON");
    expect(write_safetensors("{" TENSOR("a", "F32", "[2]", 0, 8) "}", 7), HONE_INVALID, "outside");
    expect(write_safetensors("{" TENSOR("a", "F32", "[1]", -4, 0) "}", 7), HONE_INVALID, "outside");
    expect(write_safetensors("{" TENSOR("a", "F32", "[-1]", 0, 4) "}", 4), HONE_INVALID,
           "impossible");
    expect(write_safetensors("{" TENSOR("a", "F32", "[1.5]", 0, 4) "}", 4), HONE_INVALID,
           "impossible");
    expect(write_safetensors("{" TENSOR("a", "F32", "[65536,65536]", 0, 4) "}", 4), HONE_INVALID,
           "impossible");
    expect(write_safetensors("{" TENSOR("a", "F32", "[2]", 0, 4) "}", 4), HONE_INVALID,
           "do not agree");
    expect(write_safetensors("{" TENSOR("a", "F8", "[4]", 0, 4) "}", 4), HONE_UNSUPPORTED, "F8");
    expect(write_safetensors(
               "{" TENSOR("a", "U8", "[4]", 0, 4) "," TENSOR("b", "U8", "[4]", 3, 7) "}", 8),
           HONE_INVALID, "on the bytes of another");
    expect(write_safetensors("{" TENSOR("a", "U8", "[1,1,1,1,1,1,1,1,1]", 0, 1) "}", 1),
           HONE_UNSUPPORTED, "9 axes");
}

// Headers that are cut short, or claim more than there is, up to 2^64 - 1 bytes.
static void test_safetensors_headers(void **state) {
    (void)state;
    struct hone_weights file;
    char *data;
    size_t bytes;
    const char *path = write_safetensors("{" TENSOR("a", "U8", "[4]", 0, 4) "}", 4);
    assert_ok(hone_file_read(path, 0, &data, &bytes));
    assert_ok(hone_weights_open_bytes((uint8_t *)data, bytes, &file));
    hone_weights_close(&file);
    for (size_t n = 0; n < bytes; n++)
        assert_int_not_equal(hone_weights_open_bytes((uint8_t *)data, n, &file), HONE_OK);
    static const uint64_t claims[] = {1 << 20,   33u << 20,  UINT32_MAX,
                                      INT64_MAX, UINT64_MAX, UINT64_MAX - 7};
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        memcpy(data, &claims[i], sizeof claims[i]);
        test_expect_failure(hone_weights_open_bytes((uint8_t *)data, bytes, &file), HONE_INVALID,
                            "cut short");
    }
    hone_free(data);
}

static void test_code_is_refused(void **state) {
    (void)state;
    const char *const evil[] = {DATA "evil.pth", DATA "evil_legacy.pth"};
    for (int i = 0; i < 2; i++) expect(evil[i], HONE_UNSUPPORTED, "'posix.system'");
    assert_false(hone_file_exists("/nonexistent/hone-ran-code"));
    expect(DATA "whole.pth", HONE_UNSUPPORTED, "'torch.nn.modules.linear.Linear'");
}

// One number repeated 2^28 times.
static void test_repeated(void **state) {
    (void)state;
    expect(DATA "repeated.pth", HONE_INVALID, "'huge' makes more numbers than a file of");
    expect(DATA "repeated_legacy.pth", HONE_INVALID, "'huge' makes more numbers than a file of");
}

// Every prefix of a file is refused and nothing is leaked; a flipped byte never crashes.
static void test_damage(void **state) {
    (void)state;
    const char *const files[] = {DATA "net.pth", DATA "legacy.pth", DATA "wrapped_legacy.pth"};
    for (size_t f = 0; f < sizeof files / sizeof *files; f++) {
        char *data;
        size_t bytes;
        struct hone_weights file;
        assert_ok(hone_file_read(files[f], 0, &data, &bytes));
        for (size_t n = 0; n < bytes; n += n < 300 ? 1 : 7) {
            if (hone_weights_open_bytes((uint8_t *)data, n, &file) == HONE_OK)
                fail_msg("%zu of %zu bytes of %s were taken for a file", n, bytes, files[f]);
        }
        for (size_t n = 0; n < bytes; n++) {
            data[n] = (char)(data[n] ^ (1 << n % 8));
            if (hone_weights_open_bytes((uint8_t *)data, bytes, &file) == HONE_OK) {
                float values[4096];
                for (size_t i = 0; i < file.count; i++)
                    if (file.items[i].count <= 4096)
                        hone_weights_read(&file, &file.items[i], values);
                hone_weights_close(&file);
            }
            data[n] = (char)(data[n] ^ (1 << n % 8));
        }
        hone_free(data);
    }
    expect(HONE_SOURCE_DIR "/CMakeLists.txt", HONE_UNSUPPORTED, "neither safetensors");
}

static void test_allocation_failures(void **state) {
    (void)state;
    const char *const files[] = {DATA "wrapped.pth", DATA "legacy.pth"};
    for (int f = 0; f < 2; f++)
        for (long n = 0;; n++) {
            struct hone_weights file;
            size_t before = hone_alloc_live_bytes();
            hone_alloc_fail_after(n);
            hone_status status = hone_weights_open(files[f], &file);
            hone_alloc_fail_after(-1);
            if (status == HONE_OK) {
                hone_weights_close(&file);
                assert_true(n > 2);
                break;
            }
            assert_int_equal(status, HONE_OUT_OF_MEMORY);
            assert_int_equal(hone_alloc_live_bytes(), before);
        }
}

// Real files: the same net from two containers.
static void test_shared(void **state) {
    (void)state;
    const char *shared = test_shared_dir();
    if (!shared) skip();
    char path[2][512];
    struct hone_weights file[2];
    snprintf(path[0], sizeof path[0], "%s/data/weights/squeezenet1_1.pth", shared);
    snprintf(path[1], sizeof path[1], "%s/data/weights/squeezenet1_1.safetensors", shared);
    for (int i = 0; i < 2; i++) assert_ok(hone_weights_open(path[i], &file[i]));
    assert_int_equal(file[0].count, 52);
    assert_int_equal(file[1].count, 52);
    for (size_t i = 0; i < file[0].count; i++) {
        const struct hone_weight *a = &file[0].items[i], *b = hone_weights_find(&file[1], a->name);
        assert_non_null(b);
        assert_int_equal(a->count, b->count);
        float *x = hone_calloc((size_t)a->count, sizeof *x, "x"),
              *y = hone_calloc((size_t)a->count, sizeof *y, "y");
        assert_ok(hone_weights_read(&file[0], a, x));
        assert_ok(hone_weights_read(&file[1], b, y));
        assert_memory_equal(x, y, (size_t)a->count * sizeof *x);
        hone_free(x);
        hone_free(y);
    }
    for (int i = 0; i < 2; i++) hone_weights_close(&file[i]);
    snprintf(path[0], sizeof path[0], "%s/data/weights/resnet20_cifar10.th", shared);
    assert_ok(hone_weights_open(path[0], &file[0]));
    const struct hone_weight *w = hone_weights_find(&file[0], "conv1.weight");
    assert_true(w && w->count == 432);
    hone_weights_close(&file[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_torch),
        FIXTURE_TEST(test_safetensors),
        FIXTURE_TEST(test_safetensors_headers),
        FIXTURE_TEST(test_code_is_refused),
        FIXTURE_TEST(test_repeated),
        FIXTURE_TEST(test_damage),
        FIXTURE_TEST(test_allocation_failures),
        FIXTURE_TEST(test_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
