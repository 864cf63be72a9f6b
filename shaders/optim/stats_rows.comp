// stats_rows: is the first largest logit of a row its label? NaN counts as the largest, as in PyTorch's argmax.
// logits (N,C) f32   labels (N) i32   verdict (N) u32: 0 not counted (label < 0), 1 wrong, 2 right
// grid linear over N*LANES   spec WG LANES   push N C   C >= LANES
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"
#include "row_lanes.glsl"
#include "nan.glsl"

layout(set = 0, binding = 0, std430) readonly buffer Logits { float logits[]; };
layout(set = 0, binding = 1, std430) readonly buffer Labels { int labels[]; };
layout(set = 0, binding = 2, std430) writeonly buffer Verdict { uint verdict[]; };
layout(push_constant) uniform Push { uint rows, classes; };

shared uint places[gl_WorkGroupSize.x];

// Does logit a of class i come before logit b of class j?
bool before(float a, uint i, float b, uint j) {
    if (is_nan(a) != is_nan(b)) return is_nan(a);
    return a > b || (!(a < b) && i < j);
}

void main() {
    uint row = min(row_index(), rows - 1), best = row_lane(), id = gl_LocalInvocationID.x;
    float most = logits[row * classes + best];
    for (uint c = best + LANES; c < classes; c += LANES) {
        float logit = logits[row * classes + c];
        if (before(logit, c, most, best)) {
            most = logit;
            best = c;
        }
    }
    if (LANES > 1) {
        row_lanes[id] = most;
        places[id] = best;
        for (uint half_ = LANES / 2; half_ > 0; half_ /= 2) {
            barrier();
            if (row_lane() < half_ && before(row_lanes[id + half_], places[id + half_], row_lanes[id], places[id])) {
                row_lanes[id] = row_lanes[id + half_];
                places[id] = places[id + half_];
            }
        }
        best = places[id]; // in the first lane of the row
    }
    if (row_index() >= rows || row_lane() != 0) return;
    int label = labels[row];
    verdict[row] = label < 0 ? 0 : best == uint(label) ? 2 : 1;
}
