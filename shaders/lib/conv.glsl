// conv.glsl: what all convolution kernels share: the push constants and the activation epilogue. Sizes are ints:
// tensors of 2^31 elements or more do not pass infer.
// Letters: n h w c input, k p q output, r s filter. fprop, dgrad and wgrad read the same block.
// A kernel runs at most 65,535 loop iterations an invocation: Mesa's CPU driver ends loops after that many,
// silently, and counts all loops of a shader together. Hence the unrolled loops and the slices of wgrad.
#extension GL_EXT_control_flow_attributes : require
#include "act.glsl"

layout(push_constant) uniform Push {
    int n, h, w, c;
    int k, p, q, r;
    int s, stride_h, stride_w, pad_h;
    int pad_w, dilation_h, dilation_w, groups;
    float act_a, act_b;
    int first_slice, slice_len; // wgrad: slices of the contraction
} g;

// The activation epilogue; kind is a specialisation constant, so one branch remains.
float conv_act(float x, uint kind) {
    return hone_act(kind, g.act_a, g.act_b, x);
}
