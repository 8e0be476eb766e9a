/* SM4 with 256-bit registers, for processors with AVX2 and either GFNI or only AES. The includer
 * defines TARGET, and SBOX, INTO and BACK come from GFNI if WITH_GFNI is defined. Without it,
 * inversion is that of the AES instruction, its affine map undone together with what follows in
 * two tables of 16 bytes, and its order of bytes undone by the rotations. */
#include <immintrin.h>
#include <string.h>

#include "limbs.h"
#include "sm4.h"
#include "sm4_table.h"

#ifdef WITH_GFNI
#define R8 1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12
#define R16 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13
#define R24 3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14
#else
/* byte i of a column went to column i further left */
#define R0 0, 13, 10, 7, 4, 1, 14, 11, 8, 5, 2, 15, 12, 9, 6, 3
#define R8 13, 10, 7, 0, 1, 14, 11, 4, 5, 2, 15, 8, 9, 6, 3, 12
#define R16 10, 7, 0, 13, 14, 11, 4, 1, 2, 15, 8, 5, 6, 3, 12, 9
#define R24 7, 0, 13, 10, 11, 4, 1, 14, 15, 8, 5, 2, 3, 12, 9, 6
#endif
#define SWAPPED 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12

#define ROTATE8(x) SHUFFLE(x, R8)
#define ROTATE16(x) SHUFFLE(x, R16)
#define ROTATE24(x) SHUFFLE(x, R24)
#define SWAP32(x) SHUFFLE(x, SWAPPED)
#define X3(a, b, c) X2(X2(a, b), c)

#ifndef WITH_GFNI
#define TABLE(name) static const uint8_t name##_low[16] = SM4_##name##_LOW, \
                                         name##_high[16] = SM4_##name##_HIGH;
TABLE(P)
TABLE(Q)
TABLE(M)
TABLE(M_BACK)
#endif

/* ---- 128 bits ---- */

#define NAME(x) xmm_##x
#define V __m128i
#define LANES 4
#define CHAINS 1
#define X2 _mm_xor_si128
#define SHUFFLE(x, ...) _mm_shuffle_epi8(x, _mm_setr_epi8(__VA_ARGS__))
#define LOAD(p) _mm_loadu_si128((const __m128i *)(p))
#define STORE(p, x) _mm_storeu_si128((__m128i *)(p), x)
#define SET1(x) _mm_set1_epi32((int)(x))
#define ADD32 _mm_add_epi32
#define UNPACKLO32 _mm_unpacklo_epi32
#define UNPACKHI32 _mm_unpackhi_epi32
#define UNPACKLO64 _mm_unpacklo_epi64
#define UNPACKHI64 _mm_unpackhi_epi64
#define ORDER {0, 1, 2, 3}
#define GATHER(p, at) LOAD((p)[0] + (at))
#define SCATTER(p, at, x) STORE((p)[0] + (at), x)
#ifdef WITH_GFNI
#define MATRIX(m) _mm_set1_epi64x((long long)m)
#define AFFINE(x, m) _mm_gf2p8affine_epi64_epi8(x, MATRIX(m), 0)
#define INVERT(x, m, c) _mm_gf2p8affineinv_epi64_epi8(x, MATRIX(m), c)
#else
#define NIBBLES _mm_set1_epi8(15)
#define LOW(x) _mm_and_si128(x, NIBBLES)
#define HIGH(x) _mm_and_si128(_mm_srli_epi32(x, 4), NIBBLES)
#define LOOKUP(table, x) _mm_shuffle_epi8(LOAD(table), x)
#define SUBBYTES(x) _mm_aesenclast_si128(x, _mm_setzero_si128())
#endif
#include "sm4_ymm_sbox.h"
#include "sm4_lanes.h"
#undef NAME
#undef V
#undef LANES
#undef CHAINS
#undef X2
#undef SHUFFLE
#undef LOAD
#undef STORE
#undef SET1
#undef ADD32
#undef UNPACKLO32
#undef UNPACKHI32
#undef UNPACKLO64
#undef UNPACKHI64
#undef ORDER
#undef GATHER
#undef SCATTER
#undef MATRIX
#undef AFFINE
#undef INVERT
#undef NIBBLES
#undef LOW
#undef HIGH
#undef LOOKUP
#undef SUBBYTES

/* ---- 256 bits ---- */

#define NAME(x) ymm_##x
#define SMALLER(x) xmm_##x
#define V __m256i
#define LANES 8
#define CHAINS 2
#define X2 _mm256_xor_si256
#define SHUFFLE(x, ...)                                                                            \
    _mm256_shuffle_epi8(x, _mm256_broadcastsi128_si256(_mm_setr_epi8(__VA_ARGS__)))
#define LOAD(p) _mm256_loadu_si256((const __m256i *)(p))
#define STORE(p, x) _mm256_storeu_si256((__m256i *)(p), x)
#define SET1(x) _mm256_set1_epi32((int)(x))
#define ADD32 _mm256_add_epi32
#define UNPACKLO32 _mm256_unpacklo_epi32
#define UNPACKHI32 _mm256_unpackhi_epi32
#define UNPACKLO64 _mm256_unpacklo_epi64
#define UNPACKHI64 _mm256_unpackhi_epi64
#define ORDER {0, 2, 4, 6, 1, 3, 5, 7}
#define LOAD16(p) _mm_loadu_si128((const __m128i *)(p))
#define GATHER(p, at)                                                                              \
    _mm256_inserti128_si256(_mm256_castsi128_si256(LOAD16((p)[0] + (at))), LOAD16((p)[1] + (at)), 1)
#define SCATTER(p, at, x)                                                                          \
    (_mm_storeu_si128((__m128i *)((p)[0] + (at)), _mm256_castsi256_si128(x)),                      \
     _mm_storeu_si128((__m128i *)((p)[1] + (at)), _mm256_extracti128_si256(x, 1)))
#ifdef WITH_GFNI
#define MATRIX(m) _mm256_set1_epi64x((long long)m)
#define AFFINE(x, m) _mm256_gf2p8affine_epi64_epi8(x, MATRIX(m), 0)
#define INVERT(x, m, c) _mm256_gf2p8affineinv_epi64_epi8(x, MATRIX(m), c)
#else
#define NIBBLES _mm256_set1_epi8(15)
#define LOW(x) _mm256_and_si256(x, NIBBLES)
#define HIGH(x) _mm256_and_si256(_mm256_srli_epi32(x, 4), NIBBLES)
#define LOOKUP(table, x) _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(LOAD16(table)), x)
#define SUBBYTES(x)                                                                                \
    _mm256_inserti128_si256(                                                                       \
        _mm256_castsi128_si256(                                                                    \
            _mm_aesenclast_si128(_mm256_castsi256_si128(x), _mm_setzero_si128())),                 \
        _mm_aesenclast_si128(_mm256_extracti128_si256(x, 1), _mm_setzero_si128()), 1)
#endif
#include "sm4_ymm_sbox.h"
#include "sm4_lanes.h"
