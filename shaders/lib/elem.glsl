// elem.glsl: the element type of stored tensors. -DELEM (default 0) says what is read, -DOUT (default ELEM) what is
// written: 0 f32, 1 f16, 2 bf16. Buffers of E hold elements that are read, of O those that are written; 16-bit types
// lie two to a word, and an invocation writes whole words: OUT_WIDTH neighbours. O_AT and out_read read what is of the
// written type.
#ifndef HONE_ELEM_GLSL
#define HONE_ELEM_GLSL
#include "half.glsl"
#ifndef ELEM
#define ELEM 0
#endif
#ifndef OUT
#define OUT ELEM
#endif

#if ELEM == 0
#define E               float
#define E4              vec4
#define E_AT(buffer_, i) buffer_[i]
vec4 elem_vec4(vec4 v) { return v; }
#else
#define E  uint
#define E4 uvec2
#if ELEM == 1
#define elem_unpack hone_f16_unpack
float elem_one(uint word, int i) { return (i & 1) == 0 ? unpackHalf2x16(word).x : unpackHalf2x16(word).y; }
#else
#define elem_unpack hone_bf16_unpack
float elem_one(uint word, int i) { return uintBitsToFloat((i & 1) == 0 ? word << 16 : word & 0xffff0000u); }
#endif
#define E_AT(buffer_, i) elem_one(buffer_[(i) >> 1], i)
vec4 elem_vec4(uvec2 v) { return vec4(elem_unpack(v.x), elem_unpack(v.y)); }
#endif

#if OUT == 0
#define O  float
#define O4 vec4
#define O_AT(buffer_, i) buffer_[i]
const int OUT_WIDTH = 1;
vec4 out_vec4(vec4 v) { return v; }
vec4 out_read(vec4 v) { return v; }
#else
#define O  uint
#define O4 uvec2
const int OUT_WIDTH = 2;
#if OUT == 1
#define out_pack hone_f16_pack
#define out_unpack hone_f16_unpack
#else
#define out_pack hone_bf16_pack
#define out_unpack hone_bf16_unpack
#endif
#define O_AT(buffer_, i) out_unpack(buffer_[(i) >> 1])[(i) & 1]
uvec2 out_vec4(vec4 v) { return uvec2(out_pack(v.xy), out_pack(v.zw)); }
vec4 out_read(uvec2 v) { return vec4(out_unpack(v.x), out_unpack(v.y)); }
#endif

// For kernels that handle a T (float or vec4, in 16 bits always vec4) at a time: what a buffer holds for one.
#if ELEM == 0
#define LOADED(T) T
#define LOAD(v)   (v)
#else
#define LOADED(T) uvec2
#define LOAD(v)   elem_vec4(v)
#endif
#if OUT == 0
#define STORED(T) T
#define STORE(v)  (v)
#else
#define STORED(T) uvec2
#define STORE(v)  out_vec4(v)
#endif

#endif
