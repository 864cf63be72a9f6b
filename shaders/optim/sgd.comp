// sgd: g += decay w;  m' = momentum m + g;  w' = w - lr (NESTEROV ? g + momentum m' : m')
//      a negative lr changes nothing
// w, g, m, w', m' (count) vec4   segments (count / 16) {rate factor, decay}   hyper (4) lr, unused...
// grid linear over count   spec WG NESTEROV   push count momentum   w' may be w, m' may be m
#version 460
#extension GL_GOOGLE_include_directive : require
#include "alias.glsl"
#include "index.glsl"

layout(constant_id = 1) const uint NESTEROV = 0;
ALIASED layout(set = 0, binding = 0, std430) readonly buffer W { vec4 w[]; };
layout(set = 0, binding = 1, std430) readonly buffer G { vec4 g[]; };
ALIASED layout(set = 0, binding = 2, std430) readonly buffer M { vec4 m[]; };
layout(set = 0, binding = 3, std430) readonly buffer Segments { vec2 segments[]; };
layout(set = 0, binding = 4, std430) readonly buffer Hyper { float hyper[4]; };
ALIASED layout(set = 0, binding = 5, std430) writeonly buffer W1 { vec4 w1[]; };
ALIASED layout(set = 0, binding = 6, std430) writeonly buffer M1 { vec4 m1[]; };
layout(push_constant) uniform Push { uint count; float momentum; };

const uint VECTORS = 16; // in a segment: HONE_PACK_ALIGN / 4

void main() {
    uint i = linear_index();
    if (i >= count) return;
    vec2 segment = segments[i / VECTORS];
    vec4 weight = w[i];
    if (hyper[0] < 0) {
        w1[i] = weight;
        m1[i] = m[i];
        return;
    }
    vec4 gradient = g[i] + segment.y * weight;
    vec4 next = momentum * m[i] + gradient;
    vec4 direction = NESTEROV != 0 ? gradient + momentum * next : next;
    m1[i] = next;
    w1[i] = weight - (hyper[0] * segment.x) * direction;
}
