/* What other kernels take of linear.c. */
#ifndef INSPYRENET_LINEAR_H
#define INSPYRENET_LINEAR_H

#include <stddef.h>

#include "pool.h"

/* What becomes of a product's values: written as they are, added to what is there, or after ReLU or GELU. */
typedef enum { WRITTEN, ADDED, RECTIFIED, ACTIVATED } Finish;

/* A layer norm's scale and shift, of a token's width, a multiple of LANES; the variance gets 1e-5, as torch's. */
typedef struct {
    const float *weight, *bias;
} Norm;

void normalise(const float *token, int width, Norm norm, float *out);

/* out (rows, columns) by `how` from left (rows, depth) times panels, plus bias (NULL: none), in the calling thread.
 * `left` must be readable up to the next multiple of TILE rows, bias up to the next multiple of PANEL columns. */
void product(const float *left, ptrdiff_t left_stride, int rows, int depth, const float *panels, const float *bias,
             int columns, float *out, ptrdiff_t out_stride, Finish how);

/* Lay up to PANEL columns of a matrix out as one panel. */
void pack(const float *matrix, ptrdiff_t row_stride, ptrdiff_t column_stride, int depth, int columns, float *panel);

#endif
