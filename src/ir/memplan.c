// memplan.c: aliases first (which values share a storage), then lifetimes, then offsets.
#include "ir/memplan.h"

#include <stdlib.h>
#include <string.h>

#define NO_STORAGE UINT32_MAX

struct planner {
    const struct hone_graph *graph;
    const struct hone_plan_params *params;
    struct hone_plan *plan;
    uint32_t
        *last_use; // per value: last node that reads it, node_count when the host or a state does
};

static struct hone_storage *storage_of(struct planner *p, hone_value value) {
    return &p->plan->storages[p->plan->places[value].storage];
}

static uint64_t value_bytes(const struct planner *p, hone_value value) {
    return hone_desc_bytes(&p->graph->values[value].desc);
}

static hone_status storage_add(struct planner *p, struct hone_storage storage, uint32_t *index) {
    struct hone_plan *plan = p->plan;
    if (!hone_grow(&plan->storages, &plan->storage_capacity, plan->storage_count + 1,
                   sizeof *plan->storages, "a memory plan"))
        return HONE_OUT_OF_MEMORY;
    *index = (uint32_t)plan->storage_count;
    plan->storages[plan->storage_count++] = storage;
    return HONE_OK;
}

static hone_status copy_add(struct planner *p, struct hone_plan_copy copy) {
    struct hone_plan *plan = p->plan;
    if (!hone_grow(&plan->copies, &plan->copy_capacity, plan->copy_count + 1, sizeof *plan->copies,
                   "a memory plan"))
        return HONE_OUT_OF_MEMORY;
    plan->copies[plan->copy_count++] = copy;
    return HONE_OK;
}

static void plan_last_uses(struct planner *p) {
    const struct hone_graph *g = p->graph;
    for (size_t n = 0; n < g->node_count; n++) {
        const struct hone_node *node = &g->nodes[n];
        for (int i = 0; i < node->op->outputs; i++) p->last_use[node->outputs[i]] = (uint32_t)n;
        for (int i = 0; i < node->input_count; i++)
            if (node->inputs[i] != HONE_NO_VALUE) p->last_use[node->inputs[i]] = (uint32_t)n;
    }
    for (size_t v = 0; v < g->value_count; v++) {
        if (g->values[v].is_output) p->last_use[v] = (uint32_t)g->node_count;
        if (g->values[v].next != HONE_NO_VALUE)
            p->last_use[g->values[v].next] = (uint32_t)g->node_count;
    }
}

// The value joins a storage that exists.
static void place_in(struct planner *p, hone_value value, uint32_t storage, uint64_t offset) {
    p->plan->places[value] = (struct hone_place){storage, offset};
    struct hone_storage *s = &p->plan->storages[storage];
    const struct hone_value_info *info = &p->graph->values[value];
    uint32_t born = info->kind == HONE_VALUE_NODE ? info->node : 0;
    if (born < s->first) s->first = born;
    if (p->last_use[value] > s->last) s->last = p->last_use[value];
}

static hone_status place_new(struct planner *p, hone_value value) {
    const struct hone_value_info *info = &p->graph->values[value];
    bool state = info->kind == HONE_VALUE_STATE;
    uint32_t storage;
    HONE_TRY(storage_add(p,
                         (struct hone_storage){
                             .kind = state ? HONE_STORAGE_STATE : HONE_STORAGE_POOL,
                             .state = state ? value : HONE_NO_VALUE,
                             .bytes = hone_desc_bytes(&info->desc),
                             .first = UINT32_MAX,
                             // The host may write an input once for many runs.
                             .exclusive = info->kind == HONE_VALUE_INPUT,
                         },
                         &storage));
    place_in(p, value, storage, 0);
    return HONE_OK;
}

// Does node n also read the bytes of `input` through a smaller window, or (alone) at all? It would
// read there what it has written already.
static bool reads_again(const struct planner *p, size_t n, int which, bool alone) {
    const struct hone_node *node = &p->graph->nodes[n];
    hone_value input = node->inputs[which];
    uint32_t storage = p->plan->places[input].storage;
    for (int i = 0; i < node->input_count; i++) {
        hone_value other = node->inputs[i];
        if (other != HONE_NO_VALUE && i != which && p->plan->places[other].storage == storage &&
            (alone || value_bytes(p, other) != value_bytes(p, input)))
            return true;
    }
    return false;
}

// May `output` overwrite `input` at node n: nobody reads the storage's content later, and both
// cover it all?
static bool may_overwrite(struct planner *p, size_t n, const struct hone_alias *alias) {
    const struct hone_node *node = &p->graph->nodes[n];
    hone_value input = node->inputs[alias->input], output = node->outputs[alias->output];
    bool update = alias->kind == HONE_ALIAS_UPDATE;
    const struct hone_graph *g = p->graph;
    const struct hone_value_info *in = &g->values[input];
    const struct hone_storage *s = storage_of(p, input);
    if (hone_desc_bytes(&in->desc) != hone_desc_bytes(&g->values[output].desc) ||
        s->bytes != hone_desc_bytes(&in->desc))
        return false;
    if (update ? in->kind != HONE_VALUE_STATE || in->next != output
               : s->kind != HONE_STORAGE_POOL || s->exclusive)
        return false;
    // Later readers of any value in this storage would see the new content. The state itself counts
    // as read at the end only through its next value, which is this one.
    if (in->is_output) return false;
    return s->last <= n && !reads_again(p, n, alias->input, alias->alone);
}

// A pack's slab is laid out when its first input is defined: places every input that is free to
// move.
static hone_status plan_pack(struct planner *p, size_t n) {
    const struct hone_graph *g = p->graph;
    const struct hone_node *node = &g->nodes[n];
    hone_value slab = node->outputs[0];
    HONE_TRY(place_new(p, slab));
    uint32_t storage = p->plan->places[slab].storage;
    p->plan->storages[storage].exclusive = true;
    struct hone_node_descs descs;
    HONE_TRY(hone_node_descs_init(&descs, g, node));
    struct hone_alias alias;
    for (int k = 0; node->op->alias && node->op->alias(&descs.args, k, &alias); k++) {
        hone_value input = node->inputs[alias.input];
        const struct hone_value_info *info = &g->values[input];
        if (info->kind == HONE_VALUE_NODE && !info->is_output &&
            p->plan->places[input].storage == NO_STORAGE &&
            !(g->nodes[info->node].op->flags & HONE_OP_VIEW))
            place_in(p, input, storage, alias.offset_bytes);
    }
    hone_node_descs_deinit(&descs);
    return HONE_OK;
}

// Inputs of a pack that stand elsewhere are copied when the pack node comes.
static hone_status plan_pack_copies(struct planner *p, size_t n) {
    const struct hone_node *node = &p->graph->nodes[n];
    struct hone_node_descs descs;
    HONE_TRY(hone_node_descs_init(&descs, p->graph, node));
    hone_status status = HONE_OK;
    struct hone_alias alias;
    for (int k = 0; status == HONE_OK && node->op->alias(&descs.args, k, &alias); k++) {
        const struct hone_place *from = &p->plan->places[node->inputs[alias.input]];
        const struct hone_place *slab = &p->plan->places[node->outputs[0]];
        if (from->storage == slab->storage && from->offset == slab->offset + alias.offset_bytes)
            continue;
        status = copy_add(
            p, (struct hone_plan_copy){.node = (uint32_t)n,
                                       .from = node->inputs[alias.input],
                                       .to = node->outputs[0],
                                       .to_offset = alias.offset_bytes,
                                       .bytes = value_bytes(p, node->inputs[alias.input])});
    }
    hone_node_descs_deinit(&descs);
    return status;
}

// A view lies in its source, unless the host reads it and the source is a state that changes at the
// end.
static hone_status plan_view(struct planner *p, size_t n, hone_value input, hone_value output,
                             uint64_t offset) {
    const struct hone_place in = p->plan->places[input];
    const struct hone_storage *s = &p->plan->storages[in.storage];
    bool changes =
        s->kind == HONE_STORAGE_STATE && p->graph->values[s->state].next != HONE_NO_VALUE;
    if (!changes || !p->graph->values[output].is_output) {
        place_in(p, output, in.storage, in.offset + offset);
        return HONE_OK;
    }
    HONE_TRY(place_new(p, output));
    return copy_add(p, (struct hone_plan_copy){.node = (uint32_t)n,
                                               .from = input,
                                               .to = output,
                                               .from_offset = offset,
                                               .bytes = value_bytes(p, output)});
}

// Places the outputs of node n: by an alias where one holds, in a storage of their own otherwise.
static hone_status plan_node(struct planner *p, size_t n) {
    const struct hone_graph *g = p->graph;
    const struct hone_node *node = &g->nodes[n];
    if (node->op->flags & HONE_OP_PACK) return plan_pack_copies(p, n);
    struct hone_node_descs descs;
    HONE_TRY(hone_node_descs_init(&descs, g, node));
    struct hone_alias alias;
    hone_status status = HONE_OK;
    for (int k = 0; node->op->alias && node->op->alias(&descs.args, k, &alias); k++) {
        hone_value input = node->inputs[alias.input], output = node->outputs[alias.output];
        if (p->plan->places[output].storage != NO_STORAGE) continue; // lies in a slab already
        const struct hone_place *in = &p->plan->places[input];
        if (alias.kind == HONE_ALIAS_VIEW) {
            status = plan_view(p, n, input, output, alias.offset_bytes);
            if (status != HONE_OK) break;
        } else if (!p->params->no_sharing || alias.kind == HONE_ALIAS_UPDATE) {
            if (may_overwrite(p, n, &alias)) place_in(p, output, in->storage, in->offset);
        }
    }
    hone_node_descs_deinit(&descs);
    HONE_TRY(status);
    for (int i = 0; i < node->op->outputs; i++)
        if (p->plan->places[node->outputs[i]].storage == NO_STORAGE)
            HONE_TRY(place_new(p, node->outputs[i]));
    return HONE_OK;
}

// A view keeps its source alive: push uses of views down to what they lie in, users first.
static void plan_views_extend(struct planner *p) {
    const struct hone_graph *g = p->graph;
    for (size_t n = g->node_count; n-- > 0;) {
        const struct hone_node *node = &g->nodes[n];
        if (!(node->op->flags & HONE_OP_VIEW)) continue;
        for (int i = 0; i < node->op->outputs; i++)
            if (p->last_use[node->outputs[i]] > p->last_use[node->inputs[0]])
                p->last_use[node->inputs[0]] = p->last_use[node->outputs[i]];
    }
}

static hone_status plan_storages(struct planner *p) {
    const struct hone_graph *g = p->graph;
    for (size_t v = 0; v < g->value_count; v++) p->plan->places[v].storage = NO_STORAGE;
    for (size_t v = 0; v < g->value_count; v++)
        if (g->values[v].kind != HONE_VALUE_NODE) HONE_TRY(place_new(p, (hone_value)v));
    for (size_t n = 0; n < g->node_count; n++)
        if (g->nodes[n].op->flags & HONE_OP_PACK) HONE_TRY(plan_pack(p, n));
    for (size_t n = 0; n < g->node_count; n++) HONE_TRY(plan_node(p, n));
    for (size_t n = 0; n < g->node_count; n++)
        for (int k = 0; k < HONE_PLAN_SCRATCH; k++) {
            struct hone_place *place = &p->plan->scratch[n * HONE_PLAN_SCRATCH + k];
            uint64_t bytes =
                p->params->scratch_bytes ? p->params->scratch_bytes[n * HONE_PLAN_SCRATCH + k] : 0;
            place->storage = NO_STORAGE;
            if (bytes)
                HONE_TRY(storage_add(p,
                                     (struct hone_storage){.kind = HONE_STORAGE_POOL,
                                                           .state = HONE_NO_VALUE,
                                                           .bytes = bytes,
                                                           .first = (uint32_t)n,
                                                           .last = (uint32_t)n},
                                     &place->storage));
        }
    for (size_t v = 0; v < g->value_count; v++) {
        hone_value next = g->values[v].next;
        if (next == HONE_NO_VALUE || next == v) continue;
        if (p->plan->places[next].storage != p->plan->places[v].storage)
            HONE_TRY(copy_add(p, (struct hone_plan_copy){.node = UINT32_MAX,
                                                         .from = next,
                                                         .to = (hone_value)v,
                                                         .bytes = value_bytes(p, next)}));
    }
    return HONE_OK;
}

// ---- Offsets
// ---------------------------------------------------------------------------------------------

static uint64_t round_up(uint64_t bytes) {
    return (bytes + HONE_PLAN_ALIGN - 1) / HONE_PLAN_ALIGN * HONE_PLAN_ALIGN;
}

struct by_size {
    uint64_t bytes;
    uint32_t index;
};

static int compare_by_size(const void *a, const void *b) {
    const struct by_size *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static int compare_by_offset(const void *a, const void *b) {
    const struct hone_storage *x = *(const struct hone_storage *const *)a;
    const struct hone_storage *y = *(const struct hone_storage *const *)b;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static bool storages_meet(const struct hone_storage *a, const struct hone_storage *b,
                          bool no_sharing) {
    return no_sharing || a->exclusive || b->exclusive ||
           (a->first <= b->last && b->first <= a->last);
}

// The lowest offset in `chunk` where s fits, given the storages placed so far.
static uint64_t lowest_gap(const struct hone_storage *s, uint32_t chunk,
                           struct hone_storage *const *placed, size_t count, bool no_sharing,
                           const struct hone_storage **blockers) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        if (placed[i]->chunk == chunk && storages_meet(s, placed[i], no_sharing))
            blockers[found++] = placed[i];
    qsort(blockers, found, sizeof *blockers, compare_by_offset);
    uint64_t at = 0;
    for (size_t i = 0; i < found; i++) {
        if (blockers[i]->offset >= at + round_up(s->bytes)) break;
        uint64_t end = blockers[i]->offset + round_up(blockers[i]->bytes);
        if (end > at) at = end;
    }
    return at;
}

static hone_status plan_place_one(struct planner *p, struct hone_storage *s,
                                  struct hone_storage *const *placed, size_t count,
                                  const struct hone_storage **blockers, uint64_t limit) {
    struct hone_plan *plan = p->plan;
    if (round_up(s->bytes) > limit)
        return hone_fail(HONE_OUT_OF_MEMORY,
                         "one tensor needs %llu MiB and this device allocates at most %llu MiB at "
                         "once; use a smaller batch or picture size",
                         (unsigned long long)(s->bytes >> 20), (unsigned long long)(limit >> 20));
    for (uint32_t chunk = 0;; chunk++) {
        if (chunk == plan->chunk_count) {
            if (!hone_grow(&plan->chunk_bytes, &plan->chunk_capacity, plan->chunk_count + 1,
                           sizeof *plan->chunk_bytes, "a memory plan"))
                return HONE_OUT_OF_MEMORY;
            plan->chunk_bytes[plan->chunk_count++] = 0;
        }
        uint64_t at = lowest_gap(s, chunk, placed, count, p->params->no_sharing, blockers);
        if (at + round_up(s->bytes) > limit) continue;
        s->chunk = chunk;
        s->offset = at;
        if (at + round_up(s->bytes) > plan->chunk_bytes[chunk])
            plan->chunk_bytes[chunk] = at + round_up(s->bytes);
        return HONE_OK;
    }
}

static hone_status plan_offsets(struct planner *p) {
    struct hone_plan *plan = p->plan;
    uint64_t limit = p->params->chunk_limit_bytes ? p->params->chunk_limit_bytes : 1ull << 30;
    struct by_size *order = hone_calloc(plan->storage_count, sizeof *order, "a memory plan");
    struct hone_storage **placed =
        hone_calloc(plan->storage_count, sizeof *placed, "a memory plan");
    const struct hone_storage **blockers =
        hone_calloc(plan->storage_count, sizeof *blockers, "a memory plan");
    hone_status status = order && placed && blockers ? HONE_OK : HONE_OUT_OF_MEMORY;
    size_t count = 0, pool = 0;
    for (size_t i = 0; status == HONE_OK && i < plan->storage_count; i++)
        if (plan->storages[i].kind == HONE_STORAGE_POOL)
            order[pool++] = (struct by_size){plan->storages[i].bytes, (uint32_t)i};
    if (status == HONE_OK) qsort(order, pool, sizeof *order, compare_by_size);
    for (size_t i = 0; status == HONE_OK && i < pool; i++) {
        struct hone_storage *s = &plan->storages[order[i].index];
        status = plan_place_one(p, s, placed, count, blockers, limit);
        placed[count++] = s;
    }
    hone_free(order);
    hone_free(placed);
    hone_free(blockers);
    for (size_t i = 0; i < plan->chunk_count; i++) plan->pool_bytes += plan->chunk_bytes[i];
    return status;
}

hone_status hone_plan_create(const struct hone_graph *graph, const struct hone_plan_params *params,
                             struct hone_plan *out) {
    *out = (struct hone_plan){0};
    struct planner p = {.graph = graph, .params = params, .plan = out};
    p.last_use = hone_calloc(graph->value_count, sizeof *p.last_use, "a memory plan");
    out->places = hone_calloc(graph->value_count, sizeof *out->places, "a memory plan");
    out->scratch =
        hone_calloc(graph->node_count * HONE_PLAN_SCRATCH, sizeof *out->scratch, "a memory plan");
    hone_status status = p.last_use && out->places && out->scratch ? HONE_OK : HONE_OUT_OF_MEMORY;
    if (status == HONE_OK) {
        plan_last_uses(&p);
        plan_views_extend(&p);
    }
    if (status == HONE_OK) status = plan_storages(&p);
    if (status == HONE_OK) status = plan_offsets(&p);
    hone_free(p.last_use);
    if (status != HONE_OK) hone_plan_deinit(out);
    return status;
}

void hone_plan_deinit(struct hone_plan *plan) {
    hone_free(plan->storages);
    hone_free(plan->places);
    hone_free(plan->scratch);
    hone_free(plan->copies);
    hone_free(plan->chunk_bytes);
    *plan = (struct hone_plan){0};
}
