// nan.glsl: is this a NaN? By its bits: a compiler may take isnan() and x != x for false, since Vulkan lets shaders
// that don't ask for it assume that there are none.
#ifndef HONE_NAN_GLSL
#define HONE_NAN_GLSL

bool is_nan(float x) { return (floatBitsToUint(x) & 0x7fffffffu) > 0x7f800000u; }
bvec4 is_nan(vec4 x) { return greaterThan(floatBitsToUint(x) & 0x7fffffffu, uvec4(0x7f800000u)); }

// min(max(x, low), high), but NaN stays NaN, where max() and min() would give their other argument.
float clamp_nan(float x, float low, float high) { return is_nan(x) ? x : min(max(x, low), high); }
vec4 clamp_nan(vec4 x, float low, float high) { return mix(min(max(x, vec4(low)), vec4(high)), x, is_nan(x)); }

#endif
