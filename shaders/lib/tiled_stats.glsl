// tiled_stats.glsl: what a tile of conv_tiled_fprop leaves for the batch norm behind it: of each column the mean of its
// rows and the squared distances from it, in two passes over the results in registers, so that no digit is lost where
// the mean is large. Sums go through `sa`, half of the rows of invocations at a time: BN <= 2 TM BK.
layout(set = 0, binding = 5, std430) writeonly buffer Stats { float stats[]; };
vec4 column_sum[TN / 4];

// column_sum over all rows of the tile, to every invocation.
void sum_rows() {
    uint ty = tile_ty();
    for (uint half_ = TY / 2; half_ > 0; half_ /= 2) {
        barrier();
        if (ty >= half_ && ty < 2 * half_)
            [[unroll]] for (uint j = 0; j < TN / 4; j++)
                sa[(ty - half_) * (BN / 4) + j * TX + tile_tx()] = column_sum[j];
        barrier();
        if (ty < half_)
            [[unroll]] for (uint j = 0; j < TN / 4; j++)
                column_sum[j] += sa[ty * (BN / 4) + j * TX + tile_tx()];
    }
    barrier();
    if (ty == 0)
        [[unroll]] for (uint j = 0; j < TN / 4; j++) sa[j * TX + tile_tx()] = column_sum[j];
    barrier();
    [[unroll]] for (uint j = 0; j < TN / 4; j++) column_sum[j] = sa[j * TX + tile_tx()];
}

void leave_stats(int rows) {
    vec4 mean[TN / 4];
    [[unroll]] for (uint pass = 0; pass < 2; pass++) {
        [[unroll]] for (uint j = 0; j < TN / 4; j++) column_sum[j] = vec4(0.0);
        [[unroll]] for (uint i = 0; i < TM / 4; i++)
            [[unroll]] for (uint e = 0; e < 4; e++)
                if (m0 + int(tile_row(i, e)) < rows)
                    [[unroll]] for (uint j = 0; j < TN / 4; j++) {
                        vec4 v = acc[(i * 4 + e) * (TN / 4) + j];
                        if (pass == 1) v -= mean[j];
                        column_sum[j] += pass == 1 ? v * v : v;
                    }
        sum_rows();
        if (pass == 0)
            [[unroll]] for (uint j = 0; j < TN / 4; j++)
                mean[j] = column_sum[j] / float(min(int(BM), rows - m0));
    }
    if (tile_ty() != 0) return;
    [[unroll]] for (uint j = 0; j < TN / 4; j++)
        [[unroll]] for (int e = 0; e < 4; e++) {
            int column = n0 + int(tile_column(j)) + e, channel = group * dst_cg + column;
            if (column >= dst_cg) continue;
            if (BIAS != 0) mean[j][e] += b[channel];
            stats[m0 / int(BM) * 2 * dst_c() + channel] = mean[j][e];
            stats[(m0 / int(BM) * 2 + 1) * dst_c() + channel] = column_sum[j][e];
        }
}
