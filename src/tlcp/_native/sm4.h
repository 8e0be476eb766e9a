/* SM4 in the modes of the record layer. Keys, plaintexts and what lies between are secret;
 * lengths and pointers are public.  Spec: GB/T 32907-2016 */
#ifndef TLCP_SM4_H
#define TLCP_SM4_H

#include <stddef.h>
#include <stdint.h>

#define SM4_BLOCK 16
#define SM4_MAX_LANES 32

typedef struct {
    /* Round keys for encryption and decryption, as sm4_lanes.h wants them. */
    uint32_t lanes[2][32];
    /* The same as bit planes, encryption only, as sm4_portable.c wants them. */
    uint64_t planes[32][8];
} sm4_key;

/* One code path. src[-16] and dst[-16] are the start of the IV resp. of the block before. */
typedef struct {
    /* length bytes of src xored with the key stream that starts at counter (last 4 bytes count,
     * modulo 2^32); dst may be src. */
    void (*ctr)(const sm4_key *key, uint8_t *dst, const uint8_t *src, const uint8_t counter[16],
                size_t length);
    /* Whole blocks in CBC mode; dst may be src. */
    void (*cbc_decrypt)(const sm4_key *key, uint8_t *dst, const uint8_t *src, size_t blocks);
    /* n independent chains of equal length (1 <= n <= SM4_MAX_LANES). The block before dst[i] is
     * its IV; dst[i] may be src[i]. */
    void (*cbc_encrypt)(const sm4_key *key, uint8_t *const dst[], const uint8_t *const src[],
                        size_t n, size_t blocks);
    size_t lanes; /* the n at which cbc_encrypt is best */
} sm4_path;

extern const sm4_path sm4_portable, sm4_avx2, sm4_gfni, sm4_avx512;

/* The path for this processor. */
const sm4_path *sm4_best(void);

void sm4_set_key(sm4_key *key, const uint8_t bytes[16]);

#endif
