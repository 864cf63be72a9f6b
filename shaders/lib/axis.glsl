// axis.glsl: the pixel map of a convolution (fprop) or of its input gradient (-DDGRAD), one axis at a time: result
// pixel first + step i, i < count, reads source pixel i mul + tap_offset(tap), for the taps tap0, tap0 + tap_step, ...,
// `taps` of them
// In the input gradient, pixels of one remainder modulo the stride form a class with taps of its own, so that nothing
// is multiplied by inserted zeros. A shader that knows both strides to be 1 defines STRIDED as false.
#ifndef HONE_AXIS_GLSL
#define HONE_AXIS_GLSL
#ifndef STRIDED
#define STRIDED true
#endif

struct axis {
    int first, step, count, mul, tap0, tap_step, taps;
};

#ifdef DGRAD
axis axis_of(int cls, int size, int taps, int stride, int pad, int dilation) {
    if (!STRIDED) return axis(0, 1, size, 1, 0, 1, taps);
    axis a = axis(cls, stride, (size - cls + stride - 1) / stride, 1, 0, 1, taps);
    if (stride == 1) return a;
    // taps whose source coordinate (dst + pad - tap dilation) / stride is whole
    int tap0 = taps, again = 0;
    for (int t = taps - 1; t >= 0; t--)
        if ((cls + pad + (taps * stride - t) * dilation) % stride == 0) {
            again = tap0;
            tap0 = t;
        }
    a.tap0 = tap0;
    a.tap_step = again == taps || again == 0 ? taps : again - tap0;
    a.taps = tap0 >= taps ? 0 : (taps - 1 - tap0) / a.tap_step + 1;
    return a;
}
int tap_offset(axis a, int tap, int stride, int pad, int dilation) {
    return STRIDED ? (a.first + pad - tap * dilation) / stride : pad - tap * dilation;
}
#else
axis axis_of(int cls, int size, int taps, int stride, int pad, int dilation) {
    return axis(0, 1, size, stride, 0, 1, taps);
}
int tap_offset(axis a, int tap, int stride, int pad, int dilation) {
    return tap * dilation - pad;
}
#endif
#endif
