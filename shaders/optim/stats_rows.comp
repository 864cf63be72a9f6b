// stats_rows: is the first largest logit of a row its label?
// logits (N,C) f32   labels (N) i32   verdict (N) u32: 0 not counted (label < 0), 1 wrong, 2 right
// grid linear over N   spec WG   push N C   any size
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"

layout(set = 0, binding = 0, std430) readonly buffer Logits { float logits[]; };
layout(set = 0, binding = 1, std430) readonly buffer Labels { int labels[]; };
layout(set = 0, binding = 2, std430) writeonly buffer Verdict { uint verdict[]; };
layout(push_constant) uniform Push { uint rows, classes; };

void main() {
    uint n = linear_index();
    if (n >= rows) return;
    int label = labels[n];
    uint best = 0;
    float most = logits[n * classes];
    for (uint c = 1; c < classes; c++) {
        float logit = logits[n * classes + c];
        if (logit > most) {
            most = logit;
            best = c;
        }
    }
    verdict[n] = label < 0 ? 0 : best == uint(label) ? 2 : 1;
}
