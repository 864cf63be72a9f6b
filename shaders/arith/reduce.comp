// reduce: one pass of a sum: slice s of `slices` adds the elements s, s + slices, s + 2 slices, ... of axis R; of them,
// MERGE invocations take every MERGE-th each (lib/merge.glsl)
// x (A,R,B) T ELEM   y (A,slices,B) T f32, T float or vec4; no atomics, an order fixed by the sizes
// grid linear over count * MERGE, count = A slices B   spec WG MERGE   push count, R, B, slices   any size
#version 460
#extension GL_GOOGLE_include_directive : require
#define V T
#include "elem.glsl"
#include "merge.glsl"

layout(set = 0, binding = 0, std430) readonly buffer X { LOADED(T) x[]; };
layout(set = 0, binding = 1, std430) writeonly buffer Y { T y[]; };
layout(push_constant) uniform Push { uint count, length, inner, slices; };

void main() {
    uint i = min(merge_channel(), count - 1);
    uint b = i % inner;
    uint row = i / inner;
    uint s = row % slices + merge_first() * slices;
    uint at = (row / slices * length + s) * inner + b;
    uint step = slices * MERGE, todo = s < length ? (length - s + step - 1) / step : 0;
    step *= inner;
    // Four sums side by side hide the latency of the additions and round less than one.
    T sum0 = T(0), sum1 = T(0), sum2 = T(0), sum3 = T(0);
    for (; todo >= 4; todo -= 4) {
        sum0 += LOAD(x[at]);
        sum1 += LOAD(x[at + step]);
        sum2 += LOAD(x[at + 2 * step]);
        sum3 += LOAD(x[at + 3 * step]);
        at += 4 * step;
    }
    for (; todo > 0; todo--) {
        sum0 += LOAD(x[at]);
        at += step;
    }
    T sum = merged((sum0 + sum1) + (sum2 + sum3));
    if (merge_channel() < count && merge_first() == 0) y[i] = sum;
}
