/* GHASH, the authenticator of GCM. The hash key, the state and the data are secret.
 * Spec: NIST SP 800-38D 6.4 */
#ifndef TLCP_GHASH_H
#define TLCP_GHASH_H

#include <stddef.h>
#include <stdint.h>

#define GHASH_POWERS 32

/* An element with its bytes in reverse order: v[1] has the coefficients of x^0 to x^63, x^0 in the
 * highest bit. */
typedef struct {
    uint64_t v[2];
} gf128;

typedef struct {
    /* x H^32, x H^31, ..., x H: n blocks are multiplied by the last n. Then room for a vector
     * that starts at the last one. */
    gf128 power[GHASH_POWERS + 3];
} ghash_key;

/* One code path: take in data, zeros appended up to a whole block. */
typedef void ghash_update(const ghash_key *key, gf128 *state, const uint8_t *data, size_t length);

ghash_update ghash_portable, ghash_avx2, ghash_avx512;

ghash_update *ghash_best(void);

void ghash_set_key(ghash_key *key, const uint8_t h[16]);

void gf128_load(gf128 *r, const uint8_t in[16]);
void gf128_store(uint8_t out[16], const gf128 *a);

#endif
