/* Which instructions the kernels may use; found out once, when the library is loaded. */
#ifndef TLCP_CPU_H
#define TLCP_CPU_H

enum {
    CPU_PORTABLE = 0, /* C only */
    CPU_AVX2 = 1,     /* AVX2, AES, PCLMULQDQ, BMI2 */
    CPU_GFNI = 2,     /* the same and GFNI */
    CPU_AVX512 = 3,   /* AVX-512 (F, BW, VL), GFNI, VPCLMULQDQ, BMI2 */
};

extern int cpu_level;

#if defined(__x86_64__) && !defined(TLCP_PORTABLE)
#define CPU_X86 1
#define TARGET_AVX2 __attribute__((target("avx2,aes,pclmul,bmi,bmi2")))
#define TARGET_GFNI __attribute__((target("avx2,aes,pclmul,bmi,bmi2,gfni")))
#define TARGET_AVX512                                                                              \
    __attribute__((target("avx512f,avx512bw,avx512vl,gfni,aes,pclmul,vpclmulqdq,bmi,bmi2")))
#else
#define CPU_X86 0
#endif

#endif
