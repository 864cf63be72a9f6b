// half.c: see half.h. All in integers, so that no compiler option and no rounding mode changes a
// bit.
#include "base/half.h"

#include <string.h>

static uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// value >> shift, rounded to nearest even; 1 <= shift <= 31.
static uint32_t shift_round(uint32_t value, uint32_t shift) {
    uint32_t half = (1u << (shift - 1)) - 1, odd = value >> shift & 1;
    return (value + half + odd) >> shift;
}

uint16_t hone_half_from_float(float value) {
    uint32_t bits = bits_of(value), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000) return (uint16_t)(sign | 0x7e00);
    if (magnitude >= 0x47800000) return (uint16_t)(sign | 0x7c00); // 2^16 and more
    if (magnitude >= 0x38800000) // 2^-14 and more; rounding up to infinity comes out by itself
        return (uint16_t)(sign | shift_round(magnitude - 0x38000000, 13));
    if (magnitude < 0x33000000) return (uint16_t)sign; // less than half the smallest denormal
    uint32_t exponent = magnitude >> 23, mantissa = (magnitude & 0x7fffff) | 0x800000;
    return (uint16_t)(sign | shift_round(mantissa, 126 - exponent));
}

float hone_half_to_float(uint16_t bits) {
    uint32_t sign = (uint32_t)(bits & 0x8000) << 16, exponent = bits >> 10 & 31;
    uint32_t mantissa = bits & 0x3ff;
    if (exponent == 31) return float_of(sign | 0x7f800000 | mantissa << 13);
    if (exponent) return float_of(sign | (exponent + 112) << 23 | mantissa << 13);
    float value = (float)mantissa * 0x1p-24f; // exact
    return sign ? -value : value;
}

uint16_t hone_bf16_from_float(float value) {
    uint32_t bits = bits_of(value);
    if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)shift_round(bits, 16);
}

float hone_bf16_to_float(uint16_t bits) {
    return float_of((uint32_t)bits << 16);
}
