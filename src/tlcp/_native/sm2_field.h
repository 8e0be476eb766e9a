/* The field of the SM2 curve: integers mod p = 2^256 - 2^224 - 2^96 + 2^64 - 1.
 *
 * An element is kept in Montgomery form (a * 2^256 mod p), always fully reduced, so that equal
 * elements have equal limbs. All functions run in constant time; outputs may be inputs.
 */
#ifndef TLCP_SM2_FIELD_H
#define TLCP_SM2_FIELD_H

#include "limbs.h"

typedef limbs fe;

static const limbs SM2_P = {
    {0xffffffffffffffff, 0xffffffff00000000, 0xffffffffffffffff, 0xfffffffeffffffff}};

static const fe FE_ONE = {
    {0x0000000000000001, 0x00000000ffffffff, 0x0000000000000000, 0x0000000100000000}};

void fe_mul(fe *r, const fe *a, const fe *b);
void fe_sqr(fe *r, const fe *a);
void fe_inv(fe *r, const fe *a); /* 0 for 0 */

/* To Montgomery form; the mask is all ones if the number was below p. */
uint64_t fe_from_bytes(fe *r, const uint8_t in[32]);
void fe_to_bytes(uint8_t out[32], const fe *a);
void fe_from_limbs(fe *r, const limbs *a); /* needs a < p */
void fe_to_limbs(limbs *r, const fe *a);

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

/* r = mask ? -a : a. */
static inline void fe_negate_if(fe *r, uint64_t mask, const fe *a)
{
    static const fe zero = {{0, 0, 0, 0}};
    fe minus;
    fe_sub(&minus, &zero, a);
    limbs_select(r, mask, &minus, a);
}

#endif
