// image_blocks: each 8x8 block's cosine transform loses its small coefficients, as a JPEG's does, of src/ops/style.c
// x, y (N,H,W,3) f32   plan (N,32) f32: column 16 is the strength   basis: computed
// grid linear over N*ceil(H/8)*ceil(W/8) workgroups of 64, one a block   push n h w   ragged blocks repeat their edge
#version 460
#extension GL_GOOGLE_include_directive : require

layout(local_size_x_id = 0) in;
layout(set = 0, binding = 0, std430) readonly buffer X { float x[]; };
layout(set = 0, binding = 1, std430) readonly buffer Plan { float plan[]; };
layout(set = 0, binding = 2, std430) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push { uint n, h, w; };

shared float basis[64]; // [frequency * 8 + place]
shared float a[64], b[64];

// cos(m pi / 16), from numbers: a driver's cos may be 2^-11 off.
float wave(uint m) {
    m &= 31;
    if (m > 16) m = 32 - m;
    uint k = m > 8 ? 16 - m : m;
    float size = k == 0 ? 1.0 : k == 1 ? 0.98078528040323044 : k == 2 ? 0.92387953251128674 :
        k == 3 ? 0.83146961230254524 : k == 4 ? 0.70710678118654752 : k == 5 ? 0.55557023301960222 :
        k == 6 ? 0.38268343236508977 : k == 7 ? 0.19509032201612827 : 0.0;
    return m > 8 ? -size : size;
}

void main() {
    uint block = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x, lane = gl_LocalInvocationID.x;
    uint across = (w + 7) / 8, down = (h + 7) / 8;
    if (block >= n * across * down) return; // all of the workgroup
    uint r = lane / 8, c = lane % 8;
    uint picture = block / (across * down), row = block / across % down * 8 + r, column = block % across * 8 + c;
    uint at = ((picture * h + min(row, h - 1)) * w + min(column, w - 1)) * 3;
    bool inside = row < h && column < w;
    float strength = plan[picture * 32 + 16];
    basis[lane] = (r == 0 ? 0.35355339059327373 : 0.5 * wave(r * (2 * c + 1)));
    for (uint channel = 0; channel < 3; channel++) {
        a[lane] = x[at + channel];
        barrier();
        float sum = 0.0; // along rows: b[place row, frequency column]
        for (uint k = 0; k < 8; k++) sum += basis[c * 8 + k] * a[r * 8 + k];
        b[lane] = sum;
        barrier();
        sum = 0.0; // along columns
        for (uint k = 0; k < 8; k++) sum += basis[r * 8 + k] * b[k * 8 + c];
        float least = lane == 0 ? 0.0 : strength * float(1 + r + c);
        a[lane] = sum > least ? sum - least : sum < -least ? sum + least : 0.0;
        barrier();
        sum = 0.0;
        for (uint k = 0; k < 8; k++) sum += basis[k * 8 + r] * a[k * 8 + c];
        b[lane] = sum;
        barrier();
        sum = 0.0;
        for (uint k = 0; k < 8; k++) sum += basis[k * 8 + c] * b[r * 8 + k];
        if (inside) y[at + channel] = strength > 0.0 ? sum : x[at + channel];
        barrier(); // a and b are written again
    }
}
