/* GHASH in portable C, its keys, and the choice of a path. */
#include "ghash.h"

#include <string.h>

#include "cpu.h"
#include "limbs.h"

/* The low half of the product of two polynomials over GF(2). Bits four apart are multiplied as
 * integers: at most 16 products meet in a place, and what they carry is dropped. */
static uint64_t multiply_low(uint64_t a, uint64_t b)
{
    static const uint64_t every4 = 0x1111111111111111ULL;
    uint64_t x[4], y[4], r = 0;
    for (int i = 0; i < 4; i++) {
        x[i] = a & every4 << i;
        y[i] = b & every4 << i;
    }
    for (int i = 0; i < 4; i++) {
        uint64_t z = x[0] * y[i] ^ x[1] * y[(i + 3) & 3] ^ x[2] * y[(i + 2) & 3] ^
                     x[3] * y[(i + 1) & 3];
        r |= z & every4 << i;
    }
    return r;
}

static uint64_t reverse_bits(uint64_t x)
{
    x = (x & 0x5555555555555555ULL) << 1 | (x >> 1 & 0x5555555555555555ULL);
    x = (x & 0x3333333333333333ULL) << 2 | (x >> 2 & 0x3333333333333333ULL);
    x = (x & 0x0f0f0f0f0f0f0f0fULL) << 4 | (x >> 4 & 0x0f0f0f0f0f0f0f0fULL);
    return __builtin_bswap64(x);
}

static void multiply64(uint64_t r[2], uint64_t a, uint64_t b)
{
    r[0] = multiply_low(a, b);
    r[1] = reverse_bits(multiply_low(reverse_bits(a), reverse_bits(b))) >> 1;
}

/* r = a b / x; one factor comes from a table that has x in it. */
static void multiply(gf128 *r, const gf128 *a, const gf128 *b)
{
    uint64_t low[2], high[2], mid[2];
    multiply64(low, a->v[0], b->v[0]);
    multiply64(high, a->v[1], b->v[1]);
    multiply64(mid, a->v[0] ^ a->v[1], b->v[0] ^ b->v[1]);
    mid[0] ^= low[0] ^ high[0];
    mid[1] ^= low[1] ^ high[1];
    uint64_t v0 = low[0], v1 = low[1] ^ mid[0], v2 = high[0] ^ mid[1], v3 = high[1];
    /* the low half is reduced modulo x^128 + x^7 + x^2 + x + 1 */
    v2 ^= v0 ^ v0 >> 1 ^ v0 >> 2 ^ v0 >> 7;
    v1 ^= v0 << 63 ^ v0 << 62 ^ v0 << 57;
    v3 ^= v1 ^ v1 >> 1 ^ v1 >> 2 ^ v1 >> 7;
    v2 ^= v1 << 63 ^ v1 << 62 ^ v1 << 57;
    r->v[0] = v2;
    r->v[1] = v3;
}

static uint64_t load64(const uint8_t *p)
{
    uint64_t x = 0;
    for (int i = 0; i < 8; i++)
        x = x << 8 | p[i];
    return x;
}

void gf128_load(gf128 *r, const uint8_t in[16])
{
    r->v[1] = load64(in);
    r->v[0] = load64(in + 8);
}

void gf128_store(uint8_t out[16], const gf128 *a)
{
    for (int i = 0; i < 16; i++)
        out[i] = (uint8_t)(a->v[1 - i / 8] >> (56 - 8 * (i & 7)));
}

void ghash_set_key(ghash_key *key, const uint8_t h[16])
{
    memset(key, 0, sizeof *key);
    gf128 x;
    gf128_load(&x, h);
    /* H times x: a shift, and the polynomial if x^127 goes over */
    uint64_t carry = hide((uint64_t)0 - (x.v[1] >> 63));
    gf128 *last = &key->power[GHASH_POWERS - 1];
    last->v[1] = (x.v[1] << 1 | x.v[0] >> 63) ^ (carry & 0xc200000000000000ULL);
    last->v[0] = x.v[0] << 1 ^ (carry & 1);
    static const uint8_t zeros[16];
    for (int i = GHASH_POWERS - 2; i >= 0; i--) {
        key->power[i] = key->power[i + 1];
        ghash_best()(key, &key->power[i], zeros, sizeof zeros); /* times H */
    }
    wipe(&x, sizeof x);
}

void ghash_portable(const ghash_key *key, gf128 *state, const uint8_t *data, size_t length)
{
    for (; length > 0;) {
        uint8_t block[16] = {0};
        gf128 x;
        size_t n = length < 16 ? length : 16;
        memcpy(block, data, n);
        gf128_load(&x, block);
        state->v[0] ^= x.v[0];
        state->v[1] ^= x.v[1];
        multiply(state, state, &key->power[GHASH_POWERS - 1]);
        data += n;
        length -= n;
    }
}

ghash_update *ghash_best(void)
{
#if CPU_X86
    if (cpu_level == CPU_AVX512)
        return ghash_avx512;
    if (cpu_level >= CPU_AVX2)
        return ghash_avx2;
#endif
    return ghash_portable;
}
