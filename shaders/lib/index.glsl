// index.glsl: the linear invocation index of a grid that is folded into x and y, so that no axis exceeds 65,535
// workgroups. The workgroup size is specialisation constant 0 of every linear kernel.
#ifndef HONE_INDEX_GLSL
#define HONE_INDEX_GLSL

layout(local_size_x_id = 0) in;

uint linear_index() {
    return (gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x) * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
}

#endif
