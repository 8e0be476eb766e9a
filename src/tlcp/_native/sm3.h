/* SM3 for Z, key derivation and C3 inside SM2; the record layer hashes elsewhere. */
#ifndef TLCP_SM3_H
#define TLCP_SM3_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint32_t state[8];
    uint64_t length; /* bytes taken so far */
    uint8_t block[64];
} sm3;

void sm3_start(sm3 *h);
void sm3_update(sm3 *h, const uint8_t *data, size_t length);
void sm3_finish(sm3 *h, uint8_t out[32]);

#endif
