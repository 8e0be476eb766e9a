/* Point arithmetic and scalar multiplication.
 *
 * Secret scalars are cut into signed digits (Booth recoding), so that each digit's multiple is
 * found by reading a whole table and taking one entry by masks. The addition formulas used on
 * secrets treat operands at infinity by masks. They do not treat equal operands; the comment at
 * each loop says why those cannot meet, or the loop uses the addition that also doubles.
 */
#ifndef TLCP_SM2_CURVE_H
#define TLCP_SM2_CURVE_H

#include "sm2_field.h"
#include "sm2_point.h"

/* r = 2a, for any a (infinity gives infinity): the curve has no point of order 2. */
static void point_double(point *r, const point *a)
{
    fe alpha, beta, gamma, t, u, twice;
    /* The order lets the processor work on neighbours at the same time. */
    fe_sqr(&t, &a->z);
    fe_add(&twice, &a->y, &a->y);
    fe_sqr(&gamma, &twice); /* 4y^2 */
    fe_sub(&u, &a->x, &t);
    fe_add(&t, &a->x, &t);
    fe_mul(&beta, &gamma, &a->x); /* 4xy^2 */
    fe_mul(&t, &t, &u);
    fe_mul(&r->z, &twice, &a->z); /* 2yz */
    fe_add(&alpha, &t, &t);
    fe_add(&alpha, &alpha, &t); /* 3 (x - z^2)(x + z^2) */
    fe_sqr(&gamma, &gamma);
    fe_sqr(&t, &alpha);
    fe_add(&u, &beta, &beta);
    fe_half(&gamma, &gamma); /* 8y^4 */
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
    fe hh, hhh, v, t, u;
    fe_sqr(&hh, &c->h);
    fe_sqr(&t, &c->w);
    fe_mul(&v, &hh, &c->u1);
    fe_mul(&hhh, &hh, &c->h);
    fe_sub(&t, &t, &v);
    fe_sub(&t, &t, &v);
    fe_mul(&u, &hhh, &c->s1);
    fe_sub(&r->x, &t, &hhh);
    fe_sub(&t, &v, &r->x);
    fe_mul(&t, &t, &c->w);
    fe_sub(&r->y, &t, &u);
}

/* r = a + b.  Wrong only for a = b, not at infinity; then c->h = c->w = 0.  r may be a. */
static void point_add_chord(point *r, chord *c, const point *a, const point *b)
{
    fe za2, zb2, u2, s2;
    point sum;
    fe_sqr(&za2, &a->z);
    fe_sqr(&zb2, &b->z);
    fe_mul(&c->s1, &a->y, &b->z);
    fe_mul(&s2, &b->y, &a->z);
    fe_mul(&c->u1, &a->x, &zb2);
    fe_mul(&u2, &b->x, &za2);
    fe_mul(&c->s1, &c->s1, &zb2);
    fe_mul(&s2, &s2, &za2);
    fe_mul(&sum.z, &a->z, &b->z);
    fe_sub(&c->h, &u2, &c->u1);
    fe_sub(&c->w, &s2, &c->s1);
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
    fe_mul(&s2, &b->y, &a->z);
    fe_mul(&u2, &b->x, &za2);
    fe_mul(&s2, &s2, &za2);
    fe_sub(&c->h, &u2, &c->u1);
    fe_sub(&c->w, &s2, &c->s1);
    fe_mul(&sum.z, &a->z, &c->h);
    finish_addition(&sum, c);
    point_select(r, limbs_zero_mask(&a->z), &only_b, &sum);
}

static int affine_from_bytes(affine *r, const uint8_t in[64])
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

static void affine_from_point(affine *r, const point *a)
{
    fe inverse, square;
    fe_inv(&inverse, &a->z);
    fe_sqr(&square, &inverse);
    fe_mul(&r->x, &a->x, &square);
    fe_mul(&square, &square, &inverse);
    fe_mul(&r->y, &a->y, &square);
}

/* One inversion for both; zeros for both if one is at infinity. */
static void affine_from_two(affine r[2], const point a[2])
{
    fe product, inverse[2], square;
    fe_mul(&product, &a[0].z, &a[1].z);
    fe_inv(&product, &product);
    fe_mul(&inverse[0], &product, &a[1].z);
    fe_mul(&inverse[1], &product, &a[0].z);
    for (int i = 0; i < 2; i++) {
        fe_sqr(&square, &inverse[i]);
        fe_mul(&r[i].x, &a[i].x, &square);
        fe_mul(&square, &square, &inverse[i]);
        fe_mul(&r[i].y, &a[i].y, &square);
    }
}

static void x_of_point(limbs *r, const point *a)
{
    fe t;
    fe_inv(&t, &a->z);
    fe_sqr(&t, &t);
    fe_mul(&t, &t, &a->x);
    fe_to_limbs(r, &t);
}

static void affine_to_bytes(uint8_t out[64], const affine *a)
{
    fe_to_bytes(out, &a->x);
    fe_to_bytes(out + 32, &a->y);
}

#endif
