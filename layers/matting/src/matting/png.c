/* Pixels on their way into a PNG: colours and alpha joined, and the row filters.
 *
 * A filtered row is given as its differences from what is left of it, above it, or both, whichever are smallest.
 * The predictors are those of the PNG specification, https://www.w3.org/TR/png-3/#9Filters; the choice is its own
 * recommendation, the least sum of absolute differences. Average is left out: on photographs it is hardly ever chosen.
 */
#include <stdint.h>
#include <string.h>

#if defined(_WIN32)
#define EXPORTED __declspec(dllexport)
#else
#define EXPORTED __attribute__((visibility("default")))
#endif

enum { NONE = 0, SUB = 1, UP = 2, PAETH = 4 };

static uint64_t size_of(const uint8_t *restrict differences, size_t count) {
    uint64_t sum = 0;
    while (count > 0) {
        /* In 32 bits, which hold a million differences of 128 each, vectors take more at once. */
        const size_t some = count < 1u << 20 ? count : 1u << 20;
        uint32_t part = 0;
        for (size_t i = 0; i < some; i++) {
            const uint8_t up = differences[i], down = (uint8_t)-up;
            part += up < down ? up : down;
        }
        sum += part;
        differences += some;
        count -= some;
    }
    return sum;
}

static void subtract(const uint8_t *restrict row, const uint8_t *restrict other, size_t count, uint8_t *restrict out) {
    for (size_t i = 0; i < count; i++)
        out[i] = (uint8_t)(row[i] - other[i]);
}

static void subtract_paeth(const uint8_t *restrict row, const uint8_t *restrict left, const uint8_t *restrict above,
                           const uint8_t *restrict corner, size_t count, uint8_t *restrict out) {
    for (size_t i = 0; i < count; i++) {
        const int16_t a = left[i], b = above[i], c = corner[i];
        const int16_t from_a = (int16_t)(b - c), from_b = (int16_t)(a - c), from_c = (int16_t)(from_a + from_b);
        const int16_t pa = from_a < 0 ? (int16_t)-from_a : from_a;
        const int16_t pb = from_b < 0 ? (int16_t)-from_b : from_b;
        const int16_t pc = from_c < 0 ? (int16_t)-from_c : from_c;
        const int16_t b_or_c = pb <= pc ? b : c, least = pb <= pc ? pb : pc;
        out[i] = (uint8_t)(row[i] - (pa <= least ? a : b_or_c));
    }
}

/* Filter rows of a picture.
 * pixels: the first of `rows` rows of `row_bytes` bytes; above: the row before it, or NULL where there is none.
 * scratch: 3 * row_bytes bytes. filtered, written: rows * (1 + row_bytes) bytes, each row after its filter's number.
 */
EXPORTED void matting_filter_png_rows(const uint8_t *pixels, const uint8_t *above, int32_t rows, int64_t row_bytes,
                                      int32_t pixel_bytes, uint8_t *scratch, uint8_t *filtered) {
    const size_t count = (size_t)row_bytes, first = (size_t)pixel_bytes;
    uint8_t *candidates[3] = {scratch, scratch + count, scratch + 2 * count};
    static const uint8_t numbers[3] = {SUB, UP, PAETH};
    for (int32_t y = 0; y < rows; y++) {
        const uint8_t *row = pixels + (size_t)y * count;
        uint8_t number = NONE;
        const uint8_t *best = row;
        uint64_t least = size_of(row, count);
        /* What is left of the first pixel is 0, with which Paeth's predictor is the pixel above. */
        memcpy(candidates[0], row, first);
        subtract(row + first, row, count - first, candidates[0] + first);
        if (above != NULL) {
            subtract(row, above, count, candidates[1]);
            memcpy(candidates[2], candidates[1], first);
            subtract_paeth(row + first, row, above + first, above, count - first, candidates[2] + first);
        }
        for (int i = 0; i < (above != NULL ? 3 : 1); i++) {
            const uint64_t size = size_of(candidates[i], count);
            if (size < least) {
                least = size;
                best = candidates[i];
                number = numbers[i];
            }
        }
        *filtered = number;
        memcpy(filtered + 1, best, count);
        filtered += 1 + count;
        above = row;
    }
}

/* Put colours and their alpha together, as a PNG holds them: `count` pixels of RGB and of alpha to RGBA, all of it 0
 * where alpha is.
 */
EXPORTED void matting_join_alpha(const uint8_t *restrict rgb, const uint8_t *restrict alpha, int64_t count,
                                 uint8_t *restrict rgba) {
    for (int64_t i = 0; i < count; i++) {
        const uint32_t seen = alpha[i] != 0 ? 0xffffffffu : 0;
        const uint32_t pixel = (uint32_t)rgb[3 * i] | (uint32_t)rgb[3 * i + 1] << 8 | (uint32_t)rgb[3 * i + 2] << 16
            | (uint32_t)alpha[i] << 24;
        const uint32_t word = pixel & seen;
        rgba[4 * i] = (uint8_t)word;
        rgba[4 * i + 1] = (uint8_t)(word >> 8);
        rgba[4 * i + 2] = (uint8_t)(word >> 16);
        rgba[4 * i + 3] = (uint8_t)(word >> 24);
    }
}
