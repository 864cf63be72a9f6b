// act.glsl: activation functions and derivatives, as act.c: numbers of `kind` are enum hone_act of ops/ops.h.
// `kind` is a specialisation constant of the including shader, so that one branch is left.
// hone_act_slope takes what act.c saves: x for silu and hard_swish, the result y for the others. NaN stays NaN, and the
// slope at NaN is that of the middle, as in PyTorch: a run that diverged shows it.
#ifndef HONE_ACT_GLSL
#define HONE_ACT_GLSL
#include "nan.glsl"

// exp() of NaN is a number on some drivers (SwiftShader).
float hone_sigmoid(float x) { return is_nan(x) ? x : 1.0 / (1.0 + exp(-x)); }
vec4 hone_sigmoid(vec4 x) { return mix(1.0 / (1.0 + exp(-x)), x, is_nan(x)); }

float hone_act(uint kind, float a, float b, float x) {
    switch (kind) {
    case 1: return is_nan(x) ? x : max(x, 0.0);
    case 2: return clamp_nan(x, a, b);
    case 3: return hone_sigmoid(x);
    case 4: return clamp_nan(a * x + b, 0.0, 1.0);
    case 5: return x * hone_sigmoid(x);
    case 6: return x * min(max(x * (1.0 / 6.0) + 0.5, 0.0), 1.0);
    }
    return x;
}

vec4 hone_act(uint kind, float a, float b, vec4 x) {
    switch (kind) {
    case 1: return mix(max(x, vec4(0.0)), x, is_nan(x));
    case 2: return clamp_nan(x, a, b);
    case 3: return hone_sigmoid(x);
    case 4: return clamp_nan(a * x + b, 0.0, 1.0);
    case 5: return x / (1.0 + exp(-x));
    case 6: return x * min(max(x * (1.0 / 6.0) + 0.5, vec4(0.0)), vec4(1.0));
    }
    return x;
}

float hone_act_slope(uint kind, float a, float b, float v) {
    switch (kind) {
    case 1: return v <= 0.0 ? 0.0 : 1.0;
    case 2: return v <= a || v >= b ? 0.0 : 1.0;
    case 3: return v * (1.0 - v);
    case 4: return v <= 0.0 || v >= 1.0 ? 0.0 : a;
    case 5: {
        float s = hone_sigmoid(v);
        return s * (1.0 + v * (1.0 - s));
    }
    case 6: return v < -3.0 ? 0.0 : v <= 3.0 ? v * (1.0 / 3.0) + 0.5 : 1.0;
    }
    return 1.0;
}

vec4 hone_act_slope(uint kind, float a, float b, vec4 v) {
    return vec4(hone_act_slope(kind, a, b, v.x), hone_act_slope(kind, a, b, v.y),
                hone_act_slope(kind, a, b, v.z), hone_act_slope(kind, a, b, v.w));
}

// The slope by what goes in, whatever act.c saves: dx = dy f'(x).
float hone_act_slope_at(uint kind, float a, float b, float x) {
    bool by_result = kind == 3 || kind == 4;
    return hone_act_slope(kind, a, b, by_result ? hone_act(kind, a, b, x) : x);
}

vec4 hone_act_slope_at(uint kind, float a, float b, vec4 x) {
    bool by_result = kind == 3 || kind == 4;
    return hone_act_slope(kind, a, b, by_result ? hone_act(kind, a, b, x) : x);
}

#endif
