// layer_norm_bwd_x: dx = invstd (g - mean(g) - xhat mean(g xhat)) over each row, g = dy gamma
// dy, x, dx (rows,columns) ELEM   gamma (columns) f32   mean, invstd (rows) f32; columns counts V (width.glsl)
// grid linear over rows*LANES   spec WG LANES   push rows columns   any size; dx may be dy
#version 460
#extension GL_GOOGLE_include_directive : require
#include "alias.glsl"
#include "index.glsl"
#include "row_lanes.glsl"
#include "width.glsl"

ALIASED layout(set = 0, binding = 0, std430) readonly buffer Dy { LOADED(V) dy[]; };
layout(set = 0, binding = 1, std430) readonly buffer X { LOADED(V) x[]; };
layout(set = 0, binding = 2, std430) readonly buffer Gamma { V gamma[]; };
layout(set = 0, binding = 3, std430) readonly buffer Mean { float means[]; };
layout(set = 0, binding = 4, std430) readonly buffer Invstd { float invstds[]; };
ALIASED layout(set = 0, binding = 5, std430) writeonly buffer Dx { STORED(V) dx[]; };
layout(push_constant) uniform Push { uint rows, columns; };

void main() {
    uint row = min(row_index(), rows - 1), base = row * columns;
    float count = float(columns * WIDTH), mean = means[row], invstd = invstds[row];
    V sum = V(0.0), product = V(0.0);
    for (uint i = row_lane(); i < columns; i += LANES) {
        V g = LOAD(dy[base + i]) * gamma[i];
        sum += g;
        product = fma(g, (LOAD(x[base + i]) - mean) * invstd, product);
    }
    float mean_g = row_sum(V_SUM(sum)) / count, mean_gx = row_sum(V_SUM(product)) / count;
    if (row_index() >= rows) return;
    for (uint i = row_lane(); i < columns; i += LANES) {
        V xhat = (LOAD(x[base + i]) - mean) * invstd;
        dx[base + i] = STORE(invstd * (LOAD(dy[base + i]) * gamma[i] - mean_g - xhat * mean_gx));
    }
}
