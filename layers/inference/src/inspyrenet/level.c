/* Which of the libraries this processor runs, and the vectors' own functions for the tests. */
#include "pool.h"
#include "vector.h"

#if defined(__x86_64__)
#include <cpuid.h>

/* Which registers the operating system saves: XCR0, Intel's manual, volume 1, section 13.3. */
static uint64_t saved_registers(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}
#endif

/* 0: any processor of the platform; 1: AVX2 with FMA; 2: AVX-512 as every processor since Skylake-SP has it. By cpuid,
 * since the compiler's own __builtin_cpu_supports answers no to everything here (Zig 0.17, x86-64 baseline). */
EXPORTED int inspyrenet_level(void) {
#if defined(__x86_64__)
    uint32_t a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
    const uint32_t fma_osxsave_avx = 1u << 12 | 1u << 27 | 1u << 28;
    if ((c & fma_osxsave_avx) != fma_osxsave_avx) return 0;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
    const uint64_t wide = 0x6, wider = 0xe6;
    const uint32_t bmi_avx2_bmi2 = 1u << 3 | 1u << 5 | 1u << 8;
    const uint32_t f_dq_cd_bw_vl = 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31;
    if ((saved_registers() & wide) != wide || (b & bmi_avx2_bmi2) != bmi_avx2_bmi2) return 0;
    return (saved_registers() & wider) == wider && (b & f_dq_cd_bw_vl) == f_dq_cd_bw_vl ? 2 : 1;
#else
    return 0;
#endif
}

EXPORTED void inspyrenet_apply_gelu(float *values, int count) {
    for (int at = 0; at + LANES <= count; at += LANES) store(values + at, gelu(load(values + at)));
}

EXPORTED void inspyrenet_apply_exponential(float *values, int count) {
    for (int at = 0; at + LANES <= count; at += LANES) store(values + at, exponential(load(values + at)));
}
