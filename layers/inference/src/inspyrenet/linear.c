/* Linear layers over tokens: rows of a matrix, each a token's channels.
 *
 * A job is a strip of rows. What a strip needs in between (the normalised rows, the four times wider hidden layer) stays
 * in its thread's scratch, so in the cache, and is never written to memory. */
#include "linear.h"

#include "tile.h"

/* Rows of scratch are this much longer than their length: rows a power of two apart would share few lines of the cache. */
#define PADDING 16
/* What a strip's rows may take in the cache, in floats. */
#define STRIP_FLOATS (150 * 1024)

/* Add up to TILE rows of a finished tile to `out`, or write them there. */
INLINE void finish(Tile *tile, int rows, int columns, float *out, ptrdiff_t stride, Finish how) {
    if (columns < PANEL) { /* the last panel of a matrix that is no multiple of it */
        for (int row = 0; row < rows; row++) {
            float values[PANEL];
            for (int w = 0; w < WIDE; w++)
                store(values + w * LANES, how == ACTIVATED ? gelu(tile->rows[row][w]) : tile->rows[row][w]);
            for (int column = 0; column < columns; column++) {
                float *to = out + row * stride + column;
                float value = how == ADDED ? *to + values[column] : values[column];
                *to = how == RECTIFIED && value < 0 ? 0 : value;
            }
        }
        return;
    }
    for (int row = 0; row < rows; row++) {
        UNROLLED for (int w = 0; w < WIDE; w++) {
            float *to = out + row * stride + w * LANES;
            Vector value = tile->rows[row][w];
            if (how == ADDED) value += load(to);
            if (how == RECTIFIED) value = larger(value, fill(0.0f));
            if (how == ACTIVATED) value = gelu(value);
            store(to, value);
        }
    }
}

void product(const float *left, ptrdiff_t left_stride, int rows, int depth, const float *panels, const float *bias,
             int columns, float *out, ptrdiff_t out_stride, Finish how) {
    for (int column = 0; column < columns; column += PANEL) {
        const float *panel = panels + (ptrdiff_t)column * depth;
        for (int row = 0; row < rows; row += TILE) {
            Tile tile;
            start(&tile, bias ? bias + column : NULL);
            multiply(&tile, left + row * left_stride, left_stride, panel, depth);
            int there = rows - row < TILE ? rows - row : TILE;
            float *to = out + row * out_stride + column;
            if (there == TILE && columns - column >= PANEL) /* the lengths known: the stores are unrolled */
                finish(&tile, TILE, PANEL, to, out_stride, how);
            else
                finish(&tile, there, columns - column, to, out_stride, how);
        }
    }
}

void normalise(const float *token, int width, Norm norm, float *out) {
    Vector sums = fill(0.0f), squares = fill(0.0f);
    for (int at = 0; at < width; at += LANES) sums += load(token + at);
    float mean = sum(sums) / (float)width;
    for (int at = 0; at < width; at += LANES) {
        Vector centred = load(token + at) - mean;
        squares += centred * centred;
    }
    float scale = 1.0f / __builtin_sqrtf(sum(squares) / (float)width + 1e-5f);
    for (int at = 0; at < width; at += LANES)
        store(out + at, (load(token + at) - mean) * scale * load(norm.weight + at) + load(norm.bias + at));
}

/* Bring a strip into scratch, normalised if there is a norm. What the last tile reads behind it makes no result. */
static void bring(const float *tokens, ptrdiff_t stride, int rows, int width, const Norm *norm, float *out) {
    for (int row = 0; row < rows; row++) {
        float *to = out + (ptrdiff_t)row * (width + PADDING);
        if (norm)
            normalise(tokens + row * stride, width, *norm, to);
        else
            memcpy(to, tokens + row * stride, (size_t)width * sizeof *to);
    }
}

/* Divide rows into strips that fit the cache, the same number for each thread. */
static int strip_rows(const Pool *pool, int rows, int floats_per_row) {
    int most = STRIP_FLOATS / floats_per_row / TILE * TILE;
    if (most < 2 * TILE) most = 2 * TILE;
    int threads = threads_of(pool);
    int strips = (rows + most - 1) / most;
    strips = (strips + threads - 1) / threads * threads;
    int each = (rows + strips - 1) / strips;
    return (each + TILE - 1) / TILE * TILE;
}

typedef struct {
    const float *tokens;
    ptrdiff_t stride;
    int rows, depth, each;
    const Norm *norm;
    const float *panels, *bias;
    int columns;
    float *out;
    ptrdiff_t out_stride;
    Finish how;
} Linear;

static void linear_strip(const void *given, int index, float *scratch) {
    const Linear *task = given;
    int first = index * task->each, rows = task->rows - first < task->each ? task->rows - first : task->each;
    bring(task->tokens + first * task->stride, task->stride, rows, task->depth, task->norm, scratch);
    product(scratch, task->depth + PADDING, rows, task->depth, task->panels, task->bias, task->columns,
            task->out + first * task->out_stride, task->out_stride, task->how);
}

/* out (rows, columns) = tokens (rows, depth), perhaps normalised, times a packed matrix, plus bias. */
EXPORTED void inspyrenet_linear(Pool *pool, const float *tokens, ptrdiff_t stride, int rows, int depth,
                                const float *norm_weight, const float *norm_bias, const float *panels,
                                const float *bias, int columns, float *out, ptrdiff_t out_stride, int how) {
    Norm norm = {norm_weight, norm_bias};
    int each = strip_rows(pool, rows, depth + PADDING);
    Linear task = {tokens, stride, rows, depth, each, norm_weight ? &norm : NULL, panels, bias, columns, out, out_stride, (Finish)how};
    share(pool, linear_strip, &task, (rows + each - 1) / each);
}

typedef struct {
    float *tokens;
    const float *attended;
    int rows, width, each;
    const float *out_panels, *out_bias;
    Norm norm;
    const float *wide_panels, *wide_bias, *narrow_panels, *narrow_bias;
} Half;

static void half_strip(const void *given, int index, float *scratch) {
    const Half *task = given;
    int width = task->width, hidden = 4 * width;
    int first = index * task->each, rows = task->rows - first < task->each ? task->rows - first : task->each;
    float *tokens = task->tokens + (ptrdiff_t)first * width;
    float *narrow = scratch, *wide = scratch + (ptrdiff_t)task->each * (width + PADDING);
    bring(task->attended + (ptrdiff_t)first * width, width, rows, width, NULL, narrow);
    product(narrow, width + PADDING, rows, width, task->out_panels, task->out_bias, width, tokens, width, ADDED);
    bring(tokens, width, rows, width, &task->norm, narrow);
    product(narrow, width + PADDING, (rows + TILE - 1) / TILE * TILE, width, task->wide_panels, task->wide_bias, hidden,
            wide, hidden + PADDING, ACTIVATED);
    product(wide, hidden + PADDING, rows, hidden, task->narrow_panels, task->narrow_bias, width, tokens, width, ADDED);
}

/* The second half of a Swin block, in place: what was attended to, projected, and the MLP behind its norm, each beside
 * its shortcut. tokens, attended: (rows, width). */
EXPORTED void inspyrenet_finish_block(Pool *pool, float *tokens, const float *attended, int rows, int width,
                                      const float *out_panels, const float *out_bias, const float *norm_weight,
                                      const float *norm_bias, const float *wide_panels, const float *wide_bias,
                                      const float *narrow_panels, const float *narrow_bias) {
    int each = strip_rows(pool, rows, 5 * width + 2 * PADDING);
    Half task = {tokens, attended, rows, width, each, out_panels, out_bias, {norm_weight, norm_bias},
                 wide_panels, wide_bias, narrow_panels, narrow_bias};
    share(pool, half_strip, &task, (rows + each - 1) / each);
}

typedef struct {
    const float *tokens;
    int rows, width;
    Norm norm;
    float *out;
} Normalising;

#define NORM_ROWS 256

static void normalise_rows(const void *given, int index, float *scratch) {
    (void)scratch;
    const Normalising *task = given;
    for (int row = index * NORM_ROWS; row < task->rows && row < (index + 1) * NORM_ROWS; row++)
        normalise(task->tokens + (ptrdiff_t)row * task->width, task->width, task->norm, task->out + (ptrdiff_t)row * task->width);
}

EXPORTED void inspyrenet_normalise(Pool *pool, const float *tokens, int rows, int width, const float *weight,
                                   const float *bias, float *out) {
    Normalising task = {tokens, rows, width, {weight, bias}, out};
    share(pool, normalise_rows, &task, (rows + NORM_ROWS - 1) / NORM_ROWS);
}

typedef struct {
    const float *matrix;
    ptrdiff_t row_stride, column_stride;
    int depth, columns;
    float *panels;
} Packing;

void pack(const float *matrix, ptrdiff_t row_stride, ptrdiff_t column_stride, int depth, int columns, float *panel) {
    for (int column = 0; column < PANEL; column++) {
        const float *from = matrix + column * column_stride;
        for (int k = 0; k < depth; k++) panel[(ptrdiff_t)k * PANEL + column] = column < columns ? from[k * row_stride] : 0;
    }
}

static void pack_panel(const void *given, int index, float *scratch) {
    (void)scratch;
    const Packing *task = given;
    int first = index * PANEL;
    pack(task->matrix + first * task->column_stride, task->row_stride, task->column_stride, task->depth,
         task->columns - first, task->panels + (ptrdiff_t)first * task->depth);
}

/* Lay a matrix (depth, columns) out in panels, whatever the order of its own memory; the last is filled up with zeros. */
EXPORTED void inspyrenet_pack(Pool *pool, const float *matrix, ptrdiff_t row_stride, ptrdiff_t column_stride, int depth,
                              int columns, float *panels) {
    Packing task = {matrix, row_stride, column_stride, depth, columns, panels};
    share(pool, pack_panel, &task, (columns + PANEL - 1) / PANEL);
}

EXPORTED int inspyrenet_panel(void) { return PANEL; }
