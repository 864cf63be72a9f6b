// test_memplan.c: runs random graphs twice, once with every value in memory of its own and once
// inside the planned bytes, where a plan that reuses memory too early gives other numbers.
#include "support/support.h"

#include "base/rng.h"
#include "ir/memplan.h"
#include "ops/ops.h"

#include <math.h>
#include <string.h>

enum { MOST = 64, ELEMENTS = 100 };

static uint32_t draw(uint64_t seed, uint64_t *at, uint32_t bound) {
    return hone_rng_below(seed, 7, (*at)++, bound);
}

// A graph of elementwise nodes, views, a pack and an updated state.
static struct hone_graph *random_graph(uint64_t seed) {
    struct hone_graph *g;
    assert_ok(hone_graph_create(&g));
    uint64_t at = 0;
    struct hone_desc desc = hone_desc_make(HONE_F32, 1, ELEMENTS, 0, 0, 0);
    struct hone_desc slab = hone_desc_make(HONE_F32, 1, 384, 0, 0, 0);
    hone_value pool[MOST];
    int count = 0;
    pool[count++] = hone_graph_input(g, "x", desc);
    hone_value weights = hone_graph_state(g, "weights", slab);
    for (int i = 0; i < 3; i++)
        pool[count++] = HONE_EMIT(g, &hone_op_view, NULL,
                                  (&(struct hone_view_attrs){i * 128, 1, {ELEMENTS}}), weights);
    int nodes = 3 + (int)draw(seed, &at, 30);
    for (int i = 0; i < nodes; i++) {
        hone_value a = pool[draw(seed, &at, (uint32_t)count)];
        hone_value b = pool[draw(seed, &at, (uint32_t)count)];
        switch (draw(seed, &at, 4)) {
        case 0: pool[count++] = HONE_EMIT(g, &hone_op_add, NULL, NULL, a, b); break;
        case 1:
            pool[count++] = HONE_EMIT(g, &hone_op_scale, NULL, &(struct hone_scale_attrs){0.5f}, a);
            break;
        case 2:
            pool[count++] = HONE_EMIT(g, &hone_op_act, NULL,
                                      &(struct hone_act_attrs){.kind = HONE_ACT_RELU}, a);
            break;
        default:
            pool[count++] =
                HONE_EMIT(g, &hone_op_reshape, NULL, (&(struct hone_shape_attrs){1, {-1}}), a);
        }
    }
    hone_value last[3];
    for (int i = 0; i < 3; i++) last[i] = pool[draw(seed, &at, (uint32_t)count)];
    hone_value packed = hone_graph_emit(g, &hone_op_pack, NULL, NULL, last, 3);
    hone_value next = HONE_EMIT(g, &hone_op_add, NULL, NULL, weights, packed);
    hone_graph_set_next(g, weights, next);
    hone_graph_mark_output(g, pool[draw(seed, &at, (uint32_t)(count - 1)) + 1], "y");
    assert_ok(hone_graph_verify(g));
    return g;
}

// Memory of the planned run: one block of doubles per storage's chunk bytes (8 bytes stand for 4).
struct memory {
    double *chunks[8], *states[MOST];
};

static double *locate(const struct hone_plan *plan, struct memory *m, hone_value value) {
    const struct hone_place *place = &plan->places[value];
    const struct hone_storage *s = &plan->storages[place->storage];
    double *base =
        s->kind == HONE_STORAGE_STATE ? m->states[s->state] : m->chunks[s->chunk] + s->offset / 4;
    return base + place->offset / 4;
}

static void copies(const struct hone_plan *plan, struct memory *m, uint32_t node) {
    for (size_t i = 0; i < plan->copy_count; i++) {
        const struct hone_plan_copy *c = &plan->copies[i];
        if (c->node != node) continue;
        memmove(locate(plan, m, c->to) + c->to_offset / 4,
                locate(plan, m, c->from) + c->from_offset / 4, c->bytes / 4 * sizeof(double));
    }
}

static void run_node(const struct hone_graph *g, const struct hone_node *node,
                     const double *const *in, double *const *out) {
    struct hone_node_descs descs;
    assert_ok(hone_node_descs_init(&descs, g, node));
    node->op->ref(&(struct hone_ref_args){.attrs = node->attrs,
                                          .input_count = node->input_count,
                                          .in_desc = descs.in,
                                          .in = in,
                                          .out_desc = descs.out,
                                          .out = out});
    hone_node_descs_deinit(&descs);
}

// Values each in their own memory.
static void run_apart(const struct hone_graph *g, double **values) {
    for (size_t n = 0; n < g->node_count; n++) {
        const struct hone_node *node = &g->nodes[n];
        const double *in[4];
        double *out[1] = {values[node->outputs[0]]};
        for (int i = 0; i < node->input_count; i++) in[i] = values[node->inputs[i]];
        run_node(g, node, in, out);
    }
}

// Values where the plan says. Inputs are copied first: an in-place kernel reads before it writes.
static void run_planned(const struct hone_graph *g, const struct hone_plan *plan,
                        struct memory *m) {
    for (size_t n = 0; n < g->node_count; n++) {
        const struct hone_node *node = &g->nodes[n];
        copies(plan, m, (uint32_t)n);
        if (node->op->flags & (HONE_OP_VIEW | HONE_OP_PACK)) continue;
        double copy[4][400];
        const double *in[4];
        double *out[1] = {locate(plan, m, node->outputs[0])};
        for (int i = 0; i < node->input_count; i++) {
            size_t count = (size_t)hone_desc_elements(hone_graph_desc(g, node->inputs[i]));
            memcpy(copy[i], locate(plan, m, node->inputs[i]), count * sizeof(double));
            in[i] = copy[i];
        }
        run_node(g, node, in, out);
    }
    copies(plan, m, UINT32_MAX);
}

static void check_seed(uint64_t seed, bool no_sharing) {
    struct hone_graph *g = random_graph(seed);
    struct hone_plan plan;
    assert_ok(hone_plan_create(g, &(struct hone_plan_params){.no_sharing = no_sharing}, &plan));
    double *values[256] = {0};
    struct memory m = {0};
    assert_true(plan.chunk_count <= 8 && g->value_count <= 256);
    for (size_t c = 0; c < plan.chunk_count; c++)
        m.chunks[c] = hone_calloc(plan.chunk_bytes[c] / 4, sizeof(double), "chunk");
    for (size_t v = 0; v < g->value_count; v++) {
        const struct hone_value_info *info = &g->values[v];
        size_t count = (size_t)hone_desc_elements(&info->desc);
        values[v] = hone_calloc(count, sizeof(double), "value");
        if (info->kind == HONE_VALUE_NODE) continue;
        for (size_t i = 0; i < count; i++) values[v][i] = hone_rng_normal(seed, v, i);
        if (info->kind == HONE_VALUE_STATE)
            m.states[v] = hone_calloc(count, sizeof(double), "state");
        memcpy(locate(&plan, &m, (hone_value)v), values[v], count * sizeof(double));
    }
    run_apart(g, values);
    run_planned(g, &plan, &m);
    for (size_t v = 0; v < g->value_count; v++) {
        const struct hone_value_info *info = &g->values[v];
        hone_value want = info->next != HONE_NO_VALUE ? info->next : (hone_value)v;
        if (!info->is_output && info->next == HONE_NO_VALUE) continue;
        const double *got = locate(&plan, &m, (hone_value)v);
        for (int64_t i = 0; i < hone_desc_elements(&info->desc); i++)
            if (got[i] != values[want][i])
                fail_msg("seed %d: value %zu element %d", (int)seed, v, (int)i);
    }
    for (size_t v = 0; v < g->value_count; v++) {
        hone_free(values[v]);
        if (v < MOST) hone_free(m.states[v]);
    }
    for (size_t c = 0; c < plan.chunk_count; c++) hone_free(m.chunks[c]);
    hone_plan_deinit(&plan);
    hone_graph_destroy(&g);
}

static void test_planned_memory_gives_the_same_numbers(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 400; seed++) check_seed(seed, seed % 8 == 7);
}

static void test_a_chain_needs_one_buffer(void **state) {
    (void)state;
    struct hone_graph *g;
    assert_ok(hone_graph_create(&g));
    hone_value x = hone_graph_input(g, "x", hone_desc_make(HONE_F32, 1, 1024, 0, 0, 0));
    for (int i = 0; i < 20; i++)
        x = HONE_EMIT(g, &hone_op_scale, NULL, &(struct hone_scale_attrs){2}, x);
    hone_graph_mark_output(g, x, "y");
    struct hone_plan plan;
    assert_ok(hone_plan_create(g, &(struct hone_plan_params){0}, &plan));
    assert_int_equal(plan.pool_bytes, 2 * 4096); // the input keeps its own
    hone_plan_deinit(&plan);
    assert_ok(hone_plan_create(g, &(struct hone_plan_params){.no_sharing = true}, &plan));
    assert_int_equal(plan.pool_bytes, 21 * 4096);
    hone_plan_deinit(&plan);
    // Chunks hold no more than the limit, and one tensor must fit into one.
    assert_ok(hone_plan_create(
        g, &(struct hone_plan_params){.no_sharing = true, .chunk_limit_bytes = 8192}, &plan));
    assert_int_equal(plan.chunk_count, 11);
    hone_plan_deinit(&plan);
    test_expect_failure(
        hone_plan_create(g, &(struct hone_plan_params){.chunk_limit_bytes = 1024}, &plan),
        HONE_OUT_OF_MEMORY, "smaller batch");
    hone_graph_destroy(&g);
}

// y = a + a[0]: where y lay in a, a later element would read the first after it was written.
static void test_no_result_overwrites_a_window_that_its_node_reads(void **state) {
    (void)state;
    struct hone_graph *g;
    assert_ok(hone_graph_create(&g));
    hone_value x = hone_graph_input(g, "x", hone_desc_make(HONE_F32, 1, 128, 0, 0, 0));
    hone_value a = HONE_EMIT(g, &hone_op_scale, NULL, &(struct hone_scale_attrs){2}, x);
    hone_value first = HONE_EMIT(g, &hone_op_view, NULL, (&(struct hone_view_attrs){0, 1, {1}}), a);
    hone_value y = HONE_EMIT(g, &hone_op_add, NULL, NULL, a, first);
    hone_value flat =
        HONE_EMIT(g, &hone_op_reshape, NULL, (&(struct hone_shape_attrs){1, {-1}}), y);
    hone_value z = HONE_EMIT(g, &hone_op_add, NULL, NULL, y, flat);
    hone_graph_mark_output(g, z, "z");
    struct hone_plan plan;
    assert_ok(hone_plan_create(g, &(struct hone_plan_params){0}, &plan));
    assert_int_equal(plan.places[first].storage, plan.places[a].storage);
    assert_int_not_equal(plan.places[y].storage, plan.places[a].storage);
    // The same bytes twice are read and written element by element.
    assert_int_equal(plan.places[z].storage, plan.places[y].storage);
    hone_plan_deinit(&plan);
    hone_graph_destroy(&g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_planned_memory_gives_the_same_numbers),
        cmocka_unit_test(test_a_chain_needs_one_buffer),
        cmocka_unit_test(test_no_result_overwrites_a_window_that_its_node_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
