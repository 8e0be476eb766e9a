/* SM4-GCM: key stream and authenticator over pieces that stay in the nearest cache. */
#include "gcm.h"

#include <string.h>

#include "limbs.h"
#include "record.h"

#define PIECE 4096
#define FIRST (16 * SM4_MAX_LANES) /* the first batch of the key stream; its first block is
                                      for the tag */

void gcm_set_key(gcm_key *key, const uint8_t bytes[16])
{
    uint8_t h[16] = {0};
    sm4_set_key(&key->cipher, bytes);
    sm4_best()->ctr(&key->cipher, h, h, h, sizeof h);
    ghash_set_key(&key->hash, h);
    wipe(h, sizeof h);
}

static void lengths_block(uint8_t block[16], uint64_t aad, uint64_t text)
{
    for (int i = 0; i < 8; i++) {
        block[i] = (uint8_t)(aad * 8 >> (56 - 8 * i));
        block[8 + i] = (uint8_t)(text * 8 >> (56 - 8 * i));
    }
}

/* dst = src xored with the key stream; tag = the tag of the ciphertext, which is dst, or src when
 * opening. */
static void run(const gcm_key *key, uint8_t *dst, uint8_t tag[16], const uint8_t nonce[12],
                const uint8_t *aad, size_t aad_length, const uint8_t *src, size_t length,
                int opening)
{
    const sm4_path *sm4 = sm4_best();
    ghash_update *ghash = ghash_best();
    uint8_t stream[FIRST] = {0}, counter[16] = {0}, block[16];
    gf128 state = {{0}};
    memcpy(counter, nonce, 12);
    counter[15] = 1;
    ghash(&key->hash, &state, aad, aad_length);
    size_t done = length < FIRST - 16 ? length : FIRST - 16;
    sm4->ctr(&key->cipher, stream, stream, counter, 16 + done);
    if (opening)
        ghash(&key->hash, &state, src, done);
    for (size_t i = 0; i < done; i++)
        dst[i] = src[i] ^ stream[16 + i];
    if (!opening)
        ghash(&key->hash, &state, dst, done);
    for (size_t n; done < length; done += n) {
        n = length - done < PIECE ? length - done : PIECE;
        uint32_t count = (uint32_t)(done / 16 + 2);
        for (int i = 0; i < 4; i++)
            counter[12 + i] = (uint8_t)(count >> (24 - 8 * i));
        if (opening)
            ghash(&key->hash, &state, src + done, n);
        sm4->ctr(&key->cipher, dst + done, src + done, counter, n);
        if (!opening)
            ghash(&key->hash, &state, dst + done, n);
    }
    lengths_block(block, aad_length, length);
    ghash(&key->hash, &state, block, 16);
    gf128_store(tag, &state);
    for (int i = 0; i < 16; i++)
        tag[i] ^= stream[i];
    wipe(stream, sizeof stream);
    wipe(&state, sizeof state);
}

void gcm_seal(const gcm_key *key, uint8_t *dst, uint8_t tag[16], const uint8_t nonce[12],
              const uint8_t *aad, size_t aad_length, const uint8_t *src, size_t length)
{
    run(key, dst, tag, nonce, aad, aad_length, src, length, 0);
}

int gcm_open(const gcm_key *key, uint8_t *dst, const uint8_t tag[16], const uint8_t nonce[12],
             const uint8_t *aad, size_t aad_length, const uint8_t *src, size_t length)
{
    uint8_t expected[16];
    uint64_t difference = 0;
    run(key, dst, expected, nonce, aad, aad_length, src, length, 1);
    for (int i = 0; i < 16; i++)
        difference |= (uint64_t)(expected[i] ^ tag[i]);
    difference = ~mask_if_zero(difference);
    wipe(expected, sizeof expected);
    DECLASSIFY(&difference, sizeof difference);
    if (difference == 0)
        return 1;
    memset(dst, 0, length);
    return 0;
}
