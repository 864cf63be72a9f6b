// conv.glsl: what all convolution kernels share: the push constants and the activation epilogue. Sizes are ints:
// tensors of 2^31 elements or more do not pass infer.
// Letters: n h w c input, k p q output, r s filter. fprop, dgrad and wgrad read the same block.
// A kernel runs at most 65,535 loop iterations an invocation: Mesa's CPU driver ends loops after that many,
// silently, and counts all loops of a shader together. Hence the unrolled loops and the slices of wgrad.
#extension GL_EXT_control_flow_attributes : require

layout(push_constant) uniform Push {
    int n, h, w, c;
    int k, p, q, r;
    int s, stride_h, stride_w, pad_h;
    int pad_w, dilation_h, dilation_w, groups;
    float act_a, act_b;
    int first_slice, slice_len; // wgrad: slices of the contraction
} g;

// enum hone_act of ops/ops.h; kind is a specialisation constant, so one branch remains
float conv_act(float x, uint kind) {
    switch (kind) {
    case 1: return max(x, 0.0);
    case 2: return min(max(x, g.act_a), g.act_b);
    case 3: return 1.0 / (1.0 + exp(-x));
    case 4: return min(max(g.act_a * x + g.act_b, 0.0), 1.0);
    case 5: return x / (1.0 + exp(-x));
    case 6: return x * min(max(x / 6.0 + 0.5, 0.0), 1.0);
    default: return x;
    }
}
