// ops.h: the operators, their inputs, outputs and attributes. This header is what importers, model
// builders and the trainer need to emit nodes; a family file in this folder holds each definition.
//
// Letters: N C H W input, K P Q output, R S filter, G groups; M N K in matmul. Activations
// (N,H,W,C), convolution weights (K,R,S,C/G). Everything is f32 unless a dtype is written; "16-bit"
// means f16 or bf16, which are storage: every sum is made in f32. [x] is optional.
//
// Data may be 16-bit in: conv2d and its gradients, matmul, attention*, batch_norm* (x, r, y, dy;
// parameters and statistics stay f32), act, act_bwd, add, mul, max_pool, avg_pool, resize, their
// gradients, layer_norm*, global_avg_pool and reshape. All data of a node is of one type, results
// too; but for conv2d* and matmul its last dimension must then be a multiple of four.
#ifndef HONE_OPS_OPS_H
#define HONE_OPS_OPS_H

#include "ir/graph.h"
#include "ir/grad.h"
#include "ir/pass_cast.h"

#define HONE_OP(name) extern const struct hone_op hone_op_##name;
#include "ops/ops.def"
#undef HONE_OP

// All definitions, in the order of ops.def.
extern const struct hone_op *const hone_ops[];
extern const int hone_op_count;
// NULL when there is none of that name.
const struct hone_op *hone_op_find(const char *name);
// add and fill, for hone_graph_gradients().
extern const struct hone_grad_ops hone_ops_for_gradients;

// ---- Activation functions, as ops of their own and as epilogues
// -----------------------------------------
enum hone_act {
    HONE_ACT_NONE,
    HONE_ACT_RELU,         // max(x, 0)
    HONE_ACT_CLIP,         // min(max(x, a), b); relu6 is clip 0 6
    HONE_ACT_SIGMOID,      // 1 / (1 + exp(-x))
    HONE_ACT_HARD_SIGMOID, // min(max(a x + b, 0), 1)
    HONE_ACT_SILU,         // x sigmoid(x)
    HONE_ACT_HARD_SWISH,   // x min(max(x / 6 + 1/2, 0), 1)
    HONE_ACT_GELU,         // x (1 + erf(x / sqrt 2)) / 2
    HONE_ACT_GELU_TANH,    // x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2
    HONE_ACT_TANH,         // tanh(x)
    HONE_ACT_ERF,          // erf(x)
    HONE_ACT_EXP,          // exp(x)
    HONE_ACT_LOG,          // log(x)
    HONE_ACT_SQRT,         // sqrt(x)
    HONE_ACT_POW,          // x^a; x < 0 where a is a whole number, else NaN
    HONE_ACT_COUNT,
};
// act(x) -> y.   act_bwd(dy, saved) -> dx, where saved is y for kinds whose derivative is a
// function of the result (relu, clip, sigmoid, hard_sigmoid, tanh, exp, sqrt) and x for the others:
// hone_act_saves_output().
struct hone_act_attrs {
    int32_t kind; // enum hone_act
    float a, b;
};
// The kind exists and its numbers make sense, or HONE_INVALID.
hone_status hone_act_check(const struct hone_act_attrs *attrs);
bool hone_act_saves_output(enum hone_act kind);
double hone_act_value(const struct hone_act_attrs *attrs, double x);
double hone_act_derivative(const struct hone_act_attrs *attrs, double saved);

// ---- Convolution
// -----------------------------------------------------------------------------------------
// conv2d(x (N,H,W,C), w (K,R,S,C/G), [b (K)], [r (N,P,Q,K)]) -> y (N,P,Q,K)
//   y = act(conv(x, w) + b + r)
//   P = (H + top + bottom - dilation_h (R - 1) - 1) / stride_h + 1
// conv2d_bwd_x(dy, w, [r (N,H,W,C)]) -> dx (N,H,W,C), plus r: another gradient of x. attrs.in_h,
// in_w
//   hold H, W
// conv2d_bwd_w(dy, x) -> dw (K,R,S,C/G): attrs.filter_h, filter_w hold R, S
// Depthwise is groups == C. act applies in conv2d only; its gradient is act_bwd of the saved y.
// x, w and dy may be 16-bit, both operands of one type: y, r and dx are of that type, dw and b are
// f32.
struct hone_conv2d_attrs {
    int32_t stride[2];   // h, w
    int32_t pad[4];      // top, left, bottom, right; zeros
    int32_t dilation[2]; // h, w
    int32_t groups;
    int32_t in_h, in_w;         // conv2d_bwd_x only
    int32_t filter_h, filter_w; // conv2d_bwd_w only
    struct hone_act_attrs act;
};

// conv2d_stats(x, w, [b], mean (K), var (K)) -> y, mean', var', batch_mean, batch_invstd
//   y as of conv2d, without act; the others as of batch_norm_train of it. By fusion only.
struct hone_conv2d_stats_attrs {
    struct hone_conv2d_attrs conv;
    float eps, momentum;
};

// matmul(a, b, [bias (N)]) -> act(op(a) op(b) + bias) (M,N). op(a) (M,K): a is (M,K), or (K,M) with
// trans_a; without, a may be (...,K) and the result is (...,N). op(b) (K,N): b is (K,N), or (N,K)
// with trans_b. A linear layer is trans_b = 1 with b = w (out, in). a and b may be 16-bit, both of
// one type, and the result is of that type; with `wide` it is f32 (logits, gradients of weights).
// bias is f32.
struct hone_matmul_attrs {
    int32_t trans_a, trans_b;
    int32_t wide;
    struct hone_act_attrs act;
};

// batch_matmul(a (...,M,K), b (...,K,N)) -> (...,M,N): a product for each of the same leading axes,
// one at least. With trans_a a is (...,K,M), with trans_b b is (...,N,K). f32.
struct hone_batch_matmul_attrs {
    int32_t trans_a, trans_b;
};

// ---- Attention (Vaswani et al. 2017): softmax over keys of scale q k^T + bias, times v, for each
// head
//
//   attention(q (B,N,H,D), k (B,M,H,D), v (B,M,H,DV), [bias]) -> y (B,N,H,DV), lse (B,H,N) f32
//   attention(qkv (B,N,3,H,D), absent, absent, [bias]) -> y, lse
//   attention_bwd(dy, y, lse, q, k, v, [bias]) -> dq, dk, dv
//   attention_packed_bwd(dy, y, lse, qkv, [bias]) -> dqkv
//   attention_bwd_bias(dy, y, lse, q, k, v, bias) -> dbias; or qkv, absent, absent
//
// bias (H,N,M), f32, is added for every picture alike; bias (P,H,N,M) to picture b as b % P says,
// where P divides B: B counts the windows of pictures, P those of one. lse is the logarithm of each
// row's sum of exponentials; no gradient flows through it. All data of one type, which may be
// 16-bit.
struct hone_attention_attrs {
    float scale;
};

// ---- Batch norm (Ioffe, Szegedy 2015), over the last axis
//
//   batch_norm(x, gamma, beta, mean, var, [r]) -> y
//
// y = act(gamma (x - mean) / sqrt(var + eps) + beta + r)
//
//   batch_norm_bwd_x(dy, gamma, var, [saved]) -> dx
//   batch_norm_bwd_p(dy, x, mean, var) -> dgamma, dbeta
//
// its gradients: statistics are constants, act is none; but bwd_x may go through an act whose
// `saved` (as in act_bwd) it is given
//
//   batch_norm_train(x, gamma, beta, mean, var, [r]) -> y, mean', var', batch_mean, batch_invstd
//
// the same with statistics of this batch (biased variance in y); mean' = (1 - momentum) mean +
// momentum batch_mean, var' likewise with the unbiased variance, as PyTorch does
//
//   batch_norm_apply(x, gamma, beta, batch_mean, batch_invstd, [r]) -> y
//
// what is left of it where the convolution that gives x has made the statistics (conv2d_stats)
//
//   batch_norm_train_bwd(dy, x, gamma, batch_mean, batch_invstd, [beta], [y]) -> dx, dgamma, dbeta
//
// dy is the gradient of act's result; act's derivative comes from y where y is given, else from
// what was activated, made again from x and beta. Without act neither is given.
//
//   batch_norm_residual_bwd(dy, x, gamma, batch_mean, batch_invstd, y) -> dx, dgamma, dbeta, dr
//
// the same where r was added before act; dr is its gradient. act saves its output.
struct hone_batch_norm_attrs {
    float eps;
    float momentum; // share of the new batch; batch_norm_train only
    struct hone_act_attrs act;
};

// ---- Layer norm (Ba, Kiros, Hinton 2016), over the last axis
//
//   layer_norm(x (...,C), gamma (C), beta (C)) -> y, mean (...), invstd (...)
//   layer_norm_bwd(dy, x, gamma, mean, invstd) -> dx, dgamma, dbeta
//
// y = gamma (x - mean) invstd + beta, invstd = 1 / sqrt(var + eps), var biased. Gradients do not
// flow through mean and invstd.
struct hone_layer_norm_attrs {
    float eps;
};

// ---- Casts
// cast(x f32, f16 or bf16) -> x rounded to `dtype`, another one of these: nearest, ties to even;
// what is too large becomes infinity
// attributes: struct hone_cast_attrs (ir/pass_cast.h)

// ---- Arithmetic
// ------------------------------------------------------------------------------------------
// add(a, b), sub(a, b), mul(a, b), div(a, b) -> numpy broadcasting, aligned at the last axis; the
// result's rank is the larger one
// scale(x) -> alpha x
struct hone_scale_attrs {
    float alpha;
};
// fill() -> constant of struct hone_fill_attrs (ir/grad.h)
// reduce_to(x) -> sum of x over the axes along which the given shape, aligned at the last axis, has
// 1 or nothing; of x's rank, dim[0] = 0 keeps x's first dimension (the batch)
// broadcast_to(x) -> x repeated to the given shape
struct hone_shape_attrs {
    int32_t rank;
    int32_t dim[HONE_MAX_RANK];
};

// ---- Layout
// ----------------------------------------------------------------------------------------------
// reshape(x) -> the same elements; struct hone_shape_attrs, where dim[0] = 0 keeps x's first
// dimension (the
//   batch) and one dim = -1 takes what is left. A view.
// permute(x) -> y with y.dim[i] = x.dim[perm[i]]
struct hone_permute_attrs {
    int32_t perm[HONE_MAX_RANK];
};
// flip(x) -> y, the axes whose bits are set in the other direction:
// y[..., i, ...] = x[..., n-1-i, ...]
struct hone_flip_attrs {
    int32_t axes; // bit i: axis i
};
// concat(x...) along axis (from the front, 0-based); where that is not 0, inputs of size 1 on axis
// 0 are repeated there (a class token for each picture)
struct hone_concat_attrs {
    int32_t axis;
};
// slice(x) -> x[begin .. begin + size) on each axis; size 0 means up to the end
struct hone_slice_attrs {
    int32_t begin[HONE_MAX_RANK], size[HONE_MAX_RANK];
};
// pad(x) -> x with `before` and `after` more elements of `value` on each axis
struct hone_pad_attrs {
    int32_t before[HONE_MAX_RANK], after[HONE_MAX_RANK];
    float value;
};
// view(slab (L)) -> the elements from offset on, with a shape of their own. A view.
struct hone_view_attrs {
    int32_t offset; // elements, a multiple of HONE_PACK_ALIGN
    int32_t rank;
    int32_t dim[HONE_MAX_RANK];
};
// pack(x...) -> slab (L): input k starts at the sum of its predecessors' sizes, each rounded up to
// HONE_PACK_ALIGN elements; the gaps are 0. No copy where the planner can place the inputs.
enum { HONE_PACK_ALIGN = 64 };
int64_t hone_pack_stride(const struct hone_desc *desc); // elements, rounded up

// ---- Tables
// -----------------------------------------------------------------------------------------------
// gather(x, index, order, start) -> y of index's shape, y[i] = x[index[i]] with x as one list: a
// table of positions, read where a file says. index, order and start are whole numbers in f32,
// known beforehand: order (elements of y) lists the places of y by the element that they take,
// start (elements of x, and one) where those of each begin in it gather_bwd(dy, order, start) -> dx
// of the shape in struct hone_shape_attrs

// ---- Pooling
// ---------------------------------------------------------------------------------------------
// max_pool(x) -> y (N,P,Q,C), index (N,P,Q,C) i32: r S + s of the first maximum. Padding never
// wins. max_pool_bwd(dy, index) -> dx; attrs.in_h, in_w hold H, W avg_pool(x) -> y. Divides by R S,
// or by the number of elements inside x where count_pad is 0. avg_pool_bwd(dy) -> dx
// global_avg_pool(x) -> (N,1,1,C)
struct hone_pool_attrs {
    int32_t kernel[2], stride[2];
    int32_t pad[4]; // top, left, bottom, right; bottom and right include what ceil_mode adds
    int32_t count_pad;
    int32_t in_h, in_w; // backward only
};

// ---- Resizing
// --------------------------------------------------------------------------------------------
// resize(x (N,H,W,C)) -> y (N,P,Q,C): output p lies at u = p step + offset of the input, clamped to
// [0, H - 1]; it is the element at floor(u), or between the two around u (bilinear)
// resize_bwd(dy) -> dx; attrs.in_h, in_w hold H, W
struct hone_resize_attrs {
    int32_t size[2];          // P, Q
    int32_t linear;           // 1: bilinear, 0: nearest
    float step[2], offset[2]; // h, w
    int32_t in_h, in_w;       // backward only
};

// ---- Softmax and loss
// ------------------------------------------------------------------------------------ softmax(x)
// -> over the last axis;   softmax_bwd(dy, y) -> dx cross_entropy(logits (N,C), labels (N) i32,
// weights (C)) -> loss (1): the weighted mean of PyTorch's
//   CrossEntropyLoss(weight, label_smoothing, reduction="mean"); rows with a negative label count
//   nothing. gamma > 0 makes it a focal loss (Lin et al. 2017): each row's loss is multiplied by
//   (1 - p[label])^gamma, so that what is known already counts little
// cross_entropy_bwd(dloss (1), logits, labels, weights) -> dlogits
struct hone_cross_entropy_attrs {
    float smoothing;
    float gamma;
};

// ---- Random
// ----------------------------------------------------------------------------------------------
// Every random op draws from the counter generator of base/rng.h with key clock[0] (seed), counter
// (element, clock[1] (step)) and stream `salt`, so that the same step gives the same numbers on
// every device. clock: i32 (2), an input. dropout(x, clock) -> x mask / (1 - rate). Its gradient is
// dropout(dy, clock) with the same salt. Where `pictures` is set the mask has one number a picture
// (axis 0): stochastic depth (Huang et al. 2016).
struct hone_dropout_attrs {
    float rate;
    int32_t salt;
    int32_t pictures;
};

// ---- Pictures
// --------------------------------------------------------------------------------------------
// image_normalize(u8 (N,H,W,3)) -> f32 (N,H,W,3) = pixel scale[c] + shift[c]
// image_warp(u8 (N,H,W,3), plan (N,32)) -> f32 (N,H,W,3): the plan's map, bilinear, mirrored at the
// borders, then as normalize
struct hone_normalize_attrs {
    float scale[3], shift[3];
};
// image_mix(x (N,H,W,3), mix (8)) -> each picture mixed with the one at the same place from the
// other end of the batch. mix: 0 the share of its own levels, outside the box 1..4 (top, left,
// bottom, right in pixels, ends not included), which is the other's; 5 and up are not read
enum { HONE_MIX_NUMBERS = 8 };
// augment_draw(clock) -> plan (N,32): what happens to each picture, drawn at random. Columns:
//   0..7 a map from output to input pixel centres in units of the picture's size about its centre:
//     (u, v) = (m0 x + m1 y, m3 x + m4 y) / (1 + m6 x + m7 y) + (m2, m5), x, y in [-1/2, 1/2]
//   8 brightness, added   9 contrast, about one half   10 gamma, exponent   11, 12 saturation times
//   cos and sin of the turn of the hues   13 blur, pixels   14 noise   15 the noise's seed
//   16 blocks   17..20 erased: left, top, right, bottom, in 256ths   others 0
enum { HONE_AUGMENT_PLAN = 32 };
enum hone_augment_policy {
    HONE_AUGMENT_EACH,    // everything that has a range happens to every picture; blur, noise,
                          // blocks and erasing to half of them
    HONE_AUGMENT_TRIVIAL, // one of them, or none (TrivialAugment: Mueller, Hutter 2021)
    HONE_AUGMENT_TWO,     // two of them, perhaps twice the same (RandAugment: Cubuk et al. 2019)
};
// Flips are drawn always. Ranges of 0 switch a kind off.
struct hone_augment_attrs {
    int32_t batch;
    int32_t flip_x, flip_y; // 1: with probability one half
    float rotate;           // uniform in [-rotate, rotate] radians
    float scale_lo,
        scale_hi; // zoom, uniform; 1, 1: none. Above 1 shows a part of the picture (a crop)
    float shift;  // uniform in [-shift, shift] of the size, each axis
    int32_t salt;
    int32_t policy;    // enum hone_augment_policy
    float perspective; // tilt: how much smaller the far edge is, up to; < 1
    float crop;        // share of the side that is cut off, up to; the rest fills the picture
    float brightness;  // share of the full range, each way
    float contrast, saturation; // factors in 1 - x .. 1 + x
    float gamma;                // exponents in 1 / (1 + x) .. 1 + x
    float hue;                  // radians, each way
    float blur;                 // deviation in pixels, up to; 1.5 at most
    float noise;                // deviation, share of the full range, up to
    float blocks;               // least coefficient that is kept, up to
    float erase;                // sides of the box, share of the picture's, up to
};
// On pictures in [0, 1]; the columns of the plan that they go by are above.
// image_blur(x (N,H,W,3), plan) -> y: seven taps along attrs->axis (1 or 2), mirrored at the
// borders image_blocks(x (N,H,W,3), plan) -> y: blocks of 8x8 whose cosine transform loses what is
// small image_style(x (N,H,W,3), plan) -> y: colours, noise, then as normalize; what is erased is 0
struct hone_blur_attrs {
    int32_t axis;
};

// ---- Optimisers: one multi-tensor update over slabs
// -------------------------------------------------------- hyper (4): learning rate, 1 - beta1^t, 1
// - beta2^t, share of the new weights in their average. segments (L / HONE_PACK_ALIGN, 2): for each
// run of HONE_PACK_ALIGN elements a factor on the learning rate and the weight decay. sgd(w, g, m,
// segments, hyper) -> w', m': PyTorch's SGD: g += decay w; m = momentum m + g; w -= lr m
//   (nesterov: w -= lr (g + momentum m))
// adamw(w, g, m, v, segments, hyper) -> w', m', v' (Loshchilov, Hutter 2019)
// ema(e, w, hyper) -> e' = e + hyper[3] (w - e): the average of the weights over steps (Polyak,
// Juditsky 1992)
struct hone_sgd_attrs {
    float momentum;
    int32_t nesterov;
};
struct hone_adamw_attrs {
    float beta1, beta2, eps;
};
// train_stats(stats (4), loss (1), logits (N,C), labels (N) i32) -> stats': adds loss n, n,
// correct, 0, where n
//   counts the rows with a label >= 0 and correct those whose first largest logit is the label
// A negative learning rate: sgd and adamw change nothing.
// unscale(g (L), scaler (8), hyper (4)) -> g' (L), scaler' (8), hyper' (4): gradients of a loss
// that was scaled back to their size; where one is no finite number, hyper' leaves the step out and
// the scale halves. scaler: scale (a power of two), good steps in a row, 1 - beta1^t, 1 - beta2^t
// of the steps made, steps left out; 0 but for the scale at the start. The formula is in scaling.c.
struct hone_unscale_attrs {
    float beta1, beta2; // of the optimiser; 0 where it has none
    int32_t interval;   // good steps until the scale doubles
};
#endif
