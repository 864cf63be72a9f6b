// finish.glsl: the end of a convolution that holds four neighbouring channels of a pixel: bias, addend, activation, and
// the store. The including shader declares dst_c(), the buffers b, r, r4, dst and dst4, and the constants ACT, BIAS,
// ADD and VEC_OUT (channels come in fours).

// The channels from `channel` on, element o of dst; `count` of them exist.
void write_four(vec4 v, int channel, int o, int count) {
    if (ADD != 0 && VEC_OUT != 0) v += out_read(r4[o >> 2]);
    [[unroll]] for (int e = 0; e < 4; e++) {
        if (BIAS != 0) v[e] += b[min(channel + e, dst_c() - 1)];
        if (ADD != 0 && VEC_OUT == 0) v[e] += O_AT(r, o + min(e, count - 1));
        v[e] = conv_act(v[e], ACT);
    }
    if (VEC_OUT != 0) dst4[o >> 2] = out_vec4(v);
#if OUT == 0
    else
        [[unroll]] for (int e = 0; e < 4; e++)
            if (e < count) dst[o + e] = v[e];
#endif
}
