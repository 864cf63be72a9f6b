// half.glsl: f16 and bf16 as they are stored, two to a word: no 16-bit feature is needed. Rounding is to nearest,
// ties to even, large numbers become infinity, as src/base/half.c, bit for bit: packHalf2x16 truncates on some drivers.
#ifndef HONE_HALF_GLSL
#define HONE_HALF_GLSL

uint hone_f16_bits(float x) {
    uint u = floatBitsToUint(x), sign = u >> 16 & 0x8000u, a = u & 0x7fffffffu;
    // Below 2^-14 an addition of 1/2 rounds to multiples of 2^-24.
    uint low = floatBitsToUint(uintBitsToFloat(a) + 0.5) - 0x3f000000u;
    uint high = min((a - 0x38000000u + 0xfffu + (a >> 13 & 1u)) >> 13, 0x7c00u);
    uint bits = a < 0x38800000u ? low : high;
    return sign | (a > 0x7f800000u ? 0x7e00u : bits);
}

uint hone_bf16_bits(float x) {
    uint u = floatBitsToUint(x);
    return (u & 0x7fffffffu) > 0x7f800000u ? u >> 16 | 0x40u : (u + 0x7fffu + (u >> 16 & 1u)) >> 16;
}

uint hone_f16_pack(vec2 v) { return hone_f16_bits(v.x) | hone_f16_bits(v.y) << 16; }
vec2 hone_f16_unpack(uint word) { return unpackHalf2x16(word); }
uint hone_bf16_pack(vec2 v) { return hone_bf16_bits(v.x) | hone_bf16_bits(v.y) << 16; }
vec2 hone_bf16_unpack(uint word) {
    return vec2(uintBitsToFloat(word << 16), uintBitsToFloat(word & 0xffff0000u));
}

#endif
