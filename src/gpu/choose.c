// choose.c: which device a request means. Pure; see hone_gpu_choose() in plan.h.
#include "gpu/plan.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool same_text(const char *a, const char *b) {
    for (; *a && *b; a++, b++)
        if (tolower((unsigned char)*a) != tolower((unsigned char)*b)) return false;
    return !*a && !*b;
}

static bool contains_text(const char *text, const char *part) {
    for (; *text; text++) {
        size_t i = 0;
        while (part[i] && tolower((unsigned char)text[i]) == tolower((unsigned char)part[i])) i++;
        if (!part[i]) return true;
    }
    return false;
}

// "0: NAME (cpu); 1: ..." as far as it fits.
static void list_devices(const struct hone_caps *caps, size_t count, char *text, size_t bytes) {
    size_t used = 0;
    text[0] = 0;
    for (size_t i = 0; i < count && used < bytes; i++) {
        int length = snprintf(text + used, bytes - used, "%s%zu: %s (%s)", i ? "; " : "", i,
                              caps[i].name, hone_gpu_kind_name(caps[i].kind));
        used += length > 0 ? (size_t)length : 0;
    }
}

// Devices that can only compile come last, then the order of enum hone_device_kind, then memory.
static bool better(const struct hone_caps *a, const struct hone_caps *b) {
    if (!a->heap_bytes != !b->heap_bytes) return a->heap_bytes != 0;
    if (a->kind != b->kind) return a->kind < b->kind;
    return a->heap_bytes > b->heap_bytes;
}

static hone_status choose_best(const struct hone_caps *caps, const struct hone_gpu_details *details,
                               size_t count, size_t *index) {
    bool found = false;
    for (size_t i = 0; i < count; i++) {
        if (!details[i].usable) continue;
        if (!found || better(&caps[i], &caps[*index])) *index = i;
        found = true;
    }
    if (found) return HONE_OK;
    if (!count)
        return hone_fail(HONE_NOT_FOUND,
                         "no Vulkan device on this machine; install a driver (Debian, "
                         "Ubuntu: libvulkan1 mesa-vulkan-drivers)");
    return hone_fail(HONE_UNSUPPORTED, "device 0, %s, can't be used: %s", caps[0].name,
                     details[0].reason);
}

// Index, UUID, or part of the name, in this order. `count` when nothing matches.
static size_t match(const struct hone_caps *caps, const struct hone_gpu_details *details,
                    size_t count, const char *request) {
    char *end;
    unsigned long number = strtoul(request, &end, 10);
    if (!*end && isdigit((unsigned char)*request) && number < count) return number;
    for (size_t i = 0; i < count; i++)
        if (same_text(details[i].uuid, request)) return i;
    // The first usable match, else the first match, which then explains itself.
    size_t found = count;
    for (size_t i = 0; i < count; i++)
        if (contains_text(caps[i].name, request) &&
            (found == count || (details[i].usable && !details[found].usable)))
            found = i;
    return found;
}

hone_status hone_gpu_choose(const struct hone_caps *caps, const struct hone_gpu_details *details,
                            size_t count, const char *request, size_t *index) {
    *index = 0;
    if (!count || !request || !*request) return choose_best(caps, details, count, index);
    size_t found = match(caps, details, count, request);
    if (found == count) {
        char list[600];
        list_devices(caps, count, list, sizeof list);
        return hone_fail(HONE_NOT_FOUND,
                         "no device matches '%s'; give an index, a part of the name or a UUID. "
                         "Devices: %s",
                         request, list);
    }
    if (!details[found].usable)
        return hone_fail(HONE_UNSUPPORTED, "device %zu, %s, can't be used: %s", found,
                         caps[found].name, details[found].reason);
    *index = found;
    return HONE_OK;
}
