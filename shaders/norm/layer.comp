// layer_norm: y = gamma (x - mean) invstd + beta over each row, invstd = 1 / sqrt(var + eps)
// x, y (rows,columns) ELEM   gamma, beta (columns) f32   mean, invstd (rows) f32; columns counts V (width.glsl)
// grid linear over rows*LANES   spec WG LANES   push rows columns eps   any size
#version 460
#extension GL_GOOGLE_include_directive : require
#include "alias.glsl"
#include "index.glsl"
#include "row_lanes.glsl"
#include "width.glsl"

ALIASED layout(set = 0, binding = 0, std430) readonly buffer X { LOADED(V) x[]; };
layout(set = 0, binding = 1, std430) readonly buffer Gamma { V gamma[]; };
layout(set = 0, binding = 2, std430) readonly buffer Beta { V beta[]; };
ALIASED layout(set = 0, binding = 3, std430) writeonly buffer Y { STORED(V) y[]; };
layout(set = 0, binding = 4, std430) writeonly buffer Mean { float means[]; };
layout(set = 0, binding = 5, std430) writeonly buffer Invstd { float invstds[]; };
layout(push_constant) uniform Push { uint rows, columns; float eps; };

void main() {
    // Invocations past the end repeat the last row and write nothing: all must meet at the barriers.
    uint row = min(row_index(), rows - 1), base = row * columns;
    float count = float(columns * WIDTH);
    V sum = V(0.0);
    for (uint i = row_lane(); i < columns; i += LANES) sum += LOAD(x[base + i]);
    float mean = row_sum(V_SUM(sum)) / count;
    V square = V(0.0);
    for (uint i = row_lane(); i < columns; i += LANES) {
        V d = LOAD(x[base + i]) - mean;
        square = fma(d, d, square);
    }
    float invstd = inversesqrt(row_sum(V_SUM(square)) / count + eps);
    if (row_index() >= rows) return;
    for (uint i = row_lane(); i < columns; i += LANES)
        y[base + i] = STORE(fma((LOAD(x[base + i]) - mean) * invstd, gamma[i], beta[i]));
    if (row_lane() == 0) {
        means[row] = mean;
        invstds[row] = invstd;
    }
}
