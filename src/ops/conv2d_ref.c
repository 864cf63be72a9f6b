// conv2d_ref.c: convolution and its gradients in double, as plainly as their formulas (conv2d.c)
// stand: the definition that every kernel is compared with.
#include "ops/conv2d.h"

#include "ops/common.h"

struct shapes {
    const struct hone_conv2d_attrs *attrs;
    const struct hone_desc *x, *w, *y;
};

// The three sums share one walk: for each output element and tap inside x, `visit` combines the C/G
// channels of x at xi with those of w at wi for y at yi.
typedef void visit(void *to, const struct hone_ref_args *args, int64_t xi, int64_t wi, int64_t yi,
                   int32_t channels);

static void walk(struct shapes g, const struct hone_ref_args *args, visit *each) {
    const struct hone_conv2d_attrs *a = g.attrs;
    int32_t cg = g.w->dim[3], kg = g.w->dim[0] / a->groups;
    int64_t yi = 0;
    int32_t at[HONE_OP_AXES] = {0}; // n p q k
    do {
        int64_t group = at[3] / kg;
        for (int64_t r = 0; r < g.w->dim[1]; r++) {
            int64_t h = (int64_t)at[1] * a->stride[0] - a->pad[0] + r * a->dilation[0];
            if (h < 0 || h >= g.x->dim[1]) continue;
            for (int64_t s = 0; s < g.w->dim[2]; s++) {
                int64_t v = (int64_t)at[2] * a->stride[1] - a->pad[1] + s * a->dilation[1];
                if (v < 0 || v >= g.x->dim[2]) continue;
                int64_t xi = (((int64_t)at[0] * g.x->dim[1] + h) * g.x->dim[2] + v) * g.x->dim[3];
                int64_t wi = (((int64_t)at[3] * g.w->dim[1] + r) * g.w->dim[2] + s) * cg;
                each(args->out[0], args, xi + group * cg, wi, yi, cg);
            }
        }
        yi++;
    } while (hone_op_next(at, g.y->dim));
}

static void visit_y(void *to, const struct hone_ref_args *args, int64_t xi, int64_t wi, int64_t yi,
                    int32_t channels) {
    double *y = to;
    for (int32_t c = 0; c < channels; c++) y[yi] += args->in[0][xi + c] * args->in[1][wi + c];
}

static void visit_dx(void *to, const struct hone_ref_args *args, int64_t xi, int64_t wi, int64_t yi,
                     int32_t channels) {
    double *dx = to;
    for (int32_t c = 0; c < channels; c++) dx[xi + c] += args->in[0][yi] * args->in[1][wi + c];
}

static void visit_dw(void *to, const struct hone_ref_args *args, int64_t xi, int64_t wi, int64_t yi,
                     int32_t channels) {
    double *dw = to;
    for (int32_t c = 0; c < channels; c++) dw[wi + c] += args->in[0][yi] * args->in[1][xi + c];
}

// The input if it is there, or NULL.
static const double *optional(const struct hone_ref_args *args, int input) {
    return args->input_count > input ? args->in[input] : NULL;
}

// The sum begins with this, or with 0.
static void begin_with(const struct hone_ref_args *args, const double *from) {
    int64_t count = hone_desc_elements(&args->out_desc[0]);
    for (int64_t i = 0; i < count; i++) args->out[0][i] = from ? from[i] : 0;
}

void hone_op_conv2d_ref(const struct hone_ref_args *args) {
    struct shapes g = {args->attrs, &args->in_desc[0], &args->in_desc[1], &args->out_desc[0]};
    const double *b = optional(args, 2);
    int64_t count = hone_desc_elements(g.y), k = g.y->dim[3];
    begin_with(args, optional(args, 3));
    for (int64_t i = 0; i < count && b; i++) args->out[0][i] += b[i % k];
    walk(g, args, visit_y);
    for (int64_t i = 0; i < count; i++)
        args->out[0][i] = hone_act_value(&g.attrs->act, args->out[0][i]);
}

void hone_op_conv2d_bwd_x_ref(const struct hone_ref_args *args) {
    begin_with(args, optional(args, 2));
    walk((struct shapes){args->attrs, &args->out_desc[0], &args->in_desc[1], &args->in_desc[0]},
         args, visit_dx);
}

void hone_op_conv2d_bwd_w_ref(const struct hone_ref_args *args) {
    begin_with(args, NULL);
    walk((struct shapes){args->attrs, &args->in_desc[1], &args->out_desc[0], &args->in_desc[0]},
         args, visit_dw);
}
