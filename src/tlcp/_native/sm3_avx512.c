/* SM3 of 16 streams with AVX-512, which rotates and combines three operands at once. */
#include "cpu.h"

#if CPU_X86
#include <immintrin.h>

#include "sm3.h"

#define TARGET TARGET_AVX512
#define LANES_NAME sm3_lanes_avx512
#define V __m512i
#define SET1(x) _mm512_set1_epi32((int)(x))
#define ADD _mm512_add_epi32
#define X2 _mm512_xor_si512
#define X3(a, b, c) _mm512_ternarylogic_epi32(a, b, c, 0x96)
#define MAJORITY(a, b, c) _mm512_ternarylogic_epi32(a, b, c, 0xe8)
#define CHOOSE(a, b, c) _mm512_ternarylogic_epi32(a, b, c, 0xca)
#define ROTATE(x, n) _mm512_rol_epi32(x, n)
#define LOAD(p) _mm512_loadu_si512(p)
#define STORE(p, x) _mm512_storeu_si512(p, x)
#define UNPACKLO32 _mm512_unpacklo_epi32
#define UNPACKHI32 _mm512_unpackhi_epi32
#define UNPACKLO64 _mm512_unpacklo_epi64
#define UNPACKHI64 _mm512_unpackhi_epi64
#define SWAP32(x)                                                                                  \
    _mm512_shuffle_epi8(x, _mm512_broadcast_i32x4(_mm_setr_epi8(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, \
                                                                8, 15, 14, 13, 12)))
#define LOAD16(p) _mm_loadu_si128((const __m128i *)(p))
#define GATHER(p, at)                                                                              \
    _mm512_inserti32x4(                                                                            \
        _mm512_inserti32x4(_mm512_inserti32x4(_mm512_castsi128_si512(LOAD16((p)[0] + (at))),       \
                                              LOAD16((p)[4] + (at)), 1),                           \
                           LOAD16((p)[8] + (at)), 2),                                              \
        LOAD16((p)[12] + (at)), 3)
#include "sm3_lanes.h"

#endif
