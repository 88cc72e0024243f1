/* Swin's attention inside windows of 12 x 12 tokens (Liu et al., arXiv:2103.14030, section 3.2), a head at a time.
 *
 * Windows are cut from a map that is padded at the right and at the bottom to whole windows and, every second time,
 * shifted by half a window up and left. A padded token is zero behind the norm, so its query, key and value are the
 * layer's bias; nothing is computed for it, but the others see it. */
#include "linear.h"
#include "tile.h"

#define SIDE 12
#define PLACES (SIDE * SIDE)
#define HEAD 32 /* channels of a head, in every Swin */
#define MASKED (-100.0f) /* upstream's value: e^-100 is nothing beside any token of the same region */
/* Queries worked on together: a multiple of the rows of both products below. */
#define QUERIES 24
#define KEYS (3 * LANES) /* a panel of keys */
#if LANES == 16 || defined(__aarch64__)
#define SCORE_ROWS 8
#else
#define SCORE_ROWS 4
#endif

typedef struct {
    const float *qkv, *bias; /* (h * w, 3 * width) and (3 * width,) */
    int h, w, heads, shift;
    const float *positions; /* (heads, PLACES, PLACES) */
    float *out;             /* (h * w, width) */
    int columns;            /* of windows */
    int padded_h, padded_w;
} Attention;

typedef struct {
    float query[PLACES * HEAD];
    float keys[PLACES * HEAD];   /* panels of KEYS, (HEAD, KEYS) each */
    float values[PLACES * HEAD]; /* panels of PANEL, (PLACES, PANEL) each */
    float scores[QUERIES * PLACES];
    float attended[QUERIES * HEAD];
    float region[PLACES];
    int token[PLACES]; /* -1: padding */
} Window;

/* Which token stands at each place, and from which side of the cuts that a shift makes it came. */
static bool find_places(const Attention *task, int window, Window *found) {
    int top = window / task->columns * SIDE, left = window % task->columns * SIDE;
    bool mixed = task->shift && (top + SIDE == task->padded_h || left + SIDE == task->padded_w);
    for (int place = 0; place < PLACES; place++) {
        int y = top + place / SIDE, x = left + place % SIDE;
        int from_y = (y + task->shift) % task->padded_h, from_x = (x + task->shift) % task->padded_w;
        found->token[place] = from_y < task->h && from_x < task->w ? from_y * task->w + from_x : -1;
        int band_y = (y >= task->padded_h - SIDE) + (y >= task->padded_h - task->shift);
        int band_x = (x >= task->padded_w - SIDE) + (x >= task->padded_w - task->shift);
        found->region[place] = (float)(band_y * 3 + band_x);
    }
    return mixed;
}

static void collect(const Attention *task, int head, Window *window) {
    int width = task->heads * HEAD;
    const float scale = 0.17677669529663687f; /* 1 / √HEAD */
    for (int place = 0; place < PLACES; place++) {
        int token = window->token[place];
        const float *from = (token < 0 ? task->bias : task->qkv + (ptrdiff_t)token * 3 * width) + head * HEAD;
        for (int at = 0; at < HEAD; at += LANES) store(window->query + place * HEAD + at, load(from + at) * scale);
        float *keys = window->keys + place / KEYS * KEYS * HEAD + place % KEYS;
        for (int at = 0; at < HEAD; at++) keys[at * KEYS] = from[width + at];
        for (int at = 0; at < HEAD; at += LANES) {
            float *values = window->values + (at / PANEL * PLACES + place) * PANEL + at % PANEL;
            store(values, load(from + 2 * width + at));
        }
    }
}

/* scores (QUERIES, PLACES) = query (QUERIES, HEAD) times keys, plus the bias of their places. */
static void score(const float *query, const float *keys, const float *positions, float *scores) {
    for (int key = 0; key < PLACES; key += KEYS) {
        const float *panel = keys + key * HEAD;
        for (int row = 0; row < QUERIES; row += SCORE_ROWS) {
            Vector sums[SCORE_ROWS][3];
            UNROLLED for (int r = 0; r < SCORE_ROWS; r++)
                UNROLLED for (int w = 0; w < 3; w++) sums[r][w] = load(positions + (row + r) * PLACES + key + w * LANES);
            for (int k = 0; k < HEAD; k++) {
                Vector right[3];
                UNROLLED for (int w = 0; w < 3; w++) right[w] = load(panel + k * KEYS + w * LANES);
                UNROLLED for (int r = 0; r < SCORE_ROWS; r++) {
                    float value = query[(row + r) * HEAD + k];
                    UNROLLED for (int w = 0; w < 3; w++) sums[r][w] += value * right[w];
                }
            }
            UNROLLED for (int r = 0; r < SCORE_ROWS; r++)
                UNROLLED for (int w = 0; w < 3; w++) store(scores + (row + r) * PLACES + key + w * LANES, sums[r][w]);
        }
    }
}

/* Make weights of a query's scores in place; `region`, if any, are those of the keys, `own` that of the query. */
static void soften(float *scores, const float *region, float own) {
    Vector most = fill(-1e30f);
    for (int at = 0; at < PLACES; at += LANES) {
        Vector value = load(scores + at);
        if (region) {
            Integers differs = load(region + at) != fill(own);
            value += (Vector)(differs & (Integers)fill(MASKED));
            store(scores + at, value);
        }
        most = larger(most, value);
    }
    float peak = largest(most);
    Vector total = fill(0.0f);
    for (int at = 0; at < PLACES; at += LANES) {
        Vector value = exponential(load(scores + at) - peak);
        total += value;
        store(scores + at, value);
    }
    float scale = 1.0f / sum(total);
    for (int at = 0; at < PLACES; at += LANES) store(scores + at, load(scores + at) * scale);
}

static void attend_window(const void *given, int index, float *scratch) {
    const Attention *task = given;
    Window *window = (Window *)scratch;
    int head = index % task->heads, width = task->heads * HEAD;
    bool mixed = find_places(task, index / task->heads, window);
    collect(task, head, window);
    for (int first = 0; first < PLACES; first += QUERIES) {
        const float *positions = task->positions + ((ptrdiff_t)head * PLACES + first) * PLACES;
        score(window->query + first * HEAD, window->keys, positions, window->scores);
        for (int row = 0; row < QUERIES; row++)
            soften(window->scores + row * PLACES, mixed ? window->region : NULL, window->region[first + row]);
        product(window->scores, PLACES, QUERIES, PLACES, window->values, NULL, HEAD, window->attended, HEAD, WRITTEN);
        for (int row = 0; row < QUERIES; row++) {
            int token = window->token[first + row];
            if (token >= 0)
                memcpy(task->out + (ptrdiff_t)token * width + head * HEAD, window->attended + row * HEAD, HEAD * sizeof(float));
        }
    }
}

_Static_assert(sizeof(Window) <= SCRATCH_BYTES, "a window fits a thread's scratch");
_Static_assert(QUERIES % TILE == 0 && QUERIES % SCORE_ROWS == 0 && PLACES % QUERIES == 0 && PLACES % KEYS == 0, "whole blocks");

/* out (h * w, width) from qkv (h * w, 3 * width) of a map, width = 32 * heads. `shift` is 0 or half a window. */
EXPORTED void inspyrenet_attend_windows(Pool *pool, const float *qkv, const float *bias, int h, int w, int heads,
                                        int shift, const float *positions, float *out) {
    int rows = (h + SIDE - 1) / SIDE, columns = (w + SIDE - 1) / SIDE;
    Attention task = {qkv, bias, h, w, heads, shift, positions, out, columns, rows * SIDE, columns * SIDE};
    share(pool, attend_window, &task, rows * columns * heads);
}
