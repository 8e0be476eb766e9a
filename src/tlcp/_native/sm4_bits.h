/* The SM4 S-box on bit planes: no tables, so no address depends on a secret. Inversion takes
 * place in GF(16)[z] / (z^2 + z + 9), GF(16) modulo x^4 + x + 1; make_sm4_table.py explains. */
#ifndef TLCP_SM4_BITS_H
#define TLCP_SM4_BITS_H

#include <stdint.h>

#include "sm4_table.h"

/* r = a b in GF(16) */
static inline void gf16_multiply(uint64_t r[4], const uint64_t a[4], const uint64_t b[4])
{
    uint64_t x4 = (a[1] & b[3]) ^ (a[2] & b[2]) ^ (a[3] & b[1]);
    uint64_t x5 = (a[2] & b[3]) ^ (a[3] & b[2]);
    uint64_t x6 = a[3] & b[3];
    r[0] = (a[0] & b[0]) ^ x4;
    r[1] = (a[0] & b[1]) ^ (a[1] & b[0]) ^ x4 ^ x5;
    r[2] = (a[0] & b[2]) ^ (a[1] & b[1]) ^ (a[2] & b[0]) ^ x5 ^ x6;
    r[3] = (a[0] & b[3]) ^ (a[1] & b[2]) ^ (a[2] & b[1]) ^ (a[3] & b[0]) ^ x6;
}

/* r = 1 / a in GF(16), and 0 for 0: its algebraic normal form */
static inline void gf16_invert(uint64_t r[4], const uint64_t x[4])
{
    uint64_t a = x[0], b = x[1], c = x[2], d = x[3];
    uint64_t ab = a & b, ac = a & c, ad = a & d, bc = b & c, bd = b & d, cd = c & d;
    uint64_t bcd = bc & d;
    r[0] = a ^ b ^ c ^ d ^ ac ^ bc ^ (ab & c) ^ bcd;
    r[1] = ab ^ ac ^ bc ^ d ^ bd ^ (ab & d);
    r[2] = ab ^ c ^ ac ^ d ^ ad ^ (ac & d);
    r[3] = b ^ c ^ d ^ ad ^ bd ^ cd ^ bcd;
}

/* s = S(x) for as many bytes as a plane has bits */
static inline void sm4_sbox_planes(uint64_t s[8], const uint64_t x[8])
{
    uint64_t v[8], sum[4], delta[4], over[4];
    SM4_TO_TOWER(uint64_t, v, x);
    uint64_t *low = v, *high = v + 4;
    for (int i = 0; i < 4; i++)
        sum[i] = high[i] ^ low[i];
    /* delta = 9 high^2 + (high + low) low */
    gf16_multiply(delta, sum, low);
    delta[0] ^= high[0];
    delta[1] ^= high[1] ^ high[3];
    delta[2] ^= high[3];
    delta[3] ^= high[0] ^ high[2];
    gf16_invert(over, delta);
    uint64_t out[8];
    gf16_multiply(out, sum, over);
    gf16_multiply(out + 4, high, over);
    SM4_FROM_TOWER(uint64_t, s, out);
}

#endif
