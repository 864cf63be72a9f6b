// blocks.c: see blocks.h.
#include "support/blocks.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "ir/passes.h"
#include "ops/ops.h"
#include "support/support.h"

enum { C = BLOCKS_CHANNELS, WIDE = 16, MOST = 80, WIDEST = 192, WIDEST_SIZE = 16 };

struct builder {
    struct hone_graph *g;
    bool train, folded, frozen;
    hone_value trained[MOST];
    int trained_count, convs, norms;
};

static hone_value trained(struct builder *b, const char *kind, int number, struct hone_desc desc) {
    char name[32];
    snprintf(name, sizeof name, "%s%d", kind, number);
    assert_in_range(b->trained_count, 0, MOST - 1);
    return b->trained[b->trained_count++] = hone_graph_state(b->g, name, desc);
}

static hone_value conv(struct builder *b, hone_value x, int k, int filter, int stride, int groups) {
    int c = hone_graph_desc(b->g, x)->dim[3], pad = filter / 2;
    int number = b->convs++;
    hone_value w =
        trained(b, "w", number, hone_desc_make(HONE_F32, 4, k, filter, filter, c / groups));
    struct hone_conv2d_attrs attrs = {.stride = {stride, stride},
                                      .pad = {pad, pad, pad, pad},
                                      .dilation = {1, 1},
                                      .groups = groups};
    if (!b->folded) return HONE_EMIT(b->g, &hone_op_conv2d, NULL, &attrs, x, w);
    hone_value bias = trained(b, "b", number, hone_desc_make(HONE_F32, 1, k, 0, 0, 0));
    return HONE_EMIT(b->g, &hone_op_conv2d, NULL, &attrs, x, w, bias);
}

static hone_value norm(struct builder *b, hone_value x) {
    if (b->folded) return x;
    struct hone_desc channels =
        hone_desc_make(HONE_F32, 1, hone_graph_desc(b->g, x)->dim[3], 0, 0, 0);
    char name[32];
    int n = b->norms++;
    hone_value gamma, beta;
    if (b->frozen) {
        snprintf(name, sizeof name, "gamma%d", n);
        gamma = hone_graph_state(b->g, name, channels);
        snprintf(name, sizeof name, "beta%d", n);
        beta = hone_graph_state(b->g, name, channels);
    } else {
        gamma = trained(b, "gamma", n, channels);
        beta = trained(b, "beta", n, channels);
    }
    snprintf(name, sizeof name, "mean%d", n);
    hone_value mean = hone_graph_state(b->g, name, channels);
    snprintf(name, sizeof name, "var%d", n);
    hone_value var = hone_graph_state(b->g, name, channels);
    struct hone_batch_norm_attrs attrs = {.eps = 1e-5f, .momentum = 0.1f};
    hone_value in[] = {x, gamma, beta, mean, var}, out[HONE_OP_MAX_OUTPUTS];
    bool moves = b->train && !b->frozen;
    hone_graph_node(b->g, moves ? &hone_op_batch_norm_train : &hone_op_batch_norm, NULL, &attrs, in,
                    5, out);
    if (moves) {
        hone_graph_set_next(b->g, mean, out[1]);
        hone_graph_set_next(b->g, var, out[2]);
    }
    return out[0];
}

static hone_value act(struct builder *b, hone_value x, enum hone_act kind) {
    struct hone_act_attrs attrs = {.kind = (int32_t)kind, .a = 0, .b = 6};
    return HONE_EMIT(b->g, &hone_op_act, NULL, &attrs, x);
}

static hone_value residual_block(struct builder *b, hone_value x, int k, int stride) {
    hone_value y = act(b, norm(b, conv(b, x, k, 3, stride, 1)), HONE_ACT_RELU);
    y = norm(b, conv(b, y, k, 3, 1, 1));
    hone_value short_cut = x;
    if (stride != 1) short_cut = norm(b, conv(b, x, k, 1, stride, 1));
    return act(b, HONE_EMIT(b->g, &hone_op_add, NULL, NULL, y, short_cut), HONE_ACT_RELU);
}

static hone_value inverted_block(struct builder *b, hone_value x) {
    int c = hone_graph_desc(b->g, x)->dim[3];
    hone_value y = act(b, norm(b, conv(b, x, 2 * c, 1, 1, 1)), HONE_ACT_CLIP);
    y = act(b, norm(b, conv(b, y, 2 * c, 3, 1, 2 * c)), HONE_ACT_CLIP);
    y = norm(b, conv(b, y, c, 1, 1, 1));
    return HONE_EMIT(b->g, &hone_op_add, NULL, NULL, x, y);
}

static void emit_step(struct builder *b, hone_value features) {
    // A loss that looks at each feature differently: the sum of their squares over four places.
    hone_value square = HONE_EMIT(b->g, &hone_op_mul, NULL, NULL, features, features);
    hone_value sum =
        HONE_EMIT(b->g, &hone_op_reduce_to, NULL, &(struct hone_shape_attrs){0}, square);
    hone_value loss = HONE_EMIT(b->g, &hone_op_scale, NULL, &(struct hone_scale_attrs){1e-2f}, sum);
    hone_value gradients[MOST];
    hone_graph_gradients(b->g, &hone_ops_for_gradients, loss, b->trained, b->trained_count,
                         gradients);
    for (int i = 0; i < b->trained_count; i++) {
        hone_value step =
            HONE_EMIT(b->g, &hone_op_scale, NULL, &(struct hone_scale_attrs){-0.02f}, gradients[i]);
        hone_graph_set_next(b->g, b->trained[i],
                            HONE_EMIT(b->g, &hone_op_add, NULL, NULL, b->trained[i], step));
    }
    hone_graph_mark_output(b->g, loss, "loss");
}

static struct hone_graph *graph_of(int batch, bool train, bool folded, bool frozen) {
    struct builder b = {.train = train, .folded = folded, .frozen = frozen};
    assert_ok(hone_graph_create(&b.g));
    hone_value x = hone_graph_input(
        b.g, "image", hone_desc_make(HONE_F32, 4, batch, BLOCKS_SIZE, BLOCKS_SIZE, C));
    x = act(&b, norm(&b, conv(&b, x, C, 3, 1, 1)), HONE_ACT_RELU);
    x = residual_block(&b, x, C, 1);
    x = residual_block(&b, x, WIDE, 2);
    x = inverted_block(&b, x);
    x = inverted_block(&b, x);
    x = act(&b, norm(&b, conv(&b, x, WIDE, 1, 1, 1)), HONE_ACT_SILU);
    hone_graph_mark_output(b.g, x, "features");
    if (train) emit_step(&b, x);
    assert_ok(hone_graph_status(b.g));
    assert_ok(hone_graph_verify(b.g));
    return b.g;
}

struct hone_graph *blocks_graph(int batch, bool train) {
    return graph_of(batch, train, false, false);
}

struct hone_graph *blocks_folded_graph(int batch, bool train) {
    return graph_of(batch, train, true, false);
}

struct hone_graph *blocks_frozen_graph(int batch) {
    return graph_of(batch, true, false, true);
}

struct hone_graph *blocks_wide_graph(int batch) {
    struct builder b = {.train = true};
    assert_ok(hone_graph_create(&b.g));
    hone_value x = hone_graph_input(
        b.g, "image", hone_desc_make(HONE_F32, 4, batch, WIDEST_SIZE, WIDEST_SIZE, C));
    x = act(&b, norm(&b, conv(&b, x, WIDEST, 1, 1, 1)), HONE_ACT_RELU);
    x = act(&b, norm(&b, conv(&b, x, WIDEST, 3, 1, 1)), HONE_ACT_RELU);
    emit_step(&b, x);
    assert_ok(hone_graph_status(b.g));
    assert_ok(hone_graph_verify(b.g));
    return b.g;
}

struct hone_graph *blocks_narrow_graph(int batch) {
    struct builder b = {.train = true};
    assert_ok(hone_graph_create(&b.g));
    hone_value x = hone_graph_input(
        b.g, "image", hone_desc_make(HONE_F32, 4, batch, WIDEST_SIZE, WIDEST_SIZE, 3));
    x = act(&b, norm(&b, conv(&b, x, WIDE, 3, 2, 1)), HONE_ACT_RELU);
    x = act(&b, norm(&b, conv(&b, x, WIDE, 3, 1, WIDE / 4)), HONE_ACT_RELU);
    emit_step(&b, x);
    assert_ok(hone_graph_status(b.g));
    assert_ok(hone_graph_verify(b.g));
    return b.g;
}

// Weights of unit gain or so; variances positive.
static void fill(const char *name, const struct hone_desc *desc, float *values) {
    bool weights = name[0] == 'w', around_one = name[0] == 'v' || name[0] == 'g';
    int64_t count = hone_desc_elements(desc), fan = weights ? count / desc->dim[0] : 1;
    uint64_t stream = 0;
    for (const char *c = name; *c; c++) stream = stream * 31 + (unsigned char)*c;
    for (int64_t i = 0; i < count; i++) {
        float u = hone_rng_f32(7, stream, (uint64_t)i) * 2 - 1;
        values[i] = around_one ? 1 + u / 2 : weights ? 2 * u / (float)fan * 3 : u;
    }
}

static void store_fill(struct hone_store *store, const struct hone_graph *g,
                       struct hone_program *program) {
    for (size_t v = 0; v < g->value_count; v++) {
        const struct hone_value_info *info = &g->values[v];
        if (info->kind == HONE_VALUE_NODE) continue;
        uint64_t bytes = hone_desc_bytes(&info->desc);
        float *values = hone_calloc(1, bytes, "test values");
        assert_non_null(values);
        fill(info->name, &info->desc, values);
        if (info->kind == HONE_VALUE_STATE)
            assert_ok(hone_store_write(store, info->name, values, bytes));
        else
            assert_ok(hone_program_write(program, info->name, values, bytes));
        hone_free(values);
    }
}

// Appends the elements of every state and output.
static float *gather(struct hone_store *store, const struct hone_graph *g,
                     struct hone_program *program, size_t *count) {
    float *all = NULL;
    *count = 0;
    for (size_t v = 0; v < g->value_count; v++) {
        const struct hone_value_info *info = &g->values[v];
        if (info->kind != HONE_VALUE_STATE && !info->is_output) continue;
        size_t elements = (size_t)hone_desc_elements(&info->desc);
        all = hone_realloc(all, *count + elements, sizeof *all, "test values");
        assert_non_null(all);
        if (info->kind == HONE_VALUE_STATE)
            assert_ok(hone_store_read(store, info->name, all + *count, 4 * elements));
        else
            assert_ok(hone_program_read(program, info->name, all + *count, 4 * elements));
        *count += elements;
    }
    return all;
}

float *blocks_run_on(struct hone_device *device, const struct hone_graph *graph,
                     const struct hone_compile_params *params, int steps, size_t *count) {
    struct hone_store *store;
    struct hone_program *program;
    assert_ok(hone_store_create(device, &store));
    assert_ok(hone_program_compile(store, graph, params, &program));
    store_fill(store, graph, program);
    for (int i = 0; i < steps; i++) assert_ok(hone_program_run(program));
    assert_ok(hone_program_wait(program));
    float *all = gather(store, graph, program, count);
    hone_program_destroy(&program);
    hone_store_destroy(&store);
    return all;
}

int blocks_nodes_on(struct hone_device *device, const struct hone_graph *graph,
                    const struct hone_compile_params *params, const char *row) {
    struct hone_store *store;
    struct hone_program *program;
    int nodes = 0;
    assert_ok(hone_store_create(device, &store));
    assert_ok(hone_program_compile(store, graph, params, &program));
    for (int i = 0; i < hone_program_node_count(program); i++) {
        struct hone_program_node node;
        assert_ok(hone_program_node(program, i, &node));
        nodes += !row || strcmp(node.row, row) == 0;
    }
    hone_program_destroy(&program);
    hone_store_destroy(&store);
    return nodes;
}

float *blocks_run(struct hone_device *device, const struct hone_graph *graph, unsigned passes_off,
                  int steps, size_t *count, int *nodes) {
    const struct hone_compile_params params = {.passes_off = passes_off};
    if (nodes) *nodes = blocks_nodes_on(device, graph, &params, NULL);
    return blocks_run_on(device, graph, &params, steps, count);
}

int blocks_count(const struct hone_graph *graph, unsigned passes_off, const struct hone_op *op) {
    struct hone_graph *out;
    assert_ok(hone_graph_run_passes(graph, HONE_PASS_ALL & ~passes_off, &out));
    assert_ok(hone_graph_verify(out));
    int count = 0;
    for (size_t n = 0; n < out->node_count; n++) count += out->nodes[n].op == op;
    hone_graph_destroy(&out);
    return count;
}
