// act.glsl: activation functions and derivatives, as act.c: numbers of `kind` are enum hone_act of ops/ops.h.
// `kind` is a specialisation constant of the including shader, so that one branch is left.
// hone_act_slope takes what act.c saves: the result y, or x. NaN stays NaN, and the
// slope at NaN is that of the middle, as in PyTorch: a run that diverged shows it.
#ifndef HONE_ACT_GLSL
#define HONE_ACT_GLSL
#include "nan.glsl"

// exp() of NaN is a number on some drivers (SwiftShader).
float hone_sigmoid(float x) { return is_nan(x) ? x : 1.0 / (1.0 + exp(-x)); }
vec4 hone_sigmoid(vec4 x) { return mix(1.0 / (1.0 + exp(-x)), x, is_nan(x)); }

// Within 2e-7: a series near 0, else Abramowitz, Stegun 1964, 7.1.26.
float hone_erf(float x) {
    float z = abs(x), s = x * x, t = 1.0 / (1.0 + 0.3275911 * z);
    if (z < 0.5)
        return x * (1.1283791671 + s * (-0.3761263890 + s * (0.1128379167 + s * (-0.0268661706 +
               s * (0.0052239776 - s * 0.0008548327)))));
    float tail = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
    return sign(x) * (1.0 - tail * exp(-s));
}

// Some drivers lose tanh() of large numbers.
float hone_tanh(float x) {
    float e = exp(-2.0 * abs(x));
    float s = x * x;
    return abs(x) < 0.1 ? x * (1.0 - s * (1.0 / 3.0 - s * (2.0 / 15.0))) : sign(x) * (1.0 - e) / (1.0 + e);
}

float hone_power(float x, float a) {
    bool whole = floor(a) == a, odd = whole && floor(a * 0.5) * 2.0 != a;
    if (a == 2.0) return x * x;
    float p = pow(abs(x), a);
    return x < 0.0 ? (odd ? -p : whole ? p : uintBitsToFloat(0x7fc00000u)) : a == 0.0 ? 1.0 : p;
}

// Kinds 7 and up, which compute alike for one number and for four.
float hone_act_more(uint kind, float a, float x) {
    switch (kind) {
    case 7: return 0.5 * x * (1.0 + hone_erf(x * 0.70710678));
    case 8: return 0.5 * x * (1.0 + hone_tanh(0.79788456 * (x + 0.044715 * x * x * x)));
    case 9: return hone_tanh(x);
    case 10: return hone_erf(x);
    case 11: return exp(x);
    case 12: return log(x);
    case 13: return sqrt(x);
    case 14: return hone_power(x, a);
    }
    return x;
}

float hone_act(uint kind, float a, float b, float x) {
    if (kind >= 7) return is_nan(x) ? x : hone_act_more(kind, a, x);
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
    if (kind >= 7)
        return vec4(hone_act(kind, a, b, x.x), hone_act(kind, a, b, x.y), hone_act(kind, a, b, x.z),
                    hone_act(kind, a, b, x.w));
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
    case 7: return 0.5 * (1.0 + hone_erf(v * 0.70710678)) + v * exp(-0.5 * v * v) * 0.39894228;
    case 8: {
        float t = hone_tanh(0.79788456 * (v + 0.044715 * v * v * v));
        return 0.5 * (1.0 + t) + 0.5 * v * (1.0 - t * t) * 0.79788456 * (1.0 + 0.134145 * v * v);
    }
    case 9: return 1.0 - v * v;
    case 10: return 1.12837917 * exp(-v * v);
    case 11: return v;
    case 12: return 1.0 / v;
    case 13: return 0.5 / v;
    case 14: return a * hone_power(v, a - 1.0);
    }
    return 1.0;
}

vec4 hone_act_slope(uint kind, float a, float b, vec4 v) {
    return vec4(hone_act_slope(kind, a, b, v.x), hone_act_slope(kind, a, b, v.y),
                hone_act_slope(kind, a, b, v.z), hone_act_slope(kind, a, b, v.w));
}

#define ACT_BY_RESULT(kind) (kind == 3 || kind == 4 || kind == 9 || kind == 11 || kind == 13)

// The slope by what goes in, whatever act.c saves: dx = dy f'(x).
float hone_act_slope_at(uint kind, float a, float b, float x) {
    return hone_act_slope(kind, a, b, ACT_BY_RESULT(kind) ? hone_act(kind, a, b, x) : x);
}

vec4 hone_act_slope_at(uint kind, float a, float b, vec4 x) {
    return hone_act_slope(kind, a, b, ACT_BY_RESULT(kind) ? hone_act(kind, a, b, x) : x);
}

#endif
