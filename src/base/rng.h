// rng.h: random numbers without state: Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel
// random numbers: as easy as 1, 2, 3" (SC 2011). The same (seed, stream, counter) gives the same
// number on each machine, each thread and, through shaders/lib/rng.glsl, on the GPU, bit for bit.
//
// A stream belongs to one use (this dropout, the order of that epoch) and to one kind of draw: u32,
// f32 and normal read word `counter & 3` of block `counter / 4`; below reads whole blocks.
#ifndef HONE_BASE_RNG_H
#define HONE_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

// Four words of block `block`: the generator itself. Key: seed (low word first); counter: block,
// stream.
void hone_rng_block(uint64_t seed, uint64_t stream, uint64_t block, uint32_t out[4]);

uint32_t hone_rng_u32(uint64_t seed, uint64_t stream, uint64_t counter);
// Multiples of 2^-24 in [0, 1).
float hone_rng_f32(uint64_t seed, uint64_t stream, uint64_t counter);
// Mean 0, deviation 1 (Box-Muller on a pair of neighbouring words; counters 2n and 2n+1 are its two
// halves). On the GPU equal within the rounding of log, sqrt and cos.
double hone_rng_normal(uint64_t seed, uint64_t stream, uint64_t counter);
// 0 <= result < bound, each equally likely (Lemire's multiply and reject). bound must not be 0.
uint32_t hone_rng_below(uint64_t seed, uint64_t stream, uint64_t counter, uint32_t bound);

// Numbers 0..count-1 in random order (Fisher-Yates).
void hone_rng_permutation(uint64_t seed, uint64_t stream, uint32_t *out, uint32_t count);

#endif
