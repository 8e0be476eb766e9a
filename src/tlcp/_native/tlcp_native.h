/* The C interface of tlcp: arithmetic only, no DER, no allocation, no state but the choice of
 * code paths.
 *
 * The Python binding reads this file too (lines starting with '#' are dropped), so keep it to
 * plain declarations. Numbers are big-endian, 32 bytes; a point is x || y, 64 bytes; points at
 * infinity have no encoding. Every function returns 1, or 0 and zeroed outputs. Secrets are d, u,
 * k, r, m and what is derived from them; docs/constant-time.md says what is promised about them.
 */
#ifndef TLCP_NATIVE_H
#define TLCP_NATIVE_H

#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(default)

/* Choose the code paths: 0 portable C, 1 AVX2, 2 AVX2 and GFNI, 3 AVX-512; more than the processor
 * has, or -1, gives the best. Returns what was chosen. Not while other threads compute. */
int tlcp_cpu_select(int level);
int tlcp_cpu_level(void);

/* SM3 of data (GB/T 32905). */
int tlcp_sm3(uint8_t out[32], const uint8_t *data, size_t length);

/* SM3 of data in pieces; finish leaves the state as it was. */
typedef struct {
    uint64_t words[13];
} tlcp_sm3_state;

int tlcp_sm3_start(tlcp_sm3_state *h);
int tlcp_sm3_update(tlcp_sm3_state *h, const uint8_t *data, size_t length);
int tlcp_sm3_finish(const tlcp_sm3_state *h, uint8_t out[32]);

/* HMAC-SM3 under a key of any length: of count texts of the same length that lie one after the
 * other, as do the results of 32 bytes.  RFC 2104 */
int tlcp_hmac_sm3(uint8_t *out, const uint8_t *key, size_t key_length, const uint8_t *data,
                  size_t length, size_t count);

/* P_SM3(secret, seed), the first length bytes; the seed begins with the label.
 * GB/T 38636-2020 5.2 */
int tlcp_prf_sm3(uint8_t *out, size_t length, const uint8_t *secret, size_t secret_length,
                 const uint8_t *seed, size_t seed_length);

/* ---- SM4, any number of bytes ----
 * Whole blocks in CBC mode, no padding added or removed: the IV, then the text, lie in data, size
 * bytes in all, and the text is replaced; count such pieces lie one after the other. GCM has 12-byte nonces; open returns 0 and zeros if the tag is wrong. */

typedef struct {
    uint64_t words[368];
} tlcp_sm4_key;

int tlcp_sm4_start(tlcp_sm4_key *k, const uint8_t key[16]);
int tlcp_sm4_cbc_encrypt(const tlcp_sm4_key *k, uint8_t *data, size_t size, size_t count);
int tlcp_sm4_cbc_decrypt(const tlcp_sm4_key *k, uint8_t *data, size_t size, size_t count);
int tlcp_sm4_gcm_seal(const tlcp_sm4_key *k, uint8_t *out, uint8_t tag[16],
                      const uint8_t nonce[12], const uint8_t *aad, size_t aad_length,
                      const uint8_t *data, size_t length);
int tlcp_sm4_gcm_open(const tlcp_sm4_key *k, uint8_t *out, const uint8_t tag[16],
                      const uint8_t nonce[12], const uint8_t *aad, size_t aad_length,
                      const uint8_t *data, size_t length);

/* ---- Batches of records (GB/T 38636-2020 6.3.3) ----
 * A batch is count records of one type with consecutive sequence numbers. Plaintexts lie one after
 * the other; fragments too, each behind a gap (5 for the headers of a stream, which were checked
 * before, or 0). lengths are those of the plaintexts to seal or of the fragments to open.
 *
 * sealed_size gives what seal writes, headers included, or 0 if a length does not fit a record.
 * seal returns 0 and writes nothing if sizes and lengths do not agree.
 *
 * open returns how many records there are before the first bad one, and writes the lengths of their
 * plaintexts to plain. If a record is good but too long, its length is in plain, too. GCM writes
 * the plaintexts to out, which has room for all that there may be; CBC leaves them in data, from
 * where take copies them. Bytes of bad records are zeroed. */

/* How many complete records of a type follow each other in a stream, at most most. */
size_t tlcp_record_run(const uint8_t *data, size_t size, int type, uint32_t *lengths, size_t most);

typedef struct {
    uint64_t words[384];
} tlcp_gcm;

int tlcp_gcm_start(tlcp_gcm *keys, const uint8_t key[16], const uint8_t fixed_iv[4]);
size_t tlcp_gcm_sealed_size(const uint32_t *lengths, size_t count);
int tlcp_gcm_seal(const tlcp_gcm *keys, uint8_t *out, size_t out_size, int type, uint64_t sequence,
                  const uint8_t *data, size_t size, const uint32_t *lengths, size_t count);
size_t tlcp_gcm_open(const tlcp_gcm *keys, uint8_t *out, size_t out_size, uint32_t *plain, int type,
                     uint64_t sequence, const uint8_t *data, size_t size, size_t gap,
                     const uint32_t *lengths, size_t count);

typedef struct {
    uint64_t words[304];
} tlcp_cbc;

/* ivs: 16 random bytes for each record */
int tlcp_cbc_start(tlcp_cbc *keys, const uint8_t mac_key[32], const uint8_t key[16]);
size_t tlcp_cbc_sealed_size(const uint32_t *lengths, size_t count);
int tlcp_cbc_seal(const tlcp_cbc *keys, uint8_t *out, size_t out_size, int type, uint64_t sequence,
                  const uint8_t *ivs, const uint8_t *data, size_t size, const uint32_t *lengths,
                  size_t count);
size_t tlcp_cbc_open(const tlcp_cbc *keys, uint32_t *plain, int type, uint64_t sequence,
                     uint8_t *data, size_t size, size_t gap, const uint32_t *lengths, size_t count);
int tlcp_cbc_take(uint8_t *out, const uint32_t *plain, const uint8_t *data, size_t gap,
                  const uint32_t *lengths, size_t count);

/* The public key of d; 0 unless 1 <= d <= n - 2.  GB/T 32918.1 6.1 */
int tlcp_sm2_public_key(uint8_t out[64], const uint8_t d[32]);

/* 1 if q is a point of the curve with both coordinates below p.  GB/T 32918.1 6.2 */
int tlcp_sm2_point_valid(const uint8_t q[64]);

/* Z of a user ID (at most 8191 bytes) and a public key.  GB/T 32918.2 5.5 */
int tlcp_sm2_z(uint8_t out[32], const uint8_t *id, size_t id_length, const uint8_t q[64]);

/* What signs for d: u = 1 / (1 + d) mod n; 0 unless 1 <= d <= n - 2. */
int tlcp_sm2_signing_key(uint8_t u[32], const uint8_t d[32]);

/* The signature r || s of the digest e with nonce k; 0: draw another k.  GB/T 32918.2 6.1 */
int tlcp_sm2_sign(uint8_t rs[64], const uint8_t e[32], const uint8_t u[32], const uint8_t k[32]);

/* 1 if r || s signs the digest e under q.  GB/T 32918.2 7.1 */
int tlcp_sm2_verify(const uint8_t rs[64], const uint8_t e[32], const uint8_t q[64]);

/* The same for a key that is met often, with a table of its multiples; 0: q is no point. */
typedef struct {
    uint64_t words[1024];
} tlcp_sm2_table;

int tlcp_sm2_make_table(tlcp_sm2_table *table, const uint8_t q[64]);
int tlcp_sm2_verify_with_table(const uint8_t rs[64], const uint8_t e[32],
                               const tlcp_sm2_table *table);

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
