// pool_sum: y[s][n][c] = factor * the sum of x[n][r][c] over slice s of the rows r
// x (N,rows,C) ELEM   y (slices,N,C) OUT
// grid linear over slices*N*C   spec WG   push n rows c slices slice_rows factor   C % WIDTH == 0, else any size
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"
#include "width.glsl"

layout(set = 0, binding = 0, std430) readonly buffer X { LOADED(V) x[]; };
layout(set = 0, binding = 1, std430) writeonly buffer Y { STORED(V) y[]; };
layout(push_constant) uniform Push { uint n, rows, c, slices, slice_rows; float factor; };

void main() {
    uint i = linear_index();
    if (i >= slices * n * c) return;
    uint channel = i % c, picture = i / c % n, slice = i / (c * n);
    uint end = min((slice + 1) * slice_rows, rows);
    V sum = V(0.0);
    for (uint row = slice * slice_rows; row < end; row++) sum += LOAD(x[(picture * rows + row) * c + channel]);
    y[i] = STORE(sum * factor);
}
