// patch.glsl: a patch of a picture of few channels in shared memory, one plane a channel: what TP x TQ pixels of the
// result of a convolution read. Lines begin at vec4s, so that an invocation takes the columns under four or eight
// neighbouring results with few loads.
// Constants: TP TQ, filter R S, channels C, stride SH SW, dilation DH DW. The including shader declares the buffer x.
const int PATCH_ROWS = (TP - 1) * SH + (R - 1) * DH + 1;
const int PATCH_COLUMNS = (TQ - 1) * SW + (S - 1) * DW + 1;
const int PATCH_LINE = (PATCH_COLUMNS + 3) / 4; // vec4s
shared vec4 patch_[C * PATCH_ROWS * PATCH_LINE];

// The vec4s of RUN neighbouring results' columns.
#define PATCH_WINDOW(RUN) ((((RUN)-1) * SW + (S - 1) * DW) / 4 + 1)
// Column of the window for result j and tap s.
#define PATCH_AT(window, j, s) window[((j) * SW + (s) * DW) / 4][((j) * SW + (s) * DW) % 4]

// Loads the patch of picture n whose results begin at row y0 and column x0; 0 outside. No barrier.
void load_patch(int n, int y0, int x0, int lid, int group) {
    int top = y0 * SH - g.pad_h, left = (x0 * SW - g.pad_w) * C;
    for (int i = lid; i < PATCH_ROWS * PATCH_COLUMNS * C; i += group) {
        int row = i / (PATCH_COLUMNS * C), e = i - row * (PATCH_COLUMNS * C), column = e / C, c = e - column * C;
        int h = top + row, at = left + e;
        bool inside = h >= 0 && h < g.h && at >= 0 && at < g.w * C;
        int o = inside ? (n * g.h + h) * g.w * C + at : 0;
        float v = E_AT(x, o);
        patch_[(c * PATCH_ROWS + row) * PATCH_LINE + column / 4][column % 4] = inside ? v : 0.0;
    }
}

// The vec4 of the patch with channel c of the first column under result (row, column), column a multiple of 4, for
// filter row r.
int patch_at(int c, int row, int column, int r) {
    return (c * PATCH_ROWS + row * SH + r * DH) * PATCH_LINE + column * SW / 4;
}
