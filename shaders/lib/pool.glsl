// pool.glsl: the window of a pooling kernel, as struct pool_push of src/ops/pool_rows.c. c counts V (width.glsl).
// Filter and stride are constants, so that loops over a window unroll and divisions become shifts.
layout(constant_id = 1) const int R = 1;
layout(constant_id = 2) const int S = 1;
layout(constant_id = 3) const int STRIDE_H = 1;
layout(constant_id = 4) const int STRIDE_W = 1;
layout(push_constant) uniform Push {
    int n, h, w, c, p, q;
    int pad_h, pad_w;
    int count_pad;
} g;

// What a window's average divides by; (top, left) is its corner, perhaps outside the picture.
float window_divisor(int top, int left) {
    if (g.count_pad != 0) return float(R * S);
    return float((min(top + R, g.h) - max(top, 0)) * (min(left + S, g.w) - max(left, 0)));
}

bool inside(int at, int count) {
    return at >= 0 && at < count;
}

// First and last of `count` windows along one axis that hold element `at`.
ivec2 windows_of(int at, int pad, int size, int stride, int count) {
    int first = at + pad - size + 1;
    return ivec2(first > 0 ? (first + stride - 1) / stride : 0, min((at + pad) / stride, count - 1));
}
