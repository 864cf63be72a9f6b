// devices.c: hone devices: what hone can run on, and what it decided about each.
#include "cli/cli.h"

#include <hone/device.h>

#include <jansson.h>
#include <stdio.h>

struct devices_params {
    bool verbose, json;
};

static const hone_option devices_rows[] = {
    CLI_OPTION(struct devices_params, verbose, BOOL, "verbose",
               .help = "limits, features and decisions of each device (-v)"),
    CLI_OPTION(struct devices_params, json, BOOL, "json", .help = "one JSON array with everything"),
};
static const hone_option_table devices_table =
    HONE_OPTION_TABLE("Options", devices_rows, struct devices_params);

static void print_device(const struct hone_device_info *d, bool verbose) {
    printf("%zu%c %s (%s, %.1f GiB)%s%s\n", d->index, d->is_default ? '*' : ' ', d->name, d->kind,
           (double)d->memory_bytes / (1 << 30), d->usable ? "" : ": not usable: ", d->reason);
    if (!verbose) return;
    printf("     driver       %s, Vulkan %s\n", d->driver, d->api_version);
    printf("     uuid         %s, vendor %04x, device %04x\n", d->uuid, d->vendor_id, d->device_id);
    printf("     subgroups    %u (%u to %u)\n", d->subgroup_size, d->subgroup_min, d->subgroup_max);
    printf("     workgroup    %u invocations, %u KiB shared\n", d->workgroup_invocations,
           d->shared_bytes >> 10);
    printf("     memory       %s, allocations to %llu MiB, bindings to %llu MiB\n",
           d->unified_memory ? "unified" : "of its own",
           (unsigned long long)d->allocation_bytes >> 20,
           (unsigned long long)d->storage_range_bytes >> 20);
    printf("     features     %s\n", d->features);
    if (*d->matrices) printf("     matrices     %s\n", d->matrices);
    if (*d->notes) printf("     notes        %s\n", d->notes);
}

static json_t *device_json(const struct hone_device_info *d) {
    json_t *object = json_pack(
        "{s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:s, s:s, s:b}", "index",
        (json_int_t)d->index, "name", d->name, "kind", d->kind, "driver", d->driver, "api_version",
        d->api_version, "uuid", d->uuid, "features", d->features, "matrices", d->matrices, "usable",
        d->usable, "reason", d->reason, "notes", d->notes, "default", d->is_default);
    json_t *numbers = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:b}", "vendor_id",
        (json_int_t)d->vendor_id, "device_id", (json_int_t)d->device_id, "memory_bytes",
        (json_int_t)d->memory_bytes, "allocation_bytes", (json_int_t)d->allocation_bytes,
        "storage_range_bytes", (json_int_t)d->storage_range_bytes, "shared_bytes",
        (json_int_t)d->shared_bytes, "workgroup_invocations", (json_int_t)d->workgroup_invocations,
        "subgroup_size", (json_int_t)d->subgroup_size, "subgroup_min", (json_int_t)d->subgroup_min,
        "subgroup_max", (json_int_t)d->subgroup_max, "unified_memory", d->unified_memory,
        "timestamps", d->timestamps);
    json_object_update(object, numbers);
    json_decref(numbers);
    return object;
}

static int run_devices(const struct cli_command *command, int argc, char **argv) {
    struct devices_params params;
    struct cli_table tables[] = {{&devices_table, &params}};
    struct cli_args args = {.tables = tables, .table_count = 1};
    int code = cli_parse(command, argc, argv, &args);
    if (code != CLI_OK || args.help) return code;
    struct hone_device_list *list;
    hone_status status = hone_devices_list(&list);
    if (status != HONE_OK) return cli_fail(status);
    json_t *array = params.json ? json_array() : NULL;
    for (size_t i = 0; i < list->count; i++) {
        if (array)
            json_array_append_new(array, device_json(&list->devices[i]));
        else
            print_device(&list->devices[i], params.verbose);
    }
    if (array) {
        json_dumpf(array, stdout, JSON_INDENT(1));
        printf("\n");
        json_decref(array);
    }
    hone_devices_destroy(&list);
    return CLI_OK;
}

const struct cli_command cli_devices = {
    .name = "devices",
    .usage = "devices [-v] [--json]",
    .summary = "the Vulkan devices of this machine",
    .run = run_devices,
};
