/* The field of the SM2 curve: integers mod p = 2^256 - 2^224 - 2^96 + 2^64 - 1.
 *
 * An element is kept in Montgomery form (a * 2^256 mod p), always fully reduced, so that equal
 * elements have equal limbs. All functions run in constant time; outputs may be inputs.
 */
#ifndef TLCP_SM2_FIELD_H
#define TLCP_SM2_FIELD_H

#include "mul_x86_64.h"
#include "sm2_inverse.h"
#include "sm2_point.h"

static const limbs SM2_P = {
    {0xffffffffffffffff, 0xffffffff00000000, 0xffffffffffffffff, 0xfffffffeffffffff}};

static const fe FE_ONE = {
    {0x0000000000000001, 0x00000000ffffffff, 0x0000000000000000, 0x0000000100000000}};

static const fe FE_ZERO = {{0, 0, 0, 0}};

#ifdef SM2_WITH_MULX

#include "sm2_mulx.h"

#else

static inline void fe_add(fe *r, const fe *a, const fe *b)
{
    limbs_add_mod(r, a, b, &SM2_P);
}

static inline void fe_sub(fe *r, const fe *a, const fe *b)
{
    limbs_sub_mod(r, a, b, &SM2_P);
}

/* r = a / 2: an odd a becomes the even a + p first. */
static inline void fe_half(fe *r, const fe *a)
{
    uint64_t odd = mask_if_one(a->v[0] & 1), carry = 0;
    fe s;
    for (int i = 0; i < 4; i++)
        s.v[i] = add_carry(a->v[i], SM2_P.v[i] & odd, &carry);
    for (int i = 0; i < 3; i++)
        r->v[i] = s.v[i] >> 1 | s.v[i + 1] << 63;
    r->v[3] = s.v[3] >> 1 | carry << 63;
}

#ifdef TLCP_X86_64

static inline void fe_mul(fe *r, const fe *a, const fe *b)
{
    uint64_t A, B, C, D, E, F, t, x, high, higher;
    __asm__ volatile(MONTGOMERY_PRODUCT(REDUCE_P)
            : [A] "=&r"(A), [B] "=&r"(B), [C] "=&r"(C), [D] "=&r"(D), [E] "=&r"(E), [F] "=&r"(F),
              [t] "=&r"(t), [x] "=&r"(x), "=&a"(high), "=&d"(higher)
            : [a] "r"(a), [b] "r"(b), MODULUS(SM2_P)
            : "cc", "memory");
    *r = (fe){{t, x, high, higher}};
}

static inline void fe_sqr(fe *r, const fe *a)
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

static inline void fe_mul(fe *r, const fe *a, const fe *b)
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

static inline void fe_sqr(fe *r, const fe *a)
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
#endif /* SM2_WITH_MULX */

/* r = mask ? -a : a. */
static inline void fe_negate_if(fe *r, uint64_t mask, const fe *a)
{
    fe minus;
    fe_sub(&minus, &FE_ZERO, a);
    limbs_select(r, mask, &minus, a);
}

/* 0 for 0. The inverse of a * 2^256 lacks the factor 2^512. */
static void fe_inv(fe *r, const fe *a)
{
    static const fe r3 = {
        {0x0000001200000016, 0x0000000efffffff8, 0x0000000a0000000c, 0x0000001b00000009}};
    fe t;
    limbs_inverse(&t, a, &SM2_P, ((uint64_t)1 << 62) - 1);
    fe_mul(r, &t, &r3);
}

static void fe_from_limbs(fe *r, const limbs *a)
{
    static const fe r2 = {
        {0x0000000200000003, 0x00000002ffffffff, 0x0000000100000001, 0x0000000400000002}};
    fe_mul(r, a, &r2);
}

static void fe_to_limbs(limbs *r, const fe *a)
{
    static const limbs one = {{1, 0, 0, 0}};
    fe_mul(r, a, &one);
}

static uint64_t fe_from_bytes(fe *r, const uint8_t in[32])
{
    limbs x;
    limbs_from_bytes(&x, in);
    uint64_t ok = limbs_less_mask(&x, &SM2_P);
    for (int i = 0; i < 4; i++)
        x.v[i] &= ok;
    fe_from_limbs(r, &x);
    return ok;
}

static void fe_to_bytes(uint8_t out[32], const fe *a)
{
    limbs x;
    fe_to_limbs(&x, a);
    limbs_to_bytes(out, &x);
}

#endif
