// test_events: TensorBoard's records: the check value of the CRC, the first bytes of every event
// file, and what a reader finds.
#include "support/support.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "train/events.h"
#include "train/run.h"

static void test_crc(void **state) {
    (void)state;
    assert_true(hone_crc32c("123456789", 9) == 0xE3069283u); // RFC 3720's polynomial
    static const unsigned char zeros[32];
    assert_true(hone_crc32c(zeros, 32) == 0x8A9136AAu); // RFC 3720, B.4
}

static void test_begin(void **state) {
    (void)state;
    struct hone_text text = {0};
    hone_events_begin(&text, 1.0);
    // As TensorFlow writes: 24 bytes, the masked CRC of that length, 1.0, "brain.Event:2".
    static const char want[] = "\x18\0\0\0\0\0\0\0\xA3\x7F\x4B\x22\x09\0\0\0\0\0\0\xF0\x3F\x1A\x0D"
                               "brain.Event:2";
    assert_int_equal(text.length, 8 + 4 + 24 + 4);
    assert_memory_equal(text.data, want, sizeof want - 1);
    hone_text_deinit(&text);
}

struct reader {
    const unsigned char *at, *end;
};

static uint64_t take(struct reader *r, int bytes) {
    uint64_t value = 0;
    assert_true(r->end - r->at >= bytes);
    for (int i = 0; i < bytes; i++) value |= (uint64_t)r->at[i] << 8 * i;
    r->at += bytes;
    return value;
}

static uint64_t take_varint(struct reader *r) {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
        uint64_t byte = take(r, 1);
        value |= (byte & 127) << shift;
        if (byte < 128) return value;
    }
}

static void expect_crc(struct reader *r, const unsigned char *data, size_t bytes) {
    uint32_t masked = (uint32_t)take(r, 4) - 0xA282EAD8u;
    assert_true((masked >> 17 | masked << 15) == hone_crc32c(data, bytes));
}

static struct reader take_record(struct reader *r) {
    const unsigned char *start = r->at;
    uint64_t bytes = take(r, 8);
    expect_crc(r, start, 8);
    struct reader message = {r->at, r->at + bytes};
    assert_true((uint64_t)(r->end - r->at) >= bytes);
    r->at += bytes;
    expect_crc(r, message.at, (size_t)bytes);
    return message;
}

static struct reader take_block(struct reader *r, uint64_t key) {
    assert_true(take_varint(r) == key);
    uint64_t bytes = take_varint(r);
    struct reader block = {r->at, r->at + bytes};
    r->at += bytes;
    return block;
}

static void expect_scalar(struct reader *summary, const char *tag, float want) {
    struct reader value = take_block(summary, 1 << 3 | 2);
    struct reader name = take_block(&value, 1 << 3 | 2);
    assert_int_equal(name.end - name.at, strlen(tag));
    assert_memory_equal(name.at, tag, strlen(tag));
    assert_true(take(&value, 1) == (2 << 3 | 5));
    uint32_t bits = (uint32_t)take(&value, 4);
    float got;
    memcpy(&got, &bits, sizeof got);
    assert_true(got == want && value.at == value.end);
}

static void test_run(void **state) {
    (void)state;
    char dir[256], *bytes;
    size_t count;
    struct hone_run run = {0};
    test_temp_dir(dir);
    assert_int_equal(chdir(dir), 0);
    assert_ok(hone_run_begin("run", &run));
    assert_ok(hone_run_begin_events(&run));
    for (int e = 1; e <= 300; e += 299)
        assert_ok(hone_run_add_epoch(&run, &(struct hone_train_epoch){.epoch = e,
                                                                      .train_loss = 0.5,
                                                                      .val_loss = NAN,
                                                                      .train_accuracy = 0.25,
                                                                      .val_accuracy = NAN,
                                                                      .val_macro_f1 = NAN,
                                                                      .lr = 0.001,
                                                                      .pictures_per_second = 12}));
    assert_true(strstr(run.events, "events.out.tfevents.") != NULL);
    assert_ok(hone_file_read(run.events, 0, &bytes, &count));
    struct reader file = {(unsigned char *)bytes, (unsigned char *)bytes + count};
    take_record(&file);
    for (int e = 1; e <= 300; e += 299) {
        struct reader event = take_record(&file);
        assert_true(take(&event, 1) == (1 << 3 | 1) && take(&event, 8) > 0);
        assert_true(take(&event, 1) == 2 << 3 && take_varint(&event) == (uint64_t)e);
        struct reader summary = take_block(&event, 5 << 3 | 2);
        assert_true(event.at == event.end);
        expect_scalar(&summary, "loss/train", 0.5f);
        expect_scalar(&summary, "accuracy/train", 0.25f);
        expect_scalar(&summary, "learning rate", 0.001f);
        expect_scalar(&summary, "pictures a second", 12);
        assert_true(summary.at == summary.end); // what is no number is left out
    }
    assert_true(file.at == file.end);
    hone_free(bytes);
    hone_run_end(&run); // nothing was kept: the file goes, too
    assert_false(hone_dir_exists("run"));
    assert_int_equal(chdir("/"), 0);
    test_temp_remove(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc),
        cmocka_unit_test(test_begin),
        cmocka_unit_test(test_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
