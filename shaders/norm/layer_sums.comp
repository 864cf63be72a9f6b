// layer_norm_bwd_p: parts of dgamma = sum dy xhat and dbeta = sum dy over slices of `length` rows
// dy, x (rows,columns) ELEM   mean, invstd (rows) f32   dgamma, dbeta (slices,columns) f32; columns counts V
// grid linear over slices * columns: neighbours read neighbours   spec WG   push count rows columns length
// length <= 60,000: Mesa 22.3 ends loops after 65,535 rounds   any size; no atomics
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"
#include "width.glsl"

layout(set = 0, binding = 0, std430) readonly buffer Dy { LOADED(V) dy[]; };
layout(set = 0, binding = 1, std430) readonly buffer X { LOADED(V) x[]; };
layout(set = 0, binding = 2, std430) readonly buffer Mean { float means[]; };
layout(set = 0, binding = 3, std430) readonly buffer Invstd { float invstds[]; };
layout(set = 0, binding = 4, std430) writeonly buffer Dgamma { V dgamma[]; };
layout(set = 0, binding = 5, std430) writeonly buffer Dbeta { V dbeta[]; };
layout(push_constant) uniform Push { uint count, rows, columns, length; };

void main() {
    uint i = linear_index();
    if (i >= count) return;
    uint slice = i / columns, column = i - slice * columns;
    uint end = min((slice + 1) * length, rows);
    V product = V(0.0), sum = V(0.0);
    for (uint row = slice * length; row < end; row++) {
        V d = LOAD(dy[row * columns + column]);
        sum += d;
        product = fma(d, (LOAD(x[row * columns + column]) - means[row]) * invstds[row], product);
    }
    dgamma[i] = product;
    dbeta[i] = sum;
}
