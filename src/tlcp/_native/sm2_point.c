/* Point arithmetic and scalar multiplication.
 *
 * Secret scalars are cut into signed digits (Booth recoding), so that each digit's multiple is
 * found by reading a whole table and taking one entry by masks. The addition formulas used on
 * secrets treat operands at infinity by masks. They do not treat equal operands; the comment at
 * each loop says why those cannot meet, or the loop uses the addition that also doubles.
 */
#include "sm2_point.h"

#include "sm2_table.h"

#define COMB_BITS 6    /* digit size for the generator; SM2_TABLE serves digits 2i and 2i + 1 */
#define COMB_DIGITS 43 /* 43 * 6 >= 257: 256 bits and the recoding's carry */
#define COMB_ENTRIES 32
#define WINDOW_BITS 5
#define WINDOW_DIGITS 52 /* 52 * 5 >= 257 */
#define WINDOW_ENTRIES 16

/* r = 2a, for any a (infinity gives infinity): the curve has no point of order 2. */
static void point_double(point *r, const point *a)
{
    fe alpha, beta, gamma, t, u;
    fe_sqr(&t, &a->z);
    fe_sub(&u, &a->x, &t);
    fe_add(&t, &a->x, &t);
    fe_mul(&t, &t, &u);
    fe_add(&alpha, &t, &t);
    fe_add(&alpha, &alpha, &t); /* 3 (x - z^2)(x + z^2) */
    fe_add(&u, &a->y, &a->y);
    fe_mul(&r->z, &u, &a->z); /* 2yz */
    fe_sqr(&gamma, &u);       /* 4y^2 */
    fe_mul(&beta, &gamma, &a->x); /* 4xy^2 */
    fe_sqr(&gamma, &gamma);
    fe_half(&gamma, &gamma); /* 8y^4 */
    fe_sqr(&t, &alpha);
    fe_add(&u, &beta, &beta);
    fe_sub(&r->x, &t, &u);
    fe_sub(&t, &beta, &r->x);
    fe_mul(&t, &t, &alpha);
    fe_sub(&r->y, &t, &gamma);
}

static void double_times(point *a, int times)
{
    for (int i = 0; i < times; i++)
        point_double(a, a);
}

static void point_select(point *r, uint64_t mask, const point *a, const point *b)
{
    limbs_select(&r->x, mask, &a->x, &b->x);
    limbs_select(&r->y, mask, &a->y, &b->y);
    limbs_select(&r->z, mask, &a->z, &b->z);
}

/* What the tail of both additions needs: points (u1 : s1) and, h and w further, the other. */
typedef struct {
    fe u1, s1, h, w;
} chord;

/* x and y of the sum; z is the caller's. */
static void finish_addition(point *r, const chord *c)
{
    fe hh, hhh, v, t;
    fe_sqr(&hh, &c->h);
    fe_mul(&hhh, &hh, &c->h);
    fe_mul(&v, &hh, &c->u1);
    fe_sqr(&t, &c->w);
    fe_sub(&t, &t, &hhh);
    fe_sub(&t, &t, &v);
    fe_sub(&r->x, &t, &v);
    fe_sub(&t, &v, &r->x);
    fe_mul(&t, &t, &c->w);
    fe_mul(&v, &hhh, &c->s1);
    fe_sub(&r->y, &t, &v);
}

/* r = a + b.  Wrong only for a = b, not at infinity; then c->h = c->w = 0.  r may be a. */
static void point_add_chord(point *r, chord *c, const point *a, const point *b)
{
    fe za2, zb2, u2, s2;
    point sum;
    fe_sqr(&za2, &a->z);
    fe_sqr(&zb2, &b->z);
    fe_mul(&c->u1, &a->x, &zb2);
    fe_mul(&u2, &b->x, &za2);
    fe_mul(&c->s1, &a->y, &b->z);
    fe_mul(&c->s1, &c->s1, &zb2);
    fe_mul(&s2, &b->y, &a->z);
    fe_mul(&s2, &s2, &za2);
    fe_sub(&c->h, &u2, &c->u1);
    fe_sub(&c->w, &s2, &c->s1);
    fe_mul(&sum.z, &a->z, &b->z);
    fe_mul(&sum.z, &sum.z, &c->h);
    finish_addition(&sum, c);
    uint64_t a_infinite = limbs_zero_mask(&a->z), b_infinite = limbs_zero_mask(&b->z);
    point_select(&sum, b_infinite, a, &sum);
    point_select(r, a_infinite, b, &sum);
}

static void point_add(point *r, const point *a, const point *b)
{
    chord c;
    point_add_chord(r, &c, a, b);
}

/* r = a + b without exception, at the price of a doubling. */
static void point_add_complete(point *r, const point *a, const point *b)
{
    chord c;
    point twice, sum;
    point_add_chord(&sum, &c, a, b);
    point_double(&twice, a);
    uint64_t same = limbs_zero_mask(&c.h) & limbs_zero_mask(&c.w) & ~limbs_zero_mask(&a->z) &
                    ~limbs_zero_mask(&b->z);
    point_select(r, same, &twice, &sum);
}

/* r = a + b.  Wrong only for a = b; then c->h = c->w = 0.  r may be a. */
static void point_add_affine(point *r, chord *c, const point *a, const affine *b)
{
    fe za2, u2, s2;
    point sum, only_b = {b->x, b->y, FE_ONE};
    c->u1 = a->x;
    c->s1 = a->y;
    fe_sqr(&za2, &a->z);
    fe_mul(&u2, &b->x, &za2);
    fe_mul(&s2, &b->y, &a->z);
    fe_mul(&s2, &s2, &za2);
    fe_sub(&c->h, &u2, &c->u1);
    fe_sub(&c->w, &s2, &c->s1);
    fe_mul(&sum.z, &a->z, &c->h);
    finish_addition(&sum, c);
    point_select(r, limbs_zero_mask(&a->z), &only_b, &sum);
}

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

/* The entry `digit` - 1 of a table, negated on demand; zeros for digit 0. */
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

/* Odd digits first, six doublings, then even digits, both upwards.
 *
 * The sum never equals the next term. As integers: they are made of different digits, so their
 * difference is a number written in base 64 with digits in -32..32; if not all are zero it is not
 * 0 modulo the power after its lowest one. Nor do they differ by n: before the last term, all is
 * under 2^253. The last one is d * 2^252, 0 <= d <= 16, and the sum s of the others is at most
 * 0.51 * 2^252 in magnitude; s = d * 2^252 - n is then possible for d = 16 only, s being positive,
 * but this makes the scalar, d * 2^252 + s, greater than n. */
void point_mul_generator(point *r, const sc *k)
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
void point_mul(point *r, const sc *k, const affine *p)
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

/* Non-adjacent form of width w: digits odd or 0, |digit| < 2^(w-1). Returns their number. */
static int wnaf(int8_t digits[257], const sc *k, int width)
{
    int length = 0, carry = 0;
    for (int i = 0; i < 257;) {
        int bit = i < 256 ? (int)(k->v[i / 64] >> (i % 64) & 1) : 0;
        digits[i] = 0;
        if (bit == carry) {
            i++;
            continue;
        }
        int group = carry;
        for (int j = 0; j < width && i + j < 256; j++)
            group += (int)(k->v[(i + j) / 64] >> ((i + j) % 64) & 1) << j;
        carry = group >> (width - 1) & 1;
        digits[i] = (int8_t)(group - (carry << width));
        length = i + 1;
        for (int j = 1; j < width && i + j < 257; j++)
            digits[i + j] = 0;
        i += width;
    }
    return length;
}

/* Put the double of r into sum if the addition of something to r found its own equal. */
static void mend_public(point *sum, const chord *c, const point *r)
{
    if (limbs_zero_mask(&c->h) & limbs_zero_mask(&c->w) & ~limbs_zero_mask(&r->z))
        point_double(sum, r);
}

static void add_affine_public(point *r, const affine *b, int negative)
{
    affine q = *b;
    chord c;
    point sum;
    fe_negate_if(&q.y, mask_if_one((uint64_t)negative), &q.y);
    point_add_affine(&sum, &c, r, &q);
    mend_public(&sum, &c, r);
    *r = sum;
}

#define PUBLIC_WIDTH 5
#define PUBLIC_ENTRIES 8 /* odd multiples 1, 3, ... 15 */

static void fill_odd_table(point table[PUBLIC_ENTRIES], const affine *p)
{
    point twice;
    table[0] = (point){p->x, p->y, FE_ONE};
    point_double(&twice, &table[0]);
    for (int i = 1; i < PUBLIC_ENTRIES; i++)
        point_add(&table[i], &table[i - 1], &twice);
}

static void add_odd_public(point *r, const point *table, int digit)
{
    point q = table[(digit < 0 ? -digit : digit) / 2], sum;
    chord c;
    fe_negate_if(&q.y, mask_if_one(digit < 0), &q.y);
    point_add_chord(&sum, &c, r, &q);
    mend_public(&sum, &c, r);
    *r = sum;
}

/* The generator's width: SM2_TABLE[0] has the multiples 1 to 32, so digits up to 31. */
#define GENERATOR_WIDTH 6

void point_mul_two_public(point *r, const sc *a, const sc *b, const affine *p)
{
    int8_t da[257] = {0}, db[257] = {0};
    point table[PUBLIC_ENTRIES];
    int la = wnaf(da, a, GENERATOR_WIDTH), lb = wnaf(db, b, PUBLIC_WIDTH);
    fill_odd_table(table, p);
    memset(r, 0, sizeof *r);
    for (int i = (la > lb ? la : lb) - 1; i >= 0; i--) {
        point_double(r, r);
        if (db[i])
            add_odd_public(r, table, db[i]);
        if (da[i])
            add_affine_public(r, &SM2_TABLE[0][(da[i] < 0 ? -da[i] : da[i]) - 1], da[i] < 0);
    }
}

void point_mul_add_public(point *r, const affine *p, const sc *b, const affine *q)
{
    int8_t digits[257] = {0};
    point table[PUBLIC_ENTRIES];
    int length = wnaf(digits, b, PUBLIC_WIDTH);
    fill_odd_table(table, q);
    memset(r, 0, sizeof *r);
    for (int i = length - 1; i >= 0; i--) {
        point_double(r, r);
        if (digits[i])
            add_odd_public(r, table, digits[i]);
    }
    add_affine_public(r, p, 0);
}

int affine_from_bytes(affine *r, const uint8_t in[64])
{
    static const fe b = {
        {0x90d230632bc0dd42, 0x71cf379ae9b537ab, 0x527981505ea51c3c, 0x240fe188ba20e2c8}};
    fe left, right, t;
    uint64_t ok = fe_from_bytes(&r->x, in) & fe_from_bytes(&r->y, in + 32);
    fe_sqr(&left, &r->y);
    fe_sqr(&t, &r->x);
    fe_mul(&right, &t, &r->x);
    fe_add(&t, &r->x, &r->x);
    fe_add(&t, &t, &r->x);
    fe_sub(&right, &right, &t);
    fe_add(&right, &right, &b);
    return (int)(ok & limbs_equal_mask(&left, &right) & 1);
}

void affine_from_point(affine *r, const point *a)
{
    fe inverse, square;
    fe_inv(&inverse, &a->z);
    fe_sqr(&square, &inverse);
    fe_mul(&r->x, &a->x, &square);
    fe_mul(&square, &square, &inverse);
    fe_mul(&r->y, &a->y, &square);
}

void affine_to_bytes(uint8_t out[64], const affine *a)
{
    fe_to_bytes(out, &a->x);
    fe_to_bytes(out + 32, &a->y);
}
