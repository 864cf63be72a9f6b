// store.h: the states of a device by name: parameters, running statistics, moments. Programs that
// are compiled against one store share them: a training program and an evaluation program see the
// same weights.
//
// A store belongs to one thread at a time, together with its programs.
#ifndef HONE_EXEC_STORE_H
#define HONE_EXEC_STORE_H

#include "exec/device.h"
#include "ir/tensor.h"

struct hone_store;

hone_status hone_store_create(struct hone_device *device, struct hone_store **out);
// A store without memory: programs that are compiled against it are planned and cannot run, so that
// hone_program_memory() and hone_store_bytes() say beforehand what they need.
hone_status hone_store_create_dry(struct hone_device *device, struct hone_store **out);
// Its programs must be gone. NULL is fine.
void hone_store_destroy(struct hone_store **store);

struct hone_device *hone_store_device(const struct hone_store *store);

// Makes sure that a state of this name exists; a new one is all zero. HONE_INVALID when it exists
// with another shape.
hone_status hone_store_ensure(struct hone_store *store, const char *name,
                              const struct hone_desc *desc);
// True when the state exists.
bool hone_store_has(const struct hone_store *store, const char *name);

// Whole states, in the element type of the desc (float, int32_t, or bytes). They wait for submitted
// work. HONE_NOT_FOUND for an unknown name, HONE_INVALID for a wrong size.
hone_status hone_store_write(struct hone_store *store, const char *name, const void *data,
                             uint64_t bytes);
hone_status hone_store_read(struct hone_store *store, const char *name, void *data, uint64_t bytes);

// Device bytes held by all states.
uint64_t hone_store_bytes(const struct hone_store *store);

#endif
