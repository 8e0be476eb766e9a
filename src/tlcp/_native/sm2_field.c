/* Multiplication, inversion and conversion in the field of the SM2 curve. */
#include "sm2_field.h"

#include "mul_x86_64.h"

#ifdef TLCP_X86_64

void fe_mul(fe *r, const fe *a, const fe *b)
{
    uint64_t A, B, C, D, E, F, t, x, high, higher;
    __asm__ volatile(MONTGOMERY_PRODUCT(REDUCE_P)
            : [A] "=&r"(A), [B] "=&r"(B), [C] "=&r"(C), [D] "=&r"(D), [E] "=&r"(E), [F] "=&r"(F),
              [t] "=&r"(t), [x] "=&r"(x), "=&a"(high), "=&d"(higher)
            : [a] "r"(a), [b] "r"(b), MODULUS(SM2_P)
            : "cc", "memory");
    *r = (fe){{t, x, high, higher}};
}

void fe_sqr(fe *r, const fe *a)
{
    uint64_t A, B, C, D, E, F, G, H, t, x, high, higher;
    __asm__ volatile(SQUARE_P
            : [A] "=&r"(A), [B] "=&r"(B), [C] "=&r"(C), [D] "=&r"(D), [E] "=&r"(E), [F] "=&r"(F),
              [G] "=&r"(G), [H] "=&r"(H), [t] "=&r"(t), [x] "=&r"(x), "=&a"(high), "=&d"(higher)
            : [a] "r"(a), MODULUS(SM2_P)
            : "cc", "memory");
    *r = (fe){{t, x, high, higher}};
}

#else

/* One Montgomery step: drop the lowest of t[0..4] by adding t[0] * p, shift down by a limb.
 *
 * As p = -1 mod 2^64, the multiple of p is t[0] itself, and (p + 1) / 2^64 =
 * 2^192 - 2^160 - 2^32 + 1 needs shifts only. Given t < 2^320 the result is below
 * t / 2^64 + p, so with t4 at most 2^64 - 1 it fits four limbs and a carry bit.
 */
static inline void reduce_step(uint64_t t[5])
{
    uint64_t m = t[0], high = m >> 32, low = m << 32, borrow = 0, carry = 0;
    uint64_t d0 = sub_borrow(m, low, &borrow);
    uint64_t d1 = sub_borrow(0, high, &borrow);
    uint64_t d2 = sub_borrow(0, low, &borrow);
    uint64_t d3 = m - high - borrow;
    t[0] = add_carry(t[1], d0, &carry);
    t[1] = add_carry(t[2], d1, &carry);
    t[2] = add_carry(t[3], d2, &carry);
    t[3] = add_carry(t[4], d3, &carry);
    t[4] = carry;
}

/* t += a * b.  Here t < 2^257 and b < p, so the sum stays below 2^320. */
static inline void multiply_step(uint64_t t[5], uint64_t a, const fe *b)
{
    uint64_t carry = 0;
    for (int i = 0; i < 4; i++)
        t[i] = mul_add(a, b->v[i], t[i], &carry);
    t[4] += carry;
}

void fe_mul(fe *r, const fe *a, const fe *b)
{
    uint64_t t[5] = {0, 0, 0, 0, 0};
    fe x = *b;
    for (int i = 0; i < 4; i++) {
        multiply_step(t, a->v[i], &x);
        reduce_step(t);
    }
    fe low = {{t[0], t[1], t[2], t[3]}};
    limbs_reduce_once(r, t[4], &low, &SM2_P);
}

/* The 512-bit square: cross products once, doubled, then the squares added. */
static inline void square_wide(uint64_t t[8], const fe *a)
{
    uint64_t a0 = a->v[0], a1 = a->v[1], a2 = a->v[2], a3 = a->v[3], c = 0;
    t[1] = mul_add(a0, a1, 0, &c);
    t[2] = mul_add(a0, a2, 0, &c);
    t[3] = mul_add(a0, a3, 0, &c);
    t[4] = c;
    c = 0;
    t[3] = mul_add(a1, a2, t[3], &c);
    t[4] = mul_add(a1, a3, t[4], &c);
    t[5] = c;
    c = 0;
    t[5] = mul_add(a2, a3, t[5], &c);
    t[6] = c;
    t[7] = t[6] >> 63;
    for (int i = 6; i > 1; i--)
        t[i] = t[i] << 1 | t[i - 1] >> 63;
    t[1] <<= 1;
    c = 0;
    u128 s0 = (u128)a0 * a0, s1 = (u128)a1 * a1, s2 = (u128)a2 * a2, s3 = (u128)a3 * a3;
    t[0] = (uint64_t)s0;
    t[1] = add_carry(t[1], (uint64_t)(s0 >> 64), &c);
    t[2] = add_carry(t[2], (uint64_t)s1, &c);
    t[3] = add_carry(t[3], (uint64_t)(s1 >> 64), &c);
    t[4] = add_carry(t[4], (uint64_t)s2, &c);
    t[5] = add_carry(t[5], (uint64_t)(s2 >> 64), &c);
    t[6] = add_carry(t[6], (uint64_t)s3, &c);
    t[7] = add_carry(t[7], (uint64_t)(s3 >> 64), &c);
}

void fe_sqr(fe *r, const fe *a)
{
    uint64_t t[8], carry = 0;
    fe s;
    square_wide(t, a);
    /* Reduce the low half to below p (four steps on t / 2^256 < 1 give at most p), add the high. */
    uint64_t low[5] = {t[0], t[1], t[2], t[3], 0};
    for (int i = 0; i < 4; i++)
        reduce_step(low);
    for (int i = 0; i < 4; i++)
        s.v[i] = add_carry(low[i], t[4 + i], &carry);
    limbs_reduce_once(r, carry, &s, &SM2_P);
}

#endif

static void sqr_times(fe *r, const fe *a, int times)
{
    fe_sqr(r, a);
    for (int i = 1; i < times; i++)
        fe_sqr(r, r);
}

/* a^(p - 2); xk stands for a^(2^k - 1), p - 2 = 2^256 - 2^224 - 2^96 + 2^64 - 3 in binary is
 * 31 ones, a zero, 128 ones, 32 zeros, 62 ones, then 01. */
void fe_inv(fe *r, const fe *a)
{
    fe x3, x6, x15, x30, x31, x32, t;
    fe_sqr(&t, a);
    fe_mul(&t, &t, a);
    fe_sqr(&t, &t);
    fe_mul(&x3, &t, a);
    sqr_times(&t, &x3, 3);
    fe_mul(&x6, &t, &x3);
    sqr_times(&t, &x6, 6);
    fe_mul(&t, &t, &x6);
    sqr_times(&t, &t, 3);
    fe_mul(&x15, &t, &x3);
    sqr_times(&t, &x15, 15);
    fe_mul(&x30, &t, &x15);
    fe_sqr(&t, &x30);
    fe_mul(&x31, &t, a);
    fe_sqr(&t, &x31);
    fe_mul(&x32, &t, a);

    fe_sqr(&t, &x31);
    for (int i = 0; i < 4; i++) {
        sqr_times(&t, &t, 32);
        fe_mul(&t, &t, &x32);
    }
    sqr_times(&t, &t, 64);
    fe_mul(&t, &t, &x32);
    sqr_times(&t, &t, 30);
    fe_mul(&t, &t, &x30);
    sqr_times(&t, &t, 2);
    fe_mul(r, &t, a);
}

void fe_from_limbs(fe *r, const limbs *a)
{
    static const fe r2 = {
        {0x0000000200000003, 0x00000002ffffffff, 0x0000000100000001, 0x0000000400000002}};
    fe_mul(r, a, &r2);
}

void fe_to_limbs(limbs *r, const fe *a)
{
    static const limbs one = {{1, 0, 0, 0}};
    fe_mul(r, a, &one);
}

uint64_t fe_from_bytes(fe *r, const uint8_t in[32])
{
    limbs x;
    limbs_from_bytes(&x, in);
    uint64_t ok = limbs_less_mask(&x, &SM2_P);
    for (int i = 0; i < 4; i++)
        x.v[i] &= ok;
    fe_from_limbs(r, &x);
    return ok;
}

void fe_to_bytes(uint8_t out[32], const fe *a)
{
    limbs x;
    fe_to_limbs(&x, a);
    limbs_to_bytes(out, &x);
}
