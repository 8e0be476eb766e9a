/* Multiples of points by public scalars: in a time that depends on them. */
#ifndef TLCP_SM2_PUBLIC_H
#define TLCP_SM2_PUBLIC_H

#include "sm2_curve.h"

/* Non-adjacent form of width w: digits odd or 0, |digit| < 2^(w-1). Returns their number. */
static int wnaf(int8_t digits[257], const sc *k, int width)
{
    int length = 0, carry = 0, bits = (1 << width) - 1;
    memset(digits, 0, 257);
    for (int i = 0; i < 257;) {
        int limb = i / 64, offset = i % 64;
        uint64_t group = limb < 4 ? k->v[limb] >> offset : 0;
        if (offset > 64 - width && limb < 3)
            group |= k->v[limb + 1] << (64 - offset);
        if ((int)(group & 1) == carry) {
            i++;
            continue;
        }
        int digit = (int)(group & (uint64_t)bits) + carry;
        carry = digit >> (width - 1) & 1;
        digits[i] = (int8_t)(digit - (carry << width));
        length = i + 1;
        i += width;
    }
    return length;
}

/* A point with z^2 and z^3, for many additions. */
typedef struct {
    point p;
    fe zz, zzz;
} prepared;

/* r += the point of which u2 and s2 are x and y times r's z^2 and z^3; z is the sum's but for h. */
static void add_chord_public(point *r, const fe *u2, const fe *s2, chord *c, const fe *z)
{
    fe_sub(&c->h, u2, &c->u1);
    fe_sub(&c->w, s2, &c->s1);
    if (limbs_zero_mask(&c->h)) {
        if (limbs_zero_mask(&c->w))
            point_double(r, r);
        else
            memset(r, 0, sizeof *r);
        return;
    }
    fe_mul(&r->z, z, &c->h);
    finish_addition(r, c);
}

static void add_affine_public(point *r, const affine *b, int negative)
{
    affine q = *b;
    chord c;
    fe zz, u2, s2;
    if (negative)
        fe_sub(&q.y, &FE_ZERO, &q.y);
    if (limbs_zero_mask(&r->z)) {
        *r = (point){q.x, q.y, FE_ONE};
        return;
    }
    c.u1 = r->x;
    c.s1 = r->y;
    fe_sqr(&zz, &r->z);
    fe_mul(&s2, &q.y, &r->z);
    fe_mul(&u2, &q.x, &zz);
    fe_mul(&s2, &s2, &zz);
    add_chord_public(r, &u2, &s2, &c, &r->z);
}

static void add_prepared_public(point *r, const prepared *b, int negative)
{
    fe y = b->p.y, zz, u2, s2, z;
    chord c;
    if (negative)
        fe_sub(&y, &FE_ZERO, &y);
    if (limbs_zero_mask(&r->z)) {
        *r = (point){b->p.x, y, b->p.z};
        return;
    }
    fe_sqr(&zz, &r->z);
    fe_mul(&s2, &y, &r->z);
    fe_mul(&c.u1, &r->x, &b->zz);
    fe_mul(&u2, &b->p.x, &zz);
    fe_mul(&c.s1, &r->y, &b->zzz);
    fe_mul(&s2, &s2, &zz);
    fe_mul(&z, &r->z, &b->p.z);
    add_chord_public(r, &u2, &s2, &c, &z);
}

static void prepare(prepared *r)
{
    fe_sqr(&r->zz, &r->p.z);
    fe_mul(&r->zzz, &r->zz, &r->p.z);
}

/* table[i] = (2i + 1) b; b is not at infinity, and the multiples are too small to meet. */
static void fill_odd(prepared *table, int entries, const point *b)
{
    prepared twice;
    point_double(&twice.p, b);
    prepare(&twice);
    table[0].p = *b;
    prepare(&table[0]);
    for (int i = 1; i < entries; i++) {
        table[i].p = table[i - 1].p;
        add_prepared_public(&table[i].p, &twice, 0);
        prepare(&table[i]);
    }
}

#define POINT_WIDTH 5
#define POINT_ENTRIES 8 /* odd multiples 1, 3, ... 15 */

static inline int magnitude(int digit)
{
    return digit < 0 ? -digit : digit;
}

static void point_mul_two_public(point *r, const sc *a, const sc *b, const affine *p)
{
    int8_t da[257], db[257];
    prepared table[POINT_ENTRIES];
    point first = {p->x, p->y, FE_ONE};
    int la = wnaf(da, a, GENERATOR_WIDTH), lb = wnaf(db, b, POINT_WIDTH);
    fill_odd(table, POINT_ENTRIES, &first);
    memset(r, 0, sizeof *r);
    for (int i = (la > lb ? la : lb) - 1; i >= 0; i--) {
        point_double(r, r);
        if (db[i])
            add_prepared_public(r, &table[magnitude(db[i]) / 2], db[i] < 0);
        if (da[i])
            add_affine_public(r, &SM2_PUBLIC_TABLE[0][magnitude(da[i]) / 2], da[i] < 0);
    }
}

static void point_mul_add_public(point *r, const affine *p, const sc *b, const affine *q)
{
    int8_t digits[257];
    prepared table[POINT_ENTRIES];
    point first = {q->x, q->y, FE_ONE};
    int length = wnaf(digits, b, POINT_WIDTH);
    fill_odd(table, POINT_ENTRIES, &first);
    memset(r, 0, sizeof *r);
    for (int i = length - 1; i >= 0; i--) {
        point_double(r, r);
        if (digits[i])
            add_prepared_public(r, &table[magnitude(digits[i]) / 2], digits[i] < 0);
    }
    add_affine_public(r, p, 0);
}

/* Make all z one. No point is at infinity; zs are the points' z, products room for as many. */
static void normalize(affine *points, const fe *zs, fe *products, int count)
{
    fe inverse, z, zz;
    products[0] = zs[0];
    for (int i = 1; i < count; i++)
        fe_mul(&products[i], &products[i - 1], &zs[i]);
    fe_inv(&inverse, &products[count - 1]);
    for (int i = count - 1; i >= 0; i--) {
        if (i > 0)
            fe_mul(&z, &inverse, &products[i - 1]);
        else
            z = inverse;
        fe_mul(&inverse, &inverse, &zs[i]);
        fe_sqr(&zz, &z);
        fe_mul(&points[i].x, &points[i].x, &zz);
        fe_mul(&zz, &zz, &z);
        fe_mul(&points[i].y, &points[i].y, &zz);
    }
}

static void point_table(key_table *table, const affine *p)
{
    fe zs[KEY_COUNT], products[KEY_COUNT];
    prepared odd[KEY_ENTRIES];
    point base = {p->x, p->y, FE_ONE};
    for (int i = 0; i < SPLIT; i++) {
        fill_odd(odd, KEY_ENTRIES, &base);
        for (int j = 0; j < KEY_ENTRIES; j++) {
            table->multiples[i][j] = (affine){odd[j].p.x, odd[j].p.y};
            zs[i * KEY_ENTRIES + j] = odd[j].p.z;
        }
        if (i + 1 < SPLIT)
            double_times(&base, SPLIT_BITS);
    }
    normalize(&table->multiples[0][0], zs, products, KEY_COUNT);
}

/* Digit 32 i + j is worth 2^j times entries of table i; the digit 256 is in the last table, too. */
static void point_mul_two_table(point *r, const sc *a, const sc *b, const key_table *table)
{
    int8_t da[257], db[257];
    (void)wnaf(da, a, GENERATOR_WIDTH);
    (void)wnaf(db, b, KEY_WIDTH);
    memset(r, 0, sizeof *r);
    for (int j = SPLIT_BITS; j >= 0; j--) {
        point_double(r, r);
        for (int i = j < SPLIT_BITS ? 0 : SPLIT - 1; i < SPLIT; i++) {
            int of_a = da[SPLIT_BITS * i + j], of_b = db[SPLIT_BITS * i + j];
            if (of_b)
                add_affine_public(r, &table->multiples[i][magnitude(of_b) / 2], of_b < 0);
            if (of_a)
                add_affine_public(r, &SM2_PUBLIC_TABLE[i][magnitude(of_a) / 2], of_a < 0);
        }
    }
}

/* x mod n = c is tested as X = x Z^2 for the one or two x below p with that rest. */
static int x_is(const point *p, const sc *c)
{
    static const limbs p_minus_n = {{0xac440bf6c62abedc, 0x8dfc2093de39fad5, 0, 0}};
    fe x, z2;
    limbs sum;
    uint64_t carry = 0;
    fe_sqr(&z2, &p->z);
    fe_from_limbs(&x, c);
    fe_mul(&x, &x, &z2);
    if (limbs_equal_mask(&x, &p->x))
        return 1;
    if (!limbs_less_mask(c, &p_minus_n))
        return 0;
    for (int i = 0; i < 4; i++)
        sum.v[i] = add_carry(c->v[i], SM2_N.v[i], &carry);
    fe_from_limbs(&x, &sum);
    fe_mul(&x, &x, &z2);
    return (int)(limbs_equal_mask(&x, &p->x) & 1);
}

#endif
