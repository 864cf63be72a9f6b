// passes.c: the passes by name, and the order in which they run.
#include "ir/passes.h"

#include <string.h>

#include "ir/fuse.h"

static const struct {
    const char *name;
    unsigned passes;
} pass_names[] = {
    {"dce", HONE_PASS_DCE},
    {"fuse", HONE_PASS_FUSE},
    {"conv_epilogue", HONE_PASS_CONV_EPILOGUE},
    {"norm_act", HONE_PASS_NORM_ACT},
    {"norm_bwd", HONE_PASS_NORM_BWD},
    {"conv_residual", HONE_PASS_CONV_RESIDUAL},
    {"grad_sum", HONE_PASS_GRAD_SUM},
    {"conv_stats", HONE_PASS_CONV_STATS},
    {"remat", HONE_PASS_REMAT},
    {"cast", HONE_PASS_CAST},
};

unsigned hone_pass_find(const char *name) {
    for (size_t i = 0; i < sizeof pass_names / sizeof *pass_names; i++)
        if (strcmp(pass_names[i].name, name) == 0) return pass_names[i].passes;
    return 0;
}

const char *hone_pass_name(size_t index) {
    return index < sizeof pass_names / sizeof *pass_names ? pass_names[index].name : NULL;
}

void hone_graph_copy_leaves(struct hone_graph *target, const struct hone_graph *source,
                            hone_value *map) {
    for (size_t v = 0; v < source->value_count; v++) {
        const struct hone_value_info *info = &source->values[v];
        map[v] = HONE_NO_VALUE;
        if (info->kind == HONE_VALUE_INPUT)
            map[v] = hone_graph_input(target, info->name, info->desc);
        if (info->kind == HONE_VALUE_STATE)
            map[v] = hone_graph_state(target, info->name, info->desc);
    }
}

void hone_graph_copy_marks(struct hone_graph *target, const struct hone_graph *source,
                           const hone_value *map) {
    for (size_t v = 0; v < source->value_count && target->status == HONE_OK; v++) {
        const struct hone_value_info *info = &source->values[v];
        if (info->is_output) hone_graph_mark_output(target, map[v], info->name);
        if (info->next != HONE_NO_VALUE) hone_graph_set_next(target, map[v], map[info->next]);
    }
}

hone_status hone_graph_run_passes(const struct hone_graph *graph, unsigned passes,
                                  struct hone_graph **out) {
    *out = NULL;
    HONE_TRY(hone_graph_status(graph));
    struct hone_rewrite rewrite;
    HONE_TRY(hone_rewrite_init(&rewrite, graph));
    if (passes & HONE_PASS_DCE) hone_rewrite_drop_dead(&rewrite);
    hone_status status = hone_fuse(&rewrite, passes);
    if (passes & HONE_PASS_DCE) hone_rewrite_drop_dead(&rewrite);
    if (status == HONE_OK) status = hone_rewrite_emit(&rewrite, out);
    hone_rewrite_deinit(&rewrite);
    if (status != HONE_OK || !(passes & HONE_PASS_REMAT)) return status;
    struct hone_graph *kept = *out;
    status = hone_graph_remat(kept, out);
    hone_graph_destroy(&kept);
    return status;
}
