// conv_launch.c: see conv_launch.h. Long tensors are cut along the batch, so that no binding
// exceeds what the device allows; the contraction of a weight gradient is cut into slices that a
// second kernel adds in order.
#include "ops/conv_launch.h"

#include <string.h>

#include "ops/common.h"

static int64_t ceil_div(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

static int64_t min64(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t max64(int64_t a, int64_t b) {
    return a > b ? a : b;
}

// ---- Sizes ----------------------------------------------------------------------------------

static int64_t x_image(const struct hone_conv_push *g) {
    return (int64_t)g->h * g->w * g->c;
}

static int64_t y_image(const struct hone_conv_push *g) {
    return (int64_t)g->p * g->q * g->k;
}

static int64_t weights(const struct hone_conv_push *g) {
    return (int64_t)g->k * g->r * g->s * (g->c / g->groups);
}

// Some tap of some output pixel lies outside x.
static bool reaches_outside(const struct hone_conv_push *g) {
    int64_t bottom = (int64_t)(g->p - 1) * g->stride_h - g->pad_h + (g->r - 1) * g->dilation_h;
    int64_t right = (int64_t)(g->q - 1) * g->stride_w - g->pad_w + (g->s - 1) * g->dilation_w;
    return g->pad_h > 0 || g->pad_w > 0 || bottom >= g->h || right >= g->w;
}

static bool is_1x1(const struct hone_conv_push *g) {
    return g->r == 1 && g->s == 1 && !reaches_outside(g);
}

// Output pixel i is a function of input pixel i alone.
static bool is_pointwise(const struct hone_conv_push *g) {
    return is_1x1(g) && g->stride_h == 1 && g->stride_w == 1 && g->p == g->h && g->q == g->w;
}

// A pointwise convolution as one row of pixels: no ragged rows, cheaper indices.
static void flatten(struct hone_conv_push *g) {
    if (!is_pointwise(g)) return;
    g->w = g->q = g->n * g->h * g->w;
    g->n = g->h = g->p = 1;
}

// Images a dispatch: as many as fit into a binding, their offsets aligned.
static hone_status images_a_dispatch(const struct hone_conv_job *job, int32_t *out) {
    const struct hone_conv_push *g = &job->push;
    int64_t image = 4 * max64(x_image(g), y_image(g)),
            range = (int64_t)job->caps->storage_range_bytes;
    if (image * g->n <= range) {
        *out = g->n;
        return HONE_OK;
    }
    int64_t align = max64(job->caps->storage_offset_align, 4), step = 1;
    while ((4 * step * x_image(g)) % align || (4 * step * y_image(g)) % align) step++;
    int64_t images = range / image / step * step;
    if (images == 0 || ceil_div(g->n, images) * 2 > HONE_LAUNCH_DISPATCHES - 2)
        return hone_fail(HONE_UNSUPPORTED,
                         "pictures of %lld MiB each do not fit into the device's bindings of %lld "
                         "MiB; use a smaller batch",
                         (long long)(image >> 20), (long long)(range >> 20));
    *out = (int32_t)images;
    return HONE_OK;
}

static struct hone_operand window(struct hone_operand whole, int64_t first, int64_t count) {
    whole.offset += 4 * (uint64_t)first;
    whole.bytes = 4 * (uint64_t)count;
    return whole;
}

static void bind(struct hone_dispatch *dispatch, struct hone_operand operand) {
    if (dispatch->operand_count < HONE_DISPATCH_OPERANDS)
        dispatch->operands[dispatch->operand_count] = operand;
    dispatch->operand_count++;
}

static void spec_all(struct hone_dispatch *dispatch, const uint32_t *values, int count) {
    for (int i = 0; i < count; i++) hone_dispatch_spec(dispatch, values[i]);
}

static const struct hone_operand scratch = {.kind = HONE_OPERAND_SCRATCH, .index = 0};

// ---- Plain rows -----------------------------------------------------------------------------

static hone_status plain_conv(const struct hone_conv_job *job, const char *kernel, bool dgrad,
                              struct hone_launch *launch) {
    int32_t images;
    HONE_TRY(images_a_dispatch(job, &images));
    int64_t a_image = dgrad ? y_image(&job->push) : x_image(&job->push);
    int64_t out_image = dgrad ? x_image(&job->push) : y_image(&job->push);
    for (int32_t n = 0; n < job->push.n; n += images) {
        struct hone_conv_push push = job->push;
        push.n = (int32_t)min64(images, job->push.n - n);
        struct hone_dispatch *d = hone_op_linear(launch, kernel, (uint64_t)(out_image * push.n));
        if (!d) return HONE_INTERNAL;
        hone_dispatch_spec(d, (uint32_t)job->act);
        hone_dispatch_spec(d, job->has_bias);
        hone_dispatch_push(d, &push, sizeof push);
        bind(d, window(job->a, n * a_image, push.n * a_image));
        bind(d, job->b);
        bind(d, job->has_bias ? job->bias : job->b);
        bind(d, window(job->out, n * out_image, push.n * out_image));
    }
    return HONE_OK;
}

hone_status hone_conv_fprop_plain(const struct hone_conv_job *job, struct hone_launch *launch) {
    return plain_conv(job, "conv_plain_fprop", false, launch);
}

hone_status hone_conv_dgrad_plain(const struct hone_conv_job *job, struct hone_launch *launch) {
    return plain_conv(job, "conv_plain_dgrad", true, launch);
}

// ---- Weight gradients -----------------------------------------------------------------------

enum { WGRAD_CHUNK = 32 }; // output pixels of a row, in conv_cpu_wgrad

// In what the contraction of a weight gradient is cut.
enum unit {
    UNIT_PIXEL,
    UNIT_CHUNK,      // WGRAD_CHUNK pixels of a row
    UNIT_FLAT_CHUNK, // the same where all pixels are one row
    UNIT_ROW         // of an image: no slice holds rows of two
};

static int64_t unit_count(const struct hone_conv_push *g, enum unit unit, int64_t images) {
    int64_t pixels = images * g->p * g->q;
    if (unit == UNIT_PIXEL) return pixels;
    if (unit == UNIT_ROW) return images * g->p;
    if (unit == UNIT_FLAT_CHUNK) return ceil_div(pixels, WGRAD_CHUNK);
    return images * g->p * ceil_div(g->q, WGRAD_CHUNK);
}

// Slices of `length` units that so many images make.
static int64_t slice_count(const struct hone_conv_push *g, enum unit unit, int64_t images,
                           int64_t length) {
    if (unit == UNIT_ROW) return images * ceil_div(g->p, length);
    return ceil_div(unit_count(g, unit, images), length);
}

struct slicing {
    enum unit unit;
    int32_t images; // a dispatch
    int64_t length; // units a slice
    int64_t total;  // slices of all dispatches
};

// About `wanted` slices of `shortest` units or more and `longest` or fewer.
static hone_status cut(const struct hone_conv_job *job, int64_t wanted, int64_t shortest,
                       int64_t longest, struct slicing *out) {
    HONE_TRY(images_a_dispatch(job, &out->images));
    const struct hone_conv_push *g = &job->push;
    int64_t dispatches = ceil_div(g->n, out->images);
    int64_t units = unit_count(g, out->unit, out->images);
    int64_t range = (int64_t)job->caps->storage_range_bytes;
    int64_t slices = min64(ceil_div(wanted, dispatches), units / shortest);
    slices = max64(min64(slices, range / (4 * weights(g)) / dispatches), 1);
    out->length = min64(ceil_div(units, slices), longest);
    int64_t last = g->n - (dispatches - 1) * out->images;
    if (out->unit == UNIT_ROW) out->length = min64(out->length, g->p);
    out->total = (dispatches - 1) * slice_count(g, out->unit, out->images, out->length) +
                 slice_count(g, out->unit, last, out->length);
    if (out->total * weights(g) * 4 <= range) return HONE_OK;
    return hone_fail(HONE_UNSUPPORTED,
                     "the partial weight gradients do not fit into a binding; use a smaller batch");
}

// Adds one dispatch for each run of images and the sum of the slices. `fill` sets constants and
// grid.
typedef void wgrad_fill(struct hone_dispatch *d, const struct hone_conv_push *push, int64_t slices,
                        const void *tile);

static hone_status wgrad(const struct hone_conv_job *job, const char *kernel, struct slicing cuts,
                         wgrad_fill *fill, const void *tile, struct hone_launch *launch) {
    int64_t count = weights(&job->push), slice = 0;
    struct hone_operand part = cuts.total > 1 ? scratch : job->out;
    for (int32_t n = 0; n < job->push.n; n += cuts.images) {
        struct hone_conv_push push = job->push;
        push.n = (int32_t)min64(cuts.images, job->push.n - n);
        push.first_slice = (int32_t)slice;
        push.slice_len = (int32_t)cuts.length;
        int64_t slices = slice_count(&push, cuts.unit, push.n, cuts.length);
        struct hone_operand dy = window(job->a, n * y_image(&push), push.n * y_image(&push));
        struct hone_operand x = window(job->b, n * x_image(&push), push.n * x_image(&push));
        if (cuts.unit == UNIT_FLAT_CHUNK) flatten(&push);
        struct hone_dispatch *d = hone_launch_add(launch, kernel);
        if (!d) return HONE_INTERNAL;
        fill(d, &push, slices, tile);
        hone_dispatch_push(d, &push, sizeof push);
        bind(d, dy);
        bind(d, x);
        bind(d, part);
        slice += slices;
    }
    if (cuts.total == 1) return HONE_OK;
    launch->scratch_bytes[0] = 4 * (uint64_t)(cuts.total * count);
    struct hone_dispatch *d = hone_op_linear(launch, "conv_wgrad_sum", (uint64_t)count);
    if (!d) return HONE_INTERNAL;
    uint32_t push[2] = {(uint32_t)count, (uint32_t)cuts.total};
    hone_dispatch_push(d, push, sizeof push);
    bind(d, scratch);
    bind(d, job->out);
    return HONE_OK;
}

static void plain_wgrad_fill(struct hone_dispatch *d, const struct hone_conv_push *push,
                             int64_t slices, const void *tile) {
    (void)tile;
    hone_dispatch_spec(d, HONE_OP_GROUP);
    hone_dispatch_linear(d, (uint64_t)weights(push), HONE_OP_GROUP);
    d->grid[2] = (uint32_t)slices;
}

hone_status hone_conv_wgrad_plain(const struct hone_conv_job *job, struct hone_launch *launch) {
    // A loop of lavapipe ends after 65,535 rounds; Small filters need slices to keep a device busy.
    struct slicing cuts = {.unit = UNIT_PIXEL};
    int64_t wanted = ceil_div(65535, weights(&job->push)); // one z of the grid each
    HONE_TRY(cut(job, wanted, 64, 32768, &cuts));
    return wgrad(job, "conv_plain_wgrad", cuts, plain_wgrad_fill, NULL, launch);
}

// ---- CPU drivers ----------------------------------------------------------------------------

static bool fits_subgroup(const struct hone_caps *caps) {
    uint32_t lanes = caps->subgroup_size;
    return lanes == 4 || lanes == 8 || lanes == 16;
}

// Whether a value is better spread by subgroupBroadcast than by a shuffle: with 16 lanes on Mesa 24
// and later (7 against 20 GFLOP/s on 25.0); never on 22.3, where it is a loop; else they are equal.
static bool prefers_broadcast(const struct hone_caps *caps) {
    bool old = strstr(caps->driver, "Mesa 22.") || strstr(caps->driver, "Mesa 23.");
    return caps->subgroup_size == 16 && !old;
}

bool hone_conv_fprop_fits_cpu(const struct hone_conv_push *push, const struct hone_caps *caps) {
    (void)push;
    return fits_subgroup(caps);
}

bool hone_conv_dgrad_fits_cpu(const struct hone_conv_push *push, const struct hone_caps *caps) {
    (void)push;
    return fits_subgroup(caps);
}

// Odd numbers of filters are left to the plain row.
bool hone_conv_wgrad_fits_cpu(const struct hone_conv_push *push, const struct hone_caps *caps) {
    return fits_subgroup(caps) && push->k / push->groups % 4 == 0;
}

// The tile of conv_cpu_fprop and conv_cpu_dgrad: pixels a lane, channels a lane.
static void conv_tile(int64_t lanes, int64_t pixels, int64_t channels, uint32_t *ma, uint32_t *nl) {
    *nl = channels > 2 * lanes ? 4 : channels > lanes ? 2 : 1;
    *ma = pixels > lanes ? 2 : 1;
}

// One dispatch of conv_cpu_fprop or conv_cpu_dgrad.
static hone_status cpu_dispatch(const struct hone_conv_job *job, struct hone_conv_push push,
                                bool dgrad, struct hone_operand a, struct hone_operand w,
                                struct hone_operand out, struct hone_launch *launch) {
    bool pointwise = is_pointwise(&push);
    flatten(&push);
    uint32_t lanes = job->caps->subgroup_size, ma, nl;
    int64_t classes = dgrad ? (int64_t)push.stride_h * push.stride_w : 1;
    int64_t pixels =
        dgrad ? push.n * ceil_div(push.h, push.stride_h) * ceil_div(push.w, push.stride_w)
              : (int64_t)push.n * push.p * push.q;
    int64_t channels = (dgrad ? push.c : push.k) / push.groups;
    conv_tile(lanes, pixels, channels, &ma, &nl);
    bool taps = dgrad ? !pointwise : !is_1x1(&push);
    bool mask = dgrad ? !pointwise : reaches_outside(&push);
    const uint32_t spec[] = {lanes,
                             ma,
                             nl,
                             channels % 4 == 0 ? nl : 1,
                             prefers_broadcast(job->caps),
                             taps,
                             mask,
                             (uint32_t)job->act,
                             job->has_bias};
    bool quads = (dgrad ? push.k : push.c) / push.groups % 4 == 0;
    const char *kernel = dgrad ? (quads ? "conv_cpu_dgrad" : "conv_cpu_dgrad_any")
                               : (quads ? "conv_cpu_fprop" : "conv_cpu_fprop_any");
    struct hone_dispatch *d = hone_launch_add(launch, kernel);
    if (!d) return HONE_INTERNAL;
    spec_all(d, spec, sizeof spec / sizeof *spec);
    int64_t tiles = ceil_div(pixels, lanes * ma), fold = ceil_div(tiles, 65535);
    d->grid[0] = (uint32_t)(ceil_div(channels, lanes * nl) * push.groups);
    d->grid[1] = (uint32_t)ceil_div(tiles, fold);
    d->grid[2] = (uint32_t)(fold * classes);
    hone_dispatch_push(d, &push, sizeof push);
    bind(d, a);
    bind(d, w);
    bind(d, job->has_bias ? job->bias : w);
    bind(d, out);
    return HONE_OK;
}

static hone_status cpu_conv(const struct hone_conv_job *job, bool dgrad, struct hone_operand w,
                            struct hone_launch *launch) {
    int32_t images;
    HONE_TRY(images_a_dispatch(job, &images));
    int64_t a_image = dgrad ? y_image(&job->push) : x_image(&job->push);
    int64_t out_image = dgrad ? x_image(&job->push) : y_image(&job->push);
    for (int32_t n = 0; n < job->push.n; n += images) {
        struct hone_conv_push push = job->push;
        push.n = (int32_t)min64(images, job->push.n - n);
        HONE_TRY(cpu_dispatch(job, push, dgrad, window(job->a, n * a_image, push.n * a_image), w,
                              window(job->out, n * out_image, push.n * out_image), launch));
    }
    return HONE_OK;
}

hone_status hone_conv_fprop_cpu(const struct hone_conv_job *job, struct hone_launch *launch) {
    return cpu_conv(job, false, job->b, launch);
}

hone_status hone_conv_flip(const struct hone_conv_job *job, struct hone_operand w,
                           struct hone_operand t, struct hone_launch *launch) {
    const struct hone_conv_push *g = &job->push;
    uint64_t threads =
        (uint64_t)g->c * (uint64_t)g->r * (uint64_t)g->s * (uint64_t)ceil_div(g->k / g->groups, 4);
    struct hone_dispatch *d = hone_op_linear(launch, "conv_flip", threads);
    if (!d) return HONE_INTERNAL;
    hone_dispatch_push(d, g, sizeof *g);
    bind(d, w);
    bind(d, t);
    return HONE_OK;
}

hone_status hone_conv_dgrad_cpu(const struct hone_conv_job *job, struct hone_launch *launch) {
    launch->scratch_bytes[0] = 4 * (uint64_t)weights(&job->push);
    HONE_TRY(hone_conv_flip(job, job->b, scratch, launch));
    return cpu_conv(job, true, scratch, launch);
}

// The tile of conv_cpu_wgrad: L MA rows by L NC columns; roles exchanged where that wastes less.
struct wgrad_tile {
    uint32_t lanes, ma, nc, broadcast, swap, mask;
    int64_t rows, columns;
};

static int64_t tile_count(const struct wgrad_tile *t) {
    return ceil_div(t->rows, t->lanes * t->ma) * ceil_div(t->columns, t->lanes * t->nc);
}

static struct wgrad_tile choose_wgrad_tile(const struct hone_conv_push *push,
                                           const struct hone_caps *caps) {
    int64_t channels = push->c / push->groups, filter = (int64_t)push->r * push->s * channels;
    struct wgrad_tile t = {.lanes = caps->subgroup_size,
                           .ma = 2,
                           .nc = 4,
                           .swap = 0,
                           .broadcast = prefers_broadcast(caps),
                           .mask = reaches_outside(push),
                           .rows = push->k / push->groups,
                           .columns = filter};
    if (t.rows <= t.lanes) t.ma = 1;
    if (channels % 4) {
        t.nc = filter > 2 * t.lanes ? 4 : filter > t.lanes ? 2 : 1;
        return t;
    }
    struct wgrad_tile swapped = t;
    swapped.swap = 1;
    swapped.rows = t.columns;
    swapped.columns = t.rows;
    swapped.ma = swapped.rows <= t.lanes ? 1 : 2;
    return tile_count(&swapped) * swapped.ma < tile_count(&t) * t.ma ? swapped : t;
}

static void cpu_wgrad_fill(struct hone_dispatch *d, const struct hone_conv_push *push,
                           int64_t slices, const void *tile) {
    const struct wgrad_tile *t = tile;
    const uint32_t spec[] = {t->lanes, t->ma, t->nc, t->broadcast, t->swap, t->mask};
    spec_all(d, spec, sizeof spec / sizeof *spec);
    d->grid[0] = (uint32_t)ceil_div(t->rows, t->lanes * t->ma);
    d->grid[1] = (uint32_t)ceil_div(t->columns, t->lanes * t->nc);
    d->grid[2] = (uint32_t)(slices * push->groups);
}

hone_status hone_conv_wgrad_cpu(const struct hone_conv_job *job, struct hone_launch *launch) {
    const struct hone_conv_push *g = &job->push;
    struct wgrad_tile tile = choose_wgrad_tile(g, job->caps);
    struct slicing cuts = {.unit = is_pointwise(g) ? UNIT_FLAT_CHUNK : UNIT_CHUNK};
    HONE_TRY(cut(job, ceil_div(16, tile_count(&tile) * g->groups), 8, 6000, &cuts));
    bool quads = g->c / g->groups % 4 == 0;
    return wgrad(job, quads ? "conv_cpu_wgrad" : "conv_cpu_wgrad_any", cuts, cpu_wgrad_fill, &tile,
                 launch);
}

// ---- Depthwise ------------------------------------------------------------------------------

// Columns a strip: fewer where a window of x would be wide.
static int64_t strip_columns(const struct hone_conv_push *g, bool dgrad) {
    if (dgrad) return g->stride_w == 1 ? 4 : 2 * g->stride_w;
    return g->stride_w == 1 ? 4 : 2;
}

// Filters and strides whose unrolled loop bodies stay small.
bool hone_conv_fits_depthwise(const struct hone_conv_push *push, const struct hone_caps *caps) {
    (void)caps;
    return push->groups == push->c && push->k == push->c && push->c % 4 == 0 && push->r <= 7 &&
           push->s <= 7 && push->stride_h <= 2 && push->stride_w <= 2;
}

// A subgroup on CPU drivers, where a larger group runs its subgroups one after the other.
static uint32_t depthwise_group(const struct hone_caps *caps) {
    return caps->kind == HONE_DEVICE_CPU ? caps->subgroup_size : HONE_OP_GROUP;
}

static hone_status depthwise(const struct hone_conv_job *job, bool dgrad,
                             struct hone_launch *launch) {
    int32_t images;
    HONE_TRY(images_a_dispatch(job, &images));
    const struct hone_conv_push *g = &job->push;
    int64_t a_image = dgrad ? y_image(g) : x_image(g), out_image = dgrad ? x_image(g) : y_image(g);
    int64_t rows = dgrad ? g->h : g->p, columns = dgrad ? g->w : g->q;
    // A CPU walks whole columns, so that weights are read once; a GPU wants many invocations.
    int64_t band = job->caps->kind == HONE_DEVICE_CPU ? rows : 8, strip = strip_columns(g, dgrad);
    uint32_t group = depthwise_group(job->caps);
    // clang-format off
    const uint32_t spec[] = {
        group, (uint32_t)strip, (uint32_t)g->r, (uint32_t)g->s, (uint32_t)g->stride_h,
        (uint32_t)g->stride_w, (uint32_t)g->dilation_h, (uint32_t)g->dilation_w,
        (uint32_t)g->pad_h, (uint32_t)g->pad_w, (uint32_t)job->act, job->has_bias};
    // clang-format on
    for (int32_t n = 0; n < g->n; n += images) {
        struct hone_conv_push push = *g;
        push.n = (int32_t)min64(images, g->n - n);
        push.slice_len = (int32_t)band;
        struct hone_dispatch *d =
            hone_launch_add(launch, dgrad ? "conv_depthwise_dgrad" : "conv_depthwise_fprop");
        if (!d) return HONE_INTERNAL;
        spec_all(d, spec, sizeof spec / sizeof *spec);
        int64_t threads = push.n * ceil_div(rows, band) * ceil_div(columns, strip) * (g->c / 4);
        hone_dispatch_linear(d, (uint64_t)threads, group);
        hone_dispatch_push(d, &push, sizeof push);
        bind(d, window(job->a, n * a_image, push.n * a_image));
        bind(d, job->b);
        bind(d, job->has_bias ? job->bias : job->b);
        bind(d, window(job->out, n * out_image, push.n * out_image));
    }
    return HONE_OK;
}

hone_status hone_conv_fprop_depthwise(const struct hone_conv_job *job, struct hone_launch *launch) {
    return depthwise(job, false, launch);
}

hone_status hone_conv_dgrad_depthwise(const struct hone_conv_job *job, struct hone_launch *launch) {
    return depthwise(job, true, launch);
}

static void depthwise_wgrad_fill(struct hone_dispatch *d, const struct hone_conv_push *g,
                                 int64_t slices, const void *tile) {
    const uint32_t *group = tile;
    // clang-format off
    const uint32_t spec[] = {
        *group, (uint32_t)strip_columns(g, false), (uint32_t)g->r, (uint32_t)g->s,
        (uint32_t)g->stride_h, (uint32_t)g->stride_w, (uint32_t)g->dilation_h,
        (uint32_t)g->dilation_w};
    // clang-format on
    spec_all(d, spec, sizeof spec / sizeof *spec);
    hone_dispatch_linear(d, (uint64_t)(slices * (g->c / 4)), *group);
}

hone_status hone_conv_wgrad_depthwise(const struct hone_conv_job *job, struct hone_launch *launch) {
    const struct hone_conv_push *g = &job->push;
    uint32_t group = depthwise_group(job->caps);
    // 64 subgroups of a CPU driver, some 16,000 invocations of a GPU; loops within lavapipe's
    // 65,535 rounds
    int64_t threads = job->caps->kind == HONE_DEVICE_CPU ? 64 * (int64_t)group : 1 << 14;
    int64_t strips = ceil_div(g->q, strip_columns(g, false));
    struct slicing cuts = {.unit = UNIT_ROW};
    int64_t longest = max64(60000 / strips - g->r * g->dilation_h, 1);
    HONE_TRY(cut(job, ceil_div(threads, g->c / 4), 4, longest, &cuts));
    return wgrad(job, "conv_depthwise_wgrad", cuts, depthwise_wgrad_fill, &group, launch);
}
