// half.h: the two 16-bit floating-point formats as they are stored: IEEE 754 binary16 ("half", f16)
// and bfloat16 (the upper half of an f32). Conversions round to nearest, ties to even; a number too
// large becomes infinity; a NaN stays a NaN; denormal numbers are kept. shaders/lib/half.glsl gives
// the same bits on the device.
#ifndef HONE_BASE_HALF_H
#define HONE_BASE_HALF_H

#include <stdint.h>

uint16_t hone_half_from_float(float value);
float hone_half_to_float(uint16_t bits);
uint16_t hone_bf16_from_float(float value);
float hone_bf16_to_float(uint16_t bits);

#endif
