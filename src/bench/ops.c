// ops.c: operators as graphs of one node, their inputs states that stay on the device. A new
// operator of the table that is worth timing is one function and one line here.
#include "bench/internal.h"

#include <stdio.h>
#include <string.h>

static hone_value ranged(struct hone_bench_build *b, const char *name, struct hone_desc desc,
                         float least, float most) {
    hone_value value = hone_graph_state(b->graph, name, desc);
    b->states[b->state_count++] = (struct hone_bench_state){value, least, most};
    return value;
}

static hone_value random_state(struct hone_bench_build *b, const char *name, int rank, int32_t d0,
                               int32_t d1, int32_t d2, int32_t d3) {
    return ranged(b, name, hone_desc_make(HONE_F32, rank, d0, d1, d2, d3), -1, 1);
}

static hone_value channels(struct hone_bench_build *b, const char *name, float least, float most) {
    return ranged(b, name, hone_desc_make(HONE_F32, 1, b->v[HONE_KEY_C], 0, 0, 0), least, most);
}

// Data: of the type that is asked for.
static hone_value data_state(struct hone_bench_build *b, const char *name, int rank, int32_t d0,
                             int32_t d1, int32_t d2, int32_t d3) {
    return ranged(b, name, hone_desc_make(b->dtype, rank, d0, d1, d2, d3), -1, 1);
}

// (N,H,W,C)
static hone_value activation(struct hone_bench_build *b, const char *name) {
    const int32_t *v = b->v;
    return data_state(b, name, 4, v[HONE_KEY_N], v[HONE_KEY_H], v[HONE_KEY_W], v[HONE_KEY_C]);
}

static struct hone_act_attrs act_attrs(const struct hone_bench_build *b) {
    struct hone_act_attrs act = {.kind = b->v[HONE_KEY_ACT]};
    if (act.kind == HONE_ACT_CLIP) act.b = 6;
    if (act.kind == HONE_ACT_HARD_SIGMOID) act = (struct hone_act_attrs){act.kind, 1 / 6.f, 0.5f};
    return act;
}

// ---- Convolution ----

static int32_t conv_extent(int32_t in, int32_t filter, const int32_t *v) {
    int32_t reach = v[HONE_KEY_DILATION] * (filter - 1) + 1;
    return (in + 2 * v[HONE_KEY_PAD] - reach) / v[HONE_KEY_STRIDE] + 1;
}

static struct hone_conv2d_attrs conv_attrs(const struct hone_bench_build *b) {
    const int32_t *v = b->v;
    int32_t s = v[HONE_KEY_STRIDE], p = v[HONE_KEY_PAD], d = v[HONE_KEY_DILATION];
    return (struct hone_conv2d_attrs){.stride = {s, s},
                                      .pad = {p, p, p, p},
                                      .dilation = {d, d},
                                      .groups = v[HONE_KEY_GROUPS],
                                      .in_h = v[HONE_KEY_H],
                                      .in_w = v[HONE_KEY_W],
                                      .filter_h = v[HONE_KEY_R],
                                      .filter_w = v[HONE_KEY_S]};
}

static hone_value conv_filter(struct hone_bench_build *b) {
    const int32_t *v = b->v;
    return data_state(b, "w", 4, v[HONE_KEY_K], v[HONE_KEY_R], v[HONE_KEY_S],
                      v[HONE_KEY_C] / v[HONE_KEY_GROUPS]);
}

static hone_value conv_gradient(struct hone_bench_build *b) {
    const int32_t *v = b->v;
    return data_state(b, "dy", 4, v[HONE_KEY_N], conv_extent(v[HONE_KEY_H], v[HONE_KEY_R], v),
                      conv_extent(v[HONE_KEY_W], v[HONE_KEY_S], v), v[HONE_KEY_K]);
}

static hone_value build_conv(struct hone_bench_build *b) {
    struct hone_conv2d_attrs attrs = conv_attrs(b);
    attrs.in_h = attrs.in_w = attrs.filter_h = attrs.filter_w = 0;
    attrs.act = act_attrs(b);
    hone_value in[3] = {activation(b, "x"), conv_filter(b)};
    int count = 2;
    if (b->v[HONE_KEY_BIAS]) in[count++] = random_state(b, "b", 1, b->v[HONE_KEY_K], 0, 0, 0);
    return hone_graph_emit(b->graph, &hone_op_conv2d, "conv2d", &attrs, in, count);
}

static hone_value build_conv_bwd_x(struct hone_bench_build *b) {
    struct hone_conv2d_attrs attrs = conv_attrs(b);
    attrs.filter_h = attrs.filter_w = 0;
    return HONE_EMIT(b->graph, &hone_op_conv2d_bwd_x, "conv2d_bwd_x", &attrs, conv_gradient(b),
                     conv_filter(b));
}

static hone_value build_conv_bwd_w(struct hone_bench_build *b) {
    struct hone_conv2d_attrs attrs = conv_attrs(b);
    attrs.in_h = attrs.in_w = 0;
    return HONE_EMIT(b->graph, &hone_op_conv2d_bwd_w, "conv2d_bwd_w", &attrs, conv_gradient(b),
                     activation(b, "x"));
}

static void make_depthwise(struct hone_bench_build *b) {
    b->v[HONE_KEY_K] = b->v[HONE_KEY_GROUPS] = b->v[HONE_KEY_C];
}

static hone_value build_depthwise(struct hone_bench_build *b) {
    make_depthwise(b);
    return build_conv(b);
}

static hone_value build_depthwise_bwd_x(struct hone_bench_build *b) {
    make_depthwise(b);
    return build_conv_bwd_x(b);
}

static hone_value build_depthwise_bwd_w(struct hone_bench_build *b) {
    make_depthwise(b);
    return build_conv_bwd_w(b);
}

static hone_value build_matmul(struct hone_bench_build *b) {
    const int32_t *v = b->v;
    int32_t m = v[HONE_KEY_M], n = v[HONE_KEY_N], k = v[HONE_KEY_K];
    struct hone_matmul_attrs attrs = {
        .trans_a = v[HONE_KEY_TA], .trans_b = v[HONE_KEY_TB], .act = act_attrs(b)};
    hone_value in[3] = {
        data_state(b, "a", 2, attrs.trans_a ? k : m, attrs.trans_a ? m : k, 0, 0),
        data_state(b, "b", 2, attrs.trans_b ? n : k, attrs.trans_b ? k : n, 0, 0),
    };
    int count = 2;
    if (v[HONE_KEY_BIAS]) in[count++] = random_state(b, "bias", 1, n, 0, 0, 0);
    return hone_graph_emit(b->graph, &hone_op_matmul, "matmul", &attrs, in, count);
}

// ---- Batch norm ----

static const struct hone_batch_norm_attrs norm_attrs = {.eps = 1e-5f, .momentum = 0.1f};

static hone_value build_norm_as(struct hone_bench_build *b, const struct hone_op *op) {
    hone_value in[] = {activation(b, "x"), channels(b, "gamma", 0.5f, 1.5f),
                       channels(b, "beta", -1, 1), channels(b, "mean", -1, 1),
                       channels(b, "var", 0.5f, 1.5f)};
    return hone_graph_emit(b->graph, op, op->name, &norm_attrs, in, 5);
}

static hone_value build_norm(struct hone_bench_build *b) {
    return build_norm_as(b, &hone_op_batch_norm);
}

static hone_value build_norm_train(struct hone_bench_build *b) {
    return build_norm_as(b, &hone_op_batch_norm_train);
}

static hone_value build_norm_train_bwd(struct hone_bench_build *b) {
    hone_value in[] = {activation(b, "dy"), activation(b, "x"), channels(b, "gamma", 0.5f, 1.5f),
                       channels(b, "batch_mean", -1, 1), channels(b, "batch_invstd", 0.5f, 1.5f)};
    return hone_graph_emit(b->graph, &hone_op_batch_norm_train_bwd, "batch_norm_train_bwd",
                           &norm_attrs, in, 5);
}

// ---- Elementwise ----

static struct hone_act_attrs act_or_relu(const struct hone_bench_build *b) {
    struct hone_act_attrs act = act_attrs(b);
    if (act.kind == HONE_ACT_NONE) act.kind = HONE_ACT_RELU;
    return act;
}

static hone_value build_act(struct hone_bench_build *b) {
    struct hone_act_attrs act = act_or_relu(b);
    return HONE_EMIT(b->graph, &hone_op_act, "act", &act, activation(b, "x"));
}

static hone_value build_act_bwd(struct hone_bench_build *b) {
    struct hone_act_attrs act = act_or_relu(b);
    return HONE_EMIT(b->graph, &hone_op_act_bwd, "act_bwd", &act, activation(b, "dy"),
                     activation(b, "saved"));
}

static hone_value build_add(struct hone_bench_build *b) {
    return HONE_EMIT(b->graph, &hone_op_add, "add", NULL, activation(b, "a"), activation(b, "b"));
}

static hone_value build_mul(struct hone_bench_build *b) {
    return HONE_EMIT(b->graph, &hone_op_mul, "mul", NULL, activation(b, "a"), activation(b, "b"));
}

// x (N,H,W,C) times a number for each picture and channel, as in squeeze and excitation.
static hone_value build_gate(struct hone_bench_build *b) {
    return HONE_EMIT(b->graph, &hone_op_mul, "mul", NULL, activation(b, "x"),
                     data_state(b, "s", 4, b->v[HONE_KEY_N], 1, 1, b->v[HONE_KEY_C]));
}

static hone_value build_reduce(struct hone_bench_build *b) {
    struct hone_shape_attrs to = {.rank = 1, .dim = {b->v[HONE_KEY_C]}};
    return HONE_EMIT(b->graph, &hone_op_reduce_to, "reduce_to", &to, activation(b, "x"));
}

// ---- Pooling ----

static struct hone_pool_attrs pool_attrs(const struct hone_bench_build *b, bool backward) {
    const int32_t *v = b->v;
    int32_t s = v[HONE_KEY_STRIDE], p = v[HONE_KEY_PAD];
    return (struct hone_pool_attrs){.kernel = {v[HONE_KEY_R], v[HONE_KEY_S]},
                                    .stride = {s, s},
                                    .pad = {p, p, p, p},
                                    .in_h = backward ? v[HONE_KEY_H] : 0,
                                    .in_w = backward ? v[HONE_KEY_W] : 0};
}

static struct hone_desc pooled(const struct hone_bench_build *b, enum hone_dtype dtype) {
    const int32_t *v = b->v;
    return hone_desc_make(dtype, 4, v[HONE_KEY_N], conv_extent(v[HONE_KEY_H], v[HONE_KEY_R], v),
                          conv_extent(v[HONE_KEY_W], v[HONE_KEY_S], v), v[HONE_KEY_C]);
}

static hone_value build_max_pool(struct hone_bench_build *b) {
    struct hone_pool_attrs attrs = pool_attrs(b, false);
    return HONE_EMIT(b->graph, &hone_op_max_pool, "max_pool", &attrs, activation(b, "x"));
}

static hone_value build_max_pool_bwd(struct hone_bench_build *b) {
    struct hone_pool_attrs attrs = pool_attrs(b, true);
    float last = (float)(b->v[HONE_KEY_R] * b->v[HONE_KEY_S] - 1);
    return HONE_EMIT(b->graph, &hone_op_max_pool_bwd, "max_pool_bwd", &attrs,
                     ranged(b, "dy", pooled(b, b->dtype), -1, 1),
                     ranged(b, "index", pooled(b, HONE_I32), 0, last));
}

static hone_value build_avg_pool(struct hone_bench_build *b) {
    struct hone_pool_attrs attrs = pool_attrs(b, false);
    return HONE_EMIT(b->graph, &hone_op_avg_pool, "avg_pool", &attrs, activation(b, "x"));
}

static hone_value build_avg_pool_bwd(struct hone_bench_build *b) {
    struct hone_pool_attrs attrs = pool_attrs(b, true);
    return HONE_EMIT(b->graph, &hone_op_avg_pool_bwd, "avg_pool_bwd", &attrs,
                     ranged(b, "dy", pooled(b, b->dtype), -1, 1));
}

static hone_value build_global_pool(struct hone_bench_build *b) {
    return HONE_EMIT(b->graph, &hone_op_global_avg_pool, "global_avg_pool", NULL,
                     activation(b, "x"));
}

// N C elements of a table of as many.
static hone_value build_gather(struct hone_bench_build *b) {
    int32_t n = b->v[HONE_KEY_N], c = b->v[HONE_KEY_C], count = n * c;
    struct hone_desc list = hone_desc_make(HONE_F32, 1, count, 0, 0, 0), start = list;
    start.dim[0] = count + 1;
    return HONE_EMIT(b->graph, &hone_op_gather, "gather", NULL,
                     ranged(b, "x", hone_desc_make(HONE_F32, 2, n, c, 0, 0), -1, 1),
                     ranged(b, "index", list, 0, (float)(count - 1)),
                     ranged(b, "order", list, 0, (float)(count - 1)),
                     ranged(b, "start", start, 0, 0));
}

// To twice the size, bilinear.
static struct hone_resize_attrs resize_attrs(const struct hone_bench_build *b, bool backward) {
    const int32_t *v = b->v;
    return (struct hone_resize_attrs){.size = {2 * v[HONE_KEY_H], 2 * v[HONE_KEY_W]},
                                      .linear = 1,
                                      .step = {0.5f, 0.5f},
                                      .offset = {-0.25f, -0.25f},
                                      .in_h = backward ? v[HONE_KEY_H] : 0,
                                      .in_w = backward ? v[HONE_KEY_W] : 0};
}

static hone_value build_resize(struct hone_bench_build *b) {
    struct hone_resize_attrs attrs = resize_attrs(b, false);
    return HONE_EMIT(b->graph, &hone_op_resize, "resize", &attrs, activation(b, "x"));
}

static hone_value build_resize_bwd(struct hone_bench_build *b) {
    struct hone_resize_attrs attrs = resize_attrs(b, true);
    struct hone_desc dy = hone_desc_make(b->dtype, 4, b->v[HONE_KEY_N], attrs.size[0],
                                         attrs.size[1], b->v[HONE_KEY_C]);
    return HONE_EMIT(b->graph, &hone_op_resize_bwd, "resize_bwd", &attrs,
                     ranged(b, "dy", dy, -1, 1));
}

// ---- Softmax, loss, optimiser ----

static hone_value logits(struct hone_bench_build *b, const char *name) {
    return random_state(b, name, 2, b->v[HONE_KEY_N], b->v[HONE_KEY_C], 0, 0);
}

static hone_value build_softmax(struct hone_bench_build *b) {
    return HONE_EMIT(b->graph, &hone_op_softmax, "softmax", NULL, logits(b, "x"));
}

static hone_value build_softmax_bwd(struct hone_bench_build *b) {
    return HONE_EMIT(b->graph, &hone_op_softmax_bwd, "softmax_bwd", NULL, logits(b, "dy"),
                     logits(b, "y"));
}

// (N,H W tokens,C)
static hone_value tokens(struct hone_bench_build *b, const char *name) {
    const int32_t *v = b->v;
    return data_state(b, name, 3, v[HONE_KEY_N], v[HONE_KEY_H] * v[HONE_KEY_W], v[HONE_KEY_C], 0);
}

static const struct hone_layer_norm_attrs layer_attrs = {1e-6f};

static hone_value build_layer_norm(struct hone_bench_build *b) {
    return HONE_EMIT(b->graph, &hone_op_layer_norm, NULL, &layer_attrs, tokens(b, "x"),
                     channels(b, "gamma", 0.5f, 1.5f), channels(b, "beta", -1, 1));
}

static hone_value build_layer_norm_bwd(struct hone_bench_build *b) {
    int32_t n = b->v[HONE_KEY_N], count = b->v[HONE_KEY_H] * b->v[HONE_KEY_W];
    return HONE_EMIT(b->graph, &hone_op_layer_norm_bwd, NULL, &layer_attrs, tokens(b, "dy"),
                     tokens(b, "x"), channels(b, "gamma", 0.5f, 1.5f),
                     random_state(b, "mean", 2, n, count, 0, 0),
                     random_state(b, "invstd", 2, n, count, 0, 0));
}

// C channels in heads of 64, or one head.
static struct hone_desc heads(const struct hone_bench_build *b, int parts) {
    const int32_t *v = b->v;
    int32_t width = v[HONE_KEY_C] % 64 ? v[HONE_KEY_C] : 64, count = v[HONE_KEY_C] / width;
    int32_t rows = v[HONE_KEY_H] * v[HONE_KEY_W];
    struct hone_desc desc = hone_desc_make(b->dtype, 4, v[HONE_KEY_N], rows, count, width);
    if (parts == 1) return desc;
    desc = (struct hone_desc){.dtype = b->dtype, .rank = 5};
    const int32_t dim[] = {v[HONE_KEY_N], rows, parts, count, width};
    memcpy(desc.dim, dim, sizeof dim);
    return desc;
}

static const struct hone_attention_attrs attention_attrs = {0.125f};

static hone_value build_attention(struct hone_bench_build *b) {
    return HONE_EMIT(b->graph, &hone_op_attention, NULL, &attention_attrs,
                     ranged(b, "qkv", heads(b, 3), -1, 1));
}

static hone_value build_attention_bwd(struct hone_bench_build *b) {
    struct hone_desc y = heads(b, 1);
    hone_value lse = random_state(b, "lse", 3, y.dim[0], y.dim[2], y.dim[1], 0);
    return HONE_EMIT(b->graph, &hone_op_attention_packed_bwd, NULL, &attention_attrs,
                     ranged(b, "dy", y, -1, 1), ranged(b, "y", y, -1, 1), lse,
                     ranged(b, "qkv", heads(b, 3), -1, 1));
}

// The same with a bias for each head, query and key, and that one's gradient.
static hone_value bias(struct hone_bench_build *b) {
    struct hone_desc y = heads(b, 1);
    return random_state(b, "bias", 3, y.dim[2], y.dim[1], y.dim[1], 0);
}

static hone_value build_attention_bias(struct hone_bench_build *b) {
    return HONE_EMIT(b->graph, &hone_op_attention, NULL, &attention_attrs,
                     ranged(b, "qkv", heads(b, 3), -1, 1), HONE_NO_VALUE, HONE_NO_VALUE, bias(b));
}

static hone_value build_attention_bwd_bias(struct hone_bench_build *b) {
    struct hone_desc y = heads(b, 1);
    hone_value lse = random_state(b, "lse", 3, y.dim[0], y.dim[2], y.dim[1], 0);
    return HONE_EMIT(b->graph, &hone_op_attention_bwd_bias, NULL, &attention_attrs,
                     ranged(b, "dy", y, -1, 1), ranged(b, "y", y, -1, 1), lse,
                     ranged(b, "qkv", heads(b, 3), -1, 1), HONE_NO_VALUE, HONE_NO_VALUE, bias(b));
}

static hone_value build_cross_entropy(struct hone_bench_build *b) {
    struct hone_cross_entropy_attrs attrs = {.smoothing = 0.05f};
    struct hone_desc labels = hone_desc_make(HONE_I32, 1, b->v[HONE_KEY_N], 0, 0, 0);
    return HONE_EMIT(b->graph, &hone_op_cross_entropy, "cross_entropy", &attrs, logits(b, "x"),
                     ranged(b, "labels", labels, 0, (float)(b->v[HONE_KEY_C] - 1)),
                     channels(b, "weights", 1, 1));
}

static hone_value build_update(struct hone_bench_build *b, const struct hone_op *op,
                               const void *attrs, int moments) {
    int32_t length = b->v[HONE_KEY_L] / HONE_PACK_ALIGN * HONE_PACK_ALIGN;
    static const char *const names[] = {"w", "m", "v"};
    hone_value slab[3], in[6], out[HONE_OP_MAX_OUTPUTS];
    int count = 0;
    for (int i = 0; i <= moments; i++)
        slab[i] = ranged(b, names[i], hone_desc_make(HONE_F32, 1, length, 0, 0, 0), 0.5f, 1);
    in[count++] = slab[0];
    in[count++] = random_state(b, "g", 1, length, 0, 0, 0);
    for (int i = 1; i <= moments; i++) in[count++] = slab[i];
    in[count++] =
        ranged(b, "segments", hone_desc_make(HONE_F32, 2, length / HONE_PACK_ALIGN, 2, 0, 0), 0, 1);
    in[count++] = ranged(b, "hyper", hone_desc_make(HONE_F32, 1, 4, 0, 0, 0), 1e-3f, 1e-3f);
    hone_graph_node(b->graph, op, op->name, attrs, in, count, out);
    for (int i = 0; i <= moments; i++) hone_graph_set_next(b->graph, slab[i], out[i]);
    return HONE_NO_VALUE; // nothing is read: the states change
}

static hone_value build_sgd(struct hone_bench_build *b) {
    return build_update(b, &hone_op_sgd, &(struct hone_sgd_attrs){.momentum = 0.9f}, 1);
}

static hone_value build_adamw(struct hone_bench_build *b) {
    return build_update(b, &hone_op_adamw, &(struct hone_adamw_attrs){0.9f, 0.999f, 1e-8f}, 2);
}

#define PICTURE  (HONE_KEY(N) | HONE_KEY(H) | HONE_KEY(W) | HONE_KEY(C))
#define WINDOW   (PICTURE | HONE_KEY(R) | HONE_KEY(S) | HONE_KEY(STRIDE) | HONE_KEY(PAD))
#define FILTER   (WINDOW | HONE_KEY(DILATION))
#define CONV     (FILTER | HONE_KEY(K) | HONE_KEY(GROUPS))
#define EPILOGUE (HONE_KEY(BIAS) | HONE_KEY(ACT))
#define MATRIX   (HONE_KEY(M) | HONE_KEY(N) | HONE_KEY(K) | HONE_KEY(TA) | HONE_KEY(TB))

const struct hone_bench_op hone_bench_op_table[] = {
    {"conv2d", CONV | EPILOGUE, build_conv},
    {"conv2d_bwd_x", CONV, build_conv_bwd_x},
    {"conv2d_bwd_w", CONV, build_conv_bwd_w},
    {"depthwise", FILTER | EPILOGUE, build_depthwise},
    {"depthwise_bwd_x", FILTER, build_depthwise_bwd_x},
    {"depthwise_bwd_w", FILTER, build_depthwise_bwd_w},
    {"matmul", MATRIX | EPILOGUE, build_matmul},
    {"batch_norm", PICTURE, build_norm},
    {"batch_norm_train", PICTURE, build_norm_train},
    {"batch_norm_train_bwd", PICTURE, build_norm_train_bwd},
    {"act", PICTURE | HONE_KEY(ACT), build_act},
    {"act_bwd", PICTURE | HONE_KEY(ACT), build_act_bwd},
    {"add", PICTURE, build_add},
    {"mul", PICTURE, build_mul},
    {"gate", PICTURE, build_gate},
    {"reduce_to", PICTURE, build_reduce},
    {"max_pool", WINDOW, build_max_pool},
    {"max_pool_bwd", WINDOW, build_max_pool_bwd},
    {"avg_pool", WINDOW, build_avg_pool},
    {"avg_pool_bwd", WINDOW, build_avg_pool_bwd},
    {"global_avg_pool", PICTURE, build_global_pool},
    {"gather", HONE_KEY(N) | HONE_KEY(C), build_gather},
    {"resize", PICTURE, build_resize},
    {"resize_bwd", PICTURE, build_resize_bwd},
    {"layer_norm", PICTURE, build_layer_norm},
    {"layer_norm_bwd", PICTURE, build_layer_norm_bwd},
    {"attention", PICTURE, build_attention},
    {"attention_bwd", PICTURE, build_attention_bwd},
    {"attention_bias", PICTURE, build_attention_bias},
    {"attention_bwd_bias", PICTURE, build_attention_bwd_bias},
    {"softmax", HONE_KEY(N) | HONE_KEY(C), build_softmax},
    {"softmax_bwd", HONE_KEY(N) | HONE_KEY(C), build_softmax_bwd},
    {"cross_entropy", HONE_KEY(N) | HONE_KEY(C), build_cross_entropy},
    {"sgd", HONE_KEY(L), build_sgd},
    {"adamw", HONE_KEY(L), build_adamw},
};
const int hone_bench_op_count = sizeof hone_bench_op_table / sizeof *hone_bench_op_table;

void hone_bench_op_help(void (*line)(void *user, const char *text), void *user) {
    for (int i = 0; i < hone_bench_op_count; i++) {
        char keys[160], text[200];
        hone_bench_shape_help(hone_bench_op_table[i].keys, keys, sizeof keys);
        snprintf(text, sizeof text, "  %-22s%s", hone_bench_op_table[i].name, keys);
        line(user, text);
    }
}

static hone_status find_op(const char *name, const struct hone_bench_op **out) {
    char names[512] = "";
    for (int i = 0; i < hone_bench_op_count; i++) {
        const struct hone_bench_op *op = &hone_bench_op_table[i];
        if (strcmp(op->name, name) == 0) {
            *out = op;
            return HONE_OK;
        }
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", op->name);
    }
    return hone_fail(HONE_NOT_FOUND, "no operator to time is named '%s'; there are %s", name,
                     names);
}

hone_status hone_bench_op_build(const char *name, const char *shape, enum hone_dtype dtype,
                                struct hone_bench_build *build) {
    const struct hone_bench_op *op;
    *build = (struct hone_bench_build){.dtype = dtype};
    HONE_TRY(find_op(name, &op));
    HONE_TRY(hone_bench_shape_parse(shape, op->keys, build->v));
    HONE_TRY(hone_graph_create(&build->graph));
    hone_value result = op->build(build);
    if (result != HONE_NO_VALUE) hone_graph_mark_output(build->graph, result, "result");
    hone_status status = hone_graph_status(build->graph);
    if (status != HONE_OK) hone_graph_destroy(&build->graph);
    return hone_fail_context(status, "--op %s", name);
}
