/* The interface to SM3, HMAC and SM4 alone. */
#include <string.h>

#include "gcm.h"
#include "limbs.h"
#include "record.h"
#include "sm3.h"

_Static_assert(sizeof(sm3) <= sizeof(tlcp_sm3_state), "tlcp_sm3_state is too small");
_Static_assert(sizeof(gcm_key) <= sizeof(tlcp_sm4_key), "tlcp_sm4_key is too small");

int tlcp_sm3_start(tlcp_sm3_state *h)
{
    sm3_start((sm3 *)h);
    return 1;
}

int tlcp_sm3_update(tlcp_sm3_state *h, const uint8_t *data, size_t length)
{
    sm3_update((sm3 *)h, data, length);
    return 1;
}

int tlcp_sm3_finish(const tlcp_sm3_state *h, uint8_t out[32])
{
    sm3 copy = *(const sm3 *)h;
    sm3_finish(&copy, out);
    wipe(&copy, sizeof copy);
    return 1;
}

/* HMAC of n texts that lie one after the other. */
static void hmac_group(uint8_t *out, const hmac_key *key, const uint8_t *data, size_t length,
                       size_t n)
{
    sm3_job jobs[SM3_LANES];
    uint8_t last[SM3_LANES][128];
    size_t rest = length % 64, padded = rest + 9 <= 64 ? 64 : 128;
    for (size_t i = 0; i < n; i++) {
        sm3_job *job = &jobs[i];
        memset(job, 0, sizeof *job);
        memset(last[i], 0, sizeof last[i]);
        if (rest > 0)
            memcpy(last[i], data + length - rest, rest);
        last[i][rest] = 0x80;
        put64(last[i] + padded - 8, (64 + (uint64_t)length) * 8);
        memcpy(job->state, key->inner, sizeof job->state);
        job->data[0] = data;
        job->blocks[0] = length / 64;
        job->data[1] = last[i];
        job->blocks[1] = padded / 64;
        data += length;
    }
    sm3_run(jobs, n);
    for (size_t i = 0; i < n; i++) {
        hmac_outer_block(last[i], jobs[i].state);
        memcpy(jobs[i].state, key->outer, sizeof jobs[i].state);
        jobs[i].data[0] = last[i];
        jobs[i].blocks[0] = 1;
    }
    sm3_run(jobs, n);
    for (size_t i = 0; i < n; i++)
        sm3_store(out + 32 * i, jobs[i].state);
    wipe(jobs, n * sizeof *jobs);
    wipe(last, sizeof last);
}

int tlcp_hmac_sm3(uint8_t *out, const uint8_t *key, size_t key_length, const uint8_t *data,
                  size_t length, size_t count)
{
    hmac_key k;
    hmac_set_key(&k, key, key_length);
    for (size_t done = 0; done < count; done += SM3_LANES) {
        size_t n = count - done < SM3_LANES ? count - done : SM3_LANES;
        hmac_group(out + 32 * done, &k, data + length * done, length, n);
    }
    wipe(&k, sizeof k);
    return 1;
}

int tlcp_sm4_start(tlcp_sm4_key *k, const uint8_t key[16])
{
    gcm_set_key((gcm_key *)k, key);
    return 1;
}

/* The number of blocks behind the IV, if there is an IV and they are whole. */
static int whole_blocks(size_t size)
{
    return size >= SM4_BLOCK && size % SM4_BLOCK == 0;
}

int tlcp_sm4_cbc_encrypt(const tlcp_sm4_key *k, uint8_t *data, size_t size, size_t count)
{
    uint8_t *text[SM4_MAX_LANES];
    const uint8_t *source[SM4_MAX_LANES];
    if (!whole_blocks(size))
        return 0;
    for (size_t n; count > 0; count -= n) {
        n = count < SM4_MAX_LANES ? count : SM4_MAX_LANES;
        for (size_t i = 0; i < n; i++, data += size)
            source[i] = text[i] = data + SM4_BLOCK;
        const sm4_key *key = &((const gcm_key *)k)->cipher;
        sm4_best()->cbc_encrypt(key, text, source, n, size / 16 - 1);
    }
    return 1;
}

int tlcp_sm4_cbc_decrypt(const tlcp_sm4_key *k, uint8_t *data, size_t size, size_t count)
{
    if (!whole_blocks(size))
        return 0;
    for (; count > 0; count--, data += size) {
        uint8_t *text = data + SM4_BLOCK;
        sm4_best()->cbc_decrypt(&((const gcm_key *)k)->cipher, text, text, size / 16 - 1);
    }
    return 1;
}

int tlcp_sm4_gcm_seal(const tlcp_sm4_key *k, uint8_t *out, uint8_t tag[16], const uint8_t nonce[12],
                      const uint8_t *aad, size_t aad_length, const uint8_t *data, size_t length)
{
    gcm_seal((const gcm_key *)k, out, tag, nonce, aad, aad_length, data, length);
    return 1;
}

int tlcp_sm4_gcm_open(const tlcp_sm4_key *k, uint8_t *out, const uint8_t tag[16],
                      const uint8_t nonce[12], const uint8_t *aad, size_t aad_length,
                      const uint8_t *data, size_t length)
{
    return gcm_open((const gcm_key *)k, out, tag, nonce, aad, aad_length, data, length);
}
