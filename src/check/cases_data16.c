// cases_data16.c: what else a graph in 16 bits is made of, on f16 and bf16: activations, sums and
// products, batch norm and its gradients, pooling, and what only moves elements. Statistics and
// parameters are f32.
#include "check/case.h"

#define BOTH(X, ...) X(HONE_F16, "f16", __VA_ARGS__), X(HONE_BF16, "bf16", __VA_ARGS__)
#define DATA(type, ...)                                                                            \
    { .desc = OP_DESC(type, __VA_ARGS__) }
#define CHANNELS(n)                                                                                \
    { .desc = OP_F32(n), .values = VALUES_POSITIVE }
#define ROWS(...) .tolerance = {__VA_ARGS__}, .large = true

#define ACT(type, text, kind_)                                                                     \
    {.op = &hone_op_act,                                                                           \
     .name = text,                                                                                 \
     .attrs = &(const struct hone_act_attrs){.kind = kind_},                                       \
     .input_count = 1,                                                                             \
     .in = {{.desc = OP_DESC(type, 3, 5, 7, 12), .lo = -4, .hi = 4}},                              \
     ROWS(.c = 8)},                                                                                \
    {                                                                                              \
        .op = &hone_op_act_bwd, .name = text,                                                      \
        .attrs = &(const struct hone_act_attrs){.kind = kind_}, .input_count = 2,                  \
        .in = {DATA(type, 3, 5, 7, 12), DATA(type, 3, 5, 7, 12)}, ROWS(.c = 8)                     \
    }
#define BINARY(type, text, op_)                                                                    \
    {.op = &op_,                                                                                   \
     .name = text,                                                                                 \
     .input_count = 2,                                                                             \
     .in = {DATA(type, 2, 5, 3, 8), DATA(type, 2, 5, 3, 8)},                                       \
     ROWS(.c = 4)},                                                                                \
    {                                                                                              \
        .op = &op_, .name = text ", a factor a channel", .input_count = 2,                         \
        .in = {DATA(type, 2, 5, 3, 8), DATA(type, 2, 1, 1, 8)}, ROWS(.c = 4)                       \
    }

#define NORM_ATTRS                                                                                 \
    .attrs = &(const struct hone_batch_norm_attrs) {                                               \
        .eps = 1e-5f, .momentum = 0.1f                                                             \
    }
#define NORM(type, text, m)                                                                        \
    {.op = &hone_op_batch_norm,                                                                    \
     .name = text,                                                                                 \
     NORM_ATTRS,                                                                                   \
     .input_count = 5,                                                                             \
     .in = {DATA(type, m, 20), CHANNELS(20), CHANNELS(20), CHANNELS(20), CHANNELS(20)},            \
     ROWS(.c = 16)},                                                                               \
        {.op = &hone_op_batch_norm_bwd_x,                                                          \
         .name = text,                                                                             \
         NORM_ATTRS,                                                                               \
         .input_count = 3,                                                                         \
         .in = {DATA(type, m, 20), CHANNELS(20), CHANNELS(20)},                                    \
         ROWS(.c = 16)},                                                                           \
        {.op = &hone_op_batch_norm_bwd_p,                                                          \
         .name = text,                                                                             \
         NORM_ATTRS,                                                                               \
         .input_count = 4,                                                                         \
         .in = {DATA(type, m, 20), DATA(type, m, 20), CHANNELS(20), CHANNELS(20)},                 \
         ROWS(.c = 16, .reduction = m)},                                                           \
        {.op = &hone_op_batch_norm_train,                                                          \
         .name = text,                                                                             \
         NORM_ATTRS,                                                                               \
         .input_count = 5,                                                                         \
         .in = {DATA(type, m, 20), CHANNELS(20), CHANNELS(20), CHANNELS(20), CHANNELS(20)},        \
         ROWS(.c = 16, .reduction = m)},                                                           \
    {                                                                                              \
        .op = &hone_op_batch_norm_train_bwd, .name = text, NORM_ATTRS, .input_count = 5,           \
        .in = {DATA(type, m, 20), DATA(type, m, 20), CHANNELS(20), CHANNELS(20), CHANNELS(20)},    \
        ROWS(.c = 16, .reduction = m)                                                              \
    }

#define LAYER_ATTRS                                                                                \
    .attrs = &(const struct hone_layer_norm_attrs) {                                               \
        1e-5f                                                                                      \
    }
#define LAYER(type, text, m)                                                                       \
    {.op = &hone_op_layer_norm,                                                                    \
     .name = text,                                                                                 \
     LAYER_ATTRS,                                                                                  \
     .input_count = 3,                                                                             \
     .in = {DATA(type, m, 20), CHANNELS(20), CHANNELS(20)},                                        \
     ROWS(.c = 16, .reduction = 20)},                                                              \
    {                                                                                              \
        .op = &hone_op_layer_norm_bwd, .name = text, LAYER_ATTRS, .input_count = 5,                \
        .in = {DATA(type, m, 20),                                                                  \
               DATA(type, m, 20),                                                                  \
               CHANNELS(20),                                                                       \
               DATA(HONE_F32, m),                                                                  \
               {.desc = OP_F32(m), .values = VALUES_POSITIVE}},                                    \
        ROWS(.c = 16, .reduction = m)                                                              \
    }

#define POOL_ATTRS(...)                                                                            \
    &(const struct hone_pool_attrs) {                                                              \
        .kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1}, __VA_ARGS__                       \
    }
static void fill_taps(double *const *in, double *out, int64_t count) {
    (void)in;
    for (int64_t i = 0; i < count; i++) out[i] = (double)(i * 7 % 9);
}
#define POOL(type, text, c)                                                                        \
    {.op = &hone_op_max_pool,                                                                      \
     .name = text,                                                                                 \
     .attrs = POOL_ATTRS(0),                                                                       \
     .input_count = 1,                                                                             \
     .in = {{.desc = OP_DESC(type, 2, 9, 7, c), .lo = -4, .hi = 4}},                               \
     ROWS(.exact = true)},                                                                         \
        {.op = &hone_op_max_pool_bwd,                                                              \
         .name = text,                                                                             \
         .attrs = POOL_ATTRS(.in_h = 9, .in_w = 7),                                                \
         .input_count = 2,                                                                         \
         .in = {DATA(type, 2, 5, 4, c), {.desc = OP_I32(2, 5, 4, c), .fill = fill_taps}},          \
         ROWS(.reduction = 4)},                                                                    \
        {.op = &hone_op_avg_pool,                                                                  \
         .name = text,                                                                             \
         .attrs = POOL_ATTRS(0),                                                                   \
         .input_count = 1,                                                                         \
         .in = {DATA(type, 2, 9, 7, c)},                                                           \
         ROWS(.reduction = 9)},                                                                    \
        {.op = &hone_op_avg_pool_bwd,                                                              \
         .name = text,                                                                             \
         .attrs = POOL_ATTRS(.in_h = 9, .in_w = 7),                                                \
         .input_count = 1,                                                                         \
         .in = {DATA(type, 2, 5, 4, c)},                                                           \
         ROWS(.reduction = 9)},                                                                    \
        {.op = &hone_op_global_avg_pool,                                                           \
         .name = text,                                                                             \
         .input_count = 1,                                                                         \
         .in = {DATA(type, 2, 9, 7, c)},                                                           \
         ROWS(.reduction = 63)},                                                                   \
    {                                                                                              \
        .op = &hone_op_global_avg_pool, .name = text ", in slices", .input_count = 1,              \
        .in = {DATA(type, 1, 41, 37, c)}, ROWS(.reduction = 1517)                                  \
    }

#define MOVED(type, op_, text, attrs_, ...)                                                        \
    {                                                                                              \
        .op = &op_, .name = text, .attrs = &(const struct attrs_){__VA_ARGS__}, .input_count = 1,  \
        .in = {DATA(type, 3, 5, 7, 12)}, ROWS(.exact = true)                                       \
    }
#define LAYOUT(type, text)                                                                         \
    {.op = &hone_op_concat,                                                                        \
     .name = text ", channels",                                                                    \
     .attrs = &(const struct hone_concat_attrs){.axis = 3},                                        \
     .input_count = 3,                                                                             \
     .in = {DATA(type, 2, 5, 3, 8), DATA(type, 2, 5, 3, 6), DATA(type, 2, 5, 3, 16)},              \
     ROWS(.exact = true)},                                                                         \
        {.op = &hone_op_concat,                                                                    \
         .name = text ", rows",                                                                    \
         .attrs = &(const struct hone_concat_attrs){.axis = 1},                                    \
         .input_count = 2,                                                                         \
         .in = {DATA(type, 2, 5, 3, 6), DATA(type, 2, 1, 3, 6)},                                   \
         ROWS(.exact = true)},                                                                     \
        MOVED(type, hone_op_slice, text, hone_slice_attrs, .begin = {0, 1, 0, 4},                  \
              .size = {0, 2, 0, 6}),                                                               \
        MOVED(type, hone_op_slice, text ", vectors", hone_slice_attrs, .begin = {1}, .size = {2}), \
        MOVED(type, hone_op_pad, text, hone_pad_attrs, .before = {0, 1, 0, 2},                     \
              .after = {0, 0, 2, 4}, .value = 0.5f),                                               \
        MOVED(type, hone_op_pad, text ", rows", hone_pad_attrs, .before = {1}, .after = {1},       \
              .value = -2),                                                                        \
        MOVED(type, hone_op_flip, text, hone_flip_attrs, .axes = 1 << 1 | 1 << 2),                 \
        MOVED(type, hone_op_permute, text, hone_permute_attrs, .perm = {0, 2, 1, 3}),              \
        MOVED(type, hone_op_permute, text ", one picture's pixels", hone_permute_attrs,            \
              .perm = {1, 2, 0, 3}),                                                               \
        {.op = &hone_op_broadcast_to,                                                              \
         .name = text,                                                                             \
         .attrs = &(const struct hone_shape_attrs){.rank = 4, .dim = {3, 5, 7, 12}},               \
         .input_count = 1,                                                                         \
         .in = {DATA(type, 3, 1, 1, 12)},                                                          \
         ROWS(.exact = true)},                                                                     \
        {.op = &hone_op_broadcast_to,                                                              \
         .name = text ", eights",                                                                  \
         .attrs = &(const struct hone_shape_attrs){.rank = 4, .dim = {3, 5, 7, 16}},               \
         .input_count = 1,                                                                         \
         .in = {DATA(type, 3, 1, 1, 16)},                                                          \
         ROWS(.exact = true)},                                                                     \
        {.op = &hone_op_scale,                                                                     \
         .name = text,                                                                             \
         .attrs = &(const struct hone_scale_attrs){.alpha = -0.7f},                                \
         .input_count = 1,                                                                         \
         .in = {DATA(type, 3, 5, 7, 12)},                                                          \
         ROWS(.c = 4)},                                                                            \
        {.op = &hone_op_reduce_to,                                                                 \
         .name = text ", channels",                                                                \
         .attrs = &(const struct hone_shape_attrs){.rank = 1, .dim = {12}},                        \
         .input_count = 1,                                                                         \
         .in = {DATA(type, 3, 35, 47, 12)},                                                        \
         ROWS(.reduction = 4935)},                                                                 \
        {.op = &hone_op_reduce_to,                                                                 \
         .name = text ", both ends",                                                               \
         .attrs = &(const struct hone_shape_attrs){.rank = 4, .dim = {1, 5, 7, 12}},               \
         .input_count = 1,                                                                         \
         .in = {DATA(type, 3, 5, 7, 12)},                                                          \
         ROWS(.reduction = 3)},                                                                    \
    {                                                                                              \
        .op = &hone_op_reduce_to, .name = text ", a picture's",                                    \
        .attrs = &(const struct hone_shape_attrs){.rank = 4, .dim = {3, 1, 1, 12}},                \
        .input_count = 1, .in = {DATA(type, 3, 5, 7, 12)}, ROWS(.reduction = 35)                   \
    }

const struct hone_case hone_cases_data16[] = {
    BOTH(ACT, HONE_ACT_RELU),
    BOTH(ACT, HONE_ACT_SILU),
    BOTH(BINARY, hone_op_add),
    BOTH(BINARY, hone_op_mul),
    BOTH(NORM, 97),
    BOTH(NORM, 1531),
    BOTH(LAYER, 97),
    BOTH(POOL, 12),
    BOTH(POOL, 16),
    LAYOUT(HONE_F16, "f16"),
    LAYOUT(HONE_BF16, "bf16"),
    {.op = NULL},
};
