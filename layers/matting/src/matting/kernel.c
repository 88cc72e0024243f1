/* Foreground colours and matte enlargement: the two loops that Python cannot run fast enough.
 *
 * matting_estimate_foreground is the multilevel Gauss-Seidel solver of
 *   Germer, Uelwer, Conrad, Harmeling: "Fast Multi-Level Foreground Estimation", ICPR 2020, arXiv:2006.14970
 * derived from PyMatting's estimate_foreground_ml.py
 *   (https://github.com/pymatting/pymatting, Copyright (c) 2020 PyMatting, MIT licence).
 * It sweeps pixels in PyMatting's order, because a Gauss-Seidel sweep in any other order gives other colours.
 * What differs is that no level but the smallest is ever held whole: a row can take its second sweep as soon as the row
 * below took its first, so all levels walk down the picture together and each keeps four rows.
 */
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* PyMatting's defaults: the regularisation, and the sweeps that a level of at most 32x32 takes. Bigger ones take two. */
#define REGULARIZATION 1e-5f
#define SMALL_SIDE 32
#define SMALL_SWEEPS 10
/* Next to black, colours fade by a factor of four per pixel until they are subnormal, on which processors are slow: that
 * cost a quarter of the time. Ending at this colour instead changes nothing that 8 bits can show. */
#define NEARLY_BLACK 1e-20f
/* The rows above, at and below a second sweep, and the one below that, which the first sweep of the row below reads. */
#define WINDOW_ROWS 4

#if defined(_WIN32)
#define EXPORTED __declspec(dllexport)
#else
#define EXPORTED __attribute__((visibility("default")))
#endif

/* Red, green, blue and one idle lane: SSE2 and NEON, which every x86-64 and arm64 processor has, hold exactly this. */
typedef float Colour __attribute__((vector_size(16)));

typedef struct {
    Colour foreground, background;
} Layers;

/* The 2x2 system of one pixel, solved for everything that does not change between sweeps. With neighbour means
 * F', B' weighted by `left` ... `down` (which sum to 1), the solution is
 *   F = keep_foreground * F' - cross * B' + to_foreground * I
 *   B = keep_background * B' - cross * F' + to_background * I
 */
typedef struct {
    float left, right, up, down;
    float keep_foreground, keep_background, cross;
    float to_foreground, to_background;
} Weights;

/* Pixel arrays are padded by one pixel at either end, which stands for the pixel clamped to the border. */
typedef struct {
    Layers *layers;
    Colour *image;
    float *alpha;
    Weights *weights;
} Row;

typedef struct Level {
    struct Level *coarser; /* NULL for the first level */
    int32_t height, width;
    Row *rows;
    int32_t capacity;        /* rows held: all of a small level, WINDOW_ROWS of a big one */
    int32_t loaded;          /* rows read so far from the picture and from the coarser level */
    int32_t finished;        /* rows that took all their sweeps */
    Layers *layers;          /* what the rows' pointers point into */
    Colour *image;
    float *alpha;
    Weights *weights;
    int32_t *picture_column; /* of each column here: the picture's column it samples, */
    int32_t *coarser_column; /* and the coarser level's column it starts from */
} Level;

typedef struct {
    const uint8_t *image; /* (height, width, 3) */
    const float *alpha;   /* (height, width) */
    int32_t height, width;
    Layers mean; /* where the first level starts */
} Picture;

static int32_t nearest(int32_t position, int32_t from, int32_t to) {
    return (int32_t)((int64_t)position * from / to);
}

static Colour clamp_colour(Colour value) {
    for (int channel = 0; channel < 4; channel++) {
        const float floored = value[channel] > NEARLY_BLACK ? value[channel] : NEARLY_BLACK;
        value[channel] = floored < 1.0f ? floored : 1.0f;
    }
    return value;
}

static float clamp_alpha(float value) {
    return value < 0.0f ? 0.0f : value > 1.0f ? 1.0f : value;
}

static Row *row_at(const Level *level, int32_t y) {
    return &level->rows[y % level->capacity];
}

static void weigh_row(const Level *level, int32_t y) {
    const Row *row = row_at(level, y);
    const float *alpha = row->alpha;
    const float *above = y > 0 ? row_at(level, y - 1)->alpha : alpha;
    const float *below = y < level->height - 1 ? row_at(level, y + 1)->alpha : alpha;
    for (int32_t x = 1; x <= level->width; x++) {
        const float a = alpha[x], b = 1.0f - a;
        const float left = REGULARIZATION + fabsf(a - alpha[x - 1]);
        const float right = REGULARIZATION + fabsf(a - alpha[x + 1]);
        const float up = REGULARIZATION + fabsf(a - above[x]);
        const float down = REGULARIZATION + fabsf(a - below[x]);
        const float sum = left + right + up + down;
        /* The determinant (a*a + sum) * (b*b + sum) - (a*b)^2 is sum * (a*a + b*b + sum), which float32 can bear. */
        const float share = 1.0f / sum, scale = 1.0f / (a * a + b * b + sum);
        row->weights[x] = (Weights){
            .left = left * share, .right = right * share, .up = up * share, .down = down * share,
            .keep_foreground = (b * b + sum) * scale, .keep_background = (a * a + sum) * scale, .cross = a * b * scale,
            .to_foreground = a * scale, .to_background = b * scale,
        };
    }
}

static void load_row(const Picture *picture, Level *level, const Layers *start) {
    const int32_t y = level->loaded++;
    const Row *row = row_at(level, y);
    const size_t source = (size_t)nearest(y, picture->height, level->height) * (size_t)picture->width;
    const uint8_t *image = picture->image + 3 * source;
    const float *alpha = picture->alpha + source;
    for (int32_t x = 0; x < level->width; x++) {
        const size_t column = (size_t)level->picture_column[x];
        const uint8_t *pixel = image + 3 * column;
        row->image[x + 1] = (Colour){pixel[0], pixel[1], pixel[2], 0.0f} * (1.0f / 255.0f);
        row->alpha[x + 1] = clamp_alpha(alpha[column]);
        row->layers[x + 1] = start[level->coarser_column[x]];
    }
    row->alpha[0] = row->alpha[1];
    row->alpha[level->width + 1] = row->alpha[level->width];
    if (y > 0)
        weigh_row(level, y - 1);
    if (y == level->height - 1)
        weigh_row(level, y);
}

static inline Layers relax(const Weights *w, Colour image, Layers left, const Layers *right, const Layers *up,
                           const Layers *down) {
    const Colour foreground = w->right * right->foreground + w->up * up->foreground + w->down * down->foreground;
    const Colour background = w->right * right->background + w->up * up->background + w->down * down->background;
    const Colour f = w->keep_foreground * foreground - w->cross * background + w->to_foreground * image;
    const Colour b = w->keep_background * background - w->cross * foreground + w->to_background * image;
    /* The left neighbour was solved a moment ago: it comes last, in the fewest steps, for the processor waits for it. */
    const float keep_f = w->keep_foreground * w->left, keep_b = w->keep_background * w->left, cross = w->cross * w->left;
    return (Layers){
        clamp_colour(f + keep_f * left.foreground - cross * left.background),
        clamp_colour(b + keep_b * left.background - cross * left.foreground),
    };
}

static void sweep_row(const Level *level, int32_t y) {
    const Row *row = row_at(level, y);
    Layers *layers = row->layers;
    const Layers *above = y > 0 ? row_at(level, y - 1)->layers : layers;
    const Layers *below = y < level->height - 1 ? row_at(level, y + 1)->layers : layers;
    layers[0] = layers[1];
    layers[level->width + 1] = layers[level->width];
    Layers left = layers[0];
    for (int32_t x = 1; x <= level->width; x++)
        layers[x] = left = relax(&row->weights[x], row->image[x], left, &layers[x + 1], &above[x], &below[x]);
}

static bool is_small(const Level *level) {
    return level->height <= SMALL_SIDE && level->width <= SMALL_SIDE;
}

static const Layers *finished_row(const Picture *picture, Level *level, int32_t y);

static void load_next_row(const Picture *picture, Level *level) {
    Level *coarser = level->coarser;
    load_row(picture, level, coarser == NULL
        ? &picture->mean
        : finished_row(picture, coarser, nearest(level->loaded, coarser->height, level->height)));
}

static void finish_small(const Picture *picture, Level *level) {
    while (level->loaded < level->height)
        load_next_row(picture, level);
    for (int sweep = 0; sweep < SMALL_SWEEPS; sweep++)
        for (int32_t y = 0; y < level->height; y++)
            sweep_row(level, y);
    level->finished = level->height;
}

static void finish_next_row(const Picture *picture, Level *level) {
    const int32_t y = level->finished;
    while (level->loaded < level->height && level->loaded <= y + 2)
        load_next_row(picture, level);
    if (y == 0)
        sweep_row(level, 0);
    if (y + 1 < level->height)
        sweep_row(level, y + 1);
    sweep_row(level, y);
    level->finished = y + 1;
}

/* Return row y of a level after its sweeps, without padding. Rows are asked for from top to bottom. */
static const Layers *finished_row(const Picture *picture, Level *level, int32_t y) {
    while (level->finished <= y) {
        if (is_small(level))
            finish_small(picture, level);
        else
            finish_next_row(picture, level);
    }
    return row_at(level, y)->layers + 1;
}

/* Fill in a level's arrays and return true, or return false when there is no memory for them. */
static bool open_level(const Picture *picture, Level *level, Level *coarser, int32_t height, int32_t width) {
    *level = (Level){.coarser = coarser, .height = height, .width = width};
    level->capacity = is_small(level) || height < WINDOW_ROWS ? height : WINDOW_ROWS;
    const size_t capacity = (size_t)level->capacity, columns = (size_t)width + 2;
    level->rows = calloc(capacity, sizeof *level->rows);
    level->layers = calloc(capacity * columns, sizeof *level->layers);
    level->image = calloc(capacity * columns, sizeof *level->image);
    level->weights = calloc(capacity * columns, sizeof *level->weights);
    level->alpha = calloc(capacity * columns, sizeof *level->alpha);
    level->picture_column = calloc(columns, sizeof *level->picture_column);
    level->coarser_column = calloc(columns, sizeof *level->coarser_column);
    if (!level->rows || !level->layers || !level->image || !level->weights || !level->alpha || !level->picture_column
        || !level->coarser_column)
        return false;
    for (size_t row = 0; row < capacity; row++)
        level->rows[row] = (Row){
            .layers = level->layers + row * columns, .image = level->image + row * columns,
            .alpha = level->alpha + row * columns, .weights = level->weights + row * columns,
        };
    for (int32_t x = 0; x < width; x++) {
        level->picture_column[x] = nearest(x, picture->width, width);
        level->coarser_column[x] = coarser == NULL ? 0 : nearest(x, coarser->width, width);
    }
    return true;
}

static void close_level(Level *level) {
    free(level->rows);
    free(level->layers);
    free(level->image);
    free(level->weights);
    free(level->alpha);
    free(level->picture_column);
    free(level->coarser_column);
}

/* Set the colours that the first level starts from: the means of what is clearly foreground and clearly background. */
static void average(Picture *picture) {
    uint64_t foreground[3] = {0}, background[3] = {0}, foreground_count = 0, background_count = 0;
    const size_t pixels = (size_t)picture->height * (size_t)picture->width;
    for (size_t pixel = 0; pixel < pixels; pixel++) {
        const uint64_t is_foreground = picture->alpha[pixel] > 0.9, is_background = picture->alpha[pixel] < 0.1;
        foreground_count += is_foreground;
        background_count += is_background;
        for (int channel = 0; channel < 3; channel++) {
            foreground[channel] += is_foreground * picture->image[3 * pixel + channel];
            background[channel] += is_background * picture->image[3 * pixel + channel];
        }
    }
    picture->mean = (Layers){0};
    for (int channel = 0; channel < 3; channel++) {
        picture->mean.foreground[channel] = (float)(foreground[channel] / 255.0 / (foreground_count + 1e-5));
        picture->mean.background[channel] = (float)(background[channel] / 255.0 / (background_count + 1e-5));
    }
}

/* Estimate the foreground's colours.
 * image: (height, width, 3); alpha: (height, width) in [0, 1]; foreground, written: (height, width, 3).
 * heights and widths: the size of each of level_count levels, from 1x1 to the picture's. Returns false without memory.
 */
EXPORTED bool matting_estimate_foreground(const uint8_t *image, const float *alpha, int32_t height, int32_t width,
                                 const int32_t *heights, const int32_t *widths, int32_t level_count,
                                 uint8_t *foreground) {
    Picture picture = {.image = image, .alpha = alpha, .height = height, .width = width};
    Level *levels = calloc((size_t)level_count, sizeof *levels);
    bool opened = levels != NULL;
    for (int32_t i = 0; opened && i < level_count; i++)
        opened = open_level(&picture, &levels[i], i > 0 ? &levels[i - 1] : NULL, heights[i], widths[i]);
    if (opened) {
        average(&picture);
        for (int32_t y = 0; y < height; y++) {
            const Layers *row = finished_row(&picture, &levels[level_count - 1], y);
            for (int32_t x = 0; x < width; x++) {
                const Colour colour = row[x].foreground * 255.0f + 0.5f;
                for (int channel = 0; channel < 3; channel++)
                    *foreground++ = (uint8_t)colour[channel];
            }
        }
    }
    for (int32_t i = 0; levels != NULL && i < level_count; i++)
        close_level(&levels[i]);
    free(levels);
    return opened;
}

/* Where a sample of the enlarged matte lies between two samples of the matte. */
typedef struct {
    int32_t first, second;
    float second_share;
} Between;

/* torch computes positions in float32; computing them better would move a 4000 px matte by 1e-4 of a sample. */
static Between between(int32_t position, int32_t from, int32_t to) {
    const float step = to > 1 ? (float)(from - 1) / (float)(to - 1) : 0.0f;
    const float source = step * (float)position;
    const int32_t first = (int32_t)source < from - 1 ? (int32_t)source : from - 1;
    const float share = source - (float)first;
    return (Between){first, first < from - 1 ? first + 1 : first, share < 1.0f ? share : 1.0f};
}

static void stretch_row(const float *matte, const Between *columns, int32_t width, float *stretched) {
    for (int32_t x = 0; x < width; x++) {
        const Between column = columns[x];
        stretched[x] = (1.0f - column.second_share) * matte[column.first] + column.second_share * matte[column.second];
    }
}

/* Resize a matte bilinearly with corners aligned: (from_height, from_width) to (height, width).
 * Returns false without memory.
 */
EXPORTED bool matting_resize_align_corners(const float *matte, int32_t from_height, int32_t from_width, int32_t height,
                                  int32_t width, float *resized) {
    Between *columns = calloc((size_t)width, sizeof *columns);
    float *stretched = calloc(2 * (size_t)width, sizeof *stretched);
    const bool allocated = columns != NULL && stretched != NULL;
    if (allocated) {
        for (int32_t x = 0; x < width; x++)
            columns[x] = between(x, from_width, width);
        /* Row r of the matte, once stretched, stays in half r % 2 for as long as output rows lie beside it. */
        int32_t held[2] = {-1, -1};
        for (int32_t y = 0; y < height; y++) {
            const Between rows = between(y, from_height, height);
            const int32_t wanted[2] = {rows.first, rows.second};
            for (int i = 0; i < 2; i++) {
                const int half = wanted[i] % 2;
                if (held[half] != wanted[i])
                    stretch_row(matte + (size_t)wanted[i] * (size_t)from_width, columns, width, stretched + half * width);
                held[half] = wanted[i];
            }
            const float *upper = stretched + (rows.first % 2) * width, *lower = stretched + (rows.second % 2) * width;
            for (int32_t x = 0; x < width; x++)
                *resized++ = (1.0f - rows.second_share) * upper[x] + rows.second_share * lower[x];
        }
    }
    free(columns);
    free(stretched);
    return allocated;
}
