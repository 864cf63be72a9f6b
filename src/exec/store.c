// store.c: named states. A handful to a few hundred of them: a list is searched by name when
// programs are compiled or weights are read, never in a step.
#include "exec/internal.h"

#include <string.h>

hone_status hone_store_create(struct hone_device *device, struct hone_store **out) {
    *out = hone_calloc(1, sizeof **out, "a store");
    if (!*out) return HONE_OUT_OF_MEMORY;
    (*out)->device = device;
    return HONE_OK;
}

hone_status hone_store_create_dry(struct hone_device *device, struct hone_store **out) {
    HONE_TRY(hone_store_create(device, out));
    (*out)->dry = true;
    return HONE_OK;
}

void hone_store_destroy(struct hone_store **store) {
    if (!*store) return;
    for (size_t i = 0; i < (*store)->count; i++) {
        struct hone_state *state = &(*store)->states[i];
        if (state->buffer) hone_gpu_buffer_destroy((*store)->device->gpu, &state->buffer);
        hone_free(state->values);
        hone_free(state->name);
    }
    hone_free((*store)->states);
    hone_free(*store);
    *store = NULL;
}

struct hone_device *hone_store_device(const struct hone_store *store) {
    return store->device;
}

struct hone_state *hone_store_find(const struct hone_store *store, const char *name) {
    for (size_t i = 0; i < store->count; i++)
        if (strcmp(store->states[i].name, name) == 0) return &store->states[i];
    return NULL;
}

bool hone_store_has(const struct hone_store *store, const char *name) {
    return hone_store_find(store, name) != NULL;
}

// A zeroed buffer of the state's size.
static hone_status state_create_buffer(struct hone_gpu *gpu, struct hone_state *state) {
    uint64_t bytes = hone_desc_bytes(&state->desc);
    HONE_TRY(hone_gpu_buffer_create(gpu, bytes, HONE_GPU_DEVICE, state->name, &state->buffer));
    void *zeros = hone_calloc(bytes, 1, state->name);
    hone_status status =
        zeros ? hone_gpu_write(gpu, state->buffer, 0, zeros, bytes) : HONE_OUT_OF_MEMORY;
    hone_free(zeros);
    if (status != HONE_OK) hone_gpu_buffer_destroy(gpu, &state->buffer);
    return status;
}

hone_status hone_store_ensure(struct hone_store *store, const char *name,
                              const struct hone_desc *desc) {
    const struct hone_state *old = hone_store_find(store, name);
    if (old) {
        char have[HONE_DESC_TEXT], want[HONE_DESC_TEXT];
        if (hone_desc_equal(&old->desc, desc)) return HONE_OK;
        return hone_fail(HONE_INVALID, "state '%s' is %s, not %s", name,
                         hone_desc_text(&old->desc, have), hone_desc_text(desc, want));
    }
    if (!hone_grow(&store->states, &store->capacity, store->count + 1, sizeof *store->states,
                   "states"))
        return HONE_OUT_OF_MEMORY;
    struct hone_state state = {.name = hone_strdup(name), .desc = *desc};
    if (!state.name) return HONE_OUT_OF_MEMORY;
    hone_status status = HONE_OK;
    if (store->dry) {
        status = HONE_OK;
    } else if (store->device->gpu) {
        status = state_create_buffer(store->device->gpu, &state);
    } else {
        state.values = hone_calloc((size_t)hone_desc_elements(desc), sizeof(double), name);
        if (!state.values) status = HONE_OUT_OF_MEMORY;
    }
    if (status != HONE_OK) {
        hone_free(state.name);
        return status;
    }
    store->states[store->count++] = state;
    store->bytes += hone_desc_bytes(desc);
    return HONE_OK;
}

// The state of this name, whose elements fill `bytes`.
static hone_status store_look_up(struct hone_store *store, const char *name, uint64_t bytes,
                                 struct hone_state **out) {
    *out = hone_store_find(store, name);
    if (!*out) return hone_fail(HONE_NOT_FOUND, "no state is named '%s'", name);
    uint64_t want =
        (uint64_t)hone_desc_elements(&(*out)->desc) * hone_dtype_bytes((*out)->desc.dtype);
    if (bytes != want)
        return hone_fail(HONE_INVALID, "state '%s' has %llu bytes, not %llu", name,
                         (unsigned long long)want, (unsigned long long)bytes);
    return HONE_OK;
}

hone_status hone_store_write(struct hone_store *store, const char *name, const void *data,
                             uint64_t bytes) {
    struct hone_state *state;
    HONE_TRY(store_look_up(store, name, bytes, &state));
    if (state->buffer) return hone_gpu_write(store->device->gpu, state->buffer, 0, data, bytes);
    hone_elements_load(state->desc.dtype, data, hone_desc_elements(&state->desc), state->values);
    return HONE_OK;
}

hone_status hone_store_read(struct hone_store *store, const char *name, void *data,
                            uint64_t bytes) {
    struct hone_state *state;
    HONE_TRY(store_look_up(store, name, bytes, &state));
    if (state->buffer) return hone_gpu_read(store->device->gpu, state->buffer, 0, data, bytes);
    hone_elements_save(state->desc.dtype, state->values, hone_desc_elements(&state->desc), data);
    return HONE_OK;
}

uint64_t hone_store_bytes(const struct hone_store *store) {
    return store->bytes;
}
