// window.glsl: how an invocation that makes a strip of TQ neighbouring results of a convolution (fprop) or of its input
// gradient (-DDGRAD) reads a row of the source: WW columns from origin_w(x0) on serve the TQ results from x0 on; the
// j-th takes tap s from place_w(j, s), if that is >= 0.
// Constants: TQ, width S, stride SW, dilation DW, padding PW. DGRAD: TQ and x0 are multiples of SW.
#ifdef DGRAD
const int LOW_W = (PW - (S - 1) * DW + 64 * SW) / SW - 64; // rounded down
const int WW = (TQ - 1 + PW) / SW - LOW_W + 1;
int origin_w(int x0) { return x0 / SW + LOW_W; }
int place_w(int j, int s) {
    int at = j + PW - s * DW - LOW_W * SW;
    return at % SW == 0 ? at / SW : -1;
}
#else
const int WW = (TQ - 1) * SW + (S - 1) * DW + 1;
int origin_w(int x0) { return x0 * SW - PW; }
int place_w(int j, int s) { return j * SW + s * DW; }
#endif
