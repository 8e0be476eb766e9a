/* SM3, one stream at a time or many of them together. Data and states may be secret; lengths and
 * pointers are public.  Spec: GB/T 32905-2016 5 */
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

/* Take in whole blocks. */
void sm3_blocks(uint32_t state[8], const uint8_t *data, size_t blocks);

void sm3_store(uint8_t out[32], const uint32_t state[8]);

/* Whole blocks to take in, which lie in up to three places. */
typedef struct {
    uint32_t state[8];
    const uint8_t *data[3];
    size_t blocks[3];
} sm3_job;

/* Work on n jobs; data and blocks of each are used up. */
void sm3_run(sm3_job *jobs, size_t n);

/* States behind the first block of both hashes of HMAC.  RFC 2104 */
typedef struct {
    uint32_t inner[8], outer[8];
} hmac_key;

void hmac_set_key(hmac_key *key, const uint8_t *bytes, size_t length);

/* The only block of the outer hash, made of the state that the inner one ends in. */
void hmac_outer_block(uint8_t block[64], const uint32_t inner[8]);

#define SM3_LANES 16

/* Take in whole blocks in each lane: lane i has state[0..7][i] and reads at data[i]. */
typedef void sm3_lanes(uint32_t state[8][SM3_LANES], const uint8_t *const data[], size_t blocks);

sm3_lanes sm3_lanes_avx2, sm3_lanes_avx512; /* 8 and 16 lanes */

void sm3_blocks_bmi2(uint32_t state[8], const uint8_t *data, size_t blocks);

#endif
