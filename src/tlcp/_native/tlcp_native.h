/* The C interface of tlcp: arithmetic only, no DER, no allocation, no state.
 *
 * The Python binding reads this file too (lines starting with '#' are dropped), so keep it to
 * plain declarations. Numbers are big-endian, 32 bytes; a point is x || y, 64 bytes; points at
 * infinity have no encoding. Every function returns 1, or 0 and zeroed outputs. Secrets are d, k,
 * r, m and what is derived from them; docs/constant-time.md says what is promised about them.
 */
#ifndef TLCP_NATIVE_H
#define TLCP_NATIVE_H

#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(default)

/* SM3 of data (GB/T 32905). */
int tlcp_sm3(uint8_t out[32], const uint8_t *data, size_t length);

/* The public key of d; 0 unless 1 <= d <= n - 2.  GB/T 32918.1 6.1 */
int tlcp_sm2_public_key(uint8_t out[64], const uint8_t d[32]);

/* 1 if q is a point of the curve with both coordinates below p.  GB/T 32918.1 6.2 */
int tlcp_sm2_point_valid(const uint8_t q[64]);

/* Z of a user ID (at most 8191 bytes) and a public key.  GB/T 32918.2 5.5 */
int tlcp_sm2_z(uint8_t out[32], const uint8_t *id, size_t id_length, const uint8_t q[64]);

/* The signature r || s of the digest e with nonce k; 0: draw another k.  GB/T 32918.2 6.1 */
int tlcp_sm2_sign(uint8_t rs[64], const uint8_t e[32], const uint8_t d[32], const uint8_t k[32]);

/* 1 if r || s signs the digest e under q.  GB/T 32918.2 7.1 */
int tlcp_sm2_verify(const uint8_t rs[64], const uint8_t e[32], const uint8_t q[64]);

/* Encrypt m to q with nonce k; 0: draw another k (if q is valid and length > 0).
 * c2 has the length of m and may be m.  GB/T 32918.4 6.1 */
int tlcp_sm2_encrypt(uint8_t c1[64], uint8_t c3[32], uint8_t *c2, const uint8_t *m, size_t length,
                     const uint8_t q[64], const uint8_t k[32]);

/* Decrypt c2; 0 on any failure. m has the length of c2 and may not be c2.  GB/T 32918.4 7.1 */
int tlcp_sm2_decrypt(uint8_t *m, size_t length, const uint8_t c1[64], const uint8_t c3[32],
                     const uint8_t *c2, const uint8_t d[32]);

/* The shared key of both static keys (d, peer_p) and both ephemeral ones (r, peer_r); own_r is
 * the public point of r. The initiator's Z is hashed first. 0: a point is not on the curve, a
 * scalar is out of range, or the shared point is at infinity.  GB/T 32918.3 6.1 */
int tlcp_sm2_exchange(uint8_t *key, size_t length, const uint8_t d[32], const uint8_t r[32],
                      const uint8_t own_r[64], const uint8_t peer_p[64], const uint8_t peer_r[64],
                      const uint8_t z_initiator[32], const uint8_t z_responder[32]);

#pragma GCC visibility pop

#endif
