// merge.glsl: the second pass of sums that were made in slices: MERGE neighbouring invocations of a workgroup share a
// channel, each adds every MERGE-th slice, and their sums meet in shared memory, always in the same order. MERGE 1: one
// invocation adds all, without shared memory or a barrier, as CPU drivers like it. Every invocation must call merged().
// spec WG MERGE   grid linear over channels * MERGE   needs V, MERGE a power of two that divides WG
#ifndef HONE_MERGE_GLSL
#define HONE_MERGE_GLSL

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint MERGE = 1;
const uint MERGE_CHANNELS = gl_WorkGroupSize.x / MERGE; // side by side in a workgroup
shared V merge_sums[gl_WorkGroupSize.x];

uint merge_channel() {
    return (gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x) * MERGE_CHANNELS +
           gl_LocalInvocationID.x % MERGE_CHANNELS;
}
uint merge_first() { return gl_LocalInvocationID.x / MERGE_CHANNELS; }

V merged(V value) {
    if (MERGE == 1) return value;
    uint id = gl_LocalInvocationID.x;
    barrier(); // the last result has been read
    merge_sums[id] = value;
    for (uint half_ = MERGE / 2; half_ > 0; half_ /= 2) {
        barrier();
        if (merge_first() < half_) merge_sums[id] += merge_sums[id + half_ * MERGE_CHANNELS];
    }
    barrier();
    return merge_sums[id % MERGE_CHANNELS];
}

#endif
