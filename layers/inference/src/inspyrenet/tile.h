/* The heart of every matrix product here: a tile of the result, held in registers from the first product to the last.
 *
 * The right-hand matrix lies in panels of PANEL columns, (K, PANEL) each (`pack` in linear.c); the left one in rows.
 * A tile is TILE rows of one panel. */
#ifndef INSPYRENET_TILE_H
#define INSPYRENET_TILE_H

#include "vector.h"

/* As many accumulators as leave room for a row of the panel and one value of the left matrix. */
#if LANES == 16
#define TILE 12
#define WIDE 2
#elif LANES == 8
#define TILE 6
#define WIDE 2
#elif defined(__aarch64__)
#define TILE 6
#define WIDE 4
#else
#define TILE 6
#define WIDE 2
#endif
#define PANEL (WIDE * LANES)
#define GROUP (TILE / 3) /* the rows' addresses: three to a pointer, since x86 adds once and twice a register */

typedef struct {
    Vector rows[TILE][WIDE];
} Tile;

INLINE void start(Tile *tile, const float *bias) {
    UNROLLED for (int w = 0; w < WIDE; w++) {
        Vector value = bias ? load(bias + w * LANES) : fill(0.0f);
        UNROLLED for (int row = 0; row < TILE; row++) tile->rows[row][w] = value;
    }
}

/* Add `left` (TILE, K; `stride` floats from row to row) times `panel` (K, PANEL). */
INLINE void multiply(Tile *tile, const float *left, ptrdiff_t stride, const float *panel, int depth) {
    Tile sums = *tile;
    const float *rows[GROUP];
    UNROLLED for (int group = 0; group < GROUP; group++) rows[group] = left + 3 * group * stride;
    for (int k = 0; k < depth; k++) {
        Vector right[WIDE];
        UNROLLED for (int w = 0; w < WIDE; w++) right[w] = load(panel + w * LANES);
        panel += PANEL;
        UNROLLED for (int row = 0; row < TILE; row++) {
            float value = rows[row / 3][(row % 3) * stride + k];
            UNROLLED for (int w = 0; w < WIDE; w++) sums.rows[row][w] += value * right[w];
        }
    }
    *tile = sums;
}

#endif
