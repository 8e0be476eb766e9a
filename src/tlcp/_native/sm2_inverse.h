/* Inverses modulo p and n in constant time. */
#ifndef TLCP_SM2_INVERSE_H
#define TLCP_SM2_INVERSE_H

#include "limbs.h"

/* 1 / a mod m for a < m and odd m; 0 for 0. inverse_62 is 1 / m mod 2^62. */
void limbs_inverse(limbs *r, const limbs *a, const limbs *m, uint64_t inverse_62);

#endif
