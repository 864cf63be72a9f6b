// trust.c: a short list of names; a program asks for a few dozen of them, once.
#include "exec/trust.h"

#include <string.h>

#include "exec/internal.h"

static struct hone_trusted *find(const struct hone_device *device, const char *name) {
    for (size_t i = 0; i < device->trusted_count; i++)
        if (strcmp(device->trusted[i].name, name) == 0) return &device->trusted[i];
    return NULL;
}

enum hone_row_trust hone_device_trust(const struct hone_device *device, const char *name) {
    const struct hone_trusted *found = find(device, name);
    return found ? found->trust : HONE_ROW_UNKNOWN;
}

hone_status hone_device_set_trust(struct hone_device *device, const char *name,
                                  enum hone_row_trust trust) {
    struct hone_trusted *found = find(device, name);
    if (!found) {
        if (!hone_grow(&device->trusted, &device->trusted_capacity, device->trusted_count + 1,
                       sizeof *device->trusted, "a list of kernels"))
            return HONE_OUT_OF_MEMORY;
        found = &device->trusted[device->trusted_count];
        found->name = hone_strdup(name);
        if (!found->name) return HONE_OUT_OF_MEMORY;
        device->trusted_count++;
    }
    found->trust = trust;
    return HONE_OK;
}

const char *hone_device_cache_dir(const struct hone_device *device) {
    return device->cache_dir;
}

// The row in "op/row" when it is one of this operator, without a tile; else NULL.
static const char *row_of(const struct hone_op *op, const char *name) {
    size_t length = strlen(op->name);
    if (strncmp(name, op->name, length) != 0 || name[length] != '/') return NULL;
    return strchr(name, ':') ? NULL : name + length + 1;
}

void hone_device_skips(const struct hone_device *device, const struct hone_op *op,
                       const char *const *skip_rows, const char *skips[HONE_SKIPS + 1]) {
    int count = 0;
    for (const char *const *name = skip_rows; name && *name && count < HONE_SKIPS; name++)
        if (row_of(op, *name)) skips[count++] = row_of(op, *name);
    for (size_t i = 0; i < device->trusted_count && count < HONE_SKIPS; i++)
        if (device->trusted[i].trust == HONE_ROW_WRONG && row_of(op, device->trusted[i].name))
            skips[count++] = row_of(op, device->trusted[i].name);
    skips[count] = NULL;
}

bool hone_device_distrusts(const struct hone_device *device, const struct hone_op *op) {
    for (size_t i = 0; i < device->trusted_count; i++)
        if (device->trusted[i].trust == HONE_ROW_WRONG && row_of(op, device->trusted[i].name))
            return true;
    return false;
}
