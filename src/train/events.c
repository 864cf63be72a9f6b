// events.c: see events.h.
#include "train/events.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"

uint32_t hone_crc32c(const void *data, size_t bytes) {
    const unsigned char *in = data;
    uint32_t crc = ~0u;
    for (size_t i = 0; i < bytes; i++) {
        crc ^= in[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0);
    }
    return ~crc;
}

static void put_bytes(struct hone_text *out, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++) hone_text_append(out, (char[]){(char)(value >> 8 * i)}, 1);
}

static void put_varint(struct hone_text *out, uint64_t value) {
    for (; value >= 128; value >>= 7) put_bytes(out, value | 128, 1);
    put_bytes(out, value, 1);
}

// A field's key: its number and wire type (0 varint, 1 eight bytes, 2 length-delimited, 5 four).
static void put_key(struct hone_text *out, unsigned number, unsigned type) {
    put_varint(out, number << 3 | type);
}

static void put_block(struct hone_text *out, unsigned number, const char *data, size_t bytes) {
    put_key(out, number, 2);
    put_varint(out, bytes);
    hone_text_append(out, data, bytes);
}

// Rotated and moved, so that a CRC over data that holds CRCs stays one.
static uint32_t masked(const void *data, size_t bytes) {
    uint32_t crc = hone_crc32c(data, bytes);
    return (crc >> 15 | crc << 17) + 0xA282EAD8u;
}

static void put_record(struct hone_text *out, const struct hone_text *message) {
    size_t start = out->length;
    put_bytes(out, message->length, 8);
    if (out->status == HONE_OK) put_bytes(out, masked(out->data + start, 8), 4);
    hone_text_append(out, message->data, message->length);
    put_bytes(out, masked(message->data, message->length), 4);
    if (message->status != HONE_OK) out->status = message->status;
}

static void put_time(struct hone_text *message, double wall_seconds) {
    uint64_t bits;
    memcpy(&bits, &wall_seconds, sizeof bits);
    put_key(message, 1, 1);
    put_bytes(message, bits, 8);
}

void hone_events_begin(struct hone_text *out, double wall_seconds) {
    static const char version[] = "brain.Event:2";
    struct hone_text message = {0};
    put_time(&message, wall_seconds);
    put_block(&message, 3, version, sizeof version - 1);
    put_record(out, &message);
    hone_text_deinit(&message);
}

static void put_scalar(struct hone_text *summary, const char *tag, double number) {
    struct hone_text value = {0};
    float single = (float)number;
    uint32_t bits;
    if (!isfinite(number)) return;
    memcpy(&bits, &single, sizeof bits);
    put_block(&value, 1, tag, strlen(tag));
    put_key(&value, 2, 5);
    put_bytes(&value, bits, 4);
    put_block(summary, 1, value.data, value.length);
    if (value.status != HONE_OK) summary->status = value.status;
    hone_text_deinit(&value);
}

void hone_events_epoch(struct hone_text *out, double wall_seconds,
                       const struct hone_train_epoch *e) {
    struct hone_text message = {0}, summary = {0};
    put_time(&message, wall_seconds);
    put_key(&message, 2, 0);
    put_varint(&message, (uint64_t)e->epoch);
    put_scalar(&summary, "loss/train", e->train_loss);
    put_scalar(&summary, "loss/validation", e->val_loss);
    put_scalar(&summary, "accuracy/train", e->train_accuracy);
    put_scalar(&summary, "accuracy/validation", e->val_accuracy);
    put_scalar(&summary, "macro-F1/validation", e->val_macro_f1);
    put_scalar(&summary, "learning rate", e->lr);
    put_scalar(&summary, "pictures a second", e->pictures_per_second);
    put_block(&message, 5, summary.data ? summary.data : "", summary.length);
    if (summary.status != HONE_OK) message.status = summary.status;
    put_record(out, &message);
    hone_text_deinit(&summary);
    hone_text_deinit(&message);
}

hone_status hone_events_write(const char *path, const struct hone_text *records) {
    if (records->status != HONE_OK) return records->status;
    FILE *file = fopen(path, "ab");
    if (!file) return hone_fail_errno(errno, "write", path);
    bool whole = fwrite(records->data, 1, records->length, file) == records->length;
    int cause = errno;
    if (fclose(file) != 0 && whole) {
        whole = false;
        cause = errno;
    }
    return whole ? HONE_OK : hone_fail_errno(cause, "write", path);
}

static uint64_t take_bytes(const char *at, int bytes) {
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++) value |= (uint64_t)(unsigned char)at[i] << 8 * i;
    return value;
}

// Length of the record at the start of these bytes; 0: it is not whole.
static size_t record_bytes(const char *data, size_t bytes) {
    uint64_t length = bytes < 16 ? UINT64_MAX : take_bytes(data, 8);
    if (bytes < 16 || length > bytes - 16) return 0;
    if (take_bytes(data + 8, 4) != masked(data, 8)) return 0;
    if (take_bytes(data + 12 + length, 4) != masked(data + 12, (size_t)length)) return 0;
    return (size_t)length + 16;
}

hone_status hone_events_cut(const char *path, size_t most, size_t *count) {
    char *data;
    size_t bytes, at = 0;
    *count = 0;
    HONE_TRY(hone_file_read(path, 0, &data, &bytes));
    while (*count < most) {
        size_t record = record_bytes(data + at, bytes - at);
        if (!record) break;
        at += record;
        ++*count;
    }
    hone_free(data);
    if (at < bytes && truncate(path, (off_t)at) != 0) return hone_fail_errno(errno, "write", path);
    return HONE_OK;
}
