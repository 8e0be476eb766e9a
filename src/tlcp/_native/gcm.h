/* SM4-GCM with 12-byte nonces.  Spec: NIST SP 800-38D, RFC 8998 */
#ifndef TLCP_GCM_H
#define TLCP_GCM_H

#include "ghash.h"
#include "sm4.h"

typedef struct {
    sm4_key cipher;
    ghash_key hash;
} gcm_key;

void gcm_set_key(gcm_key *key, const uint8_t bytes[16]);

/* dst gets length bytes; it may be src. */
void gcm_seal(const gcm_key *key, uint8_t *dst, uint8_t tag[16], const uint8_t nonce[12],
              const uint8_t *aad, size_t aad_length, const uint8_t *src, size_t length);

/* 1, or 0 and dst zeroed. */
int gcm_open(const gcm_key *key, uint8_t *dst, const uint8_t tag[16], const uint8_t nonce[12],
             const uint8_t *aad, size_t aad_length, const uint8_t *src, size_t length);

#endif
