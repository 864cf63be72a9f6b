// tune.c: which nodes, in which order, and the race between the candidates of one.
#include "exec/tune.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/thread.h"
#include "exec/internal.h"
#include "exec/tuning_file.h"
#include "ir/passes.h"

enum { TUNE_RUNS = 5 };
static const double TUNE_HOPELESS = 2.5; // times the best: one run is enough
static const double TUNE_LOST = 8;       // the same of the run that warms up
static const double TUNE_MARGIN = 0.97;  // a change must be worth three in a hundred
static const double TUNE_BALANCE = 20; // operations that cost as much as a byte, for the order only

static const char TUNE_LEFT[] = "-"; // no kernel's name: the order of the table decides

// One kind of node: the same operator, types, shapes and attributes, wherever it stands.
struct tune_node {
    const struct hone_node *node;
    double cost; // of all of them
    char dtypes[HONE_TUNING_DTYPES], shapes[HONE_TUNING_SHAPES];
};

struct tuner {
    struct hone_device *device;
    const struct hone_tune_params *params;
    struct hone_graph *graph; // after the passes
    struct tune_node *nodes;
    size_t count;
    double start; // hone_seconds()
    struct hone_tune_result *result;
};

static int compare_cost(const void *a, const void *b) {
    double x = ((const struct tune_node *)a)->cost, y = ((const struct tune_node *)b)->cost;
    return (x < y) - (x > y);
}

static int compare_ms(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// More than one way to run it, and not one that changes states of others when it runs alone.
static bool has_choice(const struct tuner *t, const struct hone_node *node,
                       const struct hone_infer_args *args) {
    struct hone_row_args row = {.node = args, .caps = &t->device->caps};
    struct hone_choice choice = {0};
    struct hone_alias alias;
    if (node->op->flags & (HONE_OP_VIEW | HONE_OP_PACK)) return false;
    for (int k = 0; node->op->alias && node->op->alias(args, k, &alias); k++)
        if (alias.kind == HONE_ALIAS_UPDATE) return false;
    bool one = hone_choice_next(node->op, &row, NULL, &choice);
    return one && hone_choice_next(node->op, &row, NULL, &choice); // goes on behind the first
}

static hone_status collect_node(struct tuner *t, const struct hone_node *node) {
    struct hone_node_descs descs;
    struct tune_node *entry = &t->nodes[t->count];
    HONE_TRY(hone_node_descs_init(&descs, t->graph, node));
    if (has_choice(t, node, &descs.args) &&
        hone_tuning_key(node->op, &descs.args, entry->dtypes, entry->shapes)) {
        struct hone_cost cost =
            node->op->cost ? node->op->cost(&descs.args) : (struct hone_cost){0};
        size_t same = 0;
        while (same < t->count && (t->nodes[same].node->op != node->op ||
                                   strcmp(t->nodes[same].shapes, entry->shapes) != 0 ||
                                   strcmp(t->nodes[same].dtypes, entry->dtypes) != 0))
            same++;
        if (same == t->count) {
            entry->node = node;
            entry->cost = 0;
            t->count++;
        }
        t->nodes[same].cost += cost.flops + TUNE_BALANCE * cost.bytes;
    }
    hone_node_descs_deinit(&descs);
    return HONE_OK;
}

// A graph of this node alone; its inputs are states, all zero.
static hone_status copy_node(const struct tuner *t, const struct hone_node *node,
                             struct hone_graph **out) {
    struct hone_graph *graph;
    hone_value few[HONE_NODE_FEW], outputs[HONE_OP_MAX_OUTPUTS];
    HONE_TRY(hone_graph_create(&graph));
    for (int i = 0; i < node->input_count && i < HONE_NODE_FEW; i++) {
        char name[16];
        snprintf(name, sizeof name, "in%d", i);
        few[i] = node->inputs[i] == HONE_NO_VALUE
                     ? HONE_NO_VALUE
                     : hone_graph_state(graph, name, *hone_graph_desc(t->graph, node->inputs[i]));
    }
    if (node->input_count <= HONE_NODE_FEW)
        hone_graph_node(graph, node->op, node->name, node->attrs, few, node->input_count, outputs);
    if (graph->status == HONE_OK && graph->node_count)
        hone_graph_mark_output(graph, outputs[0], "result");
    hone_status status = hone_graph_status(graph);
    if (status != HONE_OK) hone_graph_destroy(&graph);
    *out = graph;
    return status;
}

static hone_status run_once(struct hone_program *program, double *ms) {
    struct hone_program_node node;
    double start = hone_seconds();
    HONE_TRY(hone_program_run(program));
    HONE_TRY(hone_program_wait(program));
    *ms = (hone_seconds() - start) * 1e3;
    HONE_TRY(hone_program_node(program, 0, &node));
    if (node.ms > 0) *ms = node.ms;
    return HONE_OK;
}

// The candidate's median, or after one run what that took when it cannot win. 0: not to be used.
static hone_status time_candidate(struct tuner *t, struct hone_store *store,
                                  const struct hone_graph *graph, const struct tune_node *node,
                                  const struct hone_choice *choice, double best_ms, double *ms) {
    struct hone_tuning *forced;
    struct hone_program *program = NULL;
    double all[TUNE_RUNS];
    *ms = 0;
    struct hone_tuning_record record = {.device = t->device->key,
                                        .op = node->node->op->name,
                                        .dtypes = node->dtypes,
                                        .shapes = node->shapes,
                                        .row = choice->row->name,
                                        .tile = choice->tile ? choice->tile_name : "-"};
    HONE_TRY(hone_tuning_create(&forced));
    hone_status status = hone_tuning_add(forced, &record);
    struct hone_compile_params compile = {
        .passes_off = HONE_PASS_ALL, .profile = true, .tuning = forced};
    if (status == HONE_OK) status = hone_program_compile(store, graph, &compile, &program);
    if (status == HONE_OK && choice->tile && hone_program_spills(program) > 0) {
        hone_program_destroy(&program);
        hone_tuning_destroy(&forced);
        return HONE_OK;
    }
    if (status == HONE_OK) status = run_once(program, ms); // to warm up
    bool lost = best_ms > 0 && *ms > TUNE_LOST * best_ms;
    if (status == HONE_OK && !lost) status = run_once(program, ms);
    if (status == HONE_OK && (best_ms == 0 || *ms < TUNE_HOPELESS * best_ms)) {
        all[0] = *ms;
        for (int i = 1; i < TUNE_RUNS && status == HONE_OK; i++)
            status = run_once(program, &all[i]);
        qsort(all, TUNE_RUNS, sizeof *all, compare_ms);
        *ms = all[TUNE_RUNS / 2];
    }
    t->result->candidates++;
    hone_program_destroy(&program);
    hone_tuning_destroy(&forced);
    return status;
}

static bool is_late(const struct tuner *t) {
    return t->params->budget_s > 0 && hone_seconds() - t->start > t->params->budget_s;
}

// A candidate that does not run is none: it is told, and the others race on.
static hone_status tolerate(hone_status status, const char *op, const struct hone_choice *choice) {
    if (status == HONE_OK || status == HONE_DEVICE_LOST || status == HONE_OUT_OF_MEMORY)
        return status;
    hone_log(HONE_LOG_WARNING, "tuning passes over %s/%s %s: %s", op, choice->row->name,
             choice->tile_name, hone_error_message());
    return HONE_OK;
}

static hone_status race(struct tuner *t, const struct tune_node *node,
                        const struct hone_infer_args *args, struct hone_store *store,
                        const struct hone_graph *graph, struct hone_choice *best, double *best_ms) {
    struct hone_row_args row = {.node = args, .caps = &t->device->caps};
    struct hone_choice choice = {0};
    const char *skips[HONE_SKIPS + 1];
    double first_ms = 0;
    struct hone_choice first = {0};
    const struct hone_op_row *hopeless =
        NULL; // so slow in its own way that the others are not tried
    hone_device_skips(t->device, node->node->op, t->params->skip_rows, skips);
    while (hone_choice_next(node->node->op, &row, skips, &choice)) {
        double ms;
        if (choice.row == hopeless) continue;
        if (best->row && is_late(t)) break; // the fastest of those that had their turn
        // On a CPU driver shared memory is plain memory: how to cut for it is not worth a compile.
        if (choice.tile && (row.caps->features & ~choice.row->needs & HONE_FEATURE_CPU)) continue;
        HONE_TRY(tolerate(time_candidate(t, store, graph, node, &choice, *best_ms, &ms),
                          node->node->op->name, &choice));
        if (ms <= 0) continue;
        if (best->row && ms > TUNE_HOPELESS * *best_ms)
            hopeless = choice.tile ? hopeless : choice.row;
        if (!first.row) {
            first = choice;
            first_ms = ms;
        }
        if (!best->row || ms < *best_ms) {
            *best = choice;
            *best_ms = ms;
        }
    }
    if (first.row && *best_ms > TUNE_MARGIN * first_ms) {
        *best = first;
        *best_ms = first_ms;
    }
    t->result->changed += best->row && (best->row != first.row || best->tile != first.tile);
    return HONE_OK;
}

static hone_status tune_node(struct tuner *t, const struct tune_node *node,
                             struct hone_tuning *records) {
    struct hone_graph *graph;
    struct hone_store *store = NULL;
    struct hone_node_descs descs;
    struct hone_choice best = {0};
    double ms = 0;
    HONE_TRY(hone_node_descs_init(&descs, t->graph, node->node));
    hone_status status = copy_node(t, node->node, &graph);
    if (status == HONE_OK) status = hone_store_create(t->device, &store);
    if (status == HONE_OK) status = race(t, node, &descs.args, store, graph, &best, &ms);
    hone_store_destroy(&store);
    hone_graph_destroy(&graph);
    hone_node_descs_deinit(&descs);
    if (status != HONE_OK || !best.row) return status;
    t->result->measured++;
    struct hone_tuning_record record = {.device = t->device->key,
                                        .op = node->node->op->name,
                                        .dtypes = node->dtypes,
                                        .shapes = node->shapes,
                                        .row = best.row->name,
                                        .tile = best.tile ? best.tile_name : "-",
                                        .us = ms * 1e3};
    return hone_tuning_add(records, &record);
}

// One that was left to the table for want of time counts as known where time is short again.
static bool is_known(const struct tuner *t, const struct tune_node *node) {
    const struct hone_tuning_record *record =
        t->device->tuning ? hone_tuning_find(t->device->tuning, t->device->key,
                                             node->node->op->name, node->dtypes, node->shapes)
                          : NULL;
    return record && (t->params->budget_s > 0 || strcmp(record->row, TUNE_LEFT) != 0);
}

static hone_status leave_to_table(struct tuner *t, const struct tune_node *node,
                                  struct hone_tuning *records) {
    return hone_tuning_add(records, &(struct hone_tuning_record){.device = t->device->key,
                                                                 .op = node->node->op->name,
                                                                 .dtypes = node->dtypes,
                                                                 .shapes = node->shapes,
                                                                 .row = TUNE_LEFT,
                                                                 .tile = "-"});
}

static hone_status tune_all(struct tuner *t, struct hone_tuning *records) {
    const struct hone_tune_params *p = t->params;
    hone_status status = HONE_OK;
    t->start = hone_seconds();
    for (size_t n = 0; n < t->graph->node_count; n++)
        HONE_TRY(collect_node(t, &t->graph->nodes[n]));
    qsort(t->nodes, t->count, sizeof *t->nodes, compare_cost);
    t->result->nodes = t->count;
    for (size_t i = 0; i < t->count && status == HONE_OK; i++) {
        if (is_known(t, &t->nodes[i])) {
            t->result->known++;
            if (!p->again) continue;
        }
        if (is_late(t)) {
            status = leave_to_table(t, &t->nodes[i], records);
            continue;
        }
        if (p->progress && p->progress(p->user, i, t->count, t->nodes[i].node->name))
            status = hone_fail(HONE_CANCELLED, "tuning was stopped");
        if (status == HONE_OK)
            status = hone_fail_context(tune_node(t, &t->nodes[i], records), "tuning '%s' (%s)",
                                       t->nodes[i].node->name, t->nodes[i].node->op->name);
    }
    t->result->seconds = hone_seconds() - t->start;
    return status;
}

hone_status hone_tune_graph(struct hone_device *device, const struct hone_graph *graph,
                            const struct hone_tune_params *params, struct hone_tuning *records,
                            struct hone_tune_result *out) {
    static const struct hone_tune_params defaults = {0};
    struct tuner t = {.device = device, .params = params ? params : &defaults, .result = out};
    *out = (struct hone_tune_result){0};
    if (!device->gpu) return HONE_OK;
    HONE_TRY(hone_compile_rewrite(graph, t.params->compute, t.params->passes_off, &t.graph));
    t.nodes = hone_calloc(t.graph->node_count + 1, sizeof *t.nodes, "a list of nodes to tune");
    hone_status status = t.nodes ? tune_all(&t, records) : HONE_OUT_OF_MEMORY;
    hone_free(t.nodes);
    hone_graph_destroy(&t.graph);
    return status;
}

hone_status hone_tune_and_keep(struct hone_device *device, const struct hone_graph *graph,
                               const struct hone_tune_params *params, const char *path,
                               struct hone_tune_result *out) {
    struct hone_tuning *records;
    *out = (struct hone_tune_result){0};
    HONE_TRY(hone_tuning_create(&records));
    hone_status status = HONE_OK, kept = HONE_OK;
    if (!device->tuning) status = hone_tuning_create(&device->tuning);
    if (status == HONE_OK) status = hone_tune_graph(device, graph, params, records, out);
    // What was measured before a failure holds.
    for (size_t i = 0; i < hone_tuning_count(records) && device->tuning && kept == HONE_OK; i++)
        kept = hone_tuning_add(device->tuning, hone_tuning_get(records, i));
    if (kept == HONE_OK && hone_tuning_count(records) && status != HONE_DEVICE_LOST)
        kept = hone_tuning_save(path, records);
    hone_tuning_destroy(&records);
    return status != HONE_OK ? status : kept;
}
