/* SM3 of 8 streams with AVX2. */
#include "cpu.h"

#if CPU_X86
#include <immintrin.h>

#include "sm3.h"

#define TARGET TARGET_AVX2
#define LANES_NAME sm3_lanes_avx2
#define V __m256i
#define SET1(x) _mm256_set1_epi32((int)(x))
#define ADD _mm256_add_epi32
#define X2 _mm256_xor_si256
#define X3(a, b, c) X2(X2(a, b), c)
#define MAJORITY(a, b, c)                                                                          \
    _mm256_or_si256(_mm256_and_si256(a, b), _mm256_and_si256(_mm256_or_si256(a, b), c))
#define CHOOSE(e, f, g) X2(_mm256_and_si256(X2(f, g), e), g)
#define ROTATE(x, n) _mm256_or_si256(_mm256_slli_epi32(x, n), _mm256_srli_epi32(x, 32 - (n)))
#define LOAD(p) _mm256_loadu_si256((const __m256i *)(p))
#define STORE(p, x) _mm256_storeu_si256((__m256i *)(p), x)
#define UNPACKLO32 _mm256_unpacklo_epi32
#define UNPACKHI32 _mm256_unpackhi_epi32
#define UNPACKLO64 _mm256_unpacklo_epi64
#define UNPACKHI64 _mm256_unpackhi_epi64
#define SWAP32(x)                                                                                  \
    _mm256_shuffle_epi8(x, _mm256_broadcastsi128_si256(_mm_setr_epi8(                              \
                               3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12)))
#define LOAD16(p) _mm_loadu_si128((const __m128i *)(p))
#define GATHER(p, at)                                                                              \
    _mm256_inserti128_si256(_mm256_castsi128_si256(LOAD16((p)[0] + (at))), LOAD16((p)[4] + (at)), 1)
#include "sm3_lanes.h"

#endif
