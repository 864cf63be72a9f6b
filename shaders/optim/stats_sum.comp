// stats_sum: stats' = stats + (loss n, n, correct, 0), n rows that count
// stats, stats' (4) f32   loss (1) f32   verdict (N) u32 of stats_rows
// grid 1   spec WG LANES (= WG)   push N   stats' may be stats; sums of whole numbers are exact up to 2^24 rows
#version 460
#extension GL_GOOGLE_include_directive : require
#include "alias.glsl"
#include "index.glsl"
#include "row_lanes.glsl"

ALIASED layout(set = 0, binding = 0, std430) readonly buffer Stats { float stats[4]; };
layout(set = 0, binding = 1, std430) readonly buffer Loss { float loss[1]; };
layout(set = 0, binding = 2, std430) readonly buffer Verdict { uint verdict[]; };
ALIASED layout(set = 0, binding = 3, std430) writeonly buffer Next { float next[4]; };
layout(push_constant) uniform Push { uint rows; };

void main() {
    uint count = 0, right = 0;
    for (uint n = row_lane(); n < rows; n += LANES) {
        count += min(verdict[n], 1);
        right += verdict[n] >> 1;
    }
    float counted = row_sum(float(count)), correct = row_sum(float(right));
    if (row_lane() != 0) return;
    vec4 before = vec4(stats[0], stats[1], stats[2], stats[3]);
    next[0] = before.x + loss[0] * counted;
    next[1] = before.y + counted;
    next[2] = before.z + correct;
    next[3] = before.w;
}
