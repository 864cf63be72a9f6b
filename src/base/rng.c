// rng.c: see rng.h. shaders/lib/rng.glsl follows this file line by line.
#include "base/rng.h"

#include <math.h>

enum { HONE_PHILOX_ROUNDS = 10 };
#define HONE_PHILOX_M0 0xD2511F53u
#define HONE_PHILOX_M1 0xCD9E8D57u
#define HONE_PHILOX_W0 0x9E3779B9u // golden ratio
#define HONE_PHILOX_W1 0xBB67AE85u // sqrt(3) - 1
#define HONE_RNG_RETRY 0x9E3779B97F4A7C15u

void hone_rng_block(uint64_t seed, uint64_t stream, uint64_t block, uint32_t out[4]) {
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    uint32_t c0 = (uint32_t)block, c1 = (uint32_t)(block >> 32);
    uint32_t c2 = (uint32_t)stream, c3 = (uint32_t)(stream >> 32);
    for (int round = 0; round < HONE_PHILOX_ROUNDS; round++) {
        uint64_t p0 = (uint64_t)HONE_PHILOX_M0 * c0, p1 = (uint64_t)HONE_PHILOX_M1 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        k0 += HONE_PHILOX_W0;
        k1 += HONE_PHILOX_W1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

uint32_t hone_rng_u32(uint64_t seed, uint64_t stream, uint64_t counter) {
    uint32_t words[4];
    hone_rng_block(seed, stream, counter / 4, words);
    return words[counter & 3];
}

float hone_rng_f32(uint64_t seed, uint64_t stream, uint64_t counter) {
    return (float)(hone_rng_u32(seed, stream, counter) >> 8) * 0x1p-24f;
}

double hone_rng_normal(uint64_t seed, uint64_t stream, uint64_t counter) {
    uint32_t words[4];
    hone_rng_block(seed, stream, counter / 4, words);
    uint64_t pair = counter & 2;
    // (0, 1]: the logarithm stays finite.
    double radius = sqrt(-2.0 * log(((double)(words[pair] >> 8) + 1.0) * 0x1p-24));
    double angle = 6.283185307179586 * ((double)(words[pair + 1] >> 8) * 0x1p-24);
    return radius * (counter & 1 ? sin(angle) : cos(angle));
}

uint32_t hone_rng_below(uint64_t seed, uint64_t stream, uint64_t counter, uint32_t bound) {
    // The first 2^32 mod bound low halves are one too many for an even spread.
    uint32_t reject = (0u - bound) % bound;
    for (;; seed += HONE_RNG_RETRY) {
        uint32_t words[4];
        hone_rng_block(seed, stream, counter, words);
        for (int i = 0; i < 4; i++) {
            uint64_t product = (uint64_t)words[i] * bound;
            if ((uint32_t)product >= reject) return (uint32_t)(product >> 32);
        }
    }
}

void hone_rng_permutation(uint64_t seed, uint64_t stream, uint32_t *out, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        uint32_t j = hone_rng_below(seed, stream, i, i + 1);
        out[i] = out[j];
        out[j] = i;
    }
}
