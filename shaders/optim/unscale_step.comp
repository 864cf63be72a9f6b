// unscale_step: no flag is set: the step is made, the corrections go on, the scale may double; else it is left
// out and the scale halves. As unscale in src/ops/scaling.c says
// scaler, scaler' (8), hyper, hyper' (4) f32   flags (threads) u32 of unscale
// grid 1   spec WG LANES (= WG)   push threads 1-beta1 1-beta2 interval   scaler' may be scaler
#version 460
#extension GL_GOOGLE_include_directive : require
#include "alias.glsl"
#include "index.glsl"
#include "row_lanes.glsl"

ALIASED layout(set = 0, binding = 0, std430) readonly buffer Scaler { float scaler[8]; };
layout(set = 0, binding = 1, std430) readonly buffer Hyper { float hyper[4]; };
layout(set = 0, binding = 2, std430) readonly buffer Flags { uint flags[]; };
ALIASED layout(set = 0, binding = 3, std430) writeonly buffer Scaler1 { float scaler1[8]; };
layout(set = 0, binding = 4, std430) writeonly buffer Hyper1 { float hyper1[4]; };
layout(push_constant) uniform Push { uint threads; float rest1, rest2, interval; };

const float SCALE_MOST = 16777216;

void main() {
    uint found = 0;
    for (uint i = row_lane(); i < threads; i += LANES) found |= flags[i];
    bool made = row_max(float(found)) == 0;
    if (row_lane() != 0) return;
    float scale = scaler[0], good = scaler[1] + 1, c1 = scaler[2], c2 = scaler[3], left_out = scaler[4];
    if (made) {
        c1 += rest1 * (1 - c1);
        c2 += rest2 * (1 - c2);
        if (good >= interval) {
            scale = min(2 * scale, SCALE_MOST);
            good = 0;
        }
    } else {
        scale = max(scale / 2, 1);
        good = 0;
        left_out += 1;
    }
    float rest[3] = {scaler[5], scaler[6], scaler[7]};
    scaler1[0] = scale;
    scaler1[1] = good;
    scaler1[2] = c1;
    scaler1[3] = c2;
    scaler1[4] = left_out;
    for (uint i = 0; i < 3; i++) scaler1[5 + i] = rest[i];
    hyper1[0] = made ? hyper[0] : -1;
    hyper1[1] = made ? c1 : 1;
    hyper1[2] = made ? c2 : 1;
    hyper1[3] = made ? hyper[3] : 0;
}
