// norm.glsl: the walk of kernels that touch each element of (M,C): a workgroup is LANES channels side by side by
// WG / LANES rows; chunk gl_WorkGroupID.x of `chunk` rows is one run of memory, block gl_WorkGroupID.y holds the
// channels. An invocation keeps its channel, so that its parameters are read once. C counts V (width.glsl).
#ifndef HONE_NORM_GLSL
#define HONE_NORM_GLSL

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint LANES = 1;
layout(push_constant) uniform Push { uint rows, c, chunk; float act_a, act_b, number; } norm;

uint norm_channel() { return gl_WorkGroupID.y * LANES + gl_LocalInvocationID.x % LANES; }
uint norm_begin(uint channel) {
    return (gl_WorkGroupID.x * norm.chunk + gl_LocalInvocationID.x / LANES) * norm.c + channel;
}
uint norm_end() { return min((gl_WorkGroupID.x + 1) * norm.chunk, norm.rows) * norm.c; }
uint norm_step() { return gl_WorkGroupSize.x / LANES * norm.c; }

#endif
