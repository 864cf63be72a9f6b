// pool.glsl: the window of a pooling kernel, as struct push of src/ops/pool_rows.c. c counts V (width.glsl).
layout(push_constant) uniform Push {
    int n, h, w, c, p, q;
    int r, s, stride_h, stride_w, pad_h, pad_w;
    int count_pad;
} g;

// What a window's average divides by; (top, left) is its corner, perhaps outside the picture.
float window_divisor(int top, int left) {
    if (g.count_pad != 0) return float(g.r * g.s);
    return float((min(top + g.r, g.h) - max(top, 0)) * (min(left + g.s, g.w) - max(left, 0)));
}

// First and last of the windows along one axis that hold element `at`: `count` windows.
ivec2 windows_of(int at, int pad, int size, int stride, int count) {
    int first = at + pad - size + 1;
    return ivec2(first > 0 ? (first + stride - 1) / stride : 0, min((at + pad) / stride, count - 1));
}
