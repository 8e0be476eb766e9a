/* Multiples of points by secret scalars. */
#ifndef TLCP_SM2_SECRET_H
#define TLCP_SM2_SECRET_H

#include "sm2_curve.h"

#define COMB_DIGITS 43 /* 43 * 6 >= 257: 256 bits and the recoding's carry */
#define WINDOW_BITS 5
#define WINDOW_DIGITS 52 /* 52 * 5 >= 257 */
#define WINDOW_ENTRIES 16

/* A scalar shifted left by one, so that each recoded digit reads a whole group of bits. */
typedef struct {
    uint64_t v[5];
} shifted;

static void shift_scalar(shifted *r, const sc *k)
{
    r->v[0] = k->v[0] << 1;
    for (int i = 1; i < 4; i++)
        r->v[i] = k->v[i] << 1 | k->v[i - 1] >> 63;
    r->v[4] = k->v[3] >> 63;
}

/* Digit `index` of `bits` bits: its magnitude, and all ones in *negative if it is below 0. */
static uint64_t booth_digit(uint64_t *negative, const shifted *k, int index, int bits)
{
    int at = index * bits, limb = at / 64, offset = at % 64;
    uint64_t group = k->v[limb] >> offset, all = ((uint64_t)2 << bits) - 1;
    if (offset > 63 - bits && limb < 4)
        group |= k->v[limb + 1] << (64 - offset);
    group &= all;
    *negative = mask_if_one(group >> bits);
    group ^= *negative & all;
    return (group >> 1) + (group & 1);
}

/* The entry `digit` - 1 of a table, of which all is read; zeros for digit 0. */
#ifdef SM2_WITH_MULX

#define LOOKUP __attribute__((target("avx2"), noinline)) static void

LOOKUP lookup_affine(affine *r, const affine *table, int entries, uint64_t digit)
{
    __m256i x = _mm256_setzero_si256(), y = x, at = x, wanted = _mm256_set1_epi64x((int64_t)digit);
    for (int i = 0; i < entries; i++) {
        at = _mm256_sub_epi64(at, _mm256_set1_epi64x(-1));
        __m256i mask = _mm256_cmpeq_epi64(at, wanted);
        const __m256i *entry = (const __m256i *)&table[i];
        x = _mm256_or_si256(x, _mm256_and_si256(mask, _mm256_loadu_si256(entry)));
        y = _mm256_or_si256(y, _mm256_and_si256(mask, _mm256_loadu_si256(entry + 1)));
    }
    _mm256_storeu_si256((__m256i *)&r->x, x);
    _mm256_storeu_si256((__m256i *)&r->y, y);
}

LOOKUP lookup_point(point *r, const point *table, int entries, uint64_t digit)
{
    __m256i x = _mm256_setzero_si256(), y = x, z = x, at = x;
    __m256i wanted = _mm256_set1_epi64x((int64_t)digit);
    for (int i = 0; i < entries; i++) {
        at = _mm256_sub_epi64(at, _mm256_set1_epi64x(-1));
        __m256i mask = _mm256_cmpeq_epi64(at, wanted);
        const __m256i *entry = (const __m256i *)&table[i];
        x = _mm256_or_si256(x, _mm256_and_si256(mask, _mm256_loadu_si256(entry)));
        y = _mm256_or_si256(y, _mm256_and_si256(mask, _mm256_loadu_si256(entry + 1)));
        z = _mm256_or_si256(z, _mm256_and_si256(mask, _mm256_loadu_si256(entry + 2)));
    }
    _mm256_storeu_si256((__m256i *)&r->x, x);
    _mm256_storeu_si256((__m256i *)&r->y, y);
    _mm256_storeu_si256((__m256i *)&r->z, z);
}

#else

static void lookup_affine(affine *r, const affine *table, int entries, uint64_t digit)
{
    memset(r, 0, sizeof *r);
    for (int i = 0; i < entries; i++) {
        uint64_t mask = mask_if_zero(digit ^ (uint64_t)(i + 1));
        for (int j = 0; j < 4; j++) {
            r->x.v[j] |= table[i].x.v[j] & mask;
            r->y.v[j] |= table[i].y.v[j] & mask;
        }
    }
}

static void lookup_point(point *r, const point *table, int entries, uint64_t digit)
{
    memset(r, 0, sizeof *r);
    for (int i = 0; i < entries; i++) {
        uint64_t mask = mask_if_zero(digit ^ (uint64_t)(i + 1));
        for (int j = 0; j < 4; j++) {
            r->x.v[j] |= table[i].x.v[j] & mask;
            r->y.v[j] |= table[i].y.v[j] & mask;
            r->z.v[j] |= table[i].z.v[j] & mask;
        }
    }
}

#endif

/* Odd digits first, six doublings, then even digits, both upwards.
 *
 * The sum never equals the next term. As integers: they are made of different digits, so their
 * difference is a number written in base 64 with digits in -32..32; if not all are zero it is not
 * 0 modulo the power after its lowest one. Nor do they differ by n: before the last term, all is
 * under 2^253. The last one is d * 2^252, 0 <= d <= 16, and the sum s of the others is at most
 * 0.51 * 2^252 in magnitude; s = d * 2^252 - n is then possible for d = 16 only, s being positive,
 * but this makes the scalar, d * 2^252 + s, greater than n. */
static void point_mul_generator(point *r, const sc *k)
{
    shifted bits;
    affine entry;
    point sum;
    chord c;
    shift_scalar(&bits, k);
    memset(r, 0, sizeof *r);
    for (int parity = 1; parity >= 0; parity--) {
        for (int i = parity; i < COMB_DIGITS; i += 2) {
            uint64_t negative, digit = booth_digit(&negative, &bits, i, COMB_BITS);
            lookup_affine(&entry, SM2_TABLE[i / 2], COMB_ENTRIES, digit);
            fe_negate_if(&entry.y, negative, &entry.y);
            point_add_affine(&sum, &c, r, &entry);
            point_select(r, mask_if_zero(digit), r, &sum);
        }
        if (parity)
            double_times(r, COMB_BITS);
    }
}

/* table[i] = (i + 1) P */
static void fill_table(point *table, int entries, const affine *p)
{
    chord c;
    table[0] = (point){p->x, p->y, FE_ONE};
    for (int i = 1; i < entries; i++) {
        if (i % 2)
            point_double(&table[i], &table[i / 2]);
        else
            point_add_affine(&table[i], &c, &table[i - 1], p);
    }
}

/* Windows downwards. Before the last one, the sum is 32 s P with |32 s| < 2^252, so it can
 * equal a term d P, |d| <= 16, only where both are at infinity. At the last one it can: for
 * k = n - 6 the sum and the term are both -3 P. Hence the complete addition there. */
static void point_mul(point *r, const sc *k, const affine *p)
{
    point table[WINDOW_ENTRIES], entry;
    shifted bits;
    shift_scalar(&bits, k);
    fill_table(table, WINDOW_ENTRIES, p);
    memset(r, 0, sizeof *r);
    for (int i = WINDOW_DIGITS - 1; i >= 0; i--) {
        uint64_t negative, digit = booth_digit(&negative, &bits, i, WINDOW_BITS);
        lookup_point(&entry, table, WINDOW_ENTRIES, digit);
        fe_negate_if(&entry.y, negative, &entry.y);
        if (i > 0)
            point_add(r, r, &entry);
        else
            point_add_complete(r, r, &entry);
        if (i > 0)
            double_times(r, WINDOW_BITS);
    }
}

#endif
