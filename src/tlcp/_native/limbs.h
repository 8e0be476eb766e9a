/* 256-bit integers as four 64-bit limbs, least significant first; all in constant time. */
#ifndef TLCP_LIMBS_H
#define TLCP_LIMBS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

__extension__ typedef unsigned __int128 u128;

typedef struct {
    uint64_t v[4];
} limbs;

/* Hide a mask's value from the optimizer, which else may turn a selection into a branch. */
static inline uint64_t hide(uint64_t x)
{
    __asm__("" : "+r"(x));
    return x;
}

/* All ones if x is 0, else 0. */
static inline uint64_t mask_if_zero(uint64_t x)
{
    return hide((uint64_t)((int64_t)(~x & (x - 1)) >> 63));
}

/* All ones if x is 1, 0 if x is 0. */
static inline uint64_t mask_if_one(uint64_t x)
{
    return hide((uint64_t)0 - x);
}

/* Erase what held a secret; the barrier keeps the store that nothing reads. */
static inline void wipe(void *p, size_t length)
{
    memset(p, 0, length);
    __asm__ volatile("" : : "r"(p) : "memory");
}

#if defined(__x86_64__) && !defined(TLCP_PORTABLE)
#include <immintrin.h>

/* The same with the carry flag, which compilers do not find behind 128-bit sums. */
static inline uint64_t add_carry(uint64_t a, uint64_t b, uint64_t *carry)
{
    unsigned long long s;
    *carry = _addcarry_u64((unsigned char)*carry, a, b, &s);
    return s;
}

static inline uint64_t sub_borrow(uint64_t a, uint64_t b, uint64_t *borrow)
{
    unsigned long long s;
    *borrow = _subborrow_u64((unsigned char)*borrow, a, b, &s);
    return s;
}

#else

static inline uint64_t add_carry(uint64_t a, uint64_t b, uint64_t *carry)
{
    u128 s = (u128)a + b + *carry;
    *carry = (uint64_t)(s >> 64);
    return (uint64_t)s;
}

static inline uint64_t sub_borrow(uint64_t a, uint64_t b, uint64_t *borrow)
{
    u128 s = (u128)a - b - *borrow;
    *borrow = (uint64_t)(s >> 64) & 1;
    return (uint64_t)s;
}

#endif

/* a * b + c + carry; the sum of 128 bits cannot overflow. */
static inline uint64_t mul_add(uint64_t a, uint64_t b, uint64_t c, uint64_t *carry)
{
    u128 s = (u128)a * b + c + *carry;
    *carry = (uint64_t)(s >> 64);
    return (uint64_t)s;
}

/* r = mask ? a : b, with mask all ones or zero. */
static inline void limbs_select(limbs *r, uint64_t mask, const limbs *a, const limbs *b)
{
    for (int i = 0; i < 4; i++)
        r->v[i] = (a->v[i] & mask) | (b->v[i] & ~mask);
}

static inline uint64_t limbs_zero_mask(const limbs *a)
{
    return mask_if_zero(a->v[0] | a->v[1] | a->v[2] | a->v[3]);
}

static inline uint64_t limbs_equal_mask(const limbs *a, const limbs *b)
{
    return mask_if_zero((a->v[0] ^ b->v[0]) | (a->v[1] ^ b->v[1]) | (a->v[2] ^ b->v[2]) |
                        (a->v[3] ^ b->v[3]));
}

/* All ones if a < b. */
static inline uint64_t limbs_less_mask(const limbs *a, const limbs *b)
{
    uint64_t borrow = 0;
    for (int i = 0; i < 4; i++)
        (void)sub_borrow(a->v[i], b->v[i], &borrow);
    return mask_if_one(borrow);
}

/* r = (carry, a) - m if that is not negative, else a; needs (carry, a) < 2m. */
static inline void limbs_reduce_once(limbs *r, uint64_t carry, const limbs *a, const limbs *m)
{
    limbs t;
    uint64_t borrow = 0;
    for (int i = 0; i < 4; i++)
        t.v[i] = sub_borrow(a->v[i], m->v[i], &borrow);
    limbs_select(r, mask_if_one(borrow & (carry ^ 1)), a, &t);
}

static inline void limbs_add_mod(limbs *r, const limbs *a, const limbs *b, const limbs *m)
{
    limbs s;
    uint64_t carry = 0;
    for (int i = 0; i < 4; i++)
        s.v[i] = add_carry(a->v[i], b->v[i], &carry);
    limbs_reduce_once(r, carry, &s, m);
}

static inline void limbs_sub_mod(limbs *r, const limbs *a, const limbs *b, const limbs *m)
{
    uint64_t borrow = 0, carry = 0;
    limbs d;
    for (int i = 0; i < 4; i++)
        d.v[i] = sub_borrow(a->v[i], b->v[i], &borrow);
    uint64_t mask = mask_if_one(borrow);
    for (int i = 0; i < 4; i++)
        r->v[i] = add_carry(d.v[i], m->v[i] & mask, &carry);
}

static inline void limbs_from_bytes(limbs *r, const uint8_t in[32])
{
    for (int i = 0; i < 4; i++) {
        uint64_t x = 0;
        for (int j = 0; j < 8; j++)
            x = x << 8 | in[8 * (3 - i) + j];
        r->v[i] = x;
    }
}

static inline void limbs_to_bytes(uint8_t out[32], const limbs *a)
{
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 8; j++)
            out[8 * (3 - i) + j] = (uint8_t)(a->v[i] >> (56 - 8 * j));
}

#endif
