/* What is done to maps beside products: (height, width, channels) in memory, and (channels, height, width) where
 * upstream reinterprets that order. */
#include "linear.h"
#include "tile.h"

typedef struct {
    const float *from;
    ptrdiff_t pixel_stride;
    int h, w, channels;
    int height, width, top;
    bool corners;
    float *to;
} Resize;

/* Where a pixel of the enlarged map lies between two of the small one. */
typedef struct {
    int first, second;
    float share; /* of the second */
} Between;

static Between between(int at, int small, int large, bool corners) {
    double where = corners ? (large > 1 ? (double)at * (small - 1) / (large - 1) : 0.0) : (at + 0.5) * small / large - 0.5;
    if (where < 0) where = 0;
    int first = (int)where; /* less than `small`, by either rule */
    return (Between){first, first < small - 1 ? first + 1 : first, (float)(where - first)};
}

static void resize_row(const void *given, int index, float *scratch) {
    (void)scratch;
    const Resize *task = given;
    const int row = task->top + index, channels = task->channels;
    const ptrdiff_t stride = task->pixel_stride;
    Between y = between(row, task->h, task->height, task->corners);
    const float *above = task->from + (ptrdiff_t)y.first * task->w * stride, *below = task->from + (ptrdiff_t)y.second * task->w * stride;
    float *to = task->to + (ptrdiff_t)row * task->width * channels;
    for (int column = 0; column < task->width; column++, to += channels) {
        Between x = between(column, task->w, task->width, task->corners);
        const float *a = above + x.first * stride, *b = above + x.second * stride;
        const float *c = below + x.first * stride, *d = below + x.second * stride;
        int at = 0;
        for (; at + LANES <= channels; at += LANES) {
            Vector left = load(a + at), right = load(b + at);
            Vector upper = left + x.share * (right - left);
            left = load(c + at), right = load(d + at);
            Vector lower = left + x.share * (right - left);
            store(to + at, upper + y.share * (lower - upper));
        }
        for (; at < channels; at++) {
            float upper = a[at] + x.share * (b[at] - a[at]), lower = c[at] + x.share * (d[at] - c[at]);
            to[at] = upper + y.share * (lower - upper);
        }
    }
}

/* Rows `top` to `bottom` of a map resized bilinearly, (h, w) to (height, width). `to` is where row 0 would be. */
EXPORTED void inspyrenet_resize(Pool *pool, const float *from, ptrdiff_t pixel_stride, int h, int w, int channels,
                                int height, int width, int top, int bottom, bool corners, float *to) {
    Resize task = {from, pixel_stride, h, w, channels, height, width, top, corners, to};
    share(pool, resize_row, &task, bottom - top);
}

typedef struct {
    const float *map;
    ptrdiff_t pixel_stride;
    int pixels, channels;
    float *planes;
    const float *shortcut;
    float *out;
} Turn;

#define TURNED 512 /* pixels of a job: both sides of the transposition stay in the cache */

static void map_to_planes(const void *given, int index, float *scratch) {
    (void)scratch;
    const Turn *task = given;
    int first = index * TURNED, last = first + TURNED < task->pixels ? first + TURNED : task->pixels;
    for (int channel = 0; channel < task->channels; channel++) {
        float *plane = task->planes + (ptrdiff_t)channel * task->pixels;
        for (int pixel = first; pixel < last; pixel++) plane[pixel] = task->map[pixel * task->pixel_stride + channel];
    }
}

/* planes (channels, pixels) from map (pixels, channels), whose pixels are `pixel_stride` apart. */
EXPORTED void inspyrenet_to_planes(Pool *pool, const float *map, ptrdiff_t pixel_stride, int pixels, int channels, float *planes) {
    Turn task = {.map = map, .pixel_stride = pixel_stride, .pixels = pixels, .channels = channels, .planes = planes};
    share(pool, map_to_planes, &task, (pixels + TURNED - 1) / TURNED);
}

static void planes_to_map(const void *given, int index, float *scratch) {
    (void)scratch;
    const Turn *task = given;
    int first = index * TURNED, last = first + TURNED < task->pixels ? first + TURNED : task->pixels;
    for (int channel = 0; channel < task->channels; channel++) {
        const float *plane = task->planes + (ptrdiff_t)channel * task->pixels;
        for (int pixel = first; pixel < last; pixel++) {
            ptrdiff_t at = (ptrdiff_t)pixel * task->channels + channel;
            task->out[at] = plane[pixel] + 2 * task->shortcut[at];
        }
    }
}

/* out (pixels, channels) = planes (channels, pixels) transposed, plus twice the shortcut (pixels, channels). */
EXPORTED void inspyrenet_from_planes(Pool *pool, float *planes, const float *shortcut, int pixels, int channels, float *out) {
    Turn task = {.pixels = pixels, .channels = channels, .planes = planes, .shortcut = shortcut, .out = out};
    share(pool, planes_to_map, &task, (pixels + TURNED - 1) / TURNED);
}

typedef struct {
    float *rows;
    int length;
} Softmax;

static void soften_row(const void *given, int index, float *scratch) {
    (void)scratch;
    const Softmax *task = given;
    const int length = task->length;
    float *row = task->rows + (ptrdiff_t)index * length;
    float peak = row[0], total = 0;
    for (int at = 1; at < length; at++) peak = row[at] > peak ? row[at] : peak;
    for (int at = 0; at < length; at += LANES) {
        int there = length - at < LANES ? length - at : LANES;
        Vector value = fill(-1e30f);
        memcpy(&value, row + at, (size_t)there * sizeof *row);
        value = exponential(value - peak);
        for (int lane = 0; lane < there; lane++) total += value[lane];
        memcpy(row + at, &value, (size_t)there * sizeof *row);
    }
    for (int at = 0; at < length; at++) row[at] /= total;
}

/* The softmax of each row, in place. */
EXPORTED void inspyrenet_soften(Pool *pool, float *rows, int count, int length) {
    Softmax task = {rows, length};
    share(pool, soften_row, &task, count);
}

typedef struct {
    const float *from;
    int height, width, channels, taps;
    bool down;
    const float *panels, *bias;
    int columns;
    float *out;
} Sliding;

static void slide_row(const void *given, int row, float *scratch) {
    const Sliding *task = given;
    const int channels = task->channels, width = task->width, reach = task->taps / 2;
    const ptrdiff_t line = (ptrdiff_t)width * channels;
    float *out = task->out + (ptrdiff_t)row * width * task->columns;
    if (!task->down) {
        /* With zeros at both ends, a pixel's taps lie one behind the other: a product of overlapping rows. */
        size_t margin = (size_t)reach * (size_t)channels;
        memset(scratch, 0, margin * sizeof(float));
        memcpy(scratch + margin, task->from + row * line, (size_t)line * sizeof(float));
        memset(scratch + margin + line, 0, (margin + (size_t)TILE * (size_t)channels) * sizeof(float));
        product(scratch, channels, width, task->taps * channels, task->panels, task->bias, task->columns, out, task->columns, WRITTEN);
        return;
    }
    int from = row - reach < 0 ? reach - row : 0, to = row + reach >= task->height ? task->height - row + reach : task->taps;
    for (int column = 0; column < task->columns; column += PANEL) {
        const float *panel = task->panels + (ptrdiff_t)column * task->taps * channels;
        for (int x = 0; x < width; x += TILE) {
            Tile tile;
            start(&tile, task->bias + column);
            for (int tap = from; tap < to; tap++) {
                const float *left = task->from + (row + tap - reach) * line + (ptrdiff_t)x * channels;
                multiply(&tile, left, channels, panel + (ptrdiff_t)tap * channels * PANEL, channels);
            }
            int there = width - x < TILE ? width - x : TILE;
            for (int r = 0; r < there; r++)
                UNROLLED for (int w = 0; w < WIDE; w++) store(out + (ptrdiff_t)(x + r) * task->columns + column + w * LANES, tile.rows[r][w]);
        }
    }
}

/* A convolution of `taps` x 1 (down) or 1 x `taps` pixels that keeps the size. panels: (taps * channels, columns).
 * columns: downwards a multiple of PANEL, and `from` (height, width, channels) is read for up to TILE - 1 pixels beyond its
 * end, which make no result. False: too wide for the scratch. */
EXPORTED bool inspyrenet_slide(Pool *pool, const float *from, int height, int width, int channels, int taps, bool down,
                               const float *panels, const float *bias, int columns, float *out) {
    if ((size_t)(width + taps + TILE) * (size_t)channels * sizeof(float) > SCRATCH_BYTES) return false;
    Sliding task = {from, height, width, channels, taps, down, panels, bias, columns, out};
    share(pool, slide_row, &task, height);
    return true;
}
