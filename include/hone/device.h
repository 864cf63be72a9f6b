// device.h: the Vulkan devices of this machine, as `hone devices` shows them.
#ifndef HONE_DEVICE_H
#define HONE_DEVICE_H

#include <hone/base.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// One device. Text is never NULL and lives as long as the list.
struct hone_device_info {
    size_t index;       // what a `device` option takes, besides a part of the name and the UUID
    const char *name;   // as the driver gives it
    const char *kind;   // "discrete", "integrated", "virtual", "cpu", "other"
    const char *driver; // name and version
    const char *api_version; // of Vulkan, "1.3.230"
    const char *uuid;        // "6d657361-3232-2e33-2e36-000000000000"
    const char *features;    // what kernels may use, space between: "subgroup-basic f16 ..."
    const char *matrices;    // cooperative matrices: "16x16x16 f16, ..." m n k, type; "" without
    bool usable;
    const char *reason;             // why it is not usable, else ""
    const char *notes;              // what hone decided about it, "; " between; may be ""
    bool is_default;                // taken when no device is asked for
    uint32_t vendor_id, device_id;  // PCI ids
    uint64_t memory_bytes;          // what may be used of its memory now; a CPU's: of the machine's
    uint64_t allocation_bytes;      // largest single allocation
    uint64_t storage_range_bytes;   // largest buffer binding
    uint32_t shared_bytes;          // shared memory of a workgroup
    uint32_t workgroup_invocations; // largest workgroup
    uint32_t subgroup_size, subgroup_min, subgroup_max;
    bool unified_memory; // the host reaches device memory without a copy
    bool timestamps;     // times by segment can be measured
};

struct hone_device_list {
    const struct hone_device_info *devices;
    size_t count;
};

// Lists the devices in the driver's order. HONE_NOT_FOUND when there is no Vulkan loader, driver or
// device; the message names the packages to install. Loads drivers: may take some 100 ms. Any
// thread.
hone_status hone_devices_list(struct hone_device_list **out);
// NULL is fine; nulls it.
void hone_devices_destroy(struct hone_device_list **list);

#ifdef __cplusplus
}
#endif
#endif
