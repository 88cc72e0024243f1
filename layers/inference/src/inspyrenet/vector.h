/* Vectors of floats as wide as the instruction set that this copy of the kernels is compiled for.
 *
 * Each kernel file is compiled once for each instruction set (setup.py), with KERNELS the name of its table. The code
 * says only vectors of LANES floats; which registers hold them, the compiler knows. */
#ifndef INSPYRENET_VECTOR_H
#define INSPYRENET_VECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#define LANES 16
#elif defined(__AVX2__)
#define LANES 8
#else
#define LANES 4
#endif

typedef float Vector __attribute__((vector_size(LANES * 4)));
typedef int32_t Integers __attribute__((vector_size(LANES * 4)));
/* The same in memory, where nothing is promised but the alignment of a float. */
typedef float Unaligned __attribute__((vector_size(LANES * 4), aligned(4)));

#define INLINE static inline __attribute__((always_inline))
#define UNROLLED _Pragma("clang loop unroll(full)")

INLINE Vector load(const float *from) { return *(const Unaligned *)from; }
INLINE void store(float *to, Vector vector) { *(Unaligned *)to = vector; }
INLINE Vector fill(float value) { return value - (Vector){0}; }
INLINE Vector larger(Vector a, Vector b) { return __builtin_elementwise_max(a, b); }
INLINE Vector smaller(Vector a, Vector b) { return __builtin_elementwise_min(a, b); }
INLINE Vector magnitude(Vector a) { return __builtin_elementwise_abs(a); }
INLINE float sum(Vector vector) {
    float total = 0;
    for (int lane = 0; lane < LANES; lane++) total += vector[lane];
    return total;
}
INLINE float largest(Vector vector) {
    float found = vector[0];
    for (int lane = 1; lane < LANES; lane++) found = vector[lane] > found ? vector[lane] : found;
    return found;
}

/* e^x, to two units in the last place; below e^-87, which float32 no longer holds exactly, e^-87. A polynomial on
 * ±ln 2 / 2 (least worst error, 2e-9), times the power of two that is left. */
INLINE Vector exponential(Vector x) {
    const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to whole numbers */
    x = larger(x, fill(-87.0f));
    x = smaller(x, fill(88.0f));
    Vector power = x * 1.44269504f + magic;
    Integers exponent = ((Integers)power - (Integers)fill(magic) + 127) << 23;
    power -= magic;
    x -= power * 0.693359375f; /* ln 2 in two parts, of which the first has few digits */
    x += power * 2.12194440e-4f;
    Vector y = x * 1.3956063e-3f + 8.3751353e-3f;
    y = y * x + 4.1666083e-2f;
    y = y * x + 0.16666415f;
    y = y * x + 0.5f;
    y = y * x + 1.0f;
    y = y * x + 1.0f;
    return y * (Vector)exponent;
}

/* x/2 (1 + erf(x / √2)), to 2e-7: the positive part, less |x|/2 erfc(|x| / √2), whose logarithm is smooth (a polynomial
 * of least worst error in the product, 7e-9; beyond 6 the product is smaller than that). */
INLINE Vector gelu(Vector x) {
    Vector a = smaller(magnitude(x), fill(6.0f));
    Vector r = a * 1.1716882e-6f - 1.7386294e-5f;
    r = r * a + 7.9338737e-5f;
    r = r * a + 2.2412593e-4f;
    r = r * a - 5.0831181e-3f;
    r = r * a + 3.6538698e-2f;
    r = r * a + 0.31823456f;
    r = r * a + 0.79789782f;
    r = r * a + 0.69314641f;
    return larger(x, fill(0.0f)) - a * exponential(-r);
}

#endif
