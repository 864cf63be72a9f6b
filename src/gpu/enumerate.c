// enumerate.c: all devices of the machine with their plans, for listings and for choosing.
#include "gpu/internal.h"

#include "base/alloc.h"

#include <stdio.h>
#include <string.h>

static void describe(const struct hone_gpu_snapshot *snapshot, const struct hone_gpu_plan *plan,
                     struct hone_gpu_details *details) {
    uint32_t version = snapshot->api_version;
    snprintf(details->api_version, sizeof details->api_version, "%u.%u.%u",
             VK_API_VERSION_MAJOR(version), VK_API_VERSION_MINOR(version),
             VK_API_VERSION_PATCH(version));
    hone_gpu_uuid_text(snapshot->uuid, details->uuid);
    details->usable = plan->usable;
    memcpy(details->reason, plan->reason, sizeof details->reason);
    memcpy(details->notes, plan->notes, sizeof details->notes);
}

hone_status hone_gpu_survey(const VkPhysicalDevice *devices, size_t count, struct hone_caps *caps,
                            struct hone_gpu_details *details) {
    for (size_t i = 0; i < count; i++) {
        struct hone_gpu_snapshot snapshot;
        struct hone_gpu_plan plan;
        HONE_TRY(hone_gpu_snapshot_take(devices[i], &snapshot));
        hone_gpu_plan_device(&snapshot, &plan);
        caps[i] = plan.caps;
        describe(&snapshot, &plan, &details[i]);
    }
    return HONE_OK;
}

static hone_status enumerate_locked(struct hone_gpu_instance *instance, VkPhysicalDevice **devices,
                                    struct hone_caps **caps, struct hone_gpu_details **details,
                                    size_t *count) {
    size_t found;
    HONE_TRY(hone_gpu_instance_open(false, instance));
    HONE_TRY(hone_gpu_instance_devices(instance, devices, &found));
    *caps = hone_calloc(found, sizeof **caps, "the device list");
    *details = hone_calloc(found, sizeof **details, "the device list");
    if (!*caps || !*details) return HONE_OUT_OF_MEMORY;
    HONE_TRY(hone_gpu_survey(*devices, found, *caps, *details));
    size_t best;
    if (hone_gpu_choose(*caps, *details, found, NULL, &best) == HONE_OK)
        (*details)[best].best = true;
    *count = found;
    return HONE_OK;
}

hone_status hone_gpu_enumerate(struct hone_caps **caps, struct hone_gpu_details **details,
                               size_t *count) {
    *caps = NULL;
    *details = NULL;
    *count = 0;
    struct hone_gpu_instance instance = {0};
    VkPhysicalDevice *devices = NULL;
    pthread_mutex_lock(&hone_gpu_instance_lock);
    hone_status status = enumerate_locked(&instance, &devices, caps, details, count);
    hone_gpu_instance_close(&instance);
    pthread_mutex_unlock(&hone_gpu_instance_lock);
    hone_free(devices);
    if (status != HONE_OK) {
        hone_free(*caps);
        hone_free(*details);
        *caps = NULL;
        *details = NULL;
    }
    return status;
}
