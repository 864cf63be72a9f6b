// resize.glsl: where a resized picture reads, as struct resize_push of src/ops/resize.c. c counts V (width.glsl).
layout(push_constant) uniform Push {
    int n, h, w, c, p, q;
    int linear;
    float step_h, step_w, offset_h, offset_w;
} g;

// The two neighbours along an axis of `size` that output `at` is made of, and the share of the second.
struct Taps {
    int a, b;
    float f;
};

Taps taps_of(int at, float step, float offset, int size) {
    float u = clamp(float(at) * step + offset, 0.0, float(size - 1));
    int a = int(floor(u)), b = min(a + 1, size - 1);
    return g.linear != 0 ? Taps(a, b, u - float(a)) : Taps(a, a, 0.0);
}

// The share of input `at` in that output.
float share_of(Taps t, int at) {
    return (t.a == at ? 1.0 - t.f : 0.0) + (t.b == at ? t.f : 0.0);
}

// First and last of `count` outputs that may read input `at`; at the borders, those beyond, too.
ivec2 readers_of(int at, float step, float offset, int size, int count) {
    int first = int(floor((float(at - 1) - offset) / step)), last = int(ceil((float(at + 1) - offset) / step));
    return ivec2(at == 0 ? 0 : max(first, 0), at == size - 1 ? count - 1 : min(last, count - 1));
}
