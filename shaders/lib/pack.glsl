// pack.glsl: PACK, what a lane loads at once of a row of channels, and its values as floats: one channel (-DANY),
// eight (-DWIDE) or four. CPU drivers load lane by lane, in a loop whose cost hardly depends on the width of what
// each lane loads: eight floats as four 64-bit words cost about what a vec4 does.
#ifndef HONE_PACK_GLSL
#define HONE_PACK_GLSL
#extension GL_EXT_control_flow_attributes : require

#if defined(ANY)
#define PACK_T float
const int PACK = 1;
#elif defined(WIDE)
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#define PACK_T u64vec4
const int PACK = 8;
#else
#define PACK_T vec4
const int PACK = 4;
#endif

struct pack {
    float v[PACK];
};

pack pack_values(PACK_T loaded) {
    pack p;
#if defined(ANY)
    p.v[0] = loaded;
#elif defined(WIDE)
    [[unroll]] for (int i = 0; i < 4; i++) {
        vec2 two = uintBitsToFloat(unpackUint2x32(loaded[i]));
        p.v[2 * i] = two.x;
        p.v[2 * i + 1] = two.y;
    }
#else
    [[unroll]] for (int i = 0; i < 4; i++) p.v[i] = loaded[i];
#endif
    return p;
}

#ifdef WIDE
uint64_t pack_two(float a, float b) { return packUint2x32(floatBitsToUint(vec2(a, b))); }
#endif

#endif
