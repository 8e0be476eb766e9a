/* SM4 with AVX-512 and GFNI: 16 blocks in four registers, two such sets at a time. */
#include "cpu.h"

#if CPU_X86
#include <immintrin.h>
#include <string.h>

#include "limbs.h"
#include "sm4.h"
#include "sm4_table.h"

#define TARGET TARGET_AVX512

#define NAME(x) xmm_##x
#define V __m128i
#define LANES 4
#define CHAINS 1
#define X2 _mm_xor_si128
#define X3(a, b, c) _mm_ternarylogic_epi32(a, b, c, 0x96)
#define SHUFFLE(x, ...) _mm_shuffle_epi8(x, _mm_setr_epi8(__VA_ARGS__))
#define ROTATE8(x) SHUFFLE(x, 1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12)
#define ROTATE16(x) SHUFFLE(x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13)
#define ROTATE24(x) SHUFFLE(x, 3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14)
#define SWAP32(x) SHUFFLE(x, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12)
#define MATRIX(m) _mm_set1_epi64x((long long)m)
#define SBOX(t, p, q, r)                                                                           \
    (p = _mm_gf2p8affineinv_epi64_epi8(t, MATRIX(SM4_P), SM4_P_CONSTANT),                          \
     q = _mm_gf2p8affineinv_epi64_epi8(t, MATRIX(SM4_Q), SM4_Q_CONSTANT),                          \
     r = _mm_gf2p8affineinv_epi64_epi8(t, MATRIX(SM4_R), SM4_R_CONSTANT))
#define INTO(x) _mm_gf2p8affine_epi64_epi8(x, MATRIX(SM4_M), 0)
#define BACK(x) _mm_gf2p8affine_epi64_epi8(x, MATRIX(SM4_M_BACK), 0)
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
#include "sm4_lanes.h"
#include "sm4_undef.h"

#define NAME(x) zmm_##x
#define SMALLER(x) xmm_##x
#define V __m512i
#define LANES 16
#define CHAINS 2
#define X2 _mm512_xor_si512
#define X3(a, b, c) _mm512_ternarylogic_epi32(a, b, c, 0x96)
#define SHUFFLE(x, ...)                                                                            \
    _mm512_shuffle_epi8(x, _mm512_broadcast_i32x4(_mm_setr_epi8(__VA_ARGS__)))
#define ROTATE8(x) SHUFFLE(x, 1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12)
#define ROTATE16(x) SHUFFLE(x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13)
#define ROTATE24(x) SHUFFLE(x, 3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14)
#define SWAP32(x) SHUFFLE(x, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12)
#define MATRIX(m) _mm512_set1_epi64((long long)m)
#define SBOX(t, p, q, r)                                                                           \
    (p = _mm512_gf2p8affineinv_epi64_epi8(t, MATRIX(SM4_P), SM4_P_CONSTANT),                       \
     q = _mm512_gf2p8affineinv_epi64_epi8(t, MATRIX(SM4_Q), SM4_Q_CONSTANT),                       \
     r = _mm512_gf2p8affineinv_epi64_epi8(t, MATRIX(SM4_R), SM4_R_CONSTANT))
#define INTO(x) _mm512_gf2p8affine_epi64_epi8(x, MATRIX(SM4_M), 0)
#define BACK(x) _mm512_gf2p8affine_epi64_epi8(x, MATRIX(SM4_M_BACK), 0)
#define LOAD(p) _mm512_loadu_si512(p)
#define STORE(p, x) _mm512_storeu_si512(p, x)
#define SET1(x) _mm512_set1_epi32((int)(x))
#define ADD32 _mm512_add_epi32
#define UNPACKLO32 _mm512_unpacklo_epi32
#define UNPACKHI32 _mm512_unpackhi_epi32
#define UNPACKLO64 _mm512_unpacklo_epi64
#define UNPACKHI64 _mm512_unpackhi_epi64
#define ORDER {0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15}
#define LOAD16(p) _mm_loadu_si128((const __m128i *)(p))
#define GATHER(p, at)                                                                              \
    _mm512_inserti32x4(                                                                            \
        _mm512_inserti32x4(_mm512_inserti32x4(_mm512_castsi128_si512(LOAD16((p)[0] + (at))),       \
                                              LOAD16((p)[1] + (at)), 1),                           \
                           LOAD16((p)[2] + (at)), 2),                                              \
        LOAD16((p)[3] + (at)), 3)
#define SCATTER(p, at, x)                                                                          \
    (_mm_storeu_si128((__m128i *)((p)[0] + (at)), _mm512_castsi512_si128(x)),                      \
     _mm_storeu_si128((__m128i *)((p)[1] + (at)), _mm512_extracti32x4_epi32(x, 1)),                \
     _mm_storeu_si128((__m128i *)((p)[2] + (at)), _mm512_extracti32x4_epi32(x, 2)),                \
     _mm_storeu_si128((__m128i *)((p)[3] + (at)), _mm512_extracti32x4_epi32(x, 3)))
#include "sm4_lanes.h"

const sm4_path sm4_avx512 = {zmm_ctr, zmm_cbc_decrypt, zmm_cbc_encrypt, CHAINS *LANES};

#endif
