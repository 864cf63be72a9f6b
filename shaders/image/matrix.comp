// image_matrix: a random map of each picture, of src/ops/image.c: Rotate(angle) (fx x, fy y) / zoom + shift
// clock (2) i32: seed, step   matrix (N,6) f32
// grid linear over N   spec WG   push batch flip_x flip_y salt rotate zoom_lo zoom_hi shift
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"
#include "rng.glsl"

layout(set = 0, binding = 0, std430) readonly buffer Clock { uvec2 clock; };
layout(set = 0, binding = 1, std430) writeonly buffer Matrix { float m[]; };
layout(push_constant) uniform Push { uint batch, flip_x, flip_y, salt; float rotate, zoom_lo, zoom_hi, shift; };

// Draw `which` of picture n: counter 8 n + which.
float draw(uint n, uint which) {
    return hone_rng_f32(uvec2(clock.x, 0), uvec2(salt, clock.y), uvec2(n << 3 | which, n >> 29));
}

void main() {
    uint n = linear_index();
    if (n >= batch) return;
    float fx = flip_x != 0 && draw(n, 0) < 0.5 ? -1.0 : 1.0;
    float fy = flip_y != 0 && draw(n, 1) < 0.5 ? -1.0 : 1.0;
    float angle = rotate * (2.0 * draw(n, 2) - 1.0), zoom = zoom_lo + (zoom_hi - zoom_lo) * draw(n, 3);
    // sin and cos of drivers may be 2^-11 off at large arguments and are not exact at 0.
    float turn_x = angle == 0.0 ? 1.0 : cos(angle), turn_y = angle == 0.0 ? 0.0 : sin(angle);
    m[n * 6] = fx * turn_x / zoom;
    m[n * 6 + 1] = -fy * turn_y / zoom;
    m[n * 6 + 2] = shift * (2.0 * draw(n, 4) - 1.0);
    m[n * 6 + 3] = fx * turn_y / zoom;
    m[n * 6 + 4] = fy * turn_x / zoom;
    m[n * 6 + 5] = shift * (2.0 * draw(n, 5) - 1.0);
}
