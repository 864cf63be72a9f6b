// norm.glsl: the walk of kernels that touch each element of (M,C): a workgroup is LANES channels side by side by
// WG / LANES rows, STRIPS times that along the channels; chunk gl_WorkGroupID.x of `chunk` rows is its run of memory,
// block gl_WorkGroupID.y its channels. An invocation keeps its channels, so that parameters are read once. C counts V
// (width.glsl). CPU drivers take several strips: where a row was left after each 128 bytes, Mesa 22.3 waited for
// memory at each (1.1 GB/s a thread at 384 channels, 6 with whole rows).
#ifndef HONE_NORM_GLSL
#define HONE_NORM_GLSL
#extension GL_EXT_control_flow_attributes : require

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint LANES = 1;
layout(constant_id = 2) const uint STRIPS = 1;
#define EACH_STRIP [[unroll]] for (uint u = 0; u < STRIPS; u++)

// The first channel of an invocation; the others follow at distances of LANES.
uint norm_channel() { return gl_WorkGroupID.y * STRIPS * LANES + gl_LocalInvocationID.x % LANES; }
// The invocation's row in a workgroup, and how many there are.
uint norm_row() { return gl_LocalInvocationID.x / LANES; }
uint norm_rows() { return gl_WorkGroupSize.x / LANES; }

#endif
