// pool_sum: y[s][n][c] = factor * the sum of x[n][r][c] over slice s of the rows r
// x (N,rows,C) ELEM   y (slices,N,C) OUT
// grid linear over slices*N*C*MERGE   spec WG MERGE (lib/merge.glsl)   push n rows c slices slice_rows factor
// C % WIDTH == 0, else any size
#version 460
#extension GL_GOOGLE_include_directive : require
#include "width.glsl"
#include "merge.glsl"

layout(set = 0, binding = 0, std430) readonly buffer X { LOADED(V) x[]; };
layout(set = 0, binding = 1, std430) writeonly buffer Y { STORED(V) y[]; };
layout(push_constant) uniform Push { uint n, rows, c, slices, slice_rows; float factor; };

void main() {
    uint i = min(merge_channel(), slices * n * c - 1);
    uint channel = i % c, picture = i / c % n, slice = i / (c * n);
    uint end = min((slice + 1) * slice_rows, rows);
    V sum = V(0.0);
    for (uint row = slice * slice_rows + merge_first(); row < end; row += MERGE)
        sum += LOAD(x[(picture * rows + row) * c + channel]);
    sum = merged(sum);
    if (merge_channel() < slices * n * c && merge_first() == 0) y[i] = STORE(sum * factor);
}
