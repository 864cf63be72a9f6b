// norm_join_stats: joins every `each` of many parts to one, in order: means of runs of rows and squared distances
// from them (Chan, Golub, LeVeque 1979)
// part (parts,2,C) f32   joined (ceil(parts / each),2,C) f32
// grid linear over ceil(parts / each) * C   spec WG   push c parts part_rows rows each   the last part may be shorter
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"
#include "width.glsl"

layout(set = 0, binding = 0, std430) readonly buffer Part { V part[]; };
layout(set = 0, binding = 1, std430) writeonly buffer Joined { V joined[]; };
layout(push_constant) uniform Push { uint c, parts, part_rows, rows, each; };

float rows_of(uint i) { return float(min(part_rows, rows - i * part_rows)); }

void main() {
    uint slice = linear_index() / c, i = linear_index() - slice * c, begin = slice * each;
    if (begin >= parts) return;
    uint end = min(begin + each, parts);
    V origin = part[begin * 2 * c + i], offset = V(0.0), squares = V(0.0);
    for (uint s = begin; s < end; s++) offset += rows_of(s) * (part[s * 2 * c + i] - origin);
    V center = origin + offset / float(min(end * part_rows, rows) - begin * part_rows);
    for (uint s = begin; s < end; s++) {
        V distance = part[s * 2 * c + i] - center;
        squares += part[(s * 2 + 1) * c + i] + rows_of(s) * distance * distance;
    }
    joined[slice * 2 * c + i] = center;
    joined[(slice * 2 + 1) * c + i] = squares;
}
