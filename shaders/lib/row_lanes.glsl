// row_lanes.glsl: a row of a matrix is worked on by LANES neighbouring invocations of a workgroup (a power of two;
// 1: no shared memory, no barrier). Every invocation of the workgroup must call row_sum and row_max alike.
layout(constant_id = 1) const uint LANES = 1;
shared float row_lanes[gl_WorkGroupSize.x];

uint row_lane() { return gl_LocalInvocationID.x % LANES; }
uint row_index() { return linear_index() / LANES; }

float row_sum(float value) {
    if (LANES == 1) return value;
    uint id = gl_LocalInvocationID.x;
    barrier(); // the last result has been read
    row_lanes[id] = value;
    for (uint half_ = LANES / 2; half_ > 0; half_ /= 2) {
        barrier();
        if (row_lane() < half_) row_lanes[id] += row_lanes[id + half_];
    }
    barrier();
    return row_lanes[id - row_lane()];
}

float row_max(float value) {
    if (LANES == 1) return value;
    uint id = gl_LocalInvocationID.x;
    barrier();
    row_lanes[id] = value;
    for (uint half_ = LANES / 2; half_ > 0; half_ /= 2) {
        barrier();
        if (row_lane() < half_) row_lanes[id] = max(row_lanes[id], row_lanes[id + half_]);
    }
    barrier();
    return row_lanes[id - row_lane()];
}
