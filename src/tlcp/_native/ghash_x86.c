/* GHASH with carry-less multiplication: many blocks are multiplied by descending powers of the
 * hash key and summed up before one reduction. */
#include "cpu.h"

#if CPU_X86
#include <immintrin.h>
#include <string.h>

#include "ghash.h"
#include "limbs.h"

#define REVERSE _mm_setr_epi8(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define LOAD(p) _mm_loadu_si128((const __m128i *)(p))
#define INLINE static inline __attribute__((always_inline))

/* high x^128 + middle x^64 + low, modulo the polynomial; it is the low half that is reduced,
 * for bits are in reverse order. */
INLINE TARGET_AVX2 __m128i reduce(__m128i low, __m128i middle, __m128i high)
{
    const __m128i polynomial = _mm_set_epi64x(0, (long long)0xc200000000000000ULL);
    low = _mm_xor_si128(low, _mm_slli_si128(middle, 8));
    high = _mm_xor_si128(high, _mm_srli_si128(middle, 8));
    for (int i = 0; i < 2; i++)
        low = _mm_xor_si128(_mm_shuffle_epi32(low, 0x4e),
                            _mm_clmulepi64_si128(low, polynomial, 0x00));
    return _mm_xor_si128(low, high);
}

/* At most eight blocks. */
INLINE TARGET_AVX2 __m128i eight(const ghash_key *key, __m128i state, const uint8_t *data,
                                 size_t blocks)
{
    __m128i low = _mm_setzero_si128(), middle = low, high = low;
    const gf128 *power = key->power + GHASH_POWERS - blocks;
    for (size_t i = 0; i < blocks; i++) {
        __m128i x = _mm_xor_si128(_mm_shuffle_epi8(LOAD(data + 16 * i), REVERSE), state);
        __m128i h = LOAD(power + i);
        state = _mm_setzero_si128();
        low = _mm_xor_si128(low, _mm_clmulepi64_si128(x, h, 0x00));
        high = _mm_xor_si128(high, _mm_clmulepi64_si128(x, h, 0x11));
        middle = _mm_xor_si128(middle, _mm_xor_si128(_mm_clmulepi64_si128(x, h, 0x01),
                                                     _mm_clmulepi64_si128(x, h, 0x10)));
    }
    return reduce(low, middle, high);
}

TARGET_AVX2 void ghash_avx2(const ghash_key *key, gf128 *state, const uint8_t *data, size_t length)
{
    __m128i s = LOAD(state);
    for (; length >= 128; data += 128, length -= 128)
        s = eight(key, s, data, 8);
    if (length >= 16) {
        s = eight(key, s, data, length / 16);
        data += length & ~(size_t)15;
        length &= 15;
    }
    if (length > 0) {
        uint8_t block[16] = {0};
        memcpy(block, data, length);
        s = eight(key, s, block, 1);
    }
    _mm_storeu_si128((__m128i *)state, s);
}

#define X3(a, b, c) _mm512_ternarylogic_epi64(a, b, c, 0x96)

INLINE TARGET_AVX512 __m128i fold(__m512i x)
{
    __m256i y = _mm256_xor_si256(_mm512_castsi512_si256(x), _mm512_extracti64x4_epi64(x, 1));
    return _mm_xor_si128(_mm256_castsi256_si128(y), _mm256_extracti128_si256(y, 1));
}

/* The sum of 4 n blocks times their powers; the last register may hold less: mask. */
INLINE TARGET_AVX512 __m128i many(const ghash_key *key, __m128i state, const uint8_t *data,
                                  size_t blocks)
{
    const __m512i reverse = _mm512_broadcast_i32x4(REVERSE);
    __m512i low = _mm512_setzero_si512(), middle = low, high = low;
    __m512i s = _mm512_zextsi128_si512(state);
    const gf128 *power = key->power + GHASH_POWERS - blocks;
    for (size_t i = 0; i < blocks; i += 4) {
        __mmask8 mask = (__mmask8)(blocks - i < 4 ? (1U << 2 * (blocks - i)) - 1 : 0xff);
        __m512i x = _mm512_maskz_loadu_epi64(mask, data + 16 * i);
        x = _mm512_xor_si512(_mm512_shuffle_epi8(x, reverse), s);
        s = _mm512_setzero_si512();
        __m512i h = _mm512_loadu_si512(power + i);
        low = _mm512_xor_si512(low, _mm512_clmulepi64_epi128(x, h, 0x00));
        high = _mm512_xor_si512(high, _mm512_clmulepi64_epi128(x, h, 0x11));
        middle = X3(middle, _mm512_clmulepi64_epi128(x, h, 0x01),
                    _mm512_clmulepi64_epi128(x, h, 0x10));
    }
    return reduce(fold(low), fold(middle), fold(high));
}

TARGET_AVX512 void ghash_avx512(const ghash_key *key, gf128 *state, const uint8_t *data,
                                size_t length)
{
    __m128i s = LOAD(state);
    for (; length >= 512; data += 512, length -= 512)
        s = many(key, s, data, 32);
    if (length >= 16) {
        s = many(key, s, data, length / 16);
        data += length & ~(size_t)15;
        length &= 15;
    }
    if (length > 0) {
        uint8_t block[16] = {0};
        memcpy(block, data, length);
        s = many(key, s, block, 1);
    }
    _mm_storeu_si128((__m128i *)state, s);
}

#endif
