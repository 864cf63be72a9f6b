// trust.c: compile, look at the rows that were chosen, check those that nobody knows on the cases
// most like their nodes, and compile again where one is wrong. In the usual case there is one
// compilation, and no check. What is known is known of a row and a case: a net with another
// activation asks anew.
#include "check/trust.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/thread.h"
#include "check/certificate.h"
#include "check/rows.h"
#include "exec/trust.h"

// The rows of a program that are not known yet.
struct unknown {
    struct hone_check_row *rows;
    size_t count, capacity;
};

static bool switched_off(void) {
    const char *text = getenv("HONE_CHECK");
    return text && strcmp(text, "off") == 0;
}

static void warn(const char *name, const char *why) {
    hone_log(HONE_LOG_WARNING,
             "kernel %s is wrong on this device and driver and is not used; the next one takes its "
             "place (%s)",
             name, why);
}

// One wrong case or tile condemns its row.
static hone_status enter(struct hone_device *device, const char *name, const char *why) {
    char row[HONE_CHECK_NAME];
    if (!why) return hone_device_set_trust(device, name, HONE_ROW_GOOD);
    size_t length = strcspn(name, ": ");
    if (length >= sizeof row) return HONE_OK;
    memcpy(row, name, length);
    row[length] = '\0';
    if (hone_device_trust(device, row) != HONE_ROW_WRONG) warn(row, why);
    HONE_TRY(hone_device_set_trust(device, name, HONE_ROW_WRONG));
    return hone_device_set_trust(device, row, HONE_ROW_WRONG);
}

// What the certificate says, once a device.
static hone_status recall(struct hone_device *device, const char *path) {
    static const char loaded[] = "the certificate";
    struct hone_certificate certificate = {0};
    if (!path || hone_device_trust(device, loaded) != HONE_ROW_UNKNOWN) return HONE_OK;
    hone_status status = hone_certificate_load(path, hone_device_caps(device), &certificate);
    for (size_t i = 0; i < certificate.count && status == HONE_OK; i++)
        status = enter(device, certificate.rows[i].name, certificate.rows[i].why);
    hone_certificate_deinit(&certificate);
    return status == HONE_OK ? hone_device_set_trust(device, loaded, HONE_ROW_GOOD) : status;
}

static int by_op(const void *left, const void *right) {
    const struct hone_check_row *a = left, *b = right;
    int order = strcmp(a->op->name, b->op->name);
    if (!order) order = strcmp(a->row->name, b->row->name);
    if (!order) order = a->only - b->only;
    return order ? order : strcmp(a->tile, b->tile);
}

static const struct hone_op_row *find_row(const struct hone_op *op, const char *name) {
    for (int i = 0; i < op->row_count; i++)
        if (strcmp(op->rows[i].name, name) == 0) return &op->rows[i];
    return NULL;
}

static hone_status collect_node(const struct hone_device *device,
                                const struct hone_program_node *node,
                                const struct hone_infer_args *args, struct unknown *unknown) {
    char name[HONE_CHECK_NAME];
    struct hone_check_row row = {.op = hone_op_find(node->op)};
    row.row = row.op ? find_row(row.op, node->row) : NULL;
    if (!row.row) return HONE_OK; // a view, or nothing to run
    for (size_t i = 0; node->tuned && node->tile[i] && i + 1 < sizeof row.tile; i++)
        row.tile[i] = node->tile[i];
    row.only = hone_check_nearest(hone_device_caps(device), row.op, row.row, args);
    if (row.only < 0 ||
        hone_device_trust(device, hone_check_row_name(&row, name)) != HONE_ROW_UNKNOWN)
        return HONE_OK;
    for (size_t i = 0; i < unknown->count; i++)
        if (by_op(&unknown->rows[i], &row) == 0) return HONE_OK;
    if (!hone_grow(&unknown->rows, &unknown->capacity, unknown->count + 1, sizeof row,
                   "a list of kernels"))
        return HONE_OUT_OF_MEMORY;
    unknown->rows[unknown->count++] = row;
    return HONE_OK;
}

static hone_status collect(const struct hone_device *device, struct hone_program *program,
                           struct unknown *unknown) {
    const struct hone_graph *graph = hone_program_graph(program);
    for (int i = 0; i < hone_program_node_count(program); i++) {
        struct hone_program_node node;
        struct hone_node_descs descs;
        HONE_TRY(hone_program_node(program, i, &node));
        HONE_TRY(hone_node_descs_init(&descs, graph, &graph->nodes[i]));
        hone_status status = collect_node(device, &node, &descs.args, unknown);
        hone_node_descs_deinit(&descs);
        HONE_TRY(status);
    }
    if (unknown->count) qsort(unknown->rows, unknown->count, sizeof *unknown->rows, by_op);
    return HONE_OK;
}

// Enters what was found and writes it down. *wrong: at least one row.
static hone_status conclude(struct hone_device *device, const char *path,
                            const struct unknown *unknown, bool *wrong) {
    struct hone_certificate certificate = {0};
    hone_status status = HONE_OK;
    for (size_t i = 0; i < unknown->count && status == HONE_OK; i++) {
        const struct hone_check_row *row = &unknown->rows[i];
        char name[HONE_CHECK_NAME];
        if (!row->runs && !row->wrong) continue; // nothing was tried
        status = enter(device, hone_check_row_name(row, name), row->wrong ? row->why : NULL);
        if (status == HONE_OK)
            status =
                hone_certificate_put(&certificate, name, row->runs, row->wrong ? row->why : NULL);
        *wrong |= row->wrong > 0;
    }
    // A cache that cannot be written costs this check at the next start, no more.
    if (status == HONE_OK && path &&
        hone_certificate_save(path, hone_device_caps(device), &certificate) != HONE_OK)
        hone_log(HONE_LOG_INFO, "%s; kernels will be checked again", hone_error_message());
    hone_certificate_deinit(&certificate);
    return status;
}

static hone_status check(struct hone_device *device, const char *path, struct unknown *unknown,
                         bool *wrong) {
    struct hone_check_pool pool = {.gpu = hone_device_gpu(device),
                                   .caps = hone_device_caps(device)};
    double start = hone_seconds();
    struct hone_error_record failure;
    hone_status status =
        hone_check_rows(&pool, HONE_CHECK_SHORT, unknown->rows, unknown->count, NULL);
    hone_error_save(status, &failure);
    hone_check_pool_deinit(&pool);
    HONE_TRY(conclude(device, path, unknown, wrong));
    hone_log(HONE_LOG_INFO, "checked %zu kernels against the reference in %.2f s", unknown->count,
             hone_seconds() - start);
    return status == HONE_OK ? HONE_OK
                             : hone_fail_context(hone_error_restore(&failure), "checking kernels");
}

static hone_status compile(struct hone_store *store, const struct hone_graph *graph,
                           const struct hone_compile_params *params, const char *path,
                           struct hone_program **out) {
    struct hone_device *device = hone_store_device(store);
    for (;;) {
        struct unknown unknown = {0};
        bool wrong = false;
        HONE_TRY(hone_program_compile(store, graph, params, out));
        hone_status status = collect(device, *out, &unknown);
        if (status == HONE_OK && unknown.count) status = check(device, path, &unknown, &wrong);
        hone_free(unknown.rows);
        if (status == HONE_OK && !wrong) return HONE_OK;
        hone_program_destroy(out);
        HONE_TRY(status);
    }
}

hone_status hone_trust_compile(struct hone_store *store, const struct hone_graph *graph,
                               const struct hone_compile_params *params,
                               struct hone_program **out) {
    struct hone_device *device = hone_store_device(store);
    const struct hone_caps *caps = hone_device_caps(device);
    char *path;
    // A driver without its hardware reports no memory: it computes nothing.
    if (!hone_device_gpu(device) || !caps->heap_bytes || switched_off())
        return hone_program_compile(store, graph, params, out);
    *out = NULL;
    HONE_TRY(hone_certificate_path(hone_device_cache_dir(device), caps, &path));
    hone_status status = recall(device, path);
    if (status == HONE_OK) status = compile(store, graph, params, path, out);
    hone_free(path);
    return status;
}
