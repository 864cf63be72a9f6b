// adamw: w *= 1 - lr decay;  m' = beta1 m + (1 - beta1) g;  v' = beta2 v + (1 - beta2) g^2
//        w' = w - lr (m' / c1) / (sqrt(v' / c2) + eps)
//        a negative lr changes nothing
// w, g, m, v, w', m', v' (count) vec4   segments (count / 16) {rate factor, decay}   hyper (4) lr, c1, c2, unused
// grid linear over count   spec WG   push count beta1 beta2 1-beta1 1-beta2 eps   each output may be its input
#version 460
#extension GL_GOOGLE_include_directive : require
#include "alias.glsl"
#include "index.glsl"

ALIASED layout(set = 0, binding = 0, std430) readonly buffer W { vec4 w[]; };
layout(set = 0, binding = 1, std430) readonly buffer G { vec4 g[]; };
ALIASED layout(set = 0, binding = 2, std430) readonly buffer M { vec4 m[]; };
ALIASED layout(set = 0, binding = 3, std430) readonly buffer V { vec4 v[]; };
layout(set = 0, binding = 4, std430) readonly buffer Segments { vec2 segments[]; };
layout(set = 0, binding = 5, std430) readonly buffer Hyper { float hyper[4]; };
ALIASED layout(set = 0, binding = 6, std430) writeonly buffer W1 { vec4 w1[]; };
ALIASED layout(set = 0, binding = 7, std430) writeonly buffer M1 { vec4 m1[]; };
ALIASED layout(set = 0, binding = 8, std430) writeonly buffer V1 { vec4 v1[]; };
layout(push_constant) uniform Push { uint count; float beta1, beta2, rest1, rest2, eps; };

const uint VECTORS = 16; // in a segment: HONE_PACK_ALIGN / 4

void main() {
    uint i = linear_index();
    if (i >= count) return;
    vec2 segment = segments[i / VECTORS];
    float lr = hyper[0] * segment.x;
    vec4 gradient = g[i], weight = w[i];
    if (hyper[0] < 0) {
        w1[i] = weight;
        m1[i] = m[i];
        v1[i] = v[i];
        return;
    }
    vec4 next_m = beta1 * m[i] + rest1 * gradient;
    vec4 next_v = beta2 * v[i] + rest2 * gradient * gradient;
    vec4 direction = next_m / hyper[1] / (sqrt(next_v / hyper[2]) + eps);
    m1[i] = next_m;
    v1[i] = next_v;
    w1[i] = weight - (lr * segment.y) * weight - lr * direction;
}
