/* Integers mod n, the order of the SM2 curve. Plain form unless a name says Montgomery. */
#ifndef TLCP_SM2_SCALAR_H
#define TLCP_SM2_SCALAR_H

#include "limbs.h"

typedef limbs sc;

static const limbs SM2_N = {
    {0x53bbf40939d54123, 0x7203df6b21c6052b, 0xffffffffffffffff, 0xfffffffeffffffff}};

static inline void sc_add(sc *r, const sc *a, const sc *b)
{
    limbs_add_mod(r, a, b, &SM2_N);
}

static inline void sc_sub(sc *r, const sc *a, const sc *b)
{
    limbs_sub_mod(r, a, b, &SM2_N);
}

/* Any 256-bit number mod n: one subtraction does, as 2^256 < 2n. */
static inline void sc_reduce(sc *r, const limbs *a)
{
    limbs_reduce_once(r, 0, a, &SM2_N);
}

/* The mask is all ones if 1 <= number <= n - above. */
uint64_t sc_from_bytes(sc *r, const uint8_t in[32], uint64_t above);
void sc_mul(sc *r, const sc *a, const sc *b);
void sc_inv(sc *r, const sc *a); /* 0 for 0 */

#endif
