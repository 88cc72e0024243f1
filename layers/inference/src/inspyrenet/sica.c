/* Scale-invariant context attention: the two steps that look at every pixel and are no convolution. */
#include "linear.h"
#include "tile.h"

#define MOST_CLASSES 5
#define SHARES 16 /* channels of the map of shares: those of the classes, then zeros */

typedef struct {
    const float *query, *key;
    int pixels, depth, classes;
    float *out;
} Weighing;

#define WEIGHED 256 /* pixels of a job */

static void weigh_pixels(const void *given, int index, float *scratch) {
    (void)scratch;
    const Weighing *task = given;
    const int classes = task->classes, depth = task->depth;
    int first = index * WEIGHED, last = first + WEIGHED < task->pixels ? first + WEIGHED : task->pixels;
    for (int block = first; block < last; block += LANES) {
        int there = last - block < LANES ? last - block : LANES;
        Vector alike[MOST_CLASSES], peak = fill(-1e30f), total = fill(0.0f);
        for (int class = 0; class < classes; class++) alike[class] = fill(0.0f);
        for (int lane = 0; lane < there; lane++) {
            const float *query = task->query + (ptrdiff_t)(block + lane) * depth;
            for (int class = 0; class < classes; class++) {
                Vector products = fill(0.0f);
                for (int at = 0; at < depth; at += LANES) products += load(query + at) * load(task->key + class * depth + at);
                alike[class][lane] = sum(products);
            }
        }
        for (int class = 0; class < classes; class++) peak = larger(peak, alike[class]);
        for (int class = 0; class < classes; class++) total += alike[class] = exponential(alike[class] - peak);
        for (int lane = 0; lane < there; lane++) {
            float *out = task->out + (ptrdiff_t)(block + lane) * SHARES;
            for (int class = 0; class < classes; class++) out[class] = alike[class][lane] / total[lane];
            for (int class = classes; class < SHARES; class++) out[class] = 0;
        }
    }
}

/* out (pixels, 16): each class's share of a pixel, the softmax over the classes of query (pixels, depth) times key
 * (classes, depth), and zeros. */
EXPORTED void inspyrenet_weigh(Pool *pool, const float *query, const float *key, int pixels, int depth, int classes, float *out) {
    Weighing task = {query, key, pixels, depth, classes, out};
    share(pool, weigh_pixels, &task, (pixels + WEIGHED - 1) / WEIGHED);
}

typedef struct {
    const float *map;
    int h, w, channels;
    const float *classes;
    int count, side, blocks;
    const float *resize;
    int columns, jobs;
    float *out;
} Context;

static void gather_rows(const void *given, int index, float *scratch) {
    const Context *task = given;
    const int channels = task->channels, side = task->side, blocks = task->blocks, columns = task->columns;
    float *weights = scratch, *panels = weights + (ptrdiff_t)channels * columns, *line = panels + (ptrdiff_t)channels * columns;
    float *out = task->out + (ptrdiff_t)index * task->w * columns;
    memset(out, 0, (size_t)task->w * (size_t)columns * sizeof *out);
    int from = (int)((int64_t)task->h * index / task->jobs), to = (int)((int64_t)task->h * (index + 1) / task->jobs);
    for (int row = from; row < to; row++) {
        memset(weights, 0, (size_t)channels * (size_t)columns * sizeof *weights);
        const float *share_of = task->resize + (ptrdiff_t)row * side;
        for (int y = 0; y < side; y++) {
            if (share_of[y] == 0) continue;
            for (int class = 0; class < task->count; class++)
                for (int channel = 0; channel < channels; channel++) {
                    const float *given_class = task->classes + (((ptrdiff_t)class * channels + channel) * side + y) * blocks;
                    float *sums = weights + (ptrdiff_t)channel * columns + class * blocks;
                    for (int block = 0; block < blocks; block++) sums[block] += share_of[y] * given_class[block];
                }
        }
        for (int column = 0; column < columns; column += PANEL)
            pack(weights + column, columns, 1, channels, PANEL, panels + (ptrdiff_t)column * channels);
        /* The rows of the map itself would be read beyond its end. */
        const float *pixels = task->map + (ptrdiff_t)row * task->w * channels;
        for (int x = 0; x < task->w; x += TILE) {
            int there = task->w - x < TILE ? task->w - x : TILE;
            memcpy(line, pixels + (ptrdiff_t)x * channels, (size_t)there * (size_t)channels * sizeof *line);
            product(line, channels, there, channels, panels, NULL, columns, out + (ptrdiff_t)x * columns, columns, ADDED);
        }
    }
}

/* What the classes' contexts take of a map (h, w, channels), before its columns are resized; see `_contexts` in sica.py.
 *
 * classes: (count, channels, side, blocks), resize: (h, side). out: (jobs, w, columns), of which the first count * blocks
 * columns are used, columns a multiple of PANEL; the sum over the jobs is the caller's. False: it does not fit a scratch. */
EXPORTED bool inspyrenet_gather(Pool *pool, const float *map, int h, int w, int channels, const float *classes, int count,
                                int side, int blocks, const float *resize, int columns, int jobs, float *out) {
    if ((size_t)channels * (size_t)(2 * columns + TILE) * sizeof(float) > SCRATCH_BYTES) return false;
    Context task = {map, h, w, channels, classes, count, side, blocks, resize, columns, jobs, out};
    share(pool, gather_rows, &task, jobs);
    return true;
}
