// lanes.glsl: spread one lane's value over the subgroup, for bodies where a subgroup is a SIMD vector.
// Mesa 22.3 turns a shuffle by a constant into one shufflevector, but a broadcast into a loop over the lanes;
// Mesa 25 does it the other way round. BROADCAST (a specialisation constant of the including shader) chooses.
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_ballot : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_EXT_control_flow_attributes : require

float lane_value(float value, uint lane) {
    return BROADCAST != 0 ? subgroupBroadcast(value, lane) : subgroupShuffle(value, lane);
}

int lane_value(int value, uint lane) {
    return BROADCAST != 0 ? subgroupBroadcast(value, lane) : subgroupShuffle(value, lane);
}

vec4 lane_value(vec4 value, uint lane) {
    return vec4(lane_value(value.x, lane), lane_value(value.y, lane), lane_value(value.z, lane),
                lane_value(value.w, lane));
}
