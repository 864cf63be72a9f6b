// augment.c: what happens to each picture in training, drawn at random into a table that the
// operators of image.c and style.c go by.
//
//   augment_draw   clock (2) i32 -> plan (N,32); columns and attributes in ops.h
//     map: side Rotate(angle) (fx x, fy y) / zoom, over 1 + tilt (x, y), plus shift and the place
//     of what the crop keeps
//
// Draw i of picture n is number 32 n + i of the stream (salt, step) with key seed. What must not
// depend on rounding (flips, choices, the box that is erased) is computed in whole numbers, so that
// every device draws the same. No gradients: pictures are data.
#include "ops/common.h"
#include "ops/ops.h"

#include <math.h>

#include "base/rng.h"

// shaders/image/draw.comp has the same draws and kinds.
enum draw {
    DRAW_FLIP_X,
    DRAW_FLIP_Y,
    DRAW_ANGLE,
    DRAW_ZOOM,
    DRAW_SHIFT_X,
    DRAW_SHIFT_Y,
    DRAW_TILT_X,
    DRAW_TILT_Y,
    DRAW_SIDE,
    DRAW_SIDE_X,
    DRAW_SIDE_Y,
    DRAW_BRIGHTNESS,
    DRAW_CONTRAST,
    DRAW_GAMMA,
    DRAW_HUE,
    DRAW_SATURATION,
    DRAW_BLUR,
    DRAW_NOISE,
    DRAW_NOISE_SEED,
    DRAW_BLOCKS,
    DRAW_BOX_HEIGHT,
    DRAW_BOX_WIDTH,
    DRAW_BOX_TOP,
    DRAW_BOX_LEFT,
    DRAW_BOX,
    DRAW_KIND_B = 30,
    DRAW_KIND_A,
    DRAWS
};
enum kind {
    KIND_ROTATE,
    KIND_ZOOM,
    KIND_SHIFT,
    KIND_PERSPECTIVE,
    KIND_CROP,
    KIND_BRIGHTNESS,
    KIND_CONTRAST,
    KIND_GAMMA,
    KIND_HUE,
    KIND_SATURATION,
    KIND_BLUR,
    KIND_NOISE,
    KIND_BLOCKS,
    KIND_ERASE,
    KINDS
};

static const struct hone_field augment_fields[] = {
    HONE_FIELD(hone_augment_attrs, batch, HONE_FIELD_I32, 1),
    HONE_FIELD(hone_augment_attrs, flip_x, HONE_FIELD_I32, 1),
    HONE_FIELD(hone_augment_attrs, flip_y, HONE_FIELD_I32, 1),
    HONE_FIELD(hone_augment_attrs, rotate, HONE_FIELD_F32, 1),
    HONE_FIELD(hone_augment_attrs, scale_lo, HONE_FIELD_F32, 1),
    HONE_FIELD(hone_augment_attrs, scale_hi, HONE_FIELD_F32, 1),
    HONE_FIELD(hone_augment_attrs, shift, HONE_FIELD_F32, 1),
    HONE_FIELD(hone_augment_attrs, salt, HONE_FIELD_I32, 1),
    HONE_FIELD(hone_augment_attrs, policy, HONE_FIELD_I32, 1),
    HONE_FIELD(hone_augment_attrs, perspective, HONE_FIELD_F32, 1),
    HONE_FIELD(hone_augment_attrs, crop, HONE_FIELD_F32, 1),
    HONE_FIELD(hone_augment_attrs, brightness, HONE_FIELD_F32, 1),
    HONE_FIELD(hone_augment_attrs, contrast, HONE_FIELD_F32, 1),
    HONE_FIELD(hone_augment_attrs, saturation, HONE_FIELD_F32, 1),
    HONE_FIELD(hone_augment_attrs, gamma, HONE_FIELD_F32, 1),
    HONE_FIELD(hone_augment_attrs, hue, HONE_FIELD_F32, 1),
    HONE_FIELD(hone_augment_attrs, blur, HONE_FIELD_F32, 1),
    HONE_FIELD(hone_augment_attrs, noise, HONE_FIELD_F32, 1),
    HONE_FIELD(hone_augment_attrs, blocks, HONE_FIELD_F32, 1),
    HONE_FIELD(hone_augment_attrs, erase, HONE_FIELD_F32, 1),
};

static hone_status augment_infer(const struct hone_infer_args *args) {
    const struct hone_augment_attrs *a = args->attrs;
    const struct {
        const char *name;
        float value, most;
    } ranges[] = {
        {"rotate", a->rotate, 1e3f},
        {"shift", a->shift, 1e3f},
        {"perspective", a->perspective, 0.9f},
        {"crop", a->crop, 0.95f},
        {"brightness", a->brightness, 1},
        {"contrast", a->contrast, 1},
        {"saturation", a->saturation, 1},
        {"gamma", a->gamma, 10},
        {"hue", a->hue, 1e3f},
        {"blur", a->blur, 1.5f},
        {"noise", a->noise, 1},
        {"blocks", a->blocks, 1},
        {"erase", a->erase, 1},
    };
    HONE_TRY(hone_op_expect(args, 0, "clock", HONE_I32, 1));
    HONE_TRY(hone_op_expect_dim(args, 0, "clock", 0, 2, "seed and step"));
    if (!(a->scale_lo > 0.0f && a->scale_hi >= a->scale_lo))
        return hone_fail(HONE_INVALID, "zoom %g to %g: it must be above 0 and not fall",
                         (double)a->scale_lo, (double)a->scale_hi);
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (!(ranges[i].value >= 0 && ranges[i].value <= ranges[i].most))
            return hone_fail(HONE_INVALID, "%s is %g; it must be in 0..%g", ranges[i].name,
                             (double)ranges[i].value, (double)ranges[i].most);
    if (a->policy < HONE_AUGMENT_EACH || a->policy > HONE_AUGMENT_TWO)
        return hone_fail(HONE_INVALID, "policy %d is unknown", a->policy);
    if (a->batch < 1)
        return hone_fail(HONE_INVALID, "batch is %d; it must be at least 1", a->batch);
    return hone_op_set(&args->out[0], HONE_F32, 2, (const int64_t[]){a->batch, HONE_AUGMENT_PLAN});
}

// The kinds that have a range, as bits.
static uint32_t augment_kinds(const struct hone_augment_attrs *a, uint32_t *count) {
    const bool on[KINDS] = {
        [KIND_ROTATE] = a->rotate > 0,     [KIND_ZOOM] = a->scale_lo != 1.0f || a->scale_hi != 1.0f,
        [KIND_SHIFT] = a->shift > 0,       [KIND_PERSPECTIVE] = a->perspective > 0,
        [KIND_CROP] = a->crop > 0,         [KIND_BRIGHTNESS] = a->brightness > 0,
        [KIND_CONTRAST] = a->contrast > 0, [KIND_GAMMA] = a->gamma > 0,
        [KIND_HUE] = a->hue > 0,           [KIND_SATURATION] = a->saturation > 0,
        [KIND_BLUR] = a->blur > 0,         [KIND_NOISE] = a->noise > 0,
        [KIND_BLOCKS] = a->blocks > 0,     [KIND_ERASE] = a->erase > 0,
    };
    uint32_t bits = 0;
    *count = 0;
    for (int k = 0; k < KINDS; k++) {
        bits |= (uint32_t)on[k] << k;
        *count += on[k];
    }
    return bits;
}

// Sides of the box in 256ths, at most.
static uint32_t augment_box(const struct hone_augment_attrs *a) {
    return (uint32_t)(a->erase * 256 + 0.5f);
}

// The draws of one picture.
struct dice {
    uint64_t seed, stream, first;
    bool each;
};

static uint32_t whole(const struct dice *d, enum draw which) {
    return hone_rng_u32(d->seed, d->stream, d->first + (uint64_t)which) >> 8;
}
static double share(const struct dice *d, enum draw which) {
    return whole(d, which) * 0x1p-24;
}
static double both(const struct dice *d, enum draw which) {
    return 2 * share(d, which) - 1;
}
static double harm(const struct dice *d, enum draw which) {
    return d->each ? fmax(both(d, which), 0) : share(d, which);
}

// The kind at this place among those that are on.
static uint32_t pick(uint32_t kinds, uint32_t place) {
    for (int kind = 0; kind < KINDS; kind++)
        if (kinds >> kind & 1 && place-- == 0) return 1u << kind;
    return 0;
}

static uint32_t chosen(const struct dice *d, int32_t policy, uint32_t kinds, uint32_t count) {
    if (policy == HONE_AUGMENT_EACH || !count) return kinds;
    if (policy == HONE_AUGMENT_TRIVIAL)
        return pick(kinds, whole(d, DRAW_KIND_A) * (count + 1) >> 24);
    return pick(kinds, whole(d, DRAW_KIND_A) * count >> 24) |
           pick(kinds, whole(d, DRAW_KIND_B) * count >> 24);
}

static void plan_map(const struct hone_augment_attrs *a, const struct dice *d, uint32_t on,
                     double *m) {
    double fx = a->flip_x && whole(d, DRAW_FLIP_X) < 1u << 23 ? -1 : 1;
    double fy = a->flip_y && whole(d, DRAW_FLIP_Y) < 1u << 23 ? -1 : 1;
    double angle = on >> KIND_ROTATE & 1 ? (double)a->rotate * both(d, DRAW_ANGLE) : 0;
    double lo = (double)a->scale_lo, hi = (double)a->scale_hi;
    double zoom = on >> KIND_ZOOM & 1 ? lo + (hi - lo) * share(d, DRAW_ZOOM) : 1;
    double side = on >> KIND_CROP & 1 ? 1 - (double)a->crop * share(d, DRAW_SIDE) : 1;
    double move = on >> KIND_SHIFT & 1 ? (double)a->shift : 0;
    double tilt = on >> KIND_PERSPECTIVE & 1 ? (double)a->perspective : 0;
    m[0] = side * fx * cos(angle) / zoom;
    m[1] = -side * fy * sin(angle) / zoom;
    m[2] = move * both(d, DRAW_SHIFT_X) + 0.5 * (1 - side) * both(d, DRAW_SIDE_X);
    m[3] = side * fx * sin(angle) / zoom;
    m[4] = side * fy * cos(angle) / zoom;
    m[5] = move * both(d, DRAW_SHIFT_Y) + 0.5 * (1 - side) * both(d, DRAW_SIDE_Y);
    m[6] = tilt * both(d, DRAW_TILT_X);
    m[7] = tilt * both(d, DRAW_TILT_Y);
}

static void plan_style(const struct hone_augment_attrs *a, const struct dice *d, uint32_t on,
                       double *m) {
    double log_gamma = log2(1 + (double)a->gamma);
    double hue = on >> KIND_HUE & 1 ? (double)a->hue * both(d, DRAW_HUE) : 0;
    double colour =
        on >> KIND_SATURATION & 1 ? 1 + (double)a->saturation * both(d, DRAW_SATURATION) : 1;
    m[8] = on >> KIND_BRIGHTNESS & 1 ? (double)a->brightness * both(d, DRAW_BRIGHTNESS) : 0;
    m[9] = on >> KIND_CONTRAST & 1 ? 1 + (double)a->contrast * both(d, DRAW_CONTRAST) : 1;
    m[10] = on >> KIND_GAMMA & 1 ? exp2(log_gamma * both(d, DRAW_GAMMA)) : 1;
    m[11] = colour * cos(hue);
    m[12] = colour * sin(hue);
    m[13] = on >> KIND_BLUR & 1 ? (double)a->blur * harm(d, DRAW_BLUR) : 0;
    m[14] = on >> KIND_NOISE & 1 ? (double)a->noise * harm(d, DRAW_NOISE) : 0;
    m[15] = whole(d, DRAW_NOISE_SEED);
    m[16] = on >> KIND_BLOCKS & 1 ? (double)a->blocks * harm(d, DRAW_BLOCKS) : 0;
    bool erases = on >> KIND_ERASE & 1 && (!d->each || whole(d, DRAW_BOX) < 1u << 23);
    uint32_t box = erases ? augment_box(a) : 0;
    uint32_t high = box / 4 + ((box - box / 4) * whole(d, DRAW_BOX_HEIGHT) >> 24);
    uint32_t wide = box / 4 + ((box - box / 4) * whole(d, DRAW_BOX_WIDTH) >> 24);
    uint32_t top = (256 - high) * whole(d, DRAW_BOX_TOP) >> 24;
    uint32_t left = (256 - wide) * whole(d, DRAW_BOX_LEFT) >> 24;
    m[17] = left;
    m[18] = top;
    m[19] = left + wide;
    m[20] = top + high;
}

static void augment_ref(const struct hone_ref_args *args) {
    const struct hone_augment_attrs *a = args->attrs;
    uint32_t count, kinds = augment_kinds(a, &count);
    struct dice d = {.seed = (uint32_t)(int32_t)args->in[0][0],
                     .stream = hone_op_random_stream(a->salt, (int32_t)args->in[0][1]),
                     .each = a->policy == HONE_AUGMENT_EACH};
    for (int32_t n = 0; n < a->batch; n++) {
        double *m = args->out[0] + (int64_t)n * HONE_AUGMENT_PLAN;
        d.first = (uint64_t)n * DRAWS;
        uint32_t on = chosen(&d, a->policy, kinds, count);
        plan_map(a, &d, on, m);
        plan_style(a, &d, on, m);
        for (int k = 21; k < HONE_AUGMENT_PLAN; k++) m[k] = 0;
    }
}

static struct hone_cost augment_cost(const struct hone_infer_args *args) {
    return hone_op_cost_elements(args, 1, 40);
}

static hone_status augment_setup(const struct hone_row_args *args, struct hone_launch *launch) {
    const struct hone_augment_attrs *a = args->node->attrs;
    struct hone_dispatch *pass = hone_op_linear(launch, "image_draw", (uint64_t)a->batch);
    uint32_t count, kinds = augment_kinds(a, &count);
    if (!pass) return HONE_INTERNAL;
    hone_op_bind_all(pass, 1, 1);
    const uint32_t whole_numbers[] = {(uint32_t)a->batch,
                                      (uint32_t)a->flip_x,
                                      (uint32_t)a->flip_y,
                                      (uint32_t)a->salt,
                                      (uint32_t)a->policy,
                                      kinds,
                                      count,
                                      augment_box(a)};
    const float ranges[] = {
        a->rotate,     a->scale_lo, a->scale_hi,         a->shift, a->perspective, a->crop,
        a->brightness, a->contrast, log2f(1 + a->gamma), a->hue,   a->saturation,  a->blur,
        a->noise,      a->blocks};
    hone_dispatch_push(pass, whole_numbers, sizeof whole_numbers);
    hone_dispatch_push(pass, ranges, sizeof ranges);
    return HONE_OK;
}

static const struct hone_op_row augment_rows[] = {{.name = "plain", .setup = augment_setup}};

const struct hone_op hone_op_augment_draw = {
    .name = "augment_draw",
    .inputs_min = 1,
    .inputs_max = 1,
    .outputs = 1,
    .flags = HONE_OP_NO_GRAD,
    .attrs_bytes = sizeof(struct hone_augment_attrs),
    .fields = augment_fields,
    .field_count = sizeof augment_fields / sizeof *augment_fields,
    .infer = augment_infer,
    .ref = augment_ref,
    .cost = augment_cost,
    .rows = augment_rows,
    .row_count = 1,
};
