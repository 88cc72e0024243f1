/* Each kernel against its plain definition in double, in a program without Python: for other processors under an
 * emulator, and for ThreadSanitizer, which wants to be in the program from its start.
 *
 * The sizes are few; cases.py has the many. It prints what is off and ends with 1, or prints "agrees". */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pool.h"

Pool *inspyrenet_open_pool(int threads);
void inspyrenet_close_pool(Pool *pool);
int inspyrenet_panel(void);
void inspyrenet_pack(Pool *, const float *, ptrdiff_t, ptrdiff_t, int, int, float *);
void inspyrenet_pack_filter(Pool *, const float *, int, int, int, float *);
void inspyrenet_linear(Pool *, const float *, ptrdiff_t, int, int, const float *, const float *, const float *, const float *, int, float *, ptrdiff_t, int);
void inspyrenet_normalise(Pool *, const float *, int, int, const float *, const float *, float *);
void inspyrenet_finish_block(Pool *, float *, const float *, int, int, const float *, const float *, const float *, const float *, const float *, const float *, const float *, const float *);
void inspyrenet_attend_windows(Pool *, const float *, const float *, int, int, int, int, const float *, float *);
bool inspyrenet_convolve(Pool *, int, const float *const *, const ptrdiff_t *, const int *, int, int, int, int, int, const float *, const float *, int, float *, bool, bool, const float *, float *);
bool inspyrenet_slide(Pool *, const float *, int, int, int, int, bool, const float *, const float *, int, float *);
void inspyrenet_resize(Pool *, const float *, ptrdiff_t, int, int, int, int, int, int, int, bool, float *);
void inspyrenet_to_planes(Pool *, const float *, ptrdiff_t, int, int, float *);
void inspyrenet_from_planes(Pool *, float *, const float *, int, int, float *);
void inspyrenet_soften(Pool *, float *, int, int);
void inspyrenet_weigh(Pool *, const float *, const float *, int, int, int, float *);
bool inspyrenet_gather(Pool *, const float *, int, int, int, const float *, int, int, int, const float *, int, int, float *);
void inspyrenet_apply_gelu(float *, int);
void inspyrenet_apply_exponential(float *, int);

enum { WRITTEN, ADDED, RECTIFIED, ACTIVATED };

static Pool *pool;
static int failures;
static uint32_t state = 1;

static float number(void) { /* in [-1, 1) */
    state = state * 1664525u + 1013904223u;
    return (float)(state >> 8) / 8388608.0f - 1.0f;
}

static float *empty(size_t count) {
    float *made = malloc(count * sizeof *made);
    if (!made) exit(2);
    for (size_t at = 0; at < count; at++) made[at] = 1e30f;
    return made;
}

static float *numbers(size_t count) {
    float *made = empty(count);
    for (size_t at = 0; at < count; at++) made[at] = number();
    return made;
}

/* `magnitude`: of what was added up; a sum of n terms is off by at most n / 2^24 of it. */
static void check(const char *kernel, double found, double expected, double magnitude, int terms) {
    if (fabs(found - expected) <= (terms + 4) * ldexp(magnitude, -24) + 1e-35) return;
    if (failures++ < 20) printf("%s: %.9g instead of %.9g, magnitude %g\n", kernel, found, expected, magnitude);
}

static double gelu(double x) { return x / 2 * (1 + erf(x / sqrt(2))); }

static float *packed(const float *matrix, int depth, int columns) {
    int panel = inspyrenet_panel();
    float *panels = empty((size_t)((columns + panel - 1) / panel * panel) * (size_t)depth);
    inspyrenet_pack(pool, matrix, columns, 1, depth, columns, panels);
    return panels;
}

static void test_linear(int rows, int depth, int columns, int how, bool with_norm) {
    float *x = numbers((size_t)rows * depth), *w = numbers((size_t)depth * columns), *bias = numbers((size_t)columns + 64);
    float *scale = numbers((size_t)depth), *shift = numbers((size_t)depth), *out = numbers((size_t)rows * columns), *panels = packed(w, depth, columns);
    float *before = empty((size_t)rows * columns), *left = empty((size_t)rows * depth);
    memcpy(before, out, (size_t)rows * columns * sizeof *out);
    memcpy(left, x, (size_t)rows * depth * sizeof *x);
    if (with_norm) inspyrenet_normalise(pool, x, rows, depth, scale, shift, left);
    for (int row = 0; with_norm && row < rows; row++) {
        double mean = 0, squares = 0;
        for (int k = 0; k < depth; k++) mean += x[row * depth + k] / (double)depth;
        for (int k = 0; k < depth; k++) squares += pow(x[row * depth + k] - mean, 2) / depth;
        for (int k = 0; k < depth; k++)
            check("normalise", left[row * depth + k], (x[row * depth + k] - mean) / sqrt(squares + 1e-5) * scale[k] + shift[k], 4, depth);
    }
    inspyrenet_linear(pool, x, depth, rows, depth, with_norm ? scale : NULL, shift, panels, bias, columns, out, columns, how);
    for (int row = 0; row < rows; row++)
        for (int column = 0; column < columns; column++) {
            double value = bias[column], most = fabs(value);
            for (int k = 0; k < depth; k++) {
                double term = (double)left[row * depth + k] * w[k * columns + column];
                value += term, most += fabs(term);
            }
            if (how == ADDED) value += before[row * columns + column], most += fabs(before[row * columns + column]);
            if (how == RECTIFIED) value = value < 0 ? 0 : value;
            if (how == ACTIVATED) value = gelu(value), most += 4; /* GELU's own 2e-7 */
            check("linear", out[row * columns + column], value, most, depth);
        }
    free(x), free(w), free(bias), free(scale), free(shift), free(out), free(panels), free(before), free(left);
}

static void test_finish_block(int rows, int width) {
    int hidden = 4 * width;
    float *tokens = numbers((size_t)rows * width), *attended = numbers((size_t)rows * width), *scale = numbers((size_t)width), *shift = numbers((size_t)width);
    float *w0 = numbers((size_t)width * width), *w1 = numbers((size_t)width * hidden), *w2 = numbers((size_t)width * hidden), *b = numbers((size_t)hidden);
    float *p0 = packed(w0, width, width), *p1 = packed(w1, width, hidden), *p2 = packed(w2, hidden, width), *out = empty((size_t)rows * width);
    memcpy(out, tokens, (size_t)rows * width * sizeof *out);
    inspyrenet_finish_block(pool, out, attended, rows, width, p0, b, scale, shift, p1, b, p2, b);
    double *half = calloc((size_t)width, sizeof *half), *wide = calloc((size_t)hidden, sizeof *wide);
    for (int row = 0; row < rows; row++) {
        double mean = 0, squares = 0;
        for (int c = 0; c < width; c++) {
            half[c] = b[c] + (double)tokens[row * width + c];
            for (int k = 0; k < width; k++) half[c] += (double)attended[row * width + k] * w0[k * width + c];
            mean += half[c] / width;
        }
        for (int c = 0; c < width; c++) squares += pow(half[c] - mean, 2) / width;
        for (int h = 0; h < hidden; h++) {
            wide[h] = b[h];
            for (int k = 0; k < width; k++) wide[h] += ((half[k] - mean) / sqrt(squares + 1e-5) * scale[k] + shift[k]) * w1[k * hidden + h];
            wide[h] = gelu(wide[h]);
        }
        for (int c = 0; c < width; c++) {
            double value = half[c] + b[c], most = fabs(value) + 20;
            for (int h = 0; h < hidden; h++) value += wide[h] * w2[h * width + c], most += fabs(wide[h] * w2[h * width + c]);
            check("finish_block", out[row * width + c], value, most, hidden + 2 * width);
        }
    }
    free(tokens), free(attended), free(scale), free(shift), free(w0), free(w1), free(w2), free(b), free(p0), free(p1), free(p2), free(out), free(half), free(wide);
}

static int region(int at, int padded, int shift) { return (at >= padded - 12) + (at >= padded - shift); }

static void test_attend_windows(int h, int w, int heads, int shift) {
    int width = 32 * heads, tall = (h + 11) / 12 * 12, wide = (w + 11) / 12 * 12;
    float *qkv = numbers((size_t)h * w * 3 * width), *bias = numbers(3 * (size_t)width), *positions = numbers((size_t)heads * 144 * 144), *out = empty((size_t)h * w * width);
    inspyrenet_attend_windows(pool, qkv, bias, h, w, heads, shift, positions, out);
    double scores[144];
    for (int top = 0; top < tall; top += 12)
        for (int left = 0; left < wide; left += 12)
            for (int head = 0; head < heads; head++)
                for (int query = 0; query < 144; query++) {
                    int y = top + query / 12, x = left + query % 12, from_y = (y + shift) % tall, from_x = (x + shift) % wide;
                    if (from_y >= h || from_x >= w) continue;
                    const float *q = qkv + (from_y * w + from_x) * 3 * width + head * 32, *others[144];
                    double peak = -1e30, total = 0;
                    for (int key = 0; key < 144; key++) {
                        int ky = top + key / 12, kx = left + key % 12, at_y = (ky + shift) % tall, at_x = (kx + shift) % wide;
                        others[key] = (at_y < h && at_x < w ? qkv + (at_y * w + at_x) * 3 * width : bias) + head * 32;
                        double score = positions[(head * 144 + query) * 144 + key];
                        for (int k = 0; k < 32; k++) score += q[k] * (double)others[key][width + k] / sqrt(32);
                        if (shift && (region(ky, tall, shift) != region(y, tall, shift) || region(kx, wide, shift) != region(x, wide, shift))) score -= 100;
                        scores[key] = score, peak = score > peak ? score : peak;
                    }
                    for (int key = 0; key < 144; key++) total += scores[key] = exp(scores[key] - peak);
                    for (int k = 0; k < 32; k++) {
                        double value = 0;
                        for (int key = 0; key < 144; key++) value += scores[key] / total * others[key][2 * width + k];
                        check("attend_windows", out[(from_y * w + from_x) * width + head * 32 + k], value, 1, 144);
                    }
                }
    free(qkv), free(bias), free(positions), free(out);
}

static void test_convolve(int h, int w, int channels, int columns, int dilation, int top, int bottom, bool flat) {
    float *x = numbers((size_t)h * w * channels), *weight = numbers(9 * (size_t)channels * columns), *bias = numbers((size_t)columns), *sums = numbers((size_t)columns);
    float *panels = empty(36 * (size_t)channels * columns), *out = empty((size_t)(bottom - top) * w * (flat ? 1 : columns));
    inspyrenet_pack_filter(pool, weight, columns, channels, channels, panels);
    /* Two maps side by side: halves of the same pixels. */
    const float *parts[] = {x, x + channels / 2};
    const ptrdiff_t strides[] = {channels, channels};
    const int halves[] = {channels / 2, channels / 2};
    float *row_0 = out - (ptrdiff_t)top * w * (flat ? 1 : columns);
    inspyrenet_convolve(pool, 2, parts, strides, halves, h, w, dilation, top, bottom, panels, bias, columns, flat ? NULL : row_0, false, true, flat ? sums : NULL, flat ? row_0 : NULL);
    for (int y = top; y < bottom; y++)
        for (int column = 0; column < w; column++) {
            double total = 0;
            for (int o = 0; o < columns; o++) {
                double value = bias[o];
                for (int tap = 0; tap < 9; tap++) {
                    int from_y = y + (tap / 3 - 1) * dilation, from_x = column + (tap % 3 - 1) * dilation;
                    if (from_y < 0 || from_y >= h || from_x < 0 || from_x >= w) continue;
                    for (int c = 0; c < channels; c++) value += (double)x[(from_y * w + from_x) * channels + c] * weight[(o * channels + c) * 9 + tap];
                }
                value = value < 0 ? 0 : value;
                total += value * sums[o];
                /* Winograd's terms are up to hundreds of times the pixels and weights; 9 * channels * 8 are common. */
                if (!flat) check("convolve", out[((y - top) * w + column) * columns + o], value, 72 * channels, 6);
            }
            if (flat) check("convolve flat", out[(y - top) * w + column], total, 72 * channels * columns, 6);
        }
    free(x), free(weight), free(bias), free(sums), free(panels), free(out);
}

static void test_slide(int h, int w, int channels, int columns, int taps, bool down) {
    float *x = numbers((size_t)(h * w + 11) * channels), *weight = numbers((size_t)taps * channels * columns), *bias = numbers((size_t)columns), *panels = packed(weight, taps * channels, columns), *out = empty((size_t)h * w * columns);
    inspyrenet_slide(pool, x, h, w, channels, taps, down, panels, bias, columns, out);
    for (int y = 0; y < h; y++)
        for (int column = 0; column < w; column++)
            for (int o = 0; o < columns; o++) {
                double value = bias[o], most = fabs(value);
                for (int tap = 0; tap < taps; tap++) {
                    int from_y = y + (down ? tap - taps / 2 : 0), from_x = column + (down ? 0 : tap - taps / 2);
                    if (from_y < 0 || from_y >= h || from_x < 0 || from_x >= w) continue;
                    for (int c = 0; c < channels; c++) {
                        double term = (double)x[(from_y * w + from_x) * channels + c] * weight[(tap * channels + c) * columns + o];
                        value += term, most += fabs(term);
                    }
                }
                check("slide", out[(y * w + column) * columns + o], value, most, taps * channels);
            }
    free(x), free(weight), free(bias), free(panels), free(out);
}

static double share_of(int at, int from, int to, bool corners, int pixel) {
    double where = corners ? at * (from - 1.) / (to > 1 ? to - 1 : 1) : fmax((at + 0.5) * from / to - 0.5, 0);
    return fmax(1 - fabs(fmin(where, from - 1) - pixel), 0);
}

static void test_resize(int h, int w, int height, int width, int channels, bool corners) {
    float *x = numbers((size_t)h * w * channels), *out = empty((size_t)height * width * channels);
    inspyrenet_resize(pool, x, channels, h, w, channels, height, width, 0, height, corners, out);
    for (int at = 0; at < height * width * channels; at++) {
        double value = 0;
        for (int from = 0; from < h * w; from++)
            value += share_of(at / channels / width, h, height, corners, from / w) * share_of(at / channels % width, w, width, corners, from % w) * x[from * channels + at % channels];
        check("resize", out[at], value, 4, 8);
    }
    free(x), free(out);
}

static void test_turns(int pixels, int channels) {
    float *x = numbers((size_t)pixels * channels), *planes = empty((size_t)pixels * channels), *out = empty((size_t)pixels * channels);
    inspyrenet_to_planes(pool, x, channels, pixels, channels, planes);
    inspyrenet_from_planes(pool, planes, x, pixels, channels, out);
    for (int at = 0; at < pixels * channels; at++) {
        check("to_planes", planes[at % channels * pixels + at / channels], x[at], 0, 0);
        check("from_planes", out[at], 3.0 * x[at], 3, 1);
    }
    free(x), free(planes), free(out);
}

static void test_softmaxes(int pixels, int depth, int classes) {
    float *query = numbers((size_t)pixels * depth), *key = numbers((size_t)classes * depth), *out = empty((size_t)pixels * 16), *rows = numbers((size_t)pixels * classes), *soft = empty((size_t)pixels * classes);
    memcpy(soft, rows, (size_t)pixels * classes * sizeof *rows);
    inspyrenet_weigh(pool, query, key, pixels, depth, classes, out);
    inspyrenet_soften(pool, soft, pixels, classes);
    for (int pixel = 0; pixel < pixels; pixel++) {
        double alike[16], total = 0, sum = 0;
        for (int class = 0; class < classes; class++) {
            alike[class] = 0;
            for (int k = 0; k < depth; k++) alike[class] += (double)query[pixel * depth + k] * key[class * depth + k];
            total += exp(alike[class]), sum += exp(rows[pixel * classes + class]);
        }
        for (int class = 0; class < 16; class++) check("weigh", out[pixel * 16 + class], class < classes ? exp(alike[class]) / total : 0, class < classes, 2 * depth);
        for (int class = 0; class < classes; class++) check("soften", soft[pixel * classes + class], exp(rows[pixel * classes + class]) / sum, 1, classes + 8);
    }
    free(query), free(key), free(out), free(rows), free(soft);
}

static void test_gather(int h, int w, int channels, int count, int side, int blocks, int jobs) {
    int panel = inspyrenet_panel(), columns = (count * blocks + panel - 1) / panel * panel;
    float *x = numbers((size_t)h * w * channels), *classes = numbers((size_t)count * channels * side * blocks), *weights = numbers((size_t)h * side), *out = empty((size_t)jobs * w * columns);
    inspyrenet_gather(pool, x, h, w, channels, classes, count, side, blocks, weights, columns, jobs, out);
    for (int column = 0; column < w; column++)
        for (int at = 0; at < count * blocks; at++) {
            double found = 0, value = 0, most = 0;
            for (int job = 0; job < jobs; job++) found += out[(job * w + column) * columns + at];
            for (int row = 0; row < h; row++)
                for (int c = 0; c < channels; c++)
                    for (int y = 0; y < side; y++) {
                        double term = (double)x[(row * w + column) * channels + c] * weights[row * side + y] * classes[((at / blocks * channels + c) * side + y) * blocks + at % blocks];
                        value += term, most += fabs(term);
                    }
            check("gather", found, value, most, channels + side + h);
        }
    free(x), free(classes), free(weights), free(out);
}

static void test_functions(void) {
    enum { COUNT = 1 << 16 };
    float *x = empty(COUNT), *soft = empty(COUNT), *raised = empty(COUNT);
    for (int at = 0; at < COUNT; at++) x[at] = soft[at] = raised[at] = (float)(at - COUNT / 2) / (COUNT / 2) * 86;
    inspyrenet_apply_gelu(soft, COUNT);
    inspyrenet_apply_exponential(raised, COUNT);
    for (int at = 0; at < COUNT; at++) {
        if (fabs(soft[at] - gelu(x[at])) > 2e-7 + ldexp(fabs(x[at]), -24)) check("gelu", soft[at], gelu(x[at]), 0, 0);
        check("exponential", raised[at], exp(x[at]), exp(x[at]), 0);
    }
    free(x), free(soft), free(raised);
}

/* What is below 2^-126 becomes zero on all threads, and the caller's own arithmetic stays as it was. */
static void test_denormals(void) {
    enum { ROWS = 3000, WIDTH = 64 };
    float *x = empty(ROWS * WIDTH), *w = empty(WIDTH * WIDTH), *out = empty(ROWS * WIDTH), *bias = calloc(WIDTH, sizeof *bias);
    for (int at = 0; at < ROWS * WIDTH; at++) x[at] = 1e-20f;
    for (int at = 0; at < WIDTH * WIDTH; at++) w[at] = 1e-21f;
    float *panels = packed(w, WIDTH, WIDTH);
    inspyrenet_linear(pool, x, WIDTH, ROWS, WIDTH, NULL, NULL, panels, bias, WIDTH, out, WIDTH, WRITTEN);
    for (int at = 0; at < ROWS * WIDTH; at++) check("denormals", out[at] != 0, 0, 0, 0);
    volatile float small = 1e-20f;
    small *= 1e-20f;
    if (small == 0) failures++, printf("denormals: the caller's arithmetic was changed\n");
    free(x), free(w), free(out), free(bias), free(panels);
}

int main(void) {
    for (int threads = 1; threads <= 3; threads++) {
        pool = inspyrenet_open_pool(threads);
        for (int rows = 1; rows < 40; rows += 3)
            for (int how = WRITTEN; how <= ACTIVATED; how++) test_linear(rows, 16 + 16 * (rows % 3), 5 + 31 * (rows % 4), how, rows % 2);
        test_linear(400, 33, 50, ADDED, false);
        for (int rows = 1; rows < 30; rows += 7) test_finish_block(rows, 32);
        for (int shift = 0; shift <= 6; shift += 6) {
            test_attend_windows(1, 1, 1, shift);
            test_attend_windows(13, 14, 2, shift);
        }
        for (int h = 1; h < 14; h += 3)
            for (int w = 1; w < 14; w += 4) test_convolve(h, w, 32, 32, 1 + h % 2 * 2, h / 2, h, w % 3 == 2);
        test_convolve(21, 33, 32, 32, 5, 3, 18, false);
        for (int taps = 3; taps <= 7; taps += 2)
            for (int down = 0; down < 2; down++) test_slide(2 * taps - 5, 15 - taps, 32, 32, taps, down);
        test_resize(3, 5, 9, 4, 17, false), test_resize(1, 7, 6, 13, 3, true), test_resize(9, 8, 4, 16, 16, false), test_resize(9, 8, 18, 1, 5, true);
        test_turns(700, 20), test_turns(1, 3);
        test_softmaxes(300, 32, 5), test_softmaxes(7, 16, 3);
        test_gather(5, 13, 16, 3, 6, 2, 4);
        test_denormals();
        inspyrenet_close_pool(pool);
    }
    test_functions();
    if (!failures) puts("agrees");
    return failures != 0;
}
