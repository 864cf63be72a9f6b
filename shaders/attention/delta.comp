// attention_delta: delta = sum dy y over the numbers of a head
// dy, y (batch,rows,heads,D) ELEM   delta (batch,heads,rows) f32; D counts V (width.glsl)
// grid linear over batch*heads*rows   spec WG   push count rows heads D   any size
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"
#include "width.glsl"

layout(set = 0, binding = 0, std430) readonly buffer Dy { LOADED(V) dy[]; };
layout(set = 0, binding = 1, std430) readonly buffer Y { LOADED(V) y[]; };
layout(set = 0, binding = 2, std430) writeonly buffer Delta { float delta[]; };
layout(push_constant) uniform Push { uint count, rows, heads, D; };

void main() {
    uint i = linear_index();
    if (i >= count) return;
    uint row = i % rows, plane = i / rows, head = plane % heads;
    uint base = ((plane / heads * rows + row) * heads + head) * D;
    V sum = V(0.0);
    for (uint d = 0; d < D; d++) sum = fma(LOAD(dy[base + d]), LOAD(y[base + d]), sum);
    delta[i] = V_SUM(sum);
}
