/* Inverses by the division steps of Bernstein and Yang, "Fast constant-time gcd computation and
 * modular inversion" (2019), in the variant that begins with delta = 1/2: for numbers below 2^256
 * 590 steps always end with g = 0.
 *
 * A step maps (delta, f, g), f odd, to
 *     (1 - delta, g, (g - f) / 2)  if delta > 0 and g is odd,
 *     (1 + delta, f, (g + (g mod 2) f) / 2)  else.
 * It looks at the lowest bits only, so 59 steps are done on one word first. They make a matrix,
 * which then is applied to f and g and, modulo m, to d and e; d a = f and e a = g mod m all the
 * time. In the end f is 1 or -1, so d or -d is the inverse.
 */
#include "sm2_inverse.h"

#define BATCHES 10
#define STEPS 59 /* a batch's matrix is scaled by 2^62: by the steps, and by 8 to begin with */
#define LOW62 (((uint64_t)1 << 62) - 1)

__extension__ typedef __int128 s128;

/* Five limbs of 62 bits; the highest has the sign. */
typedef struct {
    int64_t v[5];
} number;

typedef struct {
    int64_t u, v, q, r; /* f becomes uf + vg, g becomes qf + rg, both over 2^62 */
} matrix;

static void number_from_limbs(number *r, const limbs *a)
{
    r->v[0] = (int64_t)(a->v[0] & LOW62);
    for (int i = 1; i < 4; i++)
        r->v[i] = (int64_t)((a->v[i - 1] >> (64 - 2 * i) | a->v[i] << (2 * i)) & LOW62);
    r->v[4] = (int64_t)(a->v[3] >> 56);
}

static void limbs_from_number(limbs *r, const number *a)
{
    for (int i = 0; i < 4; i++)
        r->v[i] = (uint64_t)a->v[i] >> (2 * i) | (uint64_t)a->v[i + 1] << (62 - 2 * i);
}

/* zeta is -(delta + 1/2). Returns the new one. */
static uint64_t divide_steps(matrix *t, uint64_t zeta, uint64_t f, uint64_t g)
{
    uint64_t u = 8, v = 0, q = 0, r = 8;
    for (int i = 0; i < STEPS; i++) {
        uint64_t positive = hide((uint64_t)((int64_t)zeta >> 63)); /* delta > 0 */
        uint64_t odd = mask_if_one(g & 1);
        /* add f, or take it away if delta > 0 */
        g += ((f ^ positive) - positive) & odd;
        q += ((u ^ positive) - positive) & odd;
        r += ((v ^ positive) - positive) & odd;
        positive &= odd;
        zeta = (zeta ^ positive) - 1;
        /* g - f + f: the old g */
        f += g & positive;
        u += q & positive;
        v += r & positive;
        g >>= 1;
        u <<= 1;
        v <<= 1;
    }
    *t = (matrix){(int64_t)u, (int64_t)v, (int64_t)q, (int64_t)r};
    return zeta;
}

/* (f, g) times the matrix; the low 62 bits of both sums are zero. */
static void apply(number *f, number *g, const matrix *t)
{
    s128 a = (s128)t->u * f->v[0] + (s128)t->v * g->v[0];
    s128 b = (s128)t->q * f->v[0] + (s128)t->r * g->v[0];
    a >>= 62;
    b >>= 62;
    for (int i = 1; i < 5; i++) {
        int64_t x = f->v[i], y = g->v[i];
        a += (s128)t->u * x + (s128)t->v * y;
        b += (s128)t->q * x + (s128)t->r * y;
        f->v[i - 1] = (int64_t)((uint64_t)a & LOW62);
        g->v[i - 1] = (int64_t)((uint64_t)b & LOW62);
        a >>= 62;
        b >>= 62;
    }
    f->v[4] = (int64_t)a;
    g->v[4] = (int64_t)b;
}

/* The same modulo m: such multiples of m are added that the low 62 bits become zero, and one more
 * of each that is negative. So both stay between -2m and m. */
static void apply_modulo(number *d, number *e, const matrix *t, const number *m, uint64_t inverse)
{
    int64_t d_negative = d->v[4] >> 63, e_negative = e->v[4] >> 63;
    int64_t for_d = (t->u & d_negative) + (t->v & e_negative);
    int64_t for_e = (t->q & d_negative) + (t->r & e_negative);
    s128 a = (s128)t->u * d->v[0] + (s128)t->v * e->v[0];
    s128 b = (s128)t->q * d->v[0] + (s128)t->r * e->v[0];
    for_d -= (int64_t)((inverse * (uint64_t)a + (uint64_t)for_d) & LOW62);
    for_e -= (int64_t)((inverse * (uint64_t)b + (uint64_t)for_e) & LOW62);
    a = (a + (s128)m->v[0] * for_d) >> 62;
    b = (b + (s128)m->v[0] * for_e) >> 62;
    for (int i = 1; i < 5; i++) {
        int64_t x = d->v[i], y = e->v[i];
        a += (s128)t->u * x + (s128)t->v * y + (s128)m->v[i] * for_d;
        b += (s128)t->q * x + (s128)t->r * y + (s128)m->v[i] * for_e;
        d->v[i - 1] = (int64_t)((uint64_t)a & LOW62);
        e->v[i - 1] = (int64_t)((uint64_t)b & LOW62);
        a >>= 62;
        b >>= 62;
    }
    d->v[4] = (int64_t)a;
    e->v[4] = (int64_t)b;
}

/* d = (d ^ flip) - flip + (m & mask), limbs in range but for the highest, which has the sign. */
static void add_masked(number *d, int64_t flip, const number *m, int64_t mask)
{
    int64_t carry = 0;
    for (int i = 0; i < 5; i++) {
        carry += ((d->v[i] ^ flip) - flip) + (m->v[i] & mask);
        d->v[i] = i < 4 ? (int64_t)((uint64_t)carry & LOW62) : carry;
        carry >>= 62;
    }
}

void limbs_inverse(limbs *r, const limbs *a, const limbs *m, uint64_t inverse_62)
{
    number f, g, d = {{0}}, e = {{1}}, modulus;
    matrix t;
    uint64_t zeta = (uint64_t)0 - 1;
    number_from_limbs(&modulus, m);
    number_from_limbs(&g, a);
    f = modulus;
    for (int i = 0; i < BATCHES; i++) {
        /* the steps look at 59 bits, and 62 are there */
        zeta = divide_steps(&t, zeta, (uint64_t)f.v[0], (uint64_t)g.v[0]);
        apply_modulo(&d, &e, &t, &modulus, inverse_62);
        apply(&f, &g, &t);
    }
    /* from -2m..m to -m..m, then its negative if f = -1, then to 0..m */
    add_masked(&d, 0, &modulus, (int64_t)hide((uint64_t)(d.v[4] >> 63)));
    add_masked(&d, (int64_t)hide((uint64_t)(f.v[4] >> 63)), &modulus, 0);
    add_masked(&d, 0, &modulus, (int64_t)hide((uint64_t)(d.v[4] >> 63)));
    limbs_from_number(r, &d);
}
