/* 3 x 3 convolutions by Winograd's minimal filtering F(4 x 4, 3 x 3) (Lavin and Gray, arXiv:1509.09308).
 *
 * A tile of 4 x 4 results needs 6 x 6 pixels. Transformed, both are 36 independent products, a quarter of the
 * multiplications of the definition. A job takes BLOCK tiles through all of it: pixels → transformed → 36 matrix products
 * → results, and only pixels and results are ever in memory. Maps are (height, width, channels); with the channels as
 * vectors, the transforms are additions of whole vectors, whatever the distance between two pixels. */
#include "linear.h"
#include "tile.h"

#define POINTS 36
#define BLOCK 24
#define MOST_PARTS 4

_Static_assert(BLOCK % TILE == 0, "whole tiles of rows");

/* A map of which `channels` belong to the convolution's input. */
typedef struct {
    const float *pixels; /* where row 0 would be: a strip of a map may lack it */
    ptrdiff_t pixel_stride;
    int channels;
} Part;

typedef struct {
    Part parts[MOST_PARTS];
    int count;
    int channels; /* of all parts */
    int height, width, dilation;
    int top, bottom; /* the rows wanted */
    int end; /* of the rows that they need: what a tile reads beyond may not be there, and makes no wanted result */
    const float *panels; /* POINTS times (channels, columns) */
    const float *bias;
    int columns;
    float *out; /* where row 0 would be, (height, width, columns) */
    bool added, rectified;
    const float *weights; /* of the results' sum that goes to `flat` instead of `out` */
    float *flat;
    int tile_columns, tiles; /* of each of the dilation's phases */
} Convolution;

/* B^T d: what six values become on the way in. */
INLINE void enter(const Vector d[6], Vector t[6]) {
    Vector a = d[4] - 4.0f * d[2], b = d[3] - 4.0f * d[1];
    Vector c = d[4] - d[2], e = 2.0f * (d[3] - d[1]);
    t[0] = 4.0f * d[0] - 5.0f * d[2] + d[4];
    t[1] = a + b;
    t[2] = a - b;
    t[3] = c + e;
    t[4] = c - e;
    t[5] = 4.0f * d[1] - 5.0f * d[3] + d[5];
}

/* A^T m: what six products become on the way out. */
INLINE void leave(const Vector m[6], Vector y[4]) {
    Vector a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], d = m[3] - m[4];
    y[0] = m[0] + a + c;
    y[1] = b + 2.0f * d;
    y[2] = a + 4.0f * c;
    y[3] = b + 8.0f * d + m[5];
}

/* G w G^T: what nine weights become. The points are 0, ±1, ±2 and infinity. */
static void enter_weights(const float weights[9], double out[POINTS]) {
    static const double g[6][3] = {{1.0 / 4, 0, 0}, {-1.0 / 6, -1.0 / 6, -1.0 / 6}, {-1.0 / 6, 1.0 / 6, -1.0 / 6},
                                   {1.0 / 24, 1.0 / 12, 1.0 / 6}, {1.0 / 24, -1.0 / 12, 1.0 / 6}, {0, 0, 1}};
    double half[6][3];
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 3; j++) half[i][j] = g[i][0] * weights[j] + g[i][1] * weights[3 + j] + g[i][2] * weights[6 + j];
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 6; j++) out[i * 6 + j] = half[i][0] * g[j][0] + half[i][1] * g[j][1] + half[i][2] * g[j][2];
}

typedef struct {
    const float *weights;
    int columns, channels, given; /* `given` of the channels have weights, the others zeros */
    float *panels;
} PackingFilter;

static void pack_channel(const void *task_given, int channel, float *scratch) {
    (void)scratch;
    const PackingFilter *task = task_given;
    const ptrdiff_t matrix = (ptrdiff_t)task->channels * task->columns;
    for (int column = 0; column < task->columns; column++) {
        double points[POINTS] = {0};
        if (channel < task->given) enter_weights(task->weights + ((ptrdiff_t)column * task->given + channel) * 9, points);
        float *to = task->panels + (ptrdiff_t)(column / PANEL * PANEL) * task->channels + channel * PANEL + column % PANEL;
        for (int point = 0; point < POINTS; point++) to[point * matrix] = (float)points[point];
    }
}

/* Transform the weights of a 3 x 3 convolution, (columns, given, 3, 3), in float64, and lay them out: POINTS times
 * (channels, columns) in panels. columns: a multiple of PANEL. */
EXPORTED void inspyrenet_pack_filter(Pool *pool, const float *weights, int columns, int given, int channels, float *panels) {
    PackingFilter task = {weights, columns, channels, given, panels};
    share(pool, pack_channel, &task, channels);
}

/* Where a tile's first result stands, and how far its pixels are apart. */
typedef struct {
    int y, x;
} Place;

static Place place_of(const Convolution *task, int tile) {
    int phase = tile / task->tiles, at = tile % task->tiles;
    return (Place){task->top + phase / task->dilation + at / task->tile_columns * 4 * task->dilation,
                   phase % task->dilation + at % task->tile_columns * 4 * task->dilation};
}

/* Transform one tile's pixels, LANES channels of one part, into `out` (POINTS, BLOCK, channels). */
INLINE void transform_in(const Convolution *task, const Part *part, int channel, Place place, float *out, ptrdiff_t point_stride) {
    const int d = task->dilation;
    Vector columns[6][6];
    for (int j = 0; j < 6; j++) {
        int x = place.x + (j - 1) * d;
        Vector pixels[6];
        if (x < 0 || x >= task->width) {
            UNROLLED for (int i = 0; i < 6; i++) columns[j][i] = fill(0.0f);
            continue;
        }
        const float *from = part->pixels + channel + x * part->pixel_stride;
        UNROLLED for (int i = 0; i < 6; i++) {
            int y = place.y + (i - 1) * d;
            pixels[i] = y < 0 || y >= task->end ? fill(0.0f) : load(from + (ptrdiff_t)y * task->width * part->pixel_stride);
        }
        enter(pixels, columns[j]);
    }
    UNROLLED for (int i = 0; i < 6; i++) {
        Vector row[6], done[6];
        UNROLLED for (int j = 0; j < 6; j++) row[j] = columns[j][i];
        enter(row, done);
        UNROLLED for (int j = 0; j < 6; j++) store(out + (i * 6 + j) * point_stride, done[j]);
    }
}

/* Make up to 4 x 4 results of a tile's products, LANES channels from `column` on, and put them where they belong.
 * With `flat`, give only what they add to the weighted sums, `sums` (16, LANES). */
INLINE void transform_out(const Convolution *task, const float *products, ptrdiff_t point_stride, int column, Place place, Vector *sums) {
    const int d = task->dilation;
    Vector half[6][4];
    UNROLLED for (int j = 0; j < 6; j++) {
        Vector m[6];
        UNROLLED for (int i = 0; i < 6; i++) m[i] = load(products + (i * 6 + j) * point_stride);
        leave(m, half[j]);
    }
    Vector bias = task->bias ? load(task->bias + column) : fill(0.0f);
    UNROLLED for (int i = 0; i < 4; i++) {
        Vector m[6], y[4];
        UNROLLED for (int j = 0; j < 6; j++) m[j] = half[j][i];
        leave(m, y);
        int row = place.y + i * d;
        for (int j = 0; j < 4; j++) {
            Vector value = y[j] + bias;
            int x = place.x + j * d;
            if (sums) {
                if (task->rectified) value = larger(value, fill(0.0f));
                sums[i * 4 + j] += value * load(task->weights + column);
            } else if (row < task->bottom && x < task->width) {
                float *to = task->out + ((ptrdiff_t)row * task->width + x) * task->columns + column;
                if (task->added) value += load(to);
                if (task->rectified) value = larger(value, fill(0.0f));
                store(to, value);
            }
        }
    }
}

static void convolve_block(const void *given, int index, float *scratch) {
    const Convolution *task = given;
    const int channels = task->channels, columns = task->columns;
    const int last = task->tiles * task->dilation * task->dilation, first = index * BLOCK;
    const int count = last - first < BLOCK ? last - first : BLOCK;
    float *entered = scratch, *products = scratch + (ptrdiff_t)POINTS * BLOCK * channels;
    for (int tile = 0; tile < count; tile++) {
        Place place = place_of(task, first + tile);
        int before = 0;
        for (int p = 0; p < task->count; p++) {
            const Part *part = &task->parts[p];
            for (int channel = 0; channel < part->channels; channel += LANES)
                transform_in(task, part, channel, place, entered + (ptrdiff_t)tile * channels + before + channel, (ptrdiff_t)BLOCK * channels);
            before += part->channels;
        }
    }
    for (int point = 0; point < POINTS; point++)
        product(entered + (ptrdiff_t)point * BLOCK * channels, channels, (count + TILE - 1) / TILE * TILE, channels,
                task->panels + (ptrdiff_t)point * channels * columns, NULL, columns,
                products + (ptrdiff_t)point * BLOCK * columns, columns, WRITTEN);
    for (int tile = 0; tile < count; tile++) {
        Place place = place_of(task, first + tile);
        const float *from = products + (ptrdiff_t)tile * columns;
        if (!task->flat) {
            for (int column = 0; column < columns; column += LANES)
                transform_out(task, from + column, (ptrdiff_t)BLOCK * columns, column, place, NULL);
            continue;
        }
        Vector sums[16];
        for (int at = 0; at < 16; at++) sums[at] = fill(0.0f);
        for (int column = 0; column < columns; column += LANES)
            transform_out(task, from + column, (ptrdiff_t)BLOCK * columns, column, place, sums);
        for (int at = 0; at < 16; at++) {
            int row = place.y + at / 4 * task->dilation, x = place.x + at % 4 * task->dilation;
            if (row < task->bottom && x < task->width) task->flat[(ptrdiff_t)row * task->width + x] = sum(sums[at]);
        }
    }
}

/* Rows `top` to `bottom` of a 3 x 3 convolution that keeps the size, beyond whose borders everything is zero.
 *
 * The input is up to four maps side by side, `channels` of each, multiples of LANES; columns: a multiple of PANEL. All
 * pointers to maps are to where row 0 would be. `panels` are the transformed weights, see `inspyrenet_pack_filter`. With `weights` (columns,),
 * only the weighted sum of each pixel's results is written, to `flat` (height, width). False: too many channels for a
 * thread's scratch. */
EXPORTED bool inspyrenet_convolve(Pool *pool, int parts, const float *const *pixels, const ptrdiff_t *pixel_strides,
                                  const int *channels, int height, int width, int dilation, int top, int bottom,
                                  const float *panels, const float *bias, int columns, float *out, bool added,
                                  bool rectified, const float *weights, float *flat) {
    Convolution task = {.count = parts, .height = height, .width = width, .dilation = dilation, .top = top,
                        .bottom = bottom, .panels = panels, .bias = bias, .columns = columns, .out = out,
                        .added = added, .rectified = rectified, .weights = weights, .flat = flat};
    for (int p = 0; p < parts; p++) {
        task.parts[p] = (Part){pixels[p], pixel_strides[p], channels[p]};
        task.channels += channels[p];
    }
    task.end = bottom + dilation < height ? bottom + dilation : height;
    if ((size_t)POINTS * BLOCK * (size_t)(task.channels + columns) * sizeof(float) > SCRATCH_BYTES) return false;
    int step = 4 * dilation;
    task.tile_columns = (width + step - 1) / step;
    task.tiles = task.tile_columns * ((bottom - top + step - 1) / step);
    share(pool, convolve_block, &task, (task.tiles * dilation * dilation + BLOCK - 1) / BLOCK);
    return true;
}
