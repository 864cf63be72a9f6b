// rng.glsl: Philox4x32-10 (Salmon et al., SC 2011), the same numbers as src/base/rng.c, bit for bit.
// 64-bit values are uvec2, low word first. hone_rng_normal is equal within the rounding of log and cos.

uvec4 hone_rng_block(uvec2 seed, uvec2 stream, uvec2 block) {
    uvec2 k = seed;
    uvec4 c = uvec4(block, stream);
    for (int round = 0; round < 10; round++) {
        uint high0, low0, high1, low1;
        umulExtended(0xD2511F53u, c.x, high0, low0);
        umulExtended(0xCD9E8D57u, c.z, high1, low1);
        c = uvec4(high1 ^ c.y ^ k.x, low1, high0 ^ c.w ^ k.y, low0);
        k += uvec2(0x9E3779B9u, 0xBB67AE85u);
    }
    return c;
}

// counter / 4
uvec2 hone_rng_quarter(uvec2 counter) {
    return uvec2((counter.x >> 2) | (counter.y << 30), counter.y >> 2);
}

uint hone_rng_u32(uvec2 seed, uvec2 stream, uvec2 counter) {
    return hone_rng_block(seed, stream, hone_rng_quarter(counter))[counter.x & 3u];
}

// Multiples of 2^-24 in [0, 1).
float hone_rng_f32(uvec2 seed, uvec2 stream, uvec2 counter) {
    return float(hone_rng_u32(seed, stream, counter) >> 8) * 5.9604644775390625e-8;
}

float hone_rng_normal(uvec2 seed, uvec2 stream, uvec2 counter) {
    uvec4 words = hone_rng_block(seed, stream, hone_rng_quarter(counter));
    uvec2 pair = (counter.x & 2u) != 0u ? words.zw : words.xy;
    float radius = sqrt(-2.0 * log((float(pair.x >> 8) + 1.0) * 5.9604644775390625e-8));
    float angle = 6.283185307179586 * (float(pair.y >> 8) * 5.9604644775390625e-8);
    return radius * ((counter.x & 1u) != 0u ? sin(angle) : cos(angle));
}

uint hone_rng_below(uvec2 seed, uvec2 stream, uvec2 counter, uint bound) {
    uint reject = (0u - bound) % bound;
    for (;;) {
        uvec4 words = hone_rng_block(seed, stream, counter);
        for (int i = 0; i < 4; i++) {
            uint high, low;
            umulExtended(words[i], bound, high, low);
            if (low >= reject) return high;
        }
        uint carry;
        seed.x = uaddCarry(seed.x, 0x7F4A7C15u, carry);
        seed.y += 0x9E3779B9u + carry;
    }
    return 0u;
}
