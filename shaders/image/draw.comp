// image_draw: what happens to each picture, of src/ops/augment.c, which names draws, kinds and columns
// clock (2) i32: seed, step   plan (N,32) f32
// grid linear over N   spec WG   push batch flip_x flip_y salt policy kinds kind_count erase and the ranges
#version 460
#extension GL_GOOGLE_include_directive : require
#include "index.glsl"
#include "rng.glsl"

layout(set = 0, binding = 0, std430) readonly buffer Clock { uvec2 clock; };
layout(set = 0, binding = 1, std430) writeonly buffer Plan { float plan[]; };
layout(push_constant) uniform Push {
    uint batch, flip_x, flip_y, salt, policy, kinds, kind_count, erase;
    float rotate, zoom_lo, zoom_hi, shift, perspective, crop, brightness, contrast, log_gamma, hue, saturation, blur,
        noise, blocks;
};

uint n; // the picture

// Whole numbers in [0, 2^24): draw `which`, counter 32 n + which.
uint whole(uint which) {
    return hone_rng_u32(uvec2(clock.x, 0), uvec2(salt, clock.y), uvec2(n << 5 | which, n >> 27)) >> 8;
}
float share(uint which) { return float(whole(which)) * 5.9604644775390625e-8; }
float both(uint which) { return 2.0 * share(which) - 1.0; }
// Where every kind is drawn for every picture, the kinds that harm leave half of the pictures alone.
float harm(uint which) { return policy == 0 ? max(both(which), 0.0) : share(which); }

uint pick(uint place) { // the kind at this place among those that are on
    for (uint kind = 0; kind < 14; kind++) {
        if ((kinds >> kind & 1) == 0) continue;
        if (place == 0) return 1u << kind;
        place--;
    }
    return 0;
}

uint chosen() {
    if (policy == 0 || kind_count == 0) return kinds;
    if (policy == 1) return pick(whole(31) * (kind_count + 1) >> 24);
    return pick(whole(31) * kind_count >> 24) | pick(whole(30) * kind_count >> 24);
}

void main() {
    n = linear_index();
    if (n >= batch) return;
    uint on = chosen(), k = n * 32;
    float fx = flip_x != 0 && whole(0) < 8388608 ? -1.0 : 1.0;
    float fy = flip_y != 0 && whole(1) < 8388608 ? -1.0 : 1.0;
    float angle = (on & 1) != 0 ? rotate * both(2) : 0.0;
    float zoom = (on & 2) != 0 ? zoom_lo + (zoom_hi - zoom_lo) * share(3) : 1.0;
    float side = (on & 16) != 0 ? 1.0 - crop * share(8) : 1.0, move = (on & 4) != 0 ? shift : 0.0;
    float tilt = (on & 8) != 0 ? perspective : 0.0;
    // sin and cos of drivers may be 2^-11 off at large arguments and are not exact at 0.
    float turn_x = angle == 0.0 ? 1.0 : cos(angle), turn_y = angle == 0.0 ? 0.0 : sin(angle);
    plan[k] = side * fx * turn_x / zoom;
    plan[k + 1] = -side * fy * turn_y / zoom;
    plan[k + 2] = move * both(4) + 0.5 * (1.0 - side) * both(9);
    plan[k + 3] = side * fx * turn_y / zoom;
    plan[k + 4] = side * fy * turn_x / zoom;
    plan[k + 5] = move * both(5) + 0.5 * (1.0 - side) * both(10);
    plan[k + 6] = tilt * both(6);
    plan[k + 7] = tilt * both(7);
    plan[k + 8] = (on & 32) != 0 ? brightness * both(11) : 0.0;
    plan[k + 9] = (on & 64) != 0 ? 1.0 + contrast * both(12) : 1.0;
    plan[k + 10] = (on & 128) != 0 ? exp2(log_gamma * both(13)) : 1.0;
    float around = (on & 256) != 0 ? hue * both(14) : 0.0;
    float colour = (on & 512) != 0 ? 1.0 + saturation * both(15) : 1.0;
    plan[k + 11] = colour * (around == 0.0 ? 1.0 : cos(around));
    plan[k + 12] = colour * (around == 0.0 ? 0.0 : sin(around));
    plan[k + 13] = (on & 1024) != 0 ? blur * harm(16) : 0.0;
    plan[k + 14] = (on & 2048) != 0 ? noise * harm(17) : 0.0;
    plan[k + 15] = float(whole(18));
    plan[k + 16] = (on & 4096) != 0 ? blocks * harm(19) : 0.0;
    uint box = (on & 8192) != 0 && (policy != 0 || whole(24) < 8388608) ? erase : 0;
    uint high = box / 4 + ((box - box / 4) * whole(20) >> 24), wide = box / 4 + ((box - box / 4) * whole(21) >> 24);
    uint top = (256 - high) * whole(22) >> 24, left = (256 - wide) * whole(23) >> 24;
    plan[k + 17] = float(left);
    plan[k + 18] = float(top);
    plan[k + 19] = float(left + wide);
    plan[k + 20] = float(top + high);
    for (uint spare = 21; spare < 32; spare++) plan[k + spare] = 0.0;
}
