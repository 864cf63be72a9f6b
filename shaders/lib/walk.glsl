// walk.glsl: the four coordinates of a linear index. Axes in front of the last RANK have size 1 and cost nothing:
// RANK is a specialisation constant of the including shader, `size` holds the last three sizes.
#ifndef HONE_WALK_GLSL
#define HONE_WALK_GLSL

uvec4 walk(uint i, uint size1, uint size2, uint size3) {
    uvec4 at = uvec4(0, 0, 0, i);
    if (RANK > 1) {
        at.z = i / size3;
        at.w = i - at.z * size3;
    }
    if (RANK > 2) {
        at.y = at.z / size2;
        at.z -= at.y * size2;
    }
    if (RANK > 3) {
        at.x = at.y / size1;
        at.y -= at.x * size1;
    }
    return at;
}

// sum at[k] step[k] over the axes that are there
uint walk_dot(uvec4 at, uint step0, uint step1, uint step2, uint step3) {
    uint sum = at.w * step3;
    if (RANK > 1) sum += at.z * step2;
    if (RANK > 2) sum += at.y * step1;
    if (RANK > 3) sum += at.x * step0;
    return sum;
}

#endif
