// onnx_export_act.c: how each activation function is said in ONNX, opset 13: an operator, or
// several.
#include "formats/onnx_write.h"

#include <float.h>

// op(in, number) under a name of its own.
static const char *act_with(struct hone_onnx_writer *w, const char *op, const char *in,
                            float number) {
    const char *out = hone_onnx_make_name(w);
    hone_onnx_put_node(w, op, out, out, 2, (const char *[]){in, hone_onnx_put_scalar(w, number)});
    return out;
}

static const char *act_unary(struct hone_onnx_writer *w, const char *op, const char *in) {
    const char *out = hone_onnx_make_name(w);
    hone_onnx_put_node(w, op, out, out, 1, &in);
    return out;
}

static void act_product(struct hone_onnx_writer *w, const char *name, const char *a, const char *b,
                        const char *out) {
    hone_onnx_put_node(w, "Mul", name, out, 2, (const char *[]){a, b});
}

static const char *act_hard_sigmoid(struct hone_onnx_writer *w, const char *name, const char *in,
                                    const char *out, float alpha, float beta) {
    HoneOnnx__Node *node = hone_onnx_put_node(w, "HardSigmoid", name, out, 1, &in);
    hone_onnx_put_float(w, node, "alpha", alpha);
    hone_onnx_put_float(w, node, "beta", beta);
    return out;
}

// x / 2 (1 + erf(x / sqrt 2)), or with the tanh that comes near it.
static void act_gelu(struct hone_onnx_writer *w, const char *name, const char *in, const char *out,
                     bool tanh) {
    const char *gate;
    if (tanh) {
        const char *cube = act_with(w, "Mul", act_with(w, "Pow", in, 3), 0.044715f);
        const char *sum = hone_onnx_make_name(w);
        hone_onnx_put_node(w, "Add", sum, sum, 2, (const char *[]){in, cube});
        gate = act_unary(w, "Tanh", act_with(w, "Mul", sum, 0.7978845608f));
    } else {
        gate = act_unary(w, "Erf", act_with(w, "Mul", in, 0.7071067812f));
    }
    act_product(w, name, act_with(w, "Mul", in, 0.5f), act_with(w, "Add", gate, 1), out);
}

void hone_onnx_put_act(struct hone_onnx_writer *w, const char *name, const char *in,
                       const char *out, const struct hone_act_attrs *a) {
    static const char *const plain[HONE_ACT_COUNT] = {
        [HONE_ACT_NONE] = "Identity", [HONE_ACT_RELU] = "Relu", [HONE_ACT_SIGMOID] = "Sigmoid",
        [HONE_ACT_TANH] = "Tanh",     [HONE_ACT_ERF] = "Erf",   [HONE_ACT_EXP] = "Exp",
        [HONE_ACT_LOG] = "Log",       [HONE_ACT_SQRT] = "Sqrt",
    };
    switch (a->kind) {
    case HONE_ACT_SILU: act_product(w, name, in, act_unary(w, "Sigmoid", in), out); break;
    case HONE_ACT_HARD_SIGMOID: act_hard_sigmoid(w, name, in, out, a->a, a->b); break;
    case HONE_ACT_HARD_SWISH: {
        const char *gate = hone_onnx_make_name(w);
        act_product(w, name, in, act_hard_sigmoid(w, gate, in, gate, 1 / 6.0f, 0.5f), out);
        break;
    }
    case HONE_ACT_CLIP: {
        const char *lo = a->a <= -FLT_MAX ? "" : hone_onnx_put_scalar(w, a->a);
        const char *hi = a->b >= FLT_MAX ? "" : hone_onnx_put_scalar(w, a->b);
        hone_onnx_put_node(w, "Clip", name, out, 3, (const char *[]){in, lo, hi});
        break;
    }
    case HONE_ACT_POW:
        hone_onnx_put_node(w, "Pow", name, out, 2,
                           (const char *[]){in, hone_onnx_put_scalar(w, a->a)});
        break;
    case HONE_ACT_GELU: act_gelu(w, name, in, out, false); break;
    case HONE_ACT_GELU_TANH: act_gelu(w, name, in, out, true); break;
    default: hone_onnx_put_node(w, plain[a->kind], name, out, 1, &in); break;
    }
}
