// conv_axis.glsl: where the pixels of a convolution's result lie in its source, one axis at a time. dst = first +
// step i for i < count; its source for filter tap t = tap0, tap0 + tap_step, ... is i * mul + axis_offset(t).
// fprop: one class of pixels, every tap. dgrad (-DDGRAD): pixels of one remainder modulo the stride form a class, whose
// taps are those that hit a whole source pixel: nothing is multiplied by inserted zeros.
#ifndef HONE_CONV_AXIS_GLSL
#define HONE_CONV_AXIS_GLSL

struct conv_axis {
    int first, step, count, mul, tap0, tap_step;
};

#ifdef DGRAD
conv_axis axis_of(int cls, int size, int taps, int stride, int pad, int dilation) {
    conv_axis a = conv_axis(cls, stride, (size - cls + stride - 1) / stride, 1, 0, 1);
    if (stride == 1) return a;
    int tap0 = taps, again = 0;
    for (int t = taps - 1; t >= 0; t--)
        if ((cls + pad + (taps * stride - t) * dilation) % stride == 0) {
            again = tap0;
            tap0 = t;
        }
    a.tap0 = tap0;
    a.tap_step = again == taps || again == 0 ? taps : again - tap0;
    return a;
}
int axis_offset(conv_axis a, int tap, int stride, int pad, int dilation) {
    return (a.first + pad - tap * dilation) / stride;
}
#else
conv_axis axis_of(int cls, int size, int taps, int stride, int pad, int dilation) {
    return conv_axis(0, 1, size, stride, 0, 1);
}
int axis_offset(conv_axis a, int tap, int stride, int pad, int dilation) {
    return tap * dilation - pad;
}
#endif

// How many taps the pixels of this axis have.
int axis_taps(conv_axis a, int taps) {
    return a.tap0 < taps ? (taps - a.tap0 + a.tap_step - 1) / a.tap_step : 0;
}

#endif
