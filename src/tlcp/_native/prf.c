/* The pseudo-random function of a connection's secrets.  GB/T 38636-2020 5.2 */
#include <string.h>

#include "limbs.h"
#include "sm3.h"
#include "tlcp_native.h"

/* HMAC of two texts, one after the other. */
static void hmac_two(uint8_t out[32], const hmac_key *key, const uint8_t *a, size_t a_length,
                     const uint8_t *b, size_t b_length)
{
    sm3 h;
    memcpy(h.state, key->inner, sizeof h.state);
    h.length = 64;
    sm3_update(&h, a, a_length);
    sm3_update(&h, b, b_length);
    sm3_finish(&h, out);
    memcpy(h.state, key->outer, sizeof h.state);
    h.length = 64;
    sm3_update(&h, out, 32);
    sm3_finish(&h, out);
    wipe(&h, sizeof h);
}

int tlcp_prf_sm3(uint8_t *out, size_t length, const uint8_t *secret, size_t secret_length,
                 const uint8_t *seed, size_t seed_length)
{
    hmac_key key;
    uint8_t a[32] = {0}, block[32];
    hmac_set_key(&key, secret, secret_length);
    for (int first = 1; length > 0; first = 0) {
        if (first)
            hmac_two(a, &key, seed, seed_length, seed, 0);
        else
            hmac_two(a, &key, a, sizeof a, seed, 0);
        size_t n = length < sizeof block ? length : sizeof block;
        hmac_two(block, &key, a, sizeof a, seed, seed_length);
        memcpy(out, block, n);
        out += n;
        length -= n;
    }
    wipe(&key, sizeof key);
    wipe(a, sizeof a);
    wipe(block, sizeof block);
    return 1;
}
