// stats_sum: stats' = stats + (loss n, n, correct, 0), n rows that count, in the order of the rows
// stats, stats' (4) f32   loss (1) f32   verdict (N) u32 of stats_rows
// grid 1   spec WG   push N   stats' may be stats
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"

layout(set = 0, binding = 0, std430) readonly buffer Stats { float stats[4]; };
layout(set = 0, binding = 1, std430) readonly buffer Loss { float loss[1]; };
layout(set = 0, binding = 2, std430) readonly buffer Verdict { uint verdict[]; };
layout(set = 0, binding = 3, std430) writeonly buffer Next { float next[4]; };
layout(push_constant) uniform Push { uint rows; };

void main() {
    if (linear_index() != 0) return;
    uint counted = 0, correct = 0;
    for (uint n = 0; n < rows; n++) {
        counted += min(verdict[n], 1);
        correct += verdict[n] >> 1;
    }
    next[0] = stats[0] + loss[0] * float(counted);
    next[1] = stats[1] + float(counted);
    next[2] = stats[2] + float(correct);
    next[3] = stats[3];
}
